"""The server-to-server flow (section 1.3): a signed system token becomes a signed JWT that carries a ticket."""

from __future__ import annotations

import base64
import binascii
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import jwt
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from sounimicro_pipelines.clock import UTC
from sounimicro_pipelines.sandbox.superoffice.credentials import claims_prefix
from sounimicro_pipelines.sandbox.superoffice.state import CrmState
from sounimicro_pipelines.sandbox.superoffice.wire import pick

ISSUER = "SuperOffice AS"
_JWT_LIFE = timedelta(minutes=5)


def authenticate(state: CrmState, body: Mapping[str, Any], origin: str) -> dict[str, Any]:
    """The answer of `PartnerSystemUser/Authenticate`; refusals are answers too, with `IsSuccessful` false."""
    problem = _problem(state, body)
    if problem:
        return {"IsSuccessful": False, "Token": None, "ErrorMessage": problem}
    return {"IsSuccessful": True, "Token": _token(state, origin), "ErrorMessage": None}


def _problem(state: CrmState, body: Mapping[str, Any]) -> str:
    if not secrets.compare_digest(str(pick(body, "ApplicationToken", "")), state.application.client_secret):
        return "The application token is not valid"
    if str(pick(body, "ContextIdentifier", "")).lower() != state.options.tenant.lower():
        return "The context identifier is unknown"
    if str(pick(body, "ReturnTokenType", "JWT")).upper() != "JWT":
        return "Only JWT is supported as return token type"
    if state.tenant_state in ("Suspended", "Deleted"):
        return "The tenant is not available"
    return _signature_problem(state, str(pick(body, "SignedSystemToken", "")))


def _signature_problem(state: CrmState, signed: str) -> str:
    token, _, signature = signed.rpartition(".")
    system_token, _, stamp = token.rpartition(".")
    if not secrets.compare_digest(system_token.encode(), state.application.system_user_token.encode()):
        return "The system user token is unknown"
    try:
        at = datetime.strptime(stamp, "%Y%m%d%H%M").replace(tzinfo=UTC)
        raw = base64.b64decode(signature, validate=True)
        state.application.public_key.verify(raw, token.encode(), padding.PKCS1v15(), hashes.SHA256())
    except (ValueError, binascii.Error, InvalidSignature):
        return "The signature of the system user token is not valid"
    if abs(state.clock.now() - at) > timedelta(minutes=state.options.signed_token_minutes):
        return "The system user token was signed too long ago"
    return ""


def _token(state: CrmState, origin: str) -> str:
    now, options, who = state.clock.now(), state.options, state.system_associate
    row = state.db["associate"].rows[who]
    base = f"{origin}/{state.host}/{options.tenant}"
    claims: dict[str, Any] = {
        "iss": ISSUER,
        "aud": f"spn:{options.serial}",
        "iat": int(now.timestamp()),
        "nbf": int(now.timestamp()),
        "exp": int((now + _JWT_LIFE).timestamp()),
        **claims_prefix(
            {
                "ticket": state.credentials.ticket(who),
                "ctx": options.tenant,
                "serial": options.serial,
                "associateid": str(who),
                "initials": row["name"],
                "company_name": options.company_name,
                "is_administrator": "True",
                "netserver_url": f"{base}/remote/services84/",
                "webapi_url": f"{base}/api/",
            }
        ),
    }
    return jwt.encode(claims, state.identity.signing_key, algorithm="RS256", headers={"kid": state.identity.key_id})
