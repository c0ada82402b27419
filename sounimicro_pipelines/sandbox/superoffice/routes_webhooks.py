"""`/Webhook` (section 5.1). A webhook is saved only when its target answers the test call."""

from __future__ import annotations

import copy
from collections.abc import Awaitable, Callable
from typing import Any

from sounimicro_pipelines.sandbox.superoffice import patching
from sounimicro_pipelines.sandbox.superoffice.delivery import Deliverer
from sounimicro_pipelines.sandbox.superoffice.errors import bad_request, not_found
from sounimicro_pipelines.sandbox.superoffice.routing import Answer, Call, Router
from sounimicro_pipelines.sandbox.superoffice.state import CrmState
from sounimicro_pipelines.sandbox.superoffice.webhooks import Hook


class WebhookRoutes:
    """The webhook routes of one tenant. Handlers that call the target must run outside the tenant's lock."""

    def __init__(self, state: CrmState, deliverer: Deliverer) -> None:
        self.state = state
        self.deliverer = deliverer

    def add_routes(self, router: Router) -> None:
        def add(method: str, template: str, handler: Callable[[Call], Answer | Awaitable[Answer]]) -> None:
            router.add(method, template, self._guarded(handler))

        add("GET", "Webhook/default", lambda call: Answer(Hook(0, state="Active").carrier(call.manner)))
        add("GET", "Webhook", self._all)
        add("POST", "Webhook", self._create)
        add("POST", "Webhook/Test", self._test)
        add("GET", "Webhook/{id:int}", lambda call: Answer(self._hook(call).carrier(call.manner)))
        add("PUT", "Webhook/{id:int}", self._replace)
        add("PATCH", "Webhook/{id:int}", self._patch)
        add("DELETE", "Webhook/{id:int}", self._delete)
        add("GET", "Webhook/{id:int}/LastError", lambda call: Answer(self._hook(call).last_error))
        add("POST", "Webhook/{event}/{key:int}", self._raise)

    def _guarded(
        self, handler: Callable[[Call], Answer | Awaitable[Answer]]
    ) -> Callable[[Call], Answer | Awaitable[Answer]]:
        def guarded(call: Call) -> Answer | Awaitable[Answer]:
            if not self.state.options.webhooks_available:
                raise not_found("Webhook agent")
            return handler(call)

        return guarded

    def _hook(self, call: Call) -> Hook:
        return self.state.webhooks.get(call.number("id"))

    def _all(self, call: Call) -> Answer:
        wanted = {name.lower(): value for name, value in call.query.items()}
        hooks = [
            hook for hook in self.state.webhooks.hooks.values() if wanted.get("name", "").lower() in hook.name.lower()
        ]
        return Answer([hook.carrier(call.manner) for hook in hooks])

    async def _create(self, call: Call) -> Answer:
        now = self.state.clock.now()
        hook = Hook(self.state.webhooks.next_id, registered=now, registered_by=call.associate_id)
        hook.updated, hook.updated_by = now, call.associate_id
        self.state.webhooks.next_id += 1
        return await self._save(call, hook, call.document, "create")

    async def _replace(self, call: Call) -> Answer:
        return await self._save(call, self._hook(call), call.document, "update")

    async def _patch(self, call: Call) -> Answer:
        hook = self._hook(call)
        before = hook.carrier(call.manner)
        patch = patching.operations(call.body, before)
        return await self._save(call, hook, patching.apply(before, patch, call.manner), "update")

    async def _save(self, call: Call, hook: Hook, document: dict[str, Any], action: str) -> Answer:
        wanted = copy.deepcopy(hook)
        wanted.take(document)
        if wanted.state == "Active" or not hook.target_url:
            await self.deliverer.validate(wanted)
        with self.state.lock:
            hook.take(document)
            hook.updated, hook.updated_by = self.state.clock.now(), call.associate_id
            self.state.webhooks.add(hook)
            after = {"Name": hook.name, "TargetUrl": hook.target_url, "State": hook.state, "Events": list(hook.events)}
            self.state.written(action, "webhook", hook.webhook_id, {}, after, call.actor)  # type: ignore[arg-type]
        return Answer(hook.carrier(call.manner))

    def _delete(self, call: Call) -> Answer:
        hook = self._hook(call)
        del self.state.webhooks.hooks[hook.webhook_id]
        self.state.written("delete", "webhook", hook.webhook_id, {"Name": hook.name}, {}, call.actor)
        return Answer(status=204)

    async def _test(self, call: Call) -> Answer:
        hook = Hook(0)
        hook.take(call.document)
        await self.deliverer.validate(hook)
        return Answer({"Success": True, "Error": ""})

    def _raise(self, call: Call) -> Answer:
        event = call.text("event")
        if "." not in event:
            raise bad_request("An event is named entity.verb")
        self.state.webhooks.announce(event, event.partition(".")[0], call.number("key"), [], call.associate_id)
        return Answer(status=204)
