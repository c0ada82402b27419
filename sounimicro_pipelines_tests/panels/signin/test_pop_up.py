"""A real browser signs in from inside the CRM's page: on this machine by plain http, and across sites by https."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from sounimicro_pipelines_tests.panels.signed_world import (
    ABB,
    SELLER,
    SignedWorld,
    provision_panel,
    signed_world,
)

pytestmark = pytest.mark.chromium
BLOCK_THIRD_PARTY_COOKIES = "--test-third-party-cookie-phaseout"


@pytest.fixture(scope="module", params=["loopback", "across-sites"])
def framed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SignedWorld]:
    """The panel on the CRM's company card. Across sites, the CRM's page and the panel's are strangers to a browser."""
    across = request.param == "across-sites"
    host = "panels.localhost" if across else "127.0.0.1"
    with signed_world(tmp_path_factory.mktemp("framed"), host=host, encrypted=across) as made:
        provision_panel(made)
        yield made


@pytest.fixture(scope="module")
def strict_chromium(chromium: Any) -> Iterator[Any]:
    """A browser that lets no third party keep cookies, unless they are partitioned."""
    from sounimicro_pipelines_tests import machines

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
        self.context.on("console", self._heard)
        self.context.on("weberror", lambda error: self.complaints.append(str(error.error)))
        self.page = self.context.new_page()

    def _heard(self, message: Any) -> None:
        """That nobody is signed in is told with status 401; the CRM's page has no icon."""
        if "status of 401" not in message.text and message.location["url"].startswith(self.world.url):
            self.complaints.append(message.text)

    def open_card(self, contact: int = ABB) -> Any:
        """The CRM's page of a company; answers the panel's frame in it."""
        base = f"{self.world.crm_url}/{self.world.sandbox.crm.host}/{self.world.tenant}"
        self.page.goto(f"{base}/default.aspx?contact.main?contact_id={contact}")
        return self.page.frame_locator("iframe")

    def sign_in(self, frame: Any, associate: int) -> None:
        with self.page.expect_popup() as opened:
            frame.get_by_role("button", name="Logg inn med CRM").click()
        popup = opened.value
        popup.locator(f'button[value="{self.world.login(associate)}"]').click()
        if not popup.is_closed():
            popup.wait_for_event("close")


@pytest.fixture
def desk(framed: SignedWorld, strict_chromium: Any) -> Iterator[Desk]:
    made = Desk(framed, strict_chromium)
    yield made
    made.context.close()


def test_a_person_signs_in_from_the_frame_and_sees_the_figures_there(desk: Desk) -> None:
    frame = desk.open_card()
    frame.get_by_role("heading", name="Logg inn").wait_for()
    desk.sign_in(frame, SELLER)
    frame.get_by_role("link", name="Kunde").click()
    frame.get_by_role("heading", name="ABB Installasjon AS").wait_for()
    assert frame.locator("table.grid tbody th").all_inner_texts() == ["30411", "30502", "30510", "30520", "2026-99"]
    assert desk.complaints == []
    homes = (desk.world.url, desk.world.crm_url)
    assert all(url.startswith(homes) for url in desk.asked)
