"""Work in another thread while this one goes on: DuckDB, SQLite and the disk need not wait for each other."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def begun(work: Callable[[], T]) -> Future[T]:
    """Begins `work` in another thread."""
    one = ThreadPoolExecutor(1, thread_name_prefix="meanwhile")
    done = one.submit(work)
    one.shutdown(wait=False)
    return done


def read_ahead(source: Iterator[T]) -> Generator[T, None, None]:
    """The elements of `source`, each fetched while who asked is busy with the one before.

    `source` is at rest once this is closed. Raises what it raises.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="read-ahead") as one:
        end = object()
        coming = one.submit(next, source, end)
        while (element := coming.result()) is not end:
            coming = one.submit(next, source, end)
            yield element  # type: ignore[misc]
