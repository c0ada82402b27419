"""Who links by itself, who is only suggested, and how sure that is on a generated truth set."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sounimicro_pipelines.rules.model import MatchStep
from sounimicro_pipelines.sync.match import Identity, Register, certain, compare, duplicates, pair_up, suggest
from sounimicro_pipelines.sync.names import NameIndex, normal, similarity
from sounimicro_pipelines_tests.sync.truth import make_truth

COMPANY = tuple(MatchStep(by=by) for by in ("org_number", "erp_number", "name_and_postcode", "email_domain", "phone"))
PERSON = (MatchStep(by="email"), MatchStep(by="mobile"), MatchStep(by="name_within_parent", min_score=0.95))
ORG = "923609016"
ABB = Identity(1, "ABB Installasjon AS", ORG, postcode="1375")


def _certain(one: Identity, *others: Identity, own: tuple[Identity, ...] = (), steps=COMPANY):  # type: ignore[no-untyped-def]
    return certain(one, Register((one, *own)), Register(others), steps)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Sæther Rør & Varme A/S", "SAETHER RØR OG VARME AS"),
        ("Ødegård Bygg ASA", "Oedegaard bygg"),
        ("Fjord-Vik Elektro", "Fjord Vik Elektro AS"),
    ],
)
def test_spelling_legal_form_and_joining_words_do_not_count(one: str, other: str) -> None:
    assert similarity(one, other) == 1.0
    assert normal(one) == normal(other)


@pytest.mark.parametrize(
    ("one", "other"), [("Bygg 2 AS", "Bygg 3 AS"), ("Eiendom I AS", "Eiendom II AS"), ("Fjord Holding", "Fjord Drift")]
)
def test_near_names_of_different_companies_stay_below_the_threshold(one: str, other: str) -> None:
    assert similarity(one, other) < 0.92


def test_a_unique_organisation_number_links_by_itself() -> None:
    found = _certain(ABB, Identity(7, "ABB Installasjon", ORG), Identity(8, "ABB Holding AS", "914778271"))
    assert found is not None
    assert (found.id, found.by) == (7, "org_number")


def test_nothing_links_where_organisation_numbers_disagree() -> None:
    other = replace(ABB, id=7, org_number="914778271")
    assert _certain(ABB, other) is None
    assert suggest(ABB, Register((other,)), COMPANY)[0].reasons[:2] == ("same_name", "other_org_number")


def test_an_organisation_number_under_another_name_is_only_suggested() -> None:
    other = Identity(7, "Lofoten Sjømat AS", ORG)
    assert _certain(ABB, other) is None
    assert suggest(ABB, Register((other,)), COMPANY)[0].id == 7


def test_two_candidates_are_left_to_a_person() -> None:
    assert _certain(ABB, replace(ABB, id=7), replace(ABB, id=8)) is None
    assert _certain(ABB, replace(ABB, id=7), replace(ABB, id=8, linked=True)) is None
    assert _certain(ABB, replace(ABB, id=7), own=(replace(ABB, id=2),)) is None


def test_a_linked_record_is_never_linked_again() -> None:
    assert _certain(ABB, replace(ABB, id=7, linked=True)) is None
    assert _certain(replace(ABB, linked=True), replace(ABB, id=7)) is None
    assert "already_linked" in suggest(ABB, Register((replace(ABB, id=7, linked=True),)), COMPANY)[0].reasons


def test_a_number_that_a_counter_holds_by_chance_links_nothing() -> None:
    one = Identity(1, "Fjord Elektro AS", number="10148")
    assert _certain(one, Identity(7, "Tind Transport AS", number="10148")) is None
    found = _certain(one, Identity(7, "Fjord Elektro", number="10148"))
    assert found is not None
    assert found.by == "erp_number"


def test_a_name_needs_its_postcode_and_no_other_legal_form() -> None:
    one = Identity(1, "Fjord Elektro AS", postcode="5003")
    assert _certain(one, Identity(7, "Fjord Elektro", postcode="5003")) is not None
    assert _certain(one, Identity(7, "Fjord Elektro", postcode="0151")) is None
    assert _certain(one, Identity(7, "Fjord Elektro")) is None
    assert _certain(one, Identity(7, "Fjord Elektro ENK", postcode="5003")) is None


def test_a_domain_or_a_phone_only_ever_suggests() -> None:
    one = Identity(1, "Fjord", emails=frozenset({"a@fjord.no"}), phones=frozenset({"+4755102030"}))
    other = Identity(7, "Helt Annet Navn", emails=frozenset({"b@fjord.no"}), phones=one.phones)
    assert _certain(one, other) is None
    assert suggest(one, Register((other,)), COMPANY)[0].reasons == ("same_phone", "same_domain")


def test_a_free_mail_domain_says_nothing() -> None:
    one = Identity(1, "Fjord", emails=frozenset({"a@gmail.com"}))
    assert suggest(one, Register((Identity(7, "Tind", emails=frozenset({"b@gmail.com"})),)), COMPANY) == []


def test_persons_match_within_their_company_alone() -> None:
    one = Identity(1, "Ola Vik", emails=frozenset({"ola@fjord.no"}), parent=5)
    assert _certain(one, Identity(7, "Ola Vik", emails=one.emails, parent=6), steps=PERSON) is None
    found = _certain(one, Identity(7, "Ola Vik", emails=one.emails, parent=5), steps=PERSON)
    assert found is not None
    shared = Identity(8, "Kari Nes", emails=one.emails, parent=5)
    assert _certain(one, shared, steps=PERSON) is None


def test_duplicates_inside_one_system_are_told() -> None:
    register = Register(
        (ABB, replace(ABB, id=2), Identity(3, "Tind", postcode="1"), Identity(4, "TIND AS", postcode="1"))
    )
    assert duplicates(register) == [(1, 2), (3, 4)]


def test_the_index_finds_names_with_their_words_turned_and_run_together() -> None:
    index = NameIndex(["Fjordvik Mekaniske AS", "Tind Transport", "Bryggen Rør og Varme"])
    assert index.nearest("Mekaniske Fjordvik")[0] == 0
    assert index.nearest("bryggenrør & varme")[0] == 2
    assert NameIndex([]).nearest("x") == []


@pytest.mark.parametrize("seed", [11])
def test_the_truth_set_is_matched_with_hardly_a_mistake(seed: int) -> None:
    truth = make_truth(seed, 600, 500)
    crm, erp = Register(truth.crm), Register(truth.erp)
    pairing = pair_up(crm, erp, COMPANY)
    by_crm, by_erp = {one.id: one for one in truth.crm}, {one.id: one for one in truth.erp}
    right = [truth.pairs.get(crm_id) == erp_id for crm_id, erp_id, _ in pairing.matched]
    assert sum(right) / len(right) >= 0.999
    assert len(right) >= 0.8 * len(truth.pairs)
    for crm_id, erp_id, _ in pairing.matched:
        one, other = by_crm[crm_id], by_erp[erp_id]
        assert not (one.org_number and other.org_number and one.org_number != other.org_number)
    top = [
        erp_id in [found.id for found in suggest(by_crm[crm_id], erp, COMPANY, 3)]
        for crm_id, erp_id in truth.pairs.items()
    ]
    assert sum(top) / len(top) >= 0.99
    everyone = {crm_id for crm_id, _, _ in pairing.matched} | set(pairing.suggested) | set(pairing.only_crm)
    assert everyone == set(by_crm)


def test_comparing_is_the_same_from_both_ends() -> None:
    truth = make_truth(5, 60, 50)
    for one in truth.crm[:30]:
        for other in truth.erp[:30]:
            there, back = compare(one, other, COMPANY), compare(other, one, COMPANY)
            assert (there.score, there.by, set(there.reasons)) == (back.score, back.by, set(back.reasons))
