"""Changing an entity only if nobody has changed it meanwhile: `test` operations and `If-Unmodified-Since` together.

HTTP dates are whole seconds, so two edits in one second need the tests; phones and user-defined fields may not move
the record's stamp, so they need them always (vendor reference 1.5, 9 no. 3). A tenant that compares in a form of its
own would refuse for ever; then the record is read again, and only if it is unchanged, and refused twice, a weaker
condition is tried: a single refusal may be a passing fault, and a weaker condition is kept for good.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol

from sounimicro_pipelines.superoffice.entity import Entity
from sounimicro_pipelines.superoffice.fields import FieldRegistry, Scalar, Strictness
from sounimicro_pipelines.superoffice.values import http_date
from sounimicro_pipelines.transport import PreconditionFailed

_LEVELS: tuple[Strictness | None, ...] = ("whole", "values", None)
_log = logging.getLogger(__name__)

Read = Callable[[str, int], Awaitable[Entity]]


class Patch(Protocol):
    async def __call__(
        self, entity: str, record_id: int, operations: Sequence[Mapping[str, Any]], *, condition: str | None
    ) -> Entity: ...


@dataclass(slots=True)
class Manners:
    """What this tenant has shown to understand; learnt once per client."""

    level: int = 0
    later_condition: bool = False


async def change(
    registry: FieldRegistry, manners: Manners, read: Read, patch: Patch, before: Entity, changes: Mapping[str, Scalar]
) -> Entity:
    """The entity after the change. Raises PreconditionFailed when it is no longer as it was read in `before`."""
    operations = registry.patch(before.name, before.data, changes)
    if not operations:
        return before
    refused: int | None = None
    while True:
        strictness = _LEVELS[manners.level]
        tests = registry.tests(before.name, before.data, changes, strictness) if strictness else []
        try:
            return await patch(before.name, before.id, [*tests, *operations], condition=_condition(before, manners))
        except PreconditionFailed as error:
            now = await read(before.name, before.id)
            if now.updated != before.updated or not _same(registry, before, now, changes):
                raise
            if error.status != refused:
                refused = error.status
                continue
            refused = None
            if error.status == 412 and not manners.later_condition and before.updated is not None:
                manners.later_condition = True
            elif error.status == 409 and manners.level < len(_LEVELS) - 1:
                manners.level += 1
            else:
                raise
            _log.info("The CRM refused a condition that holds; a weaker one is used from now on.")


def _condition(before: Entity, manners: Manners) -> str | None:
    if manners.later_condition and before.updated is not None:
        return http_date(before.updated + timedelta(seconds=1))
    return before.condition


def _same(registry: FieldRegistry, before: Entity, now: Entity, paths: Mapping[str, Scalar]) -> bool:
    return registry.tests(before.name, before.data, paths) == registry.tests(now.name, now.data, paths)
