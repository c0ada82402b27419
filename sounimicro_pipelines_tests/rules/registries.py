"""The field registries of both systems, as rules are checked by them."""

from __future__ import annotations

from sounimicro_pipelines.rules import Registries
from sounimicro_pipelines.superoffice.fields import FieldRegistry as CrmFields
from sounimicro_pipelines.unimicro.fields import FieldRegistry as ErpFields

REGISTRIES = Registries(crm=CrmFields(), erp=ErpFields())
