"""A tenant that gives its companies numbers of its own, over sockets, by the settings alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sounimicro_pipelines.sync.addresses import CrmAddress
from sounimicro_pipelines.sync.allotting import KIND
from sounimicro_pipelines.sync.opening import Connection
from sounimicro_pipelines.sync.plan import Plan, plan
from sounimicro_pipelines.sync.requests import ErpButton
from sounimicro_pipelines_tests.elsewhere.erp import KEY
from sounimicro_pipelines_tests.elsewhere.place import Elsewhere, elsewhere


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Elsewhere]:
    with elsewhere(tmp_path, crm={"allots_number": True}) as found:
        yield found


def defaults(place: Elsewhere) -> int:
    return sum(call.path.endswith("/Contact/default") for call in place.crm.calls)


def test_its_numbers_stay_whatever_is_linked_created_or_asked_for(place: Elsewhere) -> None:
    crm, erp = place.crm, place.erp
    known = crm.people_make("contact", Name="Fjordlys AS", OrgNr="974760673", Category={"Id": 7002})
    wanted = crm.people_make("contact", Name="Kun i CRM AS", OrgNr="923609016", Category={"Id": 7002})
    customer = erp.people_make("Customer", OrgNumber="974760673", Info={"Name": "Fjordlys AS"})
    new = erp.people_make("Customer", OrgNumber="982463718", Info={"Name": "Bare I Regnskapet AS"})
    other = erp.people_make("Customer", OrgNumber="971032081", Info={"Name": "Solberg Bygg AS"})
    same = str(erp.shown("Customer", other)["CustomerNumber"])
    stranger = crm.people_make("contact", Name="Solberg Byggmester AS", Category={"Id": 7002}, Number2=same)
    mine = {one: crm.entities["contact"][one]["Number2"] for one in (known, wanted, stranger)}
    assert all(mine.values())

    async def look(connection: Connection) -> Plan:
        return await plan(await connection.world(run_id="planned"), ["customer"])

    assert "number_unasked" in {one.kind for one in place.connected(look).findings}
    assert defaults(place) == 0
    place.settle(2, rules=["customer"])
    assert defaults(place) == 3  # one question, and one for each record that was made

    async def press(connection: Connection) -> Any:
        button = ErpButton(await connection.world(run_id="pressed", by="crm:502"))
        return await button.create(CrmAddress("contact", wanted), KEY, "customer")

    outcome = place.connected(press)
    assert outcome.number == str(erp.shown("Customer", outcome.erp_id)["CustomerNumber"])
    place.settle(2, rules=["customer"])
    link, made = place.linked("Customer", customer), place.linked("Customer", new)
    assert link is not None
    assert link.crm_id == known
    assert made is not None
    assert {one: crm.entities["contact"][one]["Number2"] for one in mine} == mine
    namesake = place.linked("Customer", other)
    assert namesake is not None
    assert namesake.crm_id != stranger  # an equal number says nothing where each system counts for itself
    assert crm.entities["contact"][made.crm_id]["Number2"].startswith("K-")
    assert not [one for one in crm.written if any("Number2" in field for field in one[3]) and one[0] == "PATCH"]
    (note,) = [one for one in place.open_issues() if one.kind == KIND]
    assert note.severity == "info"
    asked = defaults(place)
    writes = place.writes()
    erp.people_edit("Customer", customer, WebUrl="https://fjordlys.example")
    place.settle(2, rules=["customer"])
    assert place.writes() == writes + 1
    assert defaults(place) == asked
    crm.allots_number = False
    place.clock.advance(24 * 3600)
    erp.people_edit("Customer", customer, WebUrl="https://www.fjordlys.example")
    place.settle(2, rules=["customer"])
    numbers = {str(erp.shown("Customer", one)["CustomerNumber"]) for one in (customer, new, outcome.erp_id)}
    assert {crm.entities["contact"][one]["Number2"] for one in (known, wanted, made.crm_id)} == numbers
    assert not [one for one in place.open_issues() if one.kind == KIND]
