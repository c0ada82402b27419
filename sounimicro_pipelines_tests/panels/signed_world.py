"""The panels with sign-in, on real sockets: the sandbox's CRM and ERP beside a small published world.

CRM company 1001 is linked with customer 79 and supplier 12 (ABB Installasjon AS), 1002 with customer 80, 1003 with the
one that has a hostile name; customer 82 of company `demo` and everything in company `other` are linked with nothing.
"""

from __future__ import annotations

import asyncio
import re
import ssl
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from socket import socket
from typing import Any
from urllib.parse import urljoin, urlsplit

import duckdb
import httpx
import uvicorn
from fastapi import FastAPI

from sounimicro_pipelines.clock import UTC, ManualClock
from sounimicro_pipelines.panels import create_app
from sounimicro_pipelines.sandbox import Sandbox
from sounimicro_pipelines.settings import Settings
from sounimicro_pipelines.store import Store, companies, links, open_store
from sounimicro_pipelines.superoffice import SuperOfficeClient
from sounimicro_pipelines.warehouse.publish import TieOut, publish
from sounimicro_pipelines_tests.certificates import make_certificate
from sounimicro_pipelines_tests.panels import world

SECRET = "k3N-pt7vQz_0aYh2LrWc9XbUe5MdSgTf1JoRiBnVxwE"
ABB, SECOND, HOSTILE, UNLINKED = 1001, 1002, 1003, 1004
ADMINISTRATOR, SELLER, OTHER_SELLER, GUEST = 11, 12, 13, 16
FIGURES = "company=demo&role=customer&party=79"


@dataclass
class SignedWorld:
    """Everything a test needs to see both sides: `url` is where the panels are, `folder` a place for files."""

    sandbox: Sandbox
    store: Store
    clock: ManualClock
    folder: Path
    settings: Settings
    app: FastAPI
    url: str
    verify: ssl.SSLContext | bool = True

    @property
    def tenant(self) -> str:
        return self.sandbox.crm.options.tenant

    @property
    def crm_url(self) -> str:
        return self.sandbox.environment["SUPEROFFICE_ENVIRONMENT_URL"]

    def login(self, associate: int) -> str:
        """The name that an associate signs in with."""
        return str(self.sandbox.crm.db["associate"].rows[associate]["userName"])

    def browser(self) -> Browser:
        """Somebody's browser, with nothing in it."""
        return Browser(self)

    def signed_in(self, associate: int) -> Browser:
        """A browser in which somebody has signed in."""
        browser = self.browser()
        browser.sign_in(self.login(associate))
        return browser

    def panel(self, contact: int = ABB, **query: Any) -> str:
        parts = {"tenant": self.tenant, "id": contact, **query}
        return "/panel/company?" + "&".join(f"{name}={value}" for name, value in parts.items())


class Browser:
    """As much of a browser as signing in takes; it says where its requests come from, as browsers do."""

    def __init__(self, world: SignedWorld) -> None:
        self.world = world
        self.http = httpx.Client(base_url=world.url, verify=world.verify, timeout=20)
        self.csrf = ""

    def get(self, path: str, **options: Any) -> httpx.Response:
        headers = {"Sec-Fetch-Site": "same-origin", **options.pop("headers", {})}
        return self.http.get(path, headers=headers, **options)

    def post(self, path: str, **options: Any) -> httpx.Response:
        own = {"Sec-Fetch-Site": "same-origin", "Origin": self.world.url}
        headers = {name: value for name, value in {**own, **options.pop("headers", {})}.items() if value is not None}
        return self.http.post(path, headers=headers, **options)

    def ask_to_sign_in(self, path: str | None = None) -> dict[str, str]:
        """What the sign-in page holds: `proof`, and the address of the pop-up as `start`."""
        page = self.get(path or self.world.panel())
        assert page.status_code == 401, page.text
        return {name: _attribute(page.text, name) for name in ("proof", "start")}

    def to_identity_provider(self, start: str) -> str:
        """Opens the pop-up; answers the identity provider's address."""
        begun = self.get(start)
        assert begun.status_code == 303, begun.text
        return begun.headers["location"]

    def choose(self, address: str, user: str, **form: str) -> str:
        """Picks a user on the identity provider's page; answers where the browser is sent back to."""
        with httpx.Client() as elsewhere:
            chosen = elsewhere.post(address, data=form or {"user": user})
        assert chosen.status_code == 302, chosen.text
        return str(chosen.headers["location"])

    def come_back(self, address: str) -> httpx.Response:
        """The callback, as a browser follows it from the identity provider."""
        parts = urlsplit(address)
        return self.get(f"{parts.path}?{parts.query}", headers={"Sec-Fetch-Site": "cross-site"})

    def code(self, user: str, start: str) -> str:
        """The one-time code that the pop-up would hand over."""
        page = self.come_back(self.choose(self.to_identity_provider(start), user))
        assert page.status_code == 200, page.text
        return _attribute(page.text, "code")

    def exchange(self, code: str, proof: str, **options: Any) -> httpx.Response:
        return self.post("/auth/exchange", json={"code": code, "proof": proof}, **options)

    def sign_in(self, user: str) -> None:
        """Through the pop-up and back; no two people do so at the very same moment."""
        self.world.clock.advance(1)
        asked = self.ask_to_sign_in()
        answer = self.exchange(self.code(user, asked["start"]), asked["proof"])
        assert answer.status_code == 200, answer.text
        self.csrf = self.get("/auth/session").json()["csrf"]

    def cookie(self, name: str = "panels_session") -> str:
        return str(self.http.cookies[name])


def _attribute(page: str, name: str) -> str:
    found = re.search(rf'data-{name}="([^"]*)"', page)
    assert found is not None, page
    return found[1].replace("&amp;", "&")


@dataclass
class Documents:
    """Rows of `document_file` to be published."""

    rows: list[tuple[Any, ...]] = field(default_factory=list)

    def add(
        self, owner_type: str, owner_id: int, file_id: int, name: str, kind: str, size: int | None, ref: str
    ) -> None:
        self.rows.append((owner_type, owner_id, file_id, name, kind, size, ref))


def publish_signed_world(
    folder: Path, store: Store, sandbox: Sandbox, documents: Documents | None = None, *, linked: bool = True
) -> None:
    """Companies `demo` and `other` (the sandbox's first and second), published and `linked` as the module says."""
    keys = {"demo": sandbox.erp.key(1), "other": sandbox.erp.key(2)}
    for alias in keys:
        path = folder / f"{alias}.duckdb"
        with duckdb.connect(str(path)) as db:
            db.execute(world.MARTS)
            db.execute(
                "INSERT INTO reports.party BY NAME SELECT * REPLACE (82 AS party_id, '10082' AS number, 'Uten kobling'"
                " AS name, NULL AS org_number) FROM reports.party WHERE party_id = 80"
            )
            db.execute(
                "CREATE TABLE reports.document_file (owner_type VARCHAR, owner_id BIGINT, file_id BIGINT, name VARCHAR,"
                " content_type VARCHAR, size BIGINT, storage_reference VARCHAR)"
            )
            if documents is not None and alias == "demo" and documents.rows:
                db.executemany("INSERT INTO reports.document_file VALUES (?, ?, ?, ?, ?, ?, ?)", documents.rows)
        publish(
            path,
            store,
            company=alias,
            as_of=world.TODAY,
            fetched_at=world.FETCHED,
            run_id="r1",
            tie_out=TieOut(True),
            publish_meta=world.META
            | {"document_file": (["file_id", "owner_type", "owner_id"], [["owner_type", "owner_id"], ["file_id"]])},
        )
    with store.transaction() as tx:
        companies.remember(
            tx,
            [
                companies.CompanyRow(key, alias, f"{alias.title()} AS", None, False, True, world.NOW)
                for alias, key in keys.items()
            ],
        )
        for contact, role, erp_id in (
            ()
            if not linked
            else (
                (ABB, "customer", 79),
                (ABB, "supplier", 12),
                (SECOND, "customer", 80),
                (HOSTILE, "customer", 81),
            )
        ):
            entity, tenant = role.title(), sandbox.crm.options.tenant
            links.add(
                tx,
                links.Link(
                    role, tenant, "contact", contact, keys["demo"], role, entity, erp_id, 1, "matched", world.NOW, "s"
                ),
            )


@contextmanager
def signed_world(
    folder: Path,
    *,
    host: str = "127.0.0.1",
    encrypted: bool = False,
    documents: Any = None,
    linked: bool = True,
    tell: Any = None,
    **extra: str,
) -> Iterator[SignedWorld]:
    """Serve the panels on a free port. With `encrypted` by https under a certificate of their own for `host`.

    `documents` is called with the sandbox and answers Documents; `tell` hears of requests; `extra` are more settings.
    """
    clock = ManualClock(datetime(2026, 11, 23, 9, 42, tzinfo=UTC))
    with Sandbox(seed=5, parties=8, companies=2, rate=0.2, clock=clock) as sandbox:
        store = open_store(f"sqlite:///{folder / 'store.db'}")
        publish_signed_world(folder, store, sandbox, documents(sandbox) if documents else None, linked=linked)
        with socket() as listening:
            listening.bind(("127.0.0.1", 0))
            url = f"{'https' if encrypted else 'http'}://{host}:{listening.getsockname()[1]}"
            sandbox.crm.application.redirect_uris = [f"{url}/auth/callback"]
            settings = Settings(
                _env_file=None,  # type: ignore[call-arg]
                **{name.lower(): value for name, value in sandbox.environment.items()},  # type: ignore[arg-type]
                panels_public_url=url,
                panels_session_secret=SECRET,  # type: ignore[arg-type]
                sounimicro_companies=f"demo={sandbox.erp.key(1)},other={sandbox.erp.key(2)}",
                sounimicro_requests_per_second=0,
                **extra,  # type: ignore[arg-type]
            )
            app = create_app(settings, store, clock=clock, tell=tell)
            options: dict[str, Any] = {}
            verify: ssl.SSLContext | bool = True
            if encrypted:
                certificate, key = make_certificate(folder, host)
                options = {"ssl_certfile": certificate, "ssl_keyfile": key}
                verify = ssl.create_default_context(cafile=certificate)
            with served(app, listening, **options):
                yield SignedWorld(sandbox, store, clock, folder, settings, app, url, verify)
        store.close()


@contextmanager
def served(app: Any, listening: socket, **options: Any) -> Iterator[None]:
    """An app on a socket that listens already."""
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", access_log=False, **options))
    thread = threading.Thread(target=lambda: server.run(sockets=[listening]), daemon=True)
    thread.start()
    deadline = time.monotonic() + 20
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.01)
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(5)
        server.force_exit = True
        thread.join(5)


def absolute(base: str, link: str) -> str:
    """A link of a page as its browser understands it."""
    return urljoin(base, link.replace("&amp;", "&"))


def provision_panel(world: SignedWorld) -> None:
    """Put our panel on the CRM's company card, as the product does it."""
    url = f"{world.url}/panel/company?tenant={world.tenant}&id=<cuid>&lang=nb"

    async def work() -> None:
        async with SuperOfficeClient(world.settings.require_superoffice(), clock=world.clock) as client:
            await client.web_panels.ensure("sounimicro.company", name="Unimicro", url=url, visible_in="ContactCard")

    with ThreadPoolExecutor(1) as aside:
        aside.submit(asyncio.run, work()).result()
