"""The sync's commands for a terminal: plan, sync, undo, explain, issues, request.

Values of records are shown to the person who asks for them, and written nowhere else. Exit codes as in `cli.py`; `plan`
ends with 2 when a sync would change something.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

import click

from sounimicro_pipelines.cli_golive import accept_reports, tell_accepted
from sounimicro_pipelines.cli_issues import issues
from sounimicro_pipelines.cli_rules import BY, BadOption, rules
from sounimicro_pipelines.errors import SettingsError
from sounimicro_pipelines.installation import Installation
from sounimicro_pipelines.rules.model import RULE_NAMES
from sounimicro_pipelines.store.runs import GoLiveReport

if TYPE_CHECKING:
    from sounimicro_pipelines.sync.opening import Connection
    from sounimicro_pipelines.sync.plan import Finding
    from sounimicro_pipelines.sync.requests import ErpButton

T = TypeVar("T")
K = TypeVar("K")
RULE = click.Choice(RULE_NAMES)
ACTIONS = ("candidates", "create", "link", "unlink", "sync")


def register(main: click.Group) -> None:
    """Put these commands beside the others."""
    for command in (rules, plan, sync, undo, explain, issues, request):
        main.add_command(command)


@click.command()
@click.option("--rule", type=RULE, help="Only this rule.")
@click.option("--company", help="Only this ERP company (its alias).")
@click.option("--record", "records", multiple=True, help="Only this record; may be given several times.")
def plan(rule: str | None, company: str | None, records: Sequence[str]) -> None:
    """What a sync would do now, from the same engine, writing nothing. Exit 2 when it would change something."""
    from sounimicro_pipelines.sync.addresses import parse_address
    from sounimicro_pipelines.sync.plan import plan as make_plan

    async def work(connection: Connection) -> Any:
        _demand_company(connection, company)
        with connection.store.read() as tx:
            chosen = [parse_address(tx, one) for one in records]
        world = await connection.world(by=BY, company=company, live_only=True)
        if not world.erp:
            return None, connection
        await connection.sign_in()
        return await make_plan(world, [rule] if rule else None, records=chosen), connection

    found, connection = _connected(Installation.of_this_process(), work)
    if found is None:
        click.echo("No ERP company has gone live, so a sync would write nothing.")
        return
    for one in found.changes:
        what = f"{one.side} {one.field}: «{one.old}» → «{one.new}»" if one.kind == "update" else one.kind
        alias = connection.alias_of(one.company_key)
        click.echo(f"{one.rule}: crm:{one.crm} · erp:{alias}:{one.erp} · {what} ({one.reason})")
    for (kind, cause, remedy), alike in _alike(found.findings, lambda one: (one.kind, one.cause, one.remedy)).items():
        _tell_trouble(kind, [_about(one, connection) for one in alike], cause, remedy)
    for reason, names in _alike(found.unread.items(), lambda one: one[1]).items():
        click.secho(f"{', '.join(name for name, _ in names)} could not be read: {reason}", fg="red")
    click.echo(f"{len(found.changes)} changes, {len(found.findings)} that need a person.")
    sys.exit(2 if found.changes else 1 if found.unread else 0)


@click.command()
@click.option("--rule", type=RULE, help="Only this rule.")
@click.option("--company", help="Only this ERP company (its alias).")
@click.option("--record", help="Only this record, whatever the feeds say.")
@click.option("--go-live", is_flag=True, help="Accept the go-live report: from then on the sync writes.")
def sync(rule: str | None, company: str | None, record: str | None, go_live: bool) -> None:
    """Read the feeds and bring both systems into step, recorded in Dagster."""
    from sounimicro_pipelines.orchestration.sync_commands import run_record, run_rules

    installation = Installation.of_this_process()
    if go_live:
        if rule or record:
            raise BadOption("--go-live goes with --company alone: a company goes live with all of its rules.")
        tell_accepted(_connected(installation, lambda connection: _gone_live(connection, company)))
        return
    if record is not None:
        if rule or company:
            raise BadOption("--record goes alone: every rule that is about the record looks at it.")
        told = run_record(installation, record)
    else:
        if company is not None:
            _connected(installation, lambda connection: _checked(connection, company))
        told = run_rules(installation, rule=rule, company=company)
    for row in told.tables.get("changes", []):
        what = f"{row['side']} {row['field']}" if row["what"] == "update" else row["what"]
        click.echo(f"{row['rule']}: {row['crm']} · erp:{row['company']}:{row['erp']} · {what}")
    told_alike = _alike(told.tables.get("issues", []), lambda row: (row["kind"], row["cause"], row["remedy"]))
    for (kind, cause, remedy), rows in told_alike.items():
        _tell_trouble(kind, [f"{row['record']} {row['field']}" for row in rows], cause, remedy)
    if told.finding:
        click.secho(told.finding, fg="yellow")
    click.echo(_counted(told.counts))
    click.echo(f"Run {told.run_id}; `sounimicro undo {told.run_id}` takes it back.")
    sys.exit(1 if told.counts["failed"] or told.unread else 0)


@click.command()
@click.argument("run")
def undo(run: str) -> None:
    """Put back what RUN has written, as far as nobody has edited it since, and list the rest."""
    from sounimicro_pipelines.orchestration.sync_commands import run_undo

    told = run_undo(Installation.of_this_process(), run)
    restored, left = told.tables.get("put_back", []), told.tables.get("left", [])
    for row in restored:
        click.echo(f"{row['crm']} · erp:{row['company']}:{row['erp']} · {row['side']} {row['field']}: put back")
    for row in left:
        where = f"{row['crm']} · erp:{row['company']}:{row['erp']} {row['field']}".rstrip()
        click.secho(f"{where}: {row['why']}", fg="yellow")
    click.echo(f"{len(restored)} fields put back, {len(left)} left as they are. Run {told.run_id}.")
    sys.exit(1 if left and not restored else 0)


@click.command()
@click.argument("record")
@click.argument("field", required=False)
def explain(record: str, field: str | None) -> None:
    """Why does this field have this value: which rule, which side, when, by whom, and what it replaced."""
    from sounimicro_pipelines.rules import load_rules
    from sounimicro_pipelines.sync.addresses import parse_address
    from sounimicro_pipelines.sync.explain import address_of
    from sounimicro_pipelines.sync.explain import explain as tell
    from sounimicro_pipelines.sync.opening import plain_registries

    installation = Installation.of_this_process()
    with installation.store.read() as tx:
        address = parse_address(tx, record)
        in_force = load_rules(tx, plain_registries())
        found = tell(tx, _tenant(installation), in_force, address, field)
        for link in found.links:
            crm, erp = address_of(tx, link)
            state = "" if link.state == "active" else f", {link.state}"
            click.secho(f"{crm} ↔ {erp} ({link.role}{state}), since {_moment(link.created_at)}", bold=True)
    for stone in found.ended:
        click.echo(f"Ended {_moment(stone.at)}: {stone.role} {stone.erp_entity}:{stone.erp_id} ({stone.reason})")
    for story in found.fields:
        known = "" if story.crm is None and story.erp is None else f" CRM «{story.crm or ''}», ERP «{story.erp or ''}»"
        click.echo(f"{story.crm_path or story.erp_path}:{known}")
        click.echo(f"    {story.because}")
        for change in story.changes[1:] if field else ():
            click.echo(f"    Before that: {change.text}")
        for loser in story.losers:
            by = f" by {loser.by}" if loser.by else ""
            click.echo(
                f"    Gave way: «{loser.value}» in the {loser.side.upper()}{by}, found {_moment(loser.found_at)};"
                f" `sounimicro issues --restore {loser.id}` puts it back"
            )
    click.echo(f"{len(found.links)} links, {len(found.fields)} fields.")


@click.command()
@click.argument("action", type=click.Choice(ACTIONS))
@click.argument("record")
@click.option("--company", help="The ERP company (its alias).")
@click.option("--role", default="", help="customer or supplier; a person's or project's follows by itself.")
@click.option("--erp", type=int, metavar="ID", help="The ERP record to link with.")
@click.option("--customer", type=int, metavar="ID", help="The CRM company that a new project is for.")
@click.option("--set", "answers", multiple=True, metavar="FIELD=VALUE", help="An answer; with link: FIELD=crm or =erp.")
@click.option("--json", "as_json", is_flag=True, help="The answer as JSON.")
def request(
    action: str,
    record: str,
    company: str | None,
    role: str,
    erp: int | None,
    customer: int | None,
    answers: Sequence[str],
    as_json: bool,
) -> None:
    """What pressing ERP does: candidates, create, link, unlink or sync RECORD (crm:contact:1041)."""
    from sounimicro_pipelines.orchestration.runless import RunlessEvents
    from sounimicro_pipelines.sync.addresses import company_of, parse_address, parse_crm_address
    from sounimicro_pipelines.sync.requests import ErpButton

    installation = Installation.of_this_process()
    given = _answers(answers)
    events = RunlessEvents(installation.settings.dagster_home)

    async def work(connection: Connection) -> Any:
        world = await connection.world(by=BY)
        button = ErpButton(world, tell=events)
        if action == "sync":
            with connection.store.read() as tx:
                wanted = parse_address(tx, record)
            return await button.sync_now(wanted)
        if company is None:
            raise BadOption("--company is missing: the alias of the ERP company.")
        with connection.store.read() as tx:
            address, (key, _) = parse_crm_address(tx, record), company_of(tx, company)
        return await _requested(button, action, address, key, role, erp, customer, given)

    try:
        answer = _connected(installation, work)
    finally:
        events.close()
    if as_json:
        click.echo(json.dumps(_plain(answer), ensure_ascii=False, indent=2))
    else:
        _tell_request(answer)
    sys.exit(1 if getattr(answer, "conflicts", 0) or getattr(answer, "waiting", "") else 0)


async def _requested(
    button: ErpButton,
    action: str,
    address: Any,
    key: str,
    role: str,
    erp: int | None,
    customer: int | None,
    given: Mapping[str, str],
) -> Any:
    if action == "candidates":
        return await button.candidates(address, key, role)
    if action == "create":
        return await button.create(address, key, role, given, customer=customer)
    if action == "unlink":
        return await button.unlink(address, key, role)
    if erp is None:
        raise BadOption("--erp is missing: the id of the ERP record; `request candidates` lists them.")
    wrong = [name for name, side in given.items() if side not in ("crm", "erp")]
    if wrong:
        raise BadOption(f"--set {wrong[0]}: say whose value is right, crm or erp.")
    return await button.link(address, key, role, erp, given)  # type: ignore[arg-type]


def _tell_request(answer: Any) -> None:
    if isinstance(answer, list):
        for one in answer:
            taken = f", linked to {one.linked_to}" if one.linked_to is not None else ""
            reasons = ", ".join(one.reasons)
            click.echo(f"{one.score:.2f} {one.erp_id}: {one.name} {one.number} {one.org_number} ({reasons}){taken}")
        click.echo(
            f"{len(answer)} candidates." if answer else "No candidates: create it, or search by hand in the ERP."
        )
        return
    where = f"{answer.erp_entity}:{answer.erp_id}" if answer.erp_id else "no ERP record"
    number = f", number {answer.number}" if answer.number else ""
    click.echo(f"{answer.action} {answer.record}: {where}{number}")
    for side, name in answer.fields:
        click.echo(f"    {side} {name} written")
    if answer.waiting:
        click.secho(answer.waiting, fg="yellow")
    click.echo(f"{len(answer.fields)} fields written, {answer.conflicts} to decide. Run {answer.run_id}.")


def _tell_trouble(kind: str, where: Iterable[str], cause: str, remedy: str) -> None:
    places = dict.fromkeys(place.strip() for place in where if place.strip())
    click.secho(f"{kind} {', '.join(places)}".strip() + f": {cause} {remedy}", fg="yellow")


def _about(finding: Finding, connection: Connection) -> str:
    """The record that a plan's finding is about, as `issues` names it, and its field."""
    alias = connection.alias_of(finding.company_key) if finding.company_key else ""
    record = f"crm:{finding.crm}" if finding.crm else f"erp:{alias}:{finding.erp}" if finding.erp else ""
    return f"{record} {finding.field}" if record else finding.field


def _alike(rows: Iterable[T], by: Callable[[T], K]) -> dict[K, list[T]]:
    """Rows that say the same, in the order in which it is said first."""
    found: dict[K, list[T]] = {}
    for row in rows:
        found.setdefault(by(row), []).append(row)
    return found


def _connected(installation: Installation, work: Callable[[Connection], Awaitable[T]]) -> T:
    async def main() -> T:
        async with installation.sync_connection() as connection:
            return await work(connection)

    installation.prepare_home()
    return asyncio.run(main())


async def _gone_live(connection: Connection, company: str | None) -> list[tuple[str, GoLiveReport | None]]:
    _demand_company(connection, company)
    return accept_reports(connection, await connection.world(by=BY), company)


async def _checked(connection: Connection, company: str) -> None:
    _demand_company(connection, company)


def _demand_company(connection: Connection, company: str | None) -> None:
    from sounimicro_pipelines.installation import UnknownCompany

    aliases = [one.alias for one in connection.companies]
    if company is not None and company not in aliases:
        raise UnknownCompany(
            f"There is no company «{company}» in use.", remedy=f"Companies in use: {', '.join(aliases)}."
        )


def _tenant(installation: Installation) -> str:
    tenant = installation.settings.superoffice_tenant
    if tenant is None:
        raise SettingsError(["SUPEROFFICE_TENANT is missing: the tenant's id, such as Cust12345."])
    return tenant


def _answers(texts: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in texts:
        # A path may hold `=` in its brackets: Info.Phones[Type=150102].Number=…
        depth, at = 0, -1
        for place, letter in enumerate(text):
            depth += (letter == "[") - (letter == "]")
            if letter == "=" and depth == 0:
                at = place
                break
        if at < 1:
            raise BadOption(f"--set «{text}» should look like FIELD=VALUE.")
        found[text[:at].strip()] = text[at + 1 :].strip()
    return found


def _counted(counts: Mapping[str, int]) -> str:
    rest = ", ".join(f"{counts[name]} {name}" for name in ("applied", "unchanged", "held", "conflicts", "failed"))
    return f"{counts['in']} records looked at: {rest}."


def _moment(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%SZ")


def _plain(value: Any) -> Any:
    """A value as JSON has it; records by the names that people use."""
    from sounimicro_pipelines.sync.addresses import CrmAddress, ErpAddress

    if isinstance(value, CrmAddress | ErpAddress):
        return str(value)
    if is_dataclass(value) and not isinstance(value, type):
        return {one.name: _plain(getattr(value, one.name)) for one in fields(value)}
    if isinstance(value, Mapping):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value.isoformat() if isinstance(value, datetime) else value
