"""The CRM as its vendor documents it: sign-in, queries, entities, fields, change feeds and webhooks.

Only what other rooms use stands here. Vendor JSON is parsed and built in this room alone.
"""

from __future__ import annotations

from sounimicro_pipelines.superoffice.archive import Archive, Row
from sounimicro_pipelines.superoffice.bulk import SuperOfficeBulkReader
from sounimicro_pipelines.superoffice.carriers import allotted_number, is_own_number, new_entity
from sounimicro_pipelines.superoffice.client import SuperOfficeClient, read_entity, read_principal
from sounimicro_pipelines.superoffice.columns import archive_column, raw_column
from sounimicro_pipelines.superoffice.entities import entity_specs
from sounimicro_pipelines.superoffice.entity import Entity, Merge, Principal
from sounimicro_pipelines.superoffice.failures import (
    FieldProblem,
    FilterIgnored,
    TenantNotRunning,
    TokenRejected,
    UnknownName,
    ValueTooLong,
)
from sounimicro_pipelines.superoffice.feeds import Change, Feeds
from sounimicro_pipelines.superoffice.field_table import FieldInfo
from sounimicro_pipelines.superoffice.fields import FieldRegistry, Scalar
from sounimicro_pipelines.superoffice.foreign_keys import Device, ForeignKey
from sounimicro_pipelines.superoffice.lists import ListItem
from sounimicro_pipelines.superoffice.oidc import Person, SignIn, Tokens, UserSession
from sounimicro_pipelines.superoffice.person_names import person_names
from sounimicro_pipelines.superoffice.providers import PROVIDERS
from sounimicro_pipelines.superoffice.query import Query, Where
from sounimicro_pipelines.superoffice.web_panels import WebPanel
from sounimicro_pipelines.superoffice.webhooks import EVENTS, CrmEvent, Webhook, parse_event, signature_holds

__all__ = [
    "EVENTS",
    "PROVIDERS",
    "Archive",
    "Change",
    "CrmEvent",
    "Device",
    "Entity",
    "Feeds",
    "FieldInfo",
    "FieldProblem",
    "FieldRegistry",
    "FilterIgnored",
    "ForeignKey",
    "ListItem",
    "Merge",
    "Person",
    "Principal",
    "Query",
    "Row",
    "Scalar",
    "SignIn",
    "SuperOfficeBulkReader",
    "SuperOfficeClient",
    "TenantNotRunning",
    "TokenRejected",
    "Tokens",
    "UnknownName",
    "UserSession",
    "ValueTooLong",
    "WebPanel",
    "Webhook",
    "Where",
    "allotted_number",
    "archive_column",
    "entity_specs",
    "is_own_number",
    "new_entity",
    "parse_event",
    "person_names",
    "raw_column",
    "read_entity",
    "read_principal",
    "signature_holds",
]
