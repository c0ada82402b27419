"""What a record is recognised by, and the words that find it."""

from __future__ import annotations

import pytest

from sounimicro_pipelines.sync.recognise import identity_of, phone_spellings, search_words
from sounimicro_pipelines.unimicro.traits import Traits


def test_an_identity_holds_valid_values_in_their_compared_form() -> None:
    traits = Traits(
        name="Fjordlys AS",
        org_number="NO 974 760 673 MVA",
        phones=("55 10 20 30", "+46 8 123 456", "ring Kari"),
        emails=("Post@Fjordlys.no", "ukjent"),
        urls=("https://www.fjordlys.no/om", "fjordlys.com"),
    )
    found = identity_of(7, traits, "10017")
    assert found.org_number == "974760673"
    assert found.phones == {"+4755102030", "+468123456"}
    assert found.emails == {"post@fjordlys.no"}
    assert found.domains == {"fjordlys.no", "fjordlys.com"}
    assert (found.id, found.number) == (7, "10017")


def test_a_number_that_is_not_valid_identifies_nobody_and_a_foreign_one_does() -> None:
    assert identity_of(1, Traits(name="X", org_number="123456789"), "").org_number == ""
    assert identity_of(1, Traits(name="X", org_number="SE556677889901"), "").org_number == "SE556677889901"
    assert identity_of(1, Traits(name="X", org_number="5566-7788", country="Sverige"), "").org_number == "55667788"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Åsheim Rørlegger og Sønn AS", ["Rørlegger", "Åsheim"]),
        ("Bergen Blikk & Rør A/S", ["Bergen", "Blikk"]),
        ("ABB AS", ["ABB"]),
        ("Haagensen Transport", ["Transport", "Haagensen"]),
        ("AS", []),
    ],
)
def test_names_are_searched_by_their_most_telling_words(name: str, words: list[str]) -> None:
    assert search_words(name) == words


def test_a_phone_is_searched_as_people_write_it() -> None:
    assert phone_spellings(["+4792455817"]) == ["92455817", "92 45 58 17", "924 55 817"]
    assert phone_spellings(["+468123456"]) == ["+468123456"]
