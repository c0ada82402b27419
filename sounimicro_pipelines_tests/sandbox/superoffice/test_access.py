from __future__ import annotations

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

from sounimicro_pipelines_tests.sandbox.superoffice.conftest import IDENTITY, Tenant


def test_the_state_document_names_the_api_without_credentials(tenant: Tenant) -> None:
    document = tenant.http.get(f"{tenant.url}/api/state/Cust12345").json()
    assert document["State"] == "Running"
    assert document["IsRunning"] is True
    assert document["Api"] == f"{tenant.url}/sandbox2/Cust12345/api"
    assert tenant.http.get(f"{tenant.url}/api/state/Cust99").status_code == 404


def test_the_system_user_gets_a_ticket_in_a_jwt_that_the_published_keys_verify(tenant: Tenant) -> None:
    config = tenant.http.get(f"{tenant.url}/login/.well-known/openid-configuration").json()
    keys = jwt.PyJWKSet.from_dict(tenant.http.get(config["jwks_uri"]).json())
    token = tenant.authenticate()["Token"]
    serial = jwt.decode(token, options={"verify_signature": False})[IDENTITY + "serial"]
    claims = jwt.decode(
        token,
        keys[jwt.get_unverified_header(token)["kid"]].key,
        algorithms=["RS256"],
        audience=f"spn:{serial}",
        issuer="SuperOffice AS",
        options={"verify_exp": False, "verify_nbf": False, "verify_iat": False},
    )
    assert claims[IDENTITY + "ticket"].startswith("7T:")
    assert claims[IDENTITY + "ctx"] == "Cust12345"


def test_a_wrong_signature_secret_tenant_or_old_stamp_is_refused_with_200(tenant: Tenant) -> None:
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    old = tenant.clock.now().replace(hour=7)
    for changes in (
        {"SignedSystemToken": tenant.signed_token(key=other)},
        {"SignedSystemToken": tenant.signed_token("Somebody-else")},
        {"SignedSystemToken": tenant.signed_token(at=old)},
        {"SignedSystemToken": "rubbish"},
        {"ApplicationToken": "wrong"},
        {"ContextIdentifier": "Cust1"},
    ):
        answer = tenant.authenticate(**changes)
        assert answer["IsSuccessful"] is False
        assert answer["Token"] is None
        assert answer["ErrorMessage"]


def test_a_ticket_without_the_application_token_is_refused(tenant: Tenant) -> None:
    assert tenant.call("GET", "User/currentPrincipal", {"SO-AppToken": ""}).status_code == 401
    answer = tenant.call("GET", "User/currentPrincipal")
    assert answer.json()["UserType"] == "SystemAssociate"


def test_a_ticket_lives_six_hours_from_its_last_use(tenant: Tenant) -> None:
    for _ in range(3):
        tenant.clock.advance(5 * 3600)
        assert tenant.call("GET", "User/currentPrincipal").status_code == 200
    tenant.clock.advance(6 * 3600)
    assert tenant.call("GET", "User/currentPrincipal").status_code == 401


def test_a_moved_tenant_answers_421_on_the_old_host(tenant: Tenant) -> None:
    tenant.state.move_tenant()
    answer = tenant.call("GET", "User/currentPrincipal")
    assert answer.status_code == 421
    assert "Wrong subdomain" in answer.text
    tenant.sign_in()
    assert "/sandbox3/" in tenant.base
    assert tenant.call("GET", "User/currentPrincipal").status_code == 200
    assert tenant.http.get(f"{tenant.url}/Cust12345/api/v1/Contact").status_code == 421


def test_offline_maintenance_takes_the_api_down_but_not_the_state_document(tenant: Tenant) -> None:
    tenant.state.set_tenant_state("OfflineMaintenance")
    answer = tenant.call("GET", "User/currentPrincipal")
    assert answer.status_code == 503
    assert answer.headers["content-type"].startswith("text/html")
    assert tenant.http.get(f"{tenant.url}/api/state/Cust12345").json()["IsRunning"] is False


def test_calls_and_records_are_metered(tenant: Tenant) -> None:
    tenant.state.metering.clear()
    tenant.get("List/Category/Items")
    tenant.get("Contact/1001")
    assert tenant.state.metering.total == 2
    assert tenant.state.metering.calls["GET Contact/{id:int}"] == 1
    assert tenant.state.metering.records == 8
