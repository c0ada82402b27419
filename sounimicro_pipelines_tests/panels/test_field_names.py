"""Fields have names that people know, in both languages."""

from __future__ import annotations

import pytest

from sounimicro_pipelines.panels.field_names import _composed, field_name, problem_text
from sounimicro_pipelines.panels.words import LANGUAGES, catalogue, words
from sounimicro_pipelines.rules import RULE_NAMES, load_rules
from sounimicro_pipelines.sync.opening import plain_registries


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_field_of_the_shipped_rules_has_a_name(language: str) -> None:
    rules = load_rules(None, plain_registries())
    for rule in RULE_NAMES:
        for one in rules.get(rule).fields:
            name, known = field_name(words(language), one.crm, one.erp), catalogue(language).values()
            assert name in known, one.name


def test_a_number_is_called_after_what_the_erp_counts() -> None:
    assert field_name(words("nb"), ("Number2",), ("CustomerNumber",)) == "Kundenummer"


def test_a_field_that_nobody_has_named_is_written_apart() -> None:
    nb = words("nb")
    assert field_name(nb, (), ("LoyaltyProgramNumber",)) == "Loyalty program number"
    assert field_name(nb, (), ("Info.LoyaltyAccountID",)) == "Loyalty account"
    assert field_name(nb, ("CustomFields[SuperOffice:4]",), ()) == "SuperOffice:4"
    assert field_name(nb, ("Pagers[first].Value",), ()) == "Pagers"


def test_a_field_without_a_name_of_its_own_is_named_by_the_parts_of_its_path() -> None:
    nb = words("nb")
    assert field_name(nb, (), ("FactoringNumber",)) == "Factoringnummer"
    assert field_name(nb, (), ("Info.InvoiceAddress.Region",)) == "Fakturaadresse: region"
    assert field_name(nb, (), ("Info.Phones[Type=150102].CountryCode",)) == "Telefon (Type=150102): landkode"
    for language in LANGUAGES:
        for registry in (plain_registries().crm, plain_registries().erp):
            for entity in registry.entities:  # type: ignore[attr-defined]
                for one in registry.fields(entity):  # type: ignore[attr-defined]
                    named = words(language).has(f"fields.{one.path}")
                    assert named or _composed(words(language), one.path), one.path


def test_a_problem_is_told_by_its_kind_and_by_the_kind_of_the_field() -> None:
    nb = words("nb")
    assert "kontrollsiffer" in problem_text(nb, "invalid_value", "org_number")
    assert problem_text(nb, "invalid_value", "text") == nb("value_problems.invalid_value")
    assert problem_text(nb, "something_new", otherwise="The ERP's own words.") == "The ERP's own words."
