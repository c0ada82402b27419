"""The way from our screens to a record in the CRM's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from sounimicro_pipelines.errors import SounimicroError
from sounimicro_pipelines.panels.address import Address
from sounimicro_pipelines.panels.errors import NotFound, SystemDown
from sounimicro_pipelines.panels.tab_bar import IN_CRM, crm_record
from sounimicro_pipelines.panels.walls import viewer_of
from sounimicro_pipelines.store import Transaction

if TYPE_CHECKING:
    from sounimicro_pipelines.panels.app import Panels

router = APIRouter(include_in_schema=False)
_ENTITIES = ("contact", "person", "project")


@router.get(IN_CRM)
async def in_crm(request: Request) -> Response:
    """Leads to the CRM record that is named, or that the party is linked with."""
    panels: Panels = request.app.state.panels
    address = Address(IN_CRM, dict(request.query_params))
    entity = address.choice("entity", _ENTITIES, "contact")
    await panels.walls.admit(request, address, entity)

    def read(tx: Transaction) -> tuple[str, int] | None:
        return address.crm or crm_record(tx, address.subject())

    record = await panels.read(read)
    if record is None or record[0].casefold() != viewer_of(request).tenant.casefold():
        raise NotFound("no_crm_record")
    try:
        url = await _address_of(panels, entity, record[1])
    except SounimicroError as error:
        raise SystemDown("crm_nowhere") from error
    return RedirectResponse(url, 303, headers={"Referrer-Policy": "no-referrer"})


async def _address_of(panels: Panels, entity: str, record_id: int) -> str:
    """Raises the VendorError family, SettingsError and TookTooLong."""
    if panels.sign_in is not None:
        return await panels.sign_in.crm.client.record_url(entity, record_id)
    return await panels.engine.ask(lambda connection: connection.crm.record_url(entity, record_id))
