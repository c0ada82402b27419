"""Doing what an administrator asks of the engine, and saying in words what could not be done."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from sounimicro_pipelines.errors import SettingsError, SounimicroError
from sounimicro_pipelines.orchestration.engine_room import TookTooLong
from sounimicro_pipelines.panels.admin.frame import Desk
from sounimicro_pipelines.panels.words import Words
from sounimicro_pipelines.store import Outdated
from sounimicro_pipelines.sync.connecting import RequestRefused
from sounimicro_pipelines.sync.holding import RecordBusy
from sounimicro_pipelines.sync.opening import Connection
from sounimicro_pipelines.sync.requests import ErpButton, Outcome
from sounimicro_pipelines.transport import VendorError


@dataclass(frozen=True, slots=True)
class Trouble:
    """What could not be done, what to do about it, and the HTTP status of the page that says so.

    `href` leads to where it is done, `link` says so; "" where there is no such place.
    """

    title: str
    advice: str
    status: int
    href: str = ""
    link: str = ""


async def ask_engine(desk: Desk, work: Callable[[ErpButton], Awaitable[Outcome]]) -> Outcome:
    """A request of the reader's through the engine, as a run of its own that Dagster hears of.

    Raises SounimicroError of every kind; `trouble` puts it into words.
    """
    engine = desk.panels.engine

    async def on(connection: Connection) -> Outcome:
        return await work(ErpButton(await connection.world(by=desk.viewer.actor), tell=engine.tell))

    return await engine.act(on)


def trouble(words: Words, error: SounimicroError) -> Trouble:
    """An error as the reader is told of it."""
    if isinstance(error, RequestRefused):
        refused = _known(words, f"trouble.{error.kind}", error, 409)
        if error.kind == "not_live":
            href = f"/admin/go-live?lang={words.language}"
            return replace(refused, href=href, link=words("trouble.not_live.link"))
        return refused
    if isinstance(error, Outdated):
        return _known(words, "trouble.outdated", error, 409)
    if isinstance(error, RecordBusy):
        return _known(words, "trouble.busy", error, 409)
    if isinstance(error, VendorError):
        system = words("systems.crm" if error.system.startswith("SuperOffice") else "systems.erp")
        return Trouble(words("trouble.down.title", system=system), words("trouble.down.advice"), 503)
    if isinstance(error, TookTooLong):
        return _known(words, "trouble.slow", error, 503)
    if isinstance(error, SettingsError):
        return Trouble(words("trouble.settings.title"), " ".join(error.problems), 503)
    return _known(words, f"trouble.{type(error).__name__}", error, 409)


def known(words: Words, key: str, message: str, remedy: str, status: int = 409) -> Trouble:
    """The text of the catalogue, or the error's own words where it has none."""
    if not words.has(f"{key}.title"):
        return Trouble(message, remedy, status)
    return Trouble(words(f"{key}.title"), words(f"{key}.advice"), status)


def _known(words: Words, key: str, error: SounimicroError, status: int) -> Trouble:
    return known(words, key, error.message, error.remedy, status)
