"""The CRM as its vendor documents it: sign-in, queries, entities, fields, change feeds and webhooks.

Only what other rooms use stands here. Vendor JSON is parsed and built in this room alone.
"""

from __future__ import annotations

from sounimicro_pipelines.superoffice.archive import Archive, Row
from sounimicro_pipelines.superoffice.bulk import SuperOfficeBulkReader
from sounimicro_pipelines.superoffice.client import Entity, Merge, Principal, SuperOfficeClient
from sounimicro_pipelines.superoffice.entities import entity_specs
from sounimicro_pipelines.superoffice.failures import (
    FieldProblem,
    FilterIgnored,
    TenantNotRunning,
    TokenRejected,
    UnknownName,
    ValueTooLong,
)
from sounimicro_pipelines.superoffice.foreign_keys import Device, ForeignKey
from sounimicro_pipelines.superoffice.lists import ListItem
from sounimicro_pipelines.superoffice.providers import PROVIDERS
from sounimicro_pipelines.superoffice.query import Query, Where

__all__ = [
    "PROVIDERS",
    "Archive",
    "Device",
    "Entity",
    "FieldProblem",
    "FilterIgnored",
    "ForeignKey",
    "ListItem",
    "Merge",
    "Principal",
    "Query",
    "Row",
    "SuperOfficeBulkReader",
    "SuperOfficeClient",
    "TenantNotRunning",
    "TokenRejected",
    "UnknownName",
    "ValueTooLong",
    "Where",
    "entity_specs",
]
