"""What people have settled: the rules, how lists are mapped, which companies are live, and budgets."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Integer, Numeric, String, Text

from sounimicro_pipelines.store.tables.declaring import Declaring
from sounimicro_pipelines.store.types import BigId, Document, Moment


class RuledTables(Declaring):
    """Rules and other decisions of people."""

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
