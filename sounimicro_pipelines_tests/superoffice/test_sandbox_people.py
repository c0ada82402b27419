"""People and hooks against the simulated CRM: signing in with their own rights, deliveries that prove their sender."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from sounimicro_pipelines.superoffice import (
    CrmEvent,
    SuperOfficeClient,
    parse_event,
    read_entity,
    read_principal,
    signature_holds,
)
from sounimicro_pipelines.transport import AuthenticationFailed
from sounimicro_pipelines_tests.superoffice.test_sandbox import World

REDIRECT = "http://127.0.0.1:8420/auth/callback"
SECRET = "hemmelig"


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    made = World()
    with made.sandbox:
        yield made


async def signed_in(client: SuperOfficeClient, user: str) -> Any:
    begun = await client.people.start(REDIRECT)
    async with httpx.AsyncClient() as browser:
        answer = await browser.post(begun.url, data={"user": user})
    query = parse_qs(urlsplit(answer.headers["location"]).query)
    assert query["state"] == [begun.state]
    return begun, query["code"][0]


def test_a_person_reads_with_their_own_rights(world: World) -> None:
    async def work(client: SuperOfficeClient) -> None:
        for row in world.crm.users()[:3]:
            begun, code = await signed_in(client, row["userName"])
            person, tokens = await client.people.finish(code, begun, REDIRECT)
            assert person.associate_id == row["associate_id"]
            session = client.as_person(tokens)
            principal = await read_principal(session)
            assert principal.associate_id == person.associate_id
            assert principal.group_id
            contact = await read_entity(session, "contact", min(world.crm.db["contact"].rows))
            assert isinstance(contact.may_update, bool)
            with pytest.raises(AuthenticationFailed):
                await client.people.finish(code, begun, REDIRECT)

    world.run(work)


def test_a_persons_token_is_renewed_when_it_is_refused(world: World) -> None:
    async def work(client: SuperOfficeClient) -> None:
        begun, code = await signed_in(client, world.crm.users()[0]["userName"])
        _, tokens = await client.people.finish(code, begun, REDIRECT)
        session = client.as_person(tokens)
        first = session.tokens.access
        world.clock.advance(timedelta(hours=2).total_seconds())
        await read_principal(session)
        assert session.tokens.access != first

    world.run(work)


class Receiver:
    """Answers 200 and keeps what came."""

    def __init__(self) -> None:
        self.events: list[CrmEvent] = []
        self.signed: list[bool] = []
        self.status = 200
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                event = parse_event(body)
                if event is not None:
                    outer.events.append(event)
                    outer.signed.append(signature_holds(SECRET, body, dict(self.headers.items())))
                self.send_response(outer.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/hooks/superoffice/Cust12345"

    def wait(self, count: int) -> None:
        until = time.monotonic() + 5
        while len(self.events) < count and time.monotonic() < until:
            time.sleep(0.01)


@contextmanager
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    threading.Thread(target=made.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield made
    finally:
        made.server.shutdown()
        made.server.server_close()


def test_a_hook_is_made_once_and_its_deliveries_are_signed(world: World) -> None:
    with receiver() as hooks:

        async def work(client: SuperOfficeClient) -> None:
            for _ in range(2):
                hook = await client.webhooks.ensure("Unimicro sync", hooks.url, SECRET)
                assert hook.active
            assert len(await client.webhooks.list()) == 1
            tests = len(hooks.events)
            assert all(event.is_test for event in hooks.events)
            key = min(world.crm.db["contact"].rows)
            world.crm.edit("contact", key, {"Name": "Endret AS"})
            await asyncio.to_thread(hooks.wait, tests + 1)
            event = hooks.events[-1]
            assert (event.name, event.entity, event.record_id) == ("contact.changed", "contact", key)
            assert event.tenant == "Cust12345"
            assert event.changed_by != (await client.principal()).associate_id
            assert all(hooks.signed[tests:])
            stopped = await client.webhooks.ensure("Unimicro sync", hooks.url, SECRET, ["contact.changed"])
            assert stopped.events == ("contact.changed",)

        world.run(work)


def test_a_web_panel_is_provisioned_once(world: World) -> None:
    async def work(client: SuperOfficeClient) -> None:
        url = "https://panels.example.no/panel/company?tenant=Cust12345&id=<cuid>"
        made = [
            await client.web_panels.ensure("sounimicro.company", name="Unimicro", url=url, visible_in="ContactArchive")
            for _ in range(2)
        ]
        assert [created for _, created in made] == [True, False]
        assert made[0][0] == made[1][0]
        assert made[0][0].url == url

    world.run(work)
