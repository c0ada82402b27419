"""A list told by what the warehouse holds of it is the list that JSON says it is, whatever was done to it."""

from __future__ import annotations

import asyncio
import json
import random
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import numpy as np
import pytest

from sounimicro_pipelines.transport import Limits
from sounimicro_pipelines.unimicro.bulk import UnimicroBulkReader
from sounimicro_pipelines.unimicro.pages import recognised
from sounimicro_pipelines.warehouse import extract
from sounimicro_pipelines.warehouse.digests import Digests, KnownDigests
from sounimicro_pipelines_tests.unimicro.fake_erp import FakeErp, company_of, stamped
from sounimicro_pipelines_tests.unimicro.test_bulk import small


def record(key: int, text: str = "") -> bytes:
    lines = [{"ID": key + more, "Text": text or f"vare {key}"} for more in range(key % 3)]
    return json.dumps({"ID": key, "Name": f"Kunde {key} [,]", "Items": lines}, separators=(",", ":")).encode()


def held_of(rows: dict[int, bytes]) -> KnownDigests:
    keys = list(rows)
    random.Random(3).shuffle(keys)
    return KnownDigests(np.array(keys, dtype=np.int64), Digests.of([rows[key] for key in keys]))


def told(body: bytes, held: KnownDigests, rows: dict[int, bytes], after: int = 0) -> list[bytes] | None:
    """All records that `recognised` found, in the order of their keys; None when it leaves the list to others."""
    page = recognised(body, held, after)
    if page is None:
        return None
    found = [(key, rows[key]) for part in page.known for key in held.keys(part)]
    found += [(one, bytes(row)) for one, row in zip(page.row_ids, page.rows, strict=True)]
    assert sorted(page.ids) == sorted(key for key, _ in found)
    return [row for _, row in sorted(found)]


@pytest.mark.parametrize("seed", range(8))
def test_a_list_in_which_anything_was_done_is_read_as_json_reads_it(seed: int) -> None:
    chance = random.Random(seed)
    rows = {key: record(key) for key in sorted(chance.sample(range(1, 900), 300))}
    held = held_of(rows)
    for _ in range(40):
        now, after, share = dict(rows), chance.choice([0, 0, 450]), chance.choice([0.003, 0.02, 0.3])
        for key in list(now):
            if chance.random() < share:
                match chance.randrange(3):
                    case 0:
                        now[key] = record(key, chance.choice(["x", "y" * 400, '},{"ID":7,']))
                    case 1:
                        del now[key]
                    case _:
                        now[key + 1] = record(key + 1, "ny")
        listed = [now[key] for key in sorted(now) if key > after][: chance.choice([1, 50, 400])]
        body = b"[" + b",".join(listed) + b"]"
        assert told(body, held, rows, after) == listed
        whole = recognised(body, held, after)
        assert whole is not None
        end = chance.randrange(900)
        part = whole.up_to(end)
        kept = [key for places in part.known for key in held.keys(places)] + list(whole.row_ids[: len(part.rows)])
        assert sorted(kept) == [key for key in whole.ids if key <= end]
        # What is no list of records any more is never taken for one.
        place = chance.randrange(len(body))
        broken = chance.choice([
            body[:place], body[:place] + body[place + 1 :], body[:place] + b"," + body[place:],
            body[:-1] + b",]", body + b"]", body[:1] + b"," + body[1:], body.replace(b"},{", b"}{", 1),
        ])  # fmt: skip
        found = told(broken, held, rows, after)
        assert found is None or sorted(found) == sorted(bytes(row) for row in plain(broken))


def plain(body: bytes) -> list[Any]:
    return msgspec.json.decode(body, type=list[msgspec.Raw])


def test_nothing_but_what_changed_is_taken_apart() -> None:
    rows = {key: record(key) for key in range(1, 399)}
    now = rows | {7: record(7, "changed"), 8: record(8, "changed"), 398: record(398, "changed")}
    del now[120]
    held = held_of(rows)
    page = recognised(b"[" + b",".join(now.values()) + b"]", held, 0)
    assert page is not None
    assert list(page.row_ids) == [7, 8, 398]
    assert sum(map(len, page.known)) == 394
    assert page.record_page.count == 397


@pytest.mark.parametrize("body", [b"", b"[", b"[]", b"{}", b"[1]", b"[,]", b"null", b"<html>", b"[{}]", b'[{"ID": 1}]'])
def test_what_does_not_begin_as_the_vendors_records_do_is_left_to_others(body: bytes) -> None:
    assert recognised(body, held_of({1: record(1)}), 0) is None


def test_a_second_full_listing_loads_what_changed_and_marks_what_is_gone(tmp_path: Path) -> None:
    erp = FakeErp()
    rows = erp.rows("terms")
    rows.extend(stamped(one, Name=f"T{one}") for one in range(2, 400, 2))
    ndjson = tmp_path / "landing"

    async def listing(loop: int) -> tuple[int, int, int]:
        async with company_of(erp, tmp_path, limits=Limits(4, 0)) as company:
            reader = UnimicroBulkReader(company, [small("Terms", 20)])
            (result,) = await extract(reader, tmp_path / "nord.duckdb", ndjson, mode="full")
            assert result.state == "ok", result.message
            return result.rows, result.changed, result.deleted

    assert asyncio.run(listing(1)) == (199, 199, 0)
    assert asyncio.run(listing(2)) == (199, 0, 0)
    rows[7]["Name"] = "annet"
    rows[198]["Name"] = "sist"
    del rows[100:103]
    rows[50:50] = [stamped(101, Name="ny")]
    assert asyncio.run(listing(3)) == (197, 3, 3)
    with duckdb.connect(str(tmp_path / "nord.duckdb")) as connection:
        found = connection.execute('SELECT "ID", "Name" FROM raw.terms WHERE NOT "Deleted" ORDER BY 1').fetchall()
    assert found == [(row["ID"], row["Name"]) for row in rows]
