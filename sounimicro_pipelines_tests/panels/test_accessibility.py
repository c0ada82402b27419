"""axe-core finds nothing serious on any screen of the figures, in light and in dark."""

from __future__ import annotations

from typing import Any

import pytest

from sounimicro_pipelines_tests.panels.axe import serious_findings

pytestmark = pytest.mark.chromium
PARTY = "/panel/company?company=demo&role=customer&party=79"
SCREENS = (
    PARTY,
    f"{PARTY}&view=overdue&q=purret",
    f"{PARTY}&view=item&line=1004",
    f"{PARTY}&tab=statement",
    f"{PARTY}&tab=statement&format=print",
    f"{PARTY}&tab=budget",
    f"{PARTY}&tab=orders",
    f"{PARTY}&tab=orders&view=per-product",
    f"{PARTY}&tab=orders&view=per-requisition",
    f"{PARTY}&tab=orders&view=document&type=order&document=55",
    f"{PARTY}&tab=invoices",
    f"{PARTY}&tab=invoices&view=per-product",
    f"{PARTY}&tab=invoices&view=per-seller",
    f"{PARTY}&tab=invoices&view=invoice&invoice=411",
    f"{PARTY}&tab=projects",
    f"{PARTY}&tab=projects&view=project&project=31",
    "/panel/company?company=demo&role=customer&party=80",
    "/panel/company?company=demo&role=supplier&party=12&lang=en",
    "/panel/company?company=demo&role=customer&party=4711",
)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_screen_of_the_figures_keeps_anybody_out(chromium: Any, address: str, scheme: str) -> None:
    context = chromium.new_context(viewport={"width": 1280, "height": 900}, color_scheme=scheme, locale="nb-NO")
    page = context.new_page()
    found = {path: serious_findings(page, address + path) for path in SCREENS}
    context.close()
    assert {path: findings for path, findings in found.items() if findings} == {}
