"""The moment between our last reading of an ERP record and our write, as its audit log shows it afterwards. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sounimicro_pipelines.rules.values import Scalar, text_of
from sounimicro_pipelines.sync.ports import Edit
from sounimicro_pipelines.unimicro.audit import Line
from sounimicro_pipelines.unimicro.fields import Holder
from sounimicro_pipelines.unimicro.traits import stamp_of
from sounimicro_pipelines.unimicro.writing import Stray


@dataclass(frozen=True, slots=True)
class Window:
    """The objects that hold each written path as they were read last, their values then, and the log's lines since.

    `us` is the identity that the ERP signs our writes by; without it nothing can be told apart.
    """

    holders: Mapping[str, Sequence[Holder]]
    values: Mapping[str, Scalar]
    lines: Mapping[tuple[str, int], Sequence[Line]]
    us: str | None

    def overwritten(self) -> list[Edit]:
        """People's edits of the written fields that came after our reading and before our write."""
        found: list[Edit] = []
        for path, holders in self.holders.items():
            last = holders[-1]
            lines = self._since_reading(last.entity, last.id, last.field, stamp_of(last.record).at)
            ours = max((one.number for one in lines if one.by == self.us), default=None)
            seen = _plain(text_of(self.values.get(path)))
            before = [one for one in lines if ours is not None and one.number < ours]
            known = (seen, _plain(text_of(last.record.get(last.field))))
            read = max((place for place, one in enumerate(before) if _plain(one.new) in known), default=-1)
            theirs = [one for one in before[read + 1 :] if one.by != self.us]
            if theirs:
                by = theirs[-1].by
                found.append(Edit(path, theirs[-1].new, f"user:{by}" if by else None, theirs[-1].at))
        return found

    def was_emptied_by_a_person(self, stray: Stray) -> bool:
        """Whether the log says that somebody else emptied the field."""
        held = next(
            (one for each in self.holders.values() for one in each if (one.entity, one.id) == (stray.entity, stray.id)),
            None,
        )
        read_at = stamp_of(held.record).at if held is not None else None
        lines = self._since_reading(stray.entity, stray.id, stray.field, read_at)
        return bool(lines) and lines[-1].by != self.us and not lines[-1].new

    def _since_reading(self, entity: str, record_id: int, field: str, read_at: datetime | None) -> list[Line]:
        if self.us is None or not field:
            return []
        return [
            one
            for one in self.lines.get((entity, record_id), ())
            if one.field == field and (one.at is None or read_at is None or one.at >= read_at.replace(microsecond=0))
        ]


def _plain(text: str) -> str:
    """A logged value as far as it can be compared: spaces and the time of a day aside."""
    text = " ".join(text.split())
    return text[:10] if text[10:] in ("T00:00:00", "T00:00:00Z", " 00:00:00") else text
