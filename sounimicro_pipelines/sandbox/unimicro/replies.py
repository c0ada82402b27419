"""What answers look like on the wire: JSON with exact decimals, refusals with a status and a body."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec
from starlette.responses import Response

_ENCODER = msgspec.json.Encoder(decimal_format="number")


class Refused(Exception):
    """A request that is answered with an error."""

    def __init__(self, status: int, body: Any) -> None:
        super().__init__(str(body)[:200])
        self.status = status
        self.body = body


def answer(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON answer with exact decimals."""
    return Response(
        _ENCODER.encode(body), status, headers=dict(headers or {}), media_type="application/json; charset=utf-8"
    )


def unauthorized() -> Response:
    return answer("Authorization has been denied for this request", 401)


def json_body(raw: bytes) -> Any:
    """A request body, numbers kept exact. Raises Refused."""
    if not raw.strip():
        return None
    try:
        return json.loads(raw, parse_float=Decimal)
    except ValueError:
        raise Refused(400, {"Message": "The request is invalid: the body is no JSON"}) from None
