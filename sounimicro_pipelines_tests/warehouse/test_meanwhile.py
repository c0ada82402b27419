"""Elements that are fetched while the one before is worked on."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing

import pytest

from sounimicro_pipelines.warehouse.meanwhile import Once, begun, read_ahead

WAIT = 30.0


def test_the_next_element_is_fetched_while_this_one_is_worked_on() -> None:
    asked = [threading.Event() for _ in range(3)]

    def source() -> Iterator[int]:
        for number, event in enumerate(asked):
            event.set()
            yield number

    seen = []
    for number in read_ahead(source()):
        assert number == 2 or asked[number + 1].wait(WAIT)
        seen.append(number)
    assert seen == [0, 1, 2]


def test_what_the_source_raises_is_raised_where_it_would_have_been() -> None:
    def source() -> Iterator[int]:
        yield 1
        raise ValueError("no more")

    elements = read_ahead(source())
    assert next(elements) == 1
    with pytest.raises(ValueError, match="no more"):
        next(elements)


def test_the_source_is_at_rest_once_it_is_closed() -> None:
    working, enough = threading.Event(), threading.Event()
    fetched = []

    def source() -> Iterator[int]:
        for number in range(10):
            if number:
                working.set()
                assert enough.wait(WAIT)
            fetched.append(number)
            yield number

    with closing(read_ahead(source())) as elements:
        assert next(elements) == 0
        assert working.wait(WAIT)
        enough.set()
    assert fetched == [0, 1]


def test_several_elements_are_fetched_ahead_and_none_more_once_it_is_closed() -> None:
    fetched = threading.Semaphore(0)

    def source() -> Iterator[int]:
        for number in range(10):
            fetched.release()
            yield number

    with closing(read_ahead(source(), 3)) as elements:
        assert next(elements) == 0
        for _ in range(4):
            assert fetched.acquire(timeout=WAIT)
        assert not fetched.acquire(timeout=0.1)
    assert not fetched.acquire(blocking=False)


def test_work_that_was_begun_once_is_waited_for() -> None:
    done: list[str] = []
    with Once(lambda: done.append("never")):
        pass
    with Once(lambda: done.append("once")) as work:
        work.begin()
        work.begin()
    assert done == ["once"]
    with pytest.raises(ZeroDivisionError), Once(lambda: 1 // 0) as failing:
        failing.begin()


def test_begun_work_tells_what_it_answers_or_raises() -> None:
    assert begun(lambda: 7).result() == 7
    with pytest.raises(ZeroDivisionError):
        begun(lambda: 1 // 0).result()
