"""Our web panels in the CRM: items of its list of web panels, found again by ProgId (vendor reference 7)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sounimicro_pipelines.superoffice.failures import SYSTEM
from sounimicro_pipelines.superoffice.session import Session
from sounimicro_pipelines.superoffice.values import as_bool, as_int, in_language, member
from sounimicro_pipelines.transport import BadAnswer

_SEGMENTS = ("List", "WebPanel", "Items")


@dataclass(frozen=True, slots=True)
class WebPanel:
    """A web panel; `visible_in` such as `ContactArchive`, `url` with the CRM's `<variables>`."""

    id: int
    name: str
    prog_id: str
    url: str
    visible_in: str
    deleted: bool = False


class WebPanels:
    """The tenant's web panels. Writing wants administrator's rights; otherwise AccessDenied."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def list(self) -> list[WebPanel]:
        return [panel for raw in await self._listed() if (panel := _panel(raw)) is not None]

    async def _listed(self) -> Sequence[Any]:
        call = "GET List/WebPanel/Items"
        answer = await self._session.json("GET", _SEGMENTS, call=call)
        listed = answer if isinstance(answer, list) else member(answer, "value")
        if not isinstance(listed, list):
            raise BadAnswer(SYSTEM, call, detail="it holds no list of web panels")
        return listed

    async def find(self, prog_id: str) -> WebPanel | None:
        """The panel with this ProgId that is not deleted."""
        wanted = prog_id.casefold()
        return next((p for p in await self.list() if p.prog_id.casefold() == wanted and not p.deleted), None)

    async def ensure(
        self, prog_id: str, *, name: str, url: str, visible_in: str, window_name: str = "", tooltip: str = ""
    ) -> tuple[WebPanel, bool]:
        """The panel with this ProgId, created where it is missing; True when it was. One that exists is left alone,
        since an administrator may have moved it: compare its `url` to see whether it still points here."""
        found = await self.find(prog_id)
        if found is not None:
            return found, False
        call = "POST List/WebPanel/Items"
        body = {
            "Name": name,
            "Tooltip": tooltip,
            "ProgId": prog_id,
            "Url": url,
            "UrlEncoding": "Unicode",
            "VisibleIn": visible_in,
            "WindowName": window_name or prog_id,
            "OnCentral": True,
            "OnSalesMarketingWeb": True,
            "AlwaysReloadOnShow": False,
        }
        created = _panel(await self._session.json("POST", _SEGMENTS, call=call, json=body))
        if created is None:
            raise BadAnswer(SYSTEM, call, detail="it is no web panel", effect_unknown=True)
        return created, True

    async def turn(self, panel: WebPanel, url: str) -> WebPanel:
        """Let a panel open another address; all else of it stays as it is. Raises BadAnswer when it is gone."""
        call = "PUT List/WebPanel/Items"
        raw = next((one for one in await self._listed() if (was := _panel(one)) and was.id == panel.id), None)
        if raw is None:
            raise BadAnswer(SYSTEM, call, detail="the web panel is gone")
        body = {**raw, "Url": url}
        turned = _panel(await self._session.json("PUT", (*_SEGMENTS, str(panel.id)), call=call, json=body))
        if turned is None:
            raise BadAnswer(SYSTEM, call, detail="it is no web panel", effect_unknown=True)
        return turned


def _panel(raw: Any) -> WebPanel | None:
    number = as_int(member(raw, "WebPanelId")) or as_int(member(raw, "Id"))
    if not number:
        return None
    return WebPanel(
        id=number,
        name=in_language(str(member(raw, "Name") or "")),
        prog_id=str(member(raw, "ProgId") or ""),
        url=str(member(raw, "Url") or ""),
        visible_in=str(member(raw, "VisibleIn") or ""),
        deleted=bool(as_bool(member(raw, "Deleted"))),
    )
