"""The reports of one company as assets: dbt's models in DuckDB, then what the panels read in the store.

Annotations are not postponed here: Dagster reads them when an asset is declared.
"""

import json
from collections.abc import Iterator, Mapping
from datetime import timedelta
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DagsterDbtTranslatorSettings, dbt_assets

from sounimicro_pipelines.installation import Installation
from sounimicro_pipelines.orchestration.extraction import ERP_GROUP, register_key
from sounimicro_pipelines.orchestration.partitions import companies
from sounimicro_pipelines.unimicro.entities import SPECS
from sounimicro_pipelines.warehouse.publish import TieOut, meta_from_manifest, publish
from sounimicro_pipelines.warehouse.reports import ReportRun, build_reports
from sounimicro_pipelines.warehouse.reports.finished import finished_build

PUBLISHED = dg.AssetKey(["store", "reports"])
STALE_AFTER = timedelta(hours=2)

_REGISTER_OF = {child.table: spec.table for spec in SPECS for child in spec.children}


class ReportsConfig(dg.Config):
    """`full_refresh` builds every row anew instead of those of the parties that were touched."""

    full_refresh: bool = False


class _Translator(DagsterDbtTranslator):
    """Keys that continue the registers' and name the schema that holds the table."""

    def __init__(self) -> None:
        super().__init__(
            DagsterDbtTranslatorSettings(enable_asset_checks=True, enable_duplicate_source_asset_keys=True)
        )

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> dg.AssetKey:
        name = dbt_resource_props["name"]
        if dbt_resource_props["resource_type"] == "source":
            return register_key(ERP_GROUP, _REGISTER_OF.get(name, name))
        return dg.AssetKey([dbt_resource_props["schema"], name])

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str | None:
        return str(dbt_resource_props["schema"])


def report_assets(manifest_path: Path) -> list[dg.AssetsDefinition]:
    """The assets that a prepared manifest describes, and their publication."""
    manifest = json.loads(manifest_path.read_text(encoding="utf-8"))
    translator = _Translator()

    @dbt_assets(
        manifest=manifest,
        name="reports",
        partitions_def=companies,
        dagster_dbt_translator=translator,
        pool="reports",
    )
    def reports(
        context: dg.AssetExecutionContext, config: ReportsConfig, installation: dg.ResourceParam[Installation]
    ) -> Iterator[Any]:
        run = build_reports(
            installation.erp_file(context.partition_key),
            company=context.partition_key,
            as_of=installation.clock.today(),
            target=installation.dbt_dir,
            full_refresh=config.full_refresh,
            log_dir=installation.settings.log_dir / "dbt",
            clock=installation.clock,
        )
        context.log.info(f"Built {'everything' if run.is_full else dict(run.touched)} by {run.way}")
        yield from _built(context, run)

    checks = _identities(manifest)

    @dg.multi_asset(
        name="published_reports",
        specs=[
            dg.AssetSpec(
                PUBLISHED,
                deps=[dg.AssetKey([schema, name]) for schema, name in _published_models(manifest)],
                group_name="store",
                description="What the panels read: one whole version of the reports after the other",
                freshness_policy=dg.FreshnessPolicy.time_window(fail_window=STALE_AFTER),
            )
        ],
        check_specs=[dg.AssetCheckSpec(name, asset=PUBLISHED, description=text) for name, text in checks.items()],
        partitions_def=companies,
        pool="reports",
        retry_policy=dg.RetryPolicy(max_retries=2, delay=5, jitter=dg.Jitter.FULL),
    )
    def published_reports(
        context: dg.AssetExecutionContext, installation: dg.ResourceParam[Installation]
    ) -> Iterator[Any]:
        """Publishes the company's reports; what does not tie out with the ledger is marked, never hidden."""
        path = installation.erp_file(context.partition_key)
        state = finished_build(path, clock=installation.clock)
        result = publish(
            path,
            installation.store,
            company=context.partition_key,
            as_of=state.as_of,
            fetched_at=state.fetched_at,
            run_id=context.run_id,
            tie_out=TieOut(state.ties_out, state.finding or None),
            publish_meta=meta_from_manifest(manifest),
        )
        yield dg.MaterializeResult(
            asset_key=PUBLISHED,
            metadata={
                "dagster/row_count": result.rows,
                "rows_written": result.written_rows,
                "ties_out": state.ties_out,
                "finding": state.finding,
                "seconds": round(result.seconds, 3),
                "tables": dg.MetadataValue.table(
                    [
                        dg.TableRecord(
                            {
                                "table": table.table,
                                "rows": table.rows,
                                "groups": table.groups,
                                "groups_changed": table.changed_groups,
                                "groups_removed": table.removed_groups,
                            }
                        )
                        for table in result.tables
                    ]
                ),
            },
        )
        for check in state.checks:
            if check.name in checks:
                yield dg.AssetCheckResult(
                    asset_key=PUBLISHED,
                    check_name=check.name,
                    passed=check.ok,
                    severity=dg.AssetCheckSeverity.WARN,
                    metadata={"failures": check.failures, "keys": list(check.keys), "finding": check.finding},
                )

    return [reports, published_reports]


def _built(context: dg.AssetExecutionContext, run: ReportRun) -> Iterator[Any]:
    models = {dg.AssetKey([model.schema, model.name]): model for model in run.models}
    for key in _parents_first(context):
        model = models.get(key)
        metadata: dict[str, Any] = {"is_full": run.is_full}
        if model is not None:
            metadata["seconds"] = round(model.seconds, 3)
            if model.rows is not None:
                metadata["dagster/row_count"] = model.rows
        yield dg.MaterializeResult(asset_key=key, metadata=metadata)
    tests = {test.name: test for test in run.tests}
    for check in context.selected_asset_check_keys:
        test = tests.get(check.name)
        if test is not None:
            yield dg.AssetCheckResult(
                asset_key=check.asset_key,
                check_name=check.name,
                passed=test.ok,
                severity=dg.AssetCheckSeverity.WARN,
                metadata={"failures": test.failures, "finding": test.finding},
            )


def _parents_first(context: dg.AssetExecutionContext) -> list[dg.AssetKey]:
    """The selected assets in the order in which Dagster wants to hear of them."""
    parents = {spec.key: [dep.asset_key for dep in spec.deps] for spec in context.assets_def.specs}
    return [key for key in TopologicalSorter(parents).static_order() if key in context.selected_asset_keys]


def _published_models(manifest: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [("reports", name) for name in sorted(meta_from_manifest(manifest))]


def _identities(manifest: Mapping[str, Any]) -> dict[str, str]:
    """The identities that the mart `tie_out` proves, by name, as its `meta.checks` lists them."""
    for node in manifest["nodes"].values():
        if node["name"] == "tie_out" and node["resource_type"] == "model":
            return dict((node.get("config", {}).get("meta") or node.get("meta") or {}).get("checks", {}))
    return {}
