"""A real browser shows what the panel promises: colours with words, links that lead, nothing from elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

pytestmark = pytest.mark.chromium
LOW_CONTRAST = """() => {
    const channel = x => { x /= 255; return x <= .03928 ? x / 12.92 : ((x + .055) / 1.055) ** 2.4 };
    const luminance = c => .2126 * channel(c[0]) + .7152 * channel(c[1]) + .0722 * channel(c[2]);
    const parse = s => s.match(/[\\d.]+/g).map(Number);
    const ground = e => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor);
        if (c.length < 4 || c[3] > 0) return c; }
        return parse(getComputedStyle(document.documentElement).backgroundColor); };
    const bad = [];
    for (const e of document.querySelectorAll('body *')) {
        if (![...e.childNodes].some(n => n.nodeType === 3 && n.data.trim()) || !e.checkVisibility()) continue;
        const a = luminance(parse(getComputedStyle(e).color)), b = luminance(ground(e));
        const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
        if (ratio < 4.5) bad.push((e.innerText || e.textContent).slice(0, 30) + ' ' + ratio.toFixed(2));
    }
    return bad;
}"""
OPEN_ITEMS = "/panel/company?company=demo&role=customer&party=79"


class Seen:
    """A page, what it asked for, and what it complained about."""

    def __init__(self, page: Any, address: str) -> None:
        self.page = page
        self.address = address
        self.asked: list[str] = []
        self.complaints: list[str] = []
        page.on("request", lambda request: self.asked.append(request.url))
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def go(self, path: str) -> None:
        self.page.goto(self.address + path)

    def texts(self, selector: str) -> list[str]:
        return [" ".join(text.split()) for text in self.page.locator(selector).all_inner_texts()]

    def color(self, selector: str) -> tuple[int, int, int]:
        value = self.page.locator(selector).first.evaluate("e => getComputedStyle(e).color")
        red, green, blue = (int(part) for part in value[value.index("(") + 1 : -1].split(",")[:3])
        return red, green, blue


WIDE, NARROW, DARK = (1280, "light"), (380, "light"), (1280, "dark")


@contextmanager
def _opened(chromium: Any, address: str, width: int, scheme: str) -> Iterator[Seen]:
    context = chromium.new_context(
        viewport={"width": width, "height": 800}, color_scheme=scheme, locale="nb-NO", timezone_id="America/New_York"
    )
    yield Seen(context.new_page(), address)
    context.close()


@pytest.fixture(params=[WIDE, NARROW, pytest.param(DARK, marks=pytest.mark.nightly)], ids=["wide", "narrow", "dark"])
def seen(request: pytest.FixtureRequest, chromium: Any, address: str) -> Iterator[Seen]:
    """A page of each size; colours change nothing of what it does."""
    with _opened(chromium, address, *request.param) as page:
        yield page


@pytest.fixture(params=[WIDE, NARROW, DARK], ids=["wide", "narrow", "dark"])
def coloured(request: pytest.FixtureRequest, chromium: Any, address: str) -> Iterator[Seen]:
    """A page of each size and in both schemes of colours."""
    with _opened(chromium, address, *request.param) as page:
        yield page


def test_open_items_are_red_and_blue_with_icon_and_words(coloured: Seen) -> None:
    coloured.go(OPEN_ITEMS)
    assert coloured.texts("h1") == ["ABB Installasjon AS"]
    assert coloured.texts("table.grid tbody th") == ["30411", "30502", "30510", "30520", "2026-99"]
    assert coloured.texts("table.grid tbody td.tone-overdue:not(.number)") == ["Forfalt 145 dager", "Forfalt 2 dager"]
    assert coloured.texts("table.grid tfoot td.number")[-1] == "21 500,00"
    red, _, blue = coloured.color("table.grid td.tone-overdue.number")
    assert red > blue + 50
    red, _, blue = coloured.color("table.grid td.tone-open.number")
    assert blue > red + 50
    assert coloured.page.locator("table.grid tbody td.tone-overdue svg.i-overdue").count() == 2
    assert coloured.page.locator("table.grid tbody td.tone-open svg.i-open").count() == 2
    assert coloured.complaints == []
    assert all(url.startswith(coloured.address) for url in coloured.asked)


def test_the_page_never_scrolls_sideways(seen: Seen) -> None:
    for path in (
        "",
        "&tab=statement",
        "&tab=budget",
        "&tab=orders",
        "&tab=orders&view=per-product",
        "&tab=orders&view=document&type=order&document=55",
        "&tab=invoices",
        "&tab=invoices&view=invoice&invoice=411",
        "&tab=projects",
        "&tab=projects&view=project&project=31",
    ):
        seen.go(OPEN_ITEMS + path)
        assert seen.page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), path


def test_menu_and_invoice_are_links_that_lead(seen: Seen) -> None:
    seen.go(OPEN_ITEMS)
    seen.page.get_by_role("link", name="Forfalte", exact=True).click()
    assert seen.texts("table.grid tbody th") == ["30411", "30502"]
    assert "view=overdue" in seen.page.url
    seen.page.get_by_role("link", name="30411").click()
    assert seen.texts("h2") == ["Faktura 30411"]
    assert "12 000,00 NOK" in seen.texts("dl.details dd")
    seen.page.get_by_role("link", name="Tilbake").click()
    assert seen.texts("table.grid tbody th") == ["30411", "30502"]
    assert seen.complaints == []


def test_the_keyboard_reaches_tabs_rows_and_the_filter(seen: Seen) -> None:
    seen.go(OPEN_ITEMS)
    seen.page.keyboard.press("Tab")
    assert seen.page.evaluate("document.activeElement.className") == "skip"
    reached: set[str] = set()
    for _ in range(40):
        seen.page.keyboard.press("Tab")
        reached.add(seen.page.evaluate("document.activeElement.innerText || document.activeElement.name || ''"))
    assert {"Kontoutskrift", "Forfalte", "30411", "CSV", "q"} <= {part.strip() for part in reached}
    seen.page.locator("#q").fill("purret")
    with seen.page.expect_navigation():
        seen.page.keyboard.press("Enter")
    assert seen.texts("table.grid tbody th") == ["30502"]


WATCH = """() => new MutationObserver((_, watch) => {
    if (document.querySelector('.skeleton') === null || !document.getElementById('loading').textContent) return;
    watch.disconnect();
    const main = document.getElementById('content'), grid = document.querySelector('table.grid');
    sessionStorage.setItem('seen', [document.getElementById('loading').textContent, main.getAttribute('aria-busy'),
        grid.checkVisibility(), document.querySelector('.skeleton').checkVisibility()].join());
}).observe(document.body, {childList: true, subtree: true, attributes: true})"""


def test_a_view_that_takes_long_shows_where_it_will_stand(seen: Seen) -> None:
    def late(route: Any) -> None:
        time.sleep(0.8)
        route.continue_()

    seen.go(OPEN_ITEMS)
    seen.page.evaluate(WATCH)
    seen.page.route("**/panel/company**tab=statement**", late)
    seen.page.get_by_role("link", name="Kontoutskrift").click()
    seen.page.wait_for_url("**tab=statement**")
    assert seen.page.evaluate("sessionStorage.getItem('seen')") == "Henter …,true,false,true"
    assert seen.page.locator(".skeleton").count() == 0
    assert seen.page.locator("table.grid").is_visible()


def test_sorting_filtering_and_choosing_leave_the_reader_in_their_place(seen: Seen) -> None:
    place = "[Math.round(scrollY), document.activeElement.innerText.trim()]"
    seen.page.set_viewport_size({"width": seen.page.viewport_size["width"], "height": 400})
    seen.go(OPEN_ITEMS)
    seen.page.get_by_role("link", name="Gjenstår").scroll_into_view_if_needed()
    for name in ("Gjenstår", "Gjenstår", "Forfalte"):
        link = seen.page.get_by_role("link", name=name, exact=True)
        link.focus()
        before = seen.page.evaluate(place)
        with seen.page.expect_navigation():
            seen.page.keyboard.press("Enter")
        assert seen.page.evaluate(place) == before
        assert before[0] > 0
    seen.page.get_by_role("link", name="Kontoutskrift").click()
    assert seen.page.evaluate("scrollY") == 0, "another tab begins at its top"


def test_head_and_sum_of_a_long_table_stay_in_sight(seen: Seen) -> None:
    seen.page.set_viewport_size({"width": seen.page.viewport_size["width"], "height": 260})
    seen.go(OPEN_ITEMS + "&tab=statement")
    places = seen.page.locator(".scroll").evaluate(
        """region => {
            region.scrollTop = 120;
            const [box, head, foot] = [region, region.querySelector('thead th'), region.querySelector('tfoot th')]
                .map(one => one.getBoundingClientRect());
            return [region.scrollTop, head.top - box.top, box.bottom - foot.bottom];
        }"""
    )
    assert places[0] == 120
    assert abs(places[1]) <= 2
    assert 0 <= places[2] <= 20


def test_colours_can_be_read(coloured: Seen) -> None:
    coloured.go(OPEN_ITEMS)
    assert coloured.page.evaluate(LOW_CONTRAST) == []
