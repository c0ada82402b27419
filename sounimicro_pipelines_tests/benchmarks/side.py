"""One side of a benchmark in a process of its own: `python -m …benchmarks.side module:function '{"arguments": …}'`."""

from __future__ import annotations

import sys

from sounimicro_pipelines_tests.benchmarks.harness import run_side

if __name__ == "__main__":
    print(run_side(sys.argv[1], sys.argv[2]))
