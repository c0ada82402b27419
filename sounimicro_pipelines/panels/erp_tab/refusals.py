"""What may go wrong when a person presses ERP, as it is said to them: on top, and beside the fields."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Mapping
from typing import Any, TypeVar

from sounimicro_pipelines.errors import SettingsError, SounimicroError
from sounimicro_pipelines.orchestration.engine_room import TookTooLong
from sounimicro_pipelines.panels.errors import PanelError
from sounimicro_pipelines.rules import RuleError
from sounimicro_pipelines.rules.values import Problem
from sounimicro_pipelines.store import Outdated
from sounimicro_pipelines.sync.holding import RecordBusy
from sounimicro_pipelines.sync.requests import RequestRefused
from sounimicro_pipelines.transport import AccessDenied, AuthenticationFailed, ValidationFailed, VendorError

T = TypeVar("T")
_log = logging.getLogger(__name__)

STATUS = {
    "fields": 422,
    "unsure": 409,
    "gone": 404,
    "locked": 403,
    "already_linked": 409,
    "not_linked": 409,
    "which_role": 422,
    "no_such_role": 422,
    "no_such_company": 404,
    "other_parent": 409,
    "no_parent": 409,
    "not_active": 409,
    "not_live": 409,
}
"""What the engine refuses → the answer's status. Each has texts `errors.erp_<kind>`."""
UNAVAILABLE = frozenset(("erp_silent", "crm_silent", "erp_slow", "erp_busy"))
"""What may be gone in a moment: the same request can be repeated."""


class Refused(PanelError):
    """A request that was not carried out. `fields` are problems by field key."""

    def __init__(self, key: str, status: int, fields: Mapping[str, Problem] | None = None, **parameters: Any) -> None:
        self.fields = dict(fields or {})
        super().__init__(key, **parameters, fields=self.fields)
        self.status = status

    @property
    def may_be_repeated(self) -> bool:
        return self.key in UNAVAILABLE


async def told(work: Awaitable[T]) -> T:
    """Do the work, and turn what goes wrong into Refused. Raises StoreError as it is."""
    try:
        return await work
    except (RequestRefused, RecordBusy, VendorError, SettingsError, RuleError, TookTooLong, Outdated) as error:
        raise refusal(error) from error


def refusal(error: SounimicroError) -> Refused:
    """What is said of an error of the engine's."""
    if isinstance(error, RequestRefused):
        if error.kind in STATUS:
            return Refused(f"erp_{error.kind}", STATUS[error.kind], error.problems)
        return Refused("erp_refused", 409, error.problems)
    if isinstance(error, RecordBusy):
        return Refused("erp_busy", 409)
    if isinstance(error, Outdated):
        return Refused("erp_outdated", 409)
    if isinstance(error, TookTooLong):
        return Refused("erp_slow", 503)
    if isinstance(error, VendorError):
        return _vendor(error)
    _log.warning("The sync cannot be used: %s", error.message)
    return Refused("erp_unusable" if isinstance(error, RuleError) else "erp_not_set_up", 503)


def _vendor(error: VendorError) -> Refused:
    system = "crm" if error.system == "SuperOffice" else "erp"
    _log.warning("A request of a person's failed: %s", error)
    if isinstance(error, ValidationFailed):
        said = " ".join(error.messages) or error.detail
        return Refused(f"{system}_rejects", 422, said=said[:600])
    if isinstance(error, AccessDenied | AuthenticationFailed):
        return Refused(f"{system}_denies", 502)
    return Refused(f"{system}_silent", 503)
