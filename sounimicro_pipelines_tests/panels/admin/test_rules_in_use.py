"""Rules that administrators change on screen, and what the engine then does in both systems."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from sounimicro_pipelines.panels.admin.telling import finding_texts
from sounimicro_pipelines.panels.words import words
from sounimicro_pipelines.rules.values import ItemMap
from sounimicro_pipelines.rules.versions import list_items
from sounimicro_pipelines.sandbox import Fault
from sounimicro_pipelines.store import history, rule_versions, web
from sounimicro_pipelines.sync.plan import Finding
from sounimicro_pipelines_tests.panels.admin.conftest import Office
from sounimicro_pipelines_tests.panels.admin.forms import Form

CUSTOMER = "/admin/rules/customer"
ADDRESS = "Info.InvoiceAddress.AddressLine1"


@pytest.fixture(autouse=True)
def _as_shipped(office: Office) -> Iterator[None]:
    """Every test begins with the first version, and leaves none of its own mapping behind."""
    yield
    office.bench.systems.faults.clear()
    with office.bench.store.transaction() as tx:
        tx.execute(tx.tables.rule_versions.delete())
        tx.execute(tx.tables.list_mappings.delete())


def opened(client: TestClient, path: str = CUSTOMER) -> Form:
    return Form(client.get(path).text)


def test_what_a_person_would_be_asked_is_told_with_its_records_and_field() -> None:
    found = Finding("conflict", "c", "r", "f", "key-1", "customer", "contact:7", "Customer:9", "Name")
    other = Finding("disk", "c", "r", "f2")
    told = finding_texts(words("nb"), [found, other], {"key-1": "Nord AS"})
    assert told == [
        f"Firma 7 i CRM, kunde 9 i Nord AS: Navn: {words('nb').or_raw('rules.preview.kinds', 'conflict')}",
        "Disk",
    ]


def stored(office: Office) -> ItemMap:
    with office.bench.store.read() as tx:
        return list_items(tx, office.bench.key()).get("payment_terms", ItemMap(""))


def place(form: Form, side: str, item: str) -> str:
    """The number of an item's line."""
    return next(name.split(".")[1] for name, value in form.pairs if name.startswith(f"{side}.") and value == item)


def test_a_preview_says_what_would_happen_and_what_would_not_and_writes_nothing(
    office: Office, client: TestClient
) -> None:
    office.write_in_erp("Postboks 7")
    form = opened(client)
    form.set(f"{form.row(ADDRESS)}.direction", "none")
    with office.bench.store.read() as tx:
        last = max((one.id for one in history.after(tx, 0)), default=0)
    mark = office.bench.sandbox.journal.mark()
    page = client.post(CUSTOMER, data=form.data("preview"))
    assert page.status_code == 200
    told = " ".join(page.text.partition('id="preview"')[2].partition("</section>")[0].split())
    assert "Postadresse – Retning: fra ⇄ Begge veier til Ikke synkronisert" in told
    assert "Skjer ikke lenger" in told
    assert "<td>Postadresse i CRM</td><td>Postboks 123</td><td>Postboks 7</td>" in told
    assert "Et utvalg: prøvd på den sist synkroniserte posten, av 1 koblinger i alt" in told
    assert Form(page.text).pairs == form.pairs
    journal = office.bench.sandbox.journal
    assert [*journal.writes("crm", since=mark), *journal.writes("erp", since=mark)] == []
    with office.bench.store.read() as tx:
        assert rule_versions.current(tx, "customer") is None
        assert list(history.after(tx, last)) == []
    form.set(f"{form.row(ADDRESS)}.direction", "both").set(f"{form.row(ADDRESS)}.conflict", "erp")
    page = client.post(CUSTOMER, data=form.data("preview")).text
    assert "Ingenting endres på posten som ble prøvd" in page
    assert "1 endring skjer uansett" in page
    office.sync()
    assert office.address() == "Postboks 7"
    office.write_in_erp("Postboks 123")
    office.sync()


def test_a_preview_during_which_a_system_goes_down_says_that_it_is_not_the_whole_answer(
    office: Office, client: TestClient
) -> None:
    form = opened(client)
    form.set(f"{form.row(ADDRESS)}.direction", "none")
    office.bench.systems.faults.script(Fault("server_error", system="erp", match="GET /api/biz/customers", times=50))
    page = client.post(CUSTOMER, data=form.data("preview"))
    assert page.status_code == 200
    assert "Svaret her er ikke hele svaret" in page.text
    assert "Ingenting endres" not in page.text
    assert Form(page.text).pairs == form.pairs


def test_the_tenants_own_lists_and_fields_can_be_chosen(client: TestClient) -> None:
    page = client.get("/admin/rules/customer").text
    assert "Systemene svarer ikke nå" not in page
    assert 'name="taking.crm.business" value="' in page
    assert 'name="new_crm" value="CustomFields[' in page


def test_a_list_is_mapped_item_by_item_with_the_way_back(office: Office, client: TestClient) -> None:
    assert "Ingen regel oversetter en liste" in client.get("/admin/lists").text
    office.map_a_list()
    page = client.get("/admin/lists").text
    assert "Kunde: Bransje ↔ Betalingsbetingelser" in page
    form = Form(page)
    crm = [value for name, value in form.pairs if name.startswith("crm.")]
    erp = [value for name, value in form.pairs if name.startswith("erp.")]
    assert len(crm) >= 3
    assert len(erp) >= 2
    for item in crm[:2]:
        form.set(f"erp_of.{place(form, 'crm', item)}", erp[0])
    refused = client.post("/admin/lists", data=form.data("save"))
    assert refused.status_code == 422
    assert "Flere verdier fører hit. Velg hvilken som gjelder tilbake." in refused.text
    assert Form(refused.text).pairs == form.pairs
    assert stored(office).pairs == frozenset()
    form.set(f"crm_of.{place(form, 'erp', erp[0])}", crm[1]).set(f"crm_of.{place(form, 'erp', erp[1])}", crm[2])
    page = client.post("/admin/lists", data=form.data("save")).text
    assert "Oversettelsen er lagret" in page
    found = stored(office)
    assert found.pairs == {(crm[0], erp[0]), (crm[1], erp[0]), (crm[2], erp[1])}
    assert [found.counterpart("crm", item) for item in crm[:3]] == [erp[0], erp[0], erp[1]]
    assert [found.counterpart("erp", item) for item in erp[:2]] == [crm[1], crm[2]]
    with office.bench.store.read() as tx:
        (audited,) = web.audit_log(tx, subject="list:payment_terms")
        pairs = rule_versions.list_pairs(tx, office.bench.key())
    assert (audited["actor"], audited["company_key"], audited["details"]) == (
        "local",
        office.bench.key(),
        {"pairs": 3},
    )
    assert {one.set_by for one in pairs} == {"local"}
    office.bench.sandbox.crm.edit("contact", office.company.id, {"Business": {"Id": int(crm[0])}})
    office.sync()
    customer = office.bench.sandbox.erp.read(1, "Customer", office.customer or 0)
    assert str(customer["PaymentTermsID"]) == erp[0], "the engine travels by the mapping"


def test_a_mapping_that_somebody_else_has_changed_is_told_and_not_overwritten(
    office: Office, client: TestClient
) -> None:
    office.map_a_list()
    mine, theirs = opened(client, "/admin/lists"), opened(client, "/admin/lists")
    crm = [value for name, value in mine.pairs if name.startswith("crm.")]
    erp = [value for name, value in mine.pairs if name.startswith("erp.")]
    theirs.set("erp_of.0", erp[0])
    assert client.post("/admin/lists", data=theirs.data("save")).status_code == 200
    mine.set("erp_of.0", erp[1])
    page = client.post("/admin/lists", data=mine.data("save"))
    assert page.status_code == 409
    assert "Noen andre har endret oversettelsen" in page.text
    assert page.text.count("Lagret nå:") == 1
    assert stored(office).pairs == {(crm[0], erp[0])}
    again = Form(page.text)
    assert again.get("erp_of.0") == erp[1]
    assert client.post("/admin/lists", data=again.data("save")).status_code == 200
    assert stored(office).pairs == {(crm[0], erp[1])}


def test_addresses_of_companies_and_lists_that_are_none_are_not_found(office: Office, client: TestClient) -> None:
    office.map_a_list()
    for query in ("company=nobody", "list=nothing", "company=../x"):
        assert client.get(f"/admin/lists?{query}").status_code == 404
        assert client.post(f"/admin/lists?{query}", data={"base": ""}).status_code == 404
