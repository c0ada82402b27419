"""One HTTP manner for both vendors: pace, repeats, re-authentication, and errors that say what to do.

Only what callers import stands here; `http.py` holds the requests, `failures.py` the errors, `pace.py` the limits
and waits, `redaction.py` what keeps personal data and secrets out of logs.
"""

from __future__ import annotations

from sounimicro_pipelines.transport.failures import (
    AccessDenied,
    AuthenticationFailed,
    BadAnswer,
    Misdirected,
    NotFound,
    PreconditionFailed,
    RateLimited,
    ServerFailed,
    Unavailable,
    Unreachable,
    ValidationFailed,
    VendorError,
)
from sounimicro_pipelines.transport.http import Authorize, Traffic, Transport, decode_json, encode_json, make_http
from sounimicro_pipelines.transport.pace import Limits, Retries
from sounimicro_pipelines.transport.redaction import redact

__all__ = [
    "AccessDenied",
    "AuthenticationFailed",
    "Authorize",
    "BadAnswer",
    "Limits",
    "Misdirected",
    "NotFound",
    "PreconditionFailed",
    "RateLimited",
    "Retries",
    "ServerFailed",
    "Traffic",
    "Transport",
    "Unavailable",
    "Unreachable",
    "ValidationFailed",
    "VendorError",
    "decode_json",
    "encode_json",
    "make_http",
    "redact",
]
