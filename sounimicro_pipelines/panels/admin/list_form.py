"""The mapping of one list in one company as a form: an ERP item for each CRM item, a CRM item for each ERP item.

The engine wants pairs, and marks for those that are used where an item has several counterparts. People choose per
item instead; what they choose becomes pairs, or is refused at the item where it cannot be said so.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from starlette.datastructures import FormData

from sounimicro_pipelines.rules.values import ItemMap
from sounimicro_pipelines.store.rule_versions import ListPair

Pair = tuple[str, str]
LONGEST = 200
MOST = 1000
"""Characters of a value, and items of a side, that are read from a form."""


@dataclass(frozen=True, slots=True)
class ListForm:
    """What was chosen: `to_erp` CRM item → ERP item, `to_crm` ERP item → CRM item; "" is no choice.

    An ERP item without a choice takes the one CRM item that leads to it. `base` is the digest of the stored pairs that
    the form was made from.
    """

    to_erp: Mapping[str, str] = field(default_factory=dict)
    to_crm: Mapping[str, str] = field(default_factory=dict)
    base: str = ""


@dataclass(frozen=True, slots=True)
class Refused:
    """An item whose choice cannot be kept; `kind` is the text `lists.refusals.<kind>`."""

    side: str
    item: str
    kind: str


def stored_map(name: str, pairs: Iterable[ListPair]) -> ItemMap:
    """The stored pairs as the engine reads them."""
    found = list(pairs)
    return ItemMap(
        name,
        frozenset((one.crm_item, one.erp_item) for one in found),
        frozenset((one.crm_item, one.erp_item) for one in found if one.way_back),
    )


def digest(mapping: ItemMap) -> str:
    """Changes when the stored pairs do."""
    told = repr((sorted(mapping.pairs), sorted(mapping.ways_back)))
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def form_of(mapping: ItemMap) -> ListForm:
    """The form that says what is stored."""
    crm, erp = {pair[0] for pair in mapping.pairs}, {pair[1] for pair in mapping.pairs}
    to_erp = {item: mapping.counterpart("crm", item) or "" for item in crm}
    to_crm = {}
    for item in erp:
        chosen = mapping.counterpart("erp", item) or ""
        if [one for one, other in to_erp.items() if other == item] != [chosen]:
            to_crm[item] = chosen
    return ListForm(to_erp, to_crm, digest(mapping))


def form_from(sent: FormData) -> ListForm:
    """The form as it was sent: `crm.<n>` with `erp_of.<n>`, and `erp.<n>` with `crm_of.<n>`."""
    return ListForm(
        _choices(sent, "crm", "erp_of"), _choices(sent, "erp", "crm_of"), str(sent.get("base", ""))[:LONGEST]
    )


def pairs_of(form: ListForm) -> tuple[ItemMap, list[Refused]]:
    """The pairs that say what was chosen, and the items for which that is not possible."""
    to_erp = {item: chosen for item, chosen in form.to_erp.items() if chosen}
    to_crm = {item: chosen for item, chosen in form.to_crm.items() if chosen}
    pairs: set[Pair] = set(to_erp.items()) | {(chosen, item) for item, chosen in to_crm.items()}
    refused = []
    for item in sorted({erp for _, erp in pairs}):
        leading = sorted({crm for crm, erp in pairs if erp == item})
        if item not in to_crm:
            if len(leading) > 1:
                refused.append(Refused("erp", item, "several"))
            to_crm[item] = leading[0]
    for item in sorted({crm for crm, _ in pairs}):
        leading = sorted({erp for crm, erp in pairs if crm == item})
        if item not in to_erp:
            if len(leading) > 1:
                refused.append(Refused("crm", item, "several"))
            to_erp[item] = leading[0]
    ways_back = {(crm, erp) for crm, erp in pairs if to_crm[erp] == crm and _shared(pairs, 1, erp)}
    ways_back |= {(crm, erp) for crm, erp in pairs if to_erp[crm] == erp and _shared(pairs, 0, crm)}
    mapping = ItemMap("", frozenset(pairs), frozenset(ways_back))
    if not refused:
        refused += [
            Refused("crm", item, "cross") for item in to_erp if mapping.counterpart("crm", item) != to_erp[item]
        ]
        refused += [
            Refused("erp", item, "cross") for item in to_crm if mapping.counterpart("erp", item) != to_crm[item]
        ]
    return mapping, refused


def _shared(pairs: set[Pair], place: int, item: str) -> bool:
    return sum(pair[place] == item for pair in pairs) > 1


def _choices(sent: FormData, item: str, chosen: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for number in range(MOST):
        value = sent.get(f"{item}.{number}")
        if not isinstance(value, str):
            break
        choice = sent.get(f"{chosen}.{number}")
        if value.strip():
            found[value.strip()[:LONGEST]] = choice.strip()[:LONGEST] if isinstance(choice, str) else ""
    return found
