"""Where the two systems call us: `/hooks/superoffice/{tenant}` and `/hooks/unimicro/{company}`.

Every call is answered 200 at once, whatever it holds; what it is worth is found out afterwards.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from fastapi import APIRouter, Request, Response
from starlette.background import BackgroundTask
from starlette.requests import ClientDisconnect

from sounimicro_pipelines.store import StoreError
from sounimicro_pipelines.sync.deliveries import LARGEST_BODY, Deliveries, Poked, Vendor

if TYPE_CHECKING:
    from sounimicro_pipelines.panels.app import Panels

router = APIRouter(prefix="/hooks", include_in_schema=False)
_READ_AT_MOST = 64 * 1024 * 1024
_log = logging.getLogger(__name__)


@router.post("/superoffice/{tenant}")
async def superoffice(tenant: str, request: Request) -> Response:
    """A call from the CRM."""
    return await _take(request, "superoffice", tenant)


@router.post("/unimicro/{company}")
async def unimicro(company: str, request: Request) -> Response:
    """A call from the ERP."""
    return await _take(request, "unimicro", company)


async def _take(request: Request, vendor: Vendor, scope: str) -> Response:
    deliveries, headers = _deliveries(request), dict(request.headers)
    try:
        body = await _body(request)
    except ClientDisconnect:
        return Response(status_code=200)

    def work() -> Poked:
        if body is None:
            return deliveries.too_large(vendor)
        take = deliveries.superoffice if vendor == "superoffice" else deliveries.unimicro
        return take(scope, headers, body)

    return Response(status_code=200, background=BackgroundTask(_afterwards, work))


def _deliveries(request: Request) -> Deliveries:
    """What takes the calls of this app; made with the first of them."""
    panels: Panels = request.app.state.panels
    found: Deliveries | None = getattr(request.app.state, "deliveries", None)
    if found is None:
        settings = panels.settings
        found = Deliveries(
            panels.store,
            panels.clock,
            tenant=settings.superoffice_tenant,
            crm_secret=settings.superoffice_webhook_secret,
            erp_key=settings.unimicro_webhook_signing_key,
        )
        request.app.state.deliveries = found
    return found


async def _body(request: Request) -> bytes | None:
    """The raw body; None when it is larger than any true call. It is read on then, so that the sender hears us."""
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size <= LARGEST_BODY:
            parts.append(part)
            continue
        parts.clear()
        if size > _READ_AT_MOST:
            break
    return b"".join(parts) if size <= LARGEST_BODY else None


def _afterwards(work: Callable[[], Poked]) -> None:
    """In a thread of its own, after the answer. What is lost when the store does not answer is found by polling."""
    try:
        work()
    except StoreError as error:
        _log.warning("A webhook could not be written down: %s", error.message)
