"""A rule that cannot be used is refused with the line, the reason and the nearest valid name."""

from __future__ import annotations

import pytest

from sounimicro_pipelines.rules import RULE_NAMES, RuleError, read_rule
from sounimicro_pipelines.rules.refusals import settle
from sounimicro_pipelines.rules.versions import default_document
from sounimicro_pipelines_tests.rules.registries import REGISTRIES

HEAD = "rule: customer\nerp: Customer\ncrm: contact\n"


def _mistakes(document: str) -> list[str]:
    with pytest.raises(RuleError) as caught:
        read_rule(document, "customer.yaml", REGISTRIES)
    return [str(mistake) for mistake in caught.value.mistakes]


@pytest.mark.parametrize("name", RULE_NAMES)
def test_shipped_rules_can_be_used_as_they_are(name: str) -> None:
    rule = settle(read_rule(default_document(name), f"{name}.yaml", REGISTRIES), REGISTRIES)
    assert rule.active
    assert all(field.transformer is not None for field in rule.fields)
    assert len({field.key for field in rule.fields}) == len(rule.fields)


REFUSED = {
    "unknown ERP field": (
        HEAD + "fields:\n  - {erp: Info.Nmae, crm: Name}\n",
        ["customer.yaml:5:", "Info.Nmae", "Did you mean", "Name"],
    ),
    "unknown CRM field": (
        HEAD + "fields:\n  - {erp: Info.Name, crm: Nam}\n",
        ["customer.yaml:5:", "no field «Nam»", "Did you mean «Name»"],
    ),
    "unknown word": (HEAD + "feilds: []\nfields:\n  - {erp: Info.Name, crm: Name}\n", [":4:", "feilds", "fields"]),
    "unknown word in a row": (
        HEAD + "fields:\n  - erp: Info.Name\n    crm: Name\n    directon: both\n",
        [":7:", "directon", "Did you mean direction"],
    ),
    "misspelt direction": (
        HEAD + "fields:\n  - {erp: Info.Name, crm: Name, direction: to_cmr}\n",
        [":5:", "to_cmr", "to_crm"],
    ),
    "both to a read-only field": (
        HEAD + "fields:\n  - {erp: CustomerNumber, crm: Number2, direction: both}\n",
        [":5:", "CustomerNumber is read-only", "to_crm"],
    ),
    "to_crm to a read-only field": (
        HEAD + "fields:\n  - {erp: Info.Name, crm: UpdatedDate, direction: to_crm}\n",
        [":5:", "UpdatedDate is read-only"],
    ),
    "two writers": (
        HEAD + "fields:\n  - {erp: Info.Name, crm: Name}\n  - {erp: WebUrl, crm: Name, direction: to_crm}\n",
        [":6:", "Two rows write the CRM field Name", "to_erp"],
    ),
    "lossy both ways": (
        HEAD + "fields:\n  - {erp: WebUrl, crm: Description, direction: both, transform: one_line}\n",
        [":5:", "loses something", "to_crm or to_erp"],
    ),
    "unknown transform": (
        HEAD + "fields:\n  - {erp: OrgNumber, crm: OrgNr, transform: org_nummer}\n",
        [":5:", "no transform «org_nummer»", "org_number"],
    ),
    "unknown match": (HEAD + "match: [orgnumber]\nfields:\n  - {erp: Info.Name, crm: Name}\n", [":4:", "org_number"]),
    "tenant text": (
        HEAD + "takes_part: {crm: {category: Kunde}}\nfields:\n  - {erp: Info.Name, crm: Name}\n",
        [":4:", "tenant's text", "id"],
    ),
    "wrong entity": (
        "rule: customer\nerp: Supplier\ncrm: contact\nfields:\n  - {erp: Info.Name, crm: Name}\n",
        [":2:", "Customer"],
    ),
    "half a row": (HEAD + "fields:\n  - {erp: Info.Name, crm: null}\n", [":5:", "no crm field", "direction: none"]),
    "a list without an element": (
        HEAD + "fields:\n  - {erp: Info.Phones.Number, crm: 'Phones[first].Value'}\n",
        [":5:", "Phones[first]"],
    ),
    "no list": (HEAD + "fields:\n  - {erp: PaymentTermsID, crm: Number1, transform: list}\n", [":5:", "list's name"]),
    "several fields without transform": (
        HEAD + "fields:\n  - {erp: Info.Name, crm: [Name, Number1]}\n",
        [":5:", "transform"],
    ),
    "no YAML": (HEAD + "fields: [\n", ["This is no YAML"]),
    "what a few lines make larger than a machine": (
        HEAD + "a: &a [x, x]\nb: &b [*a, *a]\nfields: [*b, *b]\n",
        [":5:", "alias", "Write out"],
    ),
    "deeper than anything is meant": (HEAD + "fields: " + "[" * 3000, [":4:", "too deeply"]),
    "a day that is none": (HEAD + "active: 2026-99-99\nfields: []\n", ["This is no YAML"]),
    "a name twice": (HEAD + "crm: contact\nfields:\n  - {erp: Info.Name, crm: Name}\n", [":4:", "stands twice"]),
    "missing": ("rule: customer\nfields:\n  - {erp: Info.Name, crm: Name}\n", ["«erp» is missing"]),
    "quiet period": (
        HEAD + "quiet_period: soon\nfields:\n  - {erp: Info.Name, crm: Name}\n",
        [":4:", "quiet period", "5m"],
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refusals_name_the_line_the_reason_and_the_way_out(case: str) -> None:
    document, wanted = REFUSED[case]
    mistakes = _mistakes(document)
    assert any(all(word in mistake for word in wanted) for mistake in mistakes), mistakes


def test_every_mistake_of_a_document_is_told_at_once() -> None:
    document = HEAD + "fields:\n  - {erp: Nix, crm: Name}\n  - {erp: Info.Name, crm: Nix}\n"
    assert [mistake.split(":")[1] for mistake in _mistakes(document)] == ["5", "6"]


def test_a_personal_number_can_never_be_named() -> None:
    document = HEAD + "fields:\n  - {erp: SocialSecurityNumber, crm: Number1, direction: to_crm}\n"
    assert "no field" in _mistakes(document)[0]


def test_partner_paths_must_be_valid_on_both_rows() -> None:
    head = "rule: partner\nerp: [Customer, Supplier]\ncrm: contact\n"
    document = head + "fields:\n  - {erp: CustomerNumber, crm: Number2, direction: to_crm}\n"
    assert "Supplier has no field «CustomerNumber»" in _mistakes(document)[0]
