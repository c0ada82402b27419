"""The CRM's fields as rules name them: which paths there are, reading them, and the JSON Patch that writes them.

A path walks objects by dots (or `/`), picks an element of an array or a user-defined field by brackets:
`Address.Postal.Address1`, `Category.Id`, `MobilePhones[first].Value`, `Phones[Description=Sentralbord].Value`,
`CustomFields[SuperOffice:7]`. Writing an element sends the whole array with the others as they were (2.2).
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Literal

from sounimicro_pipelines.records import Kind
from sounimicro_pipelines.superoffice.failures import FieldProblem, UnknownName, ValueTooLong
from sounimicro_pipelines.superoffice.field_table import (
    ARRAYS,
    CUSTOM_DICTIONARIES,
    DESCRIPTION_LENGTH,
    ELEMENT_FIELDS,
    FIELDS,
    FieldInfo,
)
from sounimicro_pipelines.superoffice.values import (
    as_bool,
    as_int,
    country_id,
    day_to_wire,
    decode_udef,
    encode_udef,
    in_language,
    member,
    moment_to_wire,
    parse_day,
    parse_moment,
    udef_kind,
)

Scalar = str | int | float | Decimal | bool | date | datetime | None
Record = Mapping[str, Any]
Operation = dict[str, Any]
Strictness = Literal["whole", "values"]

COUNTRY_LIST = "country"
NO_DATE = "0001-01-01T00:00:00"
_ELEMENT = re.compile(r"(\w+)\[(?:(first)|(\w+)=([^\]]+))\]\.(\w+)")
_CUSTOM = re.compile(r"(\w+)\[([^\]]+)\]")


@dataclass(frozen=True, slots=True)
class _Target:
    """A parsed path: a plain one has `steps`, the others their array or dictionary."""

    info: FieldInfo
    steps: tuple[str, ...] = ()
    array: str = ""
    where: tuple[str, str] | None = None
    dictionary: str = ""
    key: str = ""


class FieldRegistry:
    """The fields of contact, person and project.

    `custom` are the tenant's user-defined fields by entity, from `client.custom_fields`; one that is not among them
    can be named all the same when none are given, and its kind is then told by the value it holds.
    """

    entities: tuple[str, ...] = tuple(FIELDS)

    def __init__(self, custom: Mapping[str, Sequence[FieldInfo]] | None = None) -> None:
        self._custom = {name: {info.path: info for info in infos} for name, infos in (custom or {}).items()}

    def find(self, entity_name: str, path: str) -> FieldInfo | None:
        """The field of that path, or None when there is none."""
        try:
            return self._parse(entity_name, path).info
        except UnknownName:
            return None

    def suggest(self, entity_name: str, path: str) -> str:
        """Why there is no such field, with the nearest valid name; "" when there is one."""
        try:
            self._parse(entity_name, path)
        except UnknownName as error:
            return str(error)
        return ""

    def fields(self, entity_name: str) -> list[FieldInfo]:
        """Every field that a rule may name, arrays by their first element, without other elements."""
        if entity_name not in FIELDS:
            return []
        elements = [
            self._parse(entity_name, f"{array}[first].{name}").info
            for array in ARRAYS[entity_name]
            for name in ELEMENT_FIELDS
        ]
        return [*FIELDS[entity_name].values(), *elements, *self._custom.get(entity_name, {}).values()]

    def read(self, entity_name: str, record: Record, path: str) -> Scalar:
        """The value at a path; None when it is blank or missing. Dates are calendar days, list references ids.

        Raises UnknownName for a path that does not exist.
        """
        target = self._parse(entity_name, path)
        kind = target.info.kind
        if target.dictionary:
            value = _custom_value(_raw_custom(record, target), kind, known=self._known(entity_name, path))
            return None if target.info.list_name and value == 0 else value
        return _typed(_raw(record, target), kind)

    def raw(self, entity_name: str, record: Record, path: str) -> Any:
        """What stands at a path, as the CRM wrote it; None when nothing does."""
        target = self._parse(entity_name, path)
        return _raw_custom(record, target) if target.dictionary else _raw(record, target)

    def may_be_unset(self, entity_name: str, record: Record, path: str) -> bool:
        """Whether a user-defined number holds the zero that it holds before anybody has filled it in."""
        value = self.read(entity_name, record, path) if self._parse(entity_name, path).dictionary else None
        return isinstance(value, int | Decimal) and not isinstance(value, bool) and not value

    def patch(
        self, entity_name: str, record: Record, changes: Mapping[str, Scalar], *, creating: bool = False
    ) -> list[Operation]:
        """JSON Patch operations that change these paths of a record that was just read.

        Raises UnknownName, FieldProblem for a field that cannot be written or take the value, ValueTooLong.
        """
        arrays: dict[str, list[dict[str, Any]]] = {}
        dictionaries: dict[str, dict[str, str]] = {}
        objects: dict[tuple[str, ...], dict[str, Any]] = {}
        operations: list[Operation] = []
        for path, value in changes.items():
            target = self._parse(entity_name, path)
            if not target.info.writable and not (creating and target.info.create_only):
                raise FieldProblem(path, "cannot be written")
            wire = self._wire(target, value, record)
            if target.array:
                working = arrays.setdefault(target.array, _plain_elements(member(record, target.array)))
                _set_element(working, target, wire)
            elif target.dictionary:
                dictionaries.setdefault(target.dictionary, {})[target.key] = wire
            elif (missing := _missing_parent(record, target.steps)) is not None:
                _set_deep(objects.setdefault(missing, {}), target.steps[len(missing) :], wire)
            else:
                operations.append({"op": "replace", "path": _pointer(target.steps), "value": wire})
        operations += [{"op": "replace", "path": _pointer(at), "value": value} for at, value in objects.items()]
        operations += [{"op": "replace", "path": f"/{name}", "value": values} for name, values in arrays.items()]
        operations += [{"op": "replace", "path": f"/{name}", "value": values} for name, values in dictionaries.items()]
        return operations

    def tests(
        self, entity_name: str, record: Record, paths: Iterable[str], strictness: Strictness = "whole"
    ) -> list[Operation]:
        """`test` operations which hold while these paths are as they were read.

        `whole` compares arrays and stamps as they came, `values` only plain values of elements and texts, for a
        tenant that compares in another form.
        """
        found: dict[str, Operation] = {}

        def hold(steps: Sequence[str], value: Any) -> None:
            pointer = _pointer(steps)
            found.setdefault(pointer, {"op": "test", "path": pointer, "value": value})

        for path in paths:
            target = self._parse(entity_name, path)
            if target.array:
                elements = member(record, target.array)
                if strictness == "whole" or not elements:
                    if isinstance(elements, list):
                        hold((target.array,), elements)
                else:
                    for place, element in enumerate(elements):
                        hold((target.array, str(place), "Value"), member(element, "Value"))
            elif target.dictionary:
                raw = _raw_custom(record, target)
                if raw is not None:
                    hold((target.dictionary, target.key), raw)
            elif (missing := _missing_parent(record, target.steps)) is not None:
                if strictness == "whole" and _stands(record, missing):
                    hold(missing, None)
            elif strictness == "whole" or target.info.kind not in ("date", "datetime"):
                hold(target.steps, _raw(record, target))
        return list(found.values())

    def _known(self, entity_name: str, path: str) -> bool:
        return path in self._custom.get(entity_name, {})

    def _wire(self, target: _Target, value: Scalar, record: Record) -> Any:
        info = target.info
        if target.dictionary:
            kind = info.kind
            held = _raw_custom(record, target)
            if not self._known(info.entity, info.path) and held not in (None, ""):
                kind = udef_kind(held)
            typed = _converted(info.path, value, kind)
            if kind == "text" and isinstance(typed, str):
                _check_length(info, typed)
            if typed is None and kind == "date":
                return "[D:01/01/0001 00:00:00.0000000]"
            return encode_udef(typed)
        if info.list_name == COUNTRY_LIST:
            value = country_id(value) or value
        typed = _converted(info.path, value, info.kind)
        if info.kind == "text":
            text = "" if typed is None else str(typed)
            _check_length(info, text)
            return text
        if info.kind == "date":
            return day_to_wire(typed) if isinstance(typed, date) else NO_DATE
        if info.kind == "datetime":
            return moment_to_wire(typed) if isinstance(typed, datetime) else NO_DATE
        if info.kind == "bool":
            return bool(typed)
        if info.kind == "int":
            return 0 if typed is None else typed
        return None if typed is None else Decimal(str(typed))

    def _parse(self, entity_name: str, path: str) -> _Target:
        if entity_name not in FIELDS:
            raise UnknownName("entity", entity_name, "The CRM's field registry", _near(entity_name, FIELDS))
        element = _ELEMENT.fullmatch(path)
        if element:
            return self._element(entity_name, path, element)
        custom = _CUSTOM.fullmatch(path)
        if custom and custom[1] in CUSTOM_DICTIONARIES:
            return self._custom_target(entity_name, path, custom[1], custom[2])
        dotted = path.replace("/", ".")
        info = FIELDS[entity_name].get(dotted)
        if info is not None:
            return _Target(info if dotted == path else replace(info, path=path), steps=tuple(dotted.split(".")))
        raise UnknownName("field", path, f"The CRM's {entity_name}", self._nearest(entity_name, dotted))

    def _element(self, entity_name: str, path: str, found: re.Match[str]) -> _Target:
        array, _first, key, wanted, name = found.groups()
        limit = ARRAYS[entity_name].get(array)
        if limit is None or name not in ELEMENT_FIELDS or (key is not None and key not in ELEMENT_FIELDS):
            raise UnknownName("field", path, f"The CRM's {entity_name}", self._nearest(entity_name, path))
        info = FieldInfo(
            entity=entity_name,
            path=path,
            kind="text",
            writable=name != "StrippedValue",
            max_length={"Value": limit, "Description": DESCRIPTION_LENGTH}.get(name),
            personal=entity_name == "person" or array in ("Phones", "Emails"),
        )
        return _Target(info, array=array, where=(key, wanted) if key else None, key=name)

    def _custom_target(self, entity_name: str, path: str, dictionary: str, key: str) -> _Target:
        known = self._custom.get(entity_name)
        info = (known or {}).get(path)
        if info is None:
            if known and dictionary == "CustomFields":
                raise UnknownName("user-defined field", path, f"The CRM's {entity_name}", _near(path, known))
            info = FieldInfo(entity_name, path, "text", custom=True)
        return _Target(info, dictionary=dictionary, key=key)

    def _nearest(self, entity_name: str, path: str) -> str | None:
        root = path.split("[")[0].split(".")[0]
        if root in ARRAYS[entity_name]:
            return f"{root}[first].Value"
        return _near(path, [info.path for info in self.fields(entity_name)])


def _near(name: str, names: Iterable[str]) -> str | None:
    by_folded = {one.lower(): one for one in names}
    near = difflib.get_close_matches(name.lower(), by_folded, n=1, cutoff=0.5)
    return by_folded[near[0]] if near else None


def _pointer(steps: Sequence[str]) -> str:
    return "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in steps)


def _raw(record: Record, target: _Target) -> Any:
    if target.array:
        element = _picked(member(record, target.array), target.where)
        return None if element is None else member(element, target.key)
    at: Any = record
    for step in target.steps:
        at = member(at, step)
    return at


def _raw_custom(record: Record, target: _Target) -> Any:
    return member(member(record, target.dictionary), target.key)


def _picked(elements: Any, where: tuple[str, str] | None) -> Any:
    for element in elements if isinstance(elements, list) else ():
        if where is None:
            if member(element, "Value"):
                return element
        elif str(member(element, where[0]) or "").casefold() == where[1].casefold():
            return element
    return None


def _plain_elements(elements: Any) -> list[dict[str, Any]]:
    return [
        {"Value": member(element, "Value"), "Description": member(element, "Description") or ""}
        for element in (elements if isinstance(elements, list) else ())
        if member(element, "Value")
    ]


def _set_element(working: list[dict[str, Any]], target: _Target, value: str) -> None:
    element = _picked(working, target.where)
    if element is None:
        if not value:
            return
        element = {"Value": "", "Description": ""}
        if target.where is not None and target.where[0] == "Description":
            element["Description"] = target.where[1]
        working.append(element)
    element[target.key] = value
    if target.key == "Value" and not value:
        working.remove(element)


def _missing_parent(record: Record, steps: Sequence[str]) -> tuple[str, ...] | None:
    """The first object on the way that is not there, which must then be written whole."""
    at: Any = record
    for place, step in enumerate(steps[:-1], start=1):
        at = member(at, step)
        if not isinstance(at, Mapping):
            return tuple(steps[:place])
    return None


def _stands(record: Record, steps: Sequence[str]) -> bool:
    """Whether the last step is a member at all, null though it may be."""
    at: Any = record
    for step in steps[:-1]:
        at = member(at, step)
    return isinstance(at, Mapping) and any(name.lower() == steps[-1].lower() for name in at)


def _set_deep(into: dict[str, Any], steps: Sequence[str], value: Any) -> None:
    for step in steps[:-1]:
        into = into.setdefault(step, {})
    into[steps[-1]] = value


def _typed(raw: Any, kind: Kind) -> Scalar:
    if raw is None:
        return None
    if kind == "int":
        return as_int(raw) or None
    if kind == "bool":
        return as_bool(raw)
    if kind == "date":
        return parse_day(raw)
    if kind == "datetime":
        return parse_moment(raw)
    return in_language(str(raw)) or None


def _custom_value(raw: Any, kind: Kind, *, known: bool) -> Scalar:
    decoded = decode_udef(raw)
    if not known:
        return decoded
    if kind == "date":
        return parse_day(raw)
    if kind == "bool":
        return as_bool(raw)
    if kind == "int":
        return as_int(raw)
    return decoded


def _converted(path: str, value: Scalar, kind: Kind) -> Scalar:
    """The value as the kind's type; texts in their plain form are understood. Raises FieldProblem."""
    if value is None or (value == "" and kind != "text"):
        return None
    result: Scalar = None
    try:
        if kind == "text":
            return value.isoformat() if isinstance(value, date) else str(value)
        if kind == "int":
            result = as_int(value) if not isinstance(value, Decimal) else int(value)
        elif kind == "bool":
            result = as_bool(value)
        elif kind == "date":
            result = parse_day(value)
        elif kind == "datetime":
            result = parse_moment(value)
        else:
            result = Decimal(str(value))
    except (InvalidOperation, ValueError):
        result = None
    if result is None:
        raise FieldProblem(path, f"cannot take this value; it wants the kind «{kind}»")
    return result


def _check_length(info: FieldInfo, text: str) -> None:
    if info.max_length is not None and len(text) > info.max_length:
        raise ValueTooLong(info.path, len(text), info.max_length)
