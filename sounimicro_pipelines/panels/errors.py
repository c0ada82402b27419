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
