"""What a system refuses again and again is told with its cause, tried again, and over by itself when it is taken."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from unittest.mock import AsyncMock, patch

import pytest

from sounimicro_pipelines.store import issues, links
from sounimicro_pipelines.store.issues import Issue
from sounimicro_pipelines.sync.addresses import CrmAddress
from sounimicro_pipelines.sync.ports import Record
from sounimicro_pipelines.sync.requests import ErpButton
from sounimicro_pipelines.transport import NotFound, PreconditionFailed, Unreachable, VendorError
from sounimicro_pipelines_tests.sync.calm import Calm, calm, pool

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


def test_what_a_colleague_makes_is_not_asked_about_where_the_erp_does_not_tell_who_we_are(calm: Calm) -> None:
    erp = calm.erp["K1"]
    crm = calm.company(calm.crm, "contact")

    async def everybodys(entity: str, since: datetime, paths: Sequence[str]) -> list[Record]:
        found = [await erp.read(entity, row.id, paths) for row in erp.living(entity)]
        return [replace(one, created_by_us=False) for one in found if one is not None]

    with patch.object(erp, "created_by_us", everybodys):
        with patch.object(erp, "create", AsyncMock(side_effect=Unreachable("Sim", "create", effect_unknown=True))):
            asked = calm.ask(lambda world: ErpButton(world).create(CrmAddress("contact", crm.id), "K1", "customer"))
        assert asked.waiting
        erp.person_creates("Customer", {"Info.Name": "Noe helt annet AS"}, facts={"status": "active"})
        calm.later(200)
        calm.sync()
    with calm.store.read() as tx:
        (link,) = links.for_crm(tx, calm.crm.tenant, "contact", crm.id)
    assert erp.rows[("Customer", link.erp_id)].created_by == "us"
    assert told(calm) == []
