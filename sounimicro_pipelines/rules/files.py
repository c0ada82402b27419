"""Rules as files, for version control: out of the store, into it, checked, and compared."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sounimicro_pipelines.rules.loader import Mistake, RuleError, read_rule_file
from sounimicro_pipelines.rules.model import RULE_NAMES
from sounimicro_pipelines.rules.refusals import Registries
from sounimicro_pipelines.rules.versions import default_document, diff_documents, same_meaning, save_rule
from sounimicro_pipelines.store import Store, rule_versions


@dataclass(frozen=True, slots=True)
class FileOutcome:
    """What became of one rule. `version` is the one in force afterwards; `changed` whether it is new."""

    rule: str
    path: Path
    version: int
    changed: bool


def export_rules(store: Store, folder: Path) -> list[FileOutcome]:
    """Write the rules in force to `<folder>/<rule>.yaml`. Raises OSError when the folder cannot be written."""
    folder.mkdir(parents=True, exist_ok=True)
    outcomes = []
    with store.read() as tx:
        for name in RULE_NAMES:
            stored = rule_versions.current(tx, name)
            document = stored.document if stored else default_document(name)
            path = folder / f"{name}.yaml"
            changed = not path.exists() or path.read_text(encoding="utf-8") != document
            if changed:
                path.write_text(document, encoding="utf-8")
            outcomes.append(FileOutcome(name, path, stored.version if stored else 0, changed))
    return outcomes


def validate_rules(folder: Path, registries: Registries) -> list[Mistake]:
    """Every mistake in the rule files of a folder (or in one file); empty when they can be used."""
    mistakes: list[Mistake] = []
    seen: dict[str, str] = {}
    for path in _files(folder):
        try:
            rule = read_rule_file(path, registries)
        except RuleError as error:
            mistakes += error.mistakes
            continue
        if rule.rule in seen:
            mistakes.append(
                Mistake(path.name, 1, f"The rule {rule.rule} stands in {seen[rule.rule]} too.", "Keep one.")
            )
        seen[rule.rule] = path.name
    return mistakes


def import_rules(store: Store, folder: Path, registries: Registries, *, by: str, now: datetime) -> list[FileOutcome]:
    """Put the rule files of a folder (or one file) in force: all of them, or none when one has a mistake.

    Raises RuleError with every mistake.
    """
    mistakes = validate_rules(folder, registries)
    if mistakes:
        raise RuleError(mistakes)
    outcomes = []
    for path in _files(folder):
        rule = read_rule_file(path, registries)
        document = path.read_text(encoding="utf-8")
        with store.read() as tx:
            stored = rule_versions.current(tx, rule.rule)
        before = stored.document if stored else default_document(rule.rule)
        if same_meaning(before, document):
            outcomes.append(FileOutcome(rule.rule, path, stored.version if stored else 0, False))
            continue
        version = save_rule(store, rule.rule, document, registries, by=by, now=now)
        outcomes.append(FileOutcome(rule.rule, path, version.version, True))
    return outcomes


def diff_rules(store: Store, folder: Path | None = None) -> dict[str, str]:
    """Rule → unified diff where they differ: the files against those in force, or those against the shipped ones."""
    found: dict[str, str] = {}
    with store.read() as tx:
        for name in RULE_NAMES:
            stored = rule_versions.current(tx, name)
            current = stored.document if stored else default_document(name)
            label = f"{name} (version {stored.version})" if stored else f"{name} (as shipped)"
            if folder is None:
                difference = diff_documents(default_document(name), current, f"{name} (as shipped)", label)
            else:
                path = folder / f"{name}.yaml" if folder.is_dir() else folder
                if not path.exists() or (not folder.is_dir() and path.stem != name):
                    continue
                difference = diff_documents(current, path.read_text(encoding="utf-8"), label, str(path))
            if difference:
                found[name] = difference
    return found


def _files(folder: Path) -> list[Path]:
    if folder.is_file():
        return [folder]
    found = sorted(path for path in folder.glob("*.y*ml") if path.suffix in (".yaml", ".yml"))
    if not found:
        raise RuleError([Mistake(str(folder), 1, "There is no rule file here.", "Export the rules first.")])
    return found
