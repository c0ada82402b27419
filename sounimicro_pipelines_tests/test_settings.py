"""Settings: each missing or wrong value becomes one line that says what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from sounimicro_pipelines.errors import SettingsError
from sounimicro_pipelines.settings import is_loopback, load_settings

ERP = {
    "UNIMICRO_API_URL": "https://erp.example",
    "UNIMICRO_CLIENT_ID": "client",
    "UNIMICRO_CERTIFICATE_PASSWORD": "canary-password",
}


@pytest.fixture(autouse=True)
def _empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in list(os.environ):
        if name.startswith(("SOUNIMICRO_", "SUPEROFFICE_", "UNIMICRO_", "PANELS_", "DAGSTER_BIND")):
            monkeypatch.delenv(name)


def test_every_missing_value_is_named_with_where_to_get_it() -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(env_file=None).require_unimicro()
    names = [line.split(" ")[0] for line in caught.value.problems]
    assert names == [
        "UNIMICRO_API_URL",
        "UNIMICRO_CLIENT_ID",
        "UNIMICRO_CERTIFICATE_FILE",
        "UNIMICRO_CERTIFICATE_PASSWORD",
    ]
    assert all("is missing: " in line and line.endswith(".") for line in caught.value.problems)
    assert caught.value.exit_code == 2


def test_a_dotenv_file_is_read(tmp_path: Path) -> None:
    certificate = tmp_path / "client.p12"
    certificate.write_bytes(b"x")
    env_file = tmp_path / ".env"
    lines = [*(f"{name}={value}" for name, value in ERP.items()), f"UNIMICRO_CERTIFICATE_FILE={certificate}"]
    env_file.write_text("\n".join(lines), encoding="utf-8")
    erp = load_settings(env_file=env_file).require_unimicro()
    assert erp.api_url == "https://erp.example"
    assert erp.identity_url is None
    assert "canary-password" not in repr(erp)


def test_a_certificate_that_is_not_there_is_told_with_its_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ERP.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("UNIMICRO_CERTIFICATE_FILE", str(tmp_path / "none.p12"))
    with pytest.raises(SettingsError, match=r"UNIMICRO_CERTIFICATE_FILE: there is no file at .*none\.p12"):
        load_settings(env_file=None).require_unimicro()


@pytest.mark.parametrize(
    ("url", "accepted"),
    [
        ("https://erp.example", True),
        ("http://127.0.0.1:9000", True),
        ("http://localhost:9000", True),
        ("http://erp.example", False),
        ("erp.example", False),
        ("ftp://erp.example", False),
    ],
)
def test_http_is_accepted_for_this_machine_alone(url: str, accepted: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ERP.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("UNIMICRO_API_URL", url)
    with pytest.raises(SettingsError) as caught:
        load_settings(env_file=None).require_unimicro()
    assert any(line.startswith("UNIMICRO_API_URL") for line in caught.value.problems) is not accepted


@pytest.mark.parametrize("secret", ["abc\n", " abc", "hemmelig-æ", "abc\u200b"])
def test_a_secret_that_cannot_travel_in_a_header_is_told_before_any_call(
    secret: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUPEROFFICE_CLIENT_SECRET", secret)
    with pytest.raises(SettingsError, match="SUPEROFFICE_CLIENT_SECRET holds a space, a line break") as caught:
        load_settings(None).require_superoffice()
    assert secret.strip() not in str(caught.value)


def test_companies_are_named_by_alias_or_by_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOUNIMICRO_COMPANIES", "nord=AAAA-1, BBBB-2")
    assert load_settings(env_file=None).company_aliases == {"aaaa-1": "nord", "bbbb-2": "bbbb-2"}


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("Nord=AAAA-1", "is no alias"),
        ("raw=AAAA-1", "has a meaning of its own"),
        ("all=AAAA-1", "has a meaning of its own"),
        ("nord=AAAA-1,nord=BBBB-2", "stands twice"),
        ("nord=AAAA-1,sor=aaaa-1", "stands twice"),
    ],
)
def test_wrong_company_lists_are_told(value: str, problem: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOUNIMICRO_COMPANIES", value)
    with pytest.raises(SettingsError, match=problem):
        load_settings(env_file=None)


def test_a_number_that_is_none_is_told_without_its_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOUNIMICRO_MAX_IN_FLIGHT", "many")
    with pytest.raises(SettingsError, match="SOUNIMICRO_MAX_IN_FLIGHT"):
        load_settings(env_file=None)


def test_loopback_is_known_in_every_spelling() -> None:
    assert [
        is_loopback(host) for host in ("127.0.0.1", "::1", "localhost", "127.9.9.9", "10.0.0.1", "crm.example")
    ] == [
        True,
        True,
        True,
        True,
        False,
        False,
    ]
    assert not is_loopback(None)
