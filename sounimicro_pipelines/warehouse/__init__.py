"""The DuckDB warehouse: one file per ERP company and one for the CRM, loaded from what the vendors send.

`extract` reads a vendor register into a file; `Warehouse` opens one; `previews` and `forget` look at and erase rows.
"""

from __future__ import annotations

from sounimicro_pipelines.warehouse.connection import (
    DiskFull,
    NotAWarehouse,
    Warehouse,
    WarehouseError,
    WarehouseLocked,
    WarehouseUnreachable,
)
from sounimicro_pipelines.warehouse.extract import FeedResult, Mode, State, extract
from sounimicro_pipelines.warehouse.forget import Forgotten, forget
from sounimicro_pipelines.warehouse.preview import previews
from sounimicro_pipelines.warehouse.schema import Owner

__all__ = [
    "DiskFull",
    "FeedResult",
    "Forgotten",
    "Mode",
    "NotAWarehouse",
    "Owner",
    "State",
    "Warehouse",
    "WarehouseError",
    "WarehouseLocked",
    "WarehouseUnreachable",
    "extract",
    "forget",
    "previews",
]
