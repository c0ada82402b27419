"""The main job on the other servers, and a night in which persons are erased there: nothing of them is left here."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from sounimicro_pipelines.installation import Installation
from sounimicro_pipelines.orchestration.main_job import MainJobResult, run_main_job
from sounimicro_pipelines.settings import load_settings
from sounimicro_pipelines_tests.elsewhere.place import Elsewhere, elsewhere
from sounimicro_pipelines_tests.main_job.plant import environment

CANARIES = ("Ottilie", "Kvikksand", "ottilie@kvikksand.example", "91919191", "Ledende hviskerske")
ERP_CANARIES = ("Balthasar Skumring", "balthasar@skumring.example", "92929292", "Taktekker i blinde")
KEPT = "Solfrid Bestandig"


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Elsewhere]:
    with elsewhere(tmp_path) as found:
        yield found


def night(place: Elsewhere) -> MainJobResult:
    """Every register listed in full, with the rules in between, as the schedules do."""
    from sounimicro_pipelines.definitions import defs
    from sounimicro_pipelines.orchestration.sync_jobs import definitions_of_jobs

    with environment(place.environment):
        installation = Installation(load_settings(env_file=None), place.clock)
        try:
            return run_main_job(installation, defs(), sync=definitions_of_jobs(), full=True)
        finally:
            installation.store.close()


def held_in_files(place: Elsewhere, *folders: str) -> set[str]:
    content = b"".join(
        file.read_bytes() for name in folders for file in (place.folder / "home" / name).rglob("*") if file.is_file()
    )
    return {word for word in (*CANARIES, *ERP_CANARIES, KEPT) if word.encode() in content}


def held_in_store(place: Elsewhere) -> set[str]:
    """What any table of the store shows."""
    connection = sqlite3.connect(place.folder / "home" / "state" / "sounimicro.db")
    names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    rows = [str(row) for name in names for row in connection.execute(f'SELECT * FROM "{name}"')]
    connection.close()
    return {word for word in (*CANARIES, *ERP_CANARIES, KEPT) if any(word in row for row in rows)}


@pytest.mark.nightly
def test_a_night_after_two_persons_were_erased_nothing_of_them_is_left(place: Elsewhere) -> None:
    company = place.crm.people_make("contact", Name="Fjordlys AS", OrgNr="974760673", Category={"Id": 7002})
    customer = place.erp.people_make("Customer", OrgNumber="974760673", Info={"Name": "Fjordlys AS"})
    relation = place.erp.tables["Customer"][customer]["BusinessRelationID"]
    erased = place.crm.people_make(
        "person",
        Firstname="Ottilie",
        Lastname="Kvikksand",
        Title="Ledende hviskerske",
        Contact={"ContactId": company},
        Emails=[{"Value": "ottilie@kvikksand.example"}],
        MobilePhones=[{"Value": "91919191"}],
    )
    place.crm.people_make("person", Firstname="Solfrid", Lastname="Bestandig", Contact={"ContactId": company})
    contact = place.erp.people_make(
        "Contact",
        ParentBusinessRelationID=relation,
        Role="Taktekker i blinde",
        Info={
            "Name": "Balthasar Skumring",
            "DefaultEmail": {"EmailAddress": "balthasar@skumring.example"},
            "Phones": [{"Number": "92929292", "CountryCode": "+47", "Type": 150102}],
        },
    )
    twin = place.erp.people_make(
        "Contact",
        ParentBusinessRelationID=relation,
        Info={"Name": "Ottilie Kvikksand", "DefaultEmail": {"EmailAddress": "ottilie@kvikksand.example"}},
    )
    place.settle(2)
    place.clock.advance(3600)
    assert night(place).consistent
    linked = place.linked("Contact", contact)
    assert linked is not None
    assert place.linked("Contact", twin) is not None
    assert set(CANARIES) - {"92929292"} <= held_in_files(place, "warehouse", "landing")
    assert {"Ottilie", "Balthasar Skumring"} <= held_in_store(place)

    place.crm.people_delete("person", erased)
    place.crm.people_delete("person", linked.crm_id)
    place.erp.people_delete("Contact", contact)
    place.erp.people_delete("Contact", twin)
    place.clock.advance(20 * 3600)
    place.settle(2)
    assert night(place).success

    assert held_in_files(place, "warehouse", "landing") <= {KEPT}
    assert held_in_store(place) <= {KEPT}
    names = {
        f"{one['Firstname']} {one['Lastname']}"
        for one in place.crm.entities["person"].values()
        if not one.get("_deleted")
    }
    assert names == {KEPT}
    assert [row for row in place.erp.tables["Contact"].values() if not row["Deleted"]] == []
