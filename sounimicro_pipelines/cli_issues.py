"""`sounimicro issues`: what a person should know or do, and what they decide about it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import click

from sounimicro_pipelines.cli_rules import BY, BadOption
from sounimicro_pipelines.installation import Installation
from sounimicro_pipelines.rules.model import RULE_NAMES

if TYPE_CHECKING:
    from sounimicro_pipelines.store.issues import Issue
    from sounimicro_pipelines.sync.requests import ErpButton, Outcome

_COLORS = {"error": "red", "warning": "yellow"}


@click.command()
@click.option("--rule", type=click.Choice(RULE_NAMES), help="Only of this rule.")
@click.option("--company", help="Only of this ERP company (its alias).")
@click.option("--all", "everything", is_flag=True, help="Those that are solved or dismissed too.")
@click.option("--dismiss", type=int, metavar="ISSUE", help="Put an issue away by its number.")
@click.option("--retry", type=int, metavar="ISSUE", help="Let the engine look at an issue's record again, at once.")
@click.option("--confirm", type=int, metavar="ISSUE", help="The missing records of a stopped register are really gone.")
@click.option("--decide", metavar="ISSUE=crm|erp", help="Which system's value is right in a conflict.")
@click.option("--restore", type=int, metavar="CONFLICT", help="Put a value back that gave way; `explain` names it.")
def issues(
    rule: str | None,
    company: str | None,
    everything: bool,
    dismiss: int | None,
    retry: int | None,
    confirm: int | None,
    decide: str | None,
    restore: int | None,
) -> None:
    """What a person should know or do. Exit 1 when errors or warnings are open, or a decision could not be carried out.

    --dismiss, --retry, --confirm, --decide and --restore answer one issue instead of listing them.
    """
    answers = [one for one in (dismiss, retry, confirm, decide, restore) if one is not None]
    if len(answers) > 1 or (answers and (rule or company or everything)):
        raise BadOption("--dismiss, --retry, --confirm, --decide and --restore go alone, one at a time.")
    installation = Installation.of_this_process()
    if dismiss is not None:
        _answer(installation, dismiss, "dismiss")
        click.echo(f"Issue {dismiss} is put away.")
    elif retry is not None:
        _answer(installation, retry, "retry")
        click.echo(f"The record of issue {retry} is looked at with the next sync.")
    elif confirm is not None:
        _answer(installation, confirm, "confirm")
        click.echo(f"Confirmed: the register of issue {confirm} is synchronized again.")
    elif decide is not None:
        _decide(installation, decide)
    elif restore is not None:
        _restore(installation, restore)
    else:
        _list(installation, rule, company, everything)


def _answer(installation: Installation, issue_id: int, answer: str) -> None:
    from sounimicro_pipelines.sync import answering

    with installation.store.transaction() as tx:
        issue, now = _issue(installation, issue_id), installation.clock.now()
        if answer not in answering.answers_to(issue):
            raise BadOption(f"Issue {issue_id} ({issue.kind}, {issue.state}) cannot be answered so.")
        if answer == "dismiss":
            answering.dismiss(tx, issue, by=BY, now=now)
        elif answer == "retry":
            answering.retry(tx, issue, now=now)
        else:
            answering.confirm(tx, issue, by=BY, now=now)


def _issue(installation: Installation, issue_id: int) -> Issue:
    from sounimicro_pipelines.store import issues as stored

    with installation.store.read() as tx:
        found = stored.get(tx, issue_id)
    if found is None:
        raise BadOption(f"There is no issue {issue_id}.")
    return found


def _decide(installation: Installation, text: str) -> None:
    from sounimicro_pipelines.sync import deciding

    number, _, side = text.partition("=")
    if not number.strip().isdigit() or side.strip() not in ("crm", "erp"):
        raise BadOption(f"--decide «{text}» should look like 17=crm or 17=erp.")
    issue = _issue(installation, int(number))
    with installation.store.read() as tx:
        conflict = deciding.conflict_of(tx, issue)
    if conflict is None:
        raise BadOption(f"Issue {issue.id} ({issue.kind}, {issue.state}) is no conflict that waits for a decision.")
    chosen = "crm" if side.strip() == "crm" else "erp"
    _tell(_asked(installation, lambda button: deciding.decide(button, conflict.id, chosen)))  # type: ignore[arg-type]


def _restore(installation: Installation, conflict_id: int) -> None:
    from sounimicro_pipelines.sync import deciding

    _tell(_asked(installation, lambda button: deciding.restore(button, conflict_id)))


def _asked(installation: Installation, work: Callable[[ErpButton], Awaitable[Outcome]]) -> Outcome:
    """A person's request through the engine, told to Dagster."""
    from sounimicro_pipelines.orchestration.runless import RunlessEvents
    from sounimicro_pipelines.sync.requests import ErpButton

    events = RunlessEvents(installation.settings.dagster_home)

    async def main() -> Outcome:
        async with installation.sync_connection() as connection:
            return await work(ErpButton(await connection.world(by=BY), tell=events))

    installation.prepare_home()
    try:
        return asyncio.run(main())
    finally:
        events.close()


def _tell(outcome: Outcome) -> None:
    for side, name in outcome.fields:
        click.echo(f"{outcome.record}: {side} {name} written")
    if outcome.waiting:
        click.secho(outcome.waiting, fg="yellow")
    click.echo(f"{len(outcome.fields)} fields written. Run {outcome.run_id}; `sounimicro undo` takes it back.")
    sys.exit(1 if outcome.held or (outcome.waiting and not outcome.fields) else 0)


def _list(installation: Installation, rule: str | None, company: str | None, everything: bool) -> None:
    from sounimicro_pipelines.store import issues as stored
    from sounimicro_pipelines.store.companies import all_companies
    from sounimicro_pipelines.sync.addresses import about_issue, company_of

    with installation.store.read() as tx:
        key = company_of(tx, company)[0] if company else None
        found = stored.listing(tx, state=None if everything else "open", rule=rule, company_key=key, limit=1000)
        aliases = {one.company_key: one.alias for one in all_companies(tx, active_only=False)}
    for one in found:
        about = about_issue(one, aliases)
        alias = aliases.get(one.company_key or "", "")
        where = "" if not alias or about.startswith("erp:") else f"{alias}, "
        words = [f"#{one.id}", one.severity, one.kind, about, one.field or "", f"({where}{one.occurrences}×)"]
        state = "" if one.state == "open" else f" {one.state}"
        click.secho(" ".join(word for word in words if word) + state, fg=_COLORS.get(one.severity))
        click.echo(f"    {one.cause}")
        for words in (one.details or {}).get("messages", ()):
            click.echo(f"    In the system's own words: {words}")
        for candidate in (one.details or {}).get("candidates", ()):
            other = "ERP" if one.side == "crm" else "CRM"
            reasons = ", ".join(candidate["reasons"]).replace("_", " ")
            click.echo(f"    May be the same: {other} {candidate['id']}, {candidate['score']:.2f}: {reasons}")
        click.echo(f"    → {one.remedy}")
    waiting = sum(one.state == "open" and one.severity != "info" for one in found)
    click.echo(f"{len(found)} issues, {waiting} that need a person." if found else "No issues.")
    sys.exit(1 if waiting else 0)
