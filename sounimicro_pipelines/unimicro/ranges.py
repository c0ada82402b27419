"""How a register is shared out among several calls at once: ranges of IDs that idle readers split further.

IDs are dense in some registers and sparse in others, so a fixed split would leave readers idle or ask for thousands
of empty ranges; instead a reader that has nothing left takes the upper half of the widest range still being read.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True, eq=False)
class Range:
    """IDs above `after` up to `end`; the last range has no end, so that new records are met too."""

    after: int
    end: int | None
    likely_end: int
    done: bool = False

    @property
    def width(self) -> int:
        return 0 if self.done else max(0, self.likely_end - self.after)

    def seen(self, last: int | None) -> None:
        """Go on behind the last ID of a page, None for an empty one.

        The range is finished at an empty page or when its upper end was seen, never by a short page.
        """
        if last is None:
            self.done = True
            return
        self.after = last
        if self.end is not None and self.after >= self.end:
            self.done = True


class Ranges:
    """The ranges of one listing. `newest_id` is a guess that only decides the split."""

    def __init__(self, newest_id: int, readers: int, page_size: int) -> None:
        self._least = page_size
        self.parallel = newest_id > page_size and readers > 1
        self._waiting: list[Range] = []
        self._reading: list[Range] = []
        count = min(readers, -(-newest_id // page_size)) if self.parallel else 1
        bounds = [newest_id * index // count for index in range(count + 1)]
        for index in range(count):
            last = index == count - 1
            self._waiting.append(Range(bounds[index], None if last else bounds[index + 1], max(bounds[index + 1], 0)))

    def take(self) -> Range | None:
        """A range to read, None when all that is left is being read and too narrow to share."""
        if self._waiting:
            part = self._waiting.pop(0)
        else:
            widest = max(self._reading, key=lambda one: one.width, default=None)
            if widest is None or widest.width < 4 * self._least:
                return None
            middle = widest.after + (widest.width + 1) // 2
            part = Range(middle, widest.end, widest.likely_end)
            widest.end = widest.likely_end = middle
        self._reading.append(part)
        return part

    def release(self, part: Range) -> None:
        """That range has been read."""
        self._reading.remove(part)
