"""Names of persons: one system keeps one name, the other three; the compared form is the joined name."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

PARTICLES = frozenset(
    [
        "af",
        "al",
        "av",
        "bin",
        "da",
        "dal",
        "de",
        "del",
        "della",
        "den",
        "der",
        "di",
        "do",
        "dos",
        "du",
        "el",
        "ibn",
        "la",
        "le",
        "los",
        "ten",
        "ter",
        "van",
        "von",
        "zu",
        "zum",
        "zur",
    ]
)
"""Words that belong to the last name they stand before, as in «von Krogh» or «van der Meer»."""


def join_name(parts: Iterable[str]) -> str:
    """The whole name with single spaces."""
    return " ".join(unicodedata.normalize("NFC", " ".join(parts)).split())


def split_name(name: str, current: tuple[str, str, str] = ("", "", "")) -> tuple[str, str, str]:
    """First, middle and last name of `name`.

    What stands there now decides where it can: a last name of several words stays one, and a middle name is kept
    apart only if there is one already. A single word is a first name.
    """
    words = join_name((name,)).split()
    if not words:
        return ("", "", "")
    last_count = _last_name_words(words, current[2].split())
    given, last = words[: len(words) - last_count], words[len(words) - last_count :]
    first_now, middle_now = current[0].split(), current[1].split()
    if not middle_now or len(given) < 2:
        return (" ".join(given), "", " ".join(last))
    if given[-len(middle_now) :] == middle_now and len(given) > len(middle_now):
        cut = len(given) - len(middle_now)
    else:
        cut = min(max(len(first_now), 1), len(given))
    return (" ".join(given[:cut]), " ".join(given[cut:]), " ".join(last))


def _last_name_words(words: list[str], last_now: list[str]) -> int:
    if len(words) == 1:
        return 0
    if last_now and len(last_now) < len(words) and words[-len(last_now) :] == last_now:
        return len(last_now)
    count = 1
    while count < len(words) - 1 and words[-count - 1].casefold() in PARTICLES:
        count += 1
    return count
