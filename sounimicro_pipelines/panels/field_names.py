"""What the fields of a rule are called in the reader's language, and what is wrong with a value in words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from sounimicro_pipelines.panels.words import Words


def field_name(words: Words, crm: Sequence[str], erp: Sequence[str]) -> str:
    """The name of a field by its paths on either side; a path that the catalogue does not know is written apart."""
    for path in _ways(crm, erp):
        if words.has(f"fields.{path}"):
            return words(f"fields.{path}")
    return _apart((*crm, *erp)[0]) if crm or erp else ""


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
