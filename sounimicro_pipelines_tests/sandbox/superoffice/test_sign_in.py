from __future__ import annotations

import base64
import hashlib
import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest

from sounimicro_pipelines_tests.sandbox.superoffice.conftest import IDENTITY, Tenant

CALLBACK = "http://127.0.0.1:8420/auth/callback"
VERIFIER = "a-long-enough-code-verifier-for-this-flow-0123456789"
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()


def _asked(**changes: str) -> dict[str, str]:
    return {
        "client_id": "client-1",
        "redirect_uri": CALLBACK,
        "response_type": "code",
        "scope": "openid",
        "state": "s1",
        "nonce": "n1",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
        "acr_values": "tenant:Cust12345",
        **changes,
    }


def _authorize(tenant: Tenant, user: str, **changes: str) -> dict[str, str]:
    address = f"{tenant.url}/login/common/oauth/authorize"
    answer = tenant.http.post(address, params=_asked(**changes), data={"user": user})
    assert answer.status_code == 302, answer.text
    return {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["location"]).query).items()}


def _tokens(tenant: Tenant, code: str, status: int = 200, **changes: str) -> dict[str, Any]:
    form = {
        "grant_type": "authorization_code",
        "client_id": "client-1",
        "client_secret": "app-secret",
        "code": code,
        "redirect_uri": CALLBACK,
        "code_verifier": VERIFIER,
        **changes,
    }
    answer = tenant.http.post(f"{tenant.url}/login/common/oauth/tokens", data=form)
    assert answer.status_code == status, answer.text
    result: dict[str, Any] = answer.json()
    return result


def _user(tenant: Tenant, position: int = 0) -> str:
    return str(tenant.state.users()[position]["userName"])


def test_the_page_offers_the_users_and_refuses_frames(tenant: Tenant) -> None:
    page = tenant.http.get(f"{tenant.url}/login/common/oauth/authorize", params=_asked())
    assert page.headers["x-frame-options"] == "DENY"
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    assert len(re.findall(r'name="user"', page.text)) == len(tenant.state.users())


def test_a_user_gets_tokens_by_code_and_pkce_and_calls_with_bearer(tenant: Tenant) -> None:
    given = _authorize(tenant, _user(tenant))
    assert given["state"] == "s1"
    tokens = _tokens(tenant, given["code"])
    assert tokens["access_token"].startswith("8A:Cust12345.")
    keys = jwt.PyJWKSet.from_dict(tenant.http.get(f"{tenant.url}/login/.well-known/jwks").json())
    claims = jwt.decode(
        tokens["id_token"],
        keys.keys[0].key,
        algorithms=["RS256"],
        audience="client-1",
        issuer=tenant.url,
        options={"verify_exp": False, "verify_nbf": False, "verify_iat": False},
    )
    assert claims["nonce"] == "n1"
    assert claims[IDENTITY + "is_administrator"] == "True"
    assert claims[IDENTITY + "system_token"] == "Sounimicro-abc.def"
    headers = {"Authorization": f"Bearer {tokens['access_token']}", "SO-AppToken": ""}
    principal = tenant.get("User/currentPrincipal", headers)
    assert str(principal["AssociateId"]) == claims[IDENTITY + "associateid"]
    tenant.clock.advance(3601)
    assert tenant.call("GET", "User/currentPrincipal", headers).status_code == 401
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    renewed = _tokens(tenant, "", **form)
    assert "refresh_token" not in renewed
    headers["Authorization"] = f"Bearer {renewed['access_token']}"
    assert tenant.call("GET", "User/currentPrincipal", headers).status_code == 200


def test_a_code_works_once_for_its_verifier_and_ten_minutes(tenant: Tenant) -> None:
    code = _authorize(tenant, _user(tenant))["code"]
    _tokens(tenant, code, 400, code_verifier="another")
    _tokens(tenant, code, 400)
    late = _authorize(tenant, _user(tenant))["code"]
    tenant.clock.advance(601)
    assert _tokens(tenant, late, 400) == {"error": "invalid_grant"}
    assert _tokens(tenant, late, 401, client_secret="wrong") == {"error": "invalid_client"}


@pytest.mark.parametrize(
    "change",
    [
        {"client_id": "other"},
        {"redirect_uri": "https://evil.example/auth/callback"},
        {"response_type": "token"},
        {"scope": "email"},
        {"acr_values": "tenant:Cust1"},
    ],
)
def test_a_wrong_request_is_told_on_the_page_and_never_redirected(tenant: Tenant, change: dict[str, str]) -> None:
    answer = tenant.http.get(f"{tenant.url}/login/common/oauth/authorize", params=_asked(**change))
    assert answer.status_code == 400


def test_registered_addresses_match_exactly(tenant: Tenant) -> None:
    tenant.state.application.redirect_uris = {CALLBACK}
    _authorize(tenant, _user(tenant))
    page = tenant.http.get(f"{tenant.url}/login/common/oauth/authorize", params=_asked(redirect_uri=CALLBACK + "/"))
    assert page.status_code == 400


def test_other_response_modes_and_refusal(tenant: Tenant) -> None:
    address = f"{tenant.url}/login/common/oauth/authorize"
    posted = tenant.http.post(address, params=_asked(response_mode="form_post"), data={"user": _user(tenant)})
    assert 'name="code"' in posted.text
    fragment = tenant.http.post(address, params=_asked(response_mode="fragment"), data={"user": _user(tenant)})
    assert "#code=" in fragment.headers["location"]
    refused = tenant.http.post(address, params=_asked(), data={"cancel": "1"})
    assert "error=access_denied" in refused.headers["location"]


def _bearer(tenant: Tenant, position: int) -> dict[str, str]:
    tokens = _tokens(tenant, _authorize(tenant, _user(tenant, position))["code"])
    return {"Authorization": f"Bearer {tokens['access_token']}", "SO-AppToken": ""}


def test_users_are_held_to_their_role_and_the_sentry(tenant: Tenant) -> None:
    users = tenant.state.users()
    guest = next(number for number, row in enumerate(users) if row["role"] == "Guest")
    headers = _bearer(tenant, guest)
    assert tenant.get("Contact/1001", headers)["TableRight"]["Mask"] == "Select"
    tenant.patch("Contact/1001", {"Name": "x"}, 403, headers)
    assert tenant.call("POST", "List/Category/Items", headers, json={"Name": "x"}).status_code == 403
    tenant.state.sentry.deny(users[guest]["associate_id"], "contact", 1001)
    assert tenant.call("GET", "Contact/1001", headers).status_code == 403
    params = {"$select": "contactId", "$filter": "contactId between (1001,1002)", "$top": "2"}
    rows = tenant.call("GET", "Contact", headers, params=params).json()["value"]
    assert [row["contactId"] for row in rows] == [1002]
    assert len(tenant.call("GET", "Contact", params=params).json()["value"]) == 2


def test_sellers_cannot_change_the_own_company_but_administrators_can(tenant: Tenant) -> None:
    seller = _bearer(tenant, 1)
    assert tenant.get("Person/1", seller)["Contact"]["IsOwnerContact"] is True
    tenant.patch("Contact/1", {"Name": "x"}, 403, seller)
    tenant.patch("Contact/1002", {"Name": "x"}, 200, seller)
    tenant.patch("Contact/1", {"Name": "x"}, 200, _bearer(tenant, 0))
    last = tenant.state.journal.writes("crm")[-1]
    assert last.request.startswith("PATCH /sandbox2/Cust12345/api/v1/Contact/1")
