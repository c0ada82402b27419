"""The reports of one company as assets: dbt's models in DuckDB, then what the panels read in the store.

Annotations are not postponed here: Dagster reads them when an asset is declared.
"""

import json
import warnings
from collections.abc import Iterator, Mapping
from datetime import timedelta
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import dagster as dg

from sounimicro_pipelines.installation import Installation
from sounimicro_pipelines.orchestration.extraction import ERP_GROUP, register_key
from sounimicro_pipelines.orchestration.failing import plainly
from sounimicro_pipelines.orchestration.partitions import companies
from sounimicro_pipelines.store import reports as published
from sounimicro_pipelines.unimicro.entities import ESSENTIAL, LEDGER, SPECS
from sounimicro_pipelines.warehouse.budget import register_path
from sounimicro_pipelines.warehouse.leisure import at_leisure
from sounimicro_pipelines.warehouse.publish import TieOut, meta_from_manifest, publish
from sounimicro_pipelines.warehouse.reports import ReportRun, build_reports
from sounimicro_pipelines.warehouse.reports.compared import compare_with_full_refresh, demand_full_refresh
from sounimicro_pipelines.warehouse.reports.finished import finished_build

REPORTS_GROUP = "reports"
PUBLISHED = dg.AssetKey(["store", "reports"])
STALE_AFTER = timedelta(hours=2)

_REGISTER_OF = {child.table: spec.table for spec in SPECS for child in spec.children}


class ReportsConfig(dg.Config):
    """`full_refresh` builds every row anew instead of those of the parties that were touched."""

    full_refresh: bool = False


class _Manifest:
    """dbt's manifest as Dagster needs it: the marts, where their rows come from, and their tests.

    Staging and intermediate models are how a mart is made; as assets of their own they would only slow every run
    down, so a mart is shown with the registers that it is made from.
    """

    def __init__(self, manifest: Mapping[str, Any]) -> None:
        self.nodes: Mapping[str, Any] = {**manifest["nodes"], **manifest["sources"]}
        self.marts = {
            node["name"]: node
            for node in manifest["nodes"].values()
            if node["resource_type"] == "model" and node["schema"] == REPORTS_GROUP
        }

    def spec(self, name: str) -> dg.AssetSpec:
        node = self.marts[name]
        columns = [
            dg.TableColumn(column["name"], description=column.get("description") or None)
            for column in node.get("columns", {}).values()
        ]
        return dg.AssetSpec(
            report_key(name),
            deps=sorted(self._parents(node)),
            group_name=REPORTS_GROUP,
            kinds={"dbt", "duckdb"},
            description=node.get("description") or None,
            metadata={"dagster/column_schema": dg.TableSchema(columns=columns)} if columns else None,
        )

    def checks(self) -> Mapping[str, dg.AssetCheckSpec]:
        """The data tests that lie on a mart, by name."""
        found = {}
        for node in self.nodes.values():
            marts = [name for name in self._models_under(node) if name in self.marts]
            if node["resource_type"] == "test" and marts:
                found[node["name"]] = dg.AssetCheckSpec(
                    node["name"], asset=report_key(marts[0]), description=node.get("description") or None
                )
        return found

    def identities(self) -> Mapping[str, str]:
        """The identities that the mart `tie_out` proves, by name, as its `meta.checks` lists them."""
        node = self.marts.get("tie_out", {})
        return dict((node.get("config", {}).get("meta") or {}).get("checks", {}))

    def _models_under(self, node: Mapping[str, Any]) -> list[str]:
        return [self.nodes[one]["name"] for one in node.get("depends_on", {}).get("nodes", []) if one in self.nodes]

    def _parents(self, node: Mapping[str, Any]) -> set[dg.AssetKey]:
        """Registers and other marts from which a mart is made, through whatever lies between."""
        found: set[dg.AssetKey] = set()
        for one in node.get("depends_on", {}).get("nodes", []):
            parent = self.nodes[one]
            if parent["resource_type"] == "source":
                if parent["schema"] == "raw" and not parent["name"].startswith("_"):
                    found.add(register_key(ERP_GROUP, _REGISTER_OF.get(parent["name"], parent["name"])))
            elif parent["name"] in self.marts:
                found.add(report_key(parent["name"]))
            else:
                found |= self._parents(parent)
        return found


def report_key(name: str) -> dg.AssetKey:
    """The asset of one mart."""
    return dg.AssetKey([REPORTS_GROUP, name])


def report_assets(manifest_path: Path) -> list[dg.AssetsDefinition]:
    """The assets that a prepared manifest describes, and their publication."""
    content = json.loads(manifest_path.read_text(encoding="utf-8"))
    manifest = _Manifest(content)
    metas = meta_from_manifest(content)
    identities = manifest.identities()

    @dg.multi_asset(
        name="reports",
        specs=[manifest.spec(name) for name in sorted(manifest.marts)],
        check_specs=list(manifest.checks().values()),
        partitions_def=companies,
        # All are built together; the data tests are left out of builds that do not start dbt.
        can_subset=True,
        pool="reports",
    )
    def reports(
        context: dg.AssetExecutionContext, config: ReportsConfig, installation: dg.ResourceParam[Installation]
    ) -> Iterator[Any]:
        with plainly():
            run = build_reports(
                installation.erp_file(context.partition_key),
                company=context.partition_key,
                as_of=installation.clock.today(),
                target=installation.dbt_dir,
                full_refresh=config.full_refresh,
                log_dir=installation.settings.log_dir / "dbt",
                budget_register=register_path(installation.settings.home, context.partition_key),
                hands_on=True,
                clock=installation.clock,
            )
        context.log.info(f"Built {'everything' if run.is_full else dict(run.touched)} by {run.way}")
        yield from _built(context, run)

    @dg.multi_asset(
        name="published_reports",
        specs=[
            dg.AssetSpec(
                PUBLISHED,
                deps=[report_key(name) for name in sorted(metas)],
                group_name="store",
                description="What the panels read: one whole version of the reports after the other",
                freshness_policy=dg.FreshnessPolicy.time_window(fail_window=STALE_AFTER),
            )
        ],
        check_specs=[dg.AssetCheckSpec(name, asset=PUBLISHED, description=text) for name, text in identities.items()],
        partitions_def=companies,
        pool="reports",
        retry_policy=dg.RetryPolicy(max_retries=2, delay=5, jitter=dg.Jitter.FULL),
    )
    def published_reports(
        context: dg.AssetExecutionContext, installation: dg.ResourceParam[Installation]
    ) -> Iterator[Any]:
        """Publishes the company's reports; what does not tie out with the ledger is marked, never hidden."""
        path = installation.erp_file(context.partition_key)
        with plainly():
            state = finished_build(path, essential=ESSENTIAL, ledger=LEDGER, hands_on=True, clock=installation.clock)
            result = publish(
                path,
                installation.store,
                company=context.partition_key,
                as_of=state.as_of,
                fetched_at=state.fetched_at,
                run_id=context.run_id,
                tie_out=TieOut(state.ties_out, state.finding or None),
                publish_meta=metas,
            )
            at_leisure(installation.store.write_log_back)
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
            if check.name in identities:
                yield dg.AssetCheckResult(
                    asset_key=PUBLISHED,
                    check_name=check.name,
                    passed=check.ok,
                    severity=dg.AssetCheckSeverity.WARN,
                    metadata={"failures": check.failures, "keys": list(check.keys), "finding": check.finding},
                )

    return [reports, published_reports]


def _compare(
    context: dg.AssetCheckExecutionContext, installation: dg.ResourceParam[Installation]
) -> dg.AssetCheckResult:
    """On a copy of the company's file, so that nobody waits for it. Where they differ, the figures are marked and the
    next build makes them anew."""
    alias = context.partition_key
    path = installation.erp_file(alias)
    with plainly():
        compared = compare_with_full_refresh(
            path,
            company=alias,
            as_of=installation.clock.today(),
            target=installation.dbt_dir,
            log_dir=installation.settings.log_dir / "dbt",
            clock=installation.clock,
        )
        if not compared.ok:
            demand_full_refresh(path, clock=installation.clock)
            with installation.store.transaction() as tx:
                published.mark_untied(tx, alias, compared.finding)
    return dg.AssetCheckResult(
        passed=compared.ok,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={
            "tables": compared.tables,
            "rows": compared.rows,
            "differences": [str(one) for one in compared.differences],
            "keys": [f"{one.table}: {key}" for one in compared.differences for key in one.keys],
        },
    )


with warnings.catch_warnings():
    # Checks of a partition of their own are a preview in this version of Dagster.
    warnings.simplefilter("ignore", dg.PreviewWarning)
    incremental_equals_full_refresh = dg.asset_check(
        asset=PUBLISHED,
        name="incremental_equals_full_refresh",
        description="What was built by parts is, row by row, what a full refresh builds from the same rows",
        partitions_def=companies,
    )(_compare)


def _built(context: dg.AssetExecutionContext, run: ReportRun) -> Iterator[Any]:
    models = {report_key(model.name): model for model in run.models if model.schema == REPORTS_GROUP}
    for key in _parents_first(context):
        metadata: dict[str, Any] = {"is_full": run.is_full}
        if key in models:
            metadata["seconds"] = round(models[key].seconds, 3)
            if models[key].rows is not None:
                metadata["dagster/row_count"] = models[key].rows
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
