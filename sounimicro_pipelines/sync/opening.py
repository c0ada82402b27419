"""Both systems open for the sync: from clients, rules and the store to a `World` for one piece of work."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from sounimicro_pipelines.clock import Clock
from sounimicro_pipelines.rules import RULE_NAMES, Registries, RuleSet, load_rules
from sounimicro_pipelines.store import Store, issues, rule_versions, runs
from sounimicro_pipelines.superoffice import FieldRegistry as CrmFields
from sounimicro_pipelines.superoffice import SuperOfficeClient
from sounimicro_pipelines.sync.allotting import erp_numbers
from sounimicro_pipelines.sync.crm_side import CrmSide
from sounimicro_pipelines.sync.erp_side import ErpSide
from sounimicro_pipelines.sync.ports import Reporter, Silent
from sounimicro_pipelines.sync.world import Patience, World
from sounimicro_pipelines.unimicro.client import UnimicroClient
from sounimicro_pipelines.unimicro.companies import Company
from sounimicro_pipelines.unimicro.fields import FieldRegistry as ErpFields

STRAY = "stray_write"
"""The kind of issue that says that an entity takes whole objects only."""

_CUSTOM = ("CustomFields[", "UserDefinedFields[", "ExtraFields[")


class Connection:
    """The CRM tenant and the ERP companies in use. The clients belong to the caller, who closes them."""

    def __init__(
        self,
        store: Store,
        crm: SuperOfficeClient,
        erp: UnimicroClient,
        companies: Sequence[Company],
        *,
        clock: Clock,
        go_live: frozenset[str] = frozenset(),
        patience: Patience | None = None,
    ) -> None:
        """`go_live` are aliases for which the sync may write without an accepted report, or `all`."""
        self.store = store
        self.crm = crm
        self.erp = erp
        self.companies = list(companies)
        self._clock = clock
        self._patience = patience or Patience()
        self._live = {one.key for one in companies if "all" in go_live or one.alias in go_live}
        self._rules: tuple[tuple[tuple[str, int], ...], RuleSet] | None = None
        self._fields_known = False

    async def world(
        self,
        *,
        run_id: str = "",
        by: str = "sync",
        holder: str = "",
        reporter: Reporter | None = None,
        company: str | None = None,
        live_only: bool = False,
    ) -> World:
        """An engine for one piece of work, with the rules that are in force now.

        `company` is an alias, None for all; `live_only` leaves out companies that have not gone live. What goes on
        under the same `holder` as before may take up leases that were not given back. Raises RuleError for a stored
        rule that cannot be used, and the VendorError family.
        """
        holder = holder or f"{by}:{uuid.uuid4().hex[:12]}"
        rules = await self._rules_in_force()
        used = [one for one in self.companies if company in (None, one.alias)]
        if live_only:
            used = [one for one in used if self.is_live(one)]
        return World(
            store=self.store,
            crm=CrmSide(self.crm, numbers=self._numbers(rules)),
            erp={one.key: ErpSide(self.erp.company(one), whole=self._whole(one.key)) for one in used},
            rules=rules,
            clock=self._clock,
            holder=holder,
            run_id=run_id or holder,
            by=by,
            live=lambda key: key in self._live,
            patience=self._patience,
            companies=frozenset(one.key for one in self.companies),
            reporter=reporter or Silent(),
        )

    async def sign_in(self) -> None:
        """Raises the VendorError family when the CRM takes us not at all, which every feed would tell of else."""
        await self.crm.principal()

    def _numbers(self, rules: RuleSet) -> dict[str, str]:
        with self.store.read() as tx:
            return erp_numbers(tx, self.crm.tenant, rules)

    def is_live(self, company: Company) -> bool:
        """Whether the sync may write for this company, by the settings or an accepted report."""
        with self.store.read() as tx:
            return company.key in self._live or runs.is_live(tx, self.crm.tenant, company.key)

    def alias_of(self, company_key: str) -> str:
        """The alias of a company in use; the key itself for one that is not."""
        return next((one.alias for one in self.companies if one.key == company_key), company_key)

    async def _rules_in_force(self) -> RuleSet:
        with self.store.read() as tx:
            stored = [rule_versions.current(tx, name) for name in RULE_NAMES]
        versions = tuple((one.rule, one.version) for one in stored if one is not None)
        if self._rules is None or self._rules[0] != versions:
            documents = [one.document for one in stored if one is not None]
            if not self._fields_known and any(mark in one for one in documents for mark in _CUSTOM):
                await self.crm.load_fields()
                self._fields_known = True
            with self.store.read() as tx:
                self._rules = versions, load_rules(tx, self.registries)
        return self._rules[1]

    @property
    def registries(self) -> Registries:
        """The fields that rules may name, the tenant's user-defined ones as far as they have been asked for."""
        return Registries(self.crm.fields, ErpFields())

    def _whole(self, company_key: str) -> set[str]:
        with self.store.read() as tx:
            strays = issues.listing(tx, state=None, company_key=company_key, kind=STRAY, limit=50)
        return {one.erp_entity for one in strays if one.erp_entity}


def plain_registries() -> Registries:
    """The fields as the vendors document them, for checks without a connection."""
    return Registries(CrmFields(), ErpFields())
