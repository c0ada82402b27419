"""People and list items by name, where the systems tell them, and by number where they do not."""

from __future__ import annotations

from sounimicro_pipelines.panels.admin.known import Known, _list_fields
from sounimicro_pipelines.panels.words import words
from sounimicro_pipelines.rules.versions import default_document
from sounimicro_pipelines.store import Store, rule_versions
from sounimicro_pipelines_tests.panels import world

PEOPLE = {"associate:12": "Kari Selger", "user:0f-1": "Ola Regnskap"}
ITEMS = {
    ("customer", "Category.Id", "crm", ""): {"3": "Kunde"},
    ("customer", "Category.Id", "erp", "k"): {"3": "Terms"},
}


def test_people_are_told_by_name_however_they_are_named_in_histories() -> None:
    known = Known(words("nb"), PEOPLE)
    for by in ("crm:12", "associate:12", "crm:associate:12", "person:crm:associate:12"):
        assert known.who(by) == "Kari Selger"
    assert known.who("user:0f-1") == "Ola Regnskap"
    assert known.who("crm:associate:13") == "CRM-bruker 13"
    assert known.who("sync") == "Synkroniseringen"
    assert known.who(None) == ""


def test_items_are_told_by_name_in_their_own_system() -> None:
    known = Known(words("nb"), {}, ITEMS)
    assert known.value("customer", "Category.Id", "crm", "k", 3) == "Kunde"
    assert known.value("customer", "Category.Id", "erp", "k", "3") == "Terms"
    assert known.value("customer", "Category.Id", "crm", "k", "4") == "4"
    assert known.value("customer", "Category.Id", "crm", "k", 0) == ""
    assert known.value("customer", "Name", "crm", "k", "3") == "3"
    assert known.value("customer", "Name", "crm", "k", None) == ""


def test_the_lists_are_those_that_the_rules_keep_in_step(sqlite_store: Store) -> None:
    with sqlite_store.read() as tx:
        assert _list_fields(tx) == ([], [])
    row = "  - {erp: DefaultSellerID, crm: Associate.AssociateId, direction: to_erp}\n"
    document = default_document("customer").rstrip("\n") + "\n" + row
    with sqlite_store.transaction() as tx:
        rule_versions.save(tx, "customer", document, by="cli", expected=None, now=world.NOW)
        _, fields = _list_fields(tx)
    assert fields == [("customer", "Associate.AssociateId", "associate", "seller")]
