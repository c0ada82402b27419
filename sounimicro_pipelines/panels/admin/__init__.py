"""The pages of the administration, each in a module of its own, in the order of the navigation."""

from __future__ import annotations

from sounimicro_pipelines.panels.admin import lists, rules
from sounimicro_pipelines.panels.admin.frame import administration

PAGES = (rules.PAGE, lists.PAGE)

router = administration(PAGES)
