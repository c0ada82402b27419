"""Addresses that open a record in the CRM's own client (vendor reference 7, 9 no. 15)."""

from __future__ import annotations

from typing import Final

DEFAULT_PATTERN: Final = "{base}/default.aspx?{entity}.main?{entity}_id={id}"
INSIDE_PATTERN: Final = "superoffice:{entity}.main?{entity}_id={id}"
"""For links inside a web panel, aimed at a hidden frame so that the panel stays."""

_ENTITIES = ("contact", "person", "project")


def client_base(api_base: str) -> str:
    """The address of the tenant's client from that of its API: `…/Cust12345/api/v1` → `…/Cust12345`."""
    return api_base.removesuffix("/v1").removesuffix("/api")


def record_url(api_base: str, entity: str, record_id: int, *, pattern: str = DEFAULT_PATTERN) -> str:
    """The address of a record. Raises ValueError for an entity that has no page of its own."""
    if entity not in _ENTITIES:
        raise ValueError(f"«{entity}» has no page in the CRM")
    return pattern.format(base=client_base(api_base), entity=entity, id=int(record_id))
