"""What is linked with what, what both sides agreed on last, every write, and what became of each field."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, ForeignKey, Integer, String, Text, UniqueConstraint, text

from sounimicro_pipelines.store.tables.declaring import Declaring
from sounimicro_pipelines.store.types import BigId, Document, Moment


class LinkedTables(Declaring):
    """Links and all that hangs on them."""

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
            Column("org_number", String(20)),
            Column("data", Document),
            Column("created_at", Moment, nullable=False),
            Column("created_by", String(80), nullable=False),
            Column("run_id", String(80)),
            Column("synced_at", Moment),
            UniqueConstraint("tenant", "crm_entity", "crm_id", "company_key", "role", name=self.prefix + "links_crm"),
            UniqueConstraint("company_key", "erp_entity", "erp_id", name=self.prefix + "links_erp"),
            self._index("links_parent", "parent_link_id"),
            self._index("links_org_number", "tenant", "org_number"),
            comment="One CRM record joined with one ERP record of one company in one role. state: active, held (not "
            "written until a person decides). origin: matched, created_in_erp, created_in_crm, chosen, "
            "restored, merged (moved from a record that was merged into this one). "
            "parent_link_id: the company's link for a person; the chosen customer's link for a "
            "project. org_number: the ERP party's, as it was read last. data: what else the engine "
            "remembers about the pair. An unlinked link is deleted here and kept as a tombstone",
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
            self._index("intents_ended_creates", "side", "finished_at", where="kind = 'create'"),
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
