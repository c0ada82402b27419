"""The ERP tab over HTTP, as a browser without scripts uses it, and the JSON API: walls, bad input, systems down."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from html import escape, unescape
from typing import Any

import pytest

from sounimicro_pipelines.sandbox import Fault
from sounimicro_pipelines.store import issues, runs
from sounimicro_pipelines_tests.panels.erp_tab.desk import CUSTOMER, SUPPLIER, Desk, ask, desk, send, text_of
from sounimicro_pipelines_tests.panels.signed_world import ADMINISTRATOR, GUEST, OTHER_SELLER, SELLER, Browser, absolute


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with desk(tmp_path_factory.mktemp("desk"), sounimicro_company_groups="other=2") as made:
        yield made


@pytest.fixture(scope="module")
def seller(here: Desk) -> Browser:
    return here.world.signed_in(SELLER)


@pytest.fixture(autouse=True)
def _as_it_was(here: Desk) -> Iterator[None]:
    here.later()
    yield
    here.crm.sentry.denied.clear()
    here.crm.set_tenant_state("Running")
    here.world.sandbox.faults.scripted.clear()


def record(here: Desk, contact: int, **more: Any) -> dict[str, Any]:
    return {"record": {"entity": "contact", "id": contact}, "tenant": here.world.tenant, **more}


# -- screens -----------------------------------------------------------------------------------------------------------


def test_a_company_that_is_linked_with_nothing_lands_on_the_erp_tab(here: Desk, seller: Browser) -> None:
    contact = here.contact("Landet AS")
    page = seller.get(here.world.panel(contact))
    assert page.status_code == 200
    said = text_of(page)
    assert "Landet AS" in said
    assert "ikke koblet til regnskapet ennå" in said
    assert said.count("Som kunde") == 2
    assert "Ikke satt i gang" in said, "company other has not gone live"
    assert "company=demo&amp;role=supplier" in page.text


def test_a_frame_of_the_crms_is_not_empty_while_both_systems_are_asked(here: Desk, seller: Browser) -> None:
    contact, asked = here.contact("Ventet AS"), here.crm.metering.total
    frame = {"Sec-Fetch-Dest": "iframe", "Sec-Fetch-Site": "cross-site"}
    for panel, record in (("company", contact), ("person", 2), ("project", 2)):
        first = seller.get(here.path(panel, record), headers=frame)
        assert (first.status_code, 'class="skeleton"' in first.text) == (200, True)
        assert "Ventet AS" not in first.text
    assert here.crm.metering.total == asked, "nobody is asked for what holds nothing"
    assert 'class="skeleton"' in seller.get(here.world.panel(contact), headers=frame).text
    then = seller.get(here.world.panel(contact), headers={**frame, "Sec-Fetch-Site": "same-origin"})
    assert "Ventet AS" in then.text
    here.crm.sentry.deny(OTHER_SELLER, "contact", contact)
    other = here.world.signed_in(OTHER_SELLER)
    assert other.get(here.world.panel(contact), headers=frame).status_code == 403, "nobody learns who has figures"


def test_companies_that_are_not_for_ones_group_are_not_offered(here: Desk) -> None:
    contact = here.contact("Skjermet AS")
    administrator = here.world.signed_in(ADMINISTRATOR)
    page = administrator.get(here.path("company", contact))
    assert "company=demo" in page.text
    assert "company=other" not in page.text
    find = administrator.get(here.path("company", contact, view="find", company="other", role="customer"))
    assert find.status_code == 403
    answer = ask(administrator, "candidates", **record(here, contact, company="other", role="customer"))
    assert answer.json()["error"]["code"] == "not_your_company"


def test_candidates_come_with_number_likelihood_and_the_reasons(here: Desk, seller: Browser) -> None:
    contact, customer = here.known(0)
    page = seller.get(here.path("company", contact, view="find", **CUSTOMER))
    said = text_of(page)
    assert "Samme organisasjonsnummer" in said
    assert "Svært sannsynlig" in said
    number = here.erp.read(1, "Customer", customer)["CustomerNumber"]
    assert f"Nr. {number}" in said
    assert f"erp={customer}" in page.text


def test_the_search_finds_by_name_number_and_organisation_number(here: Desk, seller: Browser) -> None:
    contact = here.contact("Noe Helt Annet AS")
    _, customer = here.known(1)
    held = here.erp.read(1, "Customer", customer, expand="Info")
    word = max(held["Info"]["Name"].split(), key=len)
    for text in (word, str(held["CustomerNumber"]), held["OrgNumber"]):
        page = seller.get(here.path("company", contact, view="find", find=text, **CUSTOMER))
        assert f"erp={customer}" in page.text, text
        assert "treff på" in text_of(page)
    nothing = seller.get(here.path("company", contact, view="find", find="Qqqqzzz", **CUSTOMER))
    assert "Ingen treff på «Qqqqzzz»" in text_of(nothing)
    assert "Opprett kunde" in text_of(nothing)


def test_a_name_that_is_markup_is_shown_as_it_is_written(here: Desk, seller: Browser) -> None:
    hostile = "<script>alert(1)</script> & Sønn AS"
    contact = here.contact(hostile)
    for view in ({}, {"view": "find", **CUSTOMER}, {"view": "create", **CUSTOMER}):
        page = seller.get(here.path("company", contact, **view))
        assert "<script>alert" not in page.text
        assert "&lt;script&gt;alert(1)" in page.text


def test_the_api_tells_of_a_record_what_its_erp_tab_shows(here: Desk, seller: Browser) -> None:
    contact, customer = here.known(3)
    made = here.link(contact, "customer", customer)
    whom = f"/api/v1/records/contact/{contact}"
    try:
        told, said = seller.get(whom).json(), text_of(seller.get(here.path("company", contact)))
        listed = seller.get(f"{whom}/links").json()["links"]
        administrator = here.world.signed_in(ADMINISTRATOR).get(whom).json()
        here.crm.sentry.deny(OTHER_SELLER, "contact", contact)
        other = here.world.signed_in(OTHER_SELLER)
        refused = [other.get(path).json() for path in (whom, f"{whom}/links", f"{whom}?tenant=Cust99999")]
    finally:
        here.end(made)
    (link,) = told["links"]
    number = here.erp.read(1, "Customer", customer)["CustomerNumber"]
    assert (link["company"], link["erp_id"], link["number"]) == ("demo", customer, str(number))
    assert len(link["fields"]) > 5
    assert all(value in said for value in (told["name"], *(one["crm"] for one in link["fields"])))
    assert any(one["why"]["because"] in said for one in link["fields"] if one["why"] is not None)
    places = {one["company"]: one["roles"] for one in told["places"]}
    assert places == {"demo": ["supplier"], "other": ["customer", "supplier"]}
    assert [one["erp_id"] for one in listed] == [customer]
    assert "other" not in [one["company"] for one in administrator["places"]], "a company for others"
    assert {answer["error"]["code"] for answer in refused} == {"not_readable"}


def test_a_sync_that_came_to_nothing_is_not_told_as_one(here: Desk, seller: Browser) -> None:
    contact, customer = here.known(1)
    made = here.link(contact, "customer", customer)
    here.world.sandbox.faults.script(Fault("unavailable", "erp", "/api/biz", times=1000))
    try:
        sent = send(seller, here.path("company", contact), "sync")
        said = text_of(seller.get(absolute(str(sent.url), sent.headers["location"])))
    finally:
        here.end(made)
    assert "Det gikk ikke å synkronisere nå. Noe kunne ikke overføres nå. Det prøves igjen av seg selv." in said
    assert "Ingenting trengte" not in said
    assert "Regnskapet svarer ikke. Du ser det de to systemene var enige om sist." in said


def test_the_figures_stand_beside_the_erp_tab(here: Desk, seller: Browser) -> None:
    """Customer 79 and supplier 12 have published figures; the ERP itself does not know customer 79 any more."""
    contact = here.contact("Med Tall AS")
    made = here.link(contact, "customer", 79)
    figures = seller.get(here.world.panel(contact))
    assert tabs_of(figures)[:2] == ["ERP", "Åpne poster"]
    assert 'aria-current="page">Åpne poster' in figures.text
    overview = seller.get(here.path("company", contact))
    assert tabs_of(overview) == tabs_of(figures)
    assert 'aria-current="page">ERP' in overview.text
    assert "Se tallene" in overview.text
    assert "finnes ikke i regnskapet lenger" in overview.text
    by_party = seller.get("/panel/company?company=demo&role=customer&party=79&tab=erp")
    assert by_party.status_code == 303
    assert f"id={contact}" in by_party.headers["location"]
    other = here.link(contact, "supplier", 12)
    chooser = seller.get(here.world.panel(contact))
    assert "Velg firma" in chooser.text
    assert "tab=erp" in chooser.text
    assert tabs_of(seller.get(here.path("company", contact))) == ["ERP"], "whose figures is not said"
    chosen = seller.get(here.path("company", contact, **SUPPLIER))
    assert "Faktura historikk" in tabs_of(chosen)
    for link in (made, other):
        here.end(link)


def tabs_of(page: Any) -> list[str]:
    found = re.search(r'<nav class="tabs".*?</nav>', page.text, re.DOTALL)
    assert found is not None
    return re.findall(r"<a [^>]*>([^<]*)</a>", found[0])


def test_a_customer_without_a_record_in_the_crm_has_no_erp_tab(here: Desk) -> None:
    administrator = here.world.signed_in(ADMINISTRATOR)
    page = administrator.get("/panel/company?company=demo&role=customer&party=79&tab=erp")
    assert page.status_code == 404
    assert "Ingen firma i CRM er koblet" in page.text


# -- creating, linking, disconnecting ----------------------------------------------------------------------------------


def test_create_without_scripts_gives_the_number_and_tells_dagster(here: Desk, seller: Browser) -> None:
    contact = here.contact("Uten Skript AS", OrgNr=here.org_number())
    path = here.path("company", contact, view="create", **CUSTOMER)
    form = text_of(seller.get(path))
    assert form.index("Navn") < form.index("Organisasjonsnummer") < form.index("Betalingsbetingelser")
    assert "14 dager netto" in form
    answer = send(seller, path, "create", answer__PaymentTermsID="1")
    assert answer.status_code == 303
    (link,) = here.links("contact", contact)
    number = str(here.erp.read(1, "Customer", link.erp_id)["CustomerNumber"])
    page = text_of(seller.get(answer.headers["location"]))
    assert f"med nummer {number}. Nummeret står nå i CRM." in page
    assert here.crm.read("contact", contact)["Number2"] == number
    assert here.erp.read(1, "Customer", link.erp_id)["PaymentTermsID"] == 1
    assert here.told[-1].action == "create"
    with here.world.store.read() as tx:
        run = runs.get(tx, here.told[-1].run_id)
    assert run is not None
    assert run.by == f"crm:associate:{SELLER}"


def test_where_the_crm_allots_numbers_itself_the_erps_is_told_and_shown_here_alone(here: Desk, seller: Browser) -> None:
    series = here.crm.options.numbers["contact"]
    allots, series.allocate = series.allocate, True
    try:
        contact = here.contact("Egne Numre AS", OrgNr=here.org_number())
        mine = here.crm.read("contact", contact)["Number2"]
        path = here.path("company", contact, view="create", **CUSTOMER)
        assert "det står i CRM med en gang" in text_of(seller.get(path))
        answer = send(seller, path, "create", answer__PaymentTermsID="1")
        (link,) = here.links("contact", contact)
        number = str(here.erp.read(1, "Customer", link.erp_id)["CustomerNumber"])
        page = text_of(seller.get(answer.headers["location"]))
        assert f"med nummer {number}." in page
        assert "Nummeret står nå i CRM" not in page
        assert here.crm.read("contact", contact)["Number2"] == mine
        other = here.contact("Flere Egne Numre AS", OrgNr=here.org_number())
        form = text_of(seller.get(here.path("company", other, view="create", **CUSTOMER)))
        assert "det vises her med en gang" in form
    finally:
        series.allocate = allots
        with here.world.store.transaction() as tx:
            issues.solve_prefix(tx, "allotted:", now=here.world.clock.now())


def test_the_outcome_is_told_to_the_one_who_asked_alone(here: Desk, seller: Browser) -> None:
    contact = here.contact("Taushet AS", OrgNr=here.org_number())
    answer = send(seller, here.path("company", contact, view="create", **CUSTOMER), "create")
    there = answer.headers["location"]
    assert "Opprettet i" in text_of(seller.get(there))
    assert "Opprettet i" not in text_of(here.world.signed_in(OTHER_SELLER).get(there))


def test_what_must_be_answered_is_said_beside_the_field_and_the_rest_is_kept(here: Desk, seller: Browser) -> None:
    contact = here.contact("Mangelfull AS")
    path = here.path("company", contact, view="create", **CUSTOMER)
    answer = send(
        seller,
        path,
        "create",
        answer__Name="Mangelfull Norge AS",
        answer__OrgNr="123456789",
        answer__PaymentTermsID="2",
    )
    assert answer.status_code == 422
    assert "ikke et gyldig organisasjonsnummer" in answer.text
    assert 'value="Mangelfull Norge AS"' in answer.text
    assert 'value="123456789"' in answer.text
    assert '<option value="2" selected>' in answer.text
    assert here.links("contact", contact) == []
    unknown = send(seller, path, "create", answer__OrgNr=here.org_number(), answer__PaymentTermsID="424242")
    assert unknown.status_code == 422
    assert "har ikke dette valget" in unknown.text
    assert here.named("Mangelfull AS") == here.named("Mangelfull Norge AS") == []


def test_pressing_create_twice_creates_once(here: Desk, seller: Browser) -> None:
    contact = here.contact("To Trykk AS", OrgNr=here.org_number())
    path = here.path("company", contact, view="create", **CUSTOMER)
    with ThreadPoolExecutor(2) as both:
        answers = list(both.map(lambda _: send(seller, path, "create"), range(2)))
    assert {answer.status_code for answer in answers} <= {303, 409}
    again = send(seller, path, "create")
    assert again.status_code == 303
    assert "allerede koblet" in text_of(seller.get(again.headers["location"]))
    assert len(here.named("To Trykk AS")) == 1
    assert len(here.links("contact", contact)) == 1


def test_an_answer_that_is_lost_is_never_created_twice(here: Desk, seller: Browser) -> None:
    contact = here.contact("Tapt Svar AS", OrgNr=here.org_number())
    here.world.sandbox.faults.script(Fault("lost_before", system="erp", match="POST /api/biz/customers"))
    path = here.path("company", contact, view="create", **CUSTOMER)
    answer = send(seller, path, "create")
    assert answer.status_code == 303
    page = text_of(seller.get(answer.headers["location"]))
    assert "Regnskapet har ikke svart ennå" in page
    assert "aldri to ganger" in page
    here.later(300)
    assert send(seller, here.path("company", contact), "sync").status_code == 303
    assert len(here.named("Tapt Svar AS")) == 1
    assert len(here.links("contact", contact)) == 1


def test_one_must_choose_where_the_rule_asks(here: Desk, seller: Browser) -> None:
    contact, customer = here.known(1)
    here.crm.edit("contact", contact, {"Name": "Navnet i CRM AS", "Emails": [{"Value": "crm@her.example"}]})
    path = here.path("company", contact, view="compare", erp=customer, **CUSTOMER)
    page = seller.get(path)
    assert "Navnet i CRM AS" in page.text
    unanswered = send(seller, path, "link", **{"choice.Emails[first].Value": "crm"})
    assert unanswered.status_code == 422
    assert "Velg hvilken verdi som gjelder" in unanswered.text
    assert here.links("contact", contact) == []
    answer = send(seller, path, "link", choice__Name="crm", **{"choice.Emails[first].Value": "erp"})
    assert answer.status_code == 303
    said = text_of(seller.get(answer.headers["location"]))
    assert "Knyttet sammen med" in said
    assert "Kundenummer" in said
    assert here.erp.read(1, "Customer", customer, expand="Info")["Info"]["Name"] == "Navnet i CRM AS"
    assert here.crm.read("contact", contact)["Emails"][0]["Value"] != "crm@her.example"


def test_several_links_and_why_each_value_is_so_and_an_end(here: Desk, seller: Browser) -> None:
    contact = here.contact("Begge Deler AS", OrgNr=here.org_number())
    for place in (CUSTOMER, SUPPLIER):
        path = here.path("company", contact, view="create", **place)
        assert send(seller, path, "create").status_code == 303
    here.later()
    here.crm.edit("contact", contact, {"Emails": [{"Value": "ny@begge.example"}]}, OTHER_SELLER)
    here.crm.edit("contact", contact, {"Name": "Begge To AS"}, OTHER_SELLER)
    here.later()
    answer = send(seller, here.path("company", contact), "sync")
    overview = seller.get(answer.headers["location"])
    said = text_of(overview)
    assert "Synkronisert. Skrevet: Navn, E-post." in said
    assert "Kunde 1" in said
    assert "Leverandør" in said
    assert "«ny@begge.example» kom fra CRM" in said
    name = self_name(here, OTHER_SELLER)
    assert f"kom fra CRM, der {name} satte det" in said
    assert "Bare den ene siden var endret." in said
    assert "Som kunde" in said, "in the other company"
    end = here.path("company", contact, view="unlink", **SUPPLIER)
    assert "Ingenting slettes" in text_of(seller.get(end))
    answer = send(seller, end, "unlink")
    assert answer.status_code == 303
    assert "Koblet fra" in text_of(seller.get(answer.headers["location"]))
    assert [link.role for link in here.links("contact", contact)] == ["customer"]
    assert seller.get(end).status_code == 404


def self_name(here: Desk, associate: int) -> str:
    row = here.crm.db["associate"].rows[associate]
    person = here.crm.db["person"].rows[row["person_id"]]
    return f"{person['firstname']} {person['lastname']}"


def test_persons_and_projects_are_created_from_their_own_panels(here: Desk, seller: Browser) -> None:
    contact = here.contact("Arbeidsgiver AS", OrgNr=here.org_number())
    person = int(here.crm.create("person", {"Firstname": "Ane", "Lastname": "Li", "Contact": {"ContactId": contact}}))
    assert "Koble firmaet først" in text_of(seller.get(here.path("person", person)))
    refused = send(seller, here.path("person", person, view="create", company="demo"), "create")
    assert refused.status_code == 409
    assert "Firmaet må kobles først" in refused.text
    assert send(seller, here.path("company", contact, view="create", **CUSTOMER), "create").status_code == 303
    assert "Finnes kontaktpersonen fra før?" in text_of(seller.get(here.path("person", person)))
    answer = send(seller, here.path("person", person, view="create", **CUSTOMER), "create")
    assert answer.status_code == 303
    assert "Opprettet i" in text_of(seller.get(answer.headers["location"]))
    (link,) = here.links("person", person)
    assert here.erp.read(1, "Contact", link.erp_id, expand="Info")["Info"]["Name"] == "Ane Li"
    end = text_of(seller.get(here.path("company", contact, view="unlink", **CUSTOMER)))
    assert "1 kontaktperson som er koblet gjennom firmaet" in end
    project = int(here.crm.create("project", {"Name": "Uten Kunde"}))
    path = here.path("project", project, view="create", company="demo")
    looked = send(seller, path, "look", find="Arbeidsgiver")
    assert looked.status_code == 200
    assert "Arbeidsgiver AS" in text_of(looked)
    assert 'value="Uten Kunde"' in looked.text, "without answers of one's own the proposed ones stand"
    kept = send(seller, path, "look", find="Qqqqzzz", **{"answer.name": "Uten <Navn>"})
    assert "Ingen" in text_of(kept)
    assert 'value="Uten &lt;Navn&gt;"' in kept.text
    assert here.links("project", project) == []
    unknown = send(seller, path, "create", customer="99999999")
    assert unknown.status_code == 403, "a customer that one may not read is nobody's to choose"
    assert send(seller, path, "create", customer="").status_code == 303
    (link,) = here.links("project", project)
    assert not here.erp.read(1, "Project", link.erp_id)["ProjectCustomerID"]


# -- walls -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("panel", ["company", "person", "project"])
def test_records_of_others_and_records_that_are_none_are_refused(here: Desk, seller: Browser, panel: str) -> None:
    for query, status in (
        ("tenant=Cust99999&id=1001", 403),
        (f"tenant={here.world.tenant}&id=99999999", 403),
        (f"tenant={here.world.tenant}&id=abc", 400),
        (f"tenant={here.world.tenant}&id=-1", 400),
        (f"tenant={here.world.tenant}", 400),
        ("", 400),
    ):
        assert seller.get(f"/panel/{panel}?tab=erp&{query}").status_code == status, query
        assert send(seller, f"/panel/{panel}?tab=erp&{query}", "sync").status_code == status, query


def test_whoever_may_only_read_the_record_sees_it_and_changes_nothing(here: Desk) -> None:
    contact, customer = here.known(0)
    here.crm.sentry.deny(OTHER_SELLER, "contact", contact, "Update")
    reader = here.world.signed_in(OTHER_SELLER)
    page = reader.get(here.path("company", contact))
    assert page.status_code == 200
    assert "men ikke endre den" in page.text
    assert "Som kunde" not in page.text
    for view in ("find", "compare", "create", "unlink"):
        path = here.path("company", contact, view=view, erp=customer, **CUSTOMER)
        assert reader.get(path).status_code == 403, view
    for action in ("create", "link", "unlink", "sync"):
        path = here.path("company", contact, view="compare", erp=customer, **CUSTOMER)
        assert send(reader, path, action).status_code == 403, action
        body = record(
            here, contact, **({} if action == "sync" else CUSTOMER), **({"erp_id": 1} if action == "link" else {})
        )
        answer = ask(reader, action, **body)
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "not_changeable"), action
    assert ask(here.world.signed_in(GUEST), "sync", **record(here, contact)).status_code == 403
    assert here.links("contact", contact) == []


def test_a_form_that_no_page_of_ours_sent_does_nothing(here: Desk, seller: Browser) -> None:
    contact = here.contact("Forfalsket AS", OrgNr=here.org_number())
    path = here.path("company", contact, view="create", **CUSTOMER)
    for data in ({"action": "create"}, {"action": "create", "csrf_token": "A" * 43}):
        assert seller.post(path, data=data).status_code == 403
    whole = {"csrf_token": seller.csrf, "action": "create"}
    assert seller.post(path, data=whole, headers={"Origin": "https://evil.example"}).status_code == 403
    body = record(here, contact, **CUSTOMER)
    assert seller.post("/api/v1/requests/create", json=body).status_code == 403
    assert here.named("Forfalsket AS") == []


def test_a_company_that_has_not_gone_live_says_so_and_takes_nothing(here: Desk, seller: Browser) -> None:
    contact = here.contact("For Tidlig AS", OrgNr=here.org_number())
    place = {"company": "other", "role": "customer"}
    find = seller.get(here.path("company", contact, view="find", **place))
    assert "ikke satt i gang" in find.text
    assert "En administrator må se gjennom rapporten" in find.text
    assert "view=create" not in find.text
    answer = send(seller, here.path("company", contact, view="create", **place), "create", answer__Name="Ført inn AS")
    assert answer.status_code == 409
    assert "ikke satt i gang" in answer.text
    assert 'value="Ført inn AS"' in answer.text
    assert "/admin/go-live/other" not in find.text + answer.text
    refused = ask(seller, "create", **record(here, contact, **place))
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "erp_not_live")


@pytest.mark.parametrize(
    ("query", "action", "status"),
    [
        ({"view": "nothing"}, "", 400),
        ({"view": "find"}, "", 400),
        ({"view": "find", "company": "demo"}, "", 400),
        ({"view": "find", "company": "demo", "role": "partner"}, "", 400),
        ({"view": "find", "company": "nobody", "role": "customer"}, "", 404),
        ({"view": "compare", **CUSTOMER}, "", 400),
        ({"view": "compare", "erp": "x", **CUSTOMER}, "", 400),
        ({"view": "compare", "erp": "999999", **CUSTOMER}, "", 404),
        ({"view": "unlink", **CUSTOMER}, "", 404),
        (CUSTOMER, "", 200),
        (CUSTOMER, "delete", 400),
        ({}, "create", 400),
        ({"erp": "999999", **CUSTOMER}, "link", 404),
        (CUSTOMER, "link", 400),
        (CUSTOMER, "unlink", 409),
    ],
)
def test_bad_input_is_a_clear_page(
    here: Desk, seller: Browser, query: dict[str, str], action: str, status: int
) -> None:
    path = here.path("company", here.known(2)[0], **query)
    answer = send(seller, path, action) if action else seller.get(path)
    assert answer.status_code == status
    assert "<h1>" in answer.text
    assert "Traceback" not in answer.text


# -- systems that do not answer ----------------------------------------------------------------------------------------


def test_while_the_erp_is_down_nothing_is_lost_and_it_can_be_tried_again(here: Desk, seller: Browser) -> None:
    contact, customer = here.known(0)
    here.crm.edit("contact", contact, {"Name": "Nedetid Norge AS"})
    path = here.path("company", contact, view="compare", erp=customer, **CUSTOMER)
    down = Fault("unavailable", system="erp", times=200, retry_after=0.01)
    here.world.sandbox.faults.script(down)
    answer = send(seller, path, "link", choice__Name="crm")
    assert answer.status_code == 503
    assert "Regnskapet svarer ikke" in answer.text
    assert 'name="choice.Name" value="crm"' in answer.text, "what was chosen is sent again"
    assert 'id="link"' in answer.text
    assert seller.get(here.path("company", contact, view="find", **CUSTOMER)).status_code == 503
    failed = ask(seller, "candidates", **record(here, contact, **CUSTOMER))
    assert (failed.status_code, failed.json()["error"]["code"]) == (503, "erp_silent")
    here.world.sandbox.faults.scripted.clear()
    assert send(seller, path, "link", choice__Name="crm").status_code == 303
    here.world.sandbox.faults.script(Fault("unavailable", system="erp", times=200, retry_after=0.01))
    overview = seller.get(here.path("company", contact))
    assert overview.status_code == 200
    assert "Nedetid Norge AS" in overview.text
    assert "var enige om sist" in overview.text


def test_while_the_crm_is_down_the_tab_says_so(here: Desk, seller: Browser) -> None:
    contact, _ = here.known(0)
    assert seller.get(here.path("company", contact)).status_code == 200
    here.crm.set_tenant_state("OfflineMaintenance")
    here.later(40)
    assert "CRM svarer ikke" in seller.get(here.path("company", contact)).text
    assert send(seller, here.path("company", contact), "sync").status_code == 503
    path = here.path("company", contact, view="create", **SUPPLIER)
    answer = send(seller, path, "create", answer__Name="Skrevet Inn AS", answer__OrgNr="974760673")
    assert answer.status_code == 503
    assert "CRM svarer ikke" in answer.text
    assert 'value="Skrevet Inn AS"' in answer.text
    assert "Organisasjonsnummer" in answer.text
    assert 'id="create"' in answer.text, "and it can be tried again"
    here.crm.set_tenant_state("Running")
    assert (
        send(seller, path, "create", answer__Name="Skrevet Inn AS", answer__OrgNr=here.org_number()).status_code == 303
    )


def test_a_record_that_another_run_holds_is_said_to_be_busy(here: Desk, seller: Browser) -> None:
    from datetime import timedelta

    from sounimicro_pipelines.store import watermarks
    from sounimicro_pipelines.sync.holding import crm_lease

    contact = here.contact("Opptatt AS", OrgNr=here.org_number())
    now = here.world.clock.now()
    with here.world.store.transaction() as tx:
        name = crm_lease(here.world.tenant, "contact", contact)
        watermarks.take_lease(tx, name, holder="another", now=now, hold=timedelta(hours=2))
    answer = send(
        seller, here.path("company", contact, view="create", **CUSTOMER), "create", answer__Name="Opptatt Norge AS"
    )
    assert answer.status_code == 409
    assert "akkurat nå" in answer.text
    assert 'value="Opptatt Norge AS"' in answer.text


# -- the JSON API ------------------------------------------------------------------------------------------------------


def test_the_whole_story_as_json(here: Desk, seller: Browser) -> None:
    contact = here.contact("Programmert AS")
    body = record(here, contact, **CUSTOMER)
    assert ask(seller, "candidates", **body).json() == {"candidates": []}
    questions = ask(seller, "questions", **body).json()["questions"]
    assert [one["key"] for one in questions] == ["Name", "OrgNr", "PaymentTermsID"]
    assert questions[2]["items"]
    missing = ask(seller, "create", **body)
    assert missing.status_code == 422
    error = missing.json()["error"]
    assert (error["code"], error["fields"]["OrgNr"]["code"]) == ("erp_fields", "missing")
    made = ask(seller, "create", **body, answers={"OrgNumber": here.org_number(), "PaymentTermsID": "1"})
    assert made.status_code == 200, made.text
    outcome = made.json()
    assert outcome["number"] == str(here.erp.read(1, "Customer", outcome["erp_id"])["CustomerNumber"])
    assert {"side": "crm", "field": "Number2"} in outcome["fields"]
    assert outcome["waiting"] is None
    again = ask(seller, "create", **body, answers={"OrgNumber": here.org_number()})
    assert (again.status_code, again.json()["error"]["code"]) == (409, "erp_already_linked")
    found = ask(seller, "candidates", **body, search="Programmert").json()["candidates"]
    assert [(one["erp_id"], one["is_linked"]) for one in found] == [(outcome["erp_id"], True)]
    rows = ask(seller, "differences", **body, erp_id=outcome["erp_id"]).json()["differences"]
    assert {row["would"] for row in rows} <= {"equal", "shown"}
    assert ask(seller, "sync", **record(here, contact)).json()["fields"] == []
    ended = ask(seller, "unlink", **body).json()
    assert ended["erp_id"] == outcome["erp_id"]
    linked = ask(seller, "link", **body, erp_id=outcome["erp_id"], choices={"Name": "crm"})
    assert linked.status_code == 200, linked.text
    assert [one.action for one in here.told][-4:] == ["create", "sync", "unlink", "link"]


@pytest.mark.parametrize(
    "change",
    [
        {"record": {"entity": "contact", "id": "1001"}},
        {"record": {"entity": "contact", "id": 0}},
        {"record": {"entity": "contact", "id": 2**70}},
        {"record": {"entity": "sale", "id": 1}},
        {"record": 1},
        {"company": "../etc"},
        {"role": "partner"},
        {"search": "a\x00b"},
        {"extra": 1},
        {"tenant": "a b"},
    ],
)
def test_a_body_that_cannot_be_meant_is_422(here: Desk, seller: Browser, change: dict[str, Any]) -> None:
    body = record(here, here.known(0)[0], **CUSTOMER) | change
    answer = ask(seller, "candidates", **body)
    assert answer.status_code == 422
    assert answer.json()["error"]["code"] == "invalid"


def test_the_requests_are_in_the_openapi_document(seller: Browser) -> None:
    paths = seller.get("/api/v1/openapi.json").json()["paths"]
    for name in ("candidates", "questions", "differences", "create", "link", "unlink", "sync"):
        post = paths[f"/api/v1/requests/{name}"]["post"]
        assert "$ref" in post["requestBody"]["content"]["application/json"]["schema"]
        assert {"200", "403", "409", "422", "503"} <= set(post["responses"])


def test_an_administrator_is_led_to_where_a_company_goes_live(here: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(here.world.app.state.panels.walls, "_company_groups", {})
    contact = here.contact("Leder An AS", OrgNr=here.org_number())
    administrator = here.world.signed_in(ADMINISTRATOR)
    find = administrator.get(here.path("company", contact, view="find", company="other", role="customer"))
    assert '<a href="/admin/go-live/other">' in find.text
    assert administrator.get("/admin/go-live/other").status_code == 200


def test_while_nobody_can_be_asked_a_linked_record_keeps_its_name_and_nothing_is_claimed(
    here: Desk, seller: Browser
) -> None:
    contact, customer = here.known(2)
    linked = ask(seller, "link", **record(here, contact, **CUSTOMER), erp_id=customer)
    assert linked.status_code == 200, linked.text
    here.crm.set_tenant_state("OfflineMaintenance")
    here.later(40)
    page = seller.get(here.path("company", contact)).text
    here.crm.set_tenant_state("Running")
    assert f"<h1>{escape(str(here.crm.db['contact'].rows[contact]['name']))}</h1>" in page
    assert "på begge sider" not in page, "what is empty cannot be known now"


def test_a_view_that_cannot_be_shown_leads_to_the_erp_tab(here: Desk, seller: Browser) -> None:
    contact, _ = here.known(2)
    page = seller.get(here.path("company", contact, view="create", company="demo", role="partner"))
    assert page.status_code == 400
    found = re.search(r'<a href="([^"]*)">Til ERP</a>', page.text)
    assert found is not None, page.text
    assert seller.get(unescape(found[1])).status_code == 200
