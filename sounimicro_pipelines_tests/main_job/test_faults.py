"""What goes wrong between us and the vendors: the main job ends right, or fails with one reason and loses nothing."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from sounimicro_pipelines.orchestration.main_job import MainJobResult
from sounimicro_pipelines.sandbox import Fault, FaultPlan
from sounimicro_pipelines_tests.main_job.conftest import ONLY_COMPANY, Small, try_again_at_once
from sounimicro_pipelines_tests.main_job.plant import Plant

Published = dict[str, list[tuple[Any, ...]]]
NUMBER = re.compile(r"(?<![\d.-])(?:\+47 ?)?\d[\d ]{6,10}\d(?!\d)")

BY_ITSELF: list[Fault] = [
    Fault("unauthorized", "erp", r"/api/biz/", skip=12),
    Fault("unauthorized", "crm", r"/v1/", skip=3),
    Fault("throttled", "erp", r"/api/biz/", skip=20, times=4, retry_after=30),
    Fault("throttled", "crm", r"/v1/", skip=5, times=3, retry_after=20),
    Fault("throttled", "erp", r"/connect/token", retry_after=5),
    Fault("unavailable", "erp", r"/api/biz/", skip=24, retry_after=10),
    Fault("server_error", "erp", r"/api/biz/", skip=6, times=3),
    Fault("server_error", "crm", r"/v1/", skip=8),
    Fault("html_error", "erp", r"/api/biz/", skip=15),
    Fault("html_ok", "erp", r"/api/biz/", skip=17),
    Fault("html_ok", "crm", r"/v1/", skip=10),
    Fault("truncated", "erp", r"/api/biz/", skip=28),
    Fault("truncated", "crm", r"/v1/", skip=12),
    Fault("cut_off", "erp", r"/api/biz/", skip=31),
    Fault("slow", "erp", r"/api/biz/", skip=33, times=2),
    Fault("lost_before", "erp", r"/api/biz/", skip=35),
    Fault("lost_after", "erp", r"/api/biz/", skip=37),
    Fault("misdirected", "crm", r"/v1/", skip=14),
]
"""Each passes by itself; together they meet requests of every stage of a run."""


@dataclass
class Listener(logging.Handler):
    """Everything that was logged while it listened, as text."""

    lines: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(logging.DEBUG)

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))

    __hash__ = logging.Handler.__hash__


@pytest.fixture(scope="module")
def heard() -> Iterator[Listener]:
    listener, root = Listener(), logging.getLogger()
    level = root.level
    root.addHandler(listener)
    root.setLevel(logging.DEBUG)
    yield listener
    root.setLevel(level)
    root.removeHandler(listener)


@pytest.fixture(scope="module")
def wanted(small: Small) -> Published:
    """What an undisturbed installation publishes after people have worked."""
    small.people_work()
    undisturbed = small.plant()
    assert undisturbed.run().consistent
    assert undisturbed.published() != small.finished.published()
    return undisturbed.published()


@pytest.fixture
def calm(small: Small, heard: Listener, no_pauses: None) -> Iterator[None]:
    yield
    small.trouble.become(FaultPlan())


def _run(small: Small, plant: Plant, plan: FaultPlan, *, full: bool = False) -> MainJobResult:
    small.trouble.become(plan)
    try:
        return plant.run(full=full)
    finally:
        small.trouble.become(FaultPlan())


def test_what_passes_by_itself_is_survived_in_one_run(small: Small, wanted: Published, calm: None) -> None:
    plant = small.plant()
    plan = FaultPlan(scripted=[Fault(**_parts(fault)) for fault in BY_ITSELF], slow_seconds=0.3)
    result = _run(small, plant, plan)
    assert {(fault.kind, fault.system) for fault in BY_ITSELF} == {(kind, system) for system, kind, _ in plan.played}
    assert result.consistent, result
    assert plant.published() == wanted


def test_a_tenant_that_moves_and_credentials_that_end_in_mid_run(small: Small, wanted: Published, calm: None) -> None:
    plant, sandbox = small.plant(), small.sandbox
    before = sandbox.crm.host
    sandbox.crm.interpose("*", r"", lambda: None, times=4)
    moved: list[str] = []
    sandbox.crm.interpose("GET", r"Person|person", lambda: moved.append(sandbox.crm.move_tenant()))
    sandbox.crm.interpose("GET", r"Project|project", sandbox.crm.expire_credentials)
    sandbox.erp.interpose("GET", r"journalentrylines", sandbox.erp.revoke_tokens)
    result = plant.run()
    assert moved
    assert sandbox.crm.host != before
    assert result.consistent, result
    assert plant.published() == wanted
    statuses = {request.status for request in sandbox.journal.requests("crm")}
    assert {401, 421} <= statuses


@pytest.mark.parametrize(("seed", "full"), [(1, True), pytest.param(2, False, marks=pytest.mark.nightly)])
def test_the_usual_mixture_ends_right_or_loses_nothing(
    small: Small, wanted: Published, calm: None, seed: int, full: bool
) -> None:
    plant = small.plant()
    plan = FaultPlan.usual(seed)
    plan.slow_seconds = 0.2
    result = _run(small, plant, plan, full=full)
    assert len({kind for _, kind, _ in plan.played}) >= 4
    if not result.success:
        assert all(_is_clear(one.reason) for one in result.outcomes if not one.success)
        assert plant.run().consistent
    assert plant.published() == wanted


@dataclass(frozen=True)
class Stopped:
    """A run that could not end: three registers answer nothing but trouble."""

    plant: Plant
    before: Published
    result: MainJobResult


STAYING: list[tuple[Any, str, str, str]] = [
    ("html_ok", "invoices", "CustomerInvoice", "got an answer that cannot be used (HTTP 200): it is a web page"),
    ("server_error", "orders", "CustomerOrder", "failed on the system's side (HTTP 500)"),
    ("throttled", "payments", "Payment", "was put off because of too many calls (HTTP 429)"),
]


@pytest.fixture(scope="module")
def stopped(small: Small, wanted: Published, heard: Listener) -> Stopped:
    plant = small.plant()
    before = plant.published()
    faults = [Fault(kind, "erp", rf"/api/biz/{route}\b", times=10_000) for kind, route, _, _ in STAYING]
    with pytest.MonkeyPatch.context() as patch:
        try_again_at_once(patch)
        return Stopped(plant, before, _run(small, plant, FaultPlan(scripted=faults)))


def test_what_stays_ends_the_run_with_its_reasons_and_the_next_makes_it_good(
    stopped: Stopped, wanted: Published, calm: None
) -> None:
    crm, erp = stopped.result.outcomes
    assert crm.success
    assert not erp.success
    assert erp.reason.startswith("Not everything could be read; nothing is lost. ")
    for _, _, entity, words in STAYING:
        assert f"{entity}: Unimicro: GET " in erp.reason
        assert words in erp.reason
    assert _is_clear(erp.reason)
    assert stopped.plant.published() == stopped.before
    assert stopped.plant.run().consistent
    assert stopped.plant.published() == wanted


def test_a_crm_that_is_down_does_not_keep_the_figures_back(small: Small, wanted: Published, calm: None) -> None:
    plant = small.plant()
    small.sandbox.crm.set_tenant_state("OfflineMaintenance")
    try:
        crm, erp = plant.run().outcomes
    finally:
        small.sandbox.crm.set_tenant_state("Running")
    assert not crm.success
    assert "OfflineMaintenance" in crm.reason
    assert _is_clear(crm.reason)
    assert erp.success
    assert plant.published() == wanted


def test_no_secret_and_no_personal_value_stands_in_any_log(small: Small, stopped: Stopped, heard: Listener) -> None:
    """Looks through what the runs of this module left behind, with all that went wrong in them."""
    texts = {"logging": "\n".join(heard.lines)}
    for home in sorted(small.folder.glob("home-*")):
        texts |= _texts(home / "logs") | _texts(home / "dagster")
    assert any("STEP_FAILURE" in text for text in texts.values())
    assert "Repeated in" in texts["logging"]
    canaries = Canaries(small)
    assert {"name", "e-mail", "phone"} <= canaries.found_in("\n".join(_texts(small.finished.home / "landing").values()))
    assert {name: found for name, text in texts.items() if (found := canaries.found_in(text))} == {}


def _parts(fault: Fault) -> dict[str, Any]:
    return {name: getattr(fault, name) for name in ("kind", "system", "match", "times", "skip", "retry_after")}


def _is_clear(reason: str) -> bool:
    """One line of words, with a remedy, and nothing of a program's insides."""
    return (
        bool(reason) and "\n" not in reason and reason.endswith(".") and not re.search(r"Traceback|Error\(|<", reason)
    )


def _texts(folder: Path) -> dict[str, str]:
    return {str(path): path.read_text("utf-8", errors="ignore") for path in folder.rglob("*") if path.is_file()}


class Canaries:
    """What must stand in no log, by its kind: the kind is told, never the value."""

    def __init__(self, small: Small) -> None:
        environment, register = small.sandbox.environment, small.sandbox.register
        secrets = ("SUPEROFFICE_CLIENT_SECRET", "SUPEROFFICE_SYSTEM_USER_TOKEN", "UNIMICRO_CERTIFICATE_PASSWORD")
        people = [(one.name, one.email) for one in register.persons]
        people += [(one.name, one.email) for one in register.associates]
        self._values = {
            "secret": {environment[name].lower() for name in secrets},
            "ticket": {ticket.lower() for ticket in small.sandbox.crm.credentials.tickets} | {"soticket 7t:"},
            "private key": {"private key-----", "<rsakeyvalue"},
            "name": {name.lower() for name, _ in people if name},
            "e-mail": {email.lower() for _, email in people if email},
        }
        numbers = [str(row.get("Number") or "") for row in small.sandbox.erp.rows(ONLY_COMPANY, "Phone")]
        self._phones = {digits[-8:] for number in numbers if len(digits := re.sub(r"\D", "", number)) >= 8}

    def found_in(self, text: str) -> set[str]:
        lower = text.lower()
        found = {kind for kind, values in self._values.items() if any(value in lower for value in values)}
        if re.search(r"\beyJ[\w-]+\.[\w-]+", text):
            found.add("token")
        written = [re.sub(r"\D", "", number) for number in NUMBER.findall(text)]
        if {number.removeprefix("47") if len(number) == 10 else number for number in written} & self._phones:
            found.add("phone")
        return found
