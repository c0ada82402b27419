"""axe-core on a page: what of it is serious."""

from __future__ import annotations

from typing import Any

from axe_playwright_python.sync_playwright import Axe

SERIOUS = {"serious", "critical"}


def serious_findings(page: Any, url: str | None = None) -> list[str]:
    """The rule and the first place of each serious or critical finding, on the page as it stands or at an address."""
    if url is not None:
        page.goto(url)
    return [
        f"{one['id']}: {one['help']} at {one['nodes'][0]['target']}"
        for one in Axe().run(page).response["violations"]
        if one["impact"] in SERIOUS
    ]
