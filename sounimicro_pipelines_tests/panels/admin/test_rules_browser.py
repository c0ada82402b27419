"""The rules editor in a real browser: a direction is changed and has its effect, rows are moved, mistakes shown."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from sounimicro_pipelines.store import rule_versions
from sounimicro_pipelines_tests.panels.admin.conftest import Office
from sounimicro_pipelines_tests.panels.axe import serious_findings
from sounimicro_pipelines_tests.panels.test_browser import Seen

pytestmark = pytest.mark.chromium
CUSTOMER = "/admin/rules/customer"


@pytest.fixture(autouse=True)
def _as_shipped(office: Office) -> Iterator[None]:
    yield
    with office.bench.store.transaction() as tx:
        tx.execute(tx.tables.rule_versions.delete())


def opened(chromium: Any, address: str, width: int = 1200, scheme: str = "light", **options: Any) -> Seen:
    context = chromium.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme, locale="nb-NO", **options
    )
    return Seen(context.new_page(), address)


@pytest.fixture
def seen(chromium: Any, address: str) -> Iterator[Seen]:
    found = opened(chromium, address)
    yield found
    found.page.context.close()


def save(seen: Seen) -> None:
    seen.page.get_by_role("button", name="Lagre regelen").click()
    seen.page.wait_for_url("**done=rule_saved*")


def names(seen: Seen) -> list[str]:
    found: list[str] = seen.page.locator("#rows > li").evaluate_all("rows => rows.map(r => r.dataset.name)")
    return found


def test_an_administrator_changes_a_direction_and_sees_its_effect_and_takes_it_back(office: Office, seen: Seen) -> None:
    page = seen.page
    office.write_in_erp("Postboks 123 Sentrum")
    seen.go("/admin")
    page.get_by_role("link", name="Regler", exact=True).click()
    page.get_by_role("link", name="Kunde", exact=True).click()
    page.get_by_label("Retning for Postadresse", exact=True).select_option(label="← Til ERP")
    page.get_by_role("button", name="Forhåndsvis").click()
    told = page.locator("#preview")
    told.wait_for()
    assert told.evaluate("e => document.activeElement === e")
    assert told.locator("table.grid tbody tr").all_inner_texts()[-1].split("\t")[1:] == [
        "Postadresse i CRM",
        "Postboks 123",
        "Postboks 123 Sentrum",
    ]
    assert "Skjer ikke lenger" in told.inner_text()
    save(seen)
    assert page.locator(".notice.good").inner_text() == "Regelen er lagret. Neste synkronisering følger den."
    office.sync()
    assert office.address() == "Postboks 123", "the ERP's address does not come to the CRM any more"
    page.get_by_role("link", name="Versjoner").click()
    page.get_by_role("button", name="Sett tilbake til versjon 1").click()
    page.wait_for_url("**done=rule_reverted*")
    office.write_in_erp("Postboks 123 Sentrum, 0107")
    office.sync()
    assert office.address() == "Postboks 123 Sentrum, 0107"
    assert seen.complaints == []
    assert all(url.startswith(seen.address) for url in seen.asked)


def test_rows_are_moved_by_keyboard_and_by_dragging_and_their_order_is_saved(office: Office, seen: Seen) -> None:
    seen.go(CUSTOMER)
    page, before = seen.page, names(seen)
    page.get_by_role("button", name="Flytt Navn ned", exact=True).focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Space")
    assert names(seen)[:3] == [before[1], before[2], "Navn"]
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "Flytt Navn ned"
    assert page.locator("#live").inner_text() == f"Navn er nå nummer 3 av {len(before)}."
    assert page.locator("#unsaved").inner_text() == "Endringene er ikke lagret."
    page.locator("#row-r4 .grip").drag_to(page.locator("#row-r1"), target_position={"x": 200, "y": 4})
    moved = [before[4], before[1], before[2], before[0], before[3]]
    assert names(seen)[:5] == moved
    assert page.locator("#row-r4").evaluate("e => getComputedStyle(e).opacity") == "1"
    save(seen)
    assert names(seen)[:5] == moved
    saved = [one.erp[0] for one in office.rule().fields[:5]]
    assert saved[0] == "Info.InvoiceAddress.AddressLine2"
    assert saved[1:4] == ["OrgNumber", "CustomerNumber", "Info.Name"]
    assert seen.complaints == []


def test_a_mistake_is_told_while_it_is_made_and_gone_when_it_is_mended(office: Office, seen: Seen) -> None:
    seen.go(CUSTOMER)
    page, row = seen.page, seen.page.locator("#row-r2")
    row.locator(".direction").select_option("both")
    row.locator(".refusals p").wait_for()
    assert "CustomerNumber i ERP kan ikke skrives" in row.locator(".refusals").inner_text()
    assert row.locator(".direction").get_attribute("aria-invalid") == "true"
    assert page.locator("#summary").is_visible()
    row.locator(".direction").select_option("to_crm")
    row.locator(".refusals p").wait_for(state="detached")
    assert page.locator("#summary").is_hidden()
    page.get_by_text("Legg til et felt").click()
    page.locator("#find-crm").fill("avdel")
    assert page.locator("[data-picker]:has(#find-crm) .pick li:visible").count() == 2
    page.get_by_role("radio", name="Avdeling").check()
    page.get_by_role("button", name="Legg til feltet").click()
    page.wait_for_load_state()
    assert names(seen)[-1] == "Avdeling"
    assert page.locator("#row-n0 .direction").input_value() == "none"
    with office.bench.store.read() as tx:
        assert rule_versions.current(tx, "customer") is None
    assert seen.complaints == []


@pytest.mark.parametrize(("width", "scheme"), [(380, "light"), (1200, "dark")])
def test_no_screen_keeps_anybody_out_or_is_wider_than_the_window(
    office: Office, chromium: Any, address: str, width: int, scheme: str
) -> None:
    """The rule about projects has few fields to choose from, which is quicker to judge; its screens are the same."""
    office.map_a_list()
    seen = opened(chromium, address, width, scheme)
    page = seen.page
    for path in ("/rules", "/rules/customer/versions", "/rules/project/yaml", "/lists"):
        seen.go(f"/admin{path}")
        page.locator("main details").evaluate_all("all => all.forEach(one => { one.open = true })")
        assert judged(page) == [], path
    seen.go("/admin/rules/project")
    page.locator("main details").evaluate_all("all => all.slice(-4).forEach(one => { one.open = true })")
    page.get_by_label("Retning for Startdato").select_option("both")
    page.locator(".refusals p").wait_for()
    assert judged(page) == []
    page.get_by_label("Retning for Startdato").select_option("none")
    page.locator('button[value="preview"]').click()
    page.locator("#preview").wait_for()
    assert judged(page) == []
    page.context.close()


def judged(page: Any) -> list[str]:
    """What axe-core finds serious, and whether the page is wider than its window."""
    wider = page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
    return [*serious_findings(page), *(["wider than the window"] if wider else [])]


def test_without_scripts_the_buttons_do_the_same(office: Office, chromium: Any, address: str) -> None:
    seen = opened(chromium, address, java_script_enabled=False)
    seen.go(CUSTOMER)
    page = seen.page
    page.get_by_role("button", name="Flytt Navn ned", exact=True).click()
    page.get_by_label("Retning for Nettsted", exact=True).select_option("to_crm")
    page.get_by_role("button", name="Lagre regelen").click()
    page.wait_for_url("**done=rule_saved*")
    page.context.close()
    assert [one.erp[0] for one in office.rule().fields[:2]] == ["OrgNumber", "Info.Name"]
    field = office.rule().field("WebUrl")
    assert field is not None
    assert field.direction == "to_crm"
