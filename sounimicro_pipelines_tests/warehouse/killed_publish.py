"""A publish in a process of its own, which a test may kill."""

from __future__ import annotations

from datetime import UTC, date, datetime
from multiprocessing.synchronize import Event
from pathlib import Path

from sounimicro_pipelines.store import open_store
from sounimicro_pipelines.warehouse.publish import PublishMeta, publish

PUBLISHED = {
    "party": PublishMeta(("role", "party_id"), ()),
    "open_item": PublishMeta(("role", "party_id", "journal_entry_line_id"), ()),
}


def publish_again(marts: Path, store_url: str, ready: Event) -> None:
    """Publishes company `demo`, having said that it is `ready` to."""
    store = open_store(store_url)
    ready.set()
    publish(
        marts,
        store,
        company="demo",
        as_of=date(2026, 11, 24),
        fetched_at=datetime.now(UTC),
        run_id="killed",
        tie_out=None,
        publish_meta=PUBLISHED,
    )
