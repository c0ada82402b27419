"""Values of two records side by side: each system's list items by their own names."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from sounimicro_pipelines.panels.erp_tab.overview import shown
from sounimicro_pipelines.panels.erp_tab.requests import Compared
from sounimicro_pipelines.panels.words import words
from sounimicro_pipelines.unimicro.lists import Item


def compared(crm: str, erp: str, **values: Any) -> Compared:
    difference = cast(Any, SimpleNamespace(crm=crm, erp=erp))
    return Compared(difference, ("Associate.AssociateId",), ("DefaultSellerID",), "text", "both", False, **values)


def test_an_item_has_the_name_that_its_own_system_gives_it() -> None:
    one = compared("3", "3", items=(Item("3", "Kari (ERP)"),), crm_items=(Item("3", "Kari"), Item("4", "Ola")))
    assert (shown(words("nb"), one, "crm"), shown(words("nb"), one, "erp")) == ("Kari", "Kari (ERP)")


def test_an_item_that_nobody_names_stays_a_number_and_none_is_empty() -> None:
    one = compared("9", "0", items=(Item("3", "Kari"),))
    assert (shown(words("nb"), one, "crm"), shown(words("nb"), one, "erp")) == ("9", "")
