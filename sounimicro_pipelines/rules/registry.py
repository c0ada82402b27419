"""What rules need to know of the two systems' fields, whichever room it comes from."""

from __future__ import annotations

from typing import Protocol


class FieldFacts(Protocol):
    """What is known of one field; `max_length` in characters, None when unknown."""

    @property
    def kind(self) -> str: ...
    @property
    def writable(self) -> bool: ...
    @property
    def max_length(self) -> int | None: ...


class Registry(Protocol):
    """The fields of one system."""

    def find(self, entity_name: str, path: str, /) -> FieldFacts | None:
        """The field of that path, or None."""

    def suggest(self, entity_name: str, path: str, /) -> str:
        """Why there is no such field and what the nearest valid names are."""
