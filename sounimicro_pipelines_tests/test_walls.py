"""The four walls that hold the house up, and the order of its rooms."""

from __future__ import annotations

import ast
import gc
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import sounimicro_pipelines

PACKAGE = Path(sounimicro_pipelines.__file__).parent
ROOMS = [
    "cli",
    "cli_sync",
    "cli_issues",
    "cli_budget",
    "cli_golive",
    "cli_rules",
    "demo",
    "demo_story",
    "definitions",
    "sync_definitions",
    "panels",
    "orchestration",
    "doctor",
    "doctor_sync",
    "installation",
    "sync",
    "rules",
    "warehouse",
    "superoffice",
    "unimicro",
    "store",
    "transport",
    "settings",
    "records",
    "clock",
    "findings",
    "errors",
]
DOORS_OF_DAGSTER = {"cli", "definitions", "sync_definitions", "orchestration"}
ENVIRONMENT_KEEPERS = {Path("warehouse/reports/project.py")}
"""Sets what dbt's profile reads, and puts back what was there."""
CLOCK_READERS = {"datetime.now", "datetime.utcnow", "date.today", "time.time", "time.time_ns"}


def _modules() -> Iterator[tuple[str, Path]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        if parts != ("__init__",):
            yield parts[0], path


@cache
def _tree(path: Path) -> ast.Module:
    """The module's syntax. What other tests left to the garbage collector must not run in the middle of parsing."""
    gc.disable()
    try:
        return ast.parse(path.read_text(encoding="utf-8"))
    finally:
        gc.enable()


def _imports(path: Path) -> Iterator[str]:
    package = path.relative_to(PACKAGE.parent).parts[:-1]
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            module = ".".join(part for part in (base, node.module) if part)
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)


def _room_of(name: str) -> str | None:
    parts = name.split(".")
    return parts[1] if parts[0] == "sounimicro_pipelines" and len(parts) > 1 else None


def _breaches(rule: object) -> list[str]:
    assert callable(rule)
    found = []
    for room, path in _modules():
        found += [f"{path.relative_to(PACKAGE)} imports {name}" for name in _imports(path) if rule(room, name)]
    return sorted(set(found))


def test_every_room_is_in_the_plan() -> None:
    assert {room for room, _ in _modules()} <= {*ROOMS, "sandbox", "__main__"}


def test_only_the_doors_and_orchestration_know_dagster() -> None:
    assert not _breaches(lambda room, name: name.split(".")[0].startswith("dagster") and room not in DOORS_OF_DAGSTER)


def test_the_sync_location_loads_without_dbt() -> None:
    reached: set[str] = set()
    queue = ["sounimicro_pipelines.sync_definitions"]
    while queue:
        name = queue.pop()
        path = PACKAGE.parent / Path(*name.split("."))
        source = path.with_suffix(".py") if path.with_suffix(".py").is_file() else path / "__init__.py"
        if name in reached or not source.is_file() or not name.startswith("sounimicro_pipelines"):
            continue
        reached.add(name)
        for found in _imports(source):
            assert found.split(".")[0] not in {"dagster_dbt", "dbt"}, f"{name} imports {found}"
            queue.append(found)
    assert reached


def test_the_sandbox_and_the_clients_were_written_apart() -> None:
    allowed_in_sandbox = {"sandbox", "clock", "errors"}
    assert not _breaches(
        lambda room, name: room == "sandbox" and _room_of(name) is not None and _room_of(name) not in allowed_in_sandbox
    )
    assert not _breaches(
        lambda room, name: _room_of(name) == "sandbox" and room not in {"sandbox", "cli", "demo", "demo_story"}
    )


@pytest.mark.parametrize("module", ["decide", "match"])
def test_deciding_is_pure(module: str) -> None:
    forbidden = {"httpx", "sqlalchemy", "duckdb", "asyncio", "os", "pathlib", "time", "random", "logging"}
    rooms = {"clock", "store", "warehouse", "transport", "superoffice", "unimicro", "settings"}
    path = PACKAGE / "sync" / f"{module}.py"
    for name in _imports(path):
        assert name.split(".")[0] not in forbidden, f"{module} imports {name}"
        assert _room_of(name) not in rooms, f"{module} imports {name}"


def test_a_room_uses_only_rooms_below_it() -> None:
    order = {room: place for place, room in enumerate(ROOMS)}

    def upwards(room: str, name: str) -> bool:
        other = _room_of(name)
        return room in order and other in order and other != room and order[other] < order[room]

    assert not _breaches(upwards)


def test_nobody_but_the_clock_asks_the_machine_for_the_time() -> None:
    found = []
    for room, path in _modules():
        if room == "clock":
            continue
        for node in ast.walk(_tree(path)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                name = ".".join(ast.unparse(node.func).split(".")[-2:])
                if name in CLOCK_READERS:
                    found.append(f"{path.relative_to(PACKAGE)}:{node.lineno} {name}")
    assert not found


def test_nobody_but_settings_reads_the_environment() -> None:
    found = []
    for room, path in _modules():
        if room == "settings" or path.relative_to(PACKAGE) in ENVIRONMENT_KEEPERS:
            continue
        for node in ast.walk(_tree(path)):
            text = ast.unparse(node) if isinstance(node, (ast.Call, ast.Subscript)) else ""
            if isinstance(node, ast.Call) and text.startswith(("os.getenv(", "os.environ.get(")):
                found.append(f"{path.relative_to(PACKAGE)}:{node.lineno}")
            if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load) and text.startswith("os.environ["):
                found.append(f"{path.relative_to(PACKAGE)}:{node.lineno}")
    assert not found
