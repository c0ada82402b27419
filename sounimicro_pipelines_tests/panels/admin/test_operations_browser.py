"""An administrator's day in a real browser: going live, deciding a conflict with one click, undoing a run."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from sounimicro_pipelines.store import runs
from sounimicro_pipelines.superoffice.bulk import SuperOfficeBulkReader
from sounimicro_pipelines.unimicro.bulk import UnimicroBulkReader
from sounimicro_pipelines.warehouse import extract
from sounimicro_pipelines_tests.panels.admin.operated_world import (
    OperatedWorld,
    dagster_makes_the_report,
    operated_world,
)
from sounimicro_pipelines_tests.panels.axe import serious_findings
from sounimicro_pipelines_tests.panels.signed_world import ADMINISTRATOR
from sounimicro_pipelines_tests.panels.test_browser import LOW_CONTRAST

pytestmark = pytest.mark.chromium
CRM = ("list_item", "contact", "person", "project")
ERP = ("BusinessRelation", "Customer", "Supplier", "Contact", "Project")
PAGES = ("issues", "losers", "runs", "go-live", "go-live/demo", "budget", "health", "audit")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OperatedWorld]:
    with operated_world(tmp_path_factory.mktemp("day"), live=False) as running:
        _read_registers(running)
        yield running


def _read_registers(world: OperatedWorld) -> None:
    """As the main job does before anybody goes live."""

    async def work() -> None:
        it = world.installation
        it.prepare_home()
        async with it.superoffice() as crm, it.unimicro() as erp:
            (company,), _ = await it.companies(erp)
            for reader, path, names in (
                (SuperOfficeBulkReader(crm), it.crm_file, CRM),
                (UnimicroBulkReader(erp.company(company)), it.erp_file("demo"), ERP),
            ):
                specs = [one for one in reader.specs if one.entity in names]
                await extract(reader, path, it.settings.landing_dir, specs, mode="full", clock=it.clock)

    world.clock.advance(3600)
    with ThreadPoolExecutor(1) as aside:
        aside.submit(asyncio.run, work()).result()


@pytest.fixture(scope="module")
def cookies(world: OperatedWorld) -> list[dict[str, str]]:
    browser = world.signed_in(ADMINISTRATOR)
    return [{"name": name, "value": value, "url": world.url} for name, value in browser.http.cookies.items()]


@pytest.fixture(params=[(1280, "light", True), (380, "dark", False)], ids=["wide", "narrow-dark-without-scripts"])
def page(
    request: pytest.FixtureRequest, chromium: Any, world: OperatedWorld, cookies: list[dict[str, str]]
) -> Iterator[Any]:
    width, scheme, scripts = request.param
    context = chromium.new_context(
        viewport={"width": width, "height": 800}, color_scheme=scheme, locale="nb-NO", java_script_enabled=scripts
    )
    context.add_cookies(cookies)
    yield context.new_page()
    context.close()


def see(page: Any, world: OperatedWorld, path: str) -> None:
    page.goto(f"{world.url}/admin/{path}")


@pytest.fixture
def live(world: OperatedWorld) -> None:
    """The company has gone live, and is in step."""
    with world.store.transaction() as tx:
        runs.accept_go_live(
            tx, tenant=world.tenant, company_key=world.key, report_id=None, by="cli", now=world.clock.now()
        )
    world.sync()


def test_a_company_goes_live_by_a_report_that_is_made_and_accepted_on_screen(page: Any, world: OperatedWorld) -> None:
    with world.store.transaction() as tx:
        for table in (tx.tables.go_live, tx.tables.go_live_reports):
            tx.execute(table.delete())
    see(page, world, "go-live")
    page.get_by_role("link", name="Nordlys Installasjon AS").click()
    page.get_by_role("button", name="Lag rapporten nå").click()
    assert "Rapporten er bestilt" in page.locator(".notice.good").inner_text()
    assert "En rapport ble bestilt" in page.locator("#progress").inner_text()
    assert dagster_makes_the_report(world)
    if page.viewport_size["width"] == 380:  # without scripts
        page.get_by_role("link", name="Se etter igjen").click()
    page.get_by_text("Bekkestad").first.wait_for(state="attached", timeout=15_000)
    assert page.locator("#progress").count() == 0
    counts = page.locator("table.grid tbody tr").filter(has_text="Kunde").first.locator("td").all_inner_texts()
    assert any(int(count) > 0 for count in counts[:5])
    with world.store.read() as tx:
        assert not runs.is_live(tx, world.tenant, world.key)
    matched = page.locator("#person details").filter(has_text="Kobles av seg selv").locator("tbody tr").first
    assert re.fullmatch(r"\S+ .*\(Person \d+\)", (matched.locator("th").text_content() or "").strip())
    assert re.fullmatch(r"\S+ .*\(Kontaktperson \d+\)", (matched.locator("td").first.text_content() or "").strip())
    page.get_by_role("button", name="Godta og sett i drift").click()
    assert "satt i drift" in page.locator(".notice.good").inner_text()
    with world.store.read() as tx:
        since = runs.live_since(tx, world.tenant, world.key)
    assert since is not None
    assert since.accepted_by == f"crm:associate:{ADMINISTRATOR}"
    assert page.get_by_role("button", name="Godta og sett i drift").count() == 0
    said = page.locator("#content").inner_text()
    assert "godtatt av" in said
    assert "CRM-bruker" not in said, "people are told by name"


@pytest.mark.usefixtures("live")
def test_a_conflict_is_decided_with_one_click_and_its_run_undone(page: Any, world: OperatedWorld) -> None:
    link = world.customers()[0]
    name = f"Fjord {page.viewport_size['width']} AS"
    world.disagree(link, f"{name} Nord", f"{name} Sør")
    see(page, world, "issues")
    matter = page.locator("article.matter", has_text=f"{name} Nord")
    matter.get_by_role("button", name="Bruk verdien i CRM").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**done=decided*")
    assert world.names(link) == (f"{name} Nord",) * 2
    page.get_by_role("link", name="Se hva kjøringen gjorde").click()
    page.get_by_role("button", name="Angre 1 felt").click()
    assert "1 felt er satt tilbake. 0 er latt stå." in page.locator("#outcome").inner_text()
    assert world.names(link) == (f"{name} Nord", f"{name} Sør")


@pytest.mark.usefixtures("live")
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (380, "dark")])
def test_every_page_fits_the_screen_and_can_be_read(
    chromium: Any, world: OperatedWorld, cookies: list[dict[str, str]], width: int, scheme: str
) -> None:
    links = world.customers()
    issue, _ = world.disagree(links[1], f"Lyse {width} AS", f"Mørke {width} AS")
    with world.store.read() as tx:
        latest = runs.listing(tx, changed_only=True, limit=1)[0].run_id
    context = chromium.new_context(
        viewport={"width": width, "height": 800}, color_scheme=scheme, locale="nb-NO", reduced_motion="reduce"
    )
    context.add_cookies(cookies)
    page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    for path in (*PAGES, f"issues/{issue.id}", f"runs/one?run={latest}"):
        see(page, world, path)
        assert page.locator("h2").count() >= 1, path
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
        assert page.evaluate(LOW_CONTRAST) == [], path
        assert serious_findings(page) == [], path
    assert all(url.startswith(world.url) for url in asked)
    context.close()
