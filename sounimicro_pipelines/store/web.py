"""What the web door remembers: webhook deliveries and registrations, sessions, one-time codes, the audit log."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.exc import IntegrityError

from sounimicro_pipelines.store.database import Transaction
from sounimicro_pipelines.store.rows import maybe, upsert


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who is signed in to the panels; see `tables.sessions`."""

    token_digest: str
    tenant: str
    actor: str
    associate_id: int | None
    is_administrator: bool
    language: str | None
    groups: list[int] | None
    sealed: str | None
    created_at: datetime
    seen_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Webhook:
    """A hook that we have registered with a vendor; see `tables.webhooks`."""

    vendor: str
    scope: str
    name: str
    remote_id: str | None
    url: str
    state: str
    checked_at: datetime
    message: str | None


def secret_digest(secret: str) -> str:
    """How a token or code is kept: one way only."""
    return hashlib.sha256(secret.encode()).hexdigest()


def record_delivery(
    tx: Transaction, *, vendor: str, scope: str, delivery: str, event: str | None, verdict: str, now: datetime
) -> bool:
    """Note a webhook call; False when the same delivery was noted before."""
    try:
        with tx.attempt():
            tx.execute(
                tx.tables.webhook_deliveries.insert().values(
                    vendor=vendor, scope=scope, delivery=delivery, event=event, verdict=verdict, received_at=now
                )
            )
    except IntegrityError:
        return False
    return True


def delivery_counts(tx: Transaction, since: datetime) -> dict[tuple[str, str], int]:
    """(vendor, verdict) → calls since then."""
    table = tx.tables.webhook_deliveries
    rows = tx.rows(
        select(table.c.vendor, table.c.verdict, func.count().label("n"))
        .where(table.c.received_at >= since)
        .group_by(table.c.vendor, table.c.verdict)
    )
    return {(row.vendor, row.verdict): int(row.n) for row in rows}


def forget_deliveries(tx: Transaction, before: datetime) -> int:
    table = tx.tables.webhook_deliveries
    return tx.change(delete(table).where(table.c.received_at < before))


def set_webhook(
    tx: Transaction,
    *,
    vendor: str,
    scope: str,
    name: str,
    url: str,
    state: str,
    now: datetime,
    remote_id: str | None = None,
    message: str | None = None,
) -> None:
    """Note the state of a hook that we registered with a vendor."""
    upsert(
        tx,
        tx.tables.webhooks,
        {
            "vendor": vendor,
            "scope": scope,
            "name": name,
            "remote_id": remote_id,
            "url": url,
            "state": state,
            "checked_at": now,
            "message": message,
        },
        keys=["vendor", "scope", "name"],
    )


def webhook(tx: Transaction, *, vendor: str, scope: str, name: str) -> Webhook | None:
    """What is known of a hook that we registered."""
    table = tx.tables.webhooks
    return maybe(
        Webhook,
        tx.row(select(table).where(table.c.vendor == vendor, table.c.scope == scope, table.c.name == name)),
    )


def add_session(tx: Transaction, session: Session) -> None:
    table = tx.tables.sessions
    tx.execute(
        table.insert().values(
            token_digest=session.token_digest,
            tenant=session.tenant,
            actor=session.actor,
            associate_id=session.associate_id,
            is_administrator=session.is_administrator,
            language=session.language,
            groups=session.groups,
            sealed=session.sealed,
            created_at=session.created_at,
            seen_at=session.seen_at,
            expires_at=session.expires_at,
        )
    )


def session(tx: Transaction, token: str, now: datetime) -> Session | None:
    """The living session of a token."""
    table = tx.tables.sessions
    return maybe(
        Session,
        tx.row(select(table).where(table.c.token_digest == secret_digest(token), table.c.expires_at > now)),
    )


def touch_session(tx: Transaction, token_digest: str, *, now: datetime, sealed: str | None = None) -> None:
    table = tx.tables.sessions
    values: dict[str, Any] = {"seen_at": now}
    if sealed is not None:
        values["sealed"] = sealed
    tx.execute(update(table).where(table.c.token_digest == token_digest).values(**values))


def extend_sign_in(
    tx: Transaction, *, tenant: str, actor: str, created_at: datetime, living_at: datetime, expires_at: datetime
) -> None:
    """Let every session of a sign-in that lives longer than `living_at` live until `expires_at`."""
    table = tx.tables.sessions
    tx.execute(
        update(table)
        .where(
            table.c.tenant == tenant,
            table.c.actor == actor,
            table.c.created_at == created_at,
            table.c.expires_at > living_at,
            table.c.expires_at < expires_at,
        )
        .values(expires_at=expires_at)
    )


def shorten_session(tx: Transaction, token_digest: str, *, expires_at: datetime) -> None:
    """Let a session end at this moment, unless it ends before."""
    table = tx.tables.sessions
    tx.execute(
        update(table)
        .where(table.c.token_digest == token_digest, table.c.expires_at > expires_at)
        .values(expires_at=expires_at)
    )


def end_session(tx: Transaction, token_digest: str) -> None:
    table = tx.tables.sessions
    tx.execute(delete(table).where(table.c.token_digest == token_digest))


def end_sign_in(tx: Transaction, *, tenant: str, actor: str, created_at: datetime) -> None:
    """Remove every session that began with the same sign-in."""
    table = tx.tables.sessions
    tx.execute(delete(table).where(table.c.tenant == tenant, table.c.actor == actor, table.c.created_at == created_at))


def add_code(tx: Transaction, code: str, *, purpose: str, body: dict[str, Any], expires_at: datetime) -> None:
    """Keep a one-time code."""
    tx.execute(
        tx.tables.sign_in_codes.insert().values(
            code_digest=secret_digest(code), purpose=purpose, body=body, expires_at=expires_at
        )
    )


def use_code(tx: Transaction, code: str, *, purpose: str, now: datetime) -> dict[str, Any] | None:
    """Use a one-time code up; None when it is unknown, used, of another purpose, or too old."""
    table = tx.tables.sign_in_codes
    key = (table.c.code_digest == secret_digest(code)) & (table.c.purpose == purpose)
    found = tx.row(select(table).where(key).with_for_update())
    if found is None or not tx.change(delete(table).where(key)) or found.expires_at <= now:
        return None
    return dict(found.body)


def forget_expired(tx: Transaction, now: datetime) -> None:
    """Remove sessions and codes whose time is over."""
    for table in (tx.tables.sessions, tx.tables.sign_in_codes):
        tx.execute(delete(table).where(table.c.expires_at <= now))


def audit(
    tx: Transaction,
    *,
    tenant: str,
    actor: str,
    action: str,
    subject: str,
    now: datetime,
    company_key: str | None = None,
    details: dict[str, Any] | None = None,
) -> None:
    """Note who did what to what; ids only."""
    tx.execute(
        tx.tables.audit.insert().values(
            at=now,
            tenant=tenant,
            actor=actor,
            action=action,
            subject=subject,
            company_key=company_key,
            details=details,
        )
    )


def audit_log(
    tx: Transaction,
    *,
    subject: str | None = None,
    actions: Collection[str] | None = None,
    actor: str | None = None,
    without: Collection[str] = (),
    limit: int = 200,
    offset: int = 0,
) -> list[dict[str, Any]]:
    """Newest first. `actions` are those that are wanted, `without` companies that are left out."""
    table = tx.tables.audit
    statement = select(table).order_by(table.c.id.desc()).limit(limit).offset(offset)
    if subject is not None:
        statement = statement.where(table.c.subject == subject)
    if actions is not None:
        statement = statement.where(table.c.action.in_(actions))
    if actor is not None:
        statement = statement.where(table.c.actor == actor)
    if without:
        statement = statement.where(or_(table.c.company_key.is_(None), table.c.company_key.not_in(without)))
    return [dict(row._mapping) for row in tx.rows(statement)]
