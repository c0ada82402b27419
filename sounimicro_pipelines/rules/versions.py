"""The rules in force: the shipped defaults until somebody changes them, then the newest version in the store."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from importlib import resources

import yaml

from sounimicro_pipelines.rules.loader import Mistake, RuleError, read_rule
from sounimicro_pipelines.rules.model import RULE_NAMES, Rule, RuleField, RuleName
from sounimicro_pipelines.rules.refusals import Registries, settle
from sounimicro_pipelines.rules.values import ItemMap
from sounimicro_pipelines.store import Store, Transaction, rule_versions
from sounimicro_pipelines.store.rule_versions import RuleVersion

DEFAULT_VERSION = 0
"""The version number of a rule that nobody has changed."""


@dataclass(frozen=True, slots=True)
class RuleInForce:
    """A rule with its version and the document it was read from."""

    rule: Rule
    version: int
    document: str


class RuleSet:
    """The five rules in force, with a transform settled on each field."""

    def __init__(self, rules: Mapping[RuleName, RuleInForce]) -> None:
        self._rules = dict(rules)

    def get(self, name: str) -> Rule:
        """The rule of that name. Raises KeyError."""
        return self._rules[name].rule  # type: ignore[index]

    def version(self, name: str) -> int:
        return self._rules[name].version  # type: ignore[index]

    def document(self, name: str) -> str:
        return self._rules[name].document  # type: ignore[index]

    def is_superseded(self, tx: Transaction) -> bool:
        """Whether a newer version of any of the rules is in force."""
        newest = rule_versions.newest(tx)
        return any(newest.get(name, DEFAULT_VERSION) > entry.version for name, entry in self._rules.items())

    def replacing(self, name: RuleName, document: str, registries: Registries) -> RuleSet:
        """The same rules with another document for one of them, as a try. Raises RuleError."""
        rule = settle(read_rule(document, f"{name}.yaml", registries), registries)
        return RuleSet({**self._rules, name: RuleInForce(rule, self.version(name), document)})

    def active(self) -> list[Rule]:
        """The active rules: companies first, then persons and projects."""
        return [entry.rule for entry in self._rules.values() if entry.rule.active]

    def for_crm(self, crm_entity: str) -> list[Rule]:
        return [rule for rule in self.active() if rule.crm == crm_entity]

    def for_erp(self, erp_entity: str) -> list[Rule]:
        return [rule for rule in self.active() if erp_entity in rule.erp]

    def is_partner_field(self, field: RuleField) -> bool:
        """Whether the partner rule, where it governs, takes this field from the single rules."""
        entry = self._rules.get("partner")
        if entry is None or not entry.rule.active:
            return False
        return any(set(field.crm) & set(other.crm) or set(field.erp) & set(other.erp) for other in entry.rule.fields)


@lru_cache(maxsize=8)
def default_document(name: str) -> str:
    """The shipped YAML of a rule."""
    return resources.files("sounimicro_pipelines.rules").joinpath("defaults", f"{name}.yaml").read_text("utf-8")


def load_rules(tx: Transaction | None, registries: Registries) -> RuleSet:
    """The rules in force. Raises RuleError for a stored rule that cannot be used any more."""
    found: dict[RuleName, RuleInForce] = {}
    for name in RULE_NAMES:
        stored = rule_versions.current(tx, name) if tx is not None else None
        document = stored.document if stored else default_document(name)
        version = stored.version if stored else DEFAULT_VERSION
        rule = read_rule(document, f"{name}.yaml", registries)
        found[name] = RuleInForce(settle(rule, registries), version, document)
    return RuleSet(found)


def save_rule(
    store: Store,
    name: str,
    document: str,
    registries: Registries,
    *,
    by: str,
    now: datetime,
    expected: int | None = None,
) -> RuleVersion:
    """Check a rule and put it in force as a new version; `expected` is the version it was made from.

    Raises RuleError, and Outdated when somebody else has changed the rule since.
    """
    with store.transaction() as tx:
        return put_in_force(tx, name, document, registries, by=by, now=now, expected=expected)


def put_in_force(
    tx: Transaction,
    name: str,
    document: str,
    registries: Registries,
    *,
    by: str,
    now: datetime,
    expected: int | None = None,
) -> RuleVersion:
    """What `save_rule` does, in a transaction that has more to do."""
    rule = read_rule(document, f"{name}.yaml", registries)
    if rule.rule != name:
        wrong = f"This is the rule {rule.rule}, not {name}."
        words = {"name": rule.rule, "right": name}
        raise RuleError([Mistake(f"{name}.yaml", 1, wrong, f"Write rule: {name}.", ("rule",), "wrong_entity", words)])
    if rule_versions.current(tx, name) is None:
        if document == default_document(name):
            return RuleVersion(name, DEFAULT_VERSION, document, "", now, by, "", None)
        if expected == DEFAULT_VERSION:
            expected = None
        rule_versions.save(
            tx, name, default_document(name), by="sync", now=now, expected=0, comment="as it was shipped"
        )
    return rule_versions.save(tx, name, document, by=by, now=now, expected=expected)


def revert_rule(
    store: Store, name: str, to_version: int, registries: Registries, *, by: str, now: datetime
) -> RuleVersion:
    """Put an older version in force again, as a new one. Raises Outdated if there is none, RuleError if it is unfit."""
    with store.transaction() as tx:
        return put_back(tx, name, to_version, registries, by=by, now=now)


def put_back(
    tx: Transaction,
    name: str,
    to_version: int,
    registries: Registries,
    *,
    by: str,
    now: datetime,
    expected: int | None = None,
) -> RuleVersion:
    """What `revert_rule` does, in a transaction that has more to do; `expected` is the version that was looked at."""
    old = rule_versions.get(tx, name, to_version)
    if old is not None:
        read_rule(old.document, f"{name}.yaml", registries)
    return rule_versions.revert(tx, name, to_version, by=by, now=now, expected=expected)


def list_items(tx: Transaction, company_key: str) -> dict[str, ItemMap]:
    """The list mappings of a company by the list's name."""
    pairs: dict[str, list[tuple[str, str]]] = {}
    back: dict[str, list[tuple[str, str]]] = {}
    for row in rule_versions.list_pairs(tx, company_key):
        pairs.setdefault(row.list, []).append((row.crm_item, row.erp_item))
        if row.way_back:
            back.setdefault(row.list, []).append((row.crm_item, row.erp_item))
    return {name: ItemMap(name, frozenset(found), frozenset(back.get(name, ()))) for name, found in pairs.items()}


def diff_documents(before: str, after: str, before_name: str, after_name: str) -> str:
    """The lines that differ, as a unified diff; "" when they say the same."""
    lines = difflib.unified_diff(
        before.splitlines(keepends=True), after.splitlines(keepends=True), before_name, after_name, n=1
    )
    return "".join(line if line.endswith("\n") else line + "\n" for line in lines)


def same_meaning(before: str, after: str) -> bool:
    """Whether two documents say the same, comments and layout aside."""
    return bool(yaml.safe_load(before) == yaml.safe_load(after))
