"""`python -m sounimicro_pipelines_tests.screenshots ADDRESSES`: pictures of a running demo, from what it has printed.

ADDRESSES is a file with the demo's output. Each picture shows a screen as a person in the CRM meets it.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

from sounimicro_pipelines_tests import machines

FOLDER = Path(__file__).parent
WIDE = (1280, 900)


def main() -> int:
    printed = Path(sys.argv[1]).read_text(encoding="utf-8")
    card = _address(printed, "CRM, ")
    setup = _address(printed, "Oppsett: ")
    figures = _address(printed, "Åpne poster, ")
    party = figures.rpartition("&tab=")[0]
    shots: list[tuple[str, str, tuple[int, int], str, Callable[[Any], object] | None]] = [
        ("card", card, (1440, 1080), "light", _choose_the_first),
        ("open-items", figures, WIDE, "light", None),
        ("budget-dark", f"{party}&tab=budget", WIDE, "dark", None),
        ("rules", f"{setup}/rules/customer", WIDE, "light", None),
        ("issues", f"{setup}/issues", WIDE, "light", None),
    ]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=machines.chromium_path(), args=["--no-sandbox"])
        for name, address, (width, height), scheme, ready in shots:
            context = browser.new_context(
                viewport={"width": width, "height": height}, color_scheme=scheme, locale="nb-NO"
            )
            page = context.new_page()
            answer = page.goto(address)
            if answer is None or not answer.ok:
                sys.stderr.write(f"{name}: {address} was not answered.\n")
                return 1
            if ready is not None:
                ready(page)
            page.screenshot(path=FOLDER / f"{name}.png")
            context.close()
        browser.close()
    return 0


def _choose_the_first(page: Any) -> None:
    """A company that is linked several times asks which of its parties to show."""
    panel = page.frame_locator("iframe")
    panel.locator(".choices a").first.click()
    panel.get_by_role("link", name="ERP", exact=True).click()
    panel.locator("h1").wait_for()
    page.wait_for_load_state("networkidle")


def _address(printed: str, beginning: str) -> str:
    found = re.search(rf"^{re.escape(beginning)}.*?(http://\S+)", printed, re.MULTILINE)
    if found is None:
        raise SystemExit(f"No line of the demo begins with «{beginning}».")
    return found[1]


if __name__ == "__main__":
    sys.exit(main())
