"""Rules are written as they were shipped; differences are told setting by setting, and put together."""

from __future__ import annotations

from typing import Any

import pytest

from sounimicro_pipelines.rules import RULE_NAMES, Rule, RuleError, read_rule
from sounimicro_pipelines.rules.changes import changes, merge
from sounimicro_pipelines.rules.versions import default_document
from sounimicro_pipelines.rules.writing import as_data, leading_comment, quiet_text, write_rule


def customer(**settings: Any) -> Rule:
    return read_rule(default_document("customer"), "customer.yaml").model_copy(update=settings)


def edited(rule: Rule, erp: str, **settings: Any) -> Rule:
    rows = [one.model_copy(update=settings) if erp in one.erp else one for one in rule.fields]
    return rule.model_copy(update={"fields": tuple(rows)})


def without(rule: Rule, erp: str) -> Rule:
    return rule.model_copy(update={"fields": tuple(one for one in rule.fields if erp not in one.erp)})


@pytest.mark.parametrize("name", RULE_NAMES)
def test_the_shipped_documents_are_written_letter_by_letter_as_they_are(name: str) -> None:
    document = default_document(name)
    assert write_rule(as_data(read_rule(document, name)), leading_comment(document)) == document


@pytest.mark.parametrize(
    "text", ["no", "007", "1.50", "12", "a: b", "- x", "#5", "", "Ærlig «talt»", "[x]", '"', "1e3", "null", "\\n"]
)
def test_any_text_comes_back_as_it_was_written(text: str) -> None:
    data = as_data(customer())
    data["fields"][0]["on_create"] = {"default": text}
    found = read_rule(write_rule(data), "x").fields[0].on_create.default
    assert str(found) == text
    assert isinstance(found, str)


@pytest.mark.parametrize(("seconds", "text"), [(0, "0s"), (90, "90s"), (300, "5m"), (7200, "2h"), (86400, "1d")])
def test_a_quiet_period_is_written_in_its_largest_whole_unit(seconds: float, text: str) -> None:
    assert quiet_text(seconds) == text
    assert read_rule(write_rule(as_data(customer(quiet_period=float(seconds)))), "x").quiet_period == seconds


def test_every_difference_is_told_once() -> None:
    before = customer()
    after = edited(without(before, "CreditDays"), "WebUrl", direction="to_crm", show_in_search=True)
    rows = list(after.fields)
    rows.insert(0, rows.pop(1))
    after = after.model_copy(update={"fields": tuple(rows), "active": False})
    assert changes(before, before) == []
    assert [(one.kind, one.field, one.setting, one.after) for one in changes(before, after)] == [
        ("changed", "", "active", False),
        ("removed", "CreditDays", "", None),
        ("changed", "WebUrl ↔ Urls[first].Value", "direction", "to_crm"),
        ("changed", "WebUrl ↔ Urls[first].Value", "show_in_search", True),
        ("order", "", "", None),
    ]


def test_two_peoples_changes_to_different_things_are_put_together() -> None:
    base = customer()
    mine = edited(customer(quiet_period=60.0), "WebUrl", direction="to_crm")
    theirs = edited(without(customer(active=False), "CreditDays"), "OrgNumber", conflict="crm")
    both, kept_out = merge(base, mine, theirs)
    assert kept_out == []
    expected = without(customer(active=False, quiet_period=60.0), "CreditDays")
    expected = edited(edited(expected, "OrgNumber", conflict="crm"), "WebUrl", direction="to_crm")
    assert both == expected
    assert {(one.field, one.setting) for one in changes(base, both)} == {
        (one.field, one.setting) for one in (*changes(base, mine), *changes(base, theirs))
    }


def test_where_two_people_changed_the_same_thing_mine_stands_and_theirs_is_told() -> None:
    base = customer()
    mine = without(edited(base, "OrgNumber", conflict="erp"), "CreditDays")
    theirs = edited(edited(without(base, "WebUrl"), "OrgNumber", conflict="crm"), "CreditDays", show_in_search=True)
    mine = edited(mine, "WebUrl", direction="to_erp")
    both, kept_out = merge(base, mine, theirs)
    assert both == mine
    assert [(one.kind, one.field.split(" ")[0], one.after) for one in kept_out] == [
        ("removed", "WebUrl", None),
        ("changed", "OrgNumber", "crm"),
        ("changed", "CreditDays", True),
    ]
    same = edited(base, "OrgNumber", conflict="crm")
    assert merge(base, same, same) == (same, [])


def test_a_row_that_the_other_person_added_comes_where_they_put_it() -> None:
    base = customer()
    added = base.fields[0].model_copy(update={"erp": ("GLN",), "crm": ("Department",)})
    theirs = base.model_copy(update={"fields": (base.fields[0], added, *base.fields[1:])})
    mine = without(base, "CreditDays")
    both, kept_out = merge(base, mine, theirs)
    assert [one.erp[0] for one in both.fields[:3]] == ["Info.Name", "GLN", "OrgNumber"]
    assert (len(both.fields), kept_out) == (len(base.fields), [])
    moved = base.model_copy(update={"fields": (*base.fields[1:], base.fields[0])})
    assert merge(base, mine, moved)[0].fields[-1] == base.fields[0]


def test_a_mistake_says_where_in_the_document_it_is_and_what_kind_it_is() -> None:
    document = default_document("customer").replace("OrgNumber, crm: OrgNr", "OrgNumber, crm: Name")
    with pytest.raises(RuleError) as caught:
        read_rule(document, "customer.yaml")
    (mistake,) = caught.value.mistakes
    assert (mistake.place, mistake.kind) == (("fields", 1), "two_writers")
    assert mistake.words == {"side": "crm", "path": "Name", "row": "1", "away": "to_erp"}
    assert mistake.line == document.splitlines().index(next(x for x in document.splitlines() if "OrgNumber" in x)) + 1
