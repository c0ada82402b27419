"""The go-live report for a terminal, and its acceptance: from then on the sync writes to the company."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from sounimicro_pipelines.store.runs import GoLiveReport

if TYPE_CHECKING:
    from sounimicro_pipelines.sync.opening import Connection

SHOWN = 8
"""Records of each kind that a terminal shows; the administration page shows more."""


def report_lines(alias: str, kept: GoLiveReport) -> Iterator[str]:
    """The report as a person reads it: counts of each rule, then some records of each kind by name."""
    yield f"Go-live report of {alias}, made {kept.made_at:%Y-%m-%d %H:%M} UTC:"
    for rule, body in kept.body.items():
        counts = {name.partition(".")[2]: n for name, n in kept.counts.items() if name.startswith(f"{rule}.")}
        yield f"  {rule}: " + ", ".join(_counted(counts))
        yield from _records(alias, rule, body, counts)


def accept_reports(connection: Connection, world: Any, company: str | None) -> list[tuple[str, GoLiveReport | None]]:
    """Accept the reports of one company, or of all that have not gone live; None for one that had already.

    Raises NoReport, naming the companies without one, before any is accepted.
    """
    from sounimicro_pipelines.store import runs
    from sounimicro_pipelines.sync.golive import NoReport, accept

    chosen = [one for one in connection.companies if company in (None, one.alias)]
    waiting = [one for one in chosen if not connection.is_live(one)]
    with connection.store.read() as tx:
        lacking = [one.alias for one in waiting if runs.go_live_report(tx, world.tenant, one.key) is None]
    if lacking:
        raise NoReport(
            f"There is no go-live report yet for: {', '.join(lacking)}.",
            remedy="Make one first (sounimicro run), look at it, and accept it then.",
        )
    return [(one.alias, accept(world, one.key) if one in waiting else None) for one in chosen]


def tell_accepted(accepted: Sequence[tuple[str, GoLiveReport | None]]) -> None:
    """What was accepted, in full, so that it can be looked up later."""
    for alias, kept in accepted:
        if kept is None:
            click.echo(f"{alias} has gone live already.")
            continue
        for line in report_lines(alias, kept):
            click.echo(line)
        click.echo(f"✓ Accepted: from now on the sync writes for {alias}, beginning with its whole registers.")


def _counted(counts: Mapping[str, int]) -> Iterator[str]:
    yield f"{counts.get('matched', 0):,} match and will be linked"
    if counts.get("linked"):
        yield f"{counts['linked']:,} linked already"
    yield f"{counts.get('suggested', 0):,} suggested to a person"
    for side, other in (("crm", "erp"), ("erp", "crm")):
        made = counts.get(f"creates_in_{other}", 0)
        told = f", {made:,} of them to be created in the {other.upper()}" if made else ""
        yield f"{counts.get(f'only_{side}', 0):,} only in the {side.upper()}{told}"
    doubled = [
        f"{counts[f'duplicates_{side}']:,} in the {side.upper()}"
        for side in ("crm", "erp")
        if counts.get(f"duplicates_{side}")
    ]
    yield f"possible duplicates: {' and '.join(doubled) or 'none'}"


def _records(alias: str, rule: str, body: Mapping[str, Any], counts: Mapping[str, int]) -> Iterator[str]:
    names: Mapping[str, str] = body.get("names") or {}

    def crm(record: int) -> str:
        return f"{names.get(f'crm:{record}', '')} (CRM {record})".lstrip()

    def erp(record: int) -> str:
        return f"{names.get(f'erp:{record}', '')} (ERP {record})".lstrip()

    matched = [f"{crm(one[0])} = {erp(one[1])}, by {str(one[2]).replace('_', ' ')}" for one in body["matched"]]
    suggested = [
        f"{crm(one['crm'])} ~ {erp(best['erp'])}, {best['score']:.2f}: {', '.join(best['reasons']).replace('_', ' ')}"
        for one in body["suggested"]
        for best in one["candidates"][:1]
    ]
    kinds = (
        ("matched", "will be linked", matched),
        ("suggested", "suggested", suggested),
        ("only_crm", "only in the CRM", [crm(one) for one in body["only_crm"]]),
        ("only_erp", f"only in {alias}", [erp(one) for one in body["only_erp"]]),
        ("duplicates_crm", "may be the same in the CRM", [" = ".join(map(crm, ids)) for ids in body["duplicates_crm"]]),
        (
            "duplicates_erp",
            f"may be the same in {alias}",
            [" = ".join(map(erp, ids)) for ids in body["duplicates_erp"]],
        ),
    )
    for name, title, lines in kinds:
        for line in lines[:SHOWN]:
            yield f"    {rule}, {title}: {line}"
        left = counts.get(name, 0) - min(len(lines), SHOWN)
        if left > 0:
            yield f"    {rule}, {title}: and {left:,} more"
