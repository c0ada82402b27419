"""The first version of the store."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import context, op

from sounimicro_pipelines.store.types import BigId, Document, Moment

revision = "0001"
down_revision = None

tables = context.config.attributes["tables"]


def name(table: str) -> str:
    return f"{tables.prefix}{table}"


def reference(table: str) -> str:
    return f"{tables.sync_schema}.{table}.id" if tables.sync_schema else f"{tables.prefix}{table}.id"


def upgrade() -> None:
    op.create_table(
        "published",
        sa.Column("company", sa.String(length=40), nullable=False),
        sa.Column("table_name", sa.String(length=60), nullable=False),
        sa.Column("fetched_at", Moment(), nullable=False),
        sa.Column("erp_as_of", sa.Date(), nullable=False),
        sa.Column("rows", BigId, nullable=False),
        sa.Column("run_id", sa.String(length=80), nullable=False),
        sa.Column("ties_out", sa.Boolean(), nullable=True),
        sa.Column("finding", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("company", "table_name"),
        schema=tables.reports_schema,
    )
    op.create_table(
        name("audit"),
        sa.Column("id", BigId, nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.Column("tenant", sa.String(length=40), nullable=False),
        sa.Column("actor", sa.String(length=80), nullable=False),
        sa.Column("action", sa.String(length=60), nullable=False),
        sa.Column("company_key", sa.String(length=80), nullable=True),
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("details", Document(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
        schema=tables.sync_schema,
    )
    op.create_index(name("audit_at"), name("audit"), ["at"], unique=False, schema=tables.sync_schema)
    op.create_index(name("audit_subject"), name("audit"), ["subject", "at"], unique=False, schema=tables.sync_schema)
    op.create_table(
        name("budget_lines"),
        sa.Column("company_key", sa.String(length=80), nullable=False),
        sa.Column("customer_number", sa.String(length=40), nullable=False),
        sa.Column("year", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("period", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column(
            "amount", sa.String(length=24).with_variant(sa.Numeric(precision=19, scale=2), "postgresql"), nullable=False
        ),
        sa.Column("imported_at", Moment(), nullable=False),
        sa.Column("imported_by", sa.String(length=80), nullable=False),
        sa.PrimaryKeyConstraint("company_key", "customer_number", "year", "period"),
        schema=tables.sync_schema,
    )
    op.create_table(
        name("companies"),
        sa.Column("company_key", sa.String(length=80), nullable=False),
        sa.Column("alias", sa.String(length=90), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("organization_number", sa.String(length=20), nullable=True),
        sa.Column("is_test", sa.Boolean(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("seen_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("company_key"),
        sa.UniqueConstraint("alias"),
        schema=tables.sync_schema,
    )
    op.create_table(
        name("conflicts"),
        sa.Column("id", BigId, nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("link_id", BigId, nullable=True),
        sa.Column("rule", sa.String(length=20), nullable=False),
        sa.Column("rule_version", sa.Integer(), nullable=True),
        sa.Column("tenant", sa.String(length=40), nullable=False),
        sa.Column("crm_entity", sa.String(length=20), nullable=False),
        sa.Column("crm_id", BigId, nullable=True),
        sa.Column("company_key", sa.String(length=80), nullable=False),
        sa.Column("role", sa.String(length=20), nullable=False),
        sa.Column("erp_entity", sa.String(length=40), nullable=False),
        sa.Column("erp_id", BigId, nullable=True),
        sa.Column("field", sa.String(length=200), nullable=False),
        sa.Column("policy", sa.String(length=10), nullable=False),
        sa.Column("baseline_crm", Document(), nullable=True),
        sa.Column("baseline_erp", Document(), nullable=True),
        sa.Column("crm_value", Document(), nullable=True),
        sa.Column("erp_value", Document(), nullable=True),
        sa.Column("crm_by", sa.String(length=80), nullable=True),
        sa.Column("crm_at", Moment(), nullable=True),
        sa.Column("erp_by", sa.String(length=80), nullable=True),
        sa.Column("erp_at", Moment(), nullable=True),
        sa.Column("winner", sa.String(length=3), nullable=True),
        sa.Column("found_at", Moment(), nullable=False),
        sa.Column("decided_at", Moment(), nullable=True),
        sa.Column("decided_by", sa.String(length=80), nullable=True),
        sa.Column("run_id", sa.String(length=80), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
        schema=tables.sync_schema,
    )
    op.create_index(
        name("conflicts_crm"),
        name("conflicts"),
        ["tenant", "crm_entity", "crm_id"],
        unique=False,
        schema=tables.sync_schema,
    )
    op.create_index(
        name("conflicts_erp"),
        name("conflicts"),
        ["company_key", "erp_entity", "erp_id"],
        unique=False,
        schema=tables.sync_schema,
    )
    op.create_index(
        name("conflicts_one_open"),
        name("conflicts"),
        ["link_id", "field"],
        unique=True,
        sqlite_where=sa.text("state = 'open'"),
        postgresql_where=sa.text("state = 'open'"),
        schema=tables.sync_schema,
    )
    op.create_index(
        name("conflicts_state"), name("conflicts"), ["state", "found_at"], unique=False, schema=tables.sync_schema
    )
    op.create_table(
        name("feeds"),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("watermark", Moment(), nullable=True),
        sa.Column("cursor", Document(), nullable=True),
        sa.Column("polled_at", Moment(), nullable=True),
        sa.Column("full_at", Moment(), nullable=True),
        sa.Column("state", sa.String(length=20), server_default="ok", nullable=False),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("holder", sa.String(length=80), nullable=True),
        sa.Column("held_until", Moment(), nullable=True),
        sa.PrimaryKeyConstraint("name"),
        schema=tables.sync_schema,
    )
    op.create_table(
        name("generations"),
        sa.Column("tenant", sa.String(length=40), nullable=False),
        sa.Column("crm_entity", sa.String(length=20), nullable=False),
        sa.Column("crm_id", BigId, autoincrement=False, nullable=False),
        sa.Column("company_key", sa.String(length=80), nullable=False),
        sa.Column("role", sa.String(length=20), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "crm_entity", "crm_id", "company_key", "role"),
        schema=tables.sync_schema,
    )
    op.create_table(
        name("go_live"),
        sa.Column("tenant", sa.String(length=40), nullable=False),
        sa.Column("company_key", sa.String(length=80), nullable=False),
        sa.Column("report_id", BigId, nullable=True),
        sa.Column("accepted_at", Moment(), nullable=False),
        sa.Column("accepted_by", sa.String(length=80), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "company_key"),
        schema=tables.sync_schema,
    )
    op.create_table(
        name("go_live_reports"),
        sa.Column("id", BigId, nullable=False),
        sa.Column("tenant", sa.String(length=40), nullable=False),
        sa.Column("company_key", sa.String(length=80), nullable=False),
        sa.Column("made_at", Moment(), nullable=False),
        sa.Column("run_id", sa.String(length=80), nullable=True),
        sa.Column("counts", Document(), nullable=False),
        sa.Column("body", Document(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
        schema=tables.sync_schema,
    )
    op.create_index(
        name("go_live_reports_company"),
        name("go_live_reports"),
        ["tenant", "company_key", "made_at"],
        unique=False,
        schema=tables.sync_schema,
    )
    op.create_table(
        name("history"),
        sa.Column("id", BigId, nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.Column("run_id", sa.String(length=80), nullable=True),
        sa.Column("intent_id", BigId, nullable=True),
        sa.Column("link_id", BigId, nullable=True),
        sa.Column("rule", sa.String(length=20), nullable=False),
        sa.Column("rule_version", sa.Integer(), nullable=True),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("tenant", sa.String(length=40), nullable=False),
        sa.Column("crm_entity", sa.String(length=20), nullable=False),
        sa.Column("crm_id", BigId, nullable=True),
        sa.Column("company_key", sa.String(length=80), nullable=False),
        sa.Column("role", sa.String(length=20), nullable=False),
        sa.Column("erp_entity", sa.String(length=40), nullable=False),
        sa.Column("erp_id", BigId, nullable=True),
        sa.Column("side", sa.String(length=3), nullable=True),
        sa.Column("field", sa.String(length=200), nullable=True),
        sa.Column("old_value", Document(), nullable=True),
        sa.Column("new_value", Document(), nullable=True),
        sa.Column("source_side", sa.String(length=3), nullable=True),
        sa.Column("source_by", sa.String(length=80), nullable=True),
        sa.Column("source_at", Moment(), nullable=True),
        sa.Column("reason", sa.String(length=40), nullable=False),
        sa.Column("undone_by_run", sa.String(length=80), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
        schema=tables.sync_schema,
    )
    op.create_index(name("history_at"), name("history"), ["at"], unique=False, schema=tables.sync_schema)
    op.create_index(
        name("history_crm"),
        name("history"),
        ["tenant", "crm_entity", "crm_id", "at"],
        unique=False,
        schema=tables.sync_schema,
    )
    op.create_index(
        name("history_erp"),
        name("history"),
        ["company_key", "erp_entity", "erp_id", "at"],
        unique=False,
        schema=tables.sync_schema,
    )
    op.create_index(name("history_run"), name("history"), ["run_id"], unique=False, schema=tables.sync_schema)
    op.create_table(
        name("intents"),
        sa.Column("id", BigId, nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("side", sa.String(length=3), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("rule", sa.String(length=20), nullable=False),
        sa.Column("tenant", sa.String(length=40), nullable=False),
        sa.Column("crm_entity", sa.String(length=20), nullable=False),
        sa.Column("crm_id", BigId, nullable=True),
        sa.Column("company_key", sa.String(length=80), nullable=False),
        sa.Column("role", sa.String(length=20), nullable=False),
        sa.Column("erp_entity", sa.String(length=40), nullable=False),
        sa.Column("erp_id", BigId, nullable=True),
        sa.Column("link_id", BigId, nullable=True),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("guid", sa.String(length=36), nullable=True),
        sa.Column("body", Document(), nullable=False),
        sa.Column("outcome", Document(), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("not_before", Moment(), nullable=True),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("sent_at", Moment(), nullable=True),
        sa.Column("finished_at", Moment(), nullable=True),
        sa.Column("holder", sa.String(length=80), nullable=False),
        sa.Column("run_id", sa.String(length=80), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
        schema=tables.sync_schema,
    )
    op.create_index(name("intents_link"), name("intents"), ["link_id"], unique=False, schema=tables.sync_schema)
    op.create_index(
        name("intents_one_create_crm"),
        name("intents"),
        ["company_key", "erp_entity", "erp_id"],
        unique=True,
        sqlite_where=sa.text("kind = 'create' AND side = 'crm' AND state IN ('open', 'sent', 'unknown')"),
        postgresql_where=sa.text("kind = 'create' AND side = 'crm' AND state IN ('open', 'sent', 'unknown')"),
        schema=tables.sync_schema,
    )
    op.create_index(
        name("intents_one_create_erp"),
        name("intents"),
        ["tenant", "crm_entity", "crm_id", "company_key", "role"],
        unique=True,
        sqlite_where=sa.text("kind = 'create' AND side = 'erp' AND state IN ('open', 'sent', 'unknown')"),
        postgresql_where=sa.text("kind = 'create' AND side = 'erp' AND state IN ('open', 'sent', 'unknown')"),
        schema=tables.sync_schema,
    )
    op.create_index(
        name("intents_open"), name("intents"), ["state", "created_at"], unique=False, schema=tables.sync_schema
    )
    op.create_table(
        name("issues"),
        sa.Column("id", BigId, nullable=False),
        sa.Column("fingerprint", sa.String(length=200), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("severity", sa.String(length=10), nullable=False),
        sa.Column("kind", sa.String(length=60), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("remedy", sa.Text(), nullable=False),
        sa.Column("rule", sa.String(length=20), nullable=True),
        sa.Column("side", sa.String(length=3), nullable=True),
        sa.Column("tenant", sa.String(length=40), nullable=True),
        sa.Column("crm_entity", sa.String(length=20), nullable=True),
        sa.Column("crm_id", BigId, nullable=True),
        sa.Column("company_key", sa.String(length=80), nullable=True),
        sa.Column("erp_entity", sa.String(length=40), nullable=True),
        sa.Column("erp_id", BigId, nullable=True),
        sa.Column("link_id", BigId, nullable=True),
        sa.Column("field", sa.String(length=200), nullable=True),
        sa.Column("details", Document(), nullable=True),
        sa.Column("occurrences", sa.Integer(), nullable=False),
        sa.Column("first_at", Moment(), nullable=False),
        sa.Column("last_at", Moment(), nullable=False),
        sa.Column("retry_at", Moment(), nullable=True),
        sa.Column("dead", sa.Boolean(), nullable=False),
        sa.Column("run_id", sa.String(length=80), nullable=True),
        sa.Column("told_at", Moment(), nullable=True),
        sa.Column("solved_at", Moment(), nullable=True),
        sa.Column("solved_by", sa.String(length=80), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
        schema=tables.sync_schema,
    )
    op.create_index(
        name("issues_crm"), name("issues"), ["tenant", "crm_entity", "crm_id"], unique=False, schema=tables.sync_schema
    )
    op.create_index(
        name("issues_erp"),
        name("issues"),
        ["company_key", "erp_entity", "erp_id"],
        unique=False,
        schema=tables.sync_schema,
    )
    op.create_index(
        name("issues_one_open"),
        name("issues"),
        ["fingerprint"],
        unique=True,
        sqlite_where=sa.text("state = 'open'"),
        postgresql_where=sa.text("state = 'open'"),
        schema=tables.sync_schema,
    )
    op.create_index(name("issues_state"), name("issues"), ["state", "last_at"], unique=False, schema=tables.sync_schema)
    op.create_table(
        name("leases"),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("holder", sa.String(length=80), nullable=False),
        sa.Column("held_until", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
        schema=tables.sync_schema,
    )
    op.create_table(
        name("links"),
        sa.Column("id", BigId, nullable=False),
        sa.Column("rule", sa.String(length=20), nullable=False),
        sa.Column("tenant", sa.String(length=40), nullable=False),
        sa.Column("crm_entity", sa.String(length=20), nullable=False),
        sa.Column("crm_id", BigId, nullable=False),
        sa.Column("company_key", sa.String(length=80), nullable=False),
        sa.Column("role", sa.String(length=20), nullable=False),
        sa.Column("erp_entity", sa.String(length=40), nullable=False),
        sa.Column("erp_id", BigId, nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("parent_link_id", BigId, nullable=True),
        sa.Column("state", sa.String(length=20), server_default="active", nullable=False),
        sa.Column("origin", sa.String(length=20), nullable=False),
        sa.Column("data", Document(), nullable=True),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("created_by", sa.String(length=80), nullable=False),
        sa.Column("run_id", sa.String(length=80), nullable=True),
        sa.Column("synced_at", Moment(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("company_key", "erp_entity", "erp_id", name=name("links_erp")),
        sa.UniqueConstraint("tenant", "crm_entity", "crm_id", "company_key", "role", name=name("links_crm")),
        sqlite_autoincrement=True,
        schema=tables.sync_schema,
    )
    op.create_index(name("links_parent"), name("links"), ["parent_link_id"], unique=False, schema=tables.sync_schema)
    op.create_table(
        name("list_mappings"),
        sa.Column("company_key", sa.String(length=80), nullable=False),
        sa.Column("list", sa.String(length=40), nullable=False),
        sa.Column("crm_item", sa.String(length=80), nullable=False),
        sa.Column("erp_item", sa.String(length=80), nullable=False),
        sa.Column("way_back", sa.Boolean(), nullable=False),
        sa.Column("set_by", sa.String(length=80), nullable=False),
        sa.Column("set_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("company_key", "list", "crm_item", "erp_item"),
        schema=tables.sync_schema,
    )
    op.create_table(
        name("register_guards"),
        sa.Column("side", sa.String(length=3), nullable=False),
        sa.Column("company_key", sa.String(length=80), nullable=False),
        sa.Column("entity", sa.String(length=40), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("linked", sa.Integer(), nullable=False),
        sa.Column("missing", sa.Integer(), nullable=False),
        sa.Column("listing_at", Moment(), nullable=False),
        sa.Column("confirmed_by", sa.String(length=80), nullable=True),
        sa.Column("confirmed_at", Moment(), nullable=True),
        sa.PrimaryKeyConstraint("side", "company_key", "entity"),
        schema=tables.sync_schema,
    )
    op.create_table(
        name("report_groups"),
        sa.Column("company", sa.String(length=40), nullable=False),
        sa.Column("table_name", sa.String(length=60), nullable=False),
        sa.Column("group_key", sa.String(length=200), nullable=False),
        sa.Column("digest", sa.String(length=80), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("company", "table_name", "group_key"),
        schema=tables.sync_schema,
    )
    op.create_table(
        name("rule_versions"),
        sa.Column("rule", sa.String(length=20), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("created_by", sa.String(length=80), nullable=False),
        sa.Column("comment", sa.Text(), server_default="", nullable=False),
        sa.Column("reverts", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("rule", "version"),
        schema=tables.sync_schema,
    )
    op.create_table(
        name("runs"),
        sa.Column("run_id", sa.String(length=80), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("rule", sa.String(length=20), nullable=True),
        sa.Column("company_key", sa.String(length=80), nullable=True),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("started_at", Moment(), nullable=False),
        sa.Column("finished_at", Moment(), nullable=True),
        sa.Column("by", sa.String(length=80), nullable=False),
        sa.Column("counts", Document(), nullable=False),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("undo_of", sa.String(length=80), nullable=True),
        sa.PrimaryKeyConstraint("run_id"),
        schema=tables.sync_schema,
    )
    op.create_index(name("runs_started"), name("runs"), ["started_at"], unique=False, schema=tables.sync_schema)
    op.create_table(
        name("sessions"),
        sa.Column("token_digest", sa.String(length=64), nullable=False),
        sa.Column("tenant", sa.String(length=40), nullable=False),
        sa.Column("actor", sa.String(length=80), nullable=False),
        sa.Column("associate_id", BigId, nullable=True),
        sa.Column("is_administrator", sa.Boolean(), nullable=False),
        sa.Column("language", sa.String(length=10), nullable=True),
        sa.Column("groups", Document(), nullable=True),
        sa.Column("sealed", sa.Text(), nullable=True),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("seen_at", Moment(), nullable=False),
        sa.Column("expires_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("token_digest"),
        schema=tables.sync_schema,
    )
    op.create_index(name("sessions_expiry"), name("sessions"), ["expires_at"], unique=False, schema=tables.sync_schema)
    op.create_table(
        name("sign_in_codes"),
        sa.Column("code_digest", sa.String(length=64), nullable=False),
        sa.Column("purpose", sa.String(length=20), nullable=False),
        sa.Column("body", Document(), nullable=False),
        sa.Column("expires_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("code_digest"),
        schema=tables.sync_schema,
    )
    op.create_index(
        name("sign_in_codes_expiry"), name("sign_in_codes"), ["expires_at"], unique=False, schema=tables.sync_schema
    )
    op.create_table(
        name("tombstones"),
        sa.Column("id", BigId, nullable=False),
        sa.Column("rule", sa.String(length=20), nullable=False),
        sa.Column("tenant", sa.String(length=40), nullable=False),
        sa.Column("crm_entity", sa.String(length=20), nullable=False),
        sa.Column("crm_id", BigId, nullable=True),
        sa.Column("company_key", sa.String(length=80), nullable=False),
        sa.Column("role", sa.String(length=20), nullable=False),
        sa.Column("erp_entity", sa.String(length=40), nullable=False),
        sa.Column("erp_id", BigId, nullable=True),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(length=20), nullable=False),
        sa.Column("side", sa.String(length=3), nullable=True),
        sa.Column("link_id", BigId, nullable=True),
        sa.Column("at", Moment(), nullable=False),
        sa.Column("by", sa.String(length=80), nullable=False),
        sa.Column("run_id", sa.String(length=80), nullable=True),
        sa.Column("active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
        schema=tables.sync_schema,
    )
    op.create_index(
        name("tombstones_crm"),
        name("tombstones"),
        ["tenant", "crm_entity", "crm_id"],
        unique=False,
        schema=tables.sync_schema,
    )
    op.create_index(
        name("tombstones_erp"),
        name("tombstones"),
        ["company_key", "erp_entity", "erp_id"],
        unique=False,
        schema=tables.sync_schema,
    )
    op.create_table(
        name("webhook_deliveries"),
        sa.Column("id", BigId, nullable=False),
        sa.Column("vendor", sa.String(length=20), nullable=False),
        sa.Column("delivery", sa.String(length=200), nullable=False),
        sa.Column("scope", sa.String(length=80), nullable=False),
        sa.Column("event", sa.String(length=120), nullable=True),
        sa.Column("verdict", sa.String(length=20), nullable=False),
        sa.Column("received_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("vendor", "scope", "delivery", name=name("webhook_deliveries_once")),
        sqlite_autoincrement=True,
        schema=tables.sync_schema,
    )
    op.create_index(
        name("webhook_deliveries_at"),
        name("webhook_deliveries"),
        ["received_at"],
        unique=False,
        schema=tables.sync_schema,
    )
    op.create_table(
        name("webhooks"),
        sa.Column("vendor", sa.String(length=20), nullable=False),
        sa.Column("scope", sa.String(length=80), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("remote_id", sa.String(length=80), nullable=True),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("checked_at", Moment(), nullable=False),
        sa.Column("message", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("vendor", "scope", "name"),
        schema=tables.sync_schema,
    )
    op.create_table(
        name("work_items"),
        sa.Column("id", BigId, nullable=False),
        sa.Column("rule", sa.String(length=20), nullable=False),
        sa.Column("side", sa.String(length=3), nullable=False),
        sa.Column("company_key", sa.String(length=80), nullable=False),
        sa.Column("entity", sa.String(length=40), nullable=False),
        sa.Column("record_id", BigId, nullable=False),
        sa.Column("state", sa.String(length=20), server_default="ready", nullable=False),
        sa.Column("origin", sa.String(length=20), nullable=False),
        sa.Column("priority", sa.Integer(), server_default="5", nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("hint", Document(), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("not_before", Moment(), nullable=False),
        sa.Column("first_at", Moment(), nullable=False),
        sa.Column("last_at", Moment(), nullable=False),
        sa.Column("holder", sa.String(length=80), nullable=True),
        sa.Column("held_until", Moment(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("rule", "side", "company_key", "entity", "record_id", name=name("work_items_record")),
        sqlite_autoincrement=True,
        schema=tables.sync_schema,
    )
    op.create_index(
        name("work_items_next"),
        name("work_items"),
        ["rule", "state", "not_before"],
        unique=False,
        schema=tables.sync_schema,
    )
    op.create_table(
        name("baselines"),
        sa.Column("link_id", BigId, autoincrement=False, nullable=False),
        sa.Column("crm", Document(), nullable=False),
        sa.Column("erp", Document(), nullable=False),
        sa.Column("crm_digest", sa.String(length=32), nullable=False),
        sa.Column("erp_digest", sa.String(length=32), nullable=False),
        sa.Column("crm_stamp", sa.String(length=40), nullable=True),
        sa.Column("erp_stamp", sa.String(length=40), nullable=True),
        sa.Column("rule_version", sa.Integer(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("agreed_at", Moment(), nullable=False),
        sa.ForeignKeyConstraint(["link_id"], [reference("links")], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("link_id"),
        schema=tables.sync_schema,
    )
    op.create_table(
        name("field_owners"),
        sa.Column("tenant", sa.String(length=40), nullable=False),
        sa.Column("crm_entity", sa.String(length=20), nullable=False),
        sa.Column("crm_id", BigId, autoincrement=False, nullable=False),
        sa.Column("field", sa.String(length=200), nullable=False),
        sa.Column("link_id", BigId, nullable=False),
        sa.Column("set_by", sa.String(length=80), nullable=False),
        sa.Column("set_at", Moment(), nullable=False),
        sa.ForeignKeyConstraint(["link_id"], [reference("links")], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("tenant", "crm_entity", "crm_id", "field"),
        schema=tables.sync_schema,
    )
    op.create_index(
        name("field_owners_link"), name("field_owners"), ["link_id"], unique=False, schema=tables.sync_schema
    )
