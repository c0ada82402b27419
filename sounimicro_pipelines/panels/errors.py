"""What can be wrong with a visitor's request. Each is shown as a page, or as JSON under /api."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class PanelError(Exception):
    """Something that the visitor is told. `key` names the texts `errors.<key>.title` and `.advice`."""

    status = 400

    def __init__(self, key: str, **parameters: Any) -> None:
        super().__init__(key)
        self.key = key
        self.parameters: Mapping[str, Any] = parameters


class BadRequest(PanelError):
    """An address that cannot be meant."""

    status = 400


class NotFound(PanelError):
    """Something that does not exist, or not for this visitor."""

    status = 404


class NotReady(PanelError):
    """Figures that have not been published yet."""

    status = 503


class SignInNeeded(PanelError):
    """Nobody has signed in, or the CRM does not know them any more."""

    status = 401

    def __init__(self) -> None:
        super().__init__("sign_in")


class Forbidden(PanelError):
    """Not for this viewer. Says the same whether the thing exists or not."""

    status = 403


class TooMany(PanelError):
    """More requests than one visitor may make; `seconds` says how long to wait."""

    status = 429

    def __init__(self, seconds: float) -> None:
        super().__init__("too_many", seconds=max(1, round(seconds)))


class SystemDown(PanelError):
    """One of the two systems does not answer, and what was asked for cannot be done without it."""

    status = 503
