"""What somebody has typed and sent after their session had ended: handed back with the sign-in page, to be sent again.

Only what our own page has sent, as browsers say: another site must not lay words into somebody's mouth. Files are not
kept, nor what is larger than anybody types.
"""

from __future__ import annotations

from urllib.parse import parse_qsl

from fastapi import Request

MOST_BYTES = 512 * 1024
MOST_FIELDS = 5000
_TYPE = "application/x-www-form-urlencoded"


async def kept_form(request: Request, origin: str, left_out: str) -> list[tuple[str, str]]:
    """The fields of a form in their order, without the one `left_out`; none where there is nothing to keep."""
    headers = request.headers
    if request.method != "POST" or headers.get("content-type", "").split(";")[0].strip().lower() != _TYPE:
        return []
    if headers.get("origin", "").lower() != origin or headers.get("sec-fetch-site", "same-origin") != "same-origin":
        return []
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MOST_BYTES:
            return []
    try:
        found = parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=True, max_num_fields=MOST_FIELDS)
    except ValueError:
        return []
    return [(name, value) for name, value in found if name != left_out]
