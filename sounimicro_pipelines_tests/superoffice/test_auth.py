"""Signing in as the system user: what is trusted, what is cached, and what is said when it fails."""

from __future__ import annotations

import asyncio
import base64
import logging
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from sounimicro_pipelines.clock import ManualClock
from sounimicro_pipelines.errors import SettingsError
from sounimicro_pipelines.settings import SuperOfficeSettings
from sounimicro_pipelines.superoffice import SuperOfficeClient, TokenRejected
from sounimicro_pipelines.superoffice.keys import load_private_key, parse_private_key
from sounimicro_pipelines.transport import AuthenticationFailed, VendorError
from sounimicro_pipelines_tests.superoffice.crm_server import NOW, PREFIX, Answer, Call, CrmServer

Make = Callable[[], SuperOfficeClient]
PRINCIPAL = {"AssociateId": 17, "Associate": "SYS", "FullName": "System", "UserType": "SystemAssociate"}


def run(make: Make, work: Callable[[SuperOfficeClient], Any]) -> Any:
    async def main() -> Any:
        async with make() as client:
            return await work(client)

    return asyncio.run(main())


def with_principal(crm: CrmServer) -> None:
    crm.routes["GET", "/User/currentPrincipal"] = lambda call: PRINCIPAL


def test_every_call_carries_the_documented_headers(crm: CrmServer, make_client: Make) -> None:
    with_principal(crm)
    principal = run(make_client, lambda client: client.principal())
    assert principal.associate_id == 17
    call = crm.calls_to("GET", "/currentPrincipal")[0]
    assert call.headers["authorization"] == "SOTicket 7T:canaryticket1=="
    assert call.headers["so-apptoken"] == crm.client_secret
    assert call.headers["accept"] == "application/json"
    assert call.headers["accept-language"] == "nb"
    assert call.headers["so-timezone"] == "UTC, includeTZOffset"
    sent = crm.calls_to("POST", "/Authenticate")[0].json
    assert sent["ContextIdentifier"] == "Cust26759"
    assert sent["SignedSystemToken"].startswith(f"{crm.system_token}.202603020900.")


def test_a_refused_ticket_is_renewed_once_for_all_who_wait(crm: CrmServer, make_client: Make) -> None:
    with_principal(crm)

    async def work(client: SuperOfficeClient) -> None:
        await client.principal()
        crm.tickets.clear()
        calls = [client.session.json("GET", ("User", "currentPrincipal"), call="x") for _ in range(8)]
        assert all(answer["AssociateId"] == 17 for answer in await asyncio.gather(*calls))

    run(make_client, work)
    assert crm.sign_ins == 2


def test_a_ticket_that_is_refused_again_ends_in_one_clear_error(crm: CrmServer, make_client: Make) -> None:
    crm.before = lambda call: Answer(401) if call.path.endswith("/currentPrincipal") else None
    with pytest.raises(AuthenticationFailed, match="SuperOffice: GET User/currentPrincipal"):
        run(make_client, lambda client: client.principal())
    assert crm.sign_ins == 2
    assert len(crm.calls_to("GET", "/currentPrincipal")) == 2


def test_a_ticket_slides_with_use_and_is_given_up_when_idle(
    crm: CrmServer, make_client: Make, clock: ManualClock
) -> None:
    with_principal(crm)

    async def work(client: SuperOfficeClient) -> None:
        for _ in range(4):
            await client.session.json("GET", ("User", "currentPrincipal"), call="x")
            clock.advance(5 * 3600)
        assert crm.sign_ins == 1
        clock.advance(3600)
        await client.session.json("GET", ("User", "currentPrincipal"), call="x")

    crm.claims["exp"] = int((NOW + timedelta(days=3)).timestamp())
    crm.claims["nbf"] = int(NOW.timestamp())
    run(make_client, work)
    assert crm.sign_ins == 2


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"iss": "Somebody Else"}, "issuer"),
        ({"aud": "spn:other"}, "audience"),
        ({"aud": "client-1"}, "audience"),
        ({PREFIX + "ctx": "Cust99999"}, "another tenant"),
        ({PREFIX + "ctx": None}, "another tenant"),
        ({PREFIX + "ticket": ""}, "no ticket"),
        ({"exp": int((NOW - timedelta(hours=1)).timestamp())}, "expired"),
        ({"nbf": int((NOW + timedelta(hours=1)).timestamp())}, "not valid yet"),
    ],
)
def test_a_token_that_does_not_fit_is_rejected(
    crm: CrmServer, make_client: Make, claims: dict[str, Any], reason: str
) -> None:
    with_principal(crm)
    crm.claims |= claims
    with pytest.raises(TokenRejected, match=reason):
        run(make_client, lambda client: client.principal())
    assert not crm.calls_to("GET", "/currentPrincipal")


def test_a_token_signed_by_another_key_is_rejected(
    crm: CrmServer, make_client: Make, app_key: rsa.RSAPrivateKey
) -> None:
    with_principal(crm)
    crm.jwt_key = app_key
    with pytest.raises(TokenRejected, match="signature"):
        run(make_client, lambda client: client.principal())


def test_an_unsigned_or_symmetric_token_is_rejected(crm: CrmServer, make_client: Make) -> None:
    for token in (
        jwt.encode({"iss": "SuperOffice AS"}, "", algorithm="none"),
        jwt.encode({"iss": "SuperOffice AS"}, "s" * 40, algorithm="HS256"),
        "no token at all",
    ):
        crm.authenticate = lambda call, token=token: {"IsSuccessful": True, "Token": token}
        with pytest.raises(TokenRejected):
            run(make_client, lambda client: client.principal())


def test_a_rolled_over_signing_key_is_fetched(
    crm: CrmServer, make_client: Make, clock: ManualClock, app_key: rsa.RSAPrivateKey
) -> None:
    with_principal(crm)

    async def work(client: SuperOfficeClient) -> None:
        await client.principal()
        crm.idp_key = crm.jwt_key = app_key
        crm.kid = "idp-2"
        crm.tickets.clear()
        clock.advance(60)
        await client.session.json("GET", ("User", "currentPrincipal"), call="x")

    run(make_client, work)
    assert crm.sign_ins == 2


def test_a_refused_system_user_is_told_with_the_settings_to_check(crm: CrmServer, make_client: Make) -> None:
    crm.authenticate = lambda call: {"IsSuccessful": False, "ErrorMessage": f"bad {crm.system_token}"}
    with pytest.raises(AuthenticationFailed) as caught:
        run(make_client, lambda client: client.principal())
    assert "SUPEROFFICE_SYSTEM_USER_TOKEN" in str(caught.value)
    assert crm.system_token not in str(caught.value)


def test_secrets_and_personal_words_stay_out_of_errors_and_logs(
    crm: CrmServer, make_client: Make, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    failures: list[str] = []
    faults = iter([Answer(500, {"ErrorMessage": "canary-person Ola"}), Answer(400), Answer(403), Answer(421)])
    crm.before = lambda call: next(faults, Answer(404)) if "/Contact" in call.path else None

    async def work(client: SuperOfficeClient) -> None:
        for _ in range(4):
            try:
                await client.read("contact", 1)
            except VendorError as error:
                failures.extend((str(error), repr(error), repr(vars(client.user)), repr(client.user)))

    run(make_client, work)
    written = caplog.text + "".join(failures)
    for secret in (crm.client_secret, crm.system_token, "canaryticket", "canary-person", "SignedSystemToken"):
        assert secret not in written


def _xml(key: rsa.RSAPrivateKey, *, parts: int = 8) -> bytes:
    n = key.private_numbers()
    numbers = {
        "Modulus": n.public_numbers.n,
        "Exponent": n.public_numbers.e,
        "D": n.d,
        "P": n.p,
        "Q": n.q,
        "DP": n.dmp1,
        "DQ": n.dmq1,
        "InverseQ": n.iqmp,
    }
    inner = "".join(
        f"<{name}>{base64.b64encode(value.to_bytes((value.bit_length() + 7) // 8, 'big')).decode()}</{name}>\r\n"
        for name, value in list(numbers.items())[:parts]
    )
    return f'\ufeff<?xml version="1.0"?><RSAKeyValue>{inner}</RSAKeyValue>'.encode()


def test_the_key_is_read_as_xml_too(app_key: rsa.RSAPrivateKey) -> None:
    for parts in (8, 3):
        assert parse_private_key(_xml(app_key, parts=parts), "k").private_numbers().d == app_key.private_numbers().d


def test_an_unreadable_key_is_one_clear_line(tmp_path: Path, app_key: rsa.RSAPrivateKey) -> None:
    from cryptography.hazmat.primitives import serialization as s

    plain = (s.Encoding.PEM, s.PrivateFormat.PKCS8)
    contents = {
        "rubbish": b"not a key",
        "empty": b"",
        "binary": bytes(range(256)),
        "public only": app_key.public_key().public_bytes(s.Encoding.PEM, s.PublicFormat.SubjectPublicKeyInfo),
        "public xml": _xml(app_key, parts=2),
        "broken xml": b"<RSAKeyValue><Modulus>!!</Modulus></RSAKeyValue>",
        "encrypted": app_key.private_bytes(*plain, s.BestAvailableEncryption(b"x")),
        "elliptic": ec.generate_private_key(ec.SECP256R1()).private_bytes(*plain, s.NoEncryption()),
    }
    for name, content in contents.items():
        path = tmp_path / "key"
        path.write_bytes(content)
        with pytest.raises(SettingsError) as caught:
            load_private_key(path)
        assert len(str(caught.value).splitlines()) == 1, name
        assert str(caught.value).startswith("SUPEROFFICE_PRIVATE_KEY_FILE")
    with pytest.raises(SettingsError, match="cannot be read"):
        load_private_key(tmp_path / "absent")


def test_an_unreadable_key_is_said_before_any_call(crm: CrmServer, settings: SuperOfficeSettings) -> None:
    settings.private_key_file.write_text("rubbish")
    with pytest.raises(SettingsError):
        SuperOfficeClient(settings)
    assert not crm.calls


def test_a_client_works_in_one_event_loop_after_another(crm: CrmServer, make_client: Make) -> None:
    with_principal(crm)
    client = make_client()

    async def once() -> None:
        calls = [client.session.json("GET", ("User", "currentPrincipal"), call="x") for _ in range(3)]
        await asyncio.gather(*calls)
        await client.aclose()

    asyncio.run(once())
    asyncio.run(once())
    assert crm.sign_ins == 1


@pytest.mark.parametrize("left_out", ["issuer", "authorization_endpoint", "token_endpoint", "jwks_uri"])
def test_what_discovery_leaves_out_is_where_the_vendor_documents_it(
    crm: CrmServer, make_client: Make, left_out: str
) -> None:
    with_principal(crm)

    def before(call: Call) -> Any:
        if not call.path.endswith("openid-configuration"):
            return None
        named = {
            "issuer": crm.url,
            "authorization_endpoint": f"{crm.url}/login/common/oauth/authorize",
            "token_endpoint": f"{crm.url}/login/common/oauth/tokens",
            "jwks_uri": f"{crm.url}/login/.well-known/jwks",
        }
        return {name: value for name, value in named.items() if name != left_out}

    crm.before = before

    async def work(client: SuperOfficeClient) -> Any:
        await client.principal()
        return await client.identity.endpoints()

    found = run(make_client, work)
    assert (found.issuer, found.authorize) == (crm.url, f"{crm.url}/login/common/oauth/authorize")
    assert found.token == f"{crm.url}/login/common/oauth/tokens"
    assert found.jwks == f"{crm.url}/login/.well-known/jwks"


def test_an_address_in_discovery_must_be_encrypted(crm: CrmServer, make_client: Make) -> None:
    def before(call: Call) -> Any:
        if call.path.endswith("openid-configuration"):
            return {
                "issuer": crm.url,
                "authorization_endpoint": crm.url,
                "token_endpoint": crm.url,
                "jwks_uri": "http://keys.example.com/jwks",
            }
        return None

    crm.before = before
    with pytest.raises(VendorError, match="not encrypted"):
        run(make_client, lambda client: client.principal())
