"""What the whole engine works with: the store, both systems, the rules, the clock, and how patient it is."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sounimicro_pipelines.clock import Clock
from sounimicro_pipelines.errors import SounimicroError
from sounimicro_pipelines.rules.model import Rule
from sounimicro_pipelines.rules.values import ItemMap, Side
from sounimicro_pipelines.rules.versions import RuleSet, list_items
from sounimicro_pipelines.store import Store, Transaction, links, runs
from sounimicro_pipelines.sync.ports import CrmPort, ErpPort, GuidOf, Port, Reporter, Silent

NAMESPACE = uuid.UUID("6f0f6d1e-5d0b-5c1c-9a53-0d6f7c5b9b11")
"""The namespace of every `_createguid`; it must never change."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long the engine waits for what, in seconds."""

    late_effect: float = 90.0
    """A call that got no answer may still take effect for so long."""
    search_lag: float = 30.0
    """A new record may not be found by a search for so long."""
    lease: float = 300.0
    """A record is ours for so long; another engine may take it then."""
    overlap: float = 600.0
    """A feed is read again from so long before its watermark."""
    backoff: float = 30.0
    """The wait before the first retry; it doubles each time."""
    longest_backoff: float = 6 * 3600.0
    parent: float = 60.0
    """How long a child waits before it looks for its parent again."""
    attempts: int = 12
    """Failures before a record rests until somebody touches it."""
    rounds: int = 5
    """How often a record that moves under our hands is read again at once."""


class NotNow(Exception):
    """The record must wait; nothing is wrong. `reason` is a word for the run's table."""

    def __init__(self, until: datetime, reason: str) -> None:
        super().__init__(reason)
        self.until = until
        self.reason = reason


class Again(Exception):
    """The record moved under our hands; read it again."""


class Stopped(SounimicroError):
    """A register is stopped until a person or a second listing confirms what is missing."""


@dataclass(slots=True)
class World:
    """One engine at work in one run."""

    store: Store
    crm: CrmPort
    erp: Mapping[str, ErpPort]
    rules: RuleSet
    clock: Clock
    holder: str
    run_id: str
    by: str = "sync"
    live: Callable[[str], bool] | None = None
    patience: Patience = field(default_factory=Patience)
    reporter: Reporter = field(default_factory=Silent)
    companies: frozenset[str] = frozenset()
    """The keys of all ERP companies, those too that this piece of work leaves out."""
    _items: dict[str, dict[str, ItemMap]] = field(default_factory=dict)

    @property
    def tenant(self) -> str:
        return self.crm.tenant

    def now(self) -> datetime:
        return self.clock.now()

    def later(self, seconds: float) -> datetime:
        return self.clock.now() + timedelta(seconds=seconds)

    def port(self, side: Side, company_key: str) -> Port:
        """The port of one side. Raises KeyError for a company that is not in use."""
        return self.crm if side == "crm" else self.erp[company_key]

    def is_live(self, tx: Transaction, company_key: str) -> bool:
        """Whether the sync may write for this company."""
        if self.live is not None and self.live(company_key):
            return True
        return runs.is_live(tx, self.tenant, company_key)

    def creates_in_erp(self, rule: Rule, company_key: str) -> bool:
        """Whether a record that only the CRM has is created in an ERP company without anybody asking for it.

        In which company, its own one says of a person. Of other records nobody says it where several have gone live,
        though one of them may be out of use for a while.
        """
        if rule.create.in_erp != "automatic" or rule.rule == "person":
            return rule.create.in_erp == "automatic"
        known = self.companies.union(self.erp)
        with self.store.read() as tx:
            out_of_use = links.company_keys(tx) - known
            return not (out_of_use or any(self.is_live(tx, one) for one in known - {company_key}))

    def items(self, tx: Transaction, company_key: str) -> Mapping[str, ItemMap]:
        """The company's list mappings, read once for each batch of work."""
        if company_key not in self._items:
            self._items[company_key] = list_items(tx, company_key)
        return self._items[company_key]

    def forget_items(self) -> None:
        """Let the list mappings be read anew."""
        self._items.clear()

    def guid_of(self, crm_entity: str, crm_id: int, company_key: str, role: str, generation: int) -> GuidOf:
        """The idempotency keys of the ERP record made for a CRM record, and of the objects within it."""
        base = uuid.uuid5(
            NAMESPACE, "\x1f".join((self.tenant, crm_entity, str(crm_id), company_key, role, str(generation)))
        )

        def guid(place: str) -> str:
            return str(uuid.uuid5(base, place)) if place else str(base)

        return guid
