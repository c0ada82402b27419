"""The sync's commands as a person types them, on the sandbox."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from sounimicro_pipelines.cli import main
from sounimicro_pipelines.rules.model import RULE_NAMES
from sounimicro_pipelines.sandbox import Sandbox
from sounimicro_pipelines.store import Store, issues, links, open_store, runs

Run = Callable[..., Result]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(seed=4, parties=5, companies=1) as running:
        yield running


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture
def run(sandbox: Sandbox, home: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Calls the command line in a folder without any .env."""
    logging.getLogger("dagster").setLevel(logging.CRITICAL + 1)
    monkeypatch.chdir(home)
    for name, value in sandbox.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("SOUNIMICRO_HOME", str(home))
    monkeypatch.setenv("SOUNIMICRO_GO_LIVE", "all")
    monkeypatch.setenv("SOUNIMICRO_REQUESTS_PER_SECOND", "0")

    def call(*words: object) -> Result:
        return CliRunner().invoke(main, [str(word) for word in words])

    return call


@pytest.fixture
def kept(home: Path) -> Iterator[Store]:
    opened = open_store(f"sqlite:///{home / 'state' / 'sounimicro.db'}")
    yield opened
    opened.close()


def alias(sandbox: Sandbox) -> str:
    return sandbox.erp.key(1).lower()


def first_customer(store: Store) -> links.Link:
    with store.read() as tx:
        return links.of_rule(tx, "customer")[0]


def last_run(result: Result) -> str:
    return result.output.rsplit("Run ", 1)[1].split(";")[0].split(".")[0].strip()


def test_rules_go_out_and_come_back_and_a_typo_is_told_by_its_line(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "rules"
    out = run("rules", "export", folder)
    assert out.exit_code == 0, out.output
    assert {path.stem for path in folder.glob("*.yaml")} == set(RULE_NAMES)
    assert "Every rule can be used" in run("rules", "validate", folder).output
    same = run("rules", "diff", folder)
    assert (same.exit_code, "No rule differs" in same.output) == (0, True)
    path = folder / "customer.yaml"
    kept = path.read_text(encoding="utf-8")
    path.write_text(kept.replace("crm: OrgNr", "crm: OrgNrr"), encoding="utf-8")
    wrong = run("rules", "validate", folder)
    assert wrong.exit_code == 2
    line = next(number for number, text in enumerate(kept.splitlines(), 1) if "crm: OrgNr" in text)
    assert f"customer.yaml:{line}:" in wrong.output
    assert "OrgNr" in wrong.output
    refused = run("rules", "import", folder)
    assert refused.exit_code == 2
    path.write_text(kept.replace("quiet_period: 0s", "quiet_period: 1s"), encoding="utf-8")
    assert run("rules", "diff", folder).exit_code == 1
    taken = run("rules", "import", folder)
    assert taken.exit_code == 0, taken.output
    assert "1 of 5 rules changed" in taken.output
    assert run("rules", "diff", folder).exit_code == 0
    path.write_text(kept, encoding="utf-8")
    assert run("rules", "import", folder).exit_code == 0


def test_a_plan_changes_nothing_and_says_what_a_sync_then_does(run: Run, sandbox: Sandbox, kept: Store) -> None:
    mark = sandbox.journal.mark()
    planned = run("plan", "--rule", "customer")
    assert planned.exit_code == 2, planned.output
    assert sandbox.journal.mark() == mark
    with kept.read() as tx:
        assert not links.of_rule(tx, "customer")
    done = run("sync", "--rule", "customer")
    assert done.exit_code == 0, done.output
    with kept.read() as tx:
        assert links.of_rule(tx, "customer")
        told = runs.get(tx, last_run(done))
    assert told is not None
    assert f"\n{told.counts['in']} records looked at: {told.counts['applied']} applied," in done.output
    for what in ("link", "create"):
        lines = [line for line in planned.output.splitlines() if f"· {what} (" in line]
        assert sum(line.endswith(f"· {what}") for line in done.output.splitlines()) == len(lines) > 0


def test_a_person_who_syncs_gets_what_changed_below_a_record_at_once(run: Run, sandbox: Sandbox, kept: Store) -> None:
    """Phones and addresses are polled seldom; who asks for a sync does not wait for that."""
    run("sync", "--rule", "customer")
    link = first_customer(kept)
    sandbox.erp.edit(1, "Customer", link.erp_id, {"Info.InvoiceAddress.AddressLine2": "Oppgang B"})
    assert run("plan", "--rule", "customer").exit_code == 2
    assert run("sync", "--rule", "customer").exit_code == 0
    assert sandbox.crm.read("contact", link.crm_id)["Address"]["Postal"]["Address2"] == "Oppgang B"


def test_a_sync_that_could_not_read_a_register_says_so_to_whoever_started_it(run: Run, sandbox: Sandbox) -> None:
    assert run("sync", "--rule", "project").exit_code == 0
    sandbox.erp.deny("Project", 1)
    try:
        denied = run("sync", "--rule", "project")
    finally:
        sandbox.erp.allow("Project", 1)
    assert (denied.exit_code, "GET projects was refused" in denied.output) == (1, True), denied.output
    assert run("sync", "--rule", "project").exit_code == 0


def test_a_change_is_synced_explained_and_undone(run: Run, sandbox: Sandbox, kept: Store) -> None:
    run("sync", "--rule", "customer")
    link = first_customer(kept)
    record = f"crm:contact:{link.crm_id}"
    before = sandbox.crm.read("contact", link.crm_id)["Address"]["Postal"]["Address1"]
    sandbox.erp.edit(1, "Customer", link.erp_id, {"Info.InvoiceAddress.AddressLine1": "Postboks 123 Sentrum"})
    done = run("sync", "--record", f"erp:{alias(sandbox)}:Customer:{link.erp_id}")
    assert done.exit_code == 0, done.output
    assert "crm Address.Postal.Address1" in done.output
    assert sandbox.crm.read("contact", link.crm_id)["Address"]["Postal"]["Address1"] == "Postboks 123 Sentrum"
    told = run("explain", record, "Address.Postal.Address1")
    assert told.exit_code == 0, told.output
    assert "Postboks 123 Sentrum" in told.output
    assert "came from the ERP" in told.output
    undone = run("undo", last_run(done))
    assert undone.exit_code == 0, undone.output
    assert "1 fields put back" in undone.output
    assert sandbox.crm.read("contact", link.crm_id)["Address"]["Postal"]["Address1"] == before


def test_what_cannot_be_understood_ends_with_2_and_says_how_to_write_it(run: Run, kept: Store) -> None:
    for words in (
        ("explain", "crm:contakt:7"),
        ("sync", "--company", "ukjent"),
        ("plan", "--company", "ukjent"),
        ("sync", "--record", "crm:contact:1", "--rule", "customer"),
        ("request", "candidates", "crm:contact:1001"),
        ("request", "create", "crm:contact:1001", "--company", "x", "--set", "tull"),
        ("issues", "--dismiss", "999999"),
        ("issues", "--decide", "999999=crm"),
        ("issues", "--decide", "1=begge"),
        ("issues", "--restore", "999999"),
        ("issues", "--restore", "1", "--dismiss", "1"),
    ):
        result = run(*words)
        assert result.exit_code == 2, (words, result.output)
        assert "Traceback" not in result.output
    assert "Did you mean contact?" in run("explain", "crm:contakt:7").output


@pytest.mark.parametrize(
    ("setting", "code", "words"),
    [
        ("SUPEROFFICE_CLIENT_SECRET", 1, "the system user was not accepted"),
        ("UNIMICRO_CERTIFICATE_PASSWORD", 2, "does not open"),
    ],
)
def test_a_refused_sign_in_is_told_once_and_leaves_no_trace_at_the_records(
    setting: str, code: int, words: str, run: Run, kept: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    with kept.read() as tx:
        known = {one.id for one in issues.listing(tx, state=None, limit=1000)}
    monkeypatch.setenv(setting, "wrong")
    for command in ("sync", "plan"):
        told = run(command)
        assert (told.exit_code, told.output.count(words)) == (code, 1), told.output
    with kept.read() as tx:
        assert {one.id for one in issues.listing(tx, state=None, limit=1000)} == known


def test_an_undo_of_nothing_fails_in_words(run: Run) -> None:
    result = run("undo", "no-such-run")
    assert result.exit_code != 0
    assert "There is no run no-such-run" in result.output


def test_pressing_erp_from_a_terminal(run: Run, sandbox: Sandbox, kept: Store) -> None:
    company = ("--company", alias(sandbox), "--role", "customer")
    made = sandbox.crm.create("contact", {"Name": "Helt Ny Terminalkunde AS", "OrgNr": "974760673"})
    record = f"crm:contact:{made}"
    none = run("request", "candidates", record, *company, "--json")
    assert none.exit_code == 0, none.output
    assert json.loads(none.output) == []
    created = run("request", "create", record, *company, "--json")
    assert created.exit_code == 0, created.output
    answer = json.loads(created.output)
    assert answer["record"] == record
    assert answer["number"]
    assert sandbox.erp.read(1, "Customer", answer["erp_id"], "Info")["Info"]["Name"] == "Helt Ny Terminalkunde AS"
    assert sandbox.crm.read("contact", made)["Number2"] == answer["number"]
    again = run("request", "create", record, *company)
    assert again.exit_code == 2
    synced = run("request", "sync", record)
    assert synced.exit_code == 0, synced.output
    ended = run("request", "unlink", record, *company)
    assert ended.exit_code == 0, ended.output
    found = json.loads(run("request", "candidates", record, *company, "--json").output)
    assert answer["erp_id"] in [one["erp_id"] for one in found]
    missing = run("request", "link", record, *company)
    assert (missing.exit_code, "--erp is missing" in missing.output) == (2, True)
    linked = run("request", "link", record, *company, "--erp", answer["erp_id"], "--set", "Name=crm")
    assert linked.exit_code == 0, linked.output
    with kept.read() as tx:
        assert links.for_erp(tx, sandbox.erp.key(1), "Customer", answer["erp_id"]) is not None


def test_issues_are_listed_and_put_away(run: Run, kept: Store, sandbox: Sandbox) -> None:
    from sounimicro_pipelines.clock import SystemClock

    with kept.transaction() as tx:
        one = issues.report(
            tx,
            fingerprint="test:1",
            kind="too_long",
            cause="The value is too long.",
            remedy="Shorten it.",
            now=SystemClock().now(),
            crm_entity="contact",
            crm_id=9999,
            company_key=sandbox.erp.key(1),
            details={"messages": ["Navn må fylles ut"]},
        )
    listed = run("issues", "--company", alias(sandbox))
    assert listed.exit_code == 1, listed.output
    assert f"#{one.id} error too_long crm:contact:9999 ({alias(sandbox)}, 1×)" in listed.output
    assert "In the system's own words: Navn må fylles ut\n    → Shorten it." in listed.output
    assert run("issues", "--dismiss", one.id).exit_code == 0
    assert f"#{one.id} " not in run("issues").output
    assert f"#{one.id} " in run("issues", "--all").output


def test_a_conflict_is_decided_and_its_loser_restored_by_number(run: Run, sandbox: Sandbox, kept: Store) -> None:
    run("sync", "--rule", "customer")
    link = first_customer(kept)
    name = sandbox.crm.read("contact", link.crm_id)["Name"]
    sandbox.crm.edit("contact", link.crm_id, {"Name": f"{name} Nord"})
    sandbox.erp.edit(1, "Customer", link.erp_id, {"Info.Name": f"{name} Sør"})
    run("sync", "--record", f"crm:contact:{link.crm_id}")
    with kept.read() as tx:
        (issue,) = issues.listing(tx, kind="conflict")
    cannot = run("issues", "--retry", issue.id)
    assert (cannot.exit_code, "cannot be answered so" in cannot.output) == (2, True)
    decided = run("issues", "--decide", f"{issue.id}=erp")
    assert decided.exit_code == 0, decided.output
    assert "crm Name written" in decided.output
    assert sandbox.crm.read("contact", link.crm_id)["Name"] == f"{name} Sør"
    again = run("issues", "--decide", f"{issue.id}=crm")
    assert (again.exit_code, "no conflict that waits" in again.output) == (2, True)
    number = run("explain", f"crm:contact:{link.crm_id}", "Name").output.split("--restore ")[1].split("`")[0]
    restored = run("issues", "--restore", number)
    assert restored.exit_code == 0, restored.output
    assert sandbox.crm.read("contact", link.crm_id)["Name"] == f"{name} Nord"
    assert sandbox.erp.read(1, "Customer", link.erp_id, "Info")["Info"]["Name"] == f"{name} Nord"
