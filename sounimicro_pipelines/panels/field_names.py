"""What the fields of a rule are called in the reader's language, and what is wrong with a value in words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from sounimicro_pipelines.panels.words import Words

_SILENT = frozenset(("Info", "Address"))
"""Steps of a path that say nothing to a reader where more follows."""


def field_name(words: Words, crm: Sequence[str], erp: Sequence[str]) -> str:
    """The name of a field by its paths on either side; a path that the catalogue does not know is written apart."""
    for path in _ways(crm, erp):
        if words.has(f"fields.{path}"):
            return words(f"fields.{path}")
    if not crm and not erp:
        return ""
    path = (*crm, *erp)[0]
    return _composed(words, path) or _apart(path)


def problem_text(words: Words, kind: str, transform: str = "", otherwise: str = "") -> str:
    """Why a value cannot travel; `transform` is the field's, `otherwise` the text for a kind that is not known."""
    if kind == "invalid_value" and words.has(f"value_problems.invalid.{transform}"):
        return words(f"value_problems.invalid.{transform}")
    if words.has(f"value_problems.{kind}"):
        return words(f"value_problems.{kind}")
    return otherwise or words("value_problems.invalid_value")


def _ways(crm: Sequence[str], erp: Sequence[str]) -> Iterator[str]:
    for paths in (crm, erp):
        if paths:
            yield "+".join(paths)
    yield from (path for paths in (crm, erp) if paths for path in paths)


def _composed(words: Words, path: str) -> str:
    """`Info.InvoiceAddress.Region` → `Fakturaadresse: region`; "" where the catalogue does not know every part."""
    parts: list[tuple[str, str]] = re.findall(r"([^.\[\]]+)(?:\[([^\]]*)\])?", path)
    if len(parts) > 1 and parts[-1][0] == "Value" and parts[-2][1]:
        parts.pop()
    shown = [one for place, one in enumerate(parts) if one[0] not in _SILENT or place == len(parts) - 1]
    if not all(words.has(f"field_parts.{name}") for name, _ in shown):
        return ""
    told = [
        words(f"field_parts.{name}") + (f" ({picked})" if picked not in ("", "first") else "") for name, picked in shown
    ]
    rest = ", ".join(one[:1].lower() + one[1:] if one[1:2].islower() else one for one in told[1:])
    joined = f"{told[0]}: {rest}" if rest else told[0]
    return joined[:1].upper() + joined[1:]


def _apart(path: str) -> str:
    """`Info.FactoringNumber` → `Factoring number`; a user-defined field keeps its own name."""
    inner = re.search(r"(?:CustomFields|UserDefinedFields|ExtraFields)\[([^\]]+)\]", path)
    if inner is not None:
        return inner[1]
    last = re.sub(r"\[.*?\]", "", path).split(".")[-1]
    if last == "Value" and "." in path:
        last = re.sub(r"\[.*?\]", "", path).split(".")[-2]
    parts = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", last.removesuffix("ID") or last).split()
    return " ".join([parts[0][:1].upper() + parts[0][1:], *(part.lower() for part in parts[1:])]) if parts else last
