"""What a check of the doctor's found. Its words are in the catalogues, and are said at the door that tells of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from sounimicro_pipelines.errors import SounimicroError

Level = Literal["ok", "note", "bad"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found.

    `check` names the check and `said` what it found (by default its level): together the key of its texts.
    `parameters` fill them in, `company` is the alias of the ERP company that was looked at, and `error` is what ended
    the check, which is told in the error's own words.
    """

    check: str
    level: Level = "ok"
    said: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    company: str = ""
    error: SounimicroError | None = None

    @property
    def mark(self) -> str:
        return {"ok": "✓", "note": "•", "bad": "✗"}[self.level]

    @property
    def color(self) -> str | None:
        return {"ok": "green", "note": None, "bad": "red"}[self.level]

    @property
    def is_bad(self) -> bool:
        return self.level == "bad"


def found(check: str, level: Level = "ok", said: str = "", *, company: str = "", **parameters: Any) -> Finding:
    """What a check found, with what its texts are filled in with."""
    return Finding(check, level, said, parameters, company)


def bad(check: str, error: SounimicroError, *, company: str = "", **parameters: Any) -> Finding:
    """A check that an error has ended."""
    return Finding(check, "bad", "error", parameters, company, error)
