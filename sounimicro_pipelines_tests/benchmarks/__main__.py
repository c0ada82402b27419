"""`python -m sounimicro_pipelines_tests.benchmarks [names] [--scale small|full] [--report FOLDER]`."""

from __future__ import annotations

import argparse
import importlib
import pkgutil
import sys
from pathlib import Path

import sounimicro_pipelines_tests.benchmarks as package
from sounimicro_pipelines_tests.benchmarks.harness import BENCHES, Comparison, write_report


def main() -> int:
    for module in pkgutil.iter_modules(package.__path__):
        if module.name not in {"__main__", "readers", "side"}:
            importlib.import_module(f"{package.__name__}.{module.name}")
    options = argparse.ArgumentParser(prog="benchmarks", description="Measures ours against others in one run.")
    options.add_argument("names", nargs="*", help=f"of: {', '.join(sorted(BENCHES))}; all when none is named")
    options.add_argument("--scale", choices=["small", "full"], default="small")
    options.add_argument("--report", type=Path, default=Path("build/benchmarks"))
    chosen = options.parse_args()
    unknown = set(chosen.names) - set(BENCHES)
    if unknown:
        options.error(f"there is no benchmark {', '.join(sorted(unknown))}")
    found: list[Comparison] = []
    for name in chosen.names or sorted(BENCHES):
        for comparison in BENCHES[name](chosen.scale):
            found.append(comparison)
            sign = "≤" if comparison.is_limit else "≥"
            print(
                f"{comparison.name}: {comparison.ratio} ({comparison.measure}, must be {sign} {comparison.floor},"
                f" aim {comparison.aim}) ours {comparison.ours} theirs {comparison.theirs} {comparison.note}",
                flush=True,
            )
    report = write_report(found, chosen.report, chosen.scale)
    missed = [comparison.name for comparison in found if not comparison.holds]
    print(f"Report: {report}." + (f" Missed: {', '.join(missed)}." if missed else ""))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
