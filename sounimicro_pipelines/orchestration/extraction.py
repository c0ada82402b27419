"""The registers of both vendors as assets: one asset for each entity, read side by side in one step.

Annotations are not postponed here: Dagster reads them when an asset is declared.
"""

import asyncio
import enum
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg

from sounimicro_pipelines.installation import Installation
from sounimicro_pipelines.orchestration.failing import plainly
from sounimicro_pipelines.orchestration.partitions import companies
from sounimicro_pipelines.records import EntitySpec
from sounimicro_pipelines.superoffice import SuperOfficeBulkReader, entity_specs
from sounimicro_pipelines.superoffice.registers import gone_persons as crm_persons
from sounimicro_pipelines.unimicro.bulk import UnimicroBulkReader
from sounimicro_pipelines.unimicro.entities import SPECS
from sounimicro_pipelines.unimicro.registers import gone_persons as erp_persons
from sounimicro_pipelines.warehouse import FeedResult, Mode, Owner, Warehouse, extract, forget, previews

ERP_GROUP, CRM_GROUP = "unimicro", "superoffice"
STALE_AFTER = timedelta(hours=26)
RETRY = dg.RetryPolicy(max_retries=2, delay=20, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.FULL)


class Listing(enum.Enum):
    """`incremental` reads what changed since the last run, `full` lists everything and finds what is gone."""

    incremental = "incremental"
    full = "full"

    @property
    def mode(self) -> Mode:
        return "full" if self is Listing.full else "incremental"


class ExtractConfig(dg.Config):
    """How much is read."""

    listing: Listing = Listing.incremental


def register_key(group: str, table: str) -> dg.AssetKey:
    """The asset of one raw table; `group` is the vendor system."""
    return dg.AssetKey([group, table])


def _asset(group: str, spec: EntitySpec, whose: str) -> dg.AssetSpec:
    tables = ", ".join(f"raw.{table}" for table in (spec.table, *(child.table for child in spec.children)))
    return dg.AssetSpec(
        register_key(group, spec.table),
        group_name=group,
        kinds={"duckdb"},
        description=f"{spec.entity} {whose}, as raw rows ({tables})",
        freshness_policy=dg.FreshnessPolicy.time_window(fail_window=STALE_AFTER),
    )


@dg.multi_asset(
    name="unimicro_registers",
    specs=[_asset(ERP_GROUP, spec, "of the ERP company") for spec in SPECS],
    partitions_def=companies,
    can_subset=True,
    pool="unimicro",
    retry_policy=RETRY,
)
def unimicro_registers(
    context: dg.AssetExecutionContext, config: ExtractConfig, installation: dg.ResourceParam[Installation]
) -> Iterator[dg.MaterializeResult[Any]]:
    """Reads the selected entities of one ERP company into its warehouse file."""
    alias = context.partition_key
    path = installation.erp_file(alias)
    specs = [spec for spec in SPECS if register_key(ERP_GROUP, spec.table) in context.selected_asset_keys]

    async def read() -> list[FeedResult]:
        async with installation.unimicro() as client:
            company = await installation.company(client, alias)
            owner = Owner(alias, company.key, company.name, company.organization_number or "")
            return await extract(
                UnimicroBulkReader(client.company(company)),
                path,
                installation.settings.landing_dir,
                specs,
                mode=config.listing.mode,
                clock=installation.clock,
                owner=owner,
                landing_days=installation.settings.sounimicro_landing_days,
            )

    with plainly():
        results = asyncio.run(read())
        if config.listing is Listing.full:
            _forget_the_gone(context, installation, path, SPECS, erp_persons)
        yield from _materialized(context, path, specs, results, ERP_GROUP)


@dg.multi_asset(
    name="superoffice_registers",
    specs=[_asset(CRM_GROUP, spec, "of the CRM tenant") for spec in entity_specs()],
    can_subset=True,
    pool="superoffice",
    retry_policy=RETRY,
)
def superoffice_registers(
    context: dg.AssetExecutionContext, config: ExtractConfig, installation: dg.ResourceParam[Installation]
) -> Iterator[dg.MaterializeResult[Any]]:
    """Reads the selected entities of the CRM tenant into its warehouse file."""
    path = installation.crm_file
    specs = [spec for spec in entity_specs() if register_key(CRM_GROUP, spec.table) in context.selected_asset_keys]

    async def read() -> list[FeedResult]:
        async with installation.superoffice() as client:
            return await extract(
                SuperOfficeBulkReader(client),
                path,
                installation.settings.landing_dir,
                specs,
                mode=config.listing.mode,
                clock=installation.clock,
                owner=Owner(path.stem, client.tenant),
                landing_days=installation.settings.sounimicro_landing_days,
            )

    with plainly():
        results = asyncio.run(read())
        if config.listing is Listing.full and any(spec.entity == "person" for spec in specs):
            _forget_the_gone(context, installation, path, entity_specs(), crm_persons)
        yield from _materialized(context, path, specs, results, CRM_GROUP)


def _forget_the_gone(
    context: dg.AssetExecutionContext,
    installation: Installation,
    path: Path,
    specs: Sequence[EntitySpec],
    gone: Callable[[Any], list[tuple[str, int]]],
) -> None:
    """What is held of persons who are gone, as a full listing has just told: erased, in landing files too."""
    with Warehouse(path, clock=installation.clock) as connection:
        wanted = gone(connection)
    if wanted:
        by_name = {spec.entity: spec for spec in specs}
        records = [(by_name[entity], key) for entity, key in wanted]
        forget(path, installation.settings.landing_dir, records, clock=installation.clock)
        context.log.info(f"{len(wanted)} records of persons who are gone were erased")


def _materialized(
    context: dg.AssetExecutionContext,
    path: Path,
    specs: Sequence[EntitySpec],
    results: Sequence[FeedResult],
    group: str,
) -> Iterator[dg.MaterializeResult[Any]]:
    """One result for each entity that was read; those that failed end the step, after the others are recorded."""
    failed: dict[str, list[str]] = {}
    samples = previews(path, specs)
    for spec, result in zip(specs, results, strict=True):
        if result.state == "failed":
            failed.setdefault(result.message, []).append(result.entity)
            continue
        if result.state != "ok":
            context.log.warning(f"{result.entity}: {result.state}. {result.message}")
        if result.quarantined:
            context.log.warning(f"{result.entity}: {result.quarantined} records do not validate and are in quarantine")
        key = register_key(group, spec.table)
        yield dg.MaterializeResult(asset_key=key, metadata=_metadata(result, samples[spec.table]))
    if failed:
        told = [f"{', '.join(entities)}: {message}" for message, entities in failed.items()]
        raise dg.Failure("Not everything could be read; nothing is lost. " + " ".join(told), allow_retries=True)


def _metadata(result: FeedResult, sample: Sequence[Mapping[str, object]]) -> dict[str, Any]:
    metadata: dict[str, Any] = {
        "state": result.state,
        "mode": result.mode,
        "rows_read": result.rows,
        "rows_changed": result.changed,
        "rows_deleted": result.deleted,
        "rows_quarantined": result.quarantined,
        "bytes": result.bytes,
        "seconds": round(result.seconds, 3),
    }
    if result.message:
        metadata["message"] = result.message
    if result.watermark is not None:
        metadata["watermark"] = result.watermark.isoformat()
    if sample:
        metadata["preview"] = dg.MetadataValue.table(
            [dg.TableRecord({name: str(value) for name, value in row.items()}) for row in sample]
        )
    return metadata
