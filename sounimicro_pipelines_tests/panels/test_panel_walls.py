"""What an address says is a hint: records, companies, administration and changes are for those who have the right."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from fastapi import APIRouter, FastAPI, Request
from fastapi.routing import APIRoute

from sounimicro_pipelines.panels.walls import GRACE, KEPT, KEPT_REFUSAL, Walls, viewer_of
from sounimicro_pipelines.store import web
from sounimicro_pipelines_tests.panels.admin.forms import Form
from sounimicro_pipelines_tests.panels.signed_world import (
    ABB,
    ADMINISTRATOR,
    FIGURES,
    GUEST,
    OTHER_SELLER,
    SECOND,
    SELLER,
    UNLINKED,
    Browser,
    SignedWorld,
    signed_world,
)

OPEN = {"/healthz", "/metrics", "/static/{name}", "/favicon.ico"} | {
    f"/auth/{name}" for name in ("start", "callback", "exchange", "session")
}
"""What answers without a session; `/auth/…` gives nothing away, `/metrics` is for this machine."""


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SignedWorld]:
    with signed_world(tmp_path_factory.mktemp("walls"), sounimicro_company_groups="other=2") as made:
        made.app.include_router(_changing_router())
        yield made


@pytest.fixture(autouse=True)
def _as_it_was(signed: SignedWorld) -> Iterator[None]:
    yield
    signed.sandbox.crm.sentry.denied.clear()
    signed.sandbox.crm.set_tenant_state("Running")


def _changing_router() -> APIRouter:
    """Routes as other parts of the panels have them: something that changes a record, and administration."""
    router = APIRouter()

    @router.post("/panel/changing")
    async def changing(request: Request, contact: int) -> dict[str, str]:
        walls: Walls = request.app.state.panels.walls
        await walls.require_record(request, "contact", contact, change=True)
        form = await request.form() if "form" in request.headers.get("content-type", "") else {}
        return {"actor": viewer_of(request).actor, "said": str(form.get("said", ""))}

    @router.get("/admin/something")
    async def administration(request: Request) -> dict[str, str]:
        return {"actor": viewer_of(request).actor}

    return router


def code(answer: httpx.Response) -> tuple[int, str]:
    """Status, and the key of the error as the API tells it."""
    return answer.status_code, answer.json()["error"]["code"] if "json" in answer.headers["content-type"] else ""


def change(browser: Browser, contact: int = ABB, **options: Any) -> httpx.Response:
    headers = {"X-CSRF-Token": browser.csrf, **options.pop("headers", {})}
    return browser.post(f"/panel/changing?contact={contact}", headers=headers, **options)


# -- every route ---------------------------------------------------------------------------------------------------


def routes(app: FastAPI) -> list[APIRoute]:
    found: list[APIRoute] = []

    def walk(listed: Any) -> None:
        for route in listed:
            if isinstance(route, APIRoute):
                found.append(route)
            walk(getattr(getattr(route, "original_router", None) or getattr(route, "router", None), "routes", ()))

    walk(app.routes)
    return found


def test_every_route_wants_a_session_unless_it_is_named_as_open(signed: SignedWorld) -> None:
    stranger, seen = signed.browser(), set()
    for route in routes(signed.app):
        if route.path in OPEN or route.path.startswith("/hooks/"):
            continue
        for method in route.methods:
            answer = stranger.http.request(method, _filled(route.path) + "?" + FIGURES)
            assert answer.status_code == 401, (method, route.path, answer.status_code)
            assert "ABB" not in answer.text
            seen.add(route.path)
    assert {"/panel/company", "/panel/document", "/api/v1/open-items", "/auth/sign-out"} <= seen
    assert stranger.get("/nothing/here").status_code == 401
    assert stranger.get("/api/v1/openapi.json").status_code == 401


def test_no_route_tells_a_seller_about_a_party_that_they_have_no_link_to(signed: SignedWorld) -> None:
    """Also a route that somebody adds tomorrow: it must ask the walls."""
    browser, seen = signed.signed_in(SELLER), 0
    for route in routes(signed.app):
        if not route.path.startswith(("/panel/", "/api/v1/")) or "GET" not in route.methods:
            continue
        for whom in ("company=demo&role=customer&party=82", "company=other&role=customer&party=79"):
            answer = browser.get(f"{_filled(route.path)}?{whom}&owner=invoice&of=411&file=1")
            assert answer.status_code == 403, (route.path, answer.status_code, answer.text[:200])
            seen += 1
    assert seen > 20


def _filled(path: str) -> str:
    values = {"{kind}": "order", "{name}": "panel.css", "{entity}": "contact"}
    for part in [part for part in path.split("/") if part.startswith("{")]:
        path = path.replace(part, values.get(part, "411"))
    return path


# -- CRM records ---------------------------------------------------------------------------------------------------


def test_a_record_is_shown_to_those_who_can_read_it_in_the_crm(signed: SignedWorld) -> None:
    signed.sandbox.crm.sentry.deny(SELLER, "contact", ABB)
    refused = signed.signed_in(SELLER).get(signed.panel())
    assert refused.status_code == 403
    assert "Du har ikke tilgang til denne posten i CRM" in refused.text
    assert "ABB" not in refused.text
    assert signed.signed_in(OTHER_SELLER).get(signed.panel()).status_code == 200
    assert signed.signed_in(GUEST).get(signed.panel()).status_code == 200


def test_a_record_that_is_not_there_is_refused_in_the_same_words(signed: SignedWorld) -> None:
    signed.sandbox.crm.sentry.deny(SELLER, "contact", ABB)
    browser = signed.signed_in(SELLER)
    texts = {browser.get(signed.panel(contact)).text for contact in (ABB, 99_999_999)}
    assert len(texts) == 1


def test_even_an_administrator_reads_records_with_their_own_rights(signed: SignedWorld) -> None:
    signed.sandbox.crm.sentry.deny(ADMINISTRATOR, "contact", ABB)
    assert signed.signed_in(ADMINISTRATOR).get(signed.panel()).status_code == 403


def test_another_tenants_records_are_nobodys(signed: SignedWorld) -> None:
    for who in (SELLER, ADMINISTRATOR):
        browser = signed.signed_in(who)
        assert browser.get(f"/panel/company?tenant=Cust99999&id={ABB}").status_code == 403
        assert browser.get(f"/panel/company?tenant=Cust99999&id={ABB}&{FIGURES}").status_code == 403


def test_a_record_that_is_linked_with_nothing_says_what_to_do(signed: SignedWorld) -> None:
    browser = signed.signed_in(SELLER)
    page = browser.get(signed.panel(UNLINKED))
    assert page.status_code == 200
    assert "ikke koblet til regnskapet ennå" in page.text
    figures = browser.get(signed.panel(UNLINKED, tab="open-items"))
    assert figures.status_code == 404
    assert "Trykk ERP" in figures.text
    assert "tab=erp" in figures.text


def test_a_record_opens_no_party_but_its_own(signed: SignedWorld) -> None:
    browser = signed.signed_in(SELLER)
    assert browser.get(signed.panel(SECOND, company="demo", role="customer", party=79)).status_code == 404
    assert browser.get(signed.panel(SECOND, company="other", role="customer", party=80)).status_code == 404
    assert browser.get(signed.panel(ABB, company="demo", role="customer", party=79)).status_code == 200


def test_a_party_is_shown_to_those_who_can_read_the_record_it_is_linked_with(signed: SignedWorld) -> None:
    browser = signed.signed_in(SELLER)
    assert browser.get(f"/panel/company?{FIGURES}").status_code == 200
    assert browser.get(f"/api/v1/open-items?{FIGURES}").status_code == 200
    signed.sandbox.crm.sentry.deny(OTHER_SELLER, "contact", ABB)
    other = signed.signed_in(OTHER_SELLER)
    assert other.get(f"/panel/company?{FIGURES}").status_code == 403
    assert code(other.get(f"/api/v1/open-items?{FIGURES}")) == (403, "not_for_you")


def test_only_administrators_see_parties_that_are_linked_with_nothing(signed: SignedWorld) -> None:
    address = "/api/v1/open-items?company=demo&role=customer&party=82"
    assert signed.signed_in(ADMINISTRATOR).get(address).status_code == 200
    seller = signed.signed_in(SELLER)
    assert code(seller.get(address)) == (403, "not_for_you")
    unknown = seller.get("/api/v1/open-items?company=demo&role=customer&party=123456")
    assert unknown.json() == seller.get(address).json(), "nobody learns which customers there are"


def test_the_crms_word_is_kept_for_five_minutes(signed: SignedWorld) -> None:
    browser, metering = signed.signed_in(SELLER), signed.sandbox.crm.metering
    browser.get(signed.panel())
    asked = metering.total
    signed.clock.advance(KEPT.total_seconds() - 5)
    signed.sandbox.crm.sentry.deny(SELLER, "contact", ABB)
    assert browser.get(signed.panel()).status_code == 200
    assert metering.total == asked
    signed.clock.advance(5)
    assert browser.get(signed.panel()).status_code == 403
    signed.sandbox.crm.sentry.denied.clear()
    assert browser.get(signed.panel()).status_code == 403
    signed.clock.advance(KEPT_REFUSAL.total_seconds())
    assert browser.get(signed.panel()).status_code == 200, "a right that was given is not waited for"


def test_one_persons_right_is_not_another_persons(signed: SignedWorld) -> None:
    allowed = signed.signed_in(SELLER)
    assert allowed.get(signed.panel()).status_code == 200
    signed.sandbox.crm.sentry.deny(OTHER_SELLER, "contact", ABB)
    assert signed.signed_in(OTHER_SELLER).get(signed.panel()).status_code == 403


def test_figures_are_shown_on_while_the_crm_does_not_answer(signed: SignedWorld) -> None:
    browser = signed.signed_in(SELLER)
    assert browser.get(signed.panel()).status_code == 200
    signed.sandbox.crm.set_tenant_state("OfflineMaintenance")
    signed.clock.advance(KEPT.total_seconds() + 1)
    assert browser.get(signed.panel()).status_code == 200
    never_asked = browser.get(signed.panel(SECOND))
    assert never_asked.status_code == 503
    assert "CRM svarer ikke" in never_asked.text
    for _ in range(int(GRACE.total_seconds() // 1500) + 1):
        signed.clock.advance(1500)
        last = browser.get(signed.panel())
    assert last.status_code == 503
    signed.sandbox.crm.set_tenant_state("Running")
    assert browser.get(signed.panel()).status_code == 200


def test_a_record_leads_to_where_the_crm_shows_it(signed: SignedWorld) -> None:
    browser = signed.signed_in(SELLER)
    own = f"{signed.tenant}/default.aspx?contact.main?contact_id={ABB}"
    for whom in (f"tenant={signed.tenant}&id={ABB}", FIGURES):
        assert f"/panel/in-crm?{whom.replace('&', '&amp;')}" in browser.get(f"/panel/company?{whom}&role=customer").text
        led = browser.get(f"/panel/in-crm?{whom}")
        assert (led.status_code, led.headers["location"].endswith(own)) == (303, True), led.headers
    person = browser.get(f"/panel/in-crm?tenant={signed.tenant}&id=2&entity=person")
    assert person.headers["location"].endswith("default.aspx?person.main?person_id=2")
    assert browser.get(f"/panel/in-crm?tenant=Cust99999&id={ABB}").status_code == 403
    assert browser.get("/panel/in-crm?entity=sale&" + FIGURES).status_code == 400
    nowhere = signed.signed_in(ADMINISTRATOR).get("/panel/in-crm?company=demo&role=customer&party=82")
    assert nowhere.status_code == 404
    signed.sandbox.crm.sentry.deny(OTHER_SELLER, "contact", ABB)
    assert signed.signed_in(OTHER_SELLER).get(f"/panel/in-crm?{FIGURES}").status_code == 403


# -- companies and administration ------------------------------------------------------------------------------------


def test_a_company_can_be_for_some_user_groups_alone(signed: SignedWorld) -> None:
    """Company `other` is for group 2: the administrator is in group 1."""
    assert signed.sandbox.crm.db["associate"].rows[ADMINISTRATOR]["group_idx"] == 1
    whom = "company=other&role=customer&party=79"
    administrator = signed.signed_in(ADMINISTRATOR)
    assert code(administrator.get(f"/api/v1/open-items?{whom}")) == (403, "not_your_company")
    assert administrator.get(f"/panel/company?{whom}").status_code == 403
    signed.sandbox.crm.db["associate"].update(ADMINISTRATOR, {"group_idx": 2})
    try:
        assert administrator.get(f"/panel/company?{whom}").status_code == 403
        signed.clock.advance(KEPT.total_seconds())
        assert administrator.get(f"/panel/company?{whom}").status_code == 200, "groups are asked for now and then"
    finally:
        signed.sandbox.crm.db["associate"].update(ADMINISTRATOR, {"group_idx": 1})


def test_links_into_a_company_that_is_not_for_one_are_not_shown(signed: SignedWorld) -> None:
    from sounimicro_pipelines.store import links
    from sounimicro_pipelines_tests.panels import world

    with signed.store.transaction() as tx:
        link = links.add(
            tx,
            links.Link(
                "customer",
                signed.tenant,
                "contact",
                SECOND,
                signed.sandbox.erp.key(2),
                "customer",
                "Customer",
                79,
                1,
                "matched",
                world.NOW,
                "s",
            ),
        )
    try:
        ours = signed.signed_in(SELLER).get(signed.panel(SECOND))
        assert "company=other" in ours.text, "the seller is in group 2 and may choose"
        theirs = signed.signed_in(OTHER_SELLER).get(signed.panel(SECOND))
        assert theirs.status_code == 200
        assert "company=other" not in theirs.text
    finally:
        with signed.store.transaction() as tx:
            links.end(tx, link, reason="test", side=None, at=world.NOW, by="test", run_id=None)


def test_no_page_of_the_administration_opens_for_a_seller_or_is_changed_without_our_own_token(
    signed: SignedWorld,
) -> None:
    """Also a page that somebody adds tomorrow."""
    seller, administrator, seen = signed.signed_in(SELLER), signed.signed_in(ADMINISTRATOR), set()
    for route in routes(signed.app):
        if not route.path.startswith("/admin"):
            continue
        for method in route.methods:
            options = {"headers": {"X-CSRF-Token": seller.csrf}}
            refused = seller.http.request(method, _filled(route.path), **options)
            assert refused.status_code == 403, (method, route.path)
            assert "for administratorer" in refused.text
            if method in ("POST", "PUT", "PATCH", "DELETE"):
                for token in ("", seller.csrf):
                    sent = administrator.http.request(method, _filled(route.path), data={"csrf_token": token})
                    assert sent.status_code == 403, (method, route.path)
                    assert "kom ikke fra en av våre sider" in sent.text
            seen.add((method, route.path))
    assert {("GET", "/admin"), ("POST", "/admin/rules/{name}"), ("POST", "/admin/lists")} <= seen


def test_an_administrator_changes_a_rule_with_the_token_of_the_form(signed: SignedWorld) -> None:
    administrator = signed.signed_in(ADMINISTRATOR)
    form = Form(administrator.get("/admin/rules/project").text)
    form.set("quiet", "45")
    assert administrator.post("/admin/rules/project", data=form.data("save")).status_code == 303
    page = administrator.get("/admin/rules/project/versions").text
    assert "Ventetid: fra 0 sekunder til 45 sekunder" in page
    assert f"<span>{administrator.get('/auth/session').json()['name']}</span>" in page
    with signed.store.read() as tx:
        (audited,) = web.audit_log(tx, subject="rule:project")
    assert audited["actor"] == f"crm:associate:{ADMINISTRATOR}"


def test_administration_is_for_administrators(signed: SignedWorld) -> None:
    refused = signed.signed_in(SELLER).get("/admin/something")
    assert refused.status_code == 403
    assert "for administratorer" in refused.text
    answer = signed.signed_in(ADMINISTRATOR).get("/admin/something")
    assert answer.json() == {"actor": f"crm:associate:{ADMINISTRATOR}"}


# -- changes -----------------------------------------------------------------------------------------------------------


def test_a_record_is_changed_by_those_who_may_change_it_in_the_crm(signed: SignedWorld) -> None:
    assert change(signed.signed_in(SELLER)).json()["actor"] == f"crm:associate:{SELLER}"
    assert change(signed.signed_in(GUEST)).status_code == 403
    signed.sandbox.crm.sentry.deny(SELLER, "contact", ABB, "Update")
    reader = signed.signed_in(SELLER)
    assert reader.get(signed.panel()).status_code == 200
    assert "ikke endre den" in change(reader).text


def test_the_right_to_change_is_asked_for_anew(signed: SignedWorld) -> None:
    browser = signed.signed_in(SELLER)
    assert change(browser).status_code == 200
    signed.sandbox.crm.sentry.deny(SELLER, "contact", ABB, "Update")
    signed.clock.advance(60)
    assert change(browser).status_code == 403
    signed.sandbox.crm.set_tenant_state("OfflineMaintenance")
    signed.clock.advance(60)
    assert change(browser).status_code == 503, "no change on the CRM's word of long ago"


@pytest.mark.parametrize(
    "headers",
    [
        {"X-CSRF-Token": ""},
        {"X-CSRF-Token": "A" * 43},
        {"X-CSRF-Token": b"\xc3\xa5"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Origin": None},
    ],
)
def test_a_change_that_no_page_of_ours_sent_is_not_made(signed: SignedWorld, headers: dict[str, Any]) -> None:
    answer = change(signed.signed_in(SELLER), headers=headers)
    assert answer.status_code == 403
    assert "ikke utført" in answer.text


def test_a_change_without_a_token_is_not_made_whatever_it_looks_like(signed: SignedWorld) -> None:
    browser = signed.signed_in(SELLER)
    for options in (
        {},
        {"json": {"csrf_token": browser.csrf}},
        {"content": b"csrf_token=" + browser.csrf.encode(), "headers": {"Content-Type": "text/plain"}},
        {"data": {"csrf_token": "wrong"}},
        {"data": {"other": "x"}},
        {"content": b"%%%", "headers": {"Content-Type": "multipart/form-data; boundary=x"}},
        {"content": b"x", "headers": {"Content-Type": "multipart/form-data"}},
        {"files": {"csrf_token": ("csrf_token", browser.csrf.encode())}},
    ):
        assert browser.post(f"/panel/changing?contact={ABB}", **options).status_code == 403, options


def test_another_sessions_token_is_no_good(signed: SignedWorld) -> None:
    mine, theirs = signed.signed_in(SELLER), signed.signed_in(OTHER_SELLER)
    assert change(mine, headers={"X-CSRF-Token": theirs.csrf}).status_code == 403


def test_forms_carry_the_token_in_a_field_and_arrive_whole(signed: SignedWorld) -> None:
    browser = signed.signed_in(SELLER)
    path = f"/panel/changing?contact={ABB}"
    fields = {"csrf_token": browser.csrf, "said": "Blåbær & søtt"}
    assert browser.post(path, data=fields).json()["said"] == "Blåbær & søtt"
    files = {"file": ("budsjett.csv", b"1;2\n" * 100_000)}
    assert browser.post(path, data=fields, files=files).json()["said"] == "Blåbær & søtt"


def test_a_form_without_end_is_refused(signed: SignedWorld) -> None:
    browser = signed.signed_in(SELLER)
    answer = browser.post(
        f"/panel/changing?contact={ABB}",
        content=(b"a=" + b"x" * 1_000_000 for _ in range(22)),
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )
    assert answer.status_code == 403


# -- what is told to others ---------------------------------------------------------------------------------------


def test_metrics_are_for_this_machine(signed: SignedWorld) -> None:
    port = signed.url.rpartition(":")[2]
    with httpx.Client(base_url=signed.url) as scraper:
        assert "sounimicro_panel_answers_total" in scraper.get("/metrics").text
        forwarded = scraper.get("/metrics", headers={"X-Forwarded-For": "203.0.113.9"})
        assert forwarded.status_code == 401
        assert scraper.get("/metrics", headers={"Host": f"panels.example:{port}"}).status_code == 421


def test_who_signed_in_and_who_was_refused_is_noted(signed: SignedWorld) -> None:
    signed.signed_in(SELLER)
    with signed.store.read() as tx:
        found = web.audit_log(tx, subject=f"crm:associate:{SELLER}", limit=1)
    assert found[0]["action"] == "sign_in"
    assert found[0]["tenant"] == signed.tenant
