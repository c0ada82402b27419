"""Telling Dagster of what people did outside any run: pressing ERP in the panels, or on the command line.

Dagster is opened with the first event and in a thread of its own, so that nobody waits for it; work never fails
because it could not be told.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sounimicro_pipelines.sync.requests import Outcome

if TYPE_CHECKING:
    import dagster as dg

_log = logging.getLogger(__name__)


class RunlessEvents:
    """Takes outcomes of requests (`ErpButton(tell=…)`) and reports them as events of the rule's asset."""

    def __init__(self, dagster_home: Path) -> None:
        self._home = dagster_home
        self._waiting: queue.Queue[Outcome | None] = queue.Queue()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def __call__(self, outcome: Outcome) -> None:
        """Tell of an outcome; returns at once."""
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="sounimicro-runless", daemon=True)
                self._thread.start()
        self._waiting.put(outcome)

    def close(self, seconds: float = 15.0) -> None:
        """Wait until everything has been told."""
        if self._thread is not None:
            self._waiting.put(None)
            self._thread.join(seconds)
            self._thread = None

    def _work(self) -> None:
        instance: dg.DagsterInstance | None = None
        while (outcome := self._waiting.get()) is not None:
            try:
                instance = instance or self._open()
                report(instance, outcome)
            except Exception as error:
                _log.warning("Dagster was not told of a request (%s).", type(error).__name__)
        if instance is not None:
            instance.dispose()

    def _open(self) -> dg.DagsterInstance:
        from sounimicro_pipelines.orchestration.instance import open_configured

        return open_configured(self._home)


def report(instance: dg.DagsterInstance, outcome: Outcome) -> None:
    """One event: ids, field names and counts, nothing personal."""
    import dagster as dg

    from sounimicro_pipelines.orchestration.sync_assets import rule_key

    if not outcome.rule:
        return
    instance.report_runless_asset_event(
        dg.AssetMaterialization(
            rule_key(outcome.rule),
            description=f"A person asked for: {outcome.action}",
            metadata=_metadata(outcome),
        )
    )


def _metadata(outcome: Outcome) -> Mapping[str, Any]:
    return {
        "action": outcome.action,
        "run": outcome.run_id,
        "record": str(outcome.record),
        "company": outcome.company_key,
        "erp": f"{outcome.erp_entity}:{outcome.erp_id}" if outcome.erp_id else "",
        "fields": [f"{side} {name}" for side, name in outcome.fields],
        "conflicts": outcome.conflicts,
        "held": outcome.held,
        "waiting": outcome.waiting,
        **{f"count_{name}": count for name, count in outcome.counts.items()},
    }
