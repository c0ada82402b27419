"""Searching the ERP for a person: by name, number and organisation number, and customers that a project can be for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sounimicro_pipelines.sync.finding import Candidate
from sounimicro_pipelines.sync.requests import ErpButton
from sounimicro_pipelines.sync.world import World
from sounimicro_pipelines_tests.sync.systems import Systems
from sounimicro_pipelines_tests.sync.worlds import Bench


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    folder: Path = tmp_path_factory.mktemp("finding")
    systems = Systems(parties=10)
    with systems.sandbox:
        made = Bench(systems, folder)
        yield made
        made.store.close()


def search(bench: Bench, text: str) -> list[Candidate]:
    record = bench.company("Noe Annet AS")
    return bench.do(lambda world: ErpButton(world).search(record, bench.key(), "customer", text))


def test_every_word_that_was_typed_must_be_found_or_the_name_be_much_alike(bench: Bench) -> None:
    abb = bench.sandbox.erp.customer_id(1, 1)
    assert [one.erp_id for one in search(bench, "installasjon abb")] == [abb]
    assert [one.erp_id for one in search(bench, "ABB Instalasjon")] == [abb]
    assert search(bench, "abb jernbane tunneldrift") == []
    assert search(bench, "   ") == []


def test_a_number_finds_its_own_customer_and_no_other(bench: Bench) -> None:
    abb = bench.sandbox.erp.customer_id(1, 1)
    held = bench.sandbox.erp.read(1, "Customer", abb)
    number, org_number = str(held["CustomerNumber"]), str(held["OrgNumber"])
    assert [one.erp_id for one in search(bench, number)] == [abb]
    assert [one.erp_id for one in search(bench, f"{org_number[:3]} {org_number[3:6]} {org_number[6:]}")] == [abb]


def test_what_is_typed_is_never_taken_for_a_query(bench: Bench) -> None:
    for text in ("' or 1 eq 1", "a') or startswith(Name,'", "%", "*", "\\"):
        assert len(search(bench, text)) <= 20


def test_hits_are_compared_with_the_record_that_is_looked_for(bench: Bench) -> None:
    abb = bench.sandbox.erp.customer_id(1, 1)
    record = bench.company("ABB Installasjon AS")
    (found,) = bench.do(lambda world: ErpButton(world).search(record, bench.key(), "customer", "ABB"))
    assert found.erp_id == abb
    assert "same_name" in found.reasons


def test_a_project_is_for_a_customer_that_is_linked(bench: Bench) -> None:
    from sounimicro_pipelines.sync.addresses import CrmAddress

    record, abb = CrmAddress("contact", 1001), bench.sandbox.erp.customer_id(1, 1)

    async def customers(world: World) -> list[Candidate]:
        return await ErpButton(world).customers(bench.key(), "abb")

    assert bench.do(customers) == []
    bench.do(lambda world: ErpButton(world).link(record, bench.key(), "customer", abb))
    (found,) = bench.do(customers)
    assert found.linked_to == record
