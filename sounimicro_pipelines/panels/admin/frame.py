"""The frame of the administration: what a page is given, and how it is shown within the navigation.

A page is a module with a `PAGE`: its name (the text `admin.pages.<name>`), its address, and a router of its own. A
handler takes a `Desk`; whoever gets so far is an administrator, since the door lets nobody else in under `/admin`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Protocol, TypeVar
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.concurrency import run_in_threadpool

from sounimicro_pipelines.panels import pages
from sounimicro_pipelines.panels.signin.viewer import Viewer
from sounimicro_pipelines.panels.walls import viewer_of
from sounimicro_pipelines.panels.words import LANGUAGES, Words, choose_language, words
from sounimicro_pipelines.store import Transaction, web

if TYPE_CHECKING:
    from sounimicro_pipelines.panels.app import Panels

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class AdminPage:
    """A page of the navigation. `path` is where its link leads; the router may have more addresses below it."""

    name: str
    path: str
    router: APIRouter


class HasStatus(Protocol):
    """What could not be done, with the HTTP status that says so."""

    @property
    def status(self) -> int: ...


class Desk:
    """What a page of the administration works with: the request, the reader's language, and the panels' own parts.

    After a change a page answers `redirect(path, done=KEY)`; the next page then says the text `admin.done.<KEY>`.
    """

    def __init__(self, request: Request) -> None:
        self.request = request
        self.panels: Panels = request.app.state.panels
        self.viewer: Viewer = viewer_of(request)
        wish = request.query_params.get("lang")
        self._lang = wish if wish in LANGUAGES else None
        self.words: Words = words(choose_language(wish, request.headers.get("accept-language")))

    def to(self, path: str, **query: Any) -> str:
        """An address of ours, in the language that this page was asked for; a parameter that is None is left out."""
        parts = {name: str(value) for name, value in {**query, "lang": self._lang}.items() if value is not None}
        return f"{path}?{urlencode(parts)}" if parts else path

    def redirect(self, path: str, **query: Any) -> RedirectResponse:
        """See another page, after something was changed."""
        return RedirectResponse(self.to(path, **query), 303)

    async def change(self, work: Callable[[Transaction], T]) -> T:
        """Run a function in one transaction of the store, whole or not at all."""

        def run() -> T:
            with self.panels.store.transaction() as tx:
                return work(tx)

        return await run_in_threadpool(run)

    def audit(self, tx: Transaction, action: str, subject: str, **details: Any) -> None:
        """Note in the same transaction who did what to what. Ids alone, never a personal value."""
        web.audit(
            tx,
            tenant=self.viewer.tenant,
            actor=self.viewer.actor,
            action=action,
            subject=subject,
            company_key=details.pop("company_key", None),
            details=details or None,
            now=self.panels.clock.now(),
        )

    def show(
        self,
        template: str,
        page: str,
        *,
        title: str,
        status: int = 200,
        problem: HasStatus | None = None,
        **values: Any,
    ) -> HTMLResponse:
        """A template that extends `admin.html`, with `page` as the current one of the navigation.

        A `problem` that the page tells of gives the answer its status.
        """
        listed: tuple[AdminPage, ...] = self.request.state.admin_pages
        navigation = [
            {
                "text": self.words(f"admin.pages.{one.name}"),
                "href": self.to(one.path),
                "is_current": one.name == page,
            }
            for one in listed
        ]
        done = self.request.query_params.get("done", "")
        body = pages.render(
            template,
            self.words,
            title=title,
            problem=problem,
            desk=self,
            csrf=self.viewer.csrf,
            navigation=navigation,
            other_language=self._other_language(),
            done=self.words(f"admin.done.{done}") if done and self.words.has(f"admin.done.{done}") else "",
            **values,
        )
        return HTMLResponse(body, problem.status if problem is not None else status)

    def _other_language(self) -> dict[str, str]:
        other = next(one for one in LANGUAGES if one != self.words.language)
        query = {name: value for name, value in self.request.query_params.items() if name not in ("lang", "done")}
        path = self.request.url.path
        return {"language": other, "href": f"{path}?{urlencode({**query, 'lang': other})}"}


AtDesk = Annotated[Desk, Depends(Desk)]


def administration(listed: tuple[AdminPage, ...]) -> APIRouter:
    """One router for all the pages; `/admin` itself leads to the first of them."""

    def know_pages(request: Request) -> None:
        request.state.admin_pages = listed

    router = APIRouter(include_in_schema=False, dependencies=[Depends(know_pages)])

    @router.get("/admin")
    async def first(desk: AtDesk) -> RedirectResponse:
        return desk.redirect(listed[0].path)

    for page in listed:
        router.include_router(page.router)
    return router
