"""Rules are versioned in the store and travel as files: all of them or none."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from sounimicro_pipelines.rules import RuleError, load_rules, revert_rule, save_rule
from sounimicro_pipelines.rules.files import diff_rules, export_rules, import_rules, validate_rules
from sounimicro_pipelines.rules.versions import default_document
from sounimicro_pipelines.store import Outdated, Store, open_store, rule_versions
from sounimicro_pipelines_tests.rules.registries import REGISTRIES

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(f"sqlite:///{tmp_path}/store.db")


def _changed(name: str) -> str:
    return default_document(name).replace("quiet_period: 0s", "quiet_period: 30s")


def test_the_shipped_rules_are_in_force_until_somebody_changes_them(store: Store) -> None:
    with store.read() as tx:
        assert load_rules(tx, REGISTRIES).version("customer") == 0
    saved = save_rule(store, "customer", _changed("customer"), REGISTRIES, by="cli", now=NOW, expected=0)
    with store.read() as tx:
        rules = load_rules(tx, REGISTRIES)
        assert rules.version("customer") == saved.version == 2
        assert rules.get("customer").quiet_period == 30
        assert [version.created_by for version in rule_versions.versions(tx, "customer")] == ["cli", "sync"]


def test_a_rule_that_was_changed_meanwhile_is_not_overwritten(store: Store) -> None:
    save_rule(store, "customer", _changed("customer"), REGISTRIES, by="a", now=NOW, expected=0)
    with pytest.raises(Outdated):
        save_rule(store, "customer", default_document("customer"), REGISTRIES, by="b", now=NOW, expected=1)


def test_a_revert_is_a_new_version_with_the_old_words(store: Store) -> None:
    save_rule(store, "customer", _changed("customer"), REGISTRIES, by="a", now=NOW)
    back = revert_rule(store, "customer", 1, REGISTRIES, by="b", now=NOW)
    assert (back.version, back.reverts, back.document) == (3, 1, default_document("customer"))


def test_files_out_and_in_again_change_nothing(store: Store, tmp_path: Path) -> None:
    folder = tmp_path / "rules"
    assert len(export_rules(store, folder)) == 5
    assert not validate_rules(folder, REGISTRIES)
    assert not any(outcome.changed for outcome in import_rules(store, folder, REGISTRIES, by="cli", now=NOW))
    assert diff_rules(store, folder) == {}
    assert diff_rules(store) == {}


def test_one_mistake_keeps_every_file_out(store: Store, tmp_path: Path) -> None:
    folder = tmp_path / "rules"
    export_rules(store, folder)
    (folder / "customer.yaml").write_text(_changed("customer"), encoding="utf-8")
    (folder / "person.yaml").write_text("rule: person\n", encoding="utf-8")
    with pytest.raises(RuleError):
        import_rules(store, folder, REGISTRIES, by="cli", now=NOW)
    assert diff_rules(store) == {}
    (folder / "person.yaml").write_text(default_document("person"), encoding="utf-8")
    assert "quiet_period: 30s" in diff_rules(store, folder)["customer"]
    assert [o.rule for o in import_rules(store, folder, REGISTRIES, by="cli", now=NOW) if o.changed] == ["customer"]
    assert "+quiet_period: 30s" in diff_rules(store)["customer"]


def test_a_file_with_another_rule_is_refused(store: Store) -> None:
    with pytest.raises(RuleError, match="not customer"):
        save_rule(store, "customer", default_document("supplier"), REGISTRIES, by="cli", now=NOW)
