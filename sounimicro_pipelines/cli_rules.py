"""`sounimicro rules …`: the rules as YAML files, for version control."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sounimicro_pipelines.errors import SounimicroError
from sounimicro_pipelines.installation import Installation

if TYPE_CHECKING:
    from sounimicro_pipelines.rules import Registries

BY = "terminal"
"""Who changes something from a command line."""


class BadOption(SounimicroError):
    """Options that do not go together, or cannot be understood."""

    exit_code = 2


_FOLDER = click.Path(path_type=Path)


@click.group()
def rules() -> None:
    """The rules as YAML files, for version control."""


@rules.command("export")
@click.argument("folder", type=_FOLDER, default=Path("rules"))
def export_command(folder: Path) -> None:
    """Write the rules in force to FOLDER (./rules)."""
    from sounimicro_pipelines.rules.files import export_rules

    try:
        outcomes = export_rules(Installation.of_this_process().store, folder)
    except OSError as error:
        raise BadOption(f"{folder} cannot be written: {error.strerror}.") from None
    for one in outcomes:
        click.echo(f"{one.path}: {_version(one.version)}{'' if one.changed else ', as it was'}")
    click.echo(f"{sum(one.changed for one in outcomes)} of {len(outcomes)} files written.")


@rules.command("import")
@click.argument("folder", type=_FOLDER, default=Path("rules"))
def import_command(folder: Path) -> None:
    """Put the rule files of FOLDER (or one file) in force: all of them, or none when one has a mistake."""
    from sounimicro_pipelines.rules.files import import_rules

    installation = Installation.of_this_process()
    outcomes = import_rules(
        installation.store, folder, _registries(installation, folder), by=BY, now=installation.clock.now()
    )
    for one in outcomes:
        click.echo(f"{one.rule}: {_version(one.version)}{' is in force now' if one.changed else ', as it was'}")
    click.echo(f"{sum(one.changed for one in outcomes)} of {len(outcomes)} rules changed.")


@rules.command("validate")
@click.argument("folder", type=_FOLDER, default=Path("rules"))
def validate_command(folder: Path) -> None:
    """Say everything that is wrong with the rule files of FOLDER (or one file), with line and reason."""
    from sounimicro_pipelines.rules.files import validate_rules

    mistakes = validate_rules(folder, _registries(Installation.of_this_process(), folder))
    for mistake in mistakes:
        click.secho(str(mistake), fg="red")
    click.echo(f"{len(mistakes)} mistakes." if mistakes else "Every rule can be used.")
    sys.exit(2 if mistakes else 0)


@rules.command("diff")
@click.argument("folder", type=_FOLDER, required=False)
def diff_command(folder: Path | None) -> None:
    """Compare the files of FOLDER with the rules in force, or these with the shipped ones. Exit 1 if they differ."""
    from sounimicro_pipelines.rules.files import diff_rules

    found = diff_rules(Installation.of_this_process().store, folder)
    for text in found.values():
        click.echo(text, nl=False)
    click.echo(f"{len(found)} rules differ." if found else "No rule differs.")
    sys.exit(1 if found else 0)


def _registries(installation: Installation, folder: Path) -> Registries:
    """The fields that rules may name; the tenant's own are asked for when a file names one and the CRM answers."""
    from sounimicro_pipelines.rules import Registries
    from sounimicro_pipelines.sync.opening import plain_registries

    files = [folder] if folder.is_file() else sorted(folder.glob("*.y*ml"))
    named = any(b"CustomFields[" in path.read_bytes() for path in files)
    if not named:
        return plain_registries()

    async def ask() -> Registries:
        async with installation.superoffice() as crm:
            return Registries(await crm.load_fields(), plain_registries().erp)

    try:
        return asyncio.run(ask())
    except SounimicroError:
        click.secho("The CRM did not answer, so user-defined fields were not checked.", fg="yellow", err=True)
        return plain_registries()


def _version(version: int) -> str:
    return f"version {version}" if version else "as shipped"
