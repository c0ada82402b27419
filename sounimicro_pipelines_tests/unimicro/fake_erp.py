"""A small ERP for the client's tests: it filters, orders and pages as documented, and fails when told to."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12
from cryptography.x509.oid import NameOID
from pydantic import SecretStr

from sounimicro_pipelines.clock import Clock, SystemClock
from sounimicro_pipelines.settings import UnimicroSettings
from sounimicro_pipelines.transport import Limits, Retries
from sounimicro_pipelines.unimicro.client import CompanyClient, UnimicroClient
from sounimicro_pipelines.unimicro.companies import Company
from sounimicro_pipelines_tests.http_server import Answer, Request, serve

KEY_A = "11111111-2222-4333-8444-555555555555"
KEY_B = "99999999-2222-4333-8444-555555555555"
PASSWORD = "correct-horse-canary"
CLIENT_ID = "client-canary-81"


@lru_cache
def client_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def certificate_for(key: rsa.RSAPrivateKey, days: int) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "integration")])
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=90))
        .not_valid_after(now + timedelta(days=days))
        .sign(key, hashes.SHA256())
    )


def write_p12(path: Path, *, days: int = 30, password: str = PASSWORD) -> Path:
    key = client_key()
    certificate = certificate_for(key, days)
    path.write_bytes(
        pkcs12.serialize_key_and_certificates(b"x", key, certificate, None, BestAvailableEncryption(password.encode()))
    )
    return path


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


class Filter:
    """The documented filter syntax, for the fields of one row."""

    _TOKEN = re.compile(r"\s*(\(|\)|,|'(?:[^']|'')*'|[\w.\-]+)")

    def __init__(self, text: str) -> None:
        self.tokens = self._TOKEN.findall(text)
        self.at = 0
        self.test = self.any_of()
        assert self.at == len(self.tokens), text

    def take(self) -> str:
        self.at += 1
        return self.tokens[self.at - 1]

    def peek(self) -> str:
        return self.tokens[self.at].lower() if self.at < len(self.tokens) else ""

    def any_of(self) -> Callable[[dict[str, Any]], bool]:
        parts = [self.all_of()]
        while self.peek() == "or":
            self.take()
            parts.append(self.all_of())
        return lambda row: any(part(row) for part in parts)

    def all_of(self) -> Callable[[dict[str, Any]], bool]:
        parts = [self.one()]
        while self.peek() == "and":
            self.take()
            parts.append(self.one())
        return lambda row: all(part(row) for part in parts)

    def one(self) -> Callable[[dict[str, Any]], bool]:
        word = self.take()
        if word == "(":
            inner = self.any_of()
            assert self.take() == ")"
            return inner
        if word.lower() in ("contains", "startswith", "endswith", "isnull") and self.peek() == "(":
            self.take()
            name = self.take()
            assert self.take() == ","
            argument = self.literal(self.take())
            assert self.take() == ")"
            if word == "isnull":
                operator, value = self.take(), self.literal(self.take())
                return lambda row: self.compare(
                    argument if (v := self.value(row, name)) is None else v, operator, value
                )
            test = {"contains": str.__contains__, "startswith": str.startswith, "endswith": str.endswith}[word]
            return lambda row: test(str(self.value(row, name) or "").lower(), str(argument).lower())
        operator, value = self.take(), self.literal(self.take())
        return lambda row: self.compare(self.value(row, word), operator, value)

    @staticmethod
    def literal(text: str) -> Any:
        if text.startswith("'"):
            return text[1:-1].replace("''", "'")
        return {"true": True, "false": False}.get(text.lower()) if text.isalpha() else float(text)

    @staticmethod
    def value(row: Any, path: str) -> Any:
        for name in path.split("."):
            row = next(iter(row), None) if isinstance(row, list) else row
            row = row.get(name) if isinstance(row, dict) else None
        return row

    @staticmethod
    def compare(actual: Any, operator: str, wanted: Any) -> bool:
        if actual is None:
            return False
        if isinstance(wanted, str) and re.match(r"\d{4}-\d\d-\d\dT", wanted):
            actual, wanted = _moment(actual), _moment(wanted)
        elif isinstance(actual, bool):
            wanted = str(wanted).lower() in ("true", "1", "1.0")
        elif isinstance(wanted, str):
            actual, wanted = str(actual).lower(), wanted.lower()
        return {
            "eq": actual == wanted,
            "ne": actual != wanted,
            "gt": actual > wanted,
            "ge": actual >= wanted,
            "lt": actual < wanted,
            "le": actual <= wanted,
        }[operator]


@dataclass
class FakeErp:
    """State and behaviour; `before` may answer a request in its own way (None: the normal one)."""

    companies: list[dict[str, Any]] = field(default_factory=lambda: [{"Key": KEY_A, "Name": "A"}])
    tables: dict[tuple[str, str], list[dict[str, Any]]] = field(default_factory=dict)
    statistics: dict[tuple[str, str], list[dict[str, Any]]] = field(default_factory=dict)
    before: Callable[[Request], Answer | None] | None = None
    requests: list[Request] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    assertions: list[dict[str, Any]] = field(default_factory=list)
    revoked: set[str] = field(default_factory=set)
    lifetime: int = 3600
    default_page: int = 3
    unknown_route_status: int = 404
    url: str = ""

    def rows(self, route: str, key: str = KEY_A) -> list[dict[str, Any]]:
        return self.tables.setdefault((key, route), [])

    def asked(self, path: str) -> list[Request]:
        return [request for request in self.requests if request.path.endswith(path)]

    def __call__(self, request: Request) -> Answer:
        self.requests.append(request)
        if self.before is not None and (answer := self.before(request)) is not None:
            return answer
        if request.path == "/api/endpoints":
            return Answer({"AppFramework": self.url, "Identity": self.url + "/id", "Files": self.url + "/files"})
        if request.path == "/id/.well-known/openid-configuration":
            return Answer({"issuer": self.url + "/id", "token_endpoint": self.url + "/id/connect/token"})
        if request.path == "/id/connect/token":
            return self._token(request)
        bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
        if bearer not in self.tokens or bearer in self.revoked:
            return Answer("Authorization has been denied for this request", status=401)
        if request.path == "/api/init/companies":
            return Answer(self.companies)
        key = request.headers.get("companykey", "")
        if request.path == "/api/statistics":
            return self._statistics(key, request)
        route, _, record = request.path.removeprefix("/api/biz/").partition("/")
        if (key, route) not in self.tables:
            return Answer("no", status=self.unknown_route_status)
        rows = self.tables[key, route]
        if record:
            found = [row for row in rows if str(row["ID"]) == record]
            return Answer(found[0]) if found else Answer({"Message": "not found"}, status=404)
        return self._list(rows, request.query)

    def _list(self, rows: list[dict[str, Any]], query: dict[str, str]) -> Answer:
        kept = [row for row in rows if not row.get("Deleted")]
        if "filter" in query:
            kept = [row for row in kept if Filter(query["filter"]).test(row)]
        if "orderby" in query:
            name, _, direction = query["orderby"].partition(" ")
            kept.sort(key=lambda row: row[name], reverse=direction == "desc")
        kept = kept[: int(query.get("top", self.default_page))]
        if "select" in query:
            wanted = {"ID", "Deleted", *query["select"].split(",")}
            kept = [{name: value for name, value in row.items() if name in wanted} for row in kept]
        return Answer(kept)

    def _statistics(self, key: str, query: Request) -> Answer:
        model = query.query["model"]
        if (key, model) not in self.statistics:
            return Answer(f"Model '{model}' is not allowed in statistics.", status=400)
        rows = list(self.statistics[key, model])
        if "filter" in query.query:
            rows = [row for row in rows if Filter(query.query["filter"]).test(row)]
        if query.query.get("orderby") == "ID":
            rows.sort(key=lambda row: row["ID"])
        rows = rows[: int(query.query.get("top", "1000"))]
        columns = [one.split(" as ") for one in query.query["select"].split(",")]
        return Answer([{alias: Filter.value(row, name) for name, alias in columns} for row in rows])

    def _token(self, request: Request) -> Answer:
        form = request.form()
        audience = self.url + "/id/connect/token"
        claims = jwt.decode(
            form["client_assertion"],
            client_key().public_key(),
            ["RS256"],
            audience=audience,
            leeway=timedelta(days=36500),
        )
        self.assertions.append(claims)
        self.tokens.append(f"token-canary-{len(self.tokens)}")
        return Answer({"access_token": self.tokens[-1], "expires_in": self.lifetime, "token_type": "Bearer"})


def stamped(
    record_id: int, created: str = "2026-01-01T08:00:00.5Z", updated: str | None = None, **more: Any
) -> dict[str, Any]:
    return {"ID": record_id, "CreatedAt": created, "UpdatedAt": updated, "Deleted": False, **more}


@asynccontextmanager
async def running(
    erp: FakeErp,
    folder: Path,
    *,
    limits: Limits | None = None,
    clock: Clock | None = None,
    attempts: int = 4,
    timeout: float = 5.0,
) -> AsyncIterator[UnimicroClient]:
    """The fake on a real socket and a client for it."""
    async with serve(erp) as url:
        erp.url = url
        settings = UnimicroSettings(
            api_url=url,
            identity_url=None,
            files_url=None,
            client_id=CLIENT_ID,
            certificate_file=write_p12(folder / "client.p12", days=3650),
            certificate_password=SecretStr(PASSWORD),
            scope="AppFramework",
        )
        async with UnimicroClient(
            settings,
            limits=limits or Limits(4, 0),
            clock=clock or SystemClock(),
            retries=Retries(attempts=attempts, base=0.001, cap=0.01, retry_after_cap=0.05),
            timeout=timeout,
        ) as client:
            yield client


@asynccontextmanager
async def company_of(erp: FakeErp, folder: Path, key: str = KEY_A, **options: Any) -> AsyncIterator[CompanyClient]:
    async with running(erp, folder, **options) as client:
        yield client.company(Company("a", key, "A"))
