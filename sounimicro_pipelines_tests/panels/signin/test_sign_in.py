"""Signing in with the CRM account: the way there and back, the code for the frame, and who is refused."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from sounimicro_pipelines.store import web
from sounimicro_pipelines_tests.panels.signed_world import ADMINISTRATOR, SELLER, Browser, SignedWorld


def begun(browser: Browser) -> tuple[dict[str, str], str]:
    """What the sign-in page holds, and where the pop-up was sent."""
    asked = browser.ask_to_sign_in()
    return asked, browser.to_identity_provider(asked["start"])


def refused_page(page: httpx.Response, status: int, text: str) -> None:
    assert page.status_code == status
    assert text in page.text
    assert "data-code" not in page.text
    assert "panels_session" not in page.headers.get("set-cookie", "")


def test_a_seller_signs_in_and_sees_the_figures_of_a_company_they_can_read(signed: SignedWorld) -> None:
    browser = signed.signed_in(SELLER)
    page = browser.get(signed.panel(role="customer", company="demo"))
    assert page.status_code == 200
    assert "30411" in page.text
    who = browser.get("/auth/session").json()
    assert (who["signed_in"], who["is_administrator"], bool(who["name"])) == (True, False, True)
    assert signed.signed_in(ADMINISTRATOR).get("/auth/session").json()["is_administrator"] is True


def test_nobody_comes_in_without_signing_in(signed: SignedWorld) -> None:
    stranger = signed.browser()
    page = stranger.get(signed.panel())
    assert page.status_code == 401
    assert "ABB" not in page.text
    answer = stranger.get("/api/v1/open-items?company=demo&role=customer&party=79")
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "sign_in")
    assert stranger.get("/auth/session").status_code == 401
    assert stranger.get("/healthz").json() == {"status": "ok"}
    assert stranger.get("/static/panel.css").status_code == 200


def test_the_way_to_the_identity_provider_says_who_asks_and_where_to_come_back(signed: SignedWorld) -> None:
    _, address = begun(signed.browser())
    query = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
    assert address.startswith(f"{signed.crm_url}/login/common/oauth/authorize?")
    assert query["redirect_uri"] == f"{signed.url}/auth/callback"
    assert query["acr_values"] == f"tenant:{signed.tenant}"
    assert (query["response_type"], query["code_challenge_method"]) == ("code", "S256")
    assert len(query["state"]) == len(query["nonce"]) == 43


def test_a_state_that_we_did_not_make_is_refused(signed: SignedWorld) -> None:
    browser = signed.browser()
    begun(browser)
    for state in ("", "x" * 43, "..%2F..%2F", "a" * 500):
        refused_page(browser.get(f"/auth/callback?code=good&state={state}"), 400, "tok for lang tid")


def test_a_way_back_can_be_gone_once_only(signed: SignedWorld) -> None:
    browser = signed.browser()
    _, address = begun(browser)
    back = browser.choose(address, signed.login(SELLER))
    assert browser.come_back(back).status_code == 200
    refused_page(browser.come_back(back), 400, "tok for lang tid")


def test_a_sign_in_comes_back_to_the_browser_it_began_in(signed: SignedWorld) -> None:
    """Somebody else's way back, opened by a victim, would sign the victim in as them."""
    attacker, victim = signed.browser(), signed.browser()
    _, address = begun(attacker)
    begun(victim)
    refused_page(victim.come_back(attacker.choose(address, signed.login(SELLER))), 400, "tok for lang tid")


def test_a_sign_in_does_not_wait_longer_than_ten_minutes(signed: SignedWorld) -> None:
    browser = signed.browser()
    _, address = begun(browser)
    back = browser.choose(address, signed.login(SELLER))
    signed.clock.advance(601)
    refused_page(browser.come_back(back), 400, "tok for lang tid")


def test_two_pop_ups_of_one_browser_do_not_disturb_each_other(signed: SignedWorld) -> None:
    browser = signed.browser()
    (_, first), (_, second) = begun(browser), begun(browser)
    for address in (first, second):
        assert browser.come_back(browser.choose(address, signed.login(SELLER))).status_code == 200


def test_somebody_who_changes_their_mind_is_told_so(signed: SignedWorld) -> None:
    browser = signed.browser()
    _, address = begun(browser)
    refused_page(browser.come_back(browser.choose(address, "", cancel="1")), 403, "avbrutt")


def test_a_code_of_the_identity_provider_is_not_believed_when_it_is_not_ours(signed: SignedWorld) -> None:
    browser = signed.browser()
    _, address = begun(browser)
    state = parse_qs(urlsplit(address).query)["state"][0]
    refused_page(browser.get(f"/auth/callback?code=forged&state={state}"), 403, "ikke godtatt")


def test_somebody_of_another_tenant_is_refused(signed: SignedWorld) -> None:
    browser = signed.browser()
    _, address = begun(browser)
    back = browser.choose(address, signed.login(SELLER))
    options = signed.sandbox.crm.options
    ours, options.tenant = options.tenant, "Cust66666"
    try:
        refused_page(browser.come_back(back), 403, "ikke godtatt")
    finally:
        options.tenant = ours


def test_an_answer_to_another_sign_in_is_refused(signed: SignedWorld) -> None:
    """The nonce in the id_token must be the one of this sign-in."""
    browser = signed.browser()
    _, address = begun(browser)
    back = browser.choose(address, signed.login(SELLER))
    for code in signed.sandbox.crm.credentials.codes.values():
        code.nonce = "another"
    refused_page(browser.come_back(back), 403, "ikke godtatt")


def test_the_frames_code_is_good_once(signed: SignedWorld) -> None:
    browser = signed.browser()
    asked = browser.ask_to_sign_in()
    code = browser.code(signed.login(SELLER), asked["start"])
    assert browser.exchange(code, asked["proof"]).status_code == 200
    again = signed.browser().exchange(code, asked["proof"])
    assert (again.status_code, again.json()["error"]["code"]) == (403, "code_refused")
    assert "set-cookie" not in again.headers


def test_the_frames_code_dies_after_a_minute(signed: SignedWorld) -> None:
    browser = signed.browser()
    asked = browser.ask_to_sign_in()
    code = browser.code(signed.login(SELLER), asked["start"])
    signed.clock.advance(61)
    assert browser.exchange(code, asked["proof"]).status_code == 403


def test_the_frames_code_wants_the_proof_of_the_frame_that_asked(signed: SignedWorld) -> None:
    browser = signed.browser()
    asked = browser.ask_to_sign_in()
    code = browser.code(signed.login(SELLER), asked["start"])
    other = signed.browser().ask_to_sign_in()
    assert browser.exchange(code, other["proof"]).status_code == 403
    assert browser.exchange(code, asked["proof"]).status_code == 403, "a code that was tried is used up"


@pytest.mark.parametrize(
    "options",
    [
        {"headers": {"Origin": "https://evil.example"}},
        {"headers": {"Origin": "null"}},
        {"headers": {"Sec-Fetch-Site": "cross-site", "Origin": None}},
        {"headers": {"Sec-Fetch-Site": "same-site"}},
    ],
)
def test_no_other_site_can_exchange_a_code(signed: SignedWorld, options: dict[str, dict[str, str]]) -> None:
    browser = signed.browser()
    asked = browser.ask_to_sign_in()
    code = browser.code(signed.login(SELLER), asked["start"])
    answer = browser.exchange(code, asked["proof"], **options)
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "not_from_our_page")


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("text/plain", b'{"code":"x","proof":"y"}'),
        ("application/x-www-form-urlencoded", b"code=x&proof=y"),
        ("application/json", b"[1]"),
        ("application/json", b'{"code":1,"proof":2}'),
        ("application/json", b"\xff\xfe{"),
        ("application/json", b'{"code":"' + b"x" * 5000 + b'"}'),
    ],
)
def test_a_body_that_is_no_exchange_is_refused(signed: SignedWorld, content_type: str, body: bytes) -> None:
    answer = signed.browser().post("/auth/exchange", content=body, headers={"Content-Type": content_type})
    assert answer.status_code == 403


def test_a_sign_in_leads_nowhere_else(signed: SignedWorld) -> None:
    """The page to go back to is one of ours, whatever the address says."""
    browser = signed.browser()
    asked = browser.ask_to_sign_in()
    for back in (
        "https://evil.example/",
        "//evil.example/panel",
        "javascript:alert(1)",
        "/auth/sign-out",
        "/panel/\\x",
    ):
        address = httpx.URL(asked["start"]).copy_set_param("back", back)
        page = browser.come_back(browser.choose(browser.to_identity_provider(str(address)), signed.login(SELLER)))
        assert page.status_code == 200
        assert "<a " not in page.text


def test_a_sign_in_wants_a_proof_to_come(signed: SignedWorld) -> None:
    for challenge in ("", "short", "Z" * 64):
        assert signed.browser().get(f"/auth/start?challenge={challenge}").status_code == 400


def test_the_crm_being_down_is_said_so(signed: SignedWorld) -> None:
    browser = signed.browser()
    _, address = begun(browser)
    back = browser.choose(address, signed.login(SELLER))
    signed.sandbox.crm.set_tenant_state("OfflineMaintenance")
    try:
        refused_page(browser.come_back(back), 503, "CRM svarer ikke")
    finally:
        signed.sandbox.crm.set_tenant_state("Running")


def test_the_pop_ups_pages_are_framed_by_nobody(signed: SignedWorld) -> None:
    browser = signed.browser()
    asked = browser.ask_to_sign_in()
    started = browser.get(asked["start"])
    page = browser.come_back(browser.choose(started.headers["location"], signed.login(SELLER)))
    for answer in (started, page):
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cache-control"] == "no-store"


def test_the_store_holds_nothing_that_opens_a_session_or_the_crm(signed: SignedWorld) -> None:
    browser = signed.browser()
    asked = browser.ask_to_sign_in()
    code = browser.code(signed.login(SELLER), asked["start"])
    browser.exchange(code, asked["proof"])
    known = {browser.cookie(), asked["proof"], code, signed.login(SELLER)}
    known |= set(signed.sandbox.crm.credentials.access) | set(signed.sandbox.crm.credentials.refresh)
    with signed.store.read() as tx:
        tables = (tx.tables.sessions, tx.tables.sign_in_codes, tx.tables.audit)
        kept = " ".join(str(tuple(row)) for table in tables for row in tx.rows(table.select()))
        log = [(entry["action"], entry["actor"]) for entry in web.audit_log(tx)]
    assert kept
    assert not [secret for secret in known if secret in kept]
    assert ("sign_in", f"crm:associate:{SELLER}") in log
