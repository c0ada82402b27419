"""The neutral register: valid numbers, the parties of the stories, and the untidiness that matching must survive."""

from __future__ import annotations

from datetime import date

import pytest
from stdnum.no import orgnr

from sounimicro_pipelines.sandbox.world import build_register
from sounimicro_pipelines.sandbox.world.numbers import is_org_number, kid

REGISTER = build_register(3, 200, today=date(2026, 11, 20))


def test_organisation_numbers_are_valid_and_each_is_somebodys_own() -> None:
    numbers = [party.org_number for party in REGISTER.parties if party.org_number]
    assert all(orgnr.is_valid(number) and is_org_number(number) for number in numbers)
    assert len(numbers) == len(set(numbers))


def test_every_address_is_under_example() -> None:
    assert all(party.email.endswith(".example") and party.web.endswith(".example") for party in REGISTER.parties)
    assert all(person.email.endswith(".example") for person in REGISTER.persons if person.email)


def test_the_parties_of_the_stories_are_where_they_belong() -> None:
    abb, fjordvik = REGISTER.party(1), REGISTER.party(2)
    assert abb.name == "ABB Installasjon AS"
    assert (abb.customer_of, abb.supplier_of) == ({1, 2}, {1})
    assert fjordvik.postal.line == "Postboks 123"
    assert REGISTER.party(4).near_duplicate_of == 3
    assert not REGISTER.party(5).erp_companies
    assert not REGISTER.party(6).in_crm


def test_numbers_and_names_are_written_untidily_somewhere() -> None:
    parties = REGISTER.parties
    assert any(party.crm_org_number.startswith("NO ") for party in parties)
    assert any(party.org_number and not party.crm_org_number for party in parties)
    assert any(party.crm_name != party.name for party in parties)
    assert any(party.near_duplicate_of for party in parties[8:])


def test_the_same_seed_gives_the_same_register_and_another_another() -> None:
    again = build_register(3, 200, today=date(2026, 11, 20))
    assert again == REGISTER
    assert build_register(4, 200, today=date(2026, 11, 20)) != REGISTER


@pytest.mark.parametrize(("digits", "expected"), [("1234567", "12345674"), ("0000001", "00000018")])
def test_a_kid_ends_in_its_check_digit(digits: str, expected: str) -> None:
    assert kid(digits) == expected
