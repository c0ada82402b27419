"""What somebody has typed and sent after their session had ended, or from a page of one that has: handed back, to be
sent again.

Only what our own page has sent, as browsers say: another site must not lay words into somebody's mouth. A form with a
file is not kept, nor what is larger than anybody types.
"""

from __future__ import annotations

from urllib.parse import parse_qsl

from fastapi import Request
from starlette.types import Scope

from sounimicro_pipelines.panels.signin.bodies import IN_PARTS, MOST_FIELDS, TYPED, form_of

MOST_BYTES = 512 * 1024

Fields = list[tuple[str, str]]


async def kept_form(request: Request, origin: str, left_out: str) -> Fields:
    """The fields of a form in their order, without the one `left_out`; none where there is nothing to keep."""
    headers = request.headers
    kind = headers.get("content-type", "").split(";")[0].strip().lower()
    if request.method != "POST" or kind not in (TYPED, IN_PARTS):
        return []
    if headers.get("origin", "").lower() != origin or headers.get("sec-fetch-site", "same-origin") != "same-origin":
        return []
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MOST_BYTES:
            return []
    found = _typed(body) if kind == TYPED else await _in_parts(request.scope, body)
    return [(name, value) for name, value in found if name != left_out]


def _typed(body: bytes) -> Fields:
    try:
        return parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=True, max_num_fields=MOST_FIELDS)
    except ValueError:
        return []


async def _in_parts(scope: Scope, body: bytes) -> Fields:
    form = await form_of(scope, body)
    parts = form.multi_items() if form is not None else []
    if any(not isinstance(value, str) and value.filename for _, value in parts):
        return []
    return [(name, value) for name, value in parts if isinstance(value, str)]
