"""Feeds that do not tell all: what they have told is used, the rest is asked for again, and it is said."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from sounimicro_pipelines.store import issues, watermarks
from sounimicro_pipelines.sync.feeds import Polled, poll
from sounimicro_pipelines.sync.ports import Changes
from sounimicro_pipelines.transport import ServerFailed
from sounimicro_pipelines_tests.sync.calm import Calm, calm, pool

__all__ = ["calm", "pool"]
CHILDREN = "crm:Cust1:contact:children"


def watermark(calm: Calm) -> datetime:
    with calm.store.read() as tx:
        feed = watermarks.get(tx, CHILDREN)
    assert feed is not None
    assert feed.watermark is not None
    return feed.watermark


def polled(calm: Calm) -> Polled:
    return calm.ask(lambda world: poll(world, "customer", now_due=True))


def test_a_table_that_fails_is_told_asked_again_and_takes_nothing_from_the_others(calm: Calm) -> None:
    crm, _, _ = calm.linked_company()
    touched = calm.crm.touched
    before = watermark(calm)

    async def in_part(entity: str, since: datetime) -> Changes:
        found = await touched(entity, since)
        assert found is not None
        return replace(found, trouble=ServerFailed("SuperOffice", "GET Archive/dynamic", status=500))

    calm.crm.touched = in_part  # type: ignore[method-assign]
    calm.later(60)
    calm.crm.person_types(crm, "Phones[first].Value", "+4722001122")
    assert polled(calm).items == 1
    assert watermark(calm) == before
    with calm.store.read() as tx:
        (told,) = issues.listing(tx, kind="feed")
    assert told.fingerprint == f"feed:{CHILDREN}"
    assert told.remedy
    calm.crm.touched = touched  # type: ignore[method-assign]
    assert CHILDREN in polled(calm).feeds
    assert watermark(calm) > before
    with calm.store.read() as tx:
        assert issues.listing(tx, kind="feed") == []
