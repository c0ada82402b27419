"""The door for a person at a terminal: `sounimicro …`.

Every command ends with a summary and a meaningful exit code: 0 all well, 1 something failed (in `demo --once` also
figures that do not tie out), 2 the settings or the call need a change.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click
from rich.console import Console

from sounimicro_pipelines.cli_budget import budget
from sounimicro_pipelines.cli_golive import report_lines
from sounimicro_pipelines.cli_sync import register
from sounimicro_pipelines.errors import SettingsError, SounimicroError
from sounimicro_pipelines.installation import Installation

if TYPE_CHECKING:
    from sounimicro_pipelines.orchestration.main_job import MainJobResult, SyncOutcome


class _Group(click.Group):
    """Commands whose errors are told in a line or two, never as a stack."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except SounimicroError as error:
            _fail(error)


def _fail(error: SounimicroError) -> NoReturn:
    lines = error.problems if isinstance(error, SettingsError) else [error.message]
    for line in lines:
        click.secho(line, fg="red", err=True)
    if error.remedy:
        click.echo(error.remedy, err=True)
    sys.exit(error.exit_code)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="sounimicro-pipelines")
def main() -> None:
    """Keeps SuperOffice CRM and the Unimicro ERP in step, and shows the ERP's figures inside the CRM.

    Settings come from the environment and from .env in the working directory; README lists them.
    """
    warnings.filterwarnings("ignore", module=r"dagster\b")  # its notes on its own betas are for us, not for users


@main.command()
@click.option("--once", is_flag=True, help="Stop after the job; exit 0 only when everything was consistent.")
@click.option("--seed", default=1, show_default=True, help="Which data the sandbox invents.")
@click.option("--parties", default=60, show_default=True, help="About how many companies the sandbox holds.")
def demo(once: bool, seed: int, parties: int) -> None:
    """See the product work: start the sandbox, run the main job on it, open Dagster's screens and the panels."""
    from sounimicro_pipelines.demo import run_demo

    sys.exit(run_demo(once=once, seed=seed, parties=parties, say=click.echo, phase=_phase, tell_outcome=tell_outcome))


@main.command()
@click.option("--company", help="Only this ERP company (its alias).")
@click.option("--full", is_flag=True, help="List every register in full instead of what changed.")
def run(company: str | None, full: bool) -> None:
    """Run the main job once against the configured systems: registers, reports, publication."""
    from sounimicro_pipelines.orchestration.main_job import run_main_job

    installation = Installation.of_this_process()
    _demand(installation)
    with _phase() as tell:
        tell("Starting")
        from sounimicro_pipelines.definitions import defs
        from sounimicro_pipelines.sync_definitions import defs as sync

        result = run_main_job(installation, defs(), sync=sync, only=company, full=full, on_phase=tell)
    tell_outcome(result)
    sys.exit(0 if result.success else 1)


@main.command()
@click.argument("services", nargs=-1, type=click.Choice(["daemon", "webserver", "panels"]))
def serve(services: Sequence[str]) -> None:
    """Production: Dagster's daemon and webserver, and the panels, under one supervisor (or only those named)."""
    from sounimicro_pipelines.orchestration.serving import SERVICES, Supervisor, demand_free
    from sounimicro_pipelines.panels.security import bind_address

    installation = Installation.of_this_process()
    _demand(installation)
    if not services or "panels" in services:
        demand_free("PANELS_BIND", installation.settings.panels_bind)
        bind_address(installation.settings)  # what the panels would refuse again and again is told at once
    supervisor = Supervisor(installation, [one for one in SERVICES if not services or one in services])
    supervisor.start()
    for name, address in supervisor.addresses.items():
        click.echo(f"{name}: {address}")
    click.echo("Stop with Ctrl-C.")
    supervisor.run(lambda event: click.echo(event, err=True))
    click.echo("Stopped.")


@main.command()
@click.option("--ports", help="Ports to use: erp=PORT,crm=PORT; free ones otherwise.")
@click.option("--env-file", type=click.Path(dir_okay=False, path_type=Path), help="Write the environment to this file.")
@click.option(
    "--live",
    is_flag=False,
    flag_value=20.0,
    default=0.0,
    metavar="[A_MINUTE]",
    help="People keep editing, invoices fall due, payments come: this many things a minute (20).",
)
@click.option("--faults", is_flag=True, help="Things go wrong: expired tokens, throttling, errors, slow answers.")
@click.option("--seed", default=1, show_default=True, help="Which data it invents.")
@click.option("--parties", default=60, show_default=True, help="About how many companies it holds.")
def sandbox(ports: str | None, env_file: Path | None, live: float, faults: bool, seed: int, parties: int) -> None:
    """Both vendor systems alone, on this machine; prints the environment to use them. Stop with Ctrl-C."""
    from sounimicro_pipelines.sandbox.running import run_sandbox

    run_sandbox(
        ports=_ports(ports), env_file=env_file, live=live, faults=faults, seed=seed, parties=parties, tell=click.echo
    )


@main.command()
def doctor() -> None:
    """Check credentials, rights, names, number series, webhooks and disk; say what to do about each finding."""
    from sounimicro_pipelines.doctor import examine
    from sounimicro_pipelines.panels.diagnosis import tell
    from sounimicro_pipelines.panels.words import words
    from sounimicro_pipelines.settings import terminal_language

    language = words(terminal_language())
    findings = examine(Installation.of_this_process())
    for finding in findings:
        told = tell(language, finding)
        click.secho(f"{finding.mark} {told.title}", fg=finding.color)
        if told.text:
            click.echo(f"    {told.text}")
        if told.remedy:
            click.echo(f"    → {told.remedy}")
    bad = sum(finding.is_bad for finding in findings)
    click.echo(language("doctor.summary.bad" if bad else "doctor.summary.ok", checks=len(findings), bad=bad))
    sys.exit(1 if bad else 0)


def tell_outcome(result: MainJobResult) -> None:
    """The summary of a main job, one line for each run and one for each thing that needs a person."""
    for skipped in result.skipped:
        click.echo(f"Skipped {skipped.company.name or skipped.company.key}: {skipped.reason}.")
    for one in result.outcomes:
        if not one.success:
            click.secho(f"✗ {one.name}: {one.reason} (run {one.run_id[:8]})", fg="red")
            continue
        text = f"✓ {one.name}: {one.rows_read:,} records read, {one.rows_changed:,} of them new or changed"
        if one.ties_out is not None:
            text += f"; {one.rows_published:,} rows published, {one.rows_written:,} written; "
            text += "ties out with the ledger" if one.ties_out else f"does not tie out: {one.finding}"
        click.secho(text, fg=None if one.ties_out is not False else "yellow")
        if one.rows_quarantined:
            click.secho(f"  {one.rows_quarantined:,} records do not validate and are in quarantine.", fg="yellow")
        for note in one.notes:
            click.secho(f"  {note}", fg="yellow")
    if result.sync is not None:
        _tell_sync(result.sync)
    for alias, kept in result.reports.items():
        for line in report_lines(alias, kept):
            click.echo(line)
    if result.waiting:
        names = ", ".join(result.waiting)
        click.echo(f"Not gone live, so the sync wrote nothing for: {names}.")
        click.echo("    → Look at the go-live report, and accept it: sounimicro sync --go-live [--company …].")


def _tell_sync(sync: SyncOutcome) -> None:
    for reason in sync.reasons:
        click.secho(f"✗ Sync of {reason}", fg="red")
    text = f"Sync: {sync.looked_at:,} records looked at, {sync.applied:,} brought into step, {sync.unchanged:,} alike"
    waiting = {"held back": sync.held, "in conflict": sync.conflicts, "that failed": sync.failed}
    told = ", ".join(f"{count:,} {word}" for word, count in waiting.items() if count)
    click.echo(
        f"{'✗' if sync.reasons else '✓'} {text}" + (f"; waiting for a person or a later run: {told}" if told else "")
    )


@contextmanager
def _phase() -> Iterator[Any]:
    """Progress on a terminal; nothing when the output is piped."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda text: None
        return
    with console.status("…") as status:
        yield status.update


def _demand(installation: Installation) -> None:
    """Every missing setting of both systems at once, rather than one after the other."""
    problems: list[str] = []
    for demand in (installation.settings.require_superoffice, installation.settings.require_unimicro):
        try:
            demand()
        except SettingsError as error:
            problems += error.problems
    if problems:
        raise SettingsError(problems)


def _ports(text: str | None) -> dict[str, int]:
    ports: dict[str, int] = {}
    for part in (text or "").split(","):
        name, _, port = part.strip().partition("=")
        if not part.strip():
            continue
        if name not in {"erp", "crm"} or not port.isdigit():
            raise SettingsError([f"--ports: «{part}» should look like erp=8101,crm=8102."])
        ports[name] = int(port)
    return ports


register(main)
main.add_command(budget)

if __name__ == "__main__":
    main()
