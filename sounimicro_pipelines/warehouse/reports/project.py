"""The dbt project as the runner uses it: read once, kept as a manifest, bound to one company's file at a time.

dbt reads its project in seconds, so the manifest is made once and kept in the given folder (never in the project's own,
which may be read-only). To bring dbt into a process and its manifest with it takes longer than a build by parts, so
what such a build asks for is read from dbt's JSON. The database of a DuckDB file is named after the file, hence a
manifest is bound to each company before it is used.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.metadata import version
from pathlib import Path
from threading import RLock
from typing import Any

from sounimicro_pipelines.warehouse.reports.errors import ReportProjectBroken

LOCK = RLock()
"""dbt keeps global state: one build at a time in a process."""

_FILES = {".sql", ".yml", ".yaml", ".md", ".csv"}
_NOT_OURS = {"target", "logs", "dbt_packages"}


@dataclass(frozen=True, slots=True)
class Model:
    """A model as the project describes it; `meta` is what stands under its `config`."""

    name: str
    schema: str
    materialized: str
    meta: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class PreparedProject:
    """A project that has been read. `digest` names its files and its engine; `manifest_path` is dbt's own file."""

    folder: Path
    target: Path
    digest: str
    manifest_path: Path

    @property
    def models(self) -> tuple[Model, ...]:
        """By name."""
        return _models(self.manifest_path, self.digest)

    @property
    def manifest(self) -> Any:
        """dbt's own object, one in a process for each version of a project."""
        with LOCK:
            known = _manifests.get((self.folder, self.digest))
            if known is None:
                known = _read_kept(_kept(self.target, self.digest))
                if known is None:
                    known = _parse_and_keep(self.folder, self.target, self.digest)
                _manifests[(self.folder, self.digest)] = known
            return known


_prepared: dict[tuple[Path, str], PreparedProject] = {}
"""The last folder for which this process has read each project."""

_manifests: dict[tuple[Path, str], Any] = {}


def project_folder() -> Path:
    """The dbt project that belongs to this package."""
    return Path(__file__).resolve().parents[3] / "dbt_reports"


def project_digest(folder: Path) -> str:
    """Changes with any file of the project and with the versions of dbt and DuckDB."""
    digest = hashlib.sha256()
    digest.update(_engine().encode())
    for file in sorted(file for file in folder.rglob("*") if file.suffix in _FILES):
        inside = file.relative_to(folder)
        if not _NOT_OURS & set(inside.parts):
            digest.update(inside.as_posix().encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()[:32]


@cache
def _engine() -> str:
    return "".join(f"{package}={version(package)}\n" for package in ("dbt-core", "dbt-duckdb", "duckdb"))


def prepare_manifest(target: Path, *, project_dir: Path | None = None) -> PreparedProject:
    """Reads the project, or takes what an earlier call left in `target`, or in another folder while this process lives.

    Raises ReportProjectBroken when dbt cannot read the project.
    """
    folder = (project_dir or project_folder()).resolve()
    target = target.resolve()
    digest = project_digest(folder)
    with LOCK:
        known = _prepared.get((folder, digest))
        if known is not None and known.target == target and known.manifest_path.is_file():
            return known
        target.mkdir(parents=True, exist_ok=True)
        manifest_path = target / "manifest.json"
        stamp = target / "manifest.digest"
        is_read = manifest_path.is_file() and _text(stamp) == digest and _kept(target, digest).is_file()
        if not is_read and (known is None or not _copy(known, target)):
            _manifests[(folder, digest)] = _parse_and_keep(folder, target, digest)
        stamp.write_text(digest)
        prepared = _prepared[(folder, digest)] = PreparedProject(folder, target, digest, manifest_path)
        return prepared


@lru_cache(maxsize=4)
def _models(manifest_path: Path, digest: str) -> tuple[Model, ...]:
    nodes = json.loads(manifest_path.read_text(encoding="utf-8"))["nodes"].values()
    found = (
        Model(node["name"], node["schema"], node["config"]["materialized"], node["config"].get("meta") or {})
        for node in nodes
        if node["resource_type"] == "model"
    )
    return tuple(sorted(found, key=lambda model: model.name))


@contextmanager
def dbt_environment(values: Mapping[str, str]) -> Iterator[None]:
    """Sets what the profile reads from the environment, and puts back what was there."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def bind(manifest: Any, database: str) -> None:
    """Points every node and source of the manifest at one database, and forgets what an earlier run compiled."""
    for node in [*manifest.nodes.values(), *manifest.sources.values()]:
        if getattr(node, "extra_ctes_injected", False):
            node.compiled, node.compiled_code, node.extra_ctes, node.extra_ctes_injected = False, None, [], False
        old = node.database
        if old is None or old == database:
            continue
        node.database = database
        if getattr(node, "relation_name", None):
            node.relation_name = node.relation_name.replace(f'"{old}".', f'"{database}".', 1)


@contextmanager
def dbt_on(db_path: Path, **values: str) -> Iterator[None]:
    """The environment in which dbt works on one file: opened once for all models, closed for certain at the end."""
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager

    _let_go(DuckDBConnectionManager)
    named = {"SOUNIMICRO_DBT_PATH": str(db_path), "SOUNIMICRO_DBT_KEEP_OPEN": "True"}
    try:
        with dbt_environment({**named, **values}):
            yield
    finally:
        _let_go(DuckDBConnectionManager)


def _let_go(manager: Any) -> None:
    environment = manager._ENV
    if environment is not None:
        environment.close()
    manager.close_all_connections()


def common_flags(prepared: PreparedProject, log: Path) -> list[str]:
    """What every invocation of dbt is given: its folders, and silence on the terminal."""
    return [
        "--project-dir",
        str(prepared.folder),
        "--profiles-dir",
        str(prepared.folder),
        *_folders(prepared.target, log),
    ]


def _folders(target: Path, log: Path) -> list[str]:
    quiet = ["--quiet", "--log-level", "none", "--log-level-file", "info", "--no-use-colors", "--no-version-check"]
    return ["--target-path", str(target), "--log-path", str(log), *quiet]


def _parse(folder: Path, target: Path) -> Any:
    from dbt.cli.main import dbtRunner

    with dbt_environment({"SOUNIMICRO_DBT_PATH": str(target / "warehouse.duckdb")}):
        arguments = ["parse", "--project-dir", str(folder), "--profiles-dir", str(folder), "--no-partial-parse"]
        outcome = dbtRunner().invoke(arguments + _folders(target, target))
    if not outcome.success:
        raise ReportProjectBroken(
            f"The reports' dbt project in {folder} cannot be read: {outcome.exception}",
            remedy="Install the package again, or undo the last change to the project.",
        )
    return outcome.result


def _kept(target: Path, digest: str) -> Path:
    return target / f"manifest-{digest}.msgpack"


def _parse_and_keep(folder: Path, target: Path, digest: str) -> Any:
    manifest = _parse(folder, target)
    _keep(manifest, _kept(target, digest))
    return manifest


def _read_kept(path: Path) -> Any | None:
    from dbt.contracts.graph.manifest import Manifest
    from dbt.parser.manifest import extended_mashumuro_decoder

    try:
        return Manifest.from_msgpack(path.read_bytes(), decoder=extended_mashumuro_decoder)
    except Exception:
        return None


def _keep(manifest: Any, path: Path) -> None:
    from dbt.parser.manifest import extended_mashumaro_encoder

    for old in path.parent.glob("manifest-*.msgpack"):
        old.unlink(missing_ok=True)
    new = path.with_suffix(".new")
    new.write_bytes(manifest.to_msgpack(extended_mashumaro_encoder))
    new.replace(path)


def _copy(known: PreparedProject, target: Path) -> bool:
    """What is kept of the project by name and digest; answers whether it still stood there."""
    try:
        for name in (known.manifest_path.name, *(file.name for file in known.target.glob(f"*{known.digest}.*"))):
            shutil.copyfile(known.target / name, target / name)
    except FileNotFoundError:
        return False
    return True


def _text(path: Path) -> str:
    return path.read_text() if path.is_file() else ""
