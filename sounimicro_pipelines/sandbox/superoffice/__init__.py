"""SuperOffice CRM as its reference describes it: one tenant over HTTP on loopback.

`CrmState` is the tenant, with verbs for people and levers for operators; `create_app` serves it; `seed.fill` fills it.
"""

from __future__ import annotations

from sounimicro_pipelines.sandbox.superoffice.app import create_app
from sounimicro_pipelines.sandbox.superoffice.errors import ApiError
from sounimicro_pipelines.sandbox.superoffice.options import Application, CrmOptions, Identity, NumberSeries
from sounimicro_pipelines.sandbox.superoffice.state import Backup, CrmState, Metering

__all__ = [
    "ApiError",
    "Application",
    "Backup",
    "CrmOptions",
    "CrmState",
    "Identity",
    "Metering",
    "NumberSeries",
    "create_app",
]
