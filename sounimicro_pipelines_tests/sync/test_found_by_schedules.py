"""What random schedules have found, each as a short story of its own."""

from __future__ import annotations

import pytest

from sounimicro_pipelines_tests.sync.mutants import Broken
from sounimicro_pipelines_tests.sync.scenario import Scenario, StorePool
from sounimicro_pipelines_tests.sync.simulated import Trouble


@pytest.mark.parametrize("path", ["Address.Postal.City", "Urls[first].Value", "Name"])
def test_an_edit_while_the_record_is_created_elsewhere_travels_after_it(path: str) -> None:
    scenario = Scenario(1, StorePool(), Trouble(edit_between=1.0), active=("customer",))
    crm = scenario.company(scenario.crm, "contact")
    scenario.crm.person_types(crm, path)
    typed: list[str] = []

    def once() -> None:
        """Somebody types as soon as the customer is there."""
        if scenario.erp["K1"].living("Customer") and not typed:
            typed.append(scenario.crm.person_types(crm, path))

    scenario.hostile.person_edit = once
    scenario.polling_always = True
    scenario.run_engines()
    scenario.settle()
    scenario.check()
    (customer,) = scenario.erp["K1"].living("Customer")
    assert typed
    assert crm.values[path] == typed[0]
    assert typed[0] in customer.values.values()


def test_an_edit_rests_also_when_we_wrote_the_record_after_it() -> None:
    scenario = Scenario(1, StorePool(), Trouble(), active=("customer",), polling_always=True, quiet=30)
    crm = scenario.company(scenario.crm, "contact")
    scenario.settle()
    scenario.polling = True
    (customer,) = scenario.erp["K1"].living("Customer")
    address = scenario.erp["K1"].person_types(customer, "Info.InvoiceAddress.AddressLine1")
    scenario.hostile.clock.advance(40)
    typed = scenario.crm.person_types(crm, "Urls[first].Value")
    for _ in range(2):
        scenario.run_engines()
        scenario.hostile.clock.advance(12)
    assert crm.values["Address.Postal.Address1"] == address
    assert customer.values.get("WebUrl") != typed
    scenario.settle()
    scenario.check()
    assert customer.values["WebUrl"] == typed


def test_an_engine_that_never_rests_is_told() -> None:
    scenario = Scenario(1, StorePool(), Trouble(), active=("customer",))
    scenario.company(scenario.crm, "contact")
    scenario.hostile.writes += [("crm", "contact", 1, "Name", "", "")] * 1000
    with pytest.raises(Broken, match="it comes to rest"):
        scenario.settle()
