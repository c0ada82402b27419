"""The story of pressing ERP in a real browser: company, person, project; by mouse and keyboard, small and dark."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from sounimicro_pipelines_tests.panels.axe import serious_findings
from sounimicro_pipelines_tests.panels.erp_tab.desk import CUSTOMER, Desk, desk
from sounimicro_pipelines_tests.panels.signed_world import ABB, SELLER, Browser
from sounimicro_pipelines_tests.panels.test_browser import LOW_CONTRAST

pytestmark = pytest.mark.chromium


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with desk(tmp_path_factory.mktemp("story")) as made:
        yield made


@pytest.fixture(scope="module")
def seller(here: Desk) -> Browser:
    return here.world.signed_in(SELLER)


class Page:
    """A page of somebody who has signed in, what it asked for, and what it complained about."""

    def __init__(self, chromium: Any, here: Desk, seller: Browser, width: int = 1100, scheme: str = "light") -> None:
        self.here = here
        self.context = chromium.new_context(
            viewport={"width": width, "height": 800}, color_scheme=scheme, locale="nb-NO"
        )
        self.context.add_cookies([{"name": "panels_session", "value": seller.cookie(), "url": here.world.url}])
        self.page = self.context.new_page()
        self.asked: list[str] = []
        self.complaints: list[str] = []
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def go(self, path: str) -> None:
        self.here.later(10)
        self.page.goto(self.here.world.url + path)

    def click(self, role: str, name: str | re.Pattern[str]) -> None:
        """Press something that leads to another page."""
        with self.page.expect_navigation():
            self.page.get_by_role(role, name=name).first.click()

    def said(self, selector: str = "main") -> str:
        return " ".join(self.page.locator(selector).inner_text().split())

    def focused(self) -> str:
        """What a reader is told of the element in focus; "" where nothing is."""
        return str(
            self.page.evaluate(
                "(e => e === document.body ? '' : e.labels?.length ? e.labels[0].innerText : e.innerText || e.name)"
                "(document.activeElement)"
            )
        )

    def tab_to(self, text: str) -> None:
        """Go on with the tabulator until something with this text is in focus."""
        for _ in range(60):
            if text in self.focused():
                return
            self.page.keyboard.press("Tab")
        raise AssertionError(f"the tabulator never comes to «{text}»")

    def press(self, key: str) -> None:
        """Press a key that leads to another page."""
        with self.page.expect_navigation():
            self.page.keyboard.press(key)


@pytest.fixture
def open_page(chromium: Any, here: Desk, seller: Browser) -> Iterator[Any]:
    pages: list[Page] = []

    def opened(width: int = 1100, scheme: str = "light") -> Page:
        pages.append(Page(chromium, here, seller, width, scheme))
        return pages[-1]

    yield opened
    for one in pages:
        one.context.close()
        assert one.complaints == []
        assert all(url.startswith(here.world.url) for url in one.asked)


def test_a_company_is_created_from_the_crm_and_its_number_is_back(here: Desk, open_page: Any) -> None:
    contact = here.contact("Nordlys Kabel AS", Address={"Postal": {"Address1": "Postboks 123"}})
    seen = open_page()
    seen.go(here.world.panel(contact))
    assert "ikke koblet til regnskapet ennå" in seen.said()
    seen.click("link", re.compile("^Som kunde"))
    assert "Ingenting i" in seen.said()
    seen.click("link", "Opprett kunde")
    number = seen.page.get_by_label(re.compile("^Organisasjonsnummer"))
    number.press_sequentially("123456789")
    assert "ikke et gyldig organisasjonsnummer" in seen.said(), "it is said while it is typed"
    number.fill("")
    seen.page.get_by_role("button", name="Opprett kunde").click()
    assert "Dette må fylles ut" in seen.said()
    assert here.named("Nordlys Kabel AS") == []
    number.fill(here.org_number())
    assert "Dette må fylles ut" not in seen.said()
    seen.page.get_by_label("Betalingsbetingelser").select_option(label="14 dager netto")
    seen.click("button", "Opprett kunde")
    (link,) = here.links("contact", contact)
    made = here.erp.read(1, "Customer", link.erp_id, expand="Info,Info.InvoiceAddress")
    assert f"med nummer {made['CustomerNumber']}" in seen.said("#done")
    assert made["Info"]["InvoiceAddress"]["AddressLine1"] == "Postboks 123"
    assert here.crm.read("contact", contact)["Number2"] == str(made["CustomerNumber"])
    assert "14 dager netto" in seen.said(".tiles")
    seen.page.get_by_text("Hvorfor?").first.click()
    assert "Ingen har endret det siden postene ble koblet" in seen.said(".fields")


def test_the_create_flow_by_keyboard_alone(here: Desk, open_page: Any) -> None:
    contact = here.contact("Tastatur AS")
    seen = open_page()
    seen.go(here.world.panel(contact))
    seen.page.keyboard.press("Tab")
    assert seen.focused() == "Gå til innholdet"
    seen.tab_to("Som kunde")
    seen.press("Enter")
    seen.tab_to("Opprett kunde")
    seen.press("Enter")
    seen.tab_to("Organisasjonsnummer")
    seen.page.keyboard.type("12345")
    seen.tab_to("Betalingsbetingelser")
    seen.page.keyboard.press("ArrowDown")
    seen.tab_to("Opprett kunde")
    seen.page.keyboard.press("Enter")
    assert "Organisasjonsnummer" in seen.focused(), "the first field that is wrong is in focus"
    assert seen.page.locator("[aria-invalid=true]").count() == 1
    seen.page.keyboard.press("Control+A")
    seen.page.keyboard.type(here.org_number())
    seen.press("Enter")
    assert "Nummeret står nå i CRM" in seen.said("#done")
    assert len(here.links("contact", contact)) == 1


def test_two_are_linked_with_a_choice_for_each_field_that_differs(here: Desk, open_page: Any) -> None:
    contact, customer = here.known(0)
    here.crm.edit("contact", contact, {"Name": "Nytt Navn AS", "Emails": [{"Value": "crm@her.example"}]})
    seen = open_page()
    seen.go(here.path("company", contact, view="find", **CUSTOMER))
    assert "Samme organisasjonsnummer" in seen.said(".hits")
    seen.click("link", re.compile("^Sammenlign"))
    seen.page.get_by_role("button", name="Knytt sammen").click()
    assert "Velg hvilken verdi som gjelder." in seen.said("form.compare")
    assert here.links("contact", contact) == []
    name = seen.page.get_by_role("group", name=re.compile("for Navn"))
    name.get_by_label(re.compile("Nytt Navn AS")).check()
    seen.page.get_by_role("group", name=re.compile("for E-post")).get_by_label(re.compile("^Regnskapet")).check()
    seen.click("button", "Knytt sammen")
    assert "Knyttet sammen med" in seen.said("#done")
    held = here.erp.read(1, "Customer", customer, expand="Info,Info.DefaultEmail")
    assert held["Info"]["Name"] == "Nytt Navn AS"
    assert here.crm.read("contact", contact)["Emails"][0]["Value"] == held["Info"]["DefaultEmail"]["EmailAddress"]


def test_a_person_is_linked_and_the_mobile_number_comes_from_the_erp(here: Desk, open_page: Any) -> None:
    abb = here.erp.customer_id(1, 1)
    one = next(p for p in here.world.sandbox.register.parties[0].persons if p.in_crm and 1 in p.in_erp and p.mobile)
    row = next(r for r in here.crm.db["person"] if (r["firstname"], r["lastname"]) == (one.first_name, one.last_name))
    person, contact = int(row["person_id"]), here.erp.contact_id(1, one.key)
    seen = open_page()
    seen.go(here.path("person", person))
    assert "Koble firmaet først" in seen.said()
    seen.click("link", "Åpne ERP på firmaet")
    assert "ABB Installasjon AS" in seen.said("header")
    seen.go(here.path("company", ABB, view="compare", erp=abb, **CUSTOMER))
    for group in seen.page.locator("fieldset").all():
        group.get_by_role("radio").first.check()
    seen.click("button", "Knytt sammen")
    seen.go(here.path("person", person))
    assert "Finnes kontaktpersonen fra før?" in seen.said(), "it is looked for at once"
    seen.click("link", re.compile("^Sammenlign"))
    for group in seen.page.locator("fieldset").all():
        group.get_by_role("radio").last.check()
    seen.click("button", "Knytt sammen")
    assert "Kontaktperson" in seen.said(".link-card")
    phones = here.erp.read(1, "Contact", contact, expand="Info,Info.Phones")["Info"]["Phones"]
    here.later()
    here.erp.edit(1, "Phone", next(p for p in phones if p["Type"] == 150102)["ID"], {"Number": "99887766"})
    here.later()
    seen.go(here.path("person", person))
    assert "CRM får verdien fra regnskapet" in seen.said(".link-card")
    seen.click("button", "Synkroniser nå")
    assert "Skrevet: Mobil" in seen.said("#done")
    mobile = here.crm.read("person", person)["MobilePhones"][0]["Value"]
    assert mobile.replace(" ", "").endswith("99887766")


def test_a_project_is_created_for_its_customer_and_its_end_date_travels(here: Desk, open_page: Any) -> None:
    contact = here.contact("Byggherre AS", OrgNr=here.org_number())
    seen = open_page()
    seen.go(here.path("company", contact, view="create", **CUSTOMER))
    seen.click("button", "Opprett kunde")
    project = int(here.crm.create("project", {"Name": "Ny transformatorstasjon"}))
    seen.go(here.path("project", project, view="create", company="demo"))
    assert "Hvilken kunde gjelder prosjektet?" in seen.said()
    answer = seen.page.locator("#create-form .form-field input").first
    answer.fill("Trafo nord")
    seen.page.get_by_label("Søk blant koblede kunder").fill("Byggherre")
    seen.click("button", "Søk")
    assert answer.input_value() == "Trafo nord", "a search drops nothing that was typed"
    seen.page.get_by_label(re.compile("^Byggherre AS")).check()
    seen.click("button", "Opprett prosjekt")
    (link,) = here.links("project", project)
    made = here.erp.read(1, "Project", link.erp_id)
    assert made["ProjectCustomerID"] == here.links("contact", contact)[0].erp_id
    assert f"med nummer {made['ProjectNumber']}" in seen.said("#done")
    assert "Byggherre AS" in seen.said(".tiles")
    here.later()
    here.crm.edit("project", project, {"EndDate": "2027-06-30T00:00:00"})
    here.later()
    seen.go(here.path("project", project))
    seen.click("button", "Synkroniser nå")
    assert "30.06.2027" in seen.said(".fields")
    assert str(here.erp.read(1, "Project", link.erp_id)["EndDate"]).startswith("2027-06-30")


@pytest.mark.parametrize(("width", "scheme"), [(380, "light"), (1100, "dark")])
def test_every_screen_can_be_read_small_and_dark(here: Desk, open_page: Any, width: int, scheme: str) -> None:
    contact, customer = here.known(1)
    here.crm.edit("contact", contact, {"Name": f"Et ganske langt firmanavn {width} {scheme} Installasjon AS"})
    linked = here.links("contact", here.known(0)[0])
    seen = open_page(width, scheme)
    paths = [
        here.path("company", contact),
        here.path("company", contact, view="find", **CUSTOMER),
        here.path("company", contact, view="compare", erp=customer, **CUSTOMER),
        here.path("company", contact, view="create", **CUSTOMER),
        here.path("person", 1002),
    ]
    paths += [here.path("company", one.crm_id) for one in linked]
    paths += [here.path("company", one.crm_id, view="unlink", **CUSTOMER) for one in linked]
    for path in paths:
        seen.go(path)
        fits = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
        assert seen.page.evaluate(fits), path
        assert seen.page.evaluate(LOW_CONTRAST) == [], path
        assert serious_findings(seen.page) == [], path
