"""Recognising the same company, person or project in the other system. Pure.

A pair links by itself only when one way of the rule is certain about it, nothing speaks against it, and it is the only
such pair for both of its records. Everything else is a suggestion with its reasons, for a person.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Literal

from sounimicro_pipelines.rules.model import MatchStep
from sounimicro_pipelines.sync.names import NameIndex, fold, normal, similarity, tokens

FREE_MAIL = frozenset(
    (
        "gmail.com", "googlemail.com", "hotmail.com", "hotmail.no", "outlook.com", "live.no", "live.com", "msn.com",
        "yahoo.com", "yahoo.no", "online.no", "icloud.com", "me.com", "start.no", "broadpark.no", "getmail.no",
        "c2i.net", "frisurf.no", "altibox.no", "lyse.net", "proton.me", "protonmail.com",
    )
)  # fmt: skip
"""Mail providers whose domain says nothing about the company."""

SUGGESTING_ONLY = frozenset(("email_domain", "phone"))
ENOUGH_FOR_A_NUMBER = 0.82
"""How alike names must be for an equal organisation number to link by itself: a mistyped one is another company's."""
ENOUGH_FOR_OUR_NUMBER = 0.85
"""The same for an ERP number, which a counter in the CRM may hold by chance."""
WORTH_SUGGESTING = 0.45

Reason = Literal[
    "same_org_number", "other_org_number", "same_number", "same_name", "similar_name", "same_postcode",
    "other_postcode", "same_phone", "same_email", "same_domain", "same_street", "other_legal_form", "already_linked",
    "same_mark",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Identity:
    """What a record is recognised by. `org_number` is valid or ""; phones are E.164, e-mail addresses lower case."""

    id: int
    name: str
    org_number: str = ""
    number: str = ""
    postcode: str = ""
    street: str = ""
    phones: frozenset[str] = frozenset()
    emails: frozenset[str] = frozenset()
    domains: frozenset[str] = frozenset()
    parent: int | None = None
    linked: bool = False

    @property
    def own_domains(self) -> frozenset[str]:
        return _own_domains(self.emails, self.domains)


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A record that may be the same. `score` is 0 to 1; `by` names the way that is certain, or is ""."""

    id: int
    score: float
    reasons: tuple[Reason, ...]
    by: str = ""


@dataclass(slots=True)
class Register:
    """The records of one kind in one system, with what finds them quickly."""

    identities: Sequence[Identity]
    _index: NameIndex | None = None
    _by: dict[str, dict[str, list[int]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        by: dict[str, dict[str, list[int]]] = {
            kind: defaultdict(list) for kind in ("org", "number", "phone", "email", "domain", "name", "parent")
        }
        for place, one in enumerate(self.identities):
            for kind, keys in _keys(one):
                for key in keys:
                    by[kind][key].append(place)
        self._by = {kind: dict(places) for kind, places in by.items()}

    def near(self, one: Identity, limit: int = 60) -> list[Identity]:
        """The records worth comparing with this one."""
        places: dict[int, None] = {}
        for kind, keys in _keys(one):
            for key in keys:
                for place in self._by[kind].get(key, ())[:200]:
                    places[place] = None
        if self._index is None:
            self._index = NameIndex([identity.name for identity in self.identities])
        for place in self._index.nearest(one.name, limit):
            places[place] = None
        return [self.identities[place] for place in places]


def compare(one: Identity, other: Identity, steps: Sequence[MatchStep]) -> Suggestion:
    """How much speaks for two records being the same, seen from `one`."""
    name = similarity(one.name, other.name)
    reasons: list[Reason] = []
    if name == 1.0:
        reasons.append("same_name")
    elif name >= 0.75:
        reasons.append("similar_name")
    org = _agreement(one.org_number, other.org_number)
    postcode = _agreement(_digits(one.postcode), _digits(other.postcode))
    number = _agreement(one.number, other.number)
    phone, email = _overlap(one.phones, other.phones), _overlap(one.emails, other.emails)
    domain = _overlap(one.own_domains, other.own_domains)
    street = _street(one.street, other.street)
    forms = _agreement(tokens(one.name)[1], tokens(other.name)[1])
    for value, same, different in (
        (org, "same_org_number", "other_org_number"),
        (postcode, "same_postcode", "other_postcode"),
        (number, "same_number", None),
        (phone, "same_phone", None),
        (email, "same_email", None),
        (domain, "same_domain", None),
        (street, "same_street", None),
        (forms, None, "other_legal_form"),
    ):
        reason = same if value is True else different if value is False else None
        if reason is not None:
            reasons.append(reason)  # type: ignore[arg-type]
    support = sum(value is True for value in (phone, email, domain, street))
    against = sum(value is False for value in (phone, domain, street))
    score = 0.62 * name + 0.12 * (postcode is True) + 0.05 * (number is True)
    score += 0.09 * min(support, 2) - 0.02 * (postcode is False) - 0.02 * (forms is False)
    if org is True:
        score = max(score, 0.55) + 0.3
    elif org is False:
        score -= 0.12
    score = round(min(max(score, 0.0), 1.0), 4)
    by = ""
    for step in steps:
        if org is False or step.by in SUGGESTING_ONLY:
            continue
        if _certain(step, name, org, number, postcode, email, phone, forms, support, against):
            by = step.by
            break
    return Suggestion(other.id, score, tuple(reasons), by)


def _certain(
    step: MatchStep,
    name: float,
    org: bool | None,
    number: bool | None,
    postcode: bool | None,
    email: bool | None,
    phone: bool | None,
    forms: bool | None,
    support: int,
    against: int,
) -> bool:
    if step.by == "org_number":
        wanted = 0.5 if postcode is True else 0.9 if postcode is False else ENOUGH_FOR_A_NUMBER
        return org is True and (name >= wanted or support > 0)
    if step.by in ("erp_number", "project_number"):
        return number is True and name >= ENOUGH_FOR_OUR_NUMBER
    if step.by == "name_and_postcode":
        sure = name if name == 1.0 else 0.9 * name + (0.1 if support else 0.0)
        return postcode is True and forms is not False and sure >= step.min_score and (support > 0 or not against)
    if step.by == "email":
        return email is True and name >= ENOUGH_FOR_A_NUMBER
    if step.by == "mobile":
        return phone is True and name >= ENOUGH_FOR_A_NUMBER
    if step.by in ("name_within_parent", "name"):
        return name >= step.min_score and (email is not False or support > 0 or name == 1.0)
    return False


def suggest(one: Identity, register: Register, steps: Sequence[MatchStep], limit: int = 10) -> list[Suggestion]:
    """Records of the other system that may be this one, most likely first."""
    found = [_told(one, other, steps) for other in register.near(one) if _same_parent(one, other)]
    worth = [each for each in found if each.score >= WORTH_SUGGESTING or each.by or _speaks(each)]
    worth.sort(key=lambda each: (-each.score, each.id))
    return worth[:limit]


def certain(one: Identity, own: Register, others: Register, steps: Sequence[MatchStep]) -> Suggestion | None:
    """The one record that this one surely is, or None: unique in both systems and linked to nothing yet."""
    if one.linked:
        return None
    match = _only(one, others, steps)
    if match is None:
        return None
    back = _only(next(other for other in others.near(one) if other.id == match.id), own, steps)
    return match if back is not None and back.id == one.id else None


def _only(one: Identity, register: Register, steps: Sequence[MatchStep]) -> Suggestion | None:
    rivals = [(other, compare(one, other, steps)) for other in register.near(one) if _same_parent(one, other)]
    sure = [(other, pair) for other, pair in rivals if pair.by]
    if len(sure) != 1 or sure[0][0].linked:
        return None
    match = sure[0][1]
    for other, pair in rivals:
        if other.id != match.id and (pair.score >= match.score or "same_org_number" in pair.reasons):
            return None
        if other.id != match.id and match.by != "org_number" and could_be(pair):
            return None
    return match


def could_be(pair: Suggestion) -> bool:
    """Whether two records have the same name and nothing that tells them apart."""
    return (
        "same_name" in pair.reasons and "other_postcode" not in pair.reasons and "other_org_number" not in pair.reasons
    )


@dataclass(frozen=True, slots=True)
class Pairing:
    """Two registers laid side by side: what links by itself, what is suggested, and what only one of them has."""

    matched: tuple[tuple[int, int, str], ...]
    suggested: dict[int, list[Suggestion]]
    only_crm: tuple[int, ...]
    only_erp: tuple[int, ...]


def pair_up(crm: Register, erp: Register, steps: Sequence[MatchStep], *, limit: int = 5) -> Pairing:
    """Every unlinked record of both registers, matched, suggested or alone; matched are (CRM id, ERP id, way)."""
    matched: list[tuple[int, int, str]] = []
    suggested: dict[int, list[Suggestion]] = {}
    only: list[int] = []
    taken: set[int] = set()
    open_records = [one for one in crm.identities if not one.linked]
    for one in open_records:
        match = certain(one, crm, erp, steps)
        if match is not None:
            matched.append((one.id, match.id, match.by))
            taken.add(match.id)
    paired = {crm_id for crm_id, _, _ in matched}
    for one in open_records:
        if one.id in paired:
            continue
        found = [each for each in suggest(one, erp, steps, limit + 3) if each.id not in taken][:limit]
        if found:
            suggested[one.id] = found
        else:
            only.append(one.id)
    hinted = {each.id for found in suggested.values() for each in found}
    alone = tuple(one.id for one in erp.identities if not one.linked and one.id not in taken and one.id not in hinted)
    return Pairing(tuple(matched), suggested, tuple(only), alone)


def duplicates(register: Register) -> list[tuple[int, ...]]:
    """Groups of records of one system that may be the same: equal organisation number, or equal name and postcode."""
    groups: dict[str, list[int]] = defaultdict(list)
    for one in register.identities:
        if one.org_number:
            groups[f"org:{one.org_number}"].append(one.id)
        if normal(one.name) and _digits(one.postcode):
            groups[f"name:{normal(one.name)}:{_digits(one.postcode)}:{one.parent}"].append(one.id)
    found = {tuple(sorted(ids)) for ids in groups.values() if len(ids) > 1}
    return sorted(found)


def _told(one: Identity, other: Identity, steps: Sequence[MatchStep]) -> Suggestion:
    found = compare(one, other, steps)
    return replace(found, reasons=(*found.reasons, "already_linked")) if other.linked else found


def _speaks(found: Suggestion) -> bool:
    return bool({"same_org_number", "same_email", "same_phone", "same_domain"} & set(found.reasons))


@lru_cache(maxsize=100_000)
def _own_domains(emails: frozenset[str], domains: frozenset[str]) -> frozenset[str]:
    return frozenset(({address.rpartition("@")[2] for address in emails} | domains) - FREE_MAIL - {""})


def _same_parent(one: Identity, other: Identity) -> bool:
    return one.parent is None or other.parent is None or one.parent == other.parent


def _keys(one: Identity) -> Iterable[tuple[str, Iterable[str]]]:
    yield "org", (one.org_number,) if one.org_number else ()
    yield "number", (one.number,) if one.number else ()
    yield "phone", one.phones
    yield "email", one.emails
    yield "domain", one.own_domains
    yield "name", (normal(one.name),) if normal(one.name) else ()
    yield "parent", (str(one.parent),) if one.parent is not None else ()


def _agreement(one: str, other: str) -> bool | None:
    return None if not one or not other else one == other


def _overlap(one: frozenset[str], other: frozenset[str]) -> bool | None:
    return None if not one or not other else bool(one & other)


@lru_cache(maxsize=100_000)
def _squeezed(text: str) -> str:
    return fold("".join(text.split()))


def _street(one: str, other: str) -> bool | None:
    return None if not one or not other else _squeezed(one) == _squeezed(other)


@lru_cache(maxsize=100_000)
def _digits(text: str) -> str:
    return "".join(letter for letter in text if letter.isdigit()) or text.strip().casefold()
