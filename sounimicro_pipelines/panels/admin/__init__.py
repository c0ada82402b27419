"""The pages of the administration, each in a module of its own, in the order of the navigation."""

from __future__ import annotations

from sounimicro_pipelines.panels.admin import audit, budget, golive, health, issues, lists, rules, runs
from sounimicro_pipelines.panels.admin.frame import administration

PAGES = (issues.PAGE, rules.PAGE, lists.PAGE, golive.PAGE, runs.PAGE, budget.PAGE, health.PAGE, audit.PAGE)

router = administration(PAGES)
