"""Our webhooks with both vendors: made once, found again by their name, repaired, and set going when they were stopped.

Without a public address or a secret there are none, and changes are found by polling alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal
from urllib.parse import quote, urlsplit

from pydantic import SecretStr

from sounimicro_pipelines.settings import Settings, is_loopback
from sounimicro_pipelines.store import Transaction, issues, watermarks, web
from sounimicro_pipelines.sync.deliveries import ERP_PARTS, ERP_RECORDS, forget_old
from sounimicro_pipelines.sync.opening import Connection
from sounimicro_pipelines.transport import VendorError
from sounimicro_pipelines.unimicro.companies import Company
from sounimicro_pipelines.unimicro.events import Plan, ensure_plan

NAME: Final = "sounimicro"
State = Literal["active", "repaired", "refused"]


@dataclass(frozen=True, slots=True)
class HookState:
    """How one hook was found or left. `scope` is the tenant or the company's alias."""

    vendor: Literal["superoffice", "unimicro"]
    scope: str
    state: State
    message: str = ""


WANTED = {
    "no_address": "PANELS_PUBLIC_URL is not set, so the two systems do not know where to call.",
    "not_https": "PANELS_PUBLIC_URL is not https, which webhooks need.",
    "no_crm_secret": "SUPEROFFICE_WEBHOOK_SECRET is not set.",
    "no_erp_key": "UNIMICRO_WEBHOOK_SIGNING_KEY is not set.",
}
"""For logs."""


def missing(settings: Settings) -> list[str]:
    """What is missing for webhooks, by its key in `WANTED`; empty when both vendors' can be registered."""
    found = []
    url = settings.panels_public_url
    if url is None:
        found.append("no_address")
    elif urlsplit(url).scheme != "https" and not is_loopback(urlsplit(url).hostname):
        found.append("not_https")
    if settings.superoffice_webhook_secret is None:
        found.append("no_crm_secret")
    if settings.unimicro_webhook_signing_key is None:
        found.append("no_erp_key")
    return found


def wanted(settings: Settings) -> list[str]:
    """What is missing for webhooks, one line each."""
    return [WANTED[one] for one in missing(settings)]


async def ensure_hooks(connection: Connection, settings: Settings, now: datetime) -> list[HookState]:
    """Make or repair every hook that the settings allow. A system that refuses is an issue, never an error."""
    url = settings.panels_public_url
    if url is None or (urlsplit(url).scheme != "https" and not is_loopback(urlsplit(url).hostname)):
        return []
    base = url.rstrip("/")
    states: list[HookState] = []
    if settings.superoffice_webhook_secret is not None:
        states.append(await _crm(connection, base, settings.superoffice_webhook_secret, now))
    if settings.unimicro_webhook_signing_key is not None:
        for company in connection.companies:
            states.append(await _erp(connection, company, base, settings.unimicro_webhook_signing_key, now))
    forget_old(connection.store, now)
    return states


async def _crm(connection: Connection, base: str, secret: SecretStr, now: datetime) -> HookState:
    tenant = connection.crm.tenant
    url = f"{base}/hooks/superoffice/{quote(tenant)}"
    mark = _mark_of(secret)
    with connection.store.read() as tx:
        known = web.webhook(tx, vendor="superoffice", scope=tenant, name=NAME)
    held = (known.remote_id or "").partition(":") if known is not None else ("", "", "")
    new_secret = held[2] != mark

    async def ensure() -> tuple[State, str]:
        before = [hook for hook in await connection.crm.webhooks.list() if hook.name == NAME]
        hook = await connection.crm.webhooks.ensure(NAME, url, secret.get_secret_value(), new_secret=new_secret)
        as_it_was = any(one.id == hook.id and one.active and one.target_url == url for one in before)
        return ("active" if as_it_was and not new_secret else "repaired"), f"{hook.id}:{mark}"

    state = await _settle(connection, "superoffice", tenant, tenant, url, ensure, now)
    if state.state == "repaired":
        with connection.store.transaction() as tx:
            watermarks.hurry(tx, f"crm:{tenant}:")
    return state


async def _erp(connection: Connection, company: Company, base: str, key: SecretStr, now: datetime) -> HookState:
    url = f"{base}/hooks/unimicro/{quote(company.alias)}"
    plan = Plan(NAME, (*ERP_RECORDS, *ERP_PARTS), url)
    mark = _mark_of(key)
    with connection.store.read() as tx:
        known = web.webhook(tx, vendor="unimicro", scope=company.key, name=NAME)
    held = (known.remote_id or "").partition(":") if known is not None else ("", "", "")
    new_key = held[2] != mark

    async def ensure() -> tuple[State, str]:
        done = await ensure_plan(connection.erp.company(company), plan, key, new_key=new_key)
        return ("active" if done == "ok" else "repaired"), f"plan:{mark}"

    state = await _settle(connection, "unimicro", company.key, company.alias, url, ensure, now)
    if state.state == "repaired":
        with connection.store.transaction() as tx:
            watermarks.hurry(tx, f"erp:{company.key}:")
    return state


async def _settle(
    connection: Connection,
    vendor: Literal["superoffice", "unimicro"],
    scope: str,
    shown: str,
    url: str,
    ensure: Callable[[], Awaitable[tuple[State, str]]],
    now: datetime,
) -> HookState:
    state: State
    try:
        state, remote = await ensure()
        message = remedy = ""
    except VendorError as error:
        state, remote, message, remedy = "refused", "", error.message, error.remedy
    with connection.store.transaction() as tx:
        if state == "refused":
            web.set_webhook(tx, vendor=vendor, scope=scope, name=NAME, url=url, state=state, now=now, message=message)
        else:
            web.set_webhook(tx, vendor=vendor, scope=scope, name=NAME, url=url, state=state, now=now, remote_id=remote)
        _tell(tx, vendor, scope, state, message, remedy, now)
    return HookState(vendor, shown, state, message)


def _tell(tx: Transaction, vendor: str, scope: str, state: State, message: str, remedy: str, now: datetime) -> None:
    fingerprint = f"hook:{vendor}:{scope}:registration"
    if state != "refused":
        issues.solve(tx, fingerprint, now=now)
        return
    issues.report(
        tx,
        fingerprint=fingerprint,
        kind="webhook_refused",
        severity="warning",
        cause=f"The webhook could not be registered: {message}",
        remedy=f"{remedy} Changes are found by polling meanwhile.".strip(),
        now=now,
        side="crm" if vendor == "superoffice" else "erp",
        tenant=scope if vendor == "superoffice" else None,
        company_key=scope if vendor == "unimicro" else None,
    )


def _mark_of(secret: SecretStr) -> str:
    """Tells whether a secret is still the one that was registered, without keeping it."""
    return hashlib.sha256(b"sounimicro webhook\x00" + secret.get_secret_value().encode()).hexdigest()[:12]
