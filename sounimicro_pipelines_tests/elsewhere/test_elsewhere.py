"""The shipped rules on a tenant and a company that are unlike the sandbox, over sockets, by the settings alone."""

from __future__ import annotations

import contextlib
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sounimicro_pipelines.rules.versions import load_rules
from sounimicro_pipelines.sync.addresses import CrmAddress
from sounimicro_pipelines.sync.opening import Connection, plain_registries
from sounimicro_pipelines.sync.requests import ErpButton, Outcome, RequestRefused
from sounimicro_pipelines.transport import VendorError
from sounimicro_pipelines_tests.elsewhere.crm import NO_DATE
from sounimicro_pipelines_tests.elsewhere.erp import KEY
from sounimicro_pipelines_tests.elsewhere.place import Elsewhere, elsewhere
from sounimicro_pipelines_tests.wire import WITH_EFFECT, WITHOUT_EFFECT, Weather

KEY_ACCOUNT, PROSPECT, SUPPLIER = 7002, 7003, 7001
MOBILE, PHONE = 150102, 150101


@dataclass
class Settled:
    """A world in which both systems have met; ids by what they are."""

    place: Elsewhere
    ids: dict[str, int]
    at_first: int
    later: int

    def crm_of(self, name: str, entity: str = "Customer") -> dict[str, Any]:
        link = self.place.linked(entity, self.ids[name])
        assert link is not None, name
        found: dict[str, Any] = self.place.crm.entities[link.crm_entity][link.crm_id]
        return found


def populate(place: Elsewhere) -> dict[str, int]:
    crm, erp = place.crm, place.erp
    ids: dict[str, int] = {}
    ids["ås"] = crm.people_make(
        "contact",
        Name=unicodedata.normalize("NFD", "Ås Rør & Varme AS"),
        OrgNr="NO 974 760 673 MVA",
        Category={"Id": KEY_ACCOUNT},
        Phones=[{"Value": "(+47) 22 00 11 22"}, {"Value": "tlf. 22001123", "Description": "Vakt"}],
        CustomFields={"SuperOffice:3": "vår egen", "SuperOffice:4": "[I:9]"},
    )
    relation = {
        "Name": "ÅS RØR & VARME AS",
        "InvoiceAddress": {"AddressLine1": "Pb. 12", "PostalCode": "1430", "City": "Ås"},
        "DefaultPhone": {"Number": "22 00 11 22", "CountryCode": "0047", "Type": 0},
    }
    ids["ås erp"] = erp.people_make("Customer", OrgNumber="974760673", WebUrl=None, GLN="7080000000001", Info=relation)
    ids["prospect"] = crm.people_make("contact", Name="Kun i CRM AS", Category={"Id": PROSPECT}, OrgNr="923609016")
    swedish = {"AddressLine1": "Storgatan 1", "PostalCode": "111 22", "City": "STOCKHOLM", "CountryCode": "SE"}
    ids["swedish"] = erp.people_make(
        "Customer", OrgNumber="556677-8899", Info={"Name": "Svenska Ström AB", "InvoiceAddress": swedish}
    )
    ids["private"] = erp.people_make("Customer", IsPrivate=True, Info={"Name": "Turid Næss-Ørjavik"})
    ids["lead"] = erp.people_make("Customer", StatusCode=20001, CustomerNumber=0, Info={"Name": "Ny Mulighet DA"})
    ids["inactive"] = erp.people_make("Customer", StatusCode=50001, Info={"Name": "Sovende Kunde AS"})
    ids["blocked"] = erp.people_make("Customer", StatusCode=90001, Info={"Name": "Sperret Kunde AS"})
    ids["wrong number"] = erp.people_make("Customer", OrgNumber="123456789", Info={"Name": "Feil Nummer AS"})
    ids["supplier"] = erp.people_make("Supplier", OrgNumber="982463718", Info={"Name": "Grossist Nord AS"})
    parent = erp.tables["Customer"][ids["ås erp"]]["BusinessRelationID"]
    phones = [
        {"Number": "90 12 34 56", "CountryCode": "+47", "Type": MOBILE},
        {"Number": "0046 8 123 456", "Type": PHONE},
    ]
    ids["van"] = erp.people_make(
        "Contact",
        ParentBusinessRelationID=parent,
        Role="Innkjøper",
        Info={"Name": "Ludwig van der Berg", "Phones": phones},
    )
    ids["single"] = erp.people_make("Contact", ParentBusinessRelationID=parent, Info={"Name": "Regnskap"})
    ids["orphan"] = erp.people_make("Contact", ParentBusinessRelationID=None, Info={"Name": "Uten Firma"})
    ids["kari"] = crm.people_make(
        "person",
        Firstname="Kari",
        MiddleName="Anne",
        Lastname="Øvre Nes",
        Contact={"ContactId": ids["ås"]},
        Emails=[{"Value": "Kari.Nes@aas-ror.example"}, {"Value": "privat@kari.example"}],
        MobilePhones=[{"Value": "+4791111111"}, {"Value": "92222222"}],
    )
    ids["kari erp"] = erp.people_make(
        "Contact",
        ParentBusinessRelationID=parent,
        Info={"Name": "Kari Anne Øvre Nes", "DefaultEmail": {"EmailAddress": "kari.nes@AAS-ROR.example"}},
    )
    crm.people_make("person", Firstname="Ensom", Lastname="Ulv", Contact=None)
    crm.people_make("person", Firstname="Gamle", Lastname="Erik", Contact={"ContactId": ids["ås"]}, Retired=True)
    ids["project"] = erp.people_make(
        "Project", Name="Nytt kai-anlegg", ProjectCustomerID=ids["ås erp"], PlannedEnddate="2027-03-31"
    )
    ids["endless"] = erp.people_make("Project", Name="Vedlikehold av gatelys", ProjectCustomerID=ids["ås erp"])
    return ids


@pytest.fixture(scope="module")
def settled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settled]:
    with elsewhere(tmp_path_factory.mktemp("elsewhere")) as place:
        ids = populate(place)
        place.settle(5)
        first = place.writes()
        place.settle(2)
        yield Settled(place, ids, first, place.writes())


def test_records_that_are_the_same_are_linked_and_others_made_in_the_right_category(settled: Settled) -> None:
    aas = settled.crm_of("ås erp")
    assert aas["ContactId"] == settled.ids["ås"]
    assert aas["Number2"] == "700410"
    assert aas["Address"]["Postal"]["Address1"] == "Pb. 12"
    for name in ("swedish", "private", "lead"):
        assert settled.crm_of(name)["Category"]["CategoryGroup"] in ("Customer", "PotentialCustomer"), name
    assert settled.crm_of("swedish")["OrgNr"] == "5566778899"
    assert settled.crm_of("private")["Name"] == "Turid Næss-Ørjavik"
    assert settled.crm_of("supplier", "Supplier")["Name"] == "Grossist Nord AS"
    for name in ("inactive", "blocked"):
        assert settled.place.linked("Customer", settled.ids[name]) is None
    names = [one["Name"] for one in settled.place.crm.entities["contact"].values()]
    assert len(names) == len(set(names))


def test_persons_keep_their_particles_and_their_other_phones(settled: Settled) -> None:
    van = settled.crm_of("van", "Contact")
    assert (van["Firstname"], van["MiddleName"], van["Lastname"]) == ("Ludwig", "", "van der Berg")
    assert [one["Value"] for one in van["MobilePhones"]] == ["+47 90 12 34 56"]
    assert van["Title"] == "Innkjøper"
    assert settled.crm_of("single", "Contact")["Firstname"] == "Regnskap"
    assert settled.place.linked("Contact", settled.ids["orphan"]) is None
    kari = settled.crm_of("kari erp", "Contact")
    assert kari["PersonId"] == settled.ids["kari"]
    assert (kari["Firstname"], kari["MiddleName"], kari["Lastname"]) == ("Kari", "Anne", "Øvre Nes")
    assert [one["Value"] for one in kari["MobilePhones"]] == ["+4791111111", "92222222"]
    shown = settled.place.erp.shown("Contact", settled.ids["kari erp"])
    assert [(p["Type"], p["CountryCode"], p["Number"]) for p in shown["Info"]["Phones"]] == [
        (MOBILE, "+47", "91111111")
    ]


def test_a_project_comes_with_its_planned_end(settled: Settled) -> None:
    project = settled.crm_of("project", "Project")
    assert project["ProjectNumber"] == "P/31"
    assert project["EndDate"][:10] == "2027-03-31"


def test_an_end_that_the_crm_gives_every_new_project_is_nobodys_and_goes_nowhere(settled: Settled) -> None:
    assert settled.crm_of("endless", "Project")["EndDate"] == NO_DATE
    assert settled.place.erp.tables["Project"][settled.ids["endless"]].get("EndDate") is None


def test_at_rest_nothing_is_written(settled: Settled) -> None:
    assert settled.later == settled.at_first


def test_what_cannot_travel_is_told_with_a_remedy(settled: Settled) -> None:
    told = {(one.kind, one.erp_entity, one.erp_id) for one in settled.place.open_issues()}
    assert settled.ids["wrong number"] in {erp_id for _, _, erp_id in told}
    assert all(one.cause and one.remedy for one in settled.place.open_issues())


def test_only_mapped_fields_of_mapped_records_are_written(settled: Settled) -> None:
    check_journal(settled.place)


def check_journal(place: Elsewhere) -> None:
    """Nothing is written past the rules, nothing by the CRM's PUT, and no action of the ERP is used."""
    rules = load_rules(None, plain_registries())
    crm_paths: dict[str, set[str]] = {}
    for rule in rules.active():
        written = {path.split("[")[0].replace(".", "/") for o in rule.fields if o.writes_crm for path in o.crm}
        crm_paths.setdefault(rule.crm, set()).update(written)
    for verb, entity, _, touched in place.crm.written:
        assert verb != "PUT" or entity == "ForeignKey"
        if verb == "PATCH":
            assert {one.strip("/") for one in touched} <= crm_paths[entity], (entity, touched)
    allowed = {
        "Customer": {"OrgNumber", "WebUrl", "PaymentTermsID"},
        "Supplier": {"OrgNumber", "WebUrl"},
        "BusinessRelation": {"Name"},
        "Contact": {"Role"},
        "Project": {"Name", "Description", "EndDate", "PlannedEnddate"},
        "Address": {"AddressLine1", "AddressLine2", "AddressLine3", "PostalCode", "City"},
        "Phone": {"Number", "CountryCode", "Type"},
        "Email": {"EmailAddress"},
    }
    pointers = {"ParentBusinessRelationID", "ProjectCustomerID", "BusinessRelationID"}
    for verb, entity, _, touched in place.erp.written:
        extra = pointers if verb == "POST" else set()
        assert set(touched) <= allowed[entity] | extra, (verb, entity, touched)
    assert not [one for one in place.erp.actions if not one.startswith("GET ")]
    assert place.erp.ignored == []
    assert not [call for call in place.crm.calls if call.method in ("PUT", "DELETE") and "ForeignApp" not in call.path]
    assert not [call for call in place.erp.calls if call.method == "DELETE"]


def test_the_erp_button_creates_with_the_next_number_and_brings_it_back(settled: Settled) -> None:
    place, record = settled.place, CrmAddress("contact", settled.ids["prospect"])

    async def press(connection: Connection) -> Any:
        button = ErpButton(await connection.world(run_id="pressed", by="crm:502"))
        assert await button.candidates(record, KEY, "customer") == []
        return await button.create(record, KEY, "customer")

    outcome = place.connected(press)
    made = place.erp.shown("Customer", outcome.erp_id)
    assert (made["Info"]["Name"], made["OrgNumber"]) == ("Kun i CRM AS", "923609016")
    assert outcome.number == str(made["CustomerNumber"])
    assert place.crm.entities["contact"][record.id]["Number2"] == outcome.number
    before = place.writes()
    place.settle(2)
    assert place.writes() == before
    check_journal(place)


def test_what_people_change_travels_and_nothing_else_is_touched(settled: Settled) -> None:
    place, ids = settled.place, settled.ids
    relation = place.erp.tables["Customer"][ids["ås erp"]]["BusinessRelationID"]
    address = place.erp.tables["BusinessRelation"][relation]["InvoiceAddressID"]
    place.erp.people_edit("Address", address, AddressLine1="Postboks 123 Sentrum")
    place.crm.people_edit("person", ids["kari"], Title="Daglig leder")
    before = {
        "phones": place.crm.entities["contact"][ids["ås"]]["Phones"],
        "custom": place.crm.entities["contact"][ids["ås"]]["CustomFields"],
        "gln": place.erp.tables["Customer"][ids["ås erp"]]["GLN"],
    }
    place.settle(2)
    aas = place.crm.entities["contact"][ids["ås"]]
    assert aas["Address"]["Postal"]["Address1"] == "Postboks 123 Sentrum"
    assert place.erp.tables["Contact"][ids["kari erp"]]["Role"] == "Daglig leder"
    after = {
        "phones": aas["Phones"],
        "custom": aas["CustomFields"],
        "gln": place.erp.tables["Customer"][ids["ås erp"]]["GLN"],
    }
    assert after == before
    check_journal(place)


def test_a_stamp_from_the_future_hides_nothing_that_is_changed_meanwhile(settled: Settled) -> None:
    place, ids = settled.place, settled.ids
    swedish, private = (place.linked("Customer", ids[name]) for name in ("swedish", "private"))
    assert swedish is not None
    assert private is not None
    place.erp.tables["Customer"][ids["lead"]]["UpdatedAt"] = "2099-01-01T00:00:00Z"
    place.crm.entities["contact"][swedish.crm_id]["UpdatedDate"] = "2099-01-01T00:00:00.000000+00:00"
    place.settle(1, rules=["customer"])
    place.erp.people_edit("Customer", ids["swedish"], WebUrl="https://strom.example")
    place.crm.people_edit("contact", private.crm_id, OrgNr="923609016")
    place.settle(1, rules=["customer"])
    assert [one["Value"] for one in place.crm.entities["contact"][swedish.crm_id]["Urls"]] == ["https://strom.example"]
    assert place.erp.tables["Customer"][ids["private"]]["OrgNumber"] == "923609016"


TROUBLES = WITHOUT_EFFECT + WITH_EFFECT
IN_ERP = ["Havbris", "Tinde", "Solvang", "Kvernhus", "Granlia", "Storfoss", "Uldal", "Nattergal"]
IN_CRM = ["Bjørkely", "Elvesus", "Furuset", "Hammerfall", "Isbre", "Lyngmo", "Orrhane", "Ravnkloa"]


def org_numbers() -> Iterator[str]:
    for stem in range(91_234_500, 91_300_000):
        rest = sum(int(d) * w for d, w in zip(str(stem), (3, 2, 7, 6, 5, 4, 3, 2), strict=True)) % 11
        if rest != 1:
            yield f"{stem}{(11 - rest) % 11}"


@pytest.mark.parametrize("lag", [60.0, pytest.param(0.0, marks=pytest.mark.nightly)])
def test_creates_that_go_wrong_in_every_way_are_made_exactly_once(tmp_path: Path, lag: float) -> None:
    with elsewhere(tmp_path, erp={"lag": lag}) as place:
        numbers = org_numbers()
        for name in IN_ERP:
            place.erp.people_make("Customer", OrgNumber=next(numbers), Info={"Name": f"{name} AS"})
        made = [
            place.crm.people_make("contact", Name=f"{name} AS", OrgNr=next(numbers), Category={"Id": KEY_ACCOUNT})
            for name in IN_CRM
        ]
        place.crm.weather = Weather([(kind, "POST /.*/Contact$") for kind in TROUBLES])
        place.erp.weather = Weather([(kind, "POST /api/biz/customers$") for kind in TROUBLES])

        async def press(connection: Connection) -> None:
            for record in made:
                if not place.linked_in(connection, "contact", record):
                    world = await connection.world(run_id=f"pressed-{record}-{place.clock.now()}", by="crm:502")
                    with contextlib.suppress(VendorError, RequestRefused):
                        await ErpButton(world).create(CrmAddress("contact", record), KEY, "customer")

        for _ in range(3):
            place.connected(press)  # what surely failed is the person's to press again
            place.settle(3, rules=["customer"])
        assert {kind for kind, _ in place.crm.weather.played} == set(TROUBLES)
        assert {kind for kind, _ in place.erp.weather.played} == set(TROUBLES)
        wanted = sorted(f"{name} AS" for name in (*IN_ERP, *IN_CRM))
        assert sorted(one["Name"] for one in place.crm.entities["contact"].values()) == wanted
        assert sorted(row["Name"] for row in place.erp.tables["BusinessRelation"].values()) == wanted
        assert len(place.erp.tables["Customer"]) == len(wanted)
        before = place.writes()
        place.settle(2)
        assert place.writes() == before
        check_journal(place)


def test_a_repeat_that_the_erp_refuses_in_words_of_its_own_is_looked_for_until_it_shows(tmp_path: Path) -> None:
    """The row exists, but lists show it only after five minutes; the person's answers stay with the request."""
    with elsewhere(tmp_path, erp={"lag": 300.0}) as place:
        record = place.crm.people_make("contact", Name="Fra CRM AS", OrgNr="923609016", Category={"Id": KEY_ACCOUNT})
        place.erp.weather = Weather([("lost_after", "POST /api/biz/customers$")])

        async def press(connection: Connection) -> Outcome:
            world = await connection.world(run_id="pressed", by="crm:502")
            return await ErpButton(world).create(CrmAddress("contact", record), KEY, "customer")

        assert "never created twice" in place.connected(press).waiting
        place.settle(6, 100.0, rules=["customer"])
        (customer,) = place.erp.tables["Customer"]
        link = place.linked("Customer", customer)
        assert link is not None
        assert (link.crm_id, link.origin) == (record, "created_in_erp")
        assert place.open_issues() == []


def test_records_that_meet_each_other_at_the_same_moment_become_one_pair(tmp_path: Path) -> None:
    """Work goes on at several records at once: one half of a pair must not be made again while the other links it."""
    with elsewhere(tmp_path) as place:
        company = place.crm.people_make("contact", Name="Fjordlys AS", OrgNr="974760673", Category={"Id": KEY_ACCOUNT})
        customer = place.erp.people_make("Customer", OrgNumber="974760673", Info={"Name": "Fjordlys AS"})
        parent = place.erp.tables["Customer"][customer]["BusinessRelationID"]
        place.settle(1, rules=["customer", "person"])
        for number, name in enumerate(IN_ERP[:6], start=1):
            mail = {"EmailAddress": f"{name.lower()}@fjordlys.example"}
            person = {"Firstname": name, "Lastname": "Vik", "Emails": [{"Value": mail["EmailAddress"]}]}
            place.crm.people_make("person", Contact={"ContactId": company}, **person)
            info = {"Name": f"{name} Vik", "DefaultEmail": mail}
            contact = place.erp.people_make("Contact", ParentBusinessRelationID=parent, Info=info)
            place.settle(2, 20.0, rules=["person"], at_once=4)
            assert len(place.crm.entities["person"]) == len(place.erp.tables["Contact"]) == number
            assert place.linked("Contact", contact) is not None


@pytest.mark.parametrize("seed", [1, *(pytest.param(n, marks=pytest.mark.nightly) for n in range(2, 6))])
def test_a_bad_day_ends_as_a_good_one(tmp_path: Path, seed: int) -> None:
    with elsewhere(tmp_path, erp={"lag": 20.0}) as place:
        ids = populate(place)
        for number, server in enumerate((place.crm, place.erp)):
            server.weather = Weather(share=0.15, seed=10 * seed + number)
        place.settle(5, 300.0)
        relation = place.erp.tables["Customer"][ids["swedish"]]["BusinessRelationID"]
        place.erp.people_edit("BusinessRelation", relation, Name="Svenska Ström Gruppen AB")
        place.crm.people_edit("person", ids["kari"], Title="Daglig leder")
        place.settle(5, 300.0)
        assert len({kind for kind, _ in (*place.crm.weather.played, *place.erp.weather.played)}) == 8
        place.crm.weather = place.erp.weather = Weather()
        place.settle(4, 7 * 3600.0)
        names = [one["Name"] for one in place.crm.entities["contact"].values()]
        assert sorted(names) == sorted(set(names))
        assert "Svenska Ström Gruppen AB" in names
        assert place.erp.tables["Contact"][ids["kari erp"]]["Role"] == "Daglig leder"
        for one in ("swedish", "private", "lead"):
            assert place.linked("Customer", ids[one]) is not None, one
        assert len(place.erp.tables["Customer"]) == 7
        before = place.writes()
        place.settle(2)
        assert place.writes() == before
        check_journal(place)
