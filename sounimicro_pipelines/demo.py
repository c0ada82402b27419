"""The demo: the whole product on the sandbox, in a data folder of its own, untouched by any real setting."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from sounimicro_pipelines.installation import Installation
from sounimicro_pipelines.panels.admin.placing import put_in_place
from sounimicro_pipelines.panels.words import words
from sounimicro_pipelines.sandbox import Sandbox
from sounimicro_pipelines.sandbox.budgets import write_budget
from sounimicro_pipelines.settings import load_settings
from sounimicro_pipelines.store import Transaction, companies, links, reports
from sounimicro_pipelines.store.links import Link
from sounimicro_pipelines.warehouse.budget import import_budget, register_path

if TYPE_CHECKING:
    from sounimicro_pipelines.orchestration.main_job import MainJobResult

FOREIGN = ("SOUNIMICRO_", "SUPEROFFICE_", "UNIMICRO_", "PANELS_", "DAGSTER_")
STORY = "ABB Installasjon AS"


def run_demo(
    *,
    once: bool,
    seed: int,
    parties: int,
    say: Callable[[str], None],
    phase: Callable[[], AbstractContextManager[Callable[[str], None]]],
    tell_outcome: Callable[[MainJobResult], None],
) -> int:
    """Runs the main job on a new sandbox and, unless `once`, serves until stopped. Returns the exit code."""
    home = load_settings(env_file=None).home / "demo"
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    with ExitStack() as ports, Sandbox(seed=seed, parties=parties) as sandbox:
        named = ",".join(f"{alias}={key}" for alias, key in _aliases(sandbox).items())
        _live_alone(sandbox.environment | {"SOUNIMICRO_COMPANIES": named}, home, ports)
        from sounimicro_pipelines.definitions import defs
        from sounimicro_pipelines.demo_story import play
        from sounimicro_pipelines.orchestration.main_job import run_main_job
        from sounimicro_pipelines.orchestration.sync_commands import run_rules
        from sounimicro_pipelines.sync_definitions import defs as sync

        installation = Installation(load_settings(env_file=None), sandbox.clock)
        _take_in_budgets(sandbox, installation)
        with phase() as tell:
            tell("Starting")
            result = run_main_job(installation, defs(), sync=sync, on_phase=tell)
            story: list[str] = []
            came_true = False
            if result.success:
                tell("The story, both ways")
                story, came_true = play(sandbox, installation, lambda: run_rules(installation))
        tell_outcome(result)
        for line in story:
            say(line)
        if result.success:
            for line in (*asyncio.run(_in_the_crm(installation)), *_addresses(installation)):
                say(line)
        ports.close()
        if not once and result.success:
            _serve(installation, home, say)
    return 0 if result.consistent and came_true else 1


def _aliases(sandbox: Sandbox) -> dict[str, str]:
    """CompanyKey by alias: the first word of each company's name, so that addresses can be read."""
    return {one.name.split()[0].lower(): one.key for one in sandbox.register.companies if not one.is_test}


def _take_in_budgets(sandbox: Sandbox, installation: Installation) -> None:
    """What an administrator would import once a year."""
    home = installation.settings.home
    for alias, key in _aliases(sandbox).items():
        file = home / f"budget-{alias}.csv"
        write_budget(sandbox.erp.store(key), file, sandbox.clock.today())
        import_budget(file, register_path(home, alias))


async def _in_the_crm(installation: Installation) -> list[str]:
    """Puts the panels into the CRM, as an administrator would. Tells where the story is there, and our setup."""
    origin = installation.settings.panels_public_url or ""
    with installation.store.read() as tx:
        story = [link for link in _story(tx) if link is not None]
    async with installation.superoffice() as crm:
        await put_in_place(crm, origin, words("nb"))
        shown = [f"CRM, {STORY}: {await crm.record_url(link.crm_entity, link.crm_id)}" for link in story[:1]]
    return [*shown, f"Oppsett: {origin}/admin"]


def _story(tx: Transaction) -> Iterator[Link | None]:
    """How the company of the story is linked as a customer."""
    for party in reports.read_rows(tx, "party", {"name": STORY, "role": "customer"}):
        company = companies.by_alias(tx, party["company"])
        if company is not None:
            yield links.for_erp(tx, company.company_key, "Customer", int(party["party_id"]))


def _live_alone(environment: Mapping[str, str], home: Path, ports: ExitStack) -> None:
    """This process and its children see the sandbox and nothing else."""
    for name in list(os.environ):
        if name.startswith(FOREIGN) and not name.startswith("SOUNIMICRO_TEST_"):
            del os.environ[name]
    os.environ |= dict(environment)
    panels = f"127.0.0.1:{_hold_port(8420, ports)}"
    os.environ |= {
        "SOUNIMICRO_HOME": str(home),
        "SOUNIMICRO_REQUESTS_PER_SECOND": "0",
        "SOUNIMICRO_GO_LIVE": "all",
        "DAGSTER_BIND": f"127.0.0.1:{_hold_port(3000, ports)}",
        "PANELS_BIND": panels,
        "PANELS_PUBLIC_URL": f"http://{panels}",
    }
    os.chdir(home)


def free_port(wish: int = 0) -> int:
    """A port of this machine that nobody uses, the wished one if it is free."""
    with ExitStack() as ports:
        return _hold_port(wish, ports)


def _hold_port(wish: int, ports: ExitStack) -> int:
    """A free port, held while the main job runs: no second demo may print an address that shows this one's figures."""
    for port in (wish, 0):
        holder = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            holder.bind(("127.0.0.1", port))
        except OSError:
            holder.close()
            continue
        ports.callback(holder.close)
        return int(holder.getsockname()[1])
    raise OSError("no free port")


def _addresses(installation: Installation) -> list[str]:
    """Where to look: the customer that owes most, and the company that is both customer and supplier."""
    with installation.store.read() as tx:
        parties = reports.read_rows(tx, "party", {})
    customers = [party for party in parties if party["role"] == "customer"]
    worst = max(customers, key=lambda party: Decimal(party["overdue_amount"]), default=None)
    chosen = [worst] if worst is not None else []
    chosen += [party for party in parties if party["name"] == STORY and party is not worst]
    base = f"http://{installation.settings.panels_bind}/panel/company"
    return [
        f"Åpne poster, {party['name']} ({party['company']}, {party['role']}): "
        f"{base}?company={party['company']}&role={party['role']}&party={party['party_id']}&tab=open-items"
        for party in chosen
    ]


def _serve(installation: Installation, home: Path, say: Callable[[str], None]) -> None:
    from sounimicro_pipelines.orchestration.serving import Supervisor

    supervisor = Supervisor(installation, folder=home)
    supervisor.start()
    say(f"Dagster: {supervisor.addresses['Dagster']} (ready in some seconds)")
    say("Stop with Ctrl-C.")
    supervisor.run(say)
