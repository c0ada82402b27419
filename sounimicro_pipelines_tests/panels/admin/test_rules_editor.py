"""The rules editor as plain forms, while no system answers: nothing is lost, nothing is overwritten, all is told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from sounimicro_pipelines.panels import create_app
from sounimicro_pipelines.rules import Rule, read_rule
from sounimicro_pipelines.rules.versions import default_document, load_rules
from sounimicro_pipelines.store import Store, open_store, rule_versions, web
from sounimicro_pipelines.sync.opening import plain_registries
from sounimicro_pipelines_tests.panels import world
from sounimicro_pipelines_tests.panels.admin.forms import Form

CUSTOMER = "/admin/rules/customer"
ADDRESS = "Info.InvoiceAddress.AddressLine1"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(f"sqlite:///{tmp_path / 'store.db'}")
    yield opened
    opened.close()


@pytest.fixture
def client(store: Store) -> TestClient:
    found = TestClient(create_app(world.settings(), store, clock=world.clock()), base_url="http://127.0.0.1")
    found.headers["accept-language"] = "nb"
    return found


def opened(client: TestClient, path: str = CUSTOMER) -> Form:
    return Form(client.get(path).text)


def rule(store: Store, name: str = "customer") -> Rule:
    with store.read() as tx:
        return load_rules(tx, plain_registries()).get(name)


@pytest.mark.parametrize("name", ["customer", "supplier", "partner", "person", "project"])
def test_a_rule_that_is_opened_and_saved_as_it_is_stays_as_it_is(client: TestClient, store: Store, name: str) -> None:
    page = client.get(f"/admin/rules/{name}")
    assert page.status_code == 200
    saved = client.post(f"/admin/rules/{name}", data=Form(page.text).data("save"), follow_redirects=False)
    assert (saved.status_code, saved.headers["location"]) == (303, f"/admin/rules/{name}?done=rule_same")
    with store.read() as tx:
        assert rule_versions.current(tx, name) is None


def test_a_changed_rule_is_in_force_with_who_and_when_and_nothing_else_in_it_has_changed(
    client: TestClient, store: Store
) -> None:
    form = opened(client)
    row = form.row(ADDRESS)
    form.set(f"{row}.direction", "to_crm").set(f"{row}.show_in_erp_tab", "on").set("quiet", "5").set("quiet_unit", "m")
    page = client.post(CUSTOMER, data=form.data("save"))
    assert "Regelen er lagret" in page.text
    assert "Versjon 2, 23.11.2026" in page.text
    found = rule(store).field(ADDRESS)
    assert found is not None
    assert (found.direction, found.show_in_erp_tab, rule(store).quiet_period) == ("to_crm", True, 300)
    with store.read() as tx:
        stored = rule_versions.current(tx, "customer")
        audited = web.audit_log(tx, subject="rule:customer")
    assert stored is not None
    assert (stored.version, stored.created_by) == (2, "local")
    before, after = default_document("customer").splitlines(), stored.document.splitlines()
    assert len(before) == len(after)
    assert [new for old, new in zip(before, after, strict=True) if old != new] == [
        "quiet_period: 5m",
        "  - {erp: Info.InvoiceAddress.AddressLine1, crm: Address.Postal.Address1, direction: to_crm, conflict: newest,"
        " transform: address, show_in_erp_tab: true}",
    ]
    assert [(one["action"], one["actor"], one["details"]) for one in audited] == [
        ("rule_changed", "local", {"version": 2})
    ]


def test_a_refusal_stands_at_its_row_with_the_reason_and_the_nearest_name_and_nothing_is_lost(
    client: TestClient, store: Store
) -> None:
    form = opened(client)
    number, name = form.row("CustomerNumber"), form.row("Info.Name")
    form.set(f"{number}.direction", "both").set(f"{name}.crm", "Nmae").set("score.name_and_postcode", "140")
    form.set(f"{name}.default", 'Uten <navn> "A"')
    page = client.post(CUSTOMER, data=form.data("save"))
    assert page.status_code == 422
    told = client.post(f"{CUSTOMER}/check", data=form.data("save")).json()
    assert told["refusals"] == {"match": ["Minste likhet må være et tall over 0 og ikke over 100."]}, "shape first"
    again = Form(page.text)
    assert again.get(f"{name}.default") == 'Uten <navn> "A"'
    assert again.get("score.name_and_postcode") == "140"
    again.set("score.name_and_postcode", "95")
    page = client.post(CUSTOMER, data=again.data("save"))
    assert page.status_code == 422
    wrong = f'<div class="refusals" data-for="row:{number}" id="{number}-wrong"><p>'
    assert wrong in page.text
    told = client.post(f"{CUSTOMER}/check", data=again.data("check")).json()["refusals"]
    assert told == {
        f"row:{number}": ["Feltet CustomerNumber i ERP kan ikke skrives. Bruk retningen «→ Til CRM»."],
        f"row:{name}": ["Feltet «Nmae» finnes ikke i CRM. Mente du Name?"],
    }
    assert Form(page.text).pairs == again.pairs
    assert rule(store) == rule_as_shipped()


def rule_as_shipped(name: str = "customer") -> Rule:
    return load_rules(None, plain_registries()).get(name)


def test_rows_are_moved_added_and_removed_by_plain_buttons_and_nothing_is_saved_meanwhile(
    client: TestClient, store: Store
) -> None:
    form = opened(client)
    before = list(form.erp_order())
    row = form.row("OrgNumber")
    page = client.post(CUSTOMER, data=form.data(f"up:{row}"))
    form = Form(page.text)
    assert list(form.erp_order()) == ["OrgNumber", "Info.Name", *before[2:]]
    assert f'value="up:{row}" data-move="-1" aria-label="Flytt Organisasjonsnummer opp" autofocus' in page.text
    form = Form(client.post(CUSTOMER, data=form.data(f"remove:{form.row('CreditDays')}")).text)
    found = client.post(CUSTOMER, data=form.set("find_erp", "peppol").set("find_crm", "avdeling").data("find")).text
    assert 'value="PeppolAddress"> <span>Peppol-adresse<small>' in found
    assert 'name="new_erp" value="GLN"' not in found
    form = Form(found).set("new_erp", "PeppolAddress").set("new_crm", "Department")
    form = Form(client.post(CUSTOMER, data=form.data("add")).text)
    assert form.erp_order()[-1] == "PeppolAddress"
    added = form.row("PeppolAddress")
    assert (form.get(f"{added}.crm"), form.get(f"{added}.direction")) == ("Department", "both")
    with store.read() as tx:
        assert rule_versions.current(tx, "customer") is None
    assert client.post(CUSTOMER, data=form.data("save")).status_code == 200
    saved = rule(store)
    assert [one.erp[0] for one in saved.fields[:2]] == ["OrgNumber", "Info.Name"]
    assert saved.field("CreditDays") is None
    assert saved.fields[-1].erp == ("PeppolAddress",)


def test_a_new_row_travels_only_as_far_as_its_fields_can_be_written(client: TestClient) -> None:
    form = opened(client).set("new_erp", "UpdatedAt").set("new_crm", "Department")
    form = Form(client.post(CUSTOMER, data=form.data("add")).text)
    assert form.get(f"{form.row('UpdatedAt')}.direction") == "to_crm"
    form.set("new_erp", "GLN").set("new_crm", "")
    form = Form(client.post(CUSTOMER, data=form.data("add")).text)
    assert form.get(f"{form.row('GLN')}.direction") == "none"


def test_matching_and_taking_part_are_saved_in_the_chosen_order(client: TestClient, store: Store) -> None:
    form = opened(client).set("step.phone", None).set("taking.crm.business", "3, 7")
    form = Form(client.post(CUSTOMER, data=form.data("step-up:erp_number")).text)
    form.set("score.name_and_postcode", "95,5").set("taking.erp.status", None).set("in_crm", "never")
    assert client.post(CUSTOMER, data=form.data("save")).status_code == 200
    saved = rule(store)
    assert [(one.by, one.min_score) for one in saved.match] == [
        ("erp_number", 0.92),
        ("org_number", 0.92),
        ("name_and_postcode", 0.955),
        ("email_domain", 0.92),
    ]
    assert saved.takes_part.crm == {"category_group": ("customer", "potential_customer"), "business": ("3", "7")}
    assert saved.takes_part.erp == {}
    assert saved.create.in_crm == "never"
    again = opened(client)
    assert again.get("taking.crm.business") == "3, 7"
    assert again.get("score.name_and_postcode") == "95.5"


def test_an_edit_beside_a_newer_version_is_told_with_both_and_overwrites_nothing(
    client: TestClient, store: Store
) -> None:
    mine, theirs = opened(client), opened(client)
    address, web_url, name = mine.row(ADDRESS), mine.row("WebUrl"), mine.row("Info.Name")
    theirs.set(f"{web_url}.direction", "to_crm").set(f"{name}.conflict", "crm")
    assert client.post(CUSTOMER, data=theirs.data("save")).status_code == 200
    mine.set(f"{address}.direction", "to_erp").set(f"{name}.conflict", "erp")
    page = client.post(CUSTOMER, data=mine.data("save"))
    assert page.status_code == 409
    assert "Versjon 2 ble lagret 23.11.2026" in page.text
    assert "Nettsted – Retning: fra ⇄ Begge veier til → Til CRM" in page.text
    assert "Postadresse – Retning: fra ⇄ Begge veier til ← Til ERP" in page.text
    both = page.text.partition("Begge har endret dette")[2].partition("</ul>")[0]
    assert "Navn – Ved konflikt: fra Spør et menneske til CRM gjelder" in both
    assert "Nettsted" not in both
    with store.read() as tx:
        assert [one.version for one in rule_versions.versions(tx, "customer")] == [2, 1]
    together = Form(page.text)
    assert together.get("base") == "2"
    assert client.post(CUSTOMER, data=together.data("save")).status_code == 200
    saved = {one.erp[0]: (one.direction, one.conflict) for one in rule(store).fields}
    assert (saved[ADDRESS], saved["WebUrl"]) == (("to_erp", "newest"), ("to_crm", "newest"))
    assert saved["Info.Name"] == ("both", "erp")


def test_forged_words_are_refused_at_their_place_and_shown_back(client: TestClient, store: Store) -> None:
    form = opened(client)
    row = form.row(ADDRESS)
    form.set(f"{row}.direction", 'sideways"><script>').set("taking.crm.category_group", "nobody")
    page = client.post(CUSTOMER, data=form.data("save"))
    assert page.status_code == 422
    assert "<script>" not in page.text.replace('<script src="/static/', "")
    assert Form(page.text).get(f"{row}.direction") == 'sideways"><script>'
    assert "er ikke noe valg" in page.text
    empty = {"base": "0", "act": "save"}
    page = client.post(CUSTOMER, data=empty)
    assert (page.status_code, "minst ett felt" in page.text) == (422, True)
    assert client.post(CUSTOMER, data={"base": "x" * 400, "row": ["r0", "../x", "n" * 40]}).status_code == 200
    assert client.get("/admin/rules/unknown").status_code == 404
    with store.read() as tx:
        assert rule_versions.current(tx, "customer") is None


def test_the_editor_says_that_the_systems_do_not_answer_and_works_all_the_same(client: TestClient) -> None:
    page = client.get(CUSTOMER).text
    assert "Systemene svarer ikke nå" in page
    tried = client.post(CUSTOMER, data=Form(page).data("preview"))
    assert tried.status_code == 200
    assert "Forhåndsvisningen kunne ikke lages nå" in tried.text
    assert Form(tried.text).pairs == Form(page).pairs


def test_every_shipped_rule_reads_the_same_from_its_form(client: TestClient) -> None:
    for name in ("customer", "supplier", "partner", "person", "project"):
        page = client.get(f"/admin/rules/{name}?lang=en").text
        document = default_document(name)
        assert len(Form(page).all("row")) == len(read_rule(document, name).fields)


# -- versions and YAML -----------------------------------------------------------------------------------------------


def changed(client: TestClient, **settings: str) -> None:
    form = opened(client)
    for erp, direction in settings.items():
        form.set(f"{form.row(erp)}.direction", direction)
    assert client.post(CUSTOMER, data=form.data("save")).status_code == 200


def test_versions_tell_what_changed_and_one_is_put_back_as_a_new_one(client: TestClient, store: Store) -> None:
    assert "Ingen har endret regelen" in client.get(f"{CUSTOMER}/versions").text
    changed(client, WebUrl="to_crm")
    changed(client, WebUrl="to_erp")
    page = client.get(f"{CUSTOMER}/versions").text
    assert "Nettsted – Retning: fra → Til CRM til ← Til ERP" in page
    assert page.index("Versjon 3") < page.index("Gjelder nå") < page.index("Versjon 2")
    assert "<ins>+  - {erp: WebUrl," in page
    sent = {"base": "3", "to": "2"}
    back = client.post(f"{CUSTOMER}/versions", data=sent)
    assert "Satt tilbake til versjon 2" in back.text
    field = rule(store).field("WebUrl")
    assert field is not None
    assert field.direction == "to_crm"
    with store.read() as tx:
        found = rule_versions.versions(tx, "customer")
        audited = web.audit_log(tx, subject="rule:customer")
    assert [(one.version, one.reverts) for one in found] == [(4, 2), (3, None), (2, None), (1, None)]
    assert (audited[0]["action"], audited[0]["details"]) == ("rule_reverted", {"version": 4, "to": 2})
    stale = client.post(f"{CUSTOMER}/versions", data=sent)
    assert (stale.status_code, "endret mens du så på den" in stale.text) == (409, True)
    for to in ("77", "x", ""):
        assert client.post(f"{CUSTOMER}/versions", data={"base": "4", "to": to}).status_code in (404, 409)
    with store.read() as tx:
        assert rule_versions.current(tx, "customer") == found[0]


def test_a_rule_goes_out_as_yaml_and_comes_in_again(client: TestClient, store: Store) -> None:
    taken = client.get(f"{CUSTOMER}/file")
    assert taken.text == default_document("customer")
    assert taken.headers["content-disposition"] == 'attachment; filename="customer.yaml"'
    document = taken.text.replace("erp: WebUrl, crm", "show_in_search: true, erp: WebUrl, crm").replace("# A", "# Our")
    files = {"file": ("mine.yaml", document.replace("\n", "\r\n").encode("utf-8-sig"))}
    assert "Regelen er lagret" in client.post(f"{CUSTOMER}/yaml", data={"base": "0", "act": "upload"}, files=files).text
    assert client.get(f"{CUSTOMER}/file").text == document
    page = client.get(f"{CUSTOMER}/yaml").text
    assert Form(page).get("document").lstrip("\n") == document
    changed(client, WebUrl="to_crm")
    assert client.get(f"{CUSTOMER}/file").text.startswith("# Our customer"), "the head's comment stays"


def test_mistakes_in_yaml_are_told_with_their_line_and_the_text_stays(client: TestClient, store: Store) -> None:
    document = default_document("customer").replace("direction: to_crm", "direction: both") + "frequency: often\n"
    page = client.post(f"{CUSTOMER}/yaml", data={"base": "0", "document": document, "act": "save"})
    assert page.status_code == 422
    last = len(document.splitlines())
    assert f"<strong>Linje {last}:</strong> «frequency» er ikke kjent her." in page.text
    assert Form(page.text).get("document").lstrip("\n") == document
    document = document.replace("frequency: often\n", "")
    page = client.post(f"{CUSTOMER}/yaml", data={"base": "0", "document": document, "act": "save"})
    line = next(n for n, text in enumerate(document.splitlines(), 1) if "CustomerNumber" in text)
    assert f"<strong>Linje {line}:</strong> Feltet CustomerNumber i ERP kan ikke skrives" in page.text
    for wrong, why in (
        (": : :", "Dette er ikke gyldig YAML"),
        ("- a", "En regel begynner med"),
        (document + "rule: customer\n", "«rule» står to ganger"),
        (default_document("supplier"), "Dette gjelder «supplier»; her skal det stå customer"),
    ):
        page = client.post(f"{CUSTOMER}/yaml", data={"base": "0", "document": wrong, "act": "save"})
        assert (page.status_code, why in page.text) == (422, True), why
    for content in (b"", b"\xff\xfe\x00", b"x" * 900_000):
        files = {"file": ("mine.yaml", content)}
        page = client.post(f"{CUSTOMER}/yaml", data={"base": "0", "document": document, "act": "upload"}, files=files)
        assert page.status_code == 422
    with store.read() as tx:
        assert rule_versions.current(tx, "customer") is None


def test_yaml_that_was_made_from_an_older_version_overwrites_nothing(client: TestClient, store: Store) -> None:
    document = default_document("customer").replace("quiet_period: 0s", "quiet_period: 9s")
    changed(client, WebUrl="to_crm")
    page = client.post(f"{CUSTOMER}/yaml", data={"base": "0", "document": document, "act": "save"})
    assert page.status_code == 409
    assert "Versjon 2 ble lagret" in page.text
    assert "<ins>+quiet_period: 9s</ins>" in page.text
    assert Form(page.text).get("document").lstrip("\n") == document
    assert rule(store).quiet_period == 0
    assert client.post(f"{CUSTOMER}/yaml", data=Form(page.text).data("save")).status_code == 200
    assert rule(store).quiet_period == 9


def test_a_stored_rule_that_cannot_be_read_any_more_is_shown_as_text_with_what_is_wrong(
    client: TestClient, store: Store
) -> None:
    document = default_document("project").replace("quiet_period: 0s", "patience: 0s")
    with store.transaction() as tx:
        rule_versions.save(tx, "project", document, by="terminal", now=world.NOW, expected=0)
    page = client.get("/admin/rules/project")
    assert page.url.path == "/admin/rules/project/yaml"
    assert "«patience» er ikke kjent her" in page.text
    assert client.get("/admin/rules").status_code == 200
    assert client.get("/admin/rules/project/versions").status_code == 200
    assert client.get("/admin/lists").status_code == 200
    mended = Form(page.text).set("document", default_document("project").replace("0s", "3s"))
    assert "Regelen er lagret" in client.post("/admin/rules/project/yaml", data=mended.data("save")).text
