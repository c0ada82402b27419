"""`hateoas=true`: the `_links` that tell what may be done with a record."""

from __future__ import annotations

from typing import Any

from sounimicro_pipelines.sandbox.unimicro.model import EntityDef
from sounimicro_pipelines.sandbox.unimicro.store import Row
from sounimicro_pipelines.sandbox.unimicro.transitions import legal


def add(entity: EntityDef, row: Row, record: dict[str, Any], api_url: str) -> dict[str, Any]:
    """The record with actions, legal transitions and relations."""
    base = f"{api_url}/api/biz/{entity.route}/{row.get('ID')}"

    def link(href: str, method: str, label: str) -> dict[str, Any]:
        return {"href": href, "method": method, "label": label, "description": "", "readonly": False}

    return {
        **record,
        "_links": {
            "actions": {"self": link(base, "GET", "self")},
            "transitions": {
                name: link(f"{base}?action={name}", "POST", name) for name in legal(entity.name, row.get("StatusCode"))
            },
            "relations": {
                relation.name: link(f"{base}?expand={relation.name}", "GET", relation.name)
                for relation in entity.relations.values()
            },
        },
    }
