"""Our panels in the CRM: which stand in its list of web panels, and putting those there that are missing."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from sounimicro_pipelines.panels.words import Words
from sounimicro_pipelines.superoffice import SuperOfficeClient, WebPanel


@dataclass(frozen=True, slots=True)
class Place:
    """A panel of ours and where it belongs in the CRM. `variable` is what the CRM fills the record's id in for."""

    prog_id: str
    path: str
    variable: str
    visible_in: str
    text: str

    def url(self, origin: str, tenant: str) -> str:
        """The address that the CRM opens, with its own variables in it."""
        if not self.variable:
            return f"{origin}{self.path}"
        return f"{origin}{self.path}?{urlencode({'tenant': tenant})}&id=<{self.variable}>&lang=<lang>"


PLACES = (
    Place("sounimicro.company", "/panel/company", "cuid", "ContactCard", "company"),
    Place("sounimicro.person", "/panel/person", "atid", "PersonCard", "person"),
    Place("sounimicro.project", "/panel/project", "prid", "ProjectCard", "project"),
    Place("sounimicro.admin", "/admin", "", "NavigatorButton", "admin"),
)


@dataclass(frozen=True, slots=True)
class Placed:
    """A place and the panel that stands there. `state`: missing, here, elsewhere (it opens another address)."""

    place: Place
    state: str
    url: str
    found_url: str = ""


def placed(panels: list[WebPanel], origin: str, tenant: str) -> list[Placed]:
    """Where each of our panels stands, found again by its ProgId."""
    living = {one.prog_id.casefold(): one for one in panels if not one.deleted}
    told = []
    for place in PLACES:
        one, url = living.get(place.prog_id), place.url(origin, tenant)
        state = "missing" if one is None else "here" if one.url == url else "elsewhere"
        told.append(Placed(place, state, url, one.url if one is not None else ""))
    return told


async def put_in_place(crm: SuperOfficeClient, origin: str, words: Words) -> tuple[int, int]:
    """Put those of our panels into the CRM's list that are missing there, and turn those to us that open another
    address; answers how many of each. Where in the CRM a panel stands is left as an administrator has moved it.

    Raises the VendorError family, AccessDenied without administrator's rights.
    """
    made = turned = 0
    for place in PLACES:
        url = place.url(origin, crm.tenant)
        panel, created = await crm.web_panels.ensure(
            place.prog_id,
            name=words(f"placing.names.{place.text}"),
            url=url,
            visible_in=place.visible_in,
            tooltip=words(f"placing.about.{place.text}"),
        )
        made += created
        if panel.url != url:
            await crm.web_panels.turn(panel, url)
            turned += 1
    return made, turned
