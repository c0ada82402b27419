"""`sounimicro budget …`: what customers are budgeted to buy, which the ERP does not hold."""

from __future__ import annotations

from pathlib import Path

import click

from sounimicro_pipelines.installation import Installation, UnknownCompany
from sounimicro_pipelines.store import companies


@click.group()
def budget() -> None:
    """Customers' budgets, which the ERP does not hold."""


@budget.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--company", required=True, help="The ERP company (its alias).")
def import_command(file: Path, company: str) -> None:
    """Take in the budgets of FILE (CSV or Excel): all of it, or nothing when a cell is wrong.

    Columns: customer_number, year, period (1 to 12), amount (excluding VAT, income positive). The years that the file
    holds are replaced as a whole; other years stay. Exit 2 names every row and column that is wrong.
    """
    from sounimicro_pipelines.warehouse.budget import customer_numbers, import_budget, register_path

    installation = Installation.of_this_process()
    _demand_company(installation, company)
    numbers = customer_numbers(installation.erp_file(company))
    done = import_budget(file, register_path(installation.settings.home, company), customers=numbers)
    years = ", ".join(map(str, done.years))
    click.echo(f"{done.rows:,} budget rows for {years} taken in; they replace {done.replaced:,} rows of those years.")
    if numbers is None:
        click.secho("No reports of the company yet, so the customer numbers were not checked.", fg="yellow")
    click.echo(f"The next build of the reports shows them: sounimicro run --company {company}")


def _demand_company(installation: Installation, alias: str) -> None:
    """Raises UnknownCompany unless the settings, an earlier run or a warehouse file know the company."""
    with installation.store.read() as tx:
        known = {row.alias for row in companies.all_companies(tx)}
    known |= set(installation.settings.company_aliases.values())
    if alias in known or (known == set() and installation.erp_file(alias).is_file()):
        return
    raise UnknownCompany(
        f"There is no company «{alias}» in use.",
        remedy=f"Companies in use: {', '.join(sorted(known))}."
        if known
        else "No ERP company is known yet: name it in SOUNIMICRO_COMPANIES, or run the main job first.",
    )
