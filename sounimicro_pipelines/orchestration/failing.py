"""Our errors as Dagster shows them: in our words, and tried again only when they may pass by themselves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from sounimicro_pipelines.errors import SounimicroError
from sounimicro_pipelines.transport import BadAnswer, Misdirected, RateLimited, ServerFailed, Unreachable

PASSING = (BadAnswer, Misdirected, RateLimited, ServerFailed, Unreachable)
"""A refused password or a file that somebody holds is the same in half a minute; a system in trouble may not be."""

EXIT_CODE = "exit_code"
"""The failure's metadata that holds what a command ends with."""


@contextmanager
def plainly() -> Iterator[None]:
    """Raises dg.Failure, with what happened and what to do, for an error of ours."""
    try:
        yield
    except SounimicroError as error:
        told = {EXIT_CODE: error.exit_code}
        raise dg.Failure(str(error), metadata=told, allow_retries=isinstance(error, PASSING)) from error
