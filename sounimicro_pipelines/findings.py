"""What a check of the doctor's found, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sounimicro_pipelines.errors import SettingsError, SounimicroError

Level = Literal["ok", "note", "bad"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found. `remedy` says what to do; it is empty when all is well."""

    title: str
    level: Level = "ok"
    text: str = ""
    remedy: str = ""

    @property
    def mark(self) -> str:
        return {"ok": "✓", "note": "•", "bad": "✗"}[self.level]

    @property
    def color(self) -> str | None:
        return {"ok": "green", "note": None, "bad": "red"}[self.level]

    @property
    def is_bad(self) -> bool:
        return self.level == "bad"


def bad(title: str, error: SounimicroError) -> Finding:
    """A check that an error has ended, in the error's own words."""
    text = "; ".join(error.problems) if isinstance(error, SettingsError) else error.message
    return Finding(title, "bad", text, error.remedy)
