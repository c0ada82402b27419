"""The five rules as assets: a run reads the rule's feeds, works off its list, and says what it changed.

Nothing personal reaches Dagster: ids, field names and counts. Annotations are not postponed here: Dagster reads them
when an asset is declared.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg

from sounimicro_pipelines.installation import Installation
from sounimicro_pipelines.orchestration.engine_room import engine_room
from sounimicro_pipelines.orchestration.failing import plainly
from sounimicro_pipelines.orchestration.turns import take_turns_again
from sounimicro_pipelines.rules.model import RULE_NAMES, RuleName
from sounimicro_pipelines.settings import Settings
from sounimicro_pipelines.store import Store, companies, history, issues
from sounimicro_pipelines.store.issues import Issue
from sounimicro_pipelines.sync.addresses import about_issue
from sounimicro_pipelines.sync.engine import drain
from sounimicro_pipelines.sync.feeds import Pace, Polled, poll
from sounimicro_pipelines.sync.opening import Connection
from sounimicro_pipelines.sync.run_report import RunReport
from sounimicro_pipelines.sync.world import World

GROUP = "sync"
AT_ONCE = 4
SHOWN_ROWS = 500
_PARENTS: Mapping[RuleName, tuple[RuleName, ...]] = {
    "customer": (),
    "supplier": (),
    "partner": ("customer", "supplier"),
    "person": ("customer", "supplier"),
    "project": ("customer",),
}
_ABOUT: Mapping[RuleName, str] = {
    "customer": "Customers of the ERP and companies of the CRM, kept equal both ways.",
    "supplier": "Suppliers of the ERP and companies of the CRM, kept equal both ways.",
    "partner": "Companies that are customer and supplier at once: one decision for both rows of the ERP.",
    "person": "Contact persons of linked companies, kept equal both ways.",
    "project": "Projects, kept equal both ways.",
}


class SyncConfig(dg.Config):
    """How one run of a rule goes about it. `company`: an alias; empty means every company that has gone live.

    `every_feed`: read every feed, not only those that are due. A person waits for it, so a CRM that does not answer or
    take us at all ends it, instead of leaving a trace at every record.
    """

    read_feeds: bool = True
    every_feed: bool = False
    at_once: int = AT_ONCE
    company: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one run of a rule did; `report` is None when no company has gone live.

    `again` is what rules before it did, once more, with what it had left for them.
    """

    polled: Polled
    report: RunReport | None
    again: Sequence[RunReport] = ()


class Log:
    """Tells the engine's remarks to Dagster's log; they hold no personal data."""

    def __init__(self, log: Any) -> None:
        self._log = log

    def info(self, message: str) -> None:
        """A remark."""
        self._log.info(message)

    def warning(self, message: str) -> None:
        """Something that a person may want to look at."""
        self._log.warning(message)


def rule_key(rule: str) -> dg.AssetKey:
    """The asset of a rule."""
    return dg.AssetKey([GROUP, rule])


def pace_of(settings: Settings) -> Pace:
    """How often each feed is polled, by the settings."""
    return Pace(
        erp=settings.sounimicro_poll_erp_seconds,
        crm=settings.sounimicro_poll_crm_seconds,
        children=settings.sounimicro_poll_children_seconds,
    )


def _asset(rule: RuleName) -> dg.AssetsDefinition:
    @dg.asset(
        key=rule_key(rule),
        group_name=GROUP,
        deps=[rule_key(parent) for parent in _PARENTS[rule]],
        description=_ABOUT[rule],
        pool=f"sync_{rule}",
        kinds={"python"},
    )
    def sync_rule(
        context: dg.AssetExecutionContext, config: SyncConfig, installation: dg.ResourceParam[Installation]
    ) -> dg.MaterializeResult[Any]:
        async def work(connection: Connection) -> Outcome:
            async def open_world(part: str = "") -> World:
                return await connection.world(
                    run_id=part_of(context.run_id, part) if part else context.run_id,
                    reporter=Log(context.log),
                    company=config.company or None,
                    live_only=True,
                )

            alone = _alone(context, rule)
            world = await open_world("" if alone else rule)
            if not world.erp:
                return Outcome(Polled(), None)
            if config.every_feed:
                await connection.sign_in()
            polled = Polled()
            if config.read_feeds:
                polled = await poll(world, rule, pace_of(installation.settings), now_due=config.every_feed)
            report = await drain(world, rule, at_once=config.at_once)
            if alone:
                return Outcome(polled, report)
            again = await take_turns_again(connection.store, context.run_id, open_world, at_once=config.at_once)
            return Outcome(polled, report, again)

        with plainly():
            outcome = engine_room(installation).run(work)
        if outcome.report is None:
            context.log.warning("No ERP company has gone live, so nothing was written. Accept a go-live report first.")
            return dg.MaterializeResult(metadata={"in": 0, "finding": "No company has gone live."})
        for one in outcome.again:
            key = rule_key(one.rule or rule)
            context.log_event(dg.AssetMaterialization(key, metadata=metadata_of(one, Polled(), installation)))
        return dg.MaterializeResult(metadata=metadata_of(outcome.report, outcome.polled, installation))

    return sync_rule


def part_of(run_id: str, part: object) -> str:
    """Our id for one part of a run of Dagster's that has several; the run's own id stands for all of them."""
    return f"{run_id}.{part}"


def _alone(context: dg.AssetExecutionContext, rule: str) -> bool:
    """Whether the run is about this rule only, and is then explained and undone by its own id."""
    chosen = context.run.asset_selection
    return context.run.job_name == job_name(rule) or (chosen is not None and len(chosen) == 1)


def job_name(rule: str) -> str:
    """The job of a rule."""
    return f"sync_{rule}"


def metadata_of(report: RunReport, polled: Polled, installation: Installation) -> dict[str, Any]:
    """A run's counts (in = applied + unchanged + held + conflicts + failed), its changes and the issues it met."""
    found = _issues(installation.store, report.run_id)
    aliases = _aliases(installation.store)
    metadata: dict[str, Any] = {
        **report.counts,
        "run": report.run_id,
        "items_from_feeds": polled.items,
        "feeds_read": len(polled.feeds),
        "changes": table(
            ("rule", "company", "crm", "erp", "what", "side", "field"),
            [
                *_made(installation.store, report.run_id, aliases),
                *(
                    {
                        "rule": one.rule,
                        "company": aliases.get(one.company_key, one.company_key),
                        "crm": one.crm,
                        "erp": one.erp,
                        "what": "update",
                        "side": one.side,
                        "field": one.field,
                    }
                    for one in report.changes
                ),
            ][:SHOWN_ROWS],
        ),
        "changes_in_all": len(report.changes),
        "issues": table(
            ("issue", "kind", "record", "field", "cause", "remedy"),
            [
                {
                    "issue": one.id,
                    "kind": one.kind,
                    "record": about_issue(one, aliases),
                    "field": one.field or "",
                    "cause": one.cause,
                    "remedy": one.remedy,
                }
                for one in found
            ],
        ),
    }
    panels = panels_address(installation.settings)
    metadata["run_page"] = dg.MetadataValue.url(f"{panels}/admin/runs/one?run={report.run_id}")
    if found:
        rule = f"?rule={report.rule}" if report.rule else ""
        metadata["issues_page"] = dg.MetadataValue.url(f"{panels}/admin/issues{rule}")
    if polled.failed:
        metadata["feeds_not_read"] = dg.MetadataValue.json(polled.failed)
    return metadata


def panels_address(settings: Settings) -> str:
    """Where people find the panels."""
    return (settings.panels_public_url or f"http://{settings.panels_bind}").rstrip("/")


def _issues(store: Store, run_id: str) -> Sequence[Issue]:
    with store.read() as tx:
        return issues.listing(tx, run_id=run_id, limit=SHOWN_ROWS)


def _made(store: Store, run_id: str, aliases: Mapping[str, str]) -> list[dict[str, str]]:
    with store.read() as tx:
        made = history.made_in_run(tx, run_id, SHOWN_ROWS)
    return [
        {
            "rule": one.rule,
            "company": aliases.get(one.company_key, one.company_key),
            "crm": f"crm:{one.crm_entity}:{one.crm_id}",
            "erp": f"{one.erp_entity}:{one.erp_id}",
            "what": one.kind,
            "side": "",
            "field": "",
        }
        for one in made
    ]


def _aliases(store: Store) -> Mapping[str, str]:
    with store.read() as tx:
        return {one.company_key: one.alias for one in companies.all_companies(tx, active_only=False)}


def shown_alias(store: Store, company_key: str) -> str:
    """A company as people name it."""
    with store.read() as tx:
        found = companies.by_key(tx, company_key)
    return found.alias if found is not None else company_key


def table(columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> Any:
    """Rows as Dagster shows them."""
    schema = dg.TableSchema([dg.TableColumn(name, "int" if name == "issue" else "string") for name in columns])
    return dg.MetadataValue.table([dg.TableRecord(dict(row)) for row in rows], schema=schema)


RULE_ASSETS = [_asset(rule) for rule in RULE_NAMES]
