"""What every benchmark needs: fresh processes, interleaved rounds, equal checksums, one line in the report.

A benchmark is a function marked with `@bench("name")` in a module of this package; it takes a scale and returns the
comparisons it made. Each side runs in a process of its own by `in_process`, so that memory and CPU are its own.
"""

from __future__ import annotations

import importlib
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

Scale = Literal["small", "full"]
Measure = Literal["seconds", "cpu_seconds", "peak_mb", "share"]


@dataclass(frozen=True)
class Figures:
    """One side of one round. `work` counts what was done (records), `checksum` must be equal on both sides."""

    seconds: float
    cpu_seconds: float
    peak_mb: float
    work: int
    checksum: str


@dataclass(frozen=True)
class Comparison:
    """The outcome of a benchmark: `ratio` is theirs per unit of work ÷ ours, unless `is_limit` (ours ÷ theirs).

    `floor` must hold: the ratio is at least that, or at most that for a limit. `aim` is what we are after.
    """

    name: str
    measure: Measure
    ratio: float
    floor: float
    aim: float
    is_limit: bool
    rounds: int
    ours: Figures
    theirs: Figures
    note: str = ""

    @property
    def holds(self) -> bool:
        return self.ratio <= self.floor if self.is_limit else self.ratio >= self.floor


BENCHES: dict[str, Callable[[Scale], Iterable[Comparison]]] = {}


def bench(
    name: str,
) -> Callable[[Callable[[Scale], Iterable[Comparison]]], Callable[[Scale], Iterable[Comparison]]]:
    """Registers a benchmark under a name for the command line."""

    def register(function: Callable[[Scale], Iterable[Comparison]]) -> Callable[[Scale], Iterable[Comparison]]:
        BENCHES[name] = function
        return function

    return register


def compare(
    name: str,
    *,
    ours: Callable[[], Figures],
    theirs: Callable[[], Figures],
    measure: Measure = "seconds",
    floor: float,
    aim: float,
    is_limit: bool = False,
    rounds: int = 3,
    same_result: bool = True,
    note: str = "",
) -> Comparison:
    """Runs both sides in turn `rounds` times; the ratio is the median of the pairs, per unit of work.

    Raises AssertionError when the sides did not come to the same result.
    """
    pairs: list[tuple[Figures, Figures]] = []
    for _ in range(rounds):
        pair = (ours(), theirs())
        if same_result:
            assert pair[0].checksum == pair[1].checksum, f"{name}: {pair[0].checksum} is not {pair[1].checksum}"
        pairs.append(pair)

    def ratio(pair: tuple[Figures, Figures]) -> float:
        mine = getattr(pair[0], measure) / max(pair[0].work, 1)
        other = getattr(pair[1], measure) / max(pair[1].work, 1)
        return float(mine / other if is_limit else other / mine)

    ordered = sorted(pairs, key=ratio)
    middle = ordered[(len(ordered) - 1) // 2]
    return Comparison(
        name=name,
        measure=measure,
        ratio=round(statistics.median(map(ratio, pairs)), 2),
        floor=floor,
        aim=aim,
        is_limit=is_limit,
        rounds=rounds,
        ours=middle[0],
        theirs=middle[1],
        note=note,
    )


def shares(name: str, found: Sequence[float], floor: float, *, note: str = "") -> Comparison:
    """How large a share of something is, such as of links that are right: the smallest of several runs must do."""
    nothing = Figures(0.0, 0.0, 0.0, len(found), "")
    return Comparison(
        name=name,
        measure="share",
        ratio=round(min(found), 5),
        floor=floor,
        aim=1.0,
        is_limit=False,
        rounds=len(found),
        ours=nothing,
        theirs=nothing,
        note=note or f"the smallest of {len(found)}",
    )


def waited(
    name: str, seconds: Sequence[float], floor: float, *, aim: float | None = None, note: str = ""
) -> Comparison:
    """How long somebody waits: the 95th percentile must be within `floor` seconds."""
    ordered = sorted(seconds)
    p50, p95 = ordered[len(ordered) // 2], ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))]
    nothing = Figures(round(sum(seconds), 3), 0.0, 0.0, len(seconds), "")
    return Comparison(
        name=name,
        measure="seconds",
        ratio=round(p95, 3),
        floor=floor,
        aim=floor if aim is None else aim,
        is_limit=True,
        rounds=len(seconds),
        ours=nothing,
        theirs=nothing,
        note=f"min {ordered[0]:.2f}, median {p50:.2f}, p95 {p95:.2f}, max {ordered[-1]:.2f} s{note and '; '}{note}",
    )


def measured(work: Callable[[], tuple[int, str]]) -> Figures:
    """Runs `work`, which returns how much it did and a checksum, and measures it in this process."""
    wall, cpu = time.perf_counter(), _cpu()
    done, checksum = work()
    return Figures(
        seconds=round(time.perf_counter() - wall, 4),
        cpu_seconds=round(_cpu() - cpu, 4),
        peak_mb=round(_peak_mb(), 1),
        work=done,
        checksum=checksum,
    )


def in_process(target: str, **arguments: Any) -> Figures:
    """Runs `module:function(**arguments)`, which returns Figures, in a fresh process."""
    command = [sys.executable, "-m", f"{__package__}.side", target, json.dumps(arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{target} failed:\n{done.stderr[-4000:]}")
    return Figures(**json.loads(done.stdout.splitlines()[-1]))


def run_side(target: str, arguments: str) -> str:
    """The other end of `in_process`: the figures as one line of JSON."""
    module, _, function = target.partition(":")
    return json.dumps(asdict(getattr(importlib.import_module(module), function)(**json.loads(arguments))))


def write_report(comparisons: Sequence[Comparison], folder: Path, scale: Scale) -> Path:
    """Appends the comparisons to `report.jsonl` and writes the latest of each as a table to `report.md`."""
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "report.jsonl"
    with log.open("a", encoding="utf-8") as file:
        for comparison in comparisons:
            file.write(json.dumps({"scale": scale, **asdict(comparison), "holds": comparison.holds}) + "\n")
    latest = {}
    for line in log.read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        latest[(entry["name"], entry["scale"])] = entry
    lines = [
        "| benchmark | scale | measure | ratio | must | aim | ours | theirs | |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for (name, size), entry in sorted(latest.items()):
        sign = "≤" if entry["is_limit"] else "≥"
        ours, theirs = _side(entry, "ours"), _side(entry, "theirs")
        lines.append(
            f"| {name} | {size} | {entry['measure']} | {entry['ratio']}"
            f" | {sign} {entry['floor']} | {sign} {entry['aim']} | {ours} | {theirs}"
            f" | {'holds' if entry['holds'] else 'MISSED'} {entry['note']} |"
        )
    report = folder / "report.md"
    report.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return report


def _side(entry: dict[str, Any], side: str) -> str:
    """One side's figure; nothing where nothing was compared, as for a share."""
    if not any(entry["theirs"][name] for name in ("seconds", "cpu_seconds", "peak_mb")):
        return ""
    value = entry[side][entry["measure"]]
    return f"{value} {'MB' if entry['measure'] == 'peak_mb' else 's'} for {entry[side]['work']:,}"


def _cpu() -> float:
    own = resource.getrusage(resource.RUSAGE_SELF)
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def _peak_mb() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1024 / (1024 if sys.platform == "darwin" else 1)
