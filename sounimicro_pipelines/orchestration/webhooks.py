"""Keeping the vendors' webhooks registered: at the start of `serve`, and every ten minutes by a watchdog sensor."""

import asyncio

import dagster as dg
import httpx

from sounimicro_pipelines.errors import SounimicroError
from sounimicro_pipelines.installation import Installation
from sounimicro_pipelines.orchestration.engine_room import engine_room
from sounimicro_pipelines.sync.hooks import HookState, ensure_hooks, wanted

WATCH_SECONDS = 600
LIMIT_SECONDS = 45.0
PANELS_PATIENCE = 60.0
"""The CRM calls the panels while a hook is saved, so they must answer first."""


def told(states: list[HookState]) -> str:
    """How the hooks were found, in a line."""
    words = {"active": "as it should be", "repaired": "made or repaired", "refused": "refused"}
    return "; ".join(f"{one.vendor} {one.scope}: {words[one.state]} {one.message}".strip() for one in states)


def register_at_start(installation: Installation) -> str:
    """Make or repair the hooks as soon as the panels answer; says what came of it, "" when there are to be none."""
    settings = installation.settings
    if settings.panels_public_url is None:
        return ""

    async def register() -> list[HookState]:
        if not await _panels_answer(installation):
            return []
        async with installation.sync_connection() as connection:
            return await ensure_hooks(connection, settings, installation.clock.now())

    try:
        states = asyncio.run(register())
    except SounimicroError as error:
        return f"Webhooks were not registered: {error} They are tried again every ten minutes."
    return f"Webhooks: {told(states)}." if states else ""


async def _panels_answer(installation: Installation) -> bool:
    address = f"http://{installation.settings.panels_bind}/healthz"
    deadline = installation.clock.monotonic() + PANELS_PATIENCE
    async with httpx.AsyncClient(trust_env=False, timeout=5.0) as http:
        while installation.clock.monotonic() < deadline:
            try:
                if (await http.get(address)).status_code == httpx.codes.OK:
                    return True
            except httpx.HTTPError:
                pass
            await installation.clock.sleep(0.5)
    return False


@dg.sensor(
    name="webhooks",
    minimum_interval_seconds=WATCH_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Looks after both systems' webhooks: sets those going again that were stopped, and repairs others.",
)
def webhooks_watchdog(
    context: dg.SensorEvaluationContext, installation: dg.ResourceParam[Installation]
) -> dg.SkipReason:
    settings = installation.settings
    missing = wanted(settings)
    if settings.panels_public_url is None:
        return dg.SkipReason(" ".join(missing))
    try:
        states = engine_room(installation).run(
            lambda one: ensure_hooks(one, settings, installation.clock.now()), seconds=LIMIT_SECONDS
        )
    except SounimicroError as error:
        return dg.SkipReason(str(error))
    return dg.SkipReason(" ".join([told(states), *missing]))
