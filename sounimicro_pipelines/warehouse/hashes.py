"""Two hashes of a whole row, in DuckDB's SQL.

DuckDB hashes a decimal of more than 18 digits by its two halves against each other, so that -0.01 has the hash of 0.00
(as each value whose halves are alike has): a cent that came or went would not be seen. As a double it has another, so
the second hash takes it as that.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

FORMULA = 2
"""Which way of hashing this is: sums of another one are no use beside it."""
_DECIMAL = re.compile(r"DECIMAL\((\d+),\d+\)")
_HALF = 18


def row_hashes(alias: str, columns: Sequence[tuple[str, str]]) -> tuple[str, str]:
    """Both hashes of a row, each 64 bits, as SQL. `columns` are names with DuckDB's names of their types."""
    forwards = [f'{alias}."{name}"' for name, _ in columns]
    backwards = [f"{one}::double" if _is_wide(kind) else one for one, (_, kind) in zip(forwards, columns, strict=True)]
    return f"hash({', '.join(forwards)})", f"hash({', '.join(backwards[::-1])}, 1)"


def described(description: Iterable[Sequence[object]] | None) -> list[tuple[str, str]]:
    """Names and types of the columns of a cursor's description."""
    return [(str(column[0]), str(column[1])) for column in description or ()]


def _is_wide(kind: str) -> bool:
    found = _DECIMAL.fullmatch(kind)
    return found is not None and int(found[1]) > _HALF
