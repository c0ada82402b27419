from __future__ import annotations

import asyncio
from datetime import datetime
from pathlib import Path

import pytest

from sounimicro_pipelines.clock import UTC
from sounimicro_pipelines.unimicro.feeds import Changes, changed_ids
from sounimicro_pipelines.unimicro.query import FilterIgnored
from sounimicro_pipelines_tests.unimicro.fake_erp import KEY_A, FakeErp, company_of, stamped

SINCE = datetime(2026, 11, 1, 12, tzinfo=UTC)
NEW, OLD = "2026-11-02T08:00:00.5Z", "2026-01-01T08:00:00Z"
NEWER, NEWEST = "2026-11-03T08:00:00Z", "2026-11-04T08:00:00Z"


def erp_with_a_party_of_each_kind() -> FakeErp:
    erp = FakeErp()
    erp.rows("customers").extend(
        [
            stamped(1, OLD, NEW, BusinessRelationID=101, CreatedBy="a", UpdatedBy="b"),
            stamped(2, NEW, None, BusinessRelationID=102, CreatedBy="a", UpdatedBy=None),
            stamped(3, OLD, None, BusinessRelationID=103),
            stamped(4, OLD, None, BusinessRelationID=104),
            stamped(5, OLD, None, BusinessRelationID=105),
        ]
    )
    erp.rows("contacts").append(stamped(61, OLD, None, InfoID=103))
    erp.rows("projects").append(stamped(12, OLD, NEW, CreatedBy="a", UpdatedBy="c"))
    erp.rows("business-relations").extend(
        [stamped(103, OLD, NEWER), stamped(104, OLD), stamped(105, OLD), stamped(101, OLD)]
    )
    erp.statistics[KEY_A, "Phone"] = [stamped(9, OLD, NEWEST, BusinessRelationID=104) | {"Deleted": True}]
    erp.statistics[KEY_A, "Address"] = [stamped(8, OLD, BusinessRelationID=105)]
    return erp


def changes(erp: FakeErp, folder: Path, entity: str, *, children: bool = False) -> Changes:
    async def run() -> Changes:
        async with company_of(erp, folder) as company:
            return await changed_ids(company, entity, SINCE, children=children)

    return asyncio.run(run())


def test_records_that_changed_are_told_with_who_changed_them(tmp_path: Path) -> None:
    found = changes(erp_with_a_party_of_each_kind(), tmp_path, "Customer")
    assert found.by == {1: "b", 2: "a"}
    assert found.high_water == datetime(2026, 11, 2, 8, 0, 0, 500_000, UTC)
    assert changes(erp_with_a_party_of_each_kind(), tmp_path, "Project").by == {12: "c"}


def test_a_party_whose_name_phone_or_address_alone_changed_is_told_too(tmp_path: Path) -> None:
    found = changes(erp_with_a_party_of_each_kind(), tmp_path, "Customer", children=True)
    assert found.ids == [1, 2, 3, 4]
    assert found.high_water == datetime(2026, 11, 4, 8, 0, tzinfo=UTC)
    assert set(found.notes) == {"Email"}
    assert changes(erp_with_a_party_of_each_kind(), tmp_path, "Contact", children=True).ids == [61]


def test_nothing_changed_is_nothing_and_leaves_the_watermark(tmp_path: Path) -> None:
    erp = FakeErp()
    erp.rows("customers").append(stamped(1, OLD))
    assert changes(erp, tmp_path, "Customer") == Changes({}, None, {})


def test_a_feed_whose_filter_is_ignored_is_a_hard_error(tmp_path: Path) -> None:
    erp = erp_with_a_party_of_each_kind()
    erp.before = lambda request: request.query.pop("filter", None) and None
    with pytest.raises(FilterIgnored):
        changes(erp, tmp_path, "Customer")
