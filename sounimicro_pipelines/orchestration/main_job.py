"""The main job once, through Dagster and recorded in its instance: registers, reports, publication."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import dagster as dg
from dagster import DagsterEventType, ExecuteInProcessResult

from sounimicro_pipelines.installation import Company, Installation, Skipped, UnknownCompany
from sounimicro_pipelines.orchestration.event_storage import record_explained
from sounimicro_pipelines.orchestration.golive_job import GO_LIVE
from sounimicro_pipelines.orchestration.golive_job import OP as GO_LIVE_OP
from sounimicro_pipelines.orchestration.instance import process_tag
from sounimicro_pipelines.orchestration.leftovers import open_cleared
from sounimicro_pipelines.orchestration.partitions import file_tag, keep_partitions
from sounimicro_pipelines.rules import RULE_NAMES
from sounimicro_pipelines.store import reports as report_rows
from sounimicro_pipelines.store import runs
from sounimicro_pipelines.store.runs import GoLiveReport

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dataclass(frozen=True, slots=True)
class JobOutcome:
    """What one run did.

    `rows_read`, `rows_changed` and `rows_quarantined` are records of the vendor, `rows_published` rows of reports.
    `ties_out` is None for runs without reports. `notes` are feeds that could not be read and why; `reason` is why the
    run failed.
    """

    name: str
    run_id: str
    success: bool
    rows_read: int = 0
    rows_changed: int = 0
    rows_quarantined: int = 0
    rows_published: int = 0
    rows_written: int = 0
    ties_out: bool | None = None
    finding: str = ""
    reason: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SyncOutcome:
    """What the five rules did together: records looked at, and what became of them. `reasons` of runs that failed."""

    looked_at: int = 0
    applied: int = 0
    unchanged: int = 0
    held: int = 0
    conflicts: int = 0
    failed: int = 0
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MainJobResult:
    """All runs of one main job, and the companies that were not used with the reason.

    `sync` is None when no company has gone live; `waiting` are the aliases of those that have not, `reports` the
    go-live reports that were written for them.
    """

    outcomes: Sequence[JobOutcome]
    skipped: Sequence[Skipped] = field(default=())
    sync: SyncOutcome | None = None
    waiting: Sequence[str] = field(default=())
    reports: Mapping[str, GoLiveReport] = field(default_factory=dict)

    @property
    def success(self) -> bool:
        return all(outcome.success for outcome in self.outcomes) and not (self.sync and self.sync.reasons)

    @property
    def consistent(self) -> bool:
        """Every run succeeded, everything ties out and nothing is in quarantine or out of reach."""
        return self.success and all(
            outcome.ties_out is not False and not outcome.rows_quarantined and not outcome.notes
            for outcome in self.outcomes
        )


def run_main_job(
    installation: Installation,
    definitions: dg.Definitions,
    *,
    sync: dg.Definitions | None = None,
    only: str | None = None,
    full: bool = False,
    on_phase: Callable[[str], None] = lambda text: None,
) -> MainJobResult:
    """Runs the CRM's registers, the five rules (of the code location `sync`), and each company's figures.

    `only` names one company whose figures are wanted. The rules write for companies that have gone live; for the
    others the go-live report is written instead.

    Raises SettingsError for settings, VendorError when the companies cannot be listed, UnknownCompany, StoreError, and
    RecordUnusable when Dagster cannot write down what it does.
    """
    quiet_libraries()
    installation.prepare_home()
    on_phase("Companies")
    used, skipped = asyncio.run(_companies(installation))
    chosen = [company for company in used if only in (None, company.alias)]
    if not chosen:
        raise UnknownCompany(
            f"There is no company «{only}» in use.",
            remedy=f"Companies in use: {', '.join(company.alias for company in used)}.",
        )
    home = installation.settings.dagster_home
    with record_explained(home), open_cleared(installation) as instance:
        keep_partitions(instance, [company.alias for company in used])
        outcomes = []
        on_phase("CRM: registers")
        run = partial(_run, installation, instance, definitions)
        crm = run("crm_registers", None, _listing("superoffice_registers", full))
        outcomes.append(_outcome("CRM", crm))
        waiting = [company.alias for company in used if not installation.is_live(company)]
        synchronized = None
        if sync is not None and len(waiting) < len(used):
            on_phase("Registers in step, both ways")
            synchronized = _sync(partial(_run, installation, instance, sync))
        for company in chosen:
            on_phase(f"{company.name or company.alias}: registers and reports")
            result = run("figures", company.alias, _listing("unimicro_registers", full))
            outcomes.append(_with_tie_out(installation, company, _outcome(company.alias, result)))
        reports: dict[str, GoLiveReport] = {}
        if sync is not None:
            on_phase("Go-live reports")
            read = {outcome.name for outcome in outcomes if outcome.success}
            for company in chosen:
                if company.alias in waiting and company.alias in read:
                    written = partial(_run, installation, instance, sync)(GO_LIVE, None, _report_of(company))
                    if written.success:
                        reports[company.alias] = _kept_report(installation, company)
                    else:
                        outcomes.append(_outcome(f"go-live report of {company.alias}", written))
    return MainJobResult(outcomes, skipped, synchronized, waiting, reports)


def quiet_libraries() -> None:
    """Keeps the libraries' own chatter off the terminal; Dagster's record holds it all."""
    for name in ("dagster", "httpx", "httpcore", "alembic", "sqlalchemy", "dbt"):
        logging.getLogger(name).setLevel(logging.ERROR)
    logging.raiseExceptions = False  # a log file that cannot be written (full disk) is told once, by what failed of it


async def _companies(installation: Installation) -> tuple[list[Company], list[Skipped]]:
    async with installation.unimicro() as client:
        return await installation.companies(client)


def _listing(op: str, full: bool) -> dict[str, Any]:
    return {"ops": {op: {"config": {"listing": "full" if full else "incremental"}}}}


def _run(
    installation: Installation,
    instance: dg.DagsterInstance,
    definitions: dg.Definitions,
    job: str,
    partition: str | None,
    run_config: Mapping[str, Any],
) -> ExecuteInProcessResult:
    return definitions.resolve_job_def(job).execute_in_process(
        instance=instance,
        partition_key=partition,
        raise_on_error=False,
        tags=process_tag() | file_tag(partition or "crm"),
        run_config={**QUIET, **run_config},
        resources={"installation": installation},
    )


def _report_of(company: Company) -> dict[str, Any]:
    return {"ops": {GO_LIVE_OP: {"config": {"company": company.alias}}}}


def _kept_report(installation: Installation, company: Company) -> GoLiveReport:
    with installation.store.read() as tx:
        kept = runs.go_live_report(tx, installation.settings.require_superoffice().tenant, company.key)
    if kept is None:
        raise LookupError(company.alias)
    return kept


def _sync(run: Callable[[str, str | None, Mapping[str, Any]], ExecuteInProcessResult]) -> SyncOutcome:
    counts = dict.fromkeys(("in", "applied", "unchanged", "held", "conflicts", "failed"), 0)
    failed: dict[str, list[str]] = {}
    for rule in RULE_NAMES:
        result = run(f"sync_{rule}", None, {"ops": {f"sync__{rule}": {"config": {"every_feed": True}}}})
        if not result.success:
            failed.setdefault(_reason(result), []).append(rule)
        for event in result.get_asset_materialization_events():
            for name in counts:
                value: Any = getattr(event.materialization.metadata.get(name), "value", 0)
                counts[name] += int(value)
    looked_at = counts.pop("in")
    reasons = tuple(f"{', '.join(rules)}: {reason}" for reason, rules in failed.items())
    return SyncOutcome(looked_at=looked_at, **counts, reasons=reasons)


def _outcome(name: str, result: ExecuteInProcessResult) -> JobOutcome:
    read = changed = quarantined = published = written = 0
    notes = []
    for event in result.get_asset_materialization_events():
        metadata: dict[str, Any] = {key: value.value for key, value in event.materialization.metadata.items()}
        read += int(metadata.get("rows_read", 0))
        changed += int(metadata.get("rows_changed", 0))
        quarantined += int(metadata.get("rows_quarantined", 0))
        if "rows_written" in metadata:
            published, written = int(metadata["dagster/row_count"]), int(metadata["rows_written"])
        if metadata.get("state", "ok") != "ok":
            notes.append(
                f"{event.materialization.asset_key.path[-1]}: {metadata['state']}. {metadata.get('message', '')}"
            )
    return JobOutcome(
        name=name,
        run_id=result.run_id,
        success=result.success,
        rows_read=read,
        rows_changed=changed,
        rows_quarantined=quarantined,
        rows_published=published,
        rows_written=written,
        reason="" if result.success else _reason(result),
        notes=tuple(notes),
    )


def _with_tie_out(installation: Installation, company: Company, outcome: JobOutcome) -> JobOutcome:
    if not outcome.success:
        return outcome
    with installation.store.read() as tx:
        published = report_rows.published(tx, company.alias).values()
    findings = sorted({row.finding for row in published if row.ties_out is False and row.finding})
    return replace(
        outcome,
        ties_out=all(row.ties_out is not False for row in published),
        finding="; ".join(findings),
    )


def _reason(result: ExecuteInProcessResult) -> str:
    """The first step's failure in its own words, without the stack."""
    for event in result.all_events:
        if event.event_type == DagsterEventType.STEP_FAILURE:
            failure = event.step_failure_data
            if failure.user_failure_data is not None and failure.user_failure_data.description:
                return failure.user_failure_data.description
            error = failure.error
            while error is not None and error.cause is not None:
                error = error.cause
            if error is not None:
                return error.message.split(": ", 1)[-1].strip()
    return "No step failed; see the run in Dagster."
