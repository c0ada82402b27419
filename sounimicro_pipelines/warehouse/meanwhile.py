"""Work in another thread while this one goes on: DuckDB, SQLite and the disk need not wait for each other."""

from __future__ import annotations

from collections import deque
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


class Once:
    """Work that may be begun in another thread inside `with`, whose end waits for it and raises what it raises."""

    def __init__(self, work: Callable[[], object]) -> None:
        self._work = work
        self._done: Future[object] | None = None

    def begin(self) -> None:
        self._done = self._done or begun(self._work)

    def __enter__(self) -> Once:
        return self

    def __exit__(self, *_: object) -> None:
        if self._done is not None:
            self._done.result()


def read_ahead(source: Iterator[T], most: int = 1) -> Generator[T, None, None]:
    """The elements of `source`, so many at most fetched while who asked is busy with the one before.

    `source` is at rest once this is closed. Raises what it raises.
    """
    one, end = ThreadPoolExecutor(1, thread_name_prefix="read-ahead"), object()
    coming = deque(one.submit(next, source, end) for _ in range(most))
    try:
        while (element := coming.popleft().result()) is not end:
            coming.append(one.submit(next, source, end))
            yield element  # type: ignore[misc]
    finally:
        one.shutdown(cancel_futures=True)
