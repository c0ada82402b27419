"""Deciding, restoring, undoing and taking in on screen, as a browser asks, over two systems that are really in step."""

from __future__ import annotations

import asyncio
import contextlib
import html
import io
import re
import threading
import time
from collections.abc import Iterator
from urllib.parse import quote

import httpx
import pytest
from openpyxl import load_workbook

from sounimicro_pipelines.panels.admin import runs as runs_page
from sounimicro_pipelines.panels.admin import undoing
from sounimicro_pipelines.sandbox.faults import Fault
from sounimicro_pipelines.store import companies, conflicts, history, issues, links, runs, web, work
from sounimicro_pipelines.store.issues import Issue
from sounimicro_pipelines.sync import golive_asked
from sounimicro_pipelines.sync.opening import Connection
from sounimicro_pipelines.sync.undo import UndoReport
from sounimicro_pipelines.sync.world import World
from sounimicro_pipelines.warehouse.budget import read_register, register_path
from sounimicro_pipelines_tests.panels.admin.operated_world import (
    CITY,
    OperatedWorld,
    dagster_makes_the_report,
    operated_world,
)
from sounimicro_pipelines_tests.panels.signed_world import ADMINISTRATOR, SELLER, Browser

PAGES = (
    "/admin/issues",
    "/admin/issues?view=closed",
    "/admin/losers",
    "/admin/runs",
    "/admin/go-live",
    "/admin/go-live/demo",
    "/admin/budget",
    "/admin/budget/sample.csv",
    "/admin/health",
    "/admin/audit",
)
POSTS = (
    "/admin/issues/1/decide",
    "/admin/issues/1/dismiss",
    "/admin/losers/1/restore",
    "/admin/runs/undo",
    "/admin/go-live/demo/make",
    "/admin/go-live/demo/accept",
    "/admin/budget",
    "/admin/health/check",
    "/admin/health/panels",
)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OperatedWorld]:
    with operated_world(tmp_path_factory.mktemp("operated")) as running:
        yield running


@pytest.fixture(scope="module")
def admin(world: OperatedWorld) -> Browser:
    return world.signed_in(ADMINISTRATOR)


@pytest.fixture(scope="module")
def seller(world: OperatedWorld) -> Browser:
    return world.signed_in(SELLER)


def form_of(page: str, action: str, **chosen: str) -> dict[str, str]:
    """The fields of a form as its button sends them."""
    found = re.search(rf'<form[^>]*action="{re.escape(action)}[^"]*"[^>]*>(.*?)</form>', page, re.S)
    assert found is not None, action
    fields = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', found[1])
    return {name: html.unescape(value) for name, value in fields} | chosen


def press(browser: Browser, page: str, action: str, **chosen: str) -> httpx.Response:
    """Press a button of a page."""
    return browser.post(action, data=form_of(browser.get(page).text, action, **chosen))


def follow(browser: Browser, answer: httpx.Response) -> str:
    """The page that an answer leads to."""
    assert answer.status_code == 303, answer.text
    return browser.get(answer.headers["location"]).text


def trouble(world: OperatedWorld, kind: str, **about: object) -> Issue:
    with world.store.transaction() as tx:
        return issues.report(
            tx,
            fingerprint=f"test:{kind}:{about}",
            kind=kind,
            cause="It went wrong.",
            remedy="Do something.",
            now=world.clock.now(),
            company_key=world.key,
            **about,
        )


def test_all_of_it_is_for_administrators_alone(world: OperatedWorld, seller: Browser) -> None:
    for path in PAGES:
        assert seller.get(path).status_code == 403, path
    for path in POSTS:
        assert seller.post(path, data={"csrf_token": seller.csrf}).status_code == 403, path
    nobody = world.browser()
    assert {nobody.get(path).status_code for path in PAGES} == {401}


def test_what_was_not_sent_from_our_own_page_is_refused(world: OperatedWorld, admin: Browser) -> None:
    for path in POSTS:
        assert admin.post(path, data={"side": "crm"}).status_code == 403, path
        forged = {"csrf_token": admin.csrf}
        assert admin.post(path, data=forged, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403, path


@pytest.mark.parametrize("language", ["nb", "en"])
def test_every_page_is_there_in_both_languages(admin: Browser, language: str) -> None:
    for path in PAGES:
        answer = admin.get(f"{path}{'&' if '?' in path else '?'}lang={language}")
        assert answer.status_code == 200, (path, answer.text)
        if "sample" not in path:
            assert f'<html lang="{language}">' in answer.text


def test_one_click_decides_a_conflict_and_a_second_person_is_told(world: OperatedWorld, admin: Browser) -> None:
    link = world.customers()[0]
    issue, conflict = world.disagree(link, "Fjord Elektro AS", "<b>Fjord</b> Elektriske AS")
    page = admin.get("/admin/issues").text
    assert "Fjord Elektro AS" in page
    assert "&lt;b&gt;Fjord&lt;/b&gt;" in page
    action = f"/admin/issues/{issue.id}/decide"
    fields = form_of(page, action, side="erp")
    answer = admin.post(action, data=fields)
    done = follow(admin, answer)
    assert "Valget er gjort" in done
    assert world.names(link) == ("<b>Fjord</b> Elektriske AS",) * 2
    run = answer.headers["location"].split("run=")[1].split("&")[0]
    told = admin.get(f"/admin/runs/one?run={run}").text
    assert "Stemmer" in told
    assert "Fjord Elektro AS" in told
    assert world.told[-1].action == "decide"
    again = admin.post(action, data=fields | {"side": "crm"})
    assert again.status_code == 409
    assert "avgjort i mellomtiden" in again.text
    assert world.names(link) == ("<b>Fjord</b> Elektriske AS",) * 2
    with world.store.read() as tx:
        kept = conflicts.get(tx, conflict.id)
        (entry,) = [one for one in web.audit_log(tx) if one["action"] == "conflict_decided"]
    assert "side: regnskapet" in admin.get("/admin/audit").text
    assert kept is not None
    assert (kept.state, kept.decided_by) == ("decided", f"crm:associate:{ADMINISTRATOR}")
    assert entry["subject"] == f"conflict:{conflict.id}"


def test_nobody_decides_on_values_that_he_was_not_shown(world: OperatedWorld, admin: Browser) -> None:
    link = world.customers()[1]
    issue, _ = world.disagree(link, "Nordlys AS", "Nordlys Bakeri AS")
    action = f"/admin/issues/{issue.id}/decide"
    fields = form_of(admin.get("/admin/issues").text, action, side="crm")
    world.sandbox.erp.edit(1, "Customer", link.erp_id, {"Info.Name": "Nordlys Konditori AS"})
    world.sync()
    answer = admin.post(action, data=fields)
    assert answer.status_code == 409
    assert "endret siden den ble vist" in answer.text
    assert "Nordlys Konditori AS" in answer.text
    assert world.names(link) == ("Nordlys AS", "Nordlys Konditori AS")
    assert follow(admin, press(admin, f"/admin/issues/{issue.id}", action, side="crm"))
    assert world.names(link) == ("Nordlys AS",) * 2


def test_while_the_erp_is_down_nothing_is_decided_and_the_page_says_so(world: OperatedWorld, admin: Browser) -> None:
    link = world.customers()[2]
    issue, conflict = world.disagree(link, "Vest Rør AS", "Vestlandske Rør AS")
    world.sandbox.faults.script(Fault("unavailable", system="erp", times=40, retry_after=0.01))
    answer = press(admin, f"/admin/issues/{issue.id}", f"/admin/issues/{issue.id}/decide", side="crm")
    world.sandbox.faults.scripted.clear()
    assert answer.status_code == 503, answer.text
    assert "Regnskapet svarer ikke" in answer.text
    with world.store.read() as tx:
        kept = conflicts.get(tx, conflict.id)
    assert kept is not None
    assert kept.state == "open"
    follow(admin, press(admin, f"/admin/issues/{issue.id}", f"/admin/issues/{issue.id}/decide", side="crm"))
    assert world.names(link) == ("Vest Rør AS",) * 2


def test_a_value_that_gave_way_is_restored_with_one_click_and_can_be_undone(
    world: OperatedWorld, admin: Browser
) -> None:
    link = world.customers()[3]
    before = world.names(link)[0]
    issue, conflict = world.disagree(link, f"{before} Nord", f"{before} Sør")
    follow(admin, press(admin, "/admin/issues", f"/admin/issues/{issue.id}/decide", side="erp"))
    action = f"/admin/losers/{conflict.id}/restore"
    fields = form_of(admin.get("/admin/losers").text, action)
    answer = admin.post(action, data=fields)
    assert "Verdien er hentet tilbake" in follow(admin, answer)
    assert world.names(link) == (f"{before} Nord",) * 2
    again = admin.post(action, data=fields)
    assert again.status_code == 409
    assert "hentet tilbake allerede" in again.text
    run = answer.headers["location"].split("run=")[1].split("&")[0]
    undone = press(admin, f"/admin/runs/one?run={run}", "/admin/runs/undo")
    assert undone.status_code == 200
    assert "2 felt er satt tilbake. 0 er latt stå." in undone.text
    assert world.names(link) == (f"{before} Sør",) * 2


def test_an_undo_tells_what_it_left_and_why(world: OperatedWorld, admin: Browser) -> None:
    link = world.customers()[4]
    postal = {"Address1": "Postboks 123 Sentrum", "City": "TROMSØ"}
    world.sandbox.crm.edit("contact", link.crm_id, {"Address": {"Postal": postal}})
    world.sync()
    with world.store.read() as tx:
        lines = history.of_record(tx, tenant=link.tenant, crm=("contact", link.crm_id), field=CITY)
    run = str(lines[0].run_id)
    world.sandbox.erp.edit(1, "Customer", link.erp_id, {"Info.InvoiceAddress.City": "BODØ"})
    page = press(admin, f"/admin/runs/one?run={run}", "/admin/runs/undo").text
    assert "1 er latt stå" in page
    assert "Noen har endret feltet siden." in page
    assert "Poststed" in page
    assert world.told[-1].action == "undo"
    again = admin.post("/admin/runs/undo", data={"csrf_token": admin.csrf, "run": run})
    assert "0 felt er satt tilbake" in again.text
    assert "Dette er angret før." in again.text
    unknown = admin.post("/admin/runs/undo", data={"csrf_token": admin.csrf, "run": "no-such-run"})
    assert unknown.status_code == 404
    listed = admin.get("/admin/runs?changed=1").text
    assert quote(run, safe="") in listed


def test_an_undo_that_takes_long_tells_how_far_it_has_come(
    world: OperatedWorld, admin: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = world.customers()[3]
    world.sandbox.crm.edit("contact", link.crm_id, {"Address": {"Postal": {"Address1": "Lang vei 1", "City": "ALTA"}}})
    world.sync()
    with world.store.read() as tx:
        run = str(history.of_record(tx, tenant=link.tenant, crm=("contact", link.crm_id), field=CITY)[0].run_id)
    goes_on = threading.Event()
    real = undoing.undo

    async def slow(running: World, run_id: str) -> UndoReport:
        await asyncio.to_thread(goes_on.wait, 20)
        return await real(running, run_id)

    monkeypatch.setattr(undoing, "undo", slow)
    monkeypatch.setattr(undoing, "AT_ONCE", 0.05)
    try:
        first = press(admin, f"/admin/runs/one?run={run}", "/admin/runs/undo")
        page = follow(admin, first)
        assert re.search(r"0 av \d+ felt er satt tilbake", page)
        again = admin.post("/admin/runs/undo", data={"csrf_token": admin.csrf, "run": run})
        assert again.headers["location"] == first.headers["location"]
        with world.store.read() as tx:
            assert [one.run_id for one in runs.listing(tx) if one.undo_of == run] == []
    finally:
        goes_on.set()
    monkeypatch.setattr(undoing, "AT_ONCE", 20.0)
    done = admin.get("/admin/runs/undoing", params={"run": run})
    for _ in range(100):
        if done.status_code == 200:
            break
        time.sleep(0.05)
        done = admin.get("/admin/runs/undoing", params={"run": run})
    assert re.search(r"[1-9]\d* felt er satt tilbake", done.text)
    with world.store.read() as tx:
        assert len([one for one in runs.listing(tx) if one.undo_of == run]) == 1
        assert sum(one["action"] == "run_undone" and one["subject"] == f"run:{run}" for one in web.audit_log(tx)) == 1
    assert admin.get("/admin/runs/undoing", params={"run": "no-such-run"}).status_code == 404


def test_a_suggested_link_is_made_or_told_apart(world: OperatedWorld, admin: Browser) -> None:
    made = [
        world.sandbox.crm.create("contact", {"Name": name, "Emails": [{"Value": "post@polarlys.no"}]})
        for name in ("Polarlys Kafe AS", "Polarlys Kafe Drift AS")
    ]
    customer = world.sandbox.erp.add(1, "Customer", {"Info": {"Name": "Polarlys Kafe"}})
    about = {"rule": "customer", "side": "erp", "erp_entity": "Customer", "erp_id": customer, "severity": "warning"}
    told = [{"id": one, "score": 0.8, "reasons": ["same_name"]} for one in made]
    issue = trouble(world, "possible_duplicate", **about, details={"candidates": told})
    page = admin.get(f"/admin/issues/{issue.id}").text
    assert "Polarlys Kafe AS" in page
    assert "Polarlys Kafe Drift AS" in page
    unknown = admin.post(f"/admin/issues/{issue.id}/link", data={"csrf_token": admin.csrf, "other": "999999"})
    assert unknown.status_code == 409
    apart = admin.post(f"/admin/issues/{issue.id}/apart", data={"csrf_token": admin.csrf, "other": str(made[1])})
    assert "Polarlys Kafe Drift AS" not in follow(admin, apart)
    linked = press(admin, f"/admin/issues/{issue.id}", f"/admin/issues/{issue.id}/link")
    follow(admin, linked)
    with world.store.read() as tx:
        link = links.for_erp(tx, world.key, "Customer", customer)
    assert link is not None
    assert link.crm_id == made[0]


def test_an_issue_is_tried_again_or_put_away_once(world: OperatedWorld, admin: Browser) -> None:
    link = world.customers()[5]
    about = {"rule": "customer", "side": "erp", "erp_entity": "Customer", "erp_id": link.erp_id, "dead": True}
    issue = trouble(world, "serverfailed", **about, details={"messages": ["Serien er <låst>"]})
    assert "Med systemets egne ord: Serien er &lt;låst&gt;" in admin.get(f"/admin/issues/{issue.id}").text
    follow(admin, press(admin, "/admin/issues?kind=serverfailed", f"/admin/issues/{issue.id}/retry"))
    with world.store.read() as tx:
        waiting = [(one.side, one.record_id, one.origin) for one in work.listing(tx, "customer", state="ready")]
    assert ("erp", link.erp_id, "person") in waiting
    fields = form_of(admin.get(f"/admin/issues/{issue.id}").text, f"/admin/issues/{issue.id}/dismiss")
    follow(admin, admin.post(f"/admin/issues/{issue.id}/dismiss", data=fields))
    assert admin.post(f"/admin/issues/{issue.id}/dismiss", data=fields).status_code == 409
    assert "Lagt bort" in admin.get("/admin/issues?view=closed").text
    assert admin.get("/admin/issues/999999").status_code == 404


def test_a_stopped_register_is_confirmed_with_one_click(world: OperatedWorld, admin: Browser) -> None:
    with world.store.transaction() as tx:
        guard = runs.Guard("erp", world.key, "Contact", "stopped", 20, 9, world.clock.now(), None, None)
        runs.set_guard(tx, guard)
    with world.store.transaction() as tx:
        issue = issues.report(
            tx,
            fingerprint=f"guard:erp:{world.key}:Contact",
            kind="mass_delete",
            cause="Many are gone.",
            remedy="Confirm.",
            now=world.clock.now(),
            company_key=world.key,
            side="erp",
            erp_entity="Contact",
        )
    follow(admin, press(admin, "/admin/issues?kind=mass_delete", f"/admin/issues/{issue.id}/confirm"))
    with world.store.read() as tx:
        found = runs.guard(tx, "erp", world.key, "Contact")
    assert found is not None
    assert (found.state, found.confirmed_by) == ("confirmed", f"crm:associate:{ADMINISTRATOR}")


def upload(admin: Browser, name: str, content: bytes) -> httpx.Response:
    return admin.post(
        "/admin/budget",
        data={"csrf_token": admin.csrf, "company": "demo"},
        files={"file": (name, content, "application/octet-stream")},
    )


def test_a_budget_is_taken_in_whole_and_the_samples_are_good_files(world: OperatedWorld, admin: Browser) -> None:
    register = register_path(world.folder, "demo")
    for kind in ("csv", "xlsx"):
        sample = admin.get(f"/admin/budget/sample.{kind}")
        assert sample.status_code == 200
        page = follow(admin, upload(admin, f"budsjett.{kind}", sample.content))
        assert "3 linjer for 2026" in page
        assert len(read_register(register)) == 3
    assert load_workbook(io.BytesIO(admin.get("/admin/budget/sample.xlsx").content)).active is not None


def test_a_bad_budget_file_names_rows_and_columns_and_changes_nothing(world: OperatedWorld, admin: Browser) -> None:
    register = register_path(world.folder, "demo")
    upload(admin, "godt.csv", b"customer_number;year;period;amount\n7;2025;1;10,50\n")
    before = read_register(register)
    bad = b"customer_number;year;period;amount\n7;2025;13;ti\n;2025;2;1,00\n<script>;2025;2;1,005\n"
    answer = upload(admin, "../../<i>feil.csv", bad)
    assert answer.status_code == 422
    text = " ".join(re.sub(r"<[^>]+>", " ", answer.text).split())
    assert "2 period «13» er ikke en periode fra 1 til 12." in text
    assert "2 amount «ti» er ikke et beløp" in text
    assert "3 customer_number Cellen er tom." in text
    assert "<i>feil" not in answer.text
    assert read_register(register) == before
    for name, content in (("x.pdf", b"%PDF"), ("x.xlsx", b"no workbook"), ("x.csv", b""), ("x.csv", b"a;b\n1;2\n")):
        assert upload(admin, name, content).status_code == 422, name
    assert read_register(register) == before
    elsewhere = admin.post(
        "/admin/budget",
        data={"csrf_token": admin.csrf, "company": "../ukjent"},
        files={"file": ("x.csv", b"", "text/csv")},
    )
    assert elsewhere.status_code == 404


def test_the_panels_are_put_into_the_crm_once_and_found_again(world: OperatedWorld, admin: Browser) -> None:
    assert "Mangler" in admin.get("/admin/health").text
    assert "lagt inn i CRM" in follow(admin, press(admin, "/admin/health", "/admin/health/panels"))
    page = admin.get("/admin/health").text
    assert page.count("Står i CRM") == 4
    assert "lå der fra før" in follow(admin, press(admin, "/admin/health", "/admin/health/panels"))


def test_a_panel_whose_address_has_changed_is_turned_to_us_and_stays_where_it_was_moved(
    world: OperatedWorld, admin: Browser
) -> None:
    press(admin, "/admin/health", "/admin/health/panels")
    row = next(one for one in world.sandbox.crm.db["webpanel"] if one["values"]["ProgId"] == "sounimicro.person")
    ours = row["values"]["Url"]
    row["values"] = {**row["values"], "Url": "https://old.example.no/panel/person", "VisibleIn": "SaleCard"}
    assert "Åpner en annen adresse" in admin.get("/admin/health").text
    page = follow(admin, press(admin, "/admin/health", "/admin/health/panels"))
    assert "åpner nå den riktige adressen" in page
    assert page.count("Står i CRM") == 4
    assert (row["values"]["Url"], row["values"]["VisibleIn"]) == (ours, "SaleCard")


def test_the_doctor_is_asked_on_screen(world: OperatedWorld, admin: Browser) -> None:
    for settings in world.sandbox.erp.rows(1, "CompanySettings"):
        world.sandbox.erp.edit(1, "CompanySettings", settings["ID"], {"StoreDistributedInvoice": False})
    page = follow(admin, press(admin, "/admin/health", "/admin/health/check"))
    assert "Innlogging i CRM" in page
    assert "ikke satt til å lagre kopier av fakturaene" in page
    assert "registre kan leses" in page
    assert 'lang="en"' not in page.split('<ul class="findings">')[1].split("</ul>")[0]


async def _name_of(connection: Connection, associate: int) -> str:
    items = await connection.crm.lists.items("associate")
    return next(one.full_name or one.name for one in items if one.id == associate)


def test_the_log_keeps_numbers_and_the_page_tells_names(world: OperatedWorld, admin: Browser) -> None:
    name = world.ask(lambda one: _name_of(one, ADMINISTRATOR))
    with world.store.read() as tx:
        assert name not in str(web.audit_log(tx))
    page = admin.get("/admin/audit").text
    assert name in page
    assert f"CRM-bruker {ADMINISTRATOR}" not in page
    world.app.state.panels.tenant._kept["people",] = (world.clock.now(), None)
    assert f"CRM-bruker {ADMINISTRATOR}" in admin.get("/admin/audit").text
    assert "Logget inn" in page
    only = admin.get("/admin/audit?about=decisions&page=1").text
    assert "Logget inn" not in only.split("<tbody>")[1].split("</tbody>")[0]


def test_fields_that_keep_a_record_from_being_created_are_named_in_words(world: OperatedWorld, admin: Browser) -> None:
    wrong = {"OrgNr": {"kind": "missing", "cause": "OrgNr is missing.", "remedy": "Fill it in."}}
    issue = trouble(world, "incomplete", rule="customer", crm_entity="contact", crm_id=1004, details={"fields": wrong})
    page = admin.get(f"/admin/issues/{issue.id}").text
    assert "<li>Organisasjonsnummer: Dette må fylles ut.</li>" in page


def test_a_company_for_other_groups_is_not_shown(
    world: OperatedWorld, admin: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The settings give a company to CRM user groups; administrators who are in none of them do not see it."""
    with world.store.transaction() as tx:
        row = companies.by_key(tx, world.key)
        assert row is not None
        for name in ("hidden-1", "hidden-2"):
            runs.start(tx, name, kind="sync", by="test", now=world.clock.now(), company_key=world.key)
    monkeypatch.setattr(runs_page, "AT_ONCE", 1)
    issue = trouble(world, "not_kept", erp_entity="Customer", erp_id=77)
    groups = world.app.state.panels.walls._company_groups
    world.app.state.panels.walls._company_groups = {"demo": frozenset({987654})}
    try:
        assert f"/admin/issues/{issue.id}" not in admin.get("/admin/issues?kind=not_kept").text
        assert admin.get(f"/admin/issues/{issue.id}").status_code == 404
        assert admin.get("/admin/go-live/demo").status_code == 403
        assert "demo" not in admin.get("/admin/budget").text
        listed = admin.get("/admin/runs").text
        assert ("hidden-" in listed, "page=2" in listed) == (False, True), "what others may see hides no page of ours"
        refused = admin.post(f"/admin/issues/{issue.id}/dismiss", data={"csrf_token": admin.csrf})
        assert refused.status_code == 404
    finally:
        world.app.state.panels.walls._company_groups = groups


def test_a_go_live_report_is_asked_for_on_screen_and_made_by_dagster(world: OperatedWorld, admin: Browser) -> None:
    page, make = "/admin/go-live/demo", "/admin/go-live/demo/make"
    assert "Rapporten er bestilt" in follow(admin, press(admin, page, make))
    press(admin, page, make)
    with world.store.read() as tx:
        assert len(work.listing(tx, golive_asked.KIND)) == 1
        assert golive_asked.asked(tx, world.clock.now()) == ["demo"]
    assert "ingen har begynt" not in admin.get(page).text
    world.clock.advance(180)
    assert "ingen har begynt" in admin.get(page).text
    assert not dagster_makes_the_report(world)
    shown = admin.get(page).text
    assert "Registrene er ikke hentet ennå." in shown
    assert 'id="progress"' not in shown
    with world.store.read() as tx:
        assert work.listing(tx, golive_asked.KIND) == []
        (made,) = [one for one in runs.listing(tx) if one.kind == golive_asked.KIND]
    assert made.state == "failed"
    assert "Rapport før drift" in admin.get("/admin/runs").text


def test_a_report_whose_maker_was_killed_is_made_by_the_next(world: OperatedWorld, admin: Browser) -> None:
    press(admin, "/admin/go-live/demo", "/admin/go-live/demo/make")

    async def die(connection: Connection) -> None:
        with contextlib.suppress(KeyboardInterrupt), golive_asked.Making(await connection.world(), world.key):
            raise KeyboardInterrupt

    world.ask(die)
    assert "under arbeid" in admin.get("/admin/go-live/demo").text
    world.clock.advance(301)
    assert not dagster_makes_the_report(world)  # the registers have not been read, which ends the wish as well
    with world.store.read() as tx:
        assert work.listing(tx, golive_asked.KIND) == []
