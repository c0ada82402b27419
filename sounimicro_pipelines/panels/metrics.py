"""Counters for Prometheus: answers by route and status, their durations, and how old the figures are."""

from __future__ import annotations

from collections import Counter
from datetime import datetime

from sqlalchemy import func, select

from sounimicro_pipelines.store import Transaction, issues

_LIMITS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


class Metrics:
    """What one process has answered."""

    def __init__(self) -> None:
        self._answers: Counter[tuple[str, int]] = Counter()
        self._buckets: Counter[float] = Counter()
        self._seconds = 0.0
        self._count = 0

    def answered(self, route: str, status: int, seconds: float) -> None:
        self._answers[route, status] += 1
        self._seconds += seconds
        self._count += 1
        for limit in _LIMITS:
            if seconds <= limit:
                self._buckets[limit] += 1

    def text(self, tx: Transaction, now: datetime) -> str:
        """Prometheus' text format."""
        lines = [
            "# HELP sounimicro_panel_answers_total Answers by route and status.",
            "# TYPE sounimicro_panel_answers_total counter",
        ]
        for (route, status), count in sorted(self._answers.items()):
            lines.append(f'sounimicro_panel_answers_total{{route="{route}",status="{status}"}} {count}')
        lines += [
            "# HELP sounimicro_panel_seconds Time from request to answer.",
            "# TYPE sounimicro_panel_seconds histogram",
            *(f'sounimicro_panel_seconds_bucket{{le="{limit}"}} {self._buckets[limit]}' for limit in _LIMITS),
            f'sounimicro_panel_seconds_bucket{{le="+Inf"}} {self._count}',
            f"sounimicro_panel_seconds_sum {self._seconds:.6f}",
            f"sounimicro_panel_seconds_count {self._count}",
            "# HELP sounimicro_figures_age_seconds Age of the oldest published table of a company.",
            "# TYPE sounimicro_figures_age_seconds gauge",
        ]
        published = tx.tables.published
        rows = tx.rows(
            select(published.c.company, func.min(published.c.fetched_at, type_=published.c.fetched_at.type).label("at"))
            .group_by(published.c.company)
            .order_by(published.c.company)
        )
        for row in rows:
            age = (now - row.at).total_seconds()
            lines.append(f'sounimicro_figures_age_seconds{{company="{row.company}"}} {age:.0f}')
        lines += ["# HELP sounimicro_open_issues Open issues by severity.", "# TYPE sounimicro_open_issues gauge"]
        for severity, count in sorted(issues.counts(tx).items()):
            lines.append(f'sounimicro_open_issues{{severity="{severity}"}} {count}')
        return "\n".join(lines) + "\n"
