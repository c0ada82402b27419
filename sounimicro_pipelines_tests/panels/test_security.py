"""Where the server listens, whom it answers, and who may frame it: by the settings, and refused with what to do."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from sounimicro_pipelines.errors import SettingsError
from sounimicro_pipelines.panels import create_app
from sounimicro_pipelines.panels.security import Framing, bind_address
from sounimicro_pipelines.panels.signin.configuration import lacking, sign_in_settings
from sounimicro_pipelines.settings import Settings, load_settings
from sounimicro_pipelines.store import Store
from sounimicro_pipelines_tests.panels import world
from sounimicro_pipelines_tests.panels.signed_world import SECRET


@pytest.fixture
def crm(tmp_path: Path) -> dict[str, str]:
    """The CRM's settings, complete."""
    key = tmp_path / "key.pem"
    key.write_text("x")
    return {
        "superoffice_environment_url": "https://online.crm.example",
        "superoffice_tenant": "Cust1",
        "superoffice_client_id": "client",
        "superoffice_client_secret": "canary-secret",
        "superoffice_system_user_token": "canary-token",
        "superoffice_private_key_file": str(key),
    }


def problems(values: Mapping[str, Any]) -> str:
    with pytest.raises(SettingsError) as caught:
        bind_address(world.settings(**values))
    assert "canary" not in str(caught.value)
    return str(caught.value)


def test_people_sign_in_when_the_crm_and_a_secret_are_set(crm: dict[str, str]) -> None:
    settings = world.settings(**crm, panels_session_secret=SECRET, panels_public_url="https://Panels.example.no/")
    found = sign_in_settings(settings)
    assert found is not None
    assert found.redirect_uri == "https://panels.example.no/auth/callback"
    assert (found.host, found.is_encrypted, found.tenant) == ("panels.example.no", True, "Cust1")
    assert SECRET not in repr(found)
    assert bind_address(settings) == ("127.0.0.1", 8420)


@pytest.mark.parametrize("missing", ["panels_session_secret", "superoffice_tenant", "superoffice_private_key_file"])
def test_what_lacks_is_named_and_the_server_stays_on_this_machine(crm: dict[str, str], missing: str) -> None:
    values = {**crm, "panels_session_secret": SECRET}
    del values[missing]
    assert sign_in_settings(world.settings(**values)) is None
    assert lacking(world.settings(**values))[0].startswith(missing.upper())
    assert bind_address(world.settings(**values)) == ("127.0.0.1", 8420)
    for public in ({"panels_public_url": "https://panels.example.no"}, {"panels_bind": "0.0.0.0:8420"}):
        told = problems(values | public)
        assert missing.upper() in told
        assert "nobody can sign in yet" in told


@pytest.mark.parametrize("secret", ["short", "a" * 64, "abc" * 20])
def test_a_secret_that_can_be_guessed_is_refused(crm: dict[str, str], secret: str) -> None:
    told = problems({**crm, "panels_session_secret": secret})
    assert "PANELS_SESSION_SECRET can be guessed" in told
    assert secret not in told


@pytest.mark.parametrize(
    "url", ["http://panels.example.no", "https://panels.example.no/app", "panels.example.no", "https://u@x", "ftp://x"]
)
def test_a_public_address_that_cannot_be_one_is_refused(crm: dict[str, str], url: str) -> None:
    assert "PANELS_PUBLIC_URL" in problems({**crm, "panels_session_secret": SECRET, "panels_public_url": url})


def test_others_are_listened_to_only_at_an_address_they_can_know(crm: dict[str, str]) -> None:
    values = {**crm, "panels_session_secret": SECRET, "panels_bind": "0.0.0.0:8420"}
    assert "PANELS_PUBLIC_URL is missing" in problems(values)
    settings = world.settings(**values, panels_public_url="https://panels.example.no")
    assert bind_address(settings) == ("0.0.0.0", 8420)


@pytest.mark.parametrize("bind", ["8420", "127.0.0.1:x", "127.0.0.1:99999", ":8420"])
def test_an_address_that_is_none_is_refused(bind: str) -> None:
    assert "PANELS_BIND" in problems({"panels_bind": bind})


@pytest.mark.parametrize(
    "ancestor",
    ["*", "http://crm.example", "https://crm.example/path", "https://a;script-src *", "'unsafe-inline'", "data:", "x"],
)
def test_what_is_no_origin_may_not_frame_us(ancestor: str) -> None:
    assert "PANELS_FRAME_ANCESTORS" in problems({"panels_frame_ancestors": ancestor})


def test_we_are_framed_by_the_crm_wherever_it_has_moved_and_by_whom_the_settings_name() -> None:
    settings = world.settings(
        superoffice_environment_url="https://online.crm.example",
        panels_frame_ancestors="https://crm.onsite.example, https://*.crm.example",
    )
    learned = ["https://online3.crm.example"]
    framing = Framing(settings, lambda: learned)
    wanted = "'self' https://crm.onsite.example https://*.crm.example https://online.crm.example"
    assert framing.ancestors() == f"{wanted} https://online3.crm.example"
    learned[:] = ["https://online4.crm.example", "https://x; script-src *"]
    assert framing.policy().endswith(f"frame-ancestors {wanted} https://online4.crm.example")


def test_no_policy_names_another_source_than_ourselves(client: TestClient) -> None:
    policy = client.get("/panel/company?company=demo&role=customer&party=79").headers["content-security-policy"]
    for directive in policy.split(";"):
        name, *sources = directive.split()
        assert name == "frame-ancestors" or set(sources) <= {"'self'", "'none'"}, directive
    assert "x-frame-options" not in client.get("/healthz").headers


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "[::1", "localhost.evil.example:80", ""])
def test_a_name_that_is_not_ours_is_refused(client: TestClient, host: str) -> None:
    assert client.get("/healthz", headers={"Host": host}).status_code == 421


def test_with_sign_in_our_public_name_is_ours(crm: dict[str, str], sqlite_store: Store, tmp_path: Path) -> None:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(65537, 2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    Path(crm["superoffice_private_key_file"]).write_bytes(key)
    settings = world.settings(
        **{**crm, "superoffice_environment_url": "http://127.0.0.1:9"},
        panels_session_secret=SECRET,
        panels_public_url="https://panels.example.no",
    )
    client = TestClient(create_app(settings, sqlite_store, clock=world.clock()), base_url="https://panels.example.no")
    answer = client.get("/healthz")
    assert answer.status_code == 200
    assert answer.headers["strict-transport-security"] == "max-age=31536000"
    assert client.get("/healthz", headers={"Host": "other.example.no"}).status_code == 421
    page = client.get("/panel/company?tenant=Cust1&id=1")
    assert page.status_code == 401, "also when the CRM does not answer"
    assert "Logg inn" in page.text


def test_without_sign_in_the_page_says_so(client: TestClient) -> None:
    page = client.get("/panel/company?company=demo&role=customer&party=79").text
    assert "Uten innlogging. Panelene svarer bare på denne maskinen." in page
    assert "session.js" not in page
    assert client.get("/auth/session").json() == {"sign_in": False}
    assert client.get(f"/auth/start?challenge={'a' * 64}").status_code == 400
    assert client.post("/auth/exchange", json={"code": "x", "proof": "y"}).status_code == 400


@pytest.mark.parametrize(
    "headers", [{"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}]
)
def test_without_sign_in_other_sites_still_change_nothing(client: TestClient, headers: dict[str, str]) -> None:
    """A page somewhere else could make the browser on this machine send something here."""
    answer = client.post("/auth/exchange", json={}, headers=headers)
    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "not_from_our_page"


def test_company_groups_are_read_and_what_cannot_be_meant_is_told() -> None:
    def groups(text: str) -> Settings:
        return world.settings(sounimicro_company_groups=text)

    assert groups("nord=1, 4; sor=2;").company_groups == {"nord": {1, 4}, "sor": {2}}
    assert groups("").company_groups == {}
    for wrong in ("nord", "nord=", "NORD=1", "nord=selgere", "nord=1;nord=2", "=1"):
        with pytest.raises(SettingsError, match="SOUNIMICRO_COMPANY_GROUPS"):
            _ = groups(wrong).company_groups


def test_wrong_company_groups_are_told_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOUNIMICRO_COMPANY_GROUPS", "nord=x")
    with pytest.raises(SettingsError, match="SOUNIMICRO_COMPANY_GROUPS"):
        load_settings(env_file=None)
