"""Names as they are compared, and an index that finds the nearest of many. Pure.

Case, æøå and their spellings, legal forms and «og»/«&» do not count: leaving them out is worth more than any scorer.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from rapidfuzz import fuzz

LEGAL_FORMS = frozenset(
    (
        "as", "asa", "ans", "da", "sa", "enk", "ks", "ba", "nuf", "iks", "kf", "sf", "se",
        "ab", "aps", "oy", "gmbh", "ltd", "llc", "inc", "bv", "plc", "hf", "spa", "srl", "sarl",
    )
)  # fmt: skip
_JOINERS = frozenset(("og", "and", "und", "&", "+", "the"))
_FOLDS = str.maketrans({"å": "a", "ä": "a", "æ": "a", "ø": "o", "ö": "o", "ü": "u", "ß": "s", "ð": "d", "þ": "t"})
_SPELT = re.compile(r"aa|ae|oe|ue")
_SPELT_AS = {"aa": "a", "ae": "a", "oe": "o", "ue": "u"}


@lru_cache(maxsize=200_000)
def tokens(name: str) -> tuple[tuple[str, ...], str]:
    """The words of a company's name that count, and its legal form ("" when it names none)."""
    text = unicodedata.normalize("NFC", name).casefold().replace("a/s", " as ").replace("a.s", " as ")
    text = re.sub(r"['`´’.]", "", text)
    words = re.sub(r"[^\w&+]+", " ", text).replace("_", " ").split()
    legal = [word for word in words if word in LEGAL_FORMS]
    kept = [fold(word) for word in words if word not in LEGAL_FORMS and word not in _JOINERS]
    if not kept:
        kept = [fold(word) for word in words]
    return tuple(kept), legal[-1] if legal else ""


@lru_cache(maxsize=200_000)
def fold(word: str) -> str:
    """Lower case, with æøå, their spellings and accents as one plain letter."""
    plain = unicodedata.normalize("NFKD", word.casefold().translate(_FOLDS))
    letters = "".join(letter for letter in plain if not unicodedata.combining(letter))
    return _SPELT.sub(lambda found: _SPELT_AS[found.group(0)], letters)


def normal(name: str) -> str:
    """The words that count, in their order."""
    return " ".join(tokens(name)[0])


def similarity(one: str, other: str) -> float:
    """How alike two names are, 0 to 1, whatever the order and division of their words.

    Words with digits must be the same, or the names are less alike than any threshold: «Fjord 2» is not «Fjord 3».
    """
    first, second = _compared(one), _compared(other)
    if first == second:
        return 1.0
    if not first.joined or not second.joined:
        return 0.0
    alike = max(fuzz.ratio(first.by_words, second.by_words), fuzz.ratio(first.joined, second.joined)) / 100
    return min(alike, 0.99 if first.numbers == second.numbers else 0.8)


@dataclass(frozen=True, slots=True)
class _Compared:
    by_words: str
    joined: str
    numbers: tuple[str, ...]


_ROMAN = {
    "ii": "2",
    "iii": "3",
    "iv": "4",
    "v": "5",
    "vi": "6",
    "vii": "7",
    "viii": "8",
    "ix": "9",
    "i": "1",
    "x": "10",
}


@lru_cache(maxsize=200_000)
def _compared(name: str) -> _Compared:
    words = tokens(name)[0]
    numbers = (_ROMAN.get(word, word) for word in words if word in _ROMAN or any(one.isdigit() for one in word))
    return _Compared(" ".join(sorted(words)), "".join(words), tuple(sorted(numbers)))


class NameIndex:
    """Finds names that share rare groups of three letters with a query."""

    def __init__(self, names: Sequence[str], *, postings: int | None = None) -> None:
        """`postings`: how many index entries a query may look at; grows with the number of names by default."""
        self.size = len(names)
        self._budget = postings if postings is not None else max(60_000, self.size // 5)
        grams: dict[str, int] = {}
        owners: list[NDArray[np.int32]] = []
        codes: list[NDArray[np.int32]] = []
        for place, name in enumerate(names):
            found = [grams.setdefault(gram, len(grams)) for gram in _grams(name)]
            codes.append(np.asarray(found, dtype=np.int32))
            owners.append(np.full(len(found), place, dtype=np.int32))
        self._grams = grams
        all_codes = np.concatenate(codes) if codes else np.empty(0, dtype=np.int32)
        all_owners = np.concatenate(owners) if owners else np.empty(0, dtype=np.int32)
        order = np.argsort(all_codes, kind="stable")
        self._owners = all_owners[order]
        counts = np.bincount(all_codes, minlength=len(grams)) if len(grams) else np.empty(0, dtype=np.int64)
        self._starts = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(counts)])

    def nearest(self, name: str, limit: int = 100) -> list[int]:
        """Places of the names that share most with this one, best first."""
        codes = [self._grams[gram] for gram in _grams(name) if gram in self._grams]
        spans = sorted((int(self._starts[code + 1] - self._starts[code]), code) for code in codes)
        taken: list[NDArray[np.int32]] = []
        seen = 0
        for length, code in spans:
            if taken and seen + length > self._budget:
                break
            seen += length
            taken.append(self._owners[self._starts[code] : self._starts[code + 1]])
        if not taken:
            return []
        places, counts = np.unique(np.concatenate(taken), return_counts=True)
        if len(places) > limit:
            best = np.argpartition(-counts, limit)[:limit]
            places, counts = places[best], counts[best]
        order = np.lexsort((places, -counts))
        return [int(place) for place in places[order]]


def _grams(name: str) -> set[str]:
    text = f"  {''.join(tokens(name)[0])} "
    words = {f" {word[:2]}" for word in tokens(name)[0]}
    return {text[at : at + 3] for at in range(len(text) - 2)} | words
