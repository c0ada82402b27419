"""A small web client: a card per company, person or project, with its web panels in frames below (section 7).

It shows what a person would see around a panel, so that panels can be tried in the frame they live in. It knows one
user, the first administrator, and has no sign-in of its own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jinja2
from starlette.responses import HTMLResponse, Response

from sounimicro_pipelines.sandbox.superoffice import references, user_fields
from sounimicro_pipelines.sandbox.superoffice import tables as t
from sounimicro_pipelines.sandbox.superoffice.fields import ENTITIES
from sounimicro_pipelines.sandbox.superoffice.state import CrmState
from sounimicro_pipelines.sandbox.superoffice.tables import Row
from sounimicro_pipelines.sandbox.superoffice.wire import RAW

_LINK = re.compile(r"(contact|person|project)\.main\?(?:contact|person|project)_id=(\d+)", re.IGNORECASE)
_VARIABLE = re.compile(r"<([a-z0-9#]{3,5})>", re.IGNORECASE)
_PLACES = {
    "contact": ("contactcard", "contactarchive", "companyminicard"),
    "person": ("personcard", "personarchive", "personminicard"),
    "project": ("projectcard", "projectarchive", "projectminicard"),
}
_KINDS = {"contact": "Firma", "person": "Person", "project": "Prosjekt"}
_LISTED = 500
_ENVIRONMENT = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


@dataclass(frozen=True, slots=True)
class _Shown:
    """The record on the page."""

    entity: str
    row: Row

    @property
    def key(self) -> int:
        return int(self.row[ENTITIES[self.entity].pk])


class WebClient:
    """Pages of one tenant."""

    def __init__(self, state: CrmState) -> None:
        self.state = state
        self.db = state.db

    def page(self, query: str) -> Response:
        """The page for `contact.main?contact_id=…` and its like; without one, the list of companies alone."""
        with self.state.lock:
            shown = self._shown(query)
            document = _ENVIRONMENT.get_template("web_client.html").render(
                tenant=self.state.options.company_name,
                companies=self._companies(),
                card=self._card(shown) if shown else None,
            )
        return HTMLResponse(document)

    def _shown(self, query: str) -> _Shown | None:
        match = _LINK.search(query)
        if match is None:
            return None
        entity = match[1].lower()
        row = self.db[entity].get(int(match[2]))
        return _Shown(entity, row) if row is not None and row.get("deletedDate") is None else None

    def _companies(self) -> list[dict[str, Any]]:
        rows = [row for row in self.db["contact"] if row["deletedDate"] is None]
        rows.sort(key=lambda row: row["name"].lower())
        return [{"id": row["contact_id"], "name": row["name"]} for row in rows[:_LISTED]]

    def _title(self, shown: _Shown) -> str:
        return references.full_name(shown.row) if shown.entity == "person" else str(shown.row["name"])

    def _card(self, shown: _Shown) -> dict[str, Any]:
        document = self.state.carriers.entity(ENTITIES[shown.entity], shown.row, RAW)
        return {
            "kind": _KINDS[shown.entity],
            "id": shown.key,
            "title": self._title(shown),
            "company": self._company_of(shown),
            "facts": [(name, text) for name, text in _facts(shown.entity, document) if text],
            "related": self._related(shown),
            "panels": self._panels(shown),
        }

    def _company_of(self, shown: _Shown) -> dict[str, Any] | None:
        """The company that a person belongs to."""
        row = self.db["contact"].get(shown.row.get("contact_id")) if shown.entity == "person" else None
        return {"address": _address("contact", row["contact_id"]), "name": row["name"]} if row is not None else None

    def _related(self, shown: _Shown) -> list[tuple[str, list[dict[str, str]]]]:
        """A company's persons and projects, with where a click leads."""
        if shown.entity != "contact":
            return []
        persons = [
            {"address": _address("person", row["person_id"]), "text": references.full_name(row), "note": row["title"]}
            for row in self.db["person"].where("contact_id", shown.key)
            if row["deletedDate"] is None
        ]
        members = self.db["projectmember"].where("contact_id", shown.key)
        projects = [
            {"address": _address("project", key), "text": row["name"], "note": row["project_number"]}
            for key in sorted({member["project_id"] for member in members})
            if (row := self.db["project"].get(key)) is not None and row.get("deletedDate") is None
        ]
        return [(title, rows) for title, rows in (("Personer", persons), ("Prosjekter", projects)) if rows]

    def _panels(self, shown: _Shown) -> list[dict[str, str]]:
        """The web panels of this page, by name, with the addresses that their frames open."""
        variables = self.variables(shown)
        found = []
        for row in self.db["webpanel"]:
            panel: Mapping[str, Any] = row["values"] or {}
            if row["deleted"] or str(panel.get("VisibleIn", "")).lower() not in _PLACES[shown.entity]:
                continue
            found.append(
                {
                    "title": RAW.text(row["name"]),
                    "frame": str(panel.get("WindowName", "")) or f"panel{row['webpanel_id']}",
                    "address": fill_in(str(panel.get("Url", "")), variables, str(panel.get("UrlEncoding", "None"))),
                }
            )
        return found

    def variables(self, shown: _Shown) -> dict[str, str]:
        """What `<cuid>` and the other template variables stand for; `<usec>` has been empty since 11.5."""
        user = next((row for row in self.state.users() if row["administrator"]), None)
        values = {
            "usid": str(user["associate_id"]) if user else "",
            "user": user["name"] if user else "",
            "usec": "",
            "ser#": self.state.options.serial,
            "lang": "nb-NO",
            "btod": self.state.clock.today().isoformat(),
        }
        company = shown.row if shown.entity == "contact" else self.db["contact"].get(shown.row.get("contact_id"))
        if company is not None:
            values |= self._company(company)
        if shown.entity == "person":
            values |= self._person(shown.row)
        if shown.entity == "project":
            values |= self._project(shown.row)
        return values

    def _company(self, row: Row) -> dict[str, str]:
        key = row["contact_id"]
        return {
            "cuid": str(key),
            "name": row["name"],
            "numb": row["number2"],
            "code": row["number1"],
            "orgn": row["orgNr"],
            "dept": row["department"],
            "cate": self._list("category", row["category_idx"]),
            "busi": self._list("business", row["business_idx"]),
            "mail": references.first_value(self.db, "email", "contact_id", key, "email_address"),
            "cpho": references.first_value(self.db, "phone", "owner_id", key, "phone", t.CONTACT_PHONE),
            **self._user_values("contact", key),
        }

    def _person(self, row: Row) -> dict[str, str]:
        key = row["person_id"]
        return {
            "atid": str(key),
            "atfn": row["firstname"],
            "atln": row["lastname"],
            "amai": references.first_value(self.db, "email", "person_id", key, "email_address"),
            "atpc": references.first_value(self.db, "phone", "owner_id", key, "phone", t.PERSON_MOBILE),
            **self._user_values("person", key),
        }

    def _project(self, row: Row) -> dict[str, str]:
        return {
            "prid": str(row["project_id"]),
            "pnam": row["name"],
            "pnum": row["project_number"],
            "psta": self._list("projstatus", row["status_idx"]),
            "ptyp": self._list("projtype", row["type_idx"]),
            **self._user_values("project", row["project_id"]),
        }

    def _list(self, table: str, key: int) -> str:
        row = self.db[table].get(key)
        return RAW.text(row["name"]) if row else ""

    def _user_values(self, owner: str, key: int) -> dict[str, str]:
        values = user_fields.stored(self.db, self.state.user_fields, owner, key)
        fields = user_fields.fields_of(self.state.user_fields, owner)
        return {field.variable: str(values[field.key] or "") for field in fields if field.variable}


def fill_in(template: str, variables: Mapping[str, str], encoding: str) -> str:
    """A panel's address with its variables filled in; unknown ones stay as they are."""

    def value(match: re.Match[str]) -> str:
        text = variables.get(match[1].lower())
        if text is None:
            return match[0]
        if encoding == "Unicode":
            return quote(text, safe="")
        return quote(text.encode("latin-1", "replace"), safe="") if encoding == "ANSI" else text

    return _VARIABLE.sub(value, template)


def _address(entity: str, key: int) -> str:
    return f"default.aspx?{entity}.main?{entity}_id={key}"


def _facts(entity: str, document: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What the card shows."""
    if entity == "project":
        status = (document["ProjectStatus"] or {}).get("Value", "")
        return [("Nummer", document["ProjectNumber"]), ("Status", status), ("Sluttdato", document["EndDate"][:10])]
    postal = (document["Address"]["Postal"] or document["Address"]["Street"])["Formatted"]
    email = document["Emails"][0]["Value"] if document["Emails"] else ""
    if entity == "person":
        mobile = document["MobilePhones"][0]["Value"] if document["MobilePhones"] else ""
        return [("Tittel", document["Title"]), ("Mobil", mobile), ("E-post", email)]
    phone = document["Phones"][0]["Value"] if document["Phones"] else ""
    category = (document["Category"] or {}).get("Value", "")
    number = [("Nummer", document["Number2"]), ("Org.nr.", document["OrgNr"]), ("Kategori", category)]
    return [*number, ("Postadresse", postal.replace("\n", ", ").strip(", ")), ("Telefon", phone), ("E-post", email)]
