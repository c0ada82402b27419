"""Work that nobody waits for, beside people who do wait on the same machine."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")

NICENESS = 10
"""As `nice` has by default: an idle machine runs it at full speed, a busy one gives it about a tenth."""


def at_leisure(work: Callable[[], T]) -> T:
    """What `work` answers or raises, done in a thread of low priority, as are those that DuckDB starts in it.

    A thread cannot take its priority back, so each piece of work gets one of its own. Never for work that holds the
    store's write lock: everybody who writes would wait for the machine to fall idle. Where the system knows no
    priority of threads (all but Linux) it is plain work.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="leisure", initializer=_step_back) as one:
        return one.submit(work).result()


def _step_back() -> None:
    if hasattr(os, "setpriority") and os.uname().sysname == "Linux":
        thread = threading.get_native_id()
        lowest = max(os.getpriority(os.PRIO_PROCESS, thread), NICENESS)
        os.setpriority(os.PRIO_PROCESS, thread, lowest)
