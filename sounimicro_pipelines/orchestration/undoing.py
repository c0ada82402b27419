"""Undoing a run of Dagster's, which may have been several of ours, and what Dagster is told of it."""

from collections.abc import Sequence
from typing import Any

from sounimicro_pipelines.orchestration.sync_assets import SHOWN_ROWS, part_of, shown_alias, table
from sounimicro_pipelines.store import Store, runs
from sounimicro_pipelines.sync.undo import UndoReport


def parts_of(store: Store, run_id: str) -> list[str]:
    """Our runs that an id stands for, the newest first: the parts of a run that had several, and itself.

    The first part of an undo has the run's own id.
    """
    with store.read() as tx:
        itself = runs.get(tx, run_id)
        parts = [one.run_id for one in runs.starting_with(tx, part_of(run_id, ""))]
    return parts if itself is None and parts else [*parts, run_id]


def undo_metadata(reports: Sequence[UndoReport], store: Store) -> dict[str, Any]:
    """Counts, what was put back, and what stands with the reason; ids and field names only."""
    restored = [(report.undone_run, one) for report in reports for one in report.restored]
    left = [(report.undone_run, one) for report in reports for one in report.left]
    return {
        "undone_runs": ", ".join(report.undone_run for report in reports),
        "fields_put_back": len(restored),
        "left_as_they_are": len(left),
        "put_back": table(
            ("run", "company", "crm", "erp", "side", "field"),
            [
                {
                    "run": run,
                    "company": shown_alias(store, one.company_key),
                    "crm": one.crm,
                    "erp": one.erp,
                    "side": one.side,
                    "field": one.field,
                }
                for run, one in restored[:SHOWN_ROWS]
            ],
        ),
        "left": table(
            ("run", "company", "crm", "erp", "field", "why"),
            [
                {
                    "run": run,
                    "company": shown_alias(store, one.company_key),
                    "crm": one.crm,
                    "erp": one.erp,
                    "field": one.field or "",
                    "why": one.text,
                }
                for run, one in left[:SHOWN_ROWS]
            ],
        ),
    }
