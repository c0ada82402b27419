"""A CRM with people in it, an ERP beside it, and the panels between the two: what the tests of the ERP tab work on.

Company `demo` has gone live, company `other` has not. Nothing is linked at first.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from html import unescape
from pathlib import Path
from typing import Any

import httpx

from sounimicro_pipelines.store import links
from sounimicro_pipelines.sync.requests import Outcome
from sounimicro_pipelines_tests.panels.signed_world import Browser, SignedWorld, signed_world

CUSTOMER, SUPPLIER = {"company": "demo", "role": "customer"}, {"company": "demo", "role": "supplier"}


@dataclass
class Desk:
    """The world with its records. `told` is what Dagster would hear."""

    world: SignedWorld
    told: list[Outcome] = field(default_factory=list)
    _stem: int = 97_300_000

    @property
    def crm(self) -> Any:
        return self.world.sandbox.crm

    @property
    def erp(self) -> Any:
        return self.world.sandbox.erp

    def later(self, seconds: float = 60.0) -> None:
        self.world.clock.advance(seconds)

    def org_number(self) -> str:
        """A valid organisation number that nobody has."""
        while True:
            self._stem += 1
            digits = [int(letter) for letter in str(self._stem)]
            check = 11 - sum(d * w for d, w in zip(digits, (3, 2, 7, 6, 5, 4, 3, 2), strict=True)) % 11
            if check != 10:
                return f"{self._stem}{0 if check == 11 else check}"

    def contact(self, name: str, **values: Any) -> int:
        """A company that a seller has just made in the CRM."""
        rows = self.crm.db["contact"]
        category = next(row["category_idx"] for row in rows if not row["isOwner"] and row.get("category_idx"))
        return int(self.crm.create("contact", {"Name": name, "Category": {"Id": category}, **values}))

    def __post_init__(self) -> None:
        parties = [
            one for one in self.world.sandbox.register.parties if one.in_crm and 1 in one.customer_of and one.key > 1
        ]
        by_name = {row["name"]: int(row["contact_id"]) for row in self.crm.db["contact"]}
        self._known = [(by_name[one.crm_name], int(self.erp.customer_id(1, one.key))) for one in parties]

    def known(self, at: int = 0) -> tuple[int, int]:
        """A CRM company that is a customer of `demo` too, linked with nothing at first: (CRM id, ERP id)."""
        return self._known[at]

    def path(self, panel: str, record: int, **query: Any) -> str:
        parts = {"tenant": self.world.tenant, "id": record, "tab": "erp", **query}
        return f"/panel/{panel}?" + "&".join(f"{name}={value}" for name, value in parts.items())

    def links(self, entity: str, record: int) -> list[links.Link]:
        with self.world.store.read() as tx:
            return links.for_crm(tx, self.world.tenant, entity, record)

    def link(self, contact: int, role: str, erp_id: int) -> links.Link:
        """A link that stands in the store, whatever the ERP holds."""
        now, tenant, entity = self.world.clock.now(), self.world.tenant, role.title()
        made = links.Link(
            role, tenant, "contact", contact, self.erp.key(1), role, entity, erp_id, 1, "matched", now, "sync"
        )
        with self.world.store.transaction() as tx:
            return links.add(tx, made)

    def end(self, link: links.Link) -> None:
        with self.world.store.transaction() as tx:
            links.end(tx, link, reason="test", side=None, at=self.world.clock.now(), by="test", run_id=None)

    def named(self, name: str) -> list[dict[str, Any]]:
        """The ERP's business relations of that name."""
        return [row for row in self.erp.rows(1, "BusinessRelation") if row["Name"] == name]


def send(browser: Browser, path: str, action: str, **fields: str) -> httpx.Response:
    """A form of the ERP tab, as a browser without scripts sends it. `fields` are by their names with `__` for a dot."""
    data = {"csrf_token": browser.csrf, "action": action}
    return browser.post(path, data=data | {name.replace("__", "."): value for name, value in fields.items()})


def ask(browser: Browser, request: str, **body: Any) -> httpx.Response:
    """A request of the JSON API."""
    return browser.post(f"/api/v1/requests/{request}", json=body, headers={"X-CSRF-Token": browser.csrf})


def text_of(page: httpx.Response) -> str:
    """What a page says, without its markup."""
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", page.text)).split())


@contextmanager
def desk(folder: Path, **settings: str) -> Iterator[Desk]:
    told: list[Outcome] = []
    with signed_world(folder, linked=False, tell=told.append, sounimicro_go_live="demo", **settings) as world:
        yield Desk(world, told)
