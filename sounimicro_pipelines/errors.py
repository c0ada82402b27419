"""The root of everything this product reports as wrong: what happened, and what to do about it."""

from __future__ import annotations


class SounimicroError(Exception):
    """Something a person can act on.

    The text never holds a secret or a personal value; it may be logged and shown.
    """

    exit_code = 1

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message} {self.remedy}".strip()


class SettingsError(SounimicroError):
    """Settings that are missing or wrong; one line each, with where to get the right value."""

    exit_code = 2

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems
