"""What a frame of the CRM's shows at once where the view behind it asks both systems first.

It holds nothing of anybody's, and asks for the view itself from where it stands; browsers show it until that is there.
"""

from __future__ import annotations

from fastapi import Request
from fastapi.responses import HTMLResponse

from sounimicro_pipelines.panels.rendering import render
from sounimicro_pipelines.panels.words import Words


def is_first_sight(request: Request) -> bool:
    """Whether another site's page opens this address in a frame, as browsers say. Our own scripts and links do not."""
    headers = request.headers
    return headers.get("sec-fetch-dest") == "iframe" and headers.get("sec-fetch-site") in ("cross-site", "same-site")


def first_sight(language: Words) -> HTMLResponse:
    """The place where the view will stand."""
    return HTMLResponse(render("first_sight.html", language, title=language("layout.loading")))
