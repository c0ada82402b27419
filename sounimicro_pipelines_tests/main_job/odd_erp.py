"""The sandbox's ERP as another installation would show it: other ids and spellings, other fields, less offered.

It stands in front of the sandbox and rewrites what passes, so that the figures behind it must stay what they were.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import httpx

from sounimicro_pipelines_tests.wire import Call, Reply, Wire

SHIFT = 3_000_000_000
"""What is added to every id: more than 32 bits hold, which the vendor's tables promise and nobody should need."""
_FIXED = frozenset({"JournalEntryTypeID"})
"""Ids that are the same in every installation (reference, 6.12)."""
_IN_FILTER = re.compile(r"\b((?:\w+\.)*\w*(?:ID|Id))(\s+(?:eq|ne|gt|ge|lt|le)\s+)(\d+)")
_ODD_KEYS = ("StatusCode", "InvoiceType", "CollectorStatusCode", "Type", "TermsType", "No", "Year")


@dataclass
class OddErp:
    """`absent` are routes under /api/biz/ (and `statistics`) that this installation lacks, with how it says so."""

    behind: str
    shift: int = SHIFT
    odd_values: bool = True
    absent: Mapping[str, int] = field(default_factory=dict)

    def __enter__(self) -> OddErp:
        self._http = httpx.Client(trust_env=False, timeout=60)
        self._wire = Wire(self._answer)
        self.url = self._wire.url
        return self

    def __exit__(self, *_: object) -> None:
        self._wire.close()
        self._http.close()

    def _answer(self, call: Call) -> Reply:
        route = call.path.removeprefix("/api/biz/").split("/")[0].removeprefix("/api/")
        if call.path.startswith("/api/") and route in self.absent:
            return Reply({"Message": "not here"}, self.absent[route])
        own = route != "journalentrytypes"
        query = {name: self._back(value, own) if name == "filter" else value for name, value in call.query.items()}
        passed = {name: value for name, value in call.headers.items() if name in ("authorization", "companykey", "key")}
        answer = self._http.request(call.method, self.behind + call.path, params=query, headers=passed)
        if not answer.is_success:
            return Reply(answer.content, answer.status_code)
        body = json.loads(answer.content, parse_float=Decimal) if answer.content else None
        if call.path == "/api/endpoints":
            body = {name: value.replace(_host(self.behind), _host(self.url)) for name, value in body.items()}
        elif call.path.startswith(("/api/biz/", "/api/statistics")):
            body = self._shown(body, own=own, plain=route == "statistics")
        text = json.dumps(body, indent=1 if self.odd_values else None, ensure_ascii=False, default=_number)
        return Reply(gzip.compress(text.encode(), 1), answer.status_code, {"Content-Encoding": "gzip"})

    def _back(self, text: str, own: bool) -> str:
        def lower(found: re.Match[str]) -> str:
            fixed = found[1].split(".")[-1] in _FIXED or (found[1] == "ID" and not own)
            return found[1] + found[2] + (found[3] if fixed else str(max(0, int(found[3]) - self.shift)))

        return _IN_FILTER.sub(lower, text)

    def _shown(self, node: Any, *, own: bool, plain: bool) -> Any:
        if isinstance(node, list):
            return [self._shown(one, own=own, plain=plain) for one in node]
        if not isinstance(node, dict):
            return node
        shown = {}
        for name, value in node.items():
            is_id = name.endswith(("ID", "Id")) and name not in _FIXED and (own or name != "ID")
            is_id = is_id or (plain and name == "Parent")
            if is_id and isinstance(value, int) and not isinstance(value, bool):
                shown[name] = value + self.shift
            else:
                shown[name] = self._shown(value, own=True, plain=plain)
        return shown if plain or not self.odd_values or "ID" not in node else _odd(shown, int(node["ID"]))


def _odd(record: dict[str, Any], number: int) -> dict[str, Any]:
    """The same record with what the reference leaves open: order, unknown names, numbers as text, null or nothing."""
    found = {"_links": {"actions": []}, "Nyfelt": {"Navn": ["ny"], "ID": 1}, "NyttTall": 1.5}
    found |= {name: value for name, value in record.items() if name not in ("ID", "CustomValues")}
    if number % 3 == 0:
        for name in set(_ODD_KEYS) & found.keys():
            if isinstance(found[name], int):
                found[name] = str(found[name])
        found = {name: value for name, value in found.items() if value is not None}
    elif number % 3 == 1 and found.get("Deleted") is False:
        found["Deleted"] = None
    return {**found, "CustomValues": {"CustomFarge": "blå"}, "ID": record["ID"]}


def _number(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    raise TypeError(type(value).__name__)


def _host(url: str) -> str:
    return urlsplit(url).netloc


def lowered(name: str, text: str, shift: int = SHIFT) -> str:
    """A published value with the shift taken from ids."""
    is_id = name.endswith("_id") and text.isdigit() and int(text) > shift
    return str(int(text) - shift) if is_id else text


Rows = dict[str, list[tuple[tuple[str, str], ...]]]


def comparable(tables: Rows, keep: Callable[[str], bool] = lambda name: True) -> Rows:
    """Published tables without the shift of ids, to compare with those of the installation behind."""
    return {
        table: sorted(tuple((name, lowered(name, text)) for name, text in row if keep(name)) for row in rows)
        for table, rows in tables.items()
    }
