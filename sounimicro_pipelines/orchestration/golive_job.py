"""The go-live report as a job: what linking and creating would mean in a company, before anything is written there.

Annotations are not postponed here: Dagster reads them when an op is declared.
"""

from collections.abc import Sequence
from typing import Any

import dagster as dg

from sounimicro_pipelines.installation import Installation, UnknownCompany
from sounimicro_pipelines.orchestration.engine_room import engine_room
from sounimicro_pipelines.orchestration.failing import plainly
from sounimicro_pipelines.orchestration.sync_assets import Log, panels_address, part_of, table
from sounimicro_pipelines.store.runs import GoLiveReport
from sounimicro_pipelines.sync.golive import REPORTED, make
from sounimicro_pipelines.sync.golive_asked import Making
from sounimicro_pipelines.sync.opening import Connection

GO_LIVE = "go_live_report"
OP = "write_go_live_report"
COLUMNS = (
    "linked",
    "matched",
    "suggested",
    "only_crm",
    "only_erp",
    "duplicates_crm",
    "duplicates_erp",
    "creates_in_crm",
    "creates_in_erp",
)


class GoLiveConfig(dg.Config):
    """`company`: the alias of the ERP company; empty means all that have not gone live."""

    company: str = ""


@dg.op(name=OP, pool="sync_go_live", description="Match the registers of a company, and keep what that would mean.")
def write_go_live_report(
    context: dg.OpExecutionContext, config: GoLiveConfig, installation: dg.ResourceParam[Installation]
) -> None:
    async def write(connection: Connection) -> list[tuple[str, GoLiveReport]]:
        aliases = [one.alias for one in connection.companies]
        if config.company and config.company not in aliases:
            raise UnknownCompany(
                f"There is no company «{config.company}» in use.", remedy=f"Companies in use: {', '.join(aliases)}."
            )
        made = []
        for company in connection.companies:
            if config.company != company.alias and (config.company or connection.is_live(company)):
                continue
            world = await connection.world(
                run_id=part_of(context.run_id, company.alias), reporter=Log(context.log), company=company.alias
            )
            with Making(world, company.key):
                report = make(world, installation.warehouse_files(connection.companies), company.key)
            made.append((company.alias, report))
        return made

    with plainly():
        made = engine_room(installation).run(write)
    context.add_output_metadata(golive_metadata(made, panels_address(installation.settings)))


def golive_metadata(made: Sequence[tuple[str, GoLiveReport]], panels: str) -> dict[str, Any]:
    """The counts of each rule in each company, and how a report is accepted; names stand in the store alone."""
    if not made:
        return {"finding": "Every company in use has gone live."}
    rows = [
        {"company": alias, "rule": rule} | {name: str(kept.counts.get(f"{rule}.{name}", 0)) for name in COLUMNS}
        for alias, kept in made
        for rule in REPORTED
        if f"{rule}.matched" in kept.counts
    ]
    return {
        "companies": ", ".join(alias for alias, _ in made),
        "report": table(("company", "rule", *COLUMNS), rows),
        "accept": " · ".join(f"sounimicro sync --go-live --company {alias}" for alias, _ in made),
        "page": dg.MetadataValue.url(f"{panels}/admin/go-live"),
    }


@dg.job(
    name=GO_LIVE,
    executor_def=dg.in_process_executor,
    description="What linking and creating would mean in a company that has not gone live. Writes to neither system.",
)
def go_live_report() -> None:
    write_go_live_report()
