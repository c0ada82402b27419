from __future__ import annotations

from typing import Any

import pytest

from sounimicro_pipelines.errors import SettingsError
from sounimicro_pipelines.settings import Settings
from sounimicro_pipelines.unimicro.companies import Company, choose, parse_companies

ROWS: list[dict[str, Any]] = [
    {"ID": 1, "Key": "AAAA", "Name": "Alfa AS", "OrganizationNumber": "911 222 333", "IsTest": False},
    {"ID": 2, "CompanyKey": "bbbb", "CompanyName": "Beta AS"},
    {"ID": 3, "Key": "cccc", "Name": "Test AS", "IsTest": True},
    {"ID": 4, "Key": "dddd", "Name": "Mal AS", "IsTemplate": True},
    {"ID": 5, "Key": "aaaa", "Name": "Alfa AS igjen"},
    {"ID": 6, "Name": "uten nøkkel"},
]
COMPANIES = parse_companies(ROWS)


def settings(**values: Any) -> Settings:
    return Settings(_env_file=None, **values)  # type: ignore[call-arg]


def test_both_spellings_are_read_and_each_company_once() -> None:
    assert [(one.key, one.name) for one in COMPANIES] == [
        ("AAAA", "Alfa AS"),
        ("bbbb", "Beta AS"),
        ("cccc", "Test AS"),
        ("dddd", "Mal AS"),
    ]
    assert COMPANIES[0].organization_number == "911222333"


@pytest.mark.parametrize(("value", "is_test"), [("false", False), (0, False), (None, False), ("True", True), (1, True)])
def test_truth_may_be_written_as_text_or_number(value: Any, is_test: bool) -> None:
    (company,) = parse_companies([{"Key": "eeee", "IsTest": value, "IsTemplate": "false"}])
    assert (company.is_test, company.is_template) == (is_test, False)


def test_without_a_list_all_are_used_but_test_and_template_companies() -> None:
    used, skipped = choose(COMPANIES, settings())
    assert [one.alias for one in used] == ["aaaa", "bbbb"]
    assert [(one.company.name, one.reason.split(" (")[0]) for one in skipped] == [
        ("Test AS", "it is a test company"),
        ("Mal AS", "it is a template company"),
    ]


def test_test_companies_are_used_when_included() -> None:
    used, skipped = choose(COMPANIES, settings(sounimicro_include_test_companies=True))
    assert len(used) == 4
    assert not skipped


def test_a_named_company_is_used_whatever_it_is_and_under_its_alias() -> None:
    used, skipped = choose(COMPANIES, settings(sounimicro_companies="prove=CCCC, Bbbb"))
    assert [(one.alias, one.key) for one in used] == [("prove", "cccc"), ("bbbb", "bbbb")]
    assert {one.reason for one in skipped} == {"it is not named in SOUNIMICRO_COMPANIES"}


def test_a_named_company_without_access_is_one_clear_line() -> None:
    with pytest.raises(SettingsError, match="may not use the company «x»") as caught:
        choose(COMPANIES, settings(sounimicro_companies="a=aaaa,x=eeee"))
    assert len(caught.value.problems) == 1


def test_a_named_company_that_was_used_before_keeps_no_other_from_its_work() -> None:
    named, gone = settings(sounimicro_companies="a=aaaa,x=EEEE"), Company("x", "EEEE", "Epsilon AS")
    used, skipped = choose(COMPANIES, named, [COMPANIES[0], gone])
    assert [one.alias for one in used] == ["a"]
    assert [(one.company.alias, one.why) for one in skipped if one.company.key == "EEEE"] == [("x", "withdrawn")]
    with pytest.raises(SettingsError, match="may not use the company «x»"):
        choose(COMPANIES, settings(sounimicro_companies="x=EEEE"), [gone])
    with pytest.raises(SettingsError, match="may not use the company «y»"):
        choose(COMPANIES, settings(sounimicro_companies="a=aaaa,x=EEEE,y=ffff"), [gone])


def test_no_company_left_lists_what_was_skipped_and_why() -> None:
    with pytest.raises(SettingsError, match="Skipped Test AS: it is a test company") as caught:
        choose(COMPANIES[2:], settings())
    assert caught.value.exit_code == 2
    with pytest.raises(SettingsError, match="No ERP company"):
        choose([], settings())
