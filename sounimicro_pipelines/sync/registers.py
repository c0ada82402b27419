"""Whole registers from the warehouse as the engine's own records: what the go-live report and the nightly look at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import duckdb

from sounimicro_pipelines.clock import Clock
from sounimicro_pipelines.rules.values import Side
from sounimicro_pipelines.superoffice import registers as crm_tables
from sounimicro_pipelines.superoffice.traits import traits_of_row
from sounimicro_pipelines.sync.ports import Record
from sounimicro_pipelines.sync.recognise import country_of, identity_of
from sounimicro_pipelines.unimicro import registers as erp_tables
from sounimicro_pipelines.unimicro.fields import FieldRegistry
from sounimicro_pipelines.unimicro.traits import is_gone, traits_of
from sounimicro_pipelines.warehouse import Warehouse


@dataclass(frozen=True, slots=True)
class Files:
    """The warehouse files: the CRM tenant's, and one for each ERP company by CompanyKey."""

    crm: Path
    erp: Mapping[str, Path]


class Register(Protocol):
    """One system's registers in its warehouse file. `paths` that the file does not hold are left out of a record."""

    side: Side
    company_key: str

    def listed_at(self, entity: str) -> datetime | None:
        """When the register was last listed in full; None when it never was."""

    def newest(self, entity: str) -> datetime | None:
        """When its newest row was fetched."""

    def living(self, entity: str) -> set[int]:
        """Every record that is not deleted."""

    def changed(self, entity: str, since: datetime | None) -> list[int]:
        """Living records that were loaded anew since; all of them when None."""

    def records(self, entity: str, ids: Sequence[int], paths: Sequence[str]) -> Iterator[Record]:
        """These records."""


class CrmRegister:
    """The CRM tenant's registers. `numbers` are the paths of the fields that hold the ERP's number, by entity."""

    side: Side = "crm"
    company_key = ""

    def __init__(self, connection: duckdb.DuckDBPyConnection, numbers: Mapping[str, str]) -> None:
        self._connection = connection
        self._numbers = numbers
        self._groups = crm_tables.groups(connection)

    def listed_at(self, entity: str) -> datetime | None:
        return _aware(crm_tables.listed_at(self._connection, entity))

    def newest(self, entity: str) -> datetime | None:
        return _aware(crm_tables.newest(self._connection, entity))

    def living(self, entity: str) -> set[int]:
        return crm_tables.living_ids(self._connection, entity)

    def changed(self, entity: str, since: datetime | None) -> list[int]:
        return crm_tables.changed_ids(self._connection, entity, _naive(since))

    def records(self, entity: str, ids: Sequence[int], paths: Sequence[str]) -> Iterator[Record]:
        number = self._numbers.get(entity, "")
        for row in crm_tables.records(self._connection, entity, ids):
            traits = traits_of_row(entity, row)
            held = {path: crm_tables.value_at(entity, row, path) for path in paths}
            shown = crm_tables.value_at(entity, row, number)[1] if number else None
            yield Record(
                side="crm",
                entity=entity,
                id=row.key,
                values={path: value for path, (there, value) in held.items() if there},
                identity=identity_of(row.key, traits, str(shown or "")),
                facts=crm_tables.facts(entity, row, self._groups),
                parent=traits.parent,
                country=country_of(traits),
            )


class ErpRegister:
    """One ERP company's registers."""

    side: Side = "erp"

    def __init__(self, connection: duckdb.DuckDBPyConnection, company_key: str) -> None:
        self._connection = connection
        self.company_key = company_key
        self._fields = FieldRegistry()

    def listed_at(self, entity: str) -> datetime | None:
        return _aware(erp_tables.listed_at(self._connection, entity))

    def newest(self, entity: str) -> datetime | None:
        return _aware(erp_tables.newest(self._connection, entity))

    def living(self, entity: str) -> set[int]:
        return erp_tables.living_ids(self._connection, entity)

    def changed(self, entity: str, since: datetime | None) -> list[int]:
        return erp_tables.changed_ids(self._connection, entity, _naive(since))

    def records(self, entity: str, ids: Sequence[int], paths: Sequence[str]) -> Iterator[Record]:
        for record_id, found in erp_tables.records(self._connection, entity, ids):
            if is_gone(entity, found):
                continue
            traits = traits_of(entity, found)
            yield Record(
                side="erp",
                entity=entity,
                id=record_id,
                values={
                    path: self._fields.read(entity, found, path)
                    for path in paths
                    if self._fields.tells(entity, found, path)
                },
                identity=identity_of(record_id, traits, traits.number),
                company_key=self.company_key,
                facts=traits.facts,
                parent=traits.parent,
                relation=traits.relation,
                country=country_of(traits),
            )


@contextmanager
def open_crm(files: Files, clock: Clock, numbers: Mapping[str, str]) -> Iterator[CrmRegister]:
    """The CRM's registers, for the length of the block. Raises WarehouseError."""
    with Warehouse(files.crm, clock=clock) as connection:
        yield CrmRegister(connection, numbers)


@contextmanager
def open_erp(files: Files, company_key: str, clock: Clock) -> Iterator[ErpRegister]:
    """A company's registers, for the length of the block. Raises WarehouseError, KeyError for an unknown company."""
    with Warehouse(files.erp[company_key], clock=clock) as connection:
        yield ErpRegister(connection, company_key)


def _aware(moment: datetime | None) -> datetime | None:
    return moment.replace(tzinfo=UTC) if moment is not None else None


def _naive(moment: datetime | None) -> datetime | None:
    return moment.astimezone(UTC).replace(tzinfo=None) if moment is not None else None
