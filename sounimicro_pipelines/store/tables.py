"""The tables of what must survive, and what each is for.

On SQLite their names carry the prefix `sync_`; on Postgres they live in schema `sync`. Which of the two holds is
known by the transaction: `tx.tables.links`. The published report tables are not declared here: the publisher makes
them from the marts, and only `published` and `report_groups`, its own bookkeeping, are known beforehand.

Conventions: `company_key` is the ERP's CompanyKey ('' where the matter is the CRM's alone); `crm_entity` is contact,
person or project; `erp_entity` is the vendor's entity name; `side` is 'crm' or 'erp'; `by` is 'sync', 'crm:<associate
id>', 'erp:<user id>', 'person:<session actor>' or 'cli'; values of fields are JSON in their normalised form.
"""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Numeric,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from sounimicro_pipelines.store.types import BigId, Document, Moment


class StoreTables:
    """Every table of the store, for one of the two kinds of database."""

    def __init__(self, *, prefix: str, sync_schema: str | None, reports_schema: str | None) -> None:
        self.prefix = prefix
        self.sync_schema = sync_schema
        self.reports_schema = reports_schema
        self.metadata = MetaData()
        self._registers()
        self._agreement()
        self._work()
        self._trouble()
        self._rules()
        self._web()
        self._reports()

    def _table(self, name: str, *parts: Column[object] | UniqueConstraint | Index, comment: str) -> Table:
        return Table(
            self.prefix + name,
            self.metadata,
            *parts,
            schema=self.sync_schema,
            comment=comment,
            sqlite_autoincrement=any(isinstance(p, Column) and p.name == "id" for p in parts),
        )

    def _index(self, name: str, *columns: str, unique: bool = False, where: str | None = None) -> Index:
        condition = text(where) if where else None
        return Index(self.prefix + name, *columns, unique=unique, sqlite_where=condition, postgresql_where=condition)

    def _registers(self) -> None:
        self.companies = self._table(
            "companies",
            Column("company_key", String(80), primary_key=True),
            Column("alias", String(90), nullable=False, unique=True),
            Column("name", Text, nullable=False),
            Column("organization_number", String(20)),
            Column("is_test", Boolean, nullable=False),
            Column("active", Boolean, nullable=False),
            Column("seen_at", Moment, nullable=False),
            comment="ERP companies in use or used before. The alias may change; everything else is keyed by CompanyKey",
        )
        self.links = self._table(
            "links",
            Column("id", BigId, primary_key=True),
            Column("rule", String(20), nullable=False),
            Column("tenant", String(40), nullable=False),
            Column("crm_entity", String(20), nullable=False),
            Column("crm_id", BigId, nullable=False),
            Column("company_key", String(80), nullable=False),
            Column("role", String(20), nullable=False),
            Column("erp_entity", String(40), nullable=False),
            Column("erp_id", BigId, nullable=False),
            Column("generation", Integer, nullable=False),
            Column("parent_link_id", BigId),
            Column("state", String(20), nullable=False, server_default="active"),
            Column("origin", String(20), nullable=False),
            Column("data", Document),
            Column("created_at", Moment, nullable=False),
            Column("created_by", String(80), nullable=False),
            Column("run_id", String(80)),
            Column("synced_at", Moment),
            UniqueConstraint("tenant", "crm_entity", "crm_id", "company_key", "role", name=self.prefix + "links_crm"),
            UniqueConstraint("company_key", "erp_entity", "erp_id", name=self.prefix + "links_erp"),
            self._index("links_parent", "parent_link_id"),
            comment="One CRM record joined with one ERP record of one company in one role. state: active, held (not "
            "written until a person decides). origin: matched, created_in_erp, created_in_crm, chosen, "
            "restored. parent_link_id: the company's link for a person; the chosen customer's link for a "
            "project. data: what else the engine remembers about the pair. An unlinked link is deleted here "
            "and kept as a tombstone",
        )
        self.generations = self._table(
            "generations",
            Column("tenant", String(40), primary_key=True),
            Column("crm_entity", String(20), primary_key=True),
            Column("crm_id", BigId, primary_key=True, autoincrement=False),
            Column("company_key", String(80), primary_key=True),
            Column("role", String(20), primary_key=True),
            Column("generation", Integer, nullable=False),
            comment="How often this place has been linked anew; part of _createguid. Raised when a link ends, never "
            "lowered",
        )
        self.field_owners = self._table(
            "field_owners",
            Column("tenant", String(40), primary_key=True),
            Column("crm_entity", String(20), primary_key=True),
            Column("crm_id", BigId, primary_key=True, autoincrement=False),
            Column("field", String(200), primary_key=True),
            Column("link_id", BigId, ForeignKey(self._reference("links.id"), ondelete="CASCADE"), nullable=False),
            Column("set_by", String(80), nullable=False),
            Column("set_at", Moment, nullable=False),
            self._index("field_owners_link", "link_id"),
            comment="The one link that writes a field to a CRM record which has several. field: the CRM path",
        )
        self.tombstones = self._table(
            "tombstones",
            Column("id", BigId, primary_key=True),
            Column("rule", String(20), nullable=False),
            Column("tenant", String(40), nullable=False),
            Column("crm_entity", String(20), nullable=False),
            Column("crm_id", BigId),
            Column("company_key", String(80), nullable=False),
            Column("role", String(20), nullable=False),
            Column("erp_entity", String(40), nullable=False),
            Column("erp_id", BigId),
            Column("generation", Integer, nullable=False),
            Column("reason", String(20), nullable=False),
            Column("side", String(3)),
            Column("link_id", BigId),
            Column("at", Moment, nullable=False),
            Column("by", String(80), nullable=False),
            Column("run_id", String(80)),
            Column("active", Boolean, nullable=False, server_default=text("true")),
            self._index("tombstones_crm", "tenant", "crm_entity", "crm_id"),
            self._index("tombstones_erp", "company_key", "erp_entity", "erp_id"),
            comment="Links that ended. reason: deleted, erased, merged, unlinked. side: where it was deleted. While "
            "active it forbids creating or linking the record anew by itself; a person's link makes it "
            "inactive. Ids only",
        )

    def _agreement(self) -> None:
        self.baselines = self._table(
            "baselines",
            Column(
                "link_id",
                BigId,
                ForeignKey(self._reference("links.id"), ondelete="CASCADE"),
                primary_key=True,
                autoincrement=False,
            ),
            Column("crm", Document, nullable=False),
            Column("erp", Document, nullable=False),
            Column("crm_digest", String(32), nullable=False),
            Column("erp_digest", String(32), nullable=False),
            Column("crm_stamp", String(40)),
            Column("erp_stamp", String(40)),
            Column("rule_version", Integer, nullable=False),
            Column("revision", Integer, nullable=False),
            Column("agreed_at", Moment, nullable=False),
            comment="What each side read back after the last agreement: field → normalised value. The digests are "
            "over the mapped fields, for the nightly comparison. The stamps are the vendors' own, verbatim. "
            "revision: raised by every write, compared before it, so that of two engines one must read again",
        )
        self.intents = self._table(
            "intents",
            Column("id", BigId, primary_key=True),
            Column("kind", String(20), nullable=False),
            Column("side", String(3), nullable=False),
            Column("state", String(20), nullable=False),
            Column("rule", String(20), nullable=False),
            Column("tenant", String(40), nullable=False),
            Column("crm_entity", String(20), nullable=False),
            Column("crm_id", BigId),
            Column("company_key", String(80), nullable=False),
            Column("role", String(20), nullable=False),
            Column("erp_entity", String(40), nullable=False),
            Column("erp_id", BigId),
            Column("link_id", BigId),
            Column("generation", Integer, nullable=False),
            Column("guid", String(36)),
            Column("body", Document, nullable=False),
            Column("outcome", Document),
            Column("attempts", Integer, nullable=False, server_default="0"),
            Column("not_before", Moment),
            Column("created_at", Moment, nullable=False),
            Column("sent_at", Moment),
            Column("finished_at", Moment),
            Column("holder", String(80), nullable=False),
            Column("run_id", String(80)),
            self._index("intents_open", "state", "created_at"),
            self._index("intents_link", "link_id"),
            self._index(
                "intents_one_create_erp",
                "tenant",
                "crm_entity",
                "crm_id",
                "company_key",
                "role",
                unique=True,
                where="kind = 'create' AND side = 'erp' AND state IN ('open', 'sent', 'unknown')",
            ),
            self._index(
                "intents_one_create_crm",
                "company_key",
                "erp_entity",
                "erp_id",
                unique=True,
                where="kind = 'create' AND side = 'crm' AND state IN ('open', 'sent', 'unknown')",
            ),
            comment="Every write, before it is sent. kind: create, update, marker, unmark. side: where it writes. "
            "state: open (not sent for certain), sent (may have happened), unknown (sent, answer lost: search "
            "after not_before), done, abandoned. body: field → [value before, value to write] and what the "
            "recovery needs. At most one living create per place, whichever engine makes it",
        )
        self.history = self._table(
            "history",
            Column("id", BigId, primary_key=True),
            Column("at", Moment, nullable=False),
            Column("run_id", String(80)),
            Column("intent_id", BigId),
            Column("link_id", BigId),
            Column("rule", String(20), nullable=False),
            Column("rule_version", Integer),
            Column("kind", String(20), nullable=False),
            Column("tenant", String(40), nullable=False),
            Column("crm_entity", String(20), nullable=False),
            Column("crm_id", BigId),
            Column("company_key", String(80), nullable=False),
            Column("role", String(20), nullable=False),
            Column("erp_entity", String(40), nullable=False),
            Column("erp_id", BigId),
            Column("side", String(3)),
            Column("field", String(200)),
            Column("old_value", Document),
            Column("new_value", Document),
            Column("source_side", String(3)),
            Column("source_by", String(80)),
            Column("source_at", Moment),
            Column("reason", String(40), nullable=False),
            Column("undone_by_run", String(80)),
            self._index("history_crm", "tenant", "crm_entity", "crm_id", "at"),
            self._index("history_erp", "company_key", "erp_entity", "erp_id", "at"),
            self._index("history_run", "run_id"),
            self._index("history_at", "at"),
            comment="The journal: one row per field written, and one per link made or ended. kind: create, update, "
            "link, unlink, restore, undo. side: where it was written; source_*: where the value came from. "
            "reason: why (one_side_changed, policy_erp, policy_crm, newest, person, created, undo …). Values "
            "live for the time that the settings say and are emptied when a person is erased; the row stays",
        )

    def _work(self) -> None:
        self.work_items = self._table(
            "work_items",
            Column("id", BigId, primary_key=True),
            Column("rule", String(20), nullable=False),
            Column("side", String(3), nullable=False),
            Column("company_key", String(80), nullable=False),
            Column("entity", String(40), nullable=False),
            Column("record_id", BigId, nullable=False),
            Column("state", String(20), nullable=False, server_default="ready"),
            Column("origin", String(20), nullable=False),
            Column("priority", Integer, nullable=False, server_default="5"),
            Column("version", Integer, nullable=False, server_default="1"),
            Column("hint", Document),
            Column("attempts", Integer, nullable=False, server_default="0"),
            Column("not_before", Moment, nullable=False),
            Column("first_at", Moment, nullable=False),
            Column("last_at", Moment, nullable=False),
            Column("holder", String(80)),
            Column("held_until", Moment),
            UniqueConstraint(
                "rule", "side", "company_key", "entity", "record_id", name=self.prefix + "work_items_record"
            ),
            self._index("work_items_next", "rule", "state", "not_before"),
            comment="Records that somebody must look at; a row is removed when it has been dealt with. company_key is "
            "'' for a CRM record. origin: feed, webhook, nightly, person, retry, initial. version is raised "
            "by every new poke, so that a change which comes while the item is worked on is not lost. state: "
            "ready, held (by holder until held_until), dead (waits for a person)",
        )
        self.feeds = self._table(
            "feeds",
            Column("name", String(200), primary_key=True),
            Column("watermark", Moment),
            Column("cursor", Document),
            Column("polled_at", Moment),
            Column("full_at", Moment),
            Column("state", String(20), nullable=False, server_default="ok"),
            Column("message", Text),
            Column("failures", Integer, nullable=False, server_default="0"),
            Column("holder", String(80)),
            Column("held_until", Moment),
            comment="How far each change feed has been read. name: crm:<tenant>:contact, erp:<CompanyKey>:Customer …. "
            "The watermark moves in the transaction that writes the work items. holder and held_until: the "
            "lease of the one who polls it now",
        )
        self.leases = self._table(
            "leases",
            Column("name", String(200), primary_key=True),
            Column("holder", String(80), nullable=False),
            Column("held_until", Moment, nullable=False),
            comment="Who may do what only one may do at a time, such as working on one record",
        )
        self.runs = self._table(
            "runs",
            Column("run_id", String(80), primary_key=True),
            Column("kind", String(40), nullable=False),
            Column("rule", String(20)),
            Column("company_key", String(80)),
            Column("state", String(20), nullable=False),
            Column("started_at", Moment, nullable=False),
            Column("finished_at", Moment),
            Column("by", String(80), nullable=False),
            Column("counts", Document, nullable=False),
            Column("message", Text),
            Column("undo_of", String(80)),
            self._index("runs_started", "started_at"),
            comment="Runs of the sync. kind: sync, initial_load, reconcile, resync, undo, request. state: running, "
            "done, failed. counts: in = applied + unchanged + held + conflicts + failed",
        )
        self.register_guards = self._table(
            "register_guards",
            Column("side", String(3), primary_key=True),
            Column("company_key", String(80), primary_key=True),
            Column("entity", String(40), primary_key=True),
            Column("state", String(20), nullable=False),
            Column("linked", Integer, nullable=False),
            Column("missing", Integer, nullable=False),
            Column("listing_at", Moment, nullable=False),
            Column("confirmed_by", String(80)),
            Column("confirmed_at", Moment),
            comment="Registers that are stopped because too many linked records were missing in a full listing. "
            "state: ok, stopped, confirmed",
        )

    def _trouble(self) -> None:
        self.issues = self._table(
            "issues",
            Column("id", BigId, primary_key=True),
            Column("fingerprint", String(200), nullable=False),
            Column("state", String(20), nullable=False),
            Column("severity", String(10), nullable=False),
            Column("kind", String(60), nullable=False),
            Column("cause", Text, nullable=False),
            Column("remedy", Text, nullable=False),
            Column("rule", String(20)),
            Column("side", String(3)),
            Column("tenant", String(40)),
            Column("crm_entity", String(20)),
            Column("crm_id", BigId),
            Column("company_key", String(80)),
            Column("erp_entity", String(40)),
            Column("erp_id", BigId),
            Column("link_id", BigId),
            Column("field", String(200)),
            Column("details", Document),
            Column("occurrences", Integer, nullable=False),
            Column("first_at", Moment, nullable=False),
            Column("last_at", Moment, nullable=False),
            Column("retry_at", Moment),
            Column("dead", Boolean, nullable=False),
            Column("run_id", String(80)),
            Column("told_at", Moment),
            Column("solved_at", Moment),
            Column("solved_by", String(80)),
            self._index("issues_one_open", "fingerprint", unique=True, where="state = 'open'"),
            self._index("issues_state", "state", "last_at"),
            self._index("issues_crm", "tenant", "crm_entity", "crm_id"),
            self._index("issues_erp", "company_key", "erp_entity", "erp_id"),
            comment="What a person should know or do. One open row per fingerprint; the same trouble again raises "
            "occurrences. state: open, solved, dismissed. severity: info, warning, error. dead: no more "
            "retries by itself. cause and remedy hold no personal data; details may, and are emptied when a "
            "person is erased",
        )
        self.conflicts = self._table(
            "conflicts",
            Column("id", BigId, primary_key=True),
            Column("state", String(20), nullable=False),
            Column("link_id", BigId),
            Column("rule", String(20), nullable=False),
            Column("rule_version", Integer),
            Column("tenant", String(40), nullable=False),
            Column("crm_entity", String(20), nullable=False),
            Column("crm_id", BigId),
            Column("company_key", String(80), nullable=False),
            Column("role", String(20), nullable=False),
            Column("erp_entity", String(40), nullable=False),
            Column("erp_id", BigId),
            Column("field", String(200), nullable=False),
            Column("policy", String(10), nullable=False),
            Column("baseline_crm", Document),
            Column("baseline_erp", Document),
            Column("crm_value", Document),
            Column("erp_value", Document),
            Column("crm_by", String(80)),
            Column("crm_at", Moment),
            Column("erp_by", String(80)),
            Column("erp_at", Moment),
            Column("winner", String(3)),
            Column("found_at", Moment, nullable=False),
            Column("decided_at", Moment),
            Column("decided_by", String(80)),
            Column("run_id", String(80)),
            self._index("conflicts_one_open", "link_id", "field", unique=True, where="state = 'open'"),
            self._index("conflicts_state", "state", "found_at"),
            self._index("conflicts_crm", "tenant", "crm_entity", "crm_id"),
            self._index("conflicts_erp", "company_key", "erp_entity", "erp_id"),
            comment="Both sides changed to different values. state: open (a person is asked), decided (winner is set; "
            "the other value is the kept loser), restored (the loser was put back). Values are emptied when a "
            "person is erased",
        )

    def _rules(self) -> None:
        self.rule_versions = self._table(
            "rule_versions",
            Column("rule", String(20), primary_key=True),
            Column("version", Integer, primary_key=True, autoincrement=False),
            Column("document", Text, nullable=False),
            Column("digest", String(64), nullable=False),
            Column("created_at", Moment, nullable=False),
            Column("created_by", String(80), nullable=False),
            Column("comment", Text, nullable=False, server_default=""),
            Column("reverts", Integer),
            comment="Every version of every rule, as YAML. The highest version is in force; a revert is a new version "
            "that repeats an old one",
        )
        self.list_mappings = self._table(
            "list_mappings",
            Column("company_key", String(80), primary_key=True),
            Column("list", String(40), primary_key=True),
            Column("crm_item", String(80), primary_key=True),
            Column("erp_item", String(80), primary_key=True),
            Column("way_back", Boolean, nullable=False),
            Column("set_by", String(80), nullable=False),
            Column("set_at", Moment, nullable=False),
            comment="Which item of a CRM list means which item in the ERP, per company. Many to one is allowed; "
            "way_back marks the pair that is used in the other direction",
        )
        self.go_live_reports = self._table(
            "go_live_reports",
            Column("id", BigId, primary_key=True),
            Column("tenant", String(40), nullable=False),
            Column("company_key", String(80), nullable=False),
            Column("made_at", Moment, nullable=False),
            Column("run_id", String(80)),
            Column("counts", Document, nullable=False),
            Column("body", Document, nullable=False),
            self._index("go_live_reports_company", "tenant", "company_key", "made_at"),
            comment="What the first write to a company would mean: matched, suggested, only in CRM, only in ERP, "
            "duplicates",
        )
        self.go_live = self._table(
            "go_live",
            Column("tenant", String(40), primary_key=True),
            Column("company_key", String(80), primary_key=True),
            Column("report_id", BigId),
            Column("accepted_at", Moment, nullable=False),
            Column("accepted_by", String(80), nullable=False),
            comment="Companies for which the sync may write, since when and by whom",
        )
        self.budget_lines = self._table(
            "budget_lines",
            Column("company_key", String(80), primary_key=True),
            Column("customer_number", String(40), primary_key=True),
            Column("year", Integer, primary_key=True, autoincrement=False),
            Column("period", Integer, primary_key=True, autoincrement=False),
            Column("amount", String(24).with_variant(Numeric(19, 2), "postgresql"), nullable=False),
            Column("imported_at", Moment, nullable=False),
            Column("imported_by", String(80), nullable=False),
            comment="Customer budgets that people imported. amount excludes VAT, income positive",
        )

    def _web(self) -> None:
        self.webhook_deliveries = self._table(
            "webhook_deliveries",
            Column("id", BigId, primary_key=True),
            Column("vendor", String(20), nullable=False),
            Column("delivery", String(200), nullable=False),
            Column("scope", String(80), nullable=False),
            Column("event", String(120)),
            Column("verdict", String(20), nullable=False),
            Column("received_at", Moment, nullable=False),
            UniqueConstraint("vendor", "scope", "delivery", name=self.prefix + "webhook_deliveries_once"),
            self._index("webhook_deliveries_at", "received_at"),
            comment="Calls that the vendors made to us. delivery: their id, or a digest of the body. scope: tenant or "
            "CompanyKey. verdict: accepted, bad_signature, too_old, wrong_company, unreadable",
        )
        self.webhooks = self._table(
            "webhooks",
            Column("vendor", String(20), primary_key=True),
            Column("scope", String(80), primary_key=True),
            Column("name", String(120), primary_key=True),
            Column("remote_id", String(80)),
            Column("url", Text, nullable=False),
            Column("state", String(20), nullable=False),
            Column("checked_at", Moment, nullable=False),
            Column("message", Text),
            comment="The hooks that we have registered with the vendors. state: active, repaired, missing, refused",
        )
        self.sessions = self._table(
            "sessions",
            Column("token_digest", String(64), primary_key=True),
            Column("tenant", String(40), nullable=False),
            Column("actor", String(80), nullable=False),
            Column("associate_id", BigId),
            Column("is_administrator", Boolean, nullable=False),
            Column("language", String(10)),
            Column("groups", Document),
            Column("sealed", Text),
            Column("created_at", Moment, nullable=False),
            Column("seen_at", Moment, nullable=False),
            Column("expires_at", Moment, nullable=False),
            self._index("sessions_expiry", "expires_at"),
            comment="People signed in to the panels. The token itself is not kept, only its digest; sealed: their CRM "
            "tokens, encrypted with the session secret",
        )
        self.sign_in_codes = self._table(
            "sign_in_codes",
            Column("code_digest", String(64), primary_key=True),
            Column("purpose", String(20), nullable=False),
            Column("body", Document, nullable=False),
            Column("expires_at", Moment, nullable=False),
            self._index("sign_in_codes_expiry", "expires_at"),
            comment="One-time codes of a sign-in under way: PKCE states and the hand-over from the pop-up to the frame",
        )
        self.audit = self._table(
            "audit",
            Column("id", BigId, primary_key=True),
            Column("at", Moment, nullable=False),
            Column("tenant", String(40), nullable=False),
            Column("actor", String(80), nullable=False),
            Column("action", String(60), nullable=False),
            Column("company_key", String(80)),
            Column("subject", String(200), nullable=False),
            Column("details", Document),
            self._index("audit_at", "at"),
            self._index("audit_subject", "subject", "at"),
            comment="Who saw a document, and who changed rules, links or decisions. Ids only",
        )

    def _reports(self) -> None:
        self.report_groups = self._table(
            "report_groups",
            Column("company", String(40), primary_key=True),
            Column("table_name", String(60), primary_key=True),
            Column("group_key", String(200), primary_key=True),
            Column("digest", String(80), nullable=False),
            Column("rows", Integer, nullable=False),
            comment="Digest of each published group of rows (usually one party's), so that only what changed is "
            "written",
        )
        self.published = Table(
            "published",
            self.metadata,
            Column("company", String(40), primary_key=True),
            Column("table_name", String(60), primary_key=True),
            Column("fetched_at", Moment, nullable=False),
            Column("erp_as_of", Date, nullable=False),
            Column("rows", BigId, nullable=False),
            Column("run_id", String(80), nullable=False),
            Column("ties_out", Boolean),
            Column("finding", Text),
            schema=self.reports_schema,
            comment="Which version of each report table stands, per company. ties_out: agrees with the ledger; null "
            "when not checked. finding: what did not agree",
        )

    def _reference(self, target: str) -> str:
        return f"{self.sync_schema}.{target}" if self.sync_schema else self.prefix + target


SQLITE = StoreTables(prefix="sync_", sync_schema=None, reports_schema=None)
POSTGRES = StoreTables(prefix="", sync_schema="sync", reports_schema="reports")
