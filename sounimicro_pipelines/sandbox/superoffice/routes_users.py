"""Who is calling: `User/currentPrincipal`, the version document and the list of routes (sections 1.1, 1.2)."""

from __future__ import annotations

from typing import Any

from sounimicro_pipelines.sandbox.superoffice import references
from sounimicro_pipelines.sandbox.superoffice.rights import SYSTEM_TYPE
from sounimicro_pipelines.sandbox.superoffice.routing import Answer, Call, Router

VERSION = "12.4"


def add_routes(router: Router) -> None:
    router.add("GET", "User/currentPrincipal", _principal)
    router.add("GET", "", lambda call: Answer(_self_description(call, router)))


def _principal(call: Call) -> Answer:
    db, key = call.state.db, call.associate_id
    row = db["associate"].rows[key]
    person = db["person"].get(row["person_id"])
    system = row["type"] == SYSTEM_TYPE
    return Answer(
        {
            "UserType": references.ASSOCIATE_TYPES[row["type"]],
            "Associate": row["name"],
            "AssociateId": key,
            "PersonId": row["person_id"],
            "ContactId": person["contact_id"] if person else 0,
            "CountryId": 578,
            "HomeCountryId": 578,
            "GroupId": row["group_idx"],
            "RoleName": "System" if system else row["role"],
            "FullName": references.associate_name(db, key),
            "EMailAddress": row["userName"],
            "IsPersonRetired": False,
            "FunctionRights": ["admin-all"] if row["administrator"] else [],
            "Licenses": ["SALES", "MARKETING", "DEVELOPMENTTOOLS"],
            "DatabaseContextIdentifier": call.state.options.tenant,
        }
    )


def version_document(base: str) -> dict[str, Any]:
    return {"v1": f"{base}/api/v1", "NetServerVersion": VERSION, "NetServerDate": "2026-10-01T00:00:00"}


def _self_description(call: Call, router: Router) -> dict[str, Any]:
    found: dict[str, list[str]] = {}
    for route in router.routes:
        if route.template:
            found.setdefault(f"{call.base}/api/v1/{route.template}", []).append(route.method)
    return {url: ", ".join(sorted(set(methods))) for url, methods in sorted(found.items())}
