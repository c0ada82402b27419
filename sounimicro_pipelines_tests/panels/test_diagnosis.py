"""The doctor's findings have their words in the catalogues, all of them, in both languages."""

from __future__ import annotations

import ast
import string
from collections.abc import Iterator
from pathlib import Path

import pytest

from sounimicro_pipelines import doctor, doctor_sync
from sounimicro_pipelines.errors import SettingsError, SounimicroError
from sounimicro_pipelines.findings import bad, found
from sounimicro_pipelines.panels.diagnosis import tell
from sounimicro_pipelines.panels.words import catalogue, words
from sounimicro_pipelines.settings import terminal_language
from sounimicro_pipelines.sync.hooks import WANTED
from sounimicro_pipelines.unimicro.companies import REASONS


def _calls() -> Iterator[tuple[str, ast.Call]]:
    for module in (doctor, doctor_sync):
        for node in ast.walk(ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("found", "bad"):
                yield node.func.id, node


def _literals(node: ast.expr) -> list[str]:
    return [one.value for one in ast.walk(node) if isinstance(one, ast.Constant) and isinstance(one.value, str)]


def test_every_finding_has_a_title_and_a_text_that_its_parameters_fill_in() -> None:
    texts, count = catalogue("en"), 0
    for kind, call in _calls():
        count += 1
        check = call.args[0]
        if not isinstance(check, ast.Constant):
            continue
        assert f"doctor.{check.value}.title" in texts
        if kind == "bad" or any(isinstance(one, ast.Name) for one in call.args[1:]):
            continue
        levels = _literals(call.args[-1]) if len(call.args) > 1 else ["ok"]
        given = {keyword.arg for keyword in call.keywords}
        for said in [one for one in levels if f"doctor.{check.value}.{one}.text" in texts] or pytest.fail(str(levels)):
            wanted = {
                name
                for key in ("title", f"{said}.text", f"{said}.remedy")
                for _, name, _, _ in string.Formatter().parse(texts.get(f"doctor.{check.value}.{key}", ""))
                if name
            }
            assert wanted <= given, (check.value, said)
    assert count > 40
    assert {f"doctor.why.{one}" for one in (*WANTED, *REASONS)} <= texts.keys()


def test_errors_are_told_in_their_own_words() -> None:
    told = tell(words("nb"), bad("store", SounimicroError("It is shut.", remedy="Open it.")))
    assert (told.title, told.text, told.remedy, told.is_own) == ("Lager", "It is shut.", "Open it.", True)
    assert tell(words("nb"), bad("crm_settings", SettingsError(["One.", "Two."]))).text == "One.; Two."


def test_a_company_stands_before_what_was_looked_at() -> None:
    finding = found("series", "note", "few", company="nord", what="customer", name="Kunder", left=3)
    told = tell(words("nb"), finding)
    assert (told.title, told.text) == ("nord: nummerserie for kunde", "«Kunder» har 3 numre igjen.")
    assert tell(words("en"), found("series", "note", "shared", what="project", companies="a, b")).title == (
        "Number series of a project"
    )


@pytest.mark.parametrize(
    ("environment", "language"),
    [
        ({}, "en"),
        ({"LANG": "nb_NO.UTF-8"}, "nb"),
        ({"LANG": "nb_NO.UTF-8", "LC_ALL": "C"}, "en"),
        ({"LANG": "en_GB.UTF-8", "LC_MESSAGES": "nn_NO"}, "nb"),
    ],
)
def test_the_terminal_speaks_as_the_system_does(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], language: str
) -> None:
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert terminal_language() == language
