"""Links between CRM and ERP records: made, found, ended; their generations, field owners and tombstones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, bindparam, func, select
from sqlalchemy.exc import IntegrityError

from sounimicro_pipelines.store.database import Transaction
from sounimicro_pipelines.store.errors import Outdated
from sounimicro_pipelines.store.rows import build, insert_id, maybe, upsert, values_of
from sounimicro_pipelines.store.statements import change as change_rows
from sounimicro_pipelines.store.statements import find, find_one, kept, remove
from sounimicro_pipelines.store.tables import StoreTables

GONE_FROM_CRM = ("deleted", "erased", "merged")
"""The reasons of a tombstone by which the CRM itself has a record no more, where `side` is the CRM."""


@dataclass(frozen=True, slots=True)
class Link:
    """One CRM record joined with one ERP record of one company in one role; see `tables.links`. `id` 0: not stored."""

    rule: str
    tenant: str
    crm_entity: str
    crm_id: int
    company_key: str
    role: str
    erp_entity: str
    erp_id: int
    generation: int
    origin: str
    created_at: datetime
    created_by: str
    run_id: str | None = None
    parent_link_id: int | None = None
    state: str = "active"
    org_number: str | None = None
    data: dict[str, Any] | None = None
    synced_at: datetime | None = None
    id: int = 0


@dataclass(frozen=True, slots=True)
class Tombstone:
    """A link that ended, or a record that must not be made again; see `tables.tombstones`."""

    rule: str
    tenant: str
    crm_entity: str
    crm_id: int | None
    company_key: str
    role: str
    erp_entity: str
    erp_id: int | None
    generation: int
    reason: str
    side: str | None
    at: datetime
    by: str
    link_id: int | None = None
    run_id: str | None = None
    active: bool = True
    id: int = 0


def get(tx: Transaction, link_id: int, *, lock: bool = False) -> Link | None:
    """`lock` holds the row against other writers until the transaction ends (SQLite has one writer anyway)."""
    if lock:
        return maybe(Link, tx.row(_locked(tx), {"the_id": link_id}))
    return maybe(Link, find_one(tx, tx.tables.links, id=link_id))


@kept
def _locked(tables: StoreTables) -> Any:
    return select(tables.links).where(tables.links.c.id == bindparam("the_id")).with_for_update()


def for_crm(tx: Transaction, tenant: str, crm_entity: str, crm_id: int) -> list[Link]:
    """All links of a CRM record, oldest first."""
    rows = find(tx, tx.tables.links, "id", tenant=tenant, crm_entity=crm_entity, crm_id=crm_id)
    return [build(Link, row) for row in rows]


def for_crm_place(
    tx: Transaction, tenant: str, crm_entity: str, crm_id: int, company_key: str, role: str
) -> Link | None:
    """The link of a CRM record with one company in one role."""
    place = {"tenant": tenant, "crm_entity": crm_entity, "crm_id": crm_id, "company_key": company_key, "role": role}
    return maybe(Link, find_one(tx, tx.tables.links, **place))


def for_erp(tx: Transaction, company_key: str, erp_entity: str, erp_id: int) -> Link | None:
    """The link of an ERP record."""
    return maybe(Link, find_one(tx, tx.tables.links, company_key=company_key, erp_entity=erp_entity, erp_id=erp_id))


def of_org_number(tx: Transaction, tenant: str, org_number: str) -> list[Link]:
    """The links of ERP parties with an organisation number, of all companies."""
    return [build(Link, row) for row in find(tx, tx.tables.links, "id", tenant=tenant, org_number=org_number)]


def children(tx: Transaction, link_id: int) -> list[Link]:
    """Links that hang on this one."""
    return [build(Link, row) for row in find(tx, tx.tables.links, "id", parent_link_id=link_id)]


def of_rule(
    tx: Transaction, rule: str, *, company_key: str | None = None, after_id: int = 0, limit: int = 1000
) -> list[Link]:
    """Links of a rule by id, a page at a time."""
    table = tx.tables.links
    statement = select(table).where(table.c.rule == rule, table.c.id > after_id).order_by(table.c.id).limit(limit)
    if company_key is not None:
        statement = statement.where(table.c.company_key == company_key)
    return [build(Link, row) for row in tx.rows(statement)]


def company_keys(tx: Transaction) -> set[str]:
    """The ERP companies that have links, also those that are not in use any more."""
    return {row.key for row in tx.rows(_company_keys(tx))}


@kept
def _company_keys(tables: StoreTables) -> Any:
    """From each key to the next one of the index; to read all links for their few companies would take long."""
    key = tables.links.c.company_key
    keys = select(func.min(key).label("key")).cte("keys", recursive=True)
    following = select(func.min(key)).where(key > keys.c.key).scalar_subquery()
    keys = keys.union_all(select(following).where(keys.c.key.is_not(None)))
    return select(keys.c.key).where(keys.c.key.is_not(None))


def of_partners(tx: Transaction, company_key: str, role: str) -> list[Link]:
    """The links in one role of companies that are both customer and supplier in an ERP company."""
    table = tx.tables.links
    other = table.alias()
    both = (table.c[name] == other.c[name] for name in ("tenant", "crm_entity", "crm_id", "company_key"))
    roles = (table.c.role == role, other.c.role != role, other.c.role.in_(("customer", "supplier")))
    here = (table.c.company_key == company_key, table.c.crm_entity == "contact")
    statement = select(table).join(other, and_(*both)).where(*roles, *here).order_by(table.c.id)
    return [build(Link, row) for row in tx.rows(statement)]


def newest(tx: Transaction, rules: Sequence[str], limit: int) -> list[Link]:
    """The active links that were brought into step last, by any of these rules; those that never were come last."""
    table = tx.tables.links
    statement = (
        select(table)
        .where(table.c.rule.in_(rules), table.c.state == "active")
        .order_by(table.c.synced_at.is_(None), table.c.synced_at.desc(), table.c.id.desc())
        .limit(limit)
    )
    return [build(Link, row) for row in tx.rows(statement)]


def newest_in_crm(tx: Transaction, tenant: str, crm_entity: str, *, before: datetime) -> int:
    """The highest id of a CRM record that had been linked before a moment; 0 when none had."""
    table = tx.tables.links
    mine = (table.c.tenant == tenant, table.c.crm_entity == crm_entity, table.c.created_at < before)
    return int(tx.scalar(select(func.max(table.c.crm_id)).where(*mine)) or 0)


def count(tx: Transaction, rules: Sequence[str]) -> int:
    """How many active links there are by any of these rules."""
    table = tx.tables.links
    where = table.c.rule.in_(rules), table.c.state == "active"
    return int(tx.scalar(select(func.count()).select_from(table).where(*where)) or 0)


def add(tx: Transaction, link: Link) -> Link:
    """Store a new link. Raises Outdated when either record has been linked meanwhile."""
    try:
        with tx.attempt():
            link_id = insert_id(tx, tx.tables.links, values_of(link))
    except IntegrityError:
        raise Outdated(
            f"{link.crm_entity} {link.crm_id} or {link.erp_entity} {link.erp_id} has been linked meanwhile.",
            remedy="Look at the record again.",
        ) from None
    found = get(tx, link_id)
    if found is None:
        raise Outdated("The new link cannot be read.", remedy="Try again.")
    return found


def change(tx: Transaction, link_id: int, **values: Any) -> None:
    """Set columns such as state, data, parent_link_id, synced_at. Raises Outdated when the link is gone."""
    if not change_rows(tx, tx.tables.links, values, id=link_id):
        raise Outdated(f"Link {link_id} has ended meanwhile.", remedy="Look at the record again.")


def end(
    tx: Transaction, link: Link, *, reason: str, side: str | None, at: datetime, by: str, run_id: str | None
) -> Tombstone:
    """End a link: it and its baseline go, a tombstone stays, and the place's generation rises."""
    table = tx.tables.links
    if not remove(tx, table, id=link.id):
        raise Outdated(f"Link {link.id} has ended meanwhile.", remedy="Look at the record again.")
    change_rows(tx, table, {"parent_link_id": None}, parent_link_id=link.id)
    raise_generation(tx, link.tenant, link.crm_entity, link.crm_id, link.company_key, link.role, link.generation + 1)
    return bury(
        tx,
        Tombstone(
            rule=link.rule,
            tenant=link.tenant,
            crm_entity=link.crm_entity,
            crm_id=link.crm_id,
            company_key=link.company_key,
            role=link.role,
            erp_entity=link.erp_entity,
            erp_id=link.erp_id,
            generation=link.generation,
            reason=reason,
            side=side,
            link_id=link.id,
            at=at,
            by=by,
            run_id=run_id,
        ),
    )


def generation(tx: Transaction, tenant: str, crm_entity: str, crm_id: int, company_key: str, role: str) -> int:
    """The generation that a link made at this place now would get; 1 for the first."""
    place = {"tenant": tenant, "crm_entity": crm_entity, "crm_id": crm_id, "company_key": company_key, "role": role}
    found = find_one(tx, tx.tables.generations, **place)
    return int(found.generation) if found is not None else 1


def raise_generation(
    tx: Transaction, tenant: str, crm_entity: str, crm_id: int, company_key: str, role: str, at_least: int
) -> None:
    """Let the place's generation be at least this; it never falls."""
    if generation(tx, tenant, crm_entity, crm_id, company_key, role) < at_least:
        upsert(
            tx,
            tx.tables.generations,
            {
                "tenant": tenant,
                "crm_entity": crm_entity,
                "crm_id": crm_id,
                "company_key": company_key,
                "role": role,
                "generation": at_least,
            },
            keys=["tenant", "crm_entity", "crm_id", "company_key", "role"],
        )


def bury(tx: Transaction, tombstone: Tombstone) -> Tombstone:
    """Store a tombstone."""
    row_id = insert_id(tx, tx.tables.tombstones, values_of(tombstone))
    return Tombstone(**values_of(tombstone), id=row_id)


def tombstones_for_crm(
    tx: Transaction, tenant: str, crm_entity: str, crm_id: int, *, active_only: bool = True
) -> list[Tombstone]:
    """Newest first."""
    about: dict[str, Any] = {"tenant": tenant, "crm_entity": crm_entity, "crm_id": crm_id}
    if active_only:
        about["active"] = True
    return [build(Tombstone, row) for row in find(tx, tx.tables.tombstones, "-id", **about)]


def tombstones_for_erp(
    tx: Transaction, company_key: str, erp_entity: str, erp_id: int, *, active_only: bool = True
) -> list[Tombstone]:
    """Newest first."""
    about: dict[str, Any] = {"company_key": company_key, "erp_entity": erp_entity, "erp_id": erp_id}
    if active_only:
        about["active"] = True
    return [build(Tombstone, row) for row in find(tx, tx.tables.tombstones, "-id", **about)]


def ended_while_in_crm(tx: Transaction, tenant: str, crm_entity: str, crm_id: int | None = None) -> list[Tombstone]:
    """The newest tombstone of each CRM record (or of this one) that is linked no more, and that the CRM had then."""
    stones, living = tx.tables.tombstones, tx.tables.links
    later = stones.alias()
    mine = [(stones.c[name], later.c[name], living.c[name]) for name in ("tenant", "crm_entity", "crm_id")]
    linked = select(living.c.id).where(*(one == link for one, _, link in mine)).exists()
    newer = select(later.c.id).where(*(one == other for one, other, _ in mine), later.c.id > stones.c.id).exists()
    gone = and_(func.coalesce(stones.c.side, "") == "crm", stones.c.reason.in_(GONE_FROM_CRM))
    statement = select(stones).where(
        stones.c.tenant == tenant, stones.c.crm_entity == crm_entity, ~newer, ~linked, ~gone
    )
    if crm_id is not None:
        statement = statement.where(stones.c.crm_id == crm_id)
    return [build(Tombstone, row) for row in tx.rows(statement)]


def wake(tx: Transaction, tombstone_id: int) -> None:
    """A person wants the record again: its tombstone no longer forbids."""
    change_rows(tx, tx.tables.tombstones, {"active": False}, id=tombstone_id)


def wake_persons(tx: Transaction, company: Tombstone) -> None:
    """A person wants the company again: so are its persons, as far as they were disconnected with it.

    To disconnect a company is a run of its own; a tombstone without a link is of a record that was deleted.
    """
    if (company.crm_entity, company.reason) == ("contact", "unlinked") and company.run_id and company.link_id:
        with_it = {"run_id": company.run_id, "company_key": company.company_key, "crm_entity": "person"}
        change_rows(tx, tx.tables.tombstones, {"active": False}, reason="unlinked", **with_it)


def owners(tx: Transaction, tenant: str, crm_entity: str, crm_id: int) -> dict[str, int]:
    """CRM field → the link that writes it."""
    rows = find(tx, tx.tables.field_owners, tenant=tenant, crm_entity=crm_entity, crm_id=crm_id)
    return {row.field: row.link_id for row in rows}


def set_owner(
    tx: Transaction, tenant: str, crm_entity: str, crm_id: int, field: str, link_id: int, *, by: str, at: datetime
) -> None:
    """Let one link write a CRM field."""
    upsert(
        tx,
        tx.tables.field_owners,
        {
            "tenant": tenant,
            "crm_entity": crm_entity,
            "crm_id": crm_id,
            "field": field,
            "link_id": link_id,
            "set_by": by,
            "set_at": at,
        },
        keys=["tenant", "crm_entity", "crm_id", "field"],
    )


def about(link: Link) -> dict[str, Any]:
    """The columns by which issues and conflicts name a link's records."""
    return {
        "rule": link.rule,
        "tenant": link.tenant,
        "crm_entity": link.crm_entity,
        "crm_id": link.crm_id,
        "company_key": link.company_key,
        "erp_entity": link.erp_entity,
        "erp_id": link.erp_id,
        "link_id": link.id,
    }
