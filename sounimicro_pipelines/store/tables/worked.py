"""What is to be done, by whom, and what went wrong with it."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Integer, String, Text, UniqueConstraint

from sounimicro_pipelines.store.tables.declaring import Declaring
from sounimicro_pipelines.store.types import BigId, Document, Moment


class WorkedTables(Declaring):
    """The work list, feeds, runs, issues and conflicts."""

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
            "'' for a CRM record, but where one ERP company alone has to hear of it. origin: feed, webhook, nightly, "
            "person, retry, initial, rule, away. version is raised by every new poke, so that a change which comes "
            "while the item is worked on is not lost. state: ready, held (by holder until held_until), dead (waits for "
            "a person), away (until its ERP company is in use again)",
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
            comment="How far each change feed has been read. name: crm:<tenant>:contact, erp:<CompanyKey>:Customer …; "
            "rule:<tenant>:<CompanyKey>:customer for the rule that a register was last compared with, in cursor. "
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
