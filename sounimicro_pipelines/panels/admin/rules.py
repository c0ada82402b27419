"""The rules at a glance: which are in use, how much they hold, and who changed them last."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml
from fastapi import APIRouter
from fastapi.responses import Response

from sounimicro_pipelines.panels.admin import editor, versions
from sounimicro_pipelines.panels.admin.frame import AdminPage, AtDesk
from sounimicro_pipelines.rules import RULE_NAMES
from sounimicro_pipelines.rules.versions import default_document
from sounimicro_pipelines.store import Transaction, rule_versions
from sounimicro_pipelines.store.rule_versions import RuleVersion

router = APIRouter()
router.include_router(editor.router)
router.include_router(versions.router)
PAGE = AdminPage("rules", "/admin/rules", router)


@dataclass(frozen=True, slots=True)
class RuleAtAGlance:
    """A rule in the list. `stored` is None for one that nobody has changed."""

    name: str
    active: bool
    fields: int
    stored: RuleVersion | None


@router.get("/admin/rules")
async def listing(desk: AtDesk) -> Response:
    """The five rules."""
    found = await desk.panels.read(_at_a_glance)
    return desk.show("admin_rules.html", PAGE.name, title=desk.words("rules.title"), rules=found)


def _at_a_glance(tx: Transaction) -> list[RuleAtAGlance]:
    found = []
    for name in RULE_NAMES:
        stored = rule_versions.current(tx, name)
        document: Mapping[str, Any] = yaml.safe_load(stored.document if stored else default_document(name))
        found.append(RuleAtAGlance(name, bool(document.get("active", True)), len(document["fields"]), stored))
    return found
