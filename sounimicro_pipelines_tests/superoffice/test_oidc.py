"""People signing in: PKCE, a validated id_token, their own token renewed."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from sounimicro_pipelines.clock import ManualClock
from sounimicro_pipelines.settings import SuperOfficeSettings
from sounimicro_pipelines.superoffice import SuperOfficeClient, TokenRejected
from sounimicro_pipelines.superoffice.client import read_entity
from sounimicro_pipelines.superoffice.oidc import UserSession, UserSignIn
from sounimicro_pipelines.transport import AccessDenied, AuthenticationFailed
from sounimicro_pipelines_tests.superoffice.crm_server import NOW, PREFIX, TENANT, Answer, Call, CrmServer

REDIRECT = "https://panels.example.no/auth/callback"


class Provider:
    """The token endpoint: one code, one refresh token."""

    def __init__(self, crm: CrmServer, **claims: Any) -> None:
        self.crm, self.claims, self.forms = crm, claims, list[dict[str, str]]()
        self.nonce: str | None = None
        crm.routes["POST", "/login/common/oauth/tokens"] = self.tokens

    def tokens(self, call: Call) -> Any:
        form = {name: values[0] for name, values in parse_qs(call.body.decode()).items()}
        self.forms.append(form)
        if form.get("code") not in (None, "good") or form["client_secret"] != self.crm.client_secret:
            return Answer(400, {"error": "invalid_grant", "error_description": "canary"})
        answer = {"token_type": "Bearer", "access_token": f"8A:{TENANT}.{len(self.forms)}", "expires_in": 3600}
        if form["grant_type"] == "refresh_token":
            return answer
        claims = {
            "iss": self.crm.url,
            "aud": "client-1",
            "nonce": self.nonce,
            "exp": int((NOW + timedelta(hours=1)).timestamp()),
            PREFIX + "associateid": "11",
            PREFIX + "upn": "kari@example.no",
            PREFIX + "is_administrator": "True",
        }
        return answer | {"refresh_token": "r1", "id_token": self.crm.token(**(claims | self.claims))}


def sign_in(settings: SuperOfficeSettings, clock: ManualClock, provider: Provider, code: str = "good") -> Any:
    async def main() -> Any:
        async with SuperOfficeClient(settings, clock=clock) as client:
            users = UserSignIn(settings, client.transport, clock, client.identity)
            begun = await users.start(REDIRECT, login_hint="kari@example.no")
            provider.nonce = begun.nonce
            return begun, *(await users.finish(code, begun, REDIRECT))

    return asyncio.run(main())


async def own_session(client: SuperOfficeClient, provider: Provider) -> UserSession:
    """The API as somebody who has just signed in."""
    begun = await client.people.start(REDIRECT)
    provider.nonce = begun.nonce
    _, tokens = await client.people.finish("good", begun, REDIRECT)
    return client.as_person(tokens)


def test_a_sign_in_sends_a_challenge_and_believes_a_validated_token(
    crm: CrmServer, settings: SuperOfficeSettings, clock: ManualClock
) -> None:
    provider = Provider(crm)
    begun, person, tokens = sign_in(settings, clock, provider)
    query = {name: values[0] for name, values in parse_qs(urlsplit(begun.url).query).items()}
    assert begun.url.startswith(f"{crm.url}/login/common/oauth/authorize?")
    assert query["acr_values"] == f"tenant:{TENANT}"
    assert (query["response_type"], query["code_challenge_method"], query["scope"]) == ("code", "S256", "openid")
    (form,) = provider.forms
    digest = hashlib.sha256(form["code_verifier"].encode()).digest()
    assert base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == query["code_challenge"]
    assert (person.tenant, person.associate_id, person.is_administrator) == (TENANT, 11, True)
    assert tokens.renew_at == NOW + timedelta(minutes=58)
    for secret in (begun.verifier, begun.nonce):
        assert secret not in repr(begun)
    assert "8A:" not in repr(tokens)
    assert "r1" not in repr(tokens)


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://elsewhere.example"},
        {"iss": "SuperOffice AS"},
        {"aud": "another-client"},
        {"exp": int((NOW - timedelta(hours=1)).timestamp())},
        {"exp": None},
        {"nonce": "another"},
        {PREFIX + "ctx": "Cust99999"},
        {PREFIX + "associateid": None},
    ],
)
def test_an_id_token_that_does_not_fit_is_rejected(
    crm: CrmServer, settings: SuperOfficeSettings, clock: ManualClock, claims: dict[str, Any]
) -> None:
    with pytest.raises(TokenRejected):
        sign_in(settings, clock, Provider(crm, **claims))


def test_a_refused_code_says_to_sign_in_again(
    crm: CrmServer, settings: SuperOfficeSettings, clock: ManualClock
) -> None:
    with pytest.raises(AuthenticationFailed, match="Sign in again") as caught:
        sign_in(settings, clock, Provider(crm), code="stale")
    assert "canary" not in str(caught.value)


def test_somebody_who_is_no_administrator_is_not_taken_for_one(
    crm: CrmServer, settings: SuperOfficeSettings, clock: ManualClock
) -> None:
    for value in ("False", "false", False, None, ""):
        _, person, _ = sign_in(settings, clock, Provider(crm, **{PREFIX + "is_administrator": value}))
        assert not person.is_administrator


def test_a_persons_own_session_uses_and_renews_their_token(
    crm: CrmServer, settings: SuperOfficeSettings, clock: ManualClock
) -> None:
    provider = Provider(crm)
    crm.routes["GET", "/Contact/7"] = lambda call: {"ContactId": 7, "TableRight": {"Mask": "Select"}}

    async def main() -> None:
        async with SuperOfficeClient(settings, clock=clock) as client:
            session = await own_session(client, provider)
            assert not (await read_entity(session, "contact", 7)).may_update
            clock.advance(3500)
            await read_entity(session, "contact", 7)
            assert session.tokens.refresh == "r1"

    asyncio.run(main())
    sent = [call.headers["authorization"] for call in crm.calls_to("GET", "/Contact/7")]
    assert sent == [f"Bearer 8A:{TENANT}.1", f"Bearer 8A:{TENANT}.2"]
    assert crm.sign_ins == 0
    assert all("so-apptoken" not in call.headers for call in crm.calls_to("GET", "/Contact/7"))


def test_a_403_is_believed_of_a_fresh_token_and_not_of_an_old_one(
    crm: CrmServer, settings: SuperOfficeSettings, clock: ManualClock
) -> None:
    provider = Provider(crm)
    dead = {f"Bearer 8A:{TENANT}.1"}
    crm.routes["GET", "/Contact/7"] = lambda call: (
        Answer(403) if call.headers["authorization"] in dead else {"ContactId": 7, "TableRight": {"Mask": "Select"}}
    )

    async def main() -> None:
        async with SuperOfficeClient(settings, clock=clock) as client:
            session = await own_session(client, provider)
            tokens = session.tokens
            with pytest.raises(AccessDenied):
                await read_entity(session, "contact", 7)
            assert session.tokens == tokens
            clock.advance(600)
            assert (await read_entity(session, "contact", 7)).id == 7
            assert session.tokens.access != tokens.access
            dead.add(f"Bearer {session.tokens.access}")
            with pytest.raises(AccessDenied):
                await read_entity(session, "contact", 7)

    asyncio.run(main())
    sent = [call.headers["authorization"][-2:] for call in crm.calls_to("GET", "/Contact/7")]
    assert sent == [".1", ".1", ".2", ".2"]


def test_nothing_of_a_person_is_signed_for_the_system_user(
    crm: CrmServer, settings: SuperOfficeSettings, clock: ManualClock, make_client: Callable[[], SuperOfficeClient]
) -> None:
    sign_in(settings, clock, Provider(crm))
    assert not crm.calls_to("POST", "/Authenticate")
