"""What people choose per item becomes the pairs that the engine reads, or is refused at the item."""

from __future__ import annotations

import itertools

from sounimicro_pipelines.panels.admin.list_form import ListForm, form_of, pairs_of


def test_every_choice_is_what_the_engine_then_does_or_is_refused() -> None:
    """All forms over two items of each side."""
    crm, erp, kept = ("a", "b"), ("1", "2"), 0
    for first, second, third, fourth in itertools.product(("", *erp), ("", *erp), ("", *crm), ("", *crm)):
        form = ListForm(dict(zip(crm, (first, second), strict=True)), dict(zip(erp, (third, fourth), strict=True)))
        mapping, refused = pairs_of(form)
        if refused:
            assert all(one.item in (*crm, *erp) for one in refused)
            continue
        kept += 1
        for item, chosen in form.to_erp.items():
            assert chosen in ("", mapping.counterpart("crm", item))
        for item, chosen in form.to_crm.items():
            assert chosen in ("", mapping.counterpart("erp", item))
        again, refused = pairs_of(form_of(mapping))
        assert (again.pairs, again.ways_back, refused) == (mapping.pairs, mapping.ways_back, [])
    assert kept > 30


def test_several_items_that_become_one_need_the_way_back() -> None:
    form = ListForm({"a": "1", "b": "1"}, {"1": ""})
    assert [(one.side, one.item, one.kind) for one in pairs_of(form)[1]] == [("erp", "1", "several")]
    mapping, refused = pairs_of(ListForm({"a": "1", "b": "1"}, {"1": "b"}))
    assert (refused, mapping.ways_back) == ([], {("b", "1")})


def test_choices_that_cross_are_refused() -> None:
    _, refused = pairs_of(ListForm({"a": "1", "b": "1"}, {"1": "b", "2": "a"}))
    assert {one.kind for one in refused} == {"cross"}
