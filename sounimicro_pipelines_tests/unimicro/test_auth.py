from __future__ import annotations

import asyncio
import logging
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from pydantic import SecretStr

from sounimicro_pipelines.clock import UTC, ManualClock, SystemClock
from sounimicro_pipelines.errors import SettingsError
from sounimicro_pipelines.transport import AuthenticationFailed, BadAnswer, NotFound, VendorError
from sounimicro_pipelines.unimicro.auth import load_certificate
from sounimicro_pipelines_tests.http_server import Answer, Request
from sounimicro_pipelines_tests.unimicro.fake_erp import (
    CLIENT_ID,
    KEY_A,
    PASSWORD,
    FakeErp,
    running,
    write_p12,
)

CLOCK = SystemClock()


def companies(erp: FakeErp, folder: Path, **options: Any) -> list[Any]:
    async def run() -> list[Any]:
        async with running(erp, folder, **options) as client:
            return list(await client.companies())

    return asyncio.run(run())


def test_hosts_are_discovered_and_the_client_signs_in_with_its_certificate(tmp_path: Path) -> None:
    erp = FakeErp()
    assert [one.key for one in companies(erp, tmp_path)] == [KEY_A]
    form = erp.asked("/connect/token")[0].form()
    assert form["grant_type"] == "client_credentials"
    assert form["scope"] == "AppFramework"
    assert form["client_id"] == CLIENT_ID
    assert form["client_assertion_type"] == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    claims = erp.assertions[0]
    assert claims["iss"] == claims["sub"] == CLIENT_ID
    assert claims["exp"] - claims["iat"] == 60
    assert "x5c" in jwt.get_unverified_header(form["client_assertion"])


def test_one_token_serves_many_calls_and_is_renewed_before_it_expires(tmp_path: Path) -> None:
    erp = FakeErp(lifetime=3600)
    clock = ManualClock(datetime.now(UTC))

    async def run() -> None:
        async with running(erp, tmp_path, clock=clock) as client:
            await asyncio.gather(*(client.companies() for _ in range(6)))
            assert len(erp.tokens) == 1
            clock.advance(3600 - 119)
            await client.companies()
            assert len(erp.tokens) == 2

    asyncio.run(run())


def test_a_token_revoked_in_mid_run_is_replaced_once_for_all_callers(tmp_path: Path) -> None:
    erp = FakeErp()

    async def run() -> None:
        async with running(erp, tmp_path) as client:
            await client.companies()
            erp.revoked.update(erp.tokens)
            await asyncio.gather(*(client.companies() for _ in range(4)))

    asyncio.run(run())
    assert len(erp.tokens) == 2


def test_each_attempt_at_a_token_carries_an_assertion_of_its_own(tmp_path: Path) -> None:
    failures = iter([Answer(status=503)])
    erp = FakeErp(before=lambda request: next(failures, None) if request.path.endswith("/token") else None)
    companies(erp, tmp_path)
    sent = [request.form()["client_assertion"] for request in erp.asked("/connect/token")]
    assert len(sent) == len(set(sent)) == 2


@pytest.mark.parametrize(
    ("code", "remedy"),
    [
        ("invalid_scope", "UNIMICRO_SCOPE"),
        ("invalid_client", "UNIMICRO_CLIENT_ID"),
        ("unauthorized_client", "server client"),
        ("something", "client id"),
    ],
)
def test_a_refused_sign_in_tells_what_to_do(tmp_path: Path, code: str, remedy: str) -> None:
    erp = FakeErp(before=lambda r: Answer({"error": code}, status=400) if r.path.endswith("/token") else None)
    with pytest.raises(AuthenticationFailed, match=remedy) as caught:
        companies(erp, tmp_path)
    assert CLIENT_ID not in str(caught.value)
    assert len(erp.asked("/connect/token")) == 1


def test_settings_beat_discovery_and_then_nothing_is_asked(tmp_path: Path) -> None:
    erp = FakeErp()

    async def run() -> None:
        async with running(erp, tmp_path) as client:
            object.__setattr__(client.settings, "identity_url", erp.url + "/id")
            object.__setattr__(client.settings, "files_url", erp.url + "/elsewhere")
            assert (await client.hosts()).files == erp.url + "/elsewhere"
            await client.companies()

    asyncio.run(run())
    assert not erp.asked("/api/endpoints")


@pytest.mark.parametrize("status", [404, 403, 401, 400, 500, 501])
def test_an_installation_without_an_address_list_works_when_the_sign_in_is_set(tmp_path: Path, status: int) -> None:
    erp = FakeErp(before=lambda r: Answer(status=status) if r.path == "/api/endpoints" else None)

    async def run() -> None:
        async with running(erp, tmp_path) as client:
            object.__setattr__(client.settings, "identity_url", erp.url + "/id")
            assert (await client.hosts()).files is None
            await client.companies()

    asyncio.run(run())


def test_a_sign_in_without_discovery_is_where_the_vendor_documents_it(tmp_path: Path) -> None:
    erp = FakeErp(before=lambda r: Answer(status=404) if r.path.endswith("/openid-configuration") else None)
    companies(erp, tmp_path)
    assert erp.tokens
    nowhere = FakeErp(before=lambda r: Answer(status=404) if r.path.startswith("/id/") else None)
    with pytest.raises(NotFound, match="UNIMICRO_IDENTITY_URL"):
        companies(nowhere, tmp_path)


def test_an_unencrypted_address_in_the_list_is_not_used(tmp_path: Path) -> None:
    erp = FakeErp(before=lambda r: Answer({"Identity": "http://login.example"}) if r.path == "/api/endpoints" else None)
    with pytest.raises(BadAnswer, match="UNIMICRO_IDENTITY_URL"):
        companies(erp, tmp_path)


def test_a_wrong_address_is_told_with_its_setting(tmp_path: Path) -> None:
    erp = FakeErp(before=lambda r: Answer(b"<html>") if r.path == "/api/endpoints" else None)
    with pytest.raises(BadAnswer, match="UNIMICRO_API_URL"):
        companies(erp, tmp_path)


def test_a_wrong_password_is_one_clear_line(tmp_path: Path) -> None:
    path = write_p12(tmp_path / "c.p12")
    with pytest.raises(SettingsError, match="UNIMICRO_CERTIFICATE_PASSWORD does not open") as caught:
        load_certificate(path, SecretStr("wrong-canary"), CLOCK)
    assert "canary" not in str(caught.value)
    assert len(caught.value.problems) == 1


@pytest.mark.parametrize("content", [b"", b"-----BEGIN CERTIFICATE-----", b"\x30\x03abc"])
def test_a_file_that_is_no_certificate_is_one_clear_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "c.p12"
    path.write_bytes(content)
    with pytest.raises(SettingsError, match=r"is no \.p12 certificate"):
        load_certificate(path, SecretStr(PASSWORD), CLOCK)


def test_a_missing_and_an_expired_certificate_are_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        load_certificate(tmp_path / "none.p12", SecretStr(PASSWORD), CLOCK)
    path = write_p12(tmp_path / "old.p12", days=-1)
    with pytest.raises(SettingsError, match="expired on"):
        load_certificate(path, SecretStr(PASSWORD), CLOCK)
    good = load_certificate(write_p12(tmp_path / "c.p12"), SecretStr(PASSWORD), CLOCK)
    assert good.expires > CLOCK.now() + timedelta(days=1)


@pytest.mark.parametrize("status", [200, 400, 401, 403, 500])
def test_no_secret_reaches_logs_or_errors_whatever_the_sign_in_answers(
    tmp_path: Path, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    body = {"error": "token-canary-x", "error_description": "token-canary-y", "access_token": ["token-canary-z"]}

    def before(request: Request) -> Answer | None:
        return Answer(body, status=status) if request.path.endswith("/token") else None

    with pytest.raises(VendorError) as caught:
        companies(FakeErp(before=before), tmp_path)
    assert "canary" not in caplog.text + str(caught.value) + repr(caught.value)
