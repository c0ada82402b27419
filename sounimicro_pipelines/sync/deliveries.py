"""What the two systems call us about: webhooks believed only when signed, fresh and ours, and then a poke only.

Nothing that a call says about a record is used; the record is put on the work list and read by the engine. What is
dropped is counted and shown as an issue. Our answer is always the same, since both vendors block receivers that refuse.
"""

from __future__ import annotations

import hashlib
import threading
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from pydantic import SecretStr

from sounimicro_pipelines.clock import Clock
from sounimicro_pipelines.rules import RULE_NAMES, RuleError, RuleSet, load_rules
from sounimicro_pipelines.store import Store, Transaction, companies, issues, rule_versions, watermarks, web, work
from sounimicro_pipelines.superoffice import CrmEvent, parse_event, signature_holds
from sounimicro_pipelines.sync.opening import plain_registries
from sounimicro_pipelines.sync.routing import AT_ONCE, TOLD_DELETED, pokes_for
from sounimicro_pipelines.unimicro.events import WINDOW, BadEvent, BadSignature, Event, TooOld, receive

Vendor = Literal["superoffice", "unimicro"]
Verdict = Literal["accepted", "replayed", "bad_signature", "too_old", "wrong_company", "unreadable"]

CRM_RECORDS: Final = ("contact", "person", "project")
ERP_RECORDS: Final = ("Customer", "Supplier", "Contact", "Project")
ERP_PARTS: Final = ("BusinessRelation", "Address", "Phone", "Email")
"""Rows that belong to a party without being one; they are found by the feeds of the parties' children."""

LARGEST_BODY: Final = 2 * 1024 * 1024
FORGET_AFTER: Final = timedelta(days=14)
_DROPPED_A_MINUTE: Final = 30
"""Dropped calls that are written down each minute; a flood beyond that only costs an answer."""

_CAUSES: Final[Mapping[Verdict, tuple[str, str, str]]] = {
    "replayed": (
        "info",
        "The {system} webhook has delivered the same event more than once.",
        "Nothing needs to be done; the repeats were dropped.",
    ),
    "bad_signature": (
        "warning",
        "Calls to the {system} webhook address are not signed with our secret; they were dropped.",
        "Check that {setting} is the secret that the webhook was registered with, or look who else calls this address.",
    ),
    "too_old": (
        "warning",
        "Calls to the {system} webhook address were signed more than five minutes ago; they were dropped.",
        "Check this machine's clock; if it is right, somebody may be repeating old calls.",
    ),
    "wrong_company": (
        "warning",
        "Calls to the {system} webhook address are about another company or tenant; they were dropped.",
        "Register the webhook anew (`sounimicro serve` does), and remove hooks that others have pointed here.",
    ),
    "unreadable": (
        "warning",
        "Calls to the {system} webhook address could not be understood; they were dropped.",
        "Look who calls this address; changes are found by polling meanwhile.",
    ),
}
_SETTING: Final[Mapping[Vendor, str]] = {
    "superoffice": "SUPEROFFICE_WEBHOOK_SECRET",
    "unimicro": "UNIMICRO_WEBHOOK_SIGNING_KEY",
}
_SYSTEM: Final[Mapping[Vendor, str]] = {"superoffice": "CRM", "unimicro": "ERP"}


@dataclass(frozen=True, slots=True)
class Poked:
    """What came of a call: the verdict, and how many items were put on the work list."""

    verdict: Verdict
    items: int = 0


class Deliveries:
    """Takes the vendors' calls. Safe to use from several threads. Raises StoreError when the store does not answer."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        *,
        tenant: str | None,
        crm_secret: SecretStr | None,
        erp_key: SecretStr | None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._tenant = tenant or ""
        self._crm_secret = crm_secret or SecretStr("")
        self._erp_key = erp_key or SecretStr("")
        self._rules: tuple[tuple[str, ...], RuleSet | None] | None = None
        self._lock = threading.Lock()
        self._minute: tuple[int, int] = (0, 0)

    def superoffice(self, tenant: str, headers: Mapping[str, str], body: bytes) -> Poked:
        """A call to the address of a CRM tenant."""
        ours = bool(self._tenant) and tenant.casefold() == self._tenant.casefold()
        scope = self._tenant if ours else "unknown"
        if not signature_holds(self._crm_secret.get_secret_value(), body, headers):
            return self._dropped("superoffice", scope, "bad_signature")
        event = parse_event(body)
        if event is None:
            return self._dropped("superoffice", scope, "unreadable")
        if not ours or event.tenant.casefold() != self._tenant.casefold():
            return self._dropped("superoffice", scope, "wrong_company")
        now = self._clock.now()
        if event.at is not None and abs(now - event.at) > WINDOW:
            return self._dropped("superoffice", scope, "too_old")
        delivery = event.id or _digest(body)
        with self._store.transaction() as tx:
            if not self._is_new(tx, "superoffice", scope, delivery, event.name, now):
                return self._replayed(tx, "superoffice", scope, now)
            if event.is_test or event.entity not in CRM_RECORDS or event.record_id <= 0:
                return Poked("accepted")
            return Poked("accepted", self._poke_crm(tx, event, now))

    def unimicro(self, alias: str, headers: Mapping[str, str], body: bytes) -> Poked:
        """A call to the address of an ERP company."""
        now = self._clock.now()
        with self._store.read() as tx:
            company = companies.by_alias(tx, alias)
        scope = company.company_key if company is not None and company.active else "unknown"
        try:
            event = receive(headers, body, self._erp_key, now)
        except BadSignature as error:
            return self._dropped("unimicro", scope, "bad_signature", error.remedy)
        except TooOld:
            return self._dropped("unimicro", scope, "too_old")
        except BadEvent:
            return self._dropped("unimicro", scope, "unreadable")
        if scope == "unknown" or event.company_key.casefold() != scope.casefold():
            return self._dropped("unimicro", scope, "wrong_company")
        delivery = event.message_id or _digest(str(int(event.signed_at.timestamp())).encode() + body)
        with self._store.transaction() as tx:
            if not self._is_new(tx, "unimicro", scope, delivery, f"{event.entity}.{event.kind}", now):
                return self._replayed(tx, "unimicro", scope, now)
            return Poked("accepted", self._poke_erp(tx, scope, event, now))

    def too_large(self, vendor: Vendor) -> Poked:
        """A call whose body was not read to its end."""
        return self._dropped(vendor, "unknown", "unreadable")

    def _poke_crm(self, tx: Transaction, event: CrmEvent, now: datetime) -> int:
        rules = self._rules_in_force(tx)
        if rules is None:
            return _hurry(tx, f"crm:{self._tenant}:")
        pokes = pokes_for(
            tx,
            rules,
            self._tenant,
            "crm",
            "",
            event.entity,
            [event.record_id],
            origin="webhook",
            priority=AT_ONCE,
            hint=TOLD_DELETED if event.name.endswith("deleted") else None,
        )
        return work.poke(tx, pokes, now)

    def _poke_erp(self, tx: Transaction, company_key: str, event: Event, now: datetime) -> int:
        if event.entity in ERP_PARTS:
            return _hurry(tx, f"erp:{company_key}:")
        rules = self._rules_in_force(tx)
        if event.entity not in ERP_RECORDS:
            return 0
        if rules is None:
            return _hurry(tx, f"erp:{company_key}:")
        pokes = pokes_for(
            tx,
            rules,
            self._tenant,
            "erp",
            company_key,
            event.entity,
            [event.entity_id],
            origin="webhook",
            priority=AT_ONCE,
        )
        return work.poke(tx, pokes, now)

    def _rules_in_force(self, tx: Transaction) -> RuleSet | None:
        """The rules, read anew when somebody has changed one; None when a stored one cannot be used."""
        stored = [rule_versions.current(tx, name) for name in RULE_NAMES]
        documents = tuple(one.document if one is not None else "" for one in stored)
        known = self._rules
        if known is None or known[0] != documents:
            try:
                known = documents, load_rules(tx, plain_registries())
            except RuleError:
                known = documents, None
            self._rules = known
        return known[1]

    def _is_new(self, tx: Transaction, vendor: Vendor, scope: str, delivery: str, event: str, now: datetime) -> bool:
        # Postgres keeps no NUL in a text.
        delivery, event = delivery[:200].replace("\0", ""), event[:120].replace("\0", "")
        return web.record_delivery(
            tx, vendor=vendor, scope=scope, delivery=delivery, event=event, verdict="accepted", now=now
        )

    def _replayed(self, tx: Transaction, vendor: Vendor, scope: str, now: datetime) -> Poked:
        _show(tx, vendor, scope, "replayed", now)
        return Poked("replayed")

    def _dropped(self, vendor: Vendor, scope: str, verdict: Verdict, remedy: str = "") -> Poked:
        now = self._clock.now()
        if not self._may_write(now):
            return Poked(verdict)
        with self._store.transaction(durable=False) as tx:
            # The call's own id is not taken over: a forged call must not make a true one look like a repeat.
            key = f"dropped:{uuid.uuid4().hex}"
            web.record_delivery(tx, vendor=vendor, scope=scope, delivery=key, event=None, verdict=verdict, now=now)
            _show(tx, vendor, scope, verdict, now, remedy)
        return Poked(verdict)

    def _may_write(self, now: datetime) -> bool:
        minute = int(now.timestamp() // 60)
        with self._lock:
            count = self._minute[1] + 1 if self._minute[0] == minute else 1
            self._minute = (minute, count)
        return count <= _DROPPED_A_MINUTE


def _show(tx: Transaction, vendor: Vendor, scope: str, verdict: Verdict, now: datetime, remedy: str = "") -> None:
    severity, cause, usual = _CAUSES[verdict]
    system, setting = _SYSTEM[vendor], _SETTING[vendor]
    issues.report(
        tx,
        fingerprint=f"hook:{vendor}:{scope}:{verdict}",
        kind=f"webhook_{verdict}",
        severity=severity,
        cause=cause.format(system=system, setting=setting),
        remedy=remedy or usual.format(system=system, setting=setting),
        now=now,
        side="crm" if vendor == "superoffice" else "erp",
        tenant=scope if vendor == "superoffice" else None,
        company_key=scope if vendor == "unimicro" else None,
    )


def _hurry(tx: Transaction, prefix: str) -> int:
    """Let the feeds of a system be polled at once; answers 0, since no record is known."""
    watermarks.hurry(tx, prefix)
    return 0


def _digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def forget_old(store: Store, now: datetime) -> int:
    """Deliveries are remembered for two weeks; answers how many were forgotten."""
    with store.transaction() as tx:
        return web.forget_deliveries(tx, now - FORGET_AFTER)
