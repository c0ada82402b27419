"""Delivers webhook events over HTTP: signed, three attempts, and the test call at save (sections 5.1, 5.3, 5.4)."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
from typing import Any
from urllib.parse import urlsplit

import httpx

from sounimicro_pipelines.sandbox.superoffice.errors import bad_request
from sounimicro_pipelines.sandbox.superoffice.webhooks import Delivery, Hook, Webhooks

_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_TIMEOUT = 10.0
_AT_ONCE = 8


def signature(secret: str, body: bytes) -> str:
    """Base64 of HMAC-SHA256 over the raw body."""
    return base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()


class Deliverer:
    """Empties the outbox as long as it runs."""

    def __init__(self, webhooks: Webhooks) -> None:
        self.webhooks = webhooks
        self._main: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def ensure_running(self) -> None:
        """Deliver in the background of the running loop from now on; calling it again does nothing."""
        loop = asyncio.get_running_loop()
        if self._main is not None and not self._main.done() and self._main.get_loop() is loop:
            return
        news = asyncio.Event()
        news.set()
        self.webhooks.wake = lambda: _wake(loop, news)
        self._main = loop.create_task(self._work(news))

    async def validate(self, hook: Hook) -> None:
        """The test call at save time. Raises ApiError 400 when the target is not HTTPS or does not answer 200."""
        target = urlsplit(hook.target_url)
        if target.scheme != "https" and not (target.scheme == "http" and target.hostname in _LOOPBACK):
            raise bad_request("The target of a webhook must be an HTTPS address")
        payload = self.webhooks.payload("test", "test", 0, [], 0, hook, None)
        async with httpx.AsyncClient(trust_env=False, timeout=_TIMEOUT) as http:
            error = await self._post(http, hook, payload, attempt=0, test=True)
        if error is not None:
            raise bad_request(f"The target of the webhook did not answer the test call with 200: {error[1]}")

    async def _work(self, news: asyncio.Event) -> None:
        slots = asyncio.Semaphore(_AT_ONCE)
        while not self.webhooks.outbox:
            await news.wait()
            news.clear()
        async with httpx.AsyncClient(trust_env=False, timeout=_TIMEOUT) as http:
            while True:
                while self.webhooks.outbox:
                    await slots.acquire()
                    task = asyncio.create_task(self._deliver(http, self.webhooks.outbox.popleft()))
                    self._tasks.add(task)
                    task.add_done_callback(self._tasks.discard)
                    task.add_done_callback(lambda _: slots.release())
                await news.wait()
                news.clear()

    async def _deliver(self, http: httpx.AsyncClient, delivery: Delivery) -> None:
        hook = self.webhooks.hooks.get(delivery.hook_id)
        error: tuple[int, str] | None = None
        for attempt, pause in enumerate(self.webhooks.options.webhook_retry_seconds):
            if pause:
                await self.webhooks.clock.sleep(pause)
            if hook is None or hook.state != "Active":
                return
            error = await self._post(http, hook, delivery.payload, attempt=attempt, test=False)
            if error is None:
                self.webhooks.succeeded(hook, delivery.payload)
                return
            if error[0] == httpx.codes.GONE:
                break
        if hook is not None and error is not None:
            self.webhooks.failed(hook, delivery.payload, error[1], gone=error[0] == httpx.codes.GONE)

    async def _post(
        self, http: httpx.AsyncClient, hook: Hook, payload: dict[str, Any], *, attempt: int, test: bool
    ) -> tuple[int, str] | None:
        """One attempt; None when it was answered 200, else status (0 = no answer) and text."""
        body = json.dumps(payload, ensure_ascii=False).encode()
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "NetServer-Webhook/12.4",
            "X-SuperOffice-Event": payload["Event"],
            "X-SuperOffice-EventId": payload["EventId"],
            "X-SuperOffice-Retry": str(attempt),
            **hook.headers,
        }
        if hook.secret:
            headers["X-SuperOffice-Signature"] = signature(hook.secret, body)
        if test:
            headers["X-Hook-Test"] = "true"
        try:
            answer = await http.post(hook.target_url, content=body, headers=headers)
        except httpx.HTTPError as error:
            return 0, type(error).__name__
        return None if answer.status_code == httpx.codes.OK else (answer.status_code, f"HTTP {answer.status_code}")


def _wake(loop: asyncio.AbstractEventLoop, news: asyncio.Event) -> None:
    try:
        loop.call_soon_threadsafe(news.set)
    except RuntimeError:
        return
