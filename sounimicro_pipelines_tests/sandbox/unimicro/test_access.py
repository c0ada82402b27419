"""Who gets in: tokens by certificate, companies, rights, and what happens when access ends."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path

import httpx
import jwt
import pytest

from sounimicro_pipelines.clock import ManualClock
from sounimicro_pipelines.sandbox import Sandbox
from sounimicro_pipelines.sandbox.keys import make_keys
from sounimicro_pipelines_tests.sandbox.unimicro.conftest import Erp


def test_the_token_names_its_audience_and_the_platform(reading: Erp) -> None:
    answer = reading.ask_token().json()
    claims = jwt.decode(answer["access_token"], options={"verify_signature": False})
    assert answer["expires_in"] == 3600
    assert "AppFramework" in claims["aud"]
    assert claims["AppFramework"] == reading.base


def test_an_assertion_works_once(reading: Erp) -> None:
    assertion = reading.assertion()
    assert reading.ask_token(assertion).status_code == 200
    second = reading.ask_token(assertion)
    assert (second.status_code, second.json()) == (400, {"error": "invalid_client"})


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "https://elsewhere.example"},
        {"exp": int(time.time()) - 900},
        {"iss": "somebody"},
        {"exp": 4_000_000_000},
    ],
)
def test_a_wrong_assertion_is_refused(reading: Erp, claims: dict[str, object]) -> None:
    assert reading.ask_token(reading.assertion(**claims)).json() == {"error": "invalid_client"}


def test_another_key_than_the_certificates_is_refused(reading: Erp) -> None:
    other = reading.sandbox.keys.crm_application_key
    claims = jwt.decode(reading.assertion(), options={"verify_signature": False})
    assert reading.ask_token(jwt.encode(claims, other, algorithm="RS256")).status_code == 400


def test_a_scope_that_was_not_given_is_invalid(reading: Erp) -> None:
    assert reading.ask_token(scope="AppFramework Payroll.Admin").json() == {"error": "invalid_scope"}


def test_companies_are_listed_without_a_company_key_and_one_is_a_test_company(reading: Erp) -> None:
    del reading.headers["CompanyKey"]
    companies = reading.call("GET", "/api/init/companies").json()
    assert [company["IsTest"] for company in companies] == [False, False, True]
    assert reading.call("GET", "/api/biz/customers").status_code == 400


def test_endpoints_are_published_without_a_token(reading: Erp) -> None:
    del reading.headers["Authorization"]
    assert reading.call("GET", "/api/endpoints").json()["Files"] == reading.sandbox.environment["UNIMICRO_FILES_URL"]
    assert reading.call("GET", "/api/init/companies").status_code == 401


def test_a_revoked_token_is_refused_until_a_new_one_is_fetched(erp: Erp) -> None:
    erp.sandbox.erp.revoke_tokens()
    assert erp.call("GET", "/api/biz/customers").status_code == 401
    erp.sign_in()
    assert erp.call("GET", "/api/biz/customers").status_code == 200


def test_a_right_can_be_missing_in_one_company_and_for_one_entity(erp: Erp) -> None:
    erp.sandbox.erp.deny("Budget", 1)
    assert erp.call("GET", "/api/biz/budgets").status_code == 403
    assert erp.statistics(model="Budget", select="ID as ID").status_code == 403
    assert erp.call("GET", "/api/biz/customers").status_code == 200
    assert Erp(erp.sandbox, 2).call("GET", "/api/biz/budgets").status_code == 200


def test_a_withdrawn_company_is_neither_listed_nor_served(erp: Erp) -> None:
    erp.sandbox.erp.withdraw_company(1)
    assert len(erp.call("GET", "/api/init/companies").json()) == 2
    assert erp.call("GET", "/api/biz/customers").status_code == 403


def test_two_companies_hold_different_things_under_the_same_ids(reading: Erp) -> None:
    other = Erp(reading.sandbox, 2)
    mine, theirs = (one.get("customers/1", expand="Info") for one in (reading, other))
    assert mine["ID"] == theirs["ID"] == 1
    assert mine["CustomerNumber"] == theirs["CustomerNumber"]
    assert mine["Info"]["Name"] != theirs["Info"]["Name"]


def test_an_unknown_path_can_be_404_or_401(sandbox: Sandbox) -> None:
    erp = Erp(sandbox)
    assert erp.call("GET", "/api/biz/periods").status_code == 404
    sandbox.erp.options.unknown_path_status = 401
    assert erp.call("GET", "/api/biz/periods").status_code == 401


def test_a_link_into_the_erps_own_screens_leads_to_a_page(reading: Erp) -> None:
    page = httpx.get(f"{reading.base}/")
    assert (page.status_code, "etterligning" in page.text) == (200, True)


def test_keys_are_written_for_the_owner_alone(tmp_path: Path) -> None:
    keys = make_keys(tmp_path / "keys")
    assert keys.erp_certificate_file.stat().st_mode & 0o077 == 0
    assert keys.crm_private_key_xml_file.read_text().startswith("<RSAKeyValue><Modulus>")


def test_a_token_ends_when_its_time_is_over() -> None:
    clock = ManualClock(datetime.now(UTC))
    with Sandbox(seed=5, parties=9, clock=clock, test_company=False) as sandbox:
        erp = Erp(sandbox)
        clock.advance(3590)
        assert erp.call("GET", "/api/biz/customers").status_code == 200
        clock.advance(20)
        assert erp.call("GET", "/api/biz/customers").status_code == 401
