"""Bodies of forms that are read at the door, and again by whoever answers."""

from __future__ import annotations

from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import Request
from starlette.types import Message, Receive, Scope

TYPED = "application/x-www-form-urlencoded"
IN_PARTS = "multipart/form-data"
MOST_FIELDS = 5000
_MOST_FILES = 20


async def form_of(scope: Scope, body: bytes) -> FormData | None:
    """The texts and the names of files in a form; None for a body that is none."""
    try:
        async with Request(dict(scope), replayed(body)).form(max_files=_MOST_FILES, max_fields=MOST_FIELDS) as form:
            return form
    except (MultiPartException, HTTPException, ValueError):
        return None


def replayed(body: bytes) -> Receive:
    """Where a body that has been read is read from again."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        return messages.pop() if messages else {"type": "http.disconnect"}

    return receive
