"""A page's form as a browser without scripts would send it."""

from __future__ import annotations

from collections.abc import Sequence
from html.parser import HTMLParser


class Form:
    """The successful controls of one form, in the page's order; `pairs` is what would be sent."""

    def __init__(self, page: str, action: str = "") -> None:
        reader = _Reader(action)
        reader.feed(page)
        assert reader.found, f"there is no form {action}"
        self.pairs = reader.pairs

    def get(self, name: str) -> str:
        return next(value for key, value in self.pairs if key == name)

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.pairs if key == name]

    def set(self, name: str, value: str | None) -> Form:
        """Write into a field; None unchecks or empties it."""
        place = next((index for index, (key, _) in enumerate(self.pairs) if key == name), len(self.pairs))
        self.pairs = [pair for pair in self.pairs if pair[0] != name]
        if value is not None:
            self.pairs.insert(place, (name, value))
        return self

    def row(self, erp: str) -> str:
        """The id of the row with that field of the ERP."""
        return next(key.split(".")[0] for key, value in self.pairs if key.endswith(".erp") and value == erp)

    def data(self, act: str) -> dict[str, list[str]]:
        """What is sent when the button is pressed."""
        found: dict[str, list[str]] = {}
        for key, value in [*self.pairs, ("act", act)]:
            found.setdefault(key, []).append(value)
        return found

    def erp_order(self) -> Sequence[str]:
        return [self.get(f"{row}.erp") for row in self.all("row")]


class _Reader(HTMLParser):
    def __init__(self, action: str) -> None:
        super().__init__()
        self._action = action
        self._inside = False
        self._select = ""
        self._option: str | None = None
        self._area: str | None = None
        self.found = False
        self.pairs: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        name, value = given.get("name") or "", given.get("value") or ""
        if tag == "form":
            wanted = given.get("method") == "post" and (given.get("action") or "").split("?")[0].endswith(self._action)
            self._inside = wanted and not self.found
            self.found = self.found or wanted
        if not self._inside:
            return
        if tag == "input" and name:
            kind = given.get("type", "text")
            if kind in ("checkbox", "radio") and "checked" not in given:
                return
            if kind not in ("file", "submit"):
                self.pairs.append((name, value if kind != "checkbox" or "value" in given else "on"))
        elif tag == "select":
            self._select, self._option = name, None
        elif tag == "option" and self._select and ("selected" in given or self._option is None):
            self._option = value
        elif tag == "textarea":
            self._area = name
            self.pairs.append((name, ""))

    def handle_data(self, data: str) -> None:
        if self._area is not None:
            self.pairs[-1] = (self._area, self.pairs[-1][1] + data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._inside = False
        elif tag == "select" and self._inside:
            self.pairs.append((self._select, self._option or ""))
            self._select = ""
        elif tag == "textarea":
            self._area = None
