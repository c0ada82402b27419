"""What a build of reports tells its caller."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal


@dataclass(frozen=True, slots=True)
class ModelResult:
    """One model: rows in its table after the build (None for views and state), seconds it took."""

    name: str
    schema: str
    rows: int | None
    seconds: float


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One identity or data test. `keys` is a sample of what offends; it holds ids, never names."""

    name: str
    ok: bool
    failures: int
    finding: str = ""
    keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ReportRun:
    """A finished build.

    `checks` are the identities of the figures (the mart `tie_out`), `tests` the data tests, which run in builds by dbt
    alone. `touched` counts what was made anew, by scope (party, voucher, project, budget, file); empty in a full
    refresh.
    """

    company: str
    as_of: date
    build: int
    is_full: bool
    way: Literal["dbt", "compiled"]
    seconds: float
    models: tuple[ModelResult, ...]
    checks: tuple[CheckResult, ...]
    tests: tuple[CheckResult, ...]
    touched: Mapping[str, int]

    @property
    def ties_out(self) -> bool:
        """Whether every identity holds."""
        return all(check.ok for check in self.checks)

    @property
    def finding(self) -> str:
        """What does not tie out, in one line; empty when all does."""
        return "; ".join(check.finding for check in self.checks if not check.ok)
