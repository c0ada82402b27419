"""The ERP's answers: its words when it refuses a call, in all documented shapes (reference, 5.4)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import msgspec

NO_CONTENT = 204
"""Success without a body (reference, 5.1); as the answer to a list, no records."""


def explain(response: httpx.Response) -> list[str]:
    """The ERP's own words from an answer that refuses a call, each with the field's path where it names one.

    They may hold personal values: for the screens of the person concerned, never for logs.
    """
    try:
        body = msgspec.json.decode(response.content)
    except (msgspec.DecodeError, UnicodeError):
        return []
    return list(dict.fromkeys(words(body)))


def words(body: Any) -> Iterator[str]:
    """Messages of a refusal: a bare string, `Message`, `message`, `Messages`, or `_validationResults` at any depth."""
    if isinstance(body, str):
        if body.strip():
            yield body.strip()
        return
    if isinstance(body, dict):
        for key in ("Message", "message", "error_description"):
            if isinstance(body.get(key), str):
                yield body[key]
        if isinstance(body.get("Messages"), list):
            for one in body["Messages"]:
                yield from words(one)
    yield from _validation(body, "")


def _validation(node: Any, path: str) -> Iterator[str]:
    if isinstance(node, list):
        for index, item in enumerate(node):
            yield from _validation(item, f"{path}[{index}]")
        return
    if not isinstance(node, dict):
        return
    for key, value in node.items():
        if key == "_validationResults":
            yield from _results(value, path)
        else:
            yield from _validation(value, f"{path}.{key}" if path else key)


def _results(results: Any, path: str) -> Iterator[str]:
    if not isinstance(results, dict):
        return
    for name, entries in results.items():
        for entry in entries if isinstance(entries, list) else [entries]:
            if not isinstance(entry, dict):
                continue
            field = f"{path}.{name}" if path else str(name)
            yield f"{field}: {entry.get('Message') or 'not accepted'}"
