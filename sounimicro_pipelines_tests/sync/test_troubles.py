"""What a system refuses again and again is told with its cause, tried again, and over by itself when it is taken."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from datetime import datetime
from typing import Any
from unittest.mock import AsyncMock, patch

import pytest

from sounimicro_pipelines.store import issues, links, work
from sounimicro_pipelines.store.issues import Issue
from sounimicro_pipelines.store.work import Poke
from sounimicro_pipelines.sync.addresses import CrmAddress
from sounimicro_pipelines.sync.engine import drain
from sounimicro_pipelines.sync.ports import Record
from sounimicro_pipelines.sync.requests import ErpButton
from sounimicro_pipelines.transport import NotFound, PreconditionFailed, Unreachable, VendorError
from sounimicro_pipelines_tests.sync.calm import Calm, calm, pool
from sounimicro_pipelines_tests.sync.simulated import Row

__all__ = ["calm", "pool"]


def told(calm: Calm) -> list[Issue]:
    with calm.store.read() as tx:
        return issues.listing(tx)


@pytest.mark.parametrize(
    "error", [NotFound("Sim", "PUT", status=404), PreconditionFailed("Sim", "PUT", status=412)], ids=["gone", "moved"]
)
def test_a_write_that_is_refused_as_if_the_record_had_moved_though_it_is_read_is_told(
    calm: Calm, error: VendorError
) -> None:
    crm, erp, _ = calm.linked_company()
    calm.crm.person_types(crm, "Address.Postal.City", "Drammen")
    with patch.object(calm.erp["K1"], "write", AsyncMock(side_effect=error)):
        calm.sync()
    (issue,) = told(calm)
    assert (issue.kind, issue.cause) == (type(error).__name__.lower(), error.message)
    calm.later(7 * 3600)
    calm.sync()
    assert erp.values["Info.InvoiceAddress.City"] == "Drammen"
    assert told(calm) == []


@contextmanager
def nameless(calm: Calm) -> Iterator[None]:
    """The ERP does not tell who we are, so that nobody knows who has made a record."""
    erp = calm.erp["K1"]
    tell = erp._record

    def nobodys(row: Row, paths: Sequence[str]) -> Record:
        return replace(tell(row, paths), created_by_us=None)

    async def everybodys(entity: str, since: datetime, paths: Sequence[str]) -> list[Record]:
        return [nobodys(row, paths) for row in erp.living(entity)]

    with patch.object(erp, "_record", nobodys), patch.object(erp, "created_by_us", everybodys):
        yield


def asked_to_create(calm: Calm, *, happens: bool) -> Row:
    """A company that has nothing but a name, and a customer that is created for it without an answer."""
    erp = calm.erp["K1"]
    crm = calm.crm.person_creates("contact", {"Name": "Bare Navn"}, facts={"category_group": "customer"})
    create = erp.create

    async def unanswered(*given: Any, **named: Any) -> int:
        if happens:
            await create(*given, **named)
        raise Unreachable("Sim", "create", effect_unknown=True)

    with patch.object(erp, "create", unanswered):
        asked = calm.ask(lambda world: ErpButton(world).create(CrmAddress("contact", crm.id), "K1", "customer"))
    assert asked.waiting
    return crm


def made_for(calm: Calm, crm: Row) -> Row:
    with calm.store.read() as tx:
        (link,) = links.for_crm(tx, calm.crm.tenant, "contact", crm.id)
    return calm.erp["K1"].rows[("Customer", link.erp_id)]


def test_what_a_colleague_makes_is_not_asked_about_where_the_erp_does_not_tell_who_we_are(calm: Calm) -> None:
    with nameless(calm):
        crm = asked_to_create(calm, happens=False)
        calm.erp["K1"].person_creates("Customer", {"Info.Name": "Noe helt annet AS"}, facts={"status": "active"})
        calm.later(200)
        calm.sync()
    assert made_for(calm, crm).created_by == "us"
    assert told(calm) == []


@pytest.mark.parametrize("known", [True, False], ids=["known", "nameless"])
def test_what_we_made_is_not_met_as_anothers_while_its_creation_ends(calm: Calm, known: bool) -> None:
    """A run that looks at the new record in the ERP, and one that finds out what its creation has come to."""
    with nullcontext() if known else nameless(calm):
        crm = asked_to_create(calm, happens=True)
        made = next(iter(calm.erp["K1"].living("Customer")))
        calm.later(200)
        with calm.store.transaction() as tx:
            pokes = [Poke("customer", "erp", "Customer", made.id, "feed", "K1")]
            pokes += [Poke("customer", "crm", "contact", crm.id, "feed")]
            work.poke(tx, pokes, calm.hostile.at())
        asyncio.run(drain(calm.world(), "customer", at_once=4))
        calm.sync()
    assert [row.id for row in calm.crm.living("contact")] == [crm.id]
    assert made_for(calm, crm) is made
    assert told(calm) == []
