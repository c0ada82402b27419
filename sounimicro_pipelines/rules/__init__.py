"""What is synchronized: rule models, transforms, list mapping, versions. The shipped rules are in `defaults/`."""

from __future__ import annotations

from sounimicro_pipelines.rules.loader import Mistake, RuleError, read_rule, read_rule_file
from sounimicro_pipelines.rules.model import RULE_NAMES, OnCreate, Rule, RuleField
from sounimicro_pipelines.rules.refusals import Registries
from sounimicro_pipelines.rules.values import Context, ItemMap, Problem, Raw, Reading, Scalar, Side
from sounimicro_pipelines.rules.versions import RuleSet, load_rules, revert_rule, save_rule

__all__ = [
    "RULE_NAMES",
    "Context",
    "ItemMap",
    "Mistake",
    "OnCreate",
    "Problem",
    "Raw",
    "Reading",
    "Registries",
    "Rule",
    "RuleError",
    "RuleField",
    "RuleSet",
    "Scalar",
    "Side",
    "load_rules",
    "read_rule",
    "read_rule_file",
    "revert_rule",
    "save_rule",
]
