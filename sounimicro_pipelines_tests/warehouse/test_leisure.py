"""Work at leisure gives way to others, and the thread that asked for it keeps its place."""

from __future__ import annotations

import os
import sys
import threading

import pytest

from sounimicro_pipelines.warehouse.leisure import NICENESS, at_leisure


def niceness() -> int:
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux knows the priority of a thread")
def test_a_piece_of_work_steps_back_and_its_asker_does_not() -> None:
    before = niceness()
    assert at_leisure(niceness) == max(before, NICENESS)
    assert niceness() == before


def test_what_goes_wrong_in_it_reaches_the_asker() -> None:
    with pytest.raises(ZeroDivisionError):
        at_leisure(lambda: 1 // 0)
