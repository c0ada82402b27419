"""One visit to a panel: what a tab is given, and what it answers with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sounimicro_pipelines.panels.address import Address, Subject
from sounimicro_pipelines.panels.figures.party import Party, Version
from sounimicro_pipelines.panels.grid import Grid
from sounimicro_pipelines.panels.words import Words
from sounimicro_pipelines.store import Transaction


@dataclass(frozen=True, slots=True)
class Visit:
    """Everything a tab may use: one unchanging picture of the store, the address, the language, the moment."""

    tx: Transaction
    address: Address
    words: Words
    subject: Subject
    party: Party
    version: Version
    now: datetime

    @property
    def today(self) -> date:
        """The day that the figures were made for, in Oslo."""
        return self.version.as_of

    def onward(self, **parts: Any) -> str:
        """The address of something that is opened from here, and leads back here."""
        return self.address.to(**parts, via=self.address.trail)


@dataclass(frozen=True, slots=True)
class MenuItem:
    """A choice with an address of its own."""

    text: str
    href: str
    is_current: bool


@dataclass(frozen=True, slots=True)
class Screen:
    """What a tab answers: a template, its data, and the grid that can be taken out as a file."""

    template: str
    title: str
    menu: list[MenuItem] = field(default_factory=list)
    menu_label: str = ""
    grid: Grid | None = None
    caption: str = ""
    empty: str = ""
    back: str | None = None
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Tab:
    """A tab of the company panel. `tables` are those without which it has nothing to show."""

    name: str
    tables: tuple[str, ...]
    build: Callable[[Visit], Screen]
    only_for: str | None = None


def view_menu(visit: Visit, tab: str, views: tuple[str, ...], current: str) -> list[MenuItem]:
    """The views of a tab as links."""
    return [
        MenuItem(visit.words(f"views.{tab}.{view}"), visit.address.to(tab=tab, view=view), view == current)
        for view in views
    ]
