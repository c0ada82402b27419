"""A real browser signs in from inside the CRM's page: on this machine by plain http, and across sites by https."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from sounimicro_pipelines.sandbox import Sandbox
from sounimicro_pipelines.sandbox.unimicro.documents import add_file
from sounimicro_pipelines.sandbox.unimicro.pdf import make_pdf
from sounimicro_pipelines.store import rule_versions
from sounimicro_pipelines_tests import machines
from sounimicro_pipelines_tests.panels.axe import serious_findings
from sounimicro_pipelines_tests.panels.signed_world import (
    ABB,
    ADMINISTRATOR,
    FIGURES,
    HOSTILE,
    SECOND,
    SELLER,
    Documents,
    SignedWorld,
    provision_panel,
    signed_world,
)

pytestmark = pytest.mark.chromium
BLOCK_THIRD_PARTY_COOKIES = "--test-third-party-cookie-phaseout"
HOSTILE_NAME = "<img src=x onerror=alert(1)>.html"


def stored(sandbox: Sandbox) -> Documents:
    """A PDF that the browser shows, and a page that it must not."""
    found, store = Documents(), sandbox.erp.store(1)
    pdf = make_pdf("Faktura 30411", ["Til: ABB Installasjon AS"])
    page = b"<!DOCTYPE html><title>owned</title><script>document.title = 'ran'</script>"
    for file_id, name, kind, content in (
        (901, "Faktura 30411.pdf", "application/pdf", pdf),
        (902, HOSTILE_NAME, "text/html", page),
    ):
        row = add_file(store, name, content, [], content_type=kind)
        found.add("customer_invoice", 411, file_id, name, kind, len(content), row["StorageReference"])
    return found


@pytest.fixture(scope="module", params=[pytest.param("loopback", marks=pytest.mark.nightly), "across-sites"])
def framed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SignedWorld]:
    """The panel on the CRM's company card. Across sites, the CRM's page and the panel's are strangers to a browser."""
    across = request.param == "across-sites"
    host = "panels.localhost" if across else "127.0.0.1"
    folder = tmp_path_factory.mktemp("framed")
    with signed_world(folder, host=host, encrypted=across, documents=stored) as made:
        provision_panel(made)
        yield made


@pytest.fixture(scope="module")
def strict_chromium(chromium: Any) -> Iterator[Any]:
    """A browser that lets no third party keep cookies, unless they are partitioned."""
    browser = chromium.browser_type.launch(
        executable_path=machines.chromium_path(),
        args=["--no-sandbox", "--disable-gpu", "--disable-background-networking", BLOCK_THIRD_PARTY_COOKIES],
    )
    yield browser
    browser.close()


class Desk:
    """Somebody at a CRM page; everything the browser asked for and complained about is kept."""

    def __init__(self, world: SignedWorld, browser: Any) -> None:
        self.world = world
        self.context = browser.new_context(locale="nb-NO", ignore_https_errors=True)
        self.asked: list[str] = []
        self.complaints: list[str] = []
        self.context.on("request", lambda request: self.asked.append(request.url))
        self.answers: list[tuple[str, int, str]] = []
        self.context.on("response", self._answered)
        self.context.on("console", self._heard)
        self.context.on("weberror", lambda error: self.complaints.append(str(error.error)))
        self.context.on("dialog", lambda dialog: self.complaints.append(dialog.message))
        self.page = self.context.new_page()

    def _answered(self, response: Any) -> None:
        self.answers.append((response.url, response.status, response.headers.get("content-type", "")))

    def _heard(self, message: Any) -> None:
        """That nobody is signed in is told with status 401; the CRM's page has no icon."""
        if "status of 401" not in message.text and message.location["url"].startswith(self.world.url):
            self.complaints.append(message.text)

    def open_card(self, contact: int = ABB) -> Any:
        """The CRM's page of a company; answers the panel's frame in it."""
        base = f"{self.world.crm_url}/{self.world.sandbox.crm.host}/{self.world.tenant}"
        self.page.goto(f"{base}/default.aspx?contact.main?contact_id={contact}")
        return self.page.frame_locator("iframe")

    def panel(self) -> Any:
        """The panel's frame itself, to look at its document."""
        return next(frame for frame in self.page.frames if frame.url.startswith(self.world.url))

    def sign_in(self, frame: Any, associate: int = SELLER) -> None:
        with self.page.expect_popup() as opened:
            frame.get_by_role("button", name="Logg inn med CRM").click()
        popup = opened.value
        popup.locator(f'button[value="{self.world.login(associate)}"]').click()
        if not popup.is_closed():
            popup.wait_for_event("close")

    def signed_in(self, contact: int = ABB) -> Any:
        frame = self.open_card(contact)
        self.sign_in(frame)
        frame.locator("#session-name").wait_for()
        return frame


@pytest.fixture
def desk(framed: SignedWorld, strict_chromium: Any) -> Iterator[Desk]:
    made = Desk(framed, strict_chromium)
    yield made
    made.context.close()


def test_a_person_signs_in_from_the_frame_and_sees_the_figures_there(desk: Desk) -> None:
    frame = desk.open_card()
    frame.get_by_role("heading", name="Logg inn").wait_for()
    desk.sign_in(frame)
    frame.get_by_role("link", name="Kunde").click()
    frame.get_by_role("heading", name="ABB Installasjon AS").wait_for()
    assert frame.locator("table.grid tbody th").all_inner_texts() == ["30411", "30502", "30510", "30520", "2026-99"]
    who = desk.world.sandbox.crm.db["person"].rows[desk.world.sandbox.crm.db["associate"].rows[SELLER]["person_id"]]
    assert who["lastname"] in frame.locator("#session-name").inner_text()
    assert frame.locator(".in-crm").count() == 1
    assert not frame.locator(".in-crm").is_visible(), "the record stands on the screen already"
    frame.get_by_role("link", name="Se som leverandør").click()
    frame.get_by_text("Leverandør 20012").wait_for()
    assert desk.complaints == []
    assert all(url.startswith((desk.world.url, desk.world.crm_url)) for url in desk.asked)


def test_what_was_typed_is_sent_again_after_signing_in(desk: Desk) -> None:
    page, place = desk.page, f"{desk.world.url}/admin/rules/project?lang=nb"
    page.goto(place)
    desk.sign_in(page, ADMINISTRATOR)
    page.locator("#session-name").wait_for()
    field = page.locator('select[name$=".direction"]').first
    field.select_option("none")
    desk.context.clear_cookies()
    page.locator('button[name="act"][value="save"]').first.click()
    page.get_by_text("Det du skrev, er tatt vare på her").wait_for()
    assert serious_findings(page) == []
    desk.sign_in(page, ADMINISTRATOR)
    page.get_by_text("Det du skrev, er ikke sendt ennå").wait_for()
    page.get_by_role("button", name="Send på nytt").click()
    page.locator("#session-name").wait_for()
    assert page.locator('select[name$=".direction"]').first.input_value() == "none"
    with desk.world.store.read() as tx:
        assert rule_versions.current(tx, "project") is not None
    assert desk.complaints == []


def test_signed_in_once_the_next_card_shows_its_figures_at_once(desk: Desk) -> None:
    desk.signed_in()
    frame = desk.open_card(SECOND)
    frame.get_by_role("heading", name="Tomt & Greit AS").wait_for()
    desk.page.reload()
    frame.get_by_role("heading", name="Tomt & Greit AS").wait_for()


def test_the_cookies_are_kept_from_scripts_and_from_other_sites(desk: Desk) -> None:
    desk.signed_in()
    cookies = {cookie["name"]: cookie for cookie in desk.context.cookies()}
    assert desk.panel().evaluate("document.cookie") == ""
    assert all(cookie["httpOnly"] for name, cookie in cookies.items() if "panels" in name)
    if not desk.world.url.startswith("https"):
        assert cookies["panels_session"]["sameSite"] == "Lax"
        return
    framed, window = cookies["__Host-panels-frame"], cookies["__Host-panels"]
    assert (framed["secure"], framed["sameSite"], framed["partitionKey"]) == (True, "None", "http://127.0.0.1")
    assert (window["secure"], window["sameSite"], window.get("partitionKey")) == (True, "Lax", None)
    desk.panel().evaluate("document.cookie = 'plain=1; SameSite=None; Secure'")
    assert desk.panel().evaluate("document.cookie") == "", "this browser lets no third party keep plain cookies"


def test_signing_out_in_the_frame_ends_it_everywhere(desk: Desk) -> None:
    frame = desk.signed_in()
    own_window = desk.context.new_page()
    own_window.goto(f"{desk.world.url}/panel/company?{FIGURES}")
    own_window.get_by_role("heading", name="ABB Installasjon AS").wait_for()
    frame.get_by_role("button", name="Logg ut").click()
    frame.get_by_role("button", name="Logg inn med CRM").wait_for()
    own_window.reload()
    own_window.get_by_role("button", name="Logg inn med CRM").wait_for()


def test_a_window_of_ones_own_signs_in_the_same_way(desk: Desk) -> None:
    desk.page.goto(f"{desk.world.url}/panel/company?{FIGURES}&lang=nb")
    desk.sign_in(desk.page)
    desk.page.get_by_role("heading", name="ABB Installasjon AS").wait_for()


def test_a_sign_in_in_one_frame_opens_the_others(desk: Desk) -> None:
    frame = desk.open_card()
    desk.page.evaluate(
        "url => document.body.append(Object.assign(document.createElement('iframe'), {src: url, id: 'second'}))",
        f"{desk.world.url}{desk.world.panel(SECOND)}",
    )
    second = desk.page.frame_locator("#second")
    second.get_by_role("button", name="Logg inn med CRM").wait_for()
    first = desk.page.frame_locator("iframe >> nth=0")
    desk.sign_in(first)
    second.get_by_role("heading", name="Tomt & Greit AS").wait_for()
    assert frame is not None


def test_a_pop_up_that_is_closed_or_cancelled_can_be_tried_again(desk: Desk) -> None:
    frame = desk.open_card()
    button = frame.get_by_role("button", name="Logg inn med CRM")
    with desk.page.expect_popup() as opened:
        button.click()
    assert button.is_disabled()
    opened.value.close()
    frame.get_by_text("Innloggingen ble ikke fullført").wait_for()
    with desk.page.expect_popup() as opened:
        button.click()
    opened.value.get_by_role("button", name="Avbryt").click()
    opened.value.get_by_role("heading", name="Innloggingen ble avbrutt").wait_for()
    opened.value.close()
    frame.get_by_text("Innloggingen ble ikke fullført").wait_for()
    desk.sign_in(frame)
    frame.locator("#session-name").wait_for()


def test_a_code_from_somebody_else_than_the_pop_up_is_not_taken(desk: Desk) -> None:
    """The CRM's page, or any page that frames us, says that a sign-in is done: with a code, in every shape."""
    frame = desk.open_card()
    frame.get_by_role("button", name="Logg inn med CRM").wait_for()
    with desk.page.expect_popup() as opened:
        frame.get_by_role("button", name="Logg inn med CRM").click()
    desk.page.evaluate(
        """() => { for (const told of [{kind: 'panels-signed-in', code: 'x'.repeat(43)}, 'panels-signed-in', null, 7])
            frames[0].postMessage(told, '*'); }"""
    )
    desk.panel().evaluate("window.postMessage({kind: 'panels-signed-in', code: 'y'.repeat(43)}, '*')")
    desk.page.wait_for_timeout(300)
    assert not [url for url in desk.asked if url.endswith("/auth/exchange")]
    assert not opened.value.is_closed()


def test_a_strange_page_that_opens_the_pop_up_gets_no_code(desk: Desk) -> None:
    """Somebody lures a person who would be signed in without asking: the code goes to our own origin alone."""
    stranger = desk.context.new_page()
    stranger.goto(f"{desk.world.crm_url}/api/state/{desk.world.tenant}")
    stranger.evaluate("window.told = []; addEventListener('message', event => window.told.push(event.data))")
    with stranger.expect_popup() as opened:
        stranger.evaluate("url => void window.open(url)", f"{desk.world.url}/auth/start?challenge={'a' * 64}")
    popup = opened.value
    popup.locator(f'button[value="{desk.world.login(SELLER)}"]').click()
    if not popup.is_closed():
        popup.wait_for_event("close")
    assert [status for url, status, _ in desk.answers if "/auth/callback" in url] == [200]
    assert stranger.evaluate("window.told") == []


def test_the_code_does_not_stay_in_the_pop_ups_address(desk: Desk) -> None:
    frame = desk.open_card()
    with desk.page.expect_popup() as opened:
        frame.get_by_role("button", name="Logg inn med CRM").click()
    popup = opened.value
    popup.add_init_script("window.close = () => {}")
    popup.locator(f'button[value="{desk.world.login(SELLER)}"]').click()
    popup.get_by_role("heading", name="Du er logget inn").wait_for()
    popup.wait_for_url(f"{desk.world.url}/auth/callback")
    popup.close()


def test_only_the_crm_may_frame_the_panel(desk: Desk) -> None:
    stranger = desk.context.new_page()
    stranger.goto("about:blank")
    stranger.set_content(f'<iframe src="{desk.world.url}/panel/company?{FIGURES}"></iframe>')
    stranger.wait_for_timeout(300)
    assert not [frame for frame in stranger.frames[1:] if frame.url.startswith(desk.world.url)]


def test_a_document_opens_in_a_window_of_its_own(desk: Desk) -> None:
    frame = desk.signed_in()
    frame.get_by_role("link", name="Kunde").click()
    frame.get_by_role("link", name="30411").click()
    with desk.page.expect_popup() as opened:
        frame.get_by_role("link", name="Faktura 30411.pdf").click()
    window = opened.value
    window.wait_for_url("**/panel/document**")
    assert (window.url, 200, "application/pdf") in desk.answers
    until = time.monotonic() + 10
    while not any(one.url.startswith("chrome-extension:") for one in window.frames) and time.monotonic() < until:
        window.wait_for_timeout(50)
    assert len(window.frames) > 1, "the browser's own viewer shows it"
    assert desk.complaints == []


def test_a_page_that_calls_itself_a_document_is_downloaded_and_never_runs(desk: Desk) -> None:
    frame = desk.signed_in()
    frame.get_by_role("link", name="Kunde").click()
    frame.get_by_role("link", name="30411").click()
    link = frame.locator(".documents a", has_text="html")
    assert link.locator("img").count() == 0
    with desk.page.expect_popup() as opened:
        link.click()
    if not opened.value.is_closed():
        opened.value.wait_for_event("close")
    (answer,) = [answer for answer in desk.answers if "file=902" in answer[0]]
    assert answer[1:] == (200, "application/octet-stream")
    assert desk.complaints == []


def test_hostile_names_and_texts_are_only_words(desk: Desk) -> None:
    frame = desk.signed_in(HOSTILE)
    assert frame.locator("h1").inner_text() == "<script>alert(1)</script>"
    assert frame.locator("h1 script").count() == 0
    hrefs = frame.locator("a").evaluate_all("links => links.map(link => link.getAttribute('href'))")
    assert hrefs
    assert all(href.startswith(("/", "#")) for href in hrefs)
    assert desk.complaints == []
