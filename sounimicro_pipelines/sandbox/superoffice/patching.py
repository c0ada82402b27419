"""PATCH in both kinds (section 2.2): merge patches become JSON Patch operations, which are applied to a document."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sounimicro_pipelines.sandbox.superoffice.errors import ApiError, bad_request, test_failed
from sounimicro_pipelines.sandbox.superoffice.wire import Manner, find_key, parse_date


@dataclass(frozen=True, slots=True)
class Operation:
    """One JSON Patch operation with its path in parts."""

    op: str
    path: tuple[str, ...]
    value: Any = None

    @property
    def text(self) -> str:
        return "/" + "/".join(self.path)


def operations(body: Any, document: Mapping[str, Any]) -> list[Operation]:
    """What a PATCH body asks for: an array is JSON Patch, an object is a merge patch. Raises ApiError 400."""
    if isinstance(body, list):
        return [_operation(item) for item in body]
    if isinstance(body, Mapping):
        return _merge(body, document, ())
    raise bad_request("The body must be a merge patch object or a JSON Patch array")


def apply(document: dict[str, Any], patch: list[Operation], manner: Manner) -> dict[str, Any]:
    """The patched document. All `test` operations count at their place in the order. Raises ApiError 400 or 409."""
    result = copy.deepcopy(document)
    for operation in patch:
        if operation.op == "test":
            _test(result, operation, manner)
        else:
            _change(result, operation)
    return result


def touches(patch: list[Operation], *names: str) -> bool:
    """Whether an operation other than `test` goes to, above or below the property at that path."""
    wanted = tuple(name.lower() for name in names)
    paths = [tuple(part.lower() for part in operation.path) for operation in patch if operation.op != "test"]
    return any(path[: len(wanted)] == wanted[: len(path)] for path in paths)


def _operation(item: Any) -> Operation:
    if not isinstance(item, Mapping):
        raise bad_request("A JSON Patch operation must be an object")
    lowered = {str(key).lower(): value for key, value in item.items()}
    op = str(lowered.get("op", "")).lower()
    if op not in ("add", "replace", "remove", "test"):
        raise bad_request(f"The operation '{op}' is not supported")
    if "path" not in lowered or (op != "remove" and "value" not in lowered):
        raise bad_request(f"The operation '{op}' wants a path{'' if op == 'remove' else ' and a value'}")
    parts = str(lowered["path"]).lstrip("/").split("/")
    return Operation(op, tuple(part.replace("~1", "/").replace("~0", "~") for part in parts), lowered.get("value"))


def _merge(body: Mapping[str, Any], target: Any, path: tuple[str, ...]) -> list[Operation]:
    found: list[Operation] = []
    for name, value in body.items():
        key = find_key(target, name) if isinstance(target, Mapping) else None
        current = target[key] if isinstance(target, Mapping) and key is not None else None
        here = (*path, key or name)
        if isinstance(value, Mapping) and isinstance(current, list):
            found.append(Operation("add", (*here, "-"), value))
        elif isinstance(value, Mapping) and isinstance(current, Mapping):
            found += _merge(value, current, here)
        elif value is None:
            found.append(Operation("remove", here))
        else:
            found.append(Operation("replace" if key is not None else "add", here, value))
    return found


def _step(node: Any, part: str) -> Any:
    """The child under one path part. Raises LookupError."""
    if isinstance(node, list):
        return node[_index(node, part)]
    if isinstance(node, Mapping):
        key = find_key(node, part)
        if key is None:
            raise LookupError(part)
        return node[key]
    raise LookupError(part)


def _index(node: list[Any], part: str) -> int:
    if not part.isdigit() or int(part) >= len(node):
        raise LookupError(part)
    return int(part)


def _test(document: Any, operation: Operation, manner: Manner) -> None:
    node = document
    try:
        for part in operation.path:
            node = _step(node, part)
    except LookupError:
        raise test_failed(operation.text) from None
    if not _equal(node, operation.value, manner):
        raise test_failed(operation.text)


def _equal(left: Any, right: Any, manner: Manner) -> bool:
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        folded = {str(key).lower(): value for key, value in right.items()}
        return len(left) == len(right) and all(
            key.lower() in folded and _equal(value, folded[key.lower()], manner) for key, value in left.items()
        )
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(_equal(a, b, manner) for a, b in zip(left, right, strict=True))
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if left == right:
        return True
    return _same_moment(left, right, manner)


def _same_moment(left: Any, right: Any, manner: Manner) -> bool:
    """Dates are compared as moments, as a typed comparison would."""
    if not (isinstance(left, str) and isinstance(right, str) and len(left) >= 19 and len(right) >= 10):
        return False
    try:
        one, other = parse_date(left), parse_date(right)
    except ApiError:
        return False
    if not isinstance(one, datetime) or not isinstance(other, datetime):
        return one is other
    return manner.moment(left) == manner.moment(right)


def _change(document: dict[str, Any], operation: Operation) -> None:
    node: Any = document
    *parents, last = operation.path
    try:
        for part in parents:
            key = find_key(node, part) if isinstance(node, dict) else None
            if key is not None and node[key] is None and operation.op != "remove":
                node[key] = {}
            node = _step(node, part)
        if isinstance(node, list):
            _change_list(node, last, operation)
        elif isinstance(node, dict):
            _change_object(node, last, operation, known=bool(parents) or find_key(node, last) is not None)
        else:
            raise LookupError(last)
    except LookupError:
        raise bad_request(f"There is nothing at '{operation.text}' to {operation.op}") from None


def _change_list(node: list[Any], last: str, operation: Operation) -> None:
    if (operation.op == "add" and last == "-") or (operation.op == "add" and last == str(len(node))):
        node.append(operation.value)
    elif operation.op == "add":
        node.insert(_index(node, last), operation.value)
    elif operation.op == "replace":
        node[_index(node, last)] = operation.value
    else:
        del node[_index(node, last)]


def _change_object(node: dict[str, Any], last: str, operation: Operation, *, known: bool) -> None:
    """Unknown properties of the entity itself are refused; nested objects and dictionaries are open."""
    if not known:
        raise LookupError(last)
    key = find_key(node, last) or last
    if operation.op == "remove":
        node.pop(key, None)
    else:
        node[key] = operation.value
