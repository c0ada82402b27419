"""What is served to people and vendors: webhooks, sessions, the audit log, and the published reports."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Date, Integer, String, Table, Text, UniqueConstraint

from sounimicro_pipelines.store.tables.declaring import Declaring
from sounimicro_pipelines.store.types import BigId, Document, Moment


class ServedTables(Declaring):
    """The panels' and the publisher's own bookkeeping."""

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
            Column("group_key", String(200), primary_key=True),
            Column("table_name", String(60), primary_key=True),
            Column("digest", String(80), nullable=False),
            Column("rows", Integer, nullable=False),
            self._index("report_groups_of_table", "company", "table_name"),
            comment="Digest of each published group of rows (usually one party's), so that only what changed is "
            "written",
            in_order_of_key=True,
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
