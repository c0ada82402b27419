"""What a rule means for records that are linked already.

By it one tells a change that concerns them from one that does not, such as another order on screen or another way to
recognise new records.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache

import yaml

from sounimicro_pipelines.rules.model import Rule, RuleField
from sounimicro_pipelines.rules.values import ItemMap
from sounimicro_pipelines.store.baselines import digest

Effect = dict[str, str]
"""Digests of what each travelling field means, by its key; `WHOLE` is that of what the rule says of all of them."""
WHOLE = ""


def effect_of(document: str, items: Mapping[str, ItemMap]) -> Effect:
    """The effect of a rule's document in a company that maps its lists so."""
    return dict(_effect(document, tuple(items[name] for name in lists_of(document) if name in items)))


@lru_cache(maxsize=64)
def lists_of(document: str) -> tuple[str, ...]:
    """The lists whose mapping belongs to the rule's effect."""
    return tuple(dict.fromkeys(one.list for one in _travelling(document) if one.list))


def changed_keys(before: Effect, after: Iterable[Effect]) -> set[str]:
    """The fields of which any later effect says something else; among them `WHOLE`."""
    return {key for one in after for key in before.keys() | one.keys() if before.get(key) != one.get(key)}


@lru_cache(maxsize=256)
def _effect(document: str, items: tuple[ItemMap, ...]) -> Effect:
    rule, mapped = _rule(document), {one.name: one for one in items}
    found = {one.key: _meaning(one, mapped) for one in _travelling(document)}
    conflict = {one.key: one.conflict for one in _travelling(document)}
    takes_part = [rule.takes_part.crm, rule.takes_part.erp]
    found[WHOLE] = digest({"active": rule.active, "takes_part": takes_part, "conflict": conflict})
    return found


@lru_cache(maxsize=64)
def _rule(document: str) -> Rule:
    return Rule.model_validate(yaml.safe_load(document))


def _travelling(document: str) -> list[RuleField]:
    return [one for one in _rule(document).fields if one.crm and one.erp and one.direction != "none"]


def _meaning(one: RuleField, items: Mapping[str, ItemMap]) -> str:
    said: dict[str, object] = {name: getattr(one, name) for name in ("erp", "crm", "direction", "transform", "list")}
    if one.list and one.list in items:
        said["items"] = [sorted(items[one.list].pairs), sorted(items[one.list].ways_back)]
    return digest(said)
