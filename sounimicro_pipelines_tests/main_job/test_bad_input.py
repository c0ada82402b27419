"""What a person can get wrong, and what a machine can be short of: one clear line with the remedy, and an exit code."""

from __future__ import annotations

import os
import re
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner, Result

from sounimicro_pipelines.cli import main
from sounimicro_pipelines.installation import Installation
from sounimicro_pipelines.orchestration.serving import CannotListen, Supervisor, demand_free
from sounimicro_pipelines.settings import load_settings
from sounimicro_pipelines.store import database
from sounimicro_pipelines_tests.main_job.conftest import ONLY_COMPANY, Small
from sounimicro_pipelines_tests.main_job.plant import HurriedClock, Plant, environment

Call = Callable[..., Result]
NOBODY = 65534
NEEDED = (
    "SUPEROFFICE_ENVIRONMENT_URL",
    "SUPEROFFICE_TENANT",
    "SUPEROFFICE_CLIENT_ID",
    "SUPEROFFICE_CLIENT_SECRET",
    "SUPEROFFICE_SYSTEM_USER_TOKEN",
    "SUPEROFFICE_PRIVATE_KEY_FILE",
    "UNIMICRO_API_URL",
    "UNIMICRO_CLIENT_ID",
    "UNIMICRO_CERTIFICATE_FILE",
    "UNIMICRO_CERTIFICATE_PASSWORD",
)


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, no_pauses: None) -> Call:
    """`sounimicro …` in this process, where nobody waits, with settings that replace those given."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Installation, "of_this_process", lambda: Installation(load_settings(), HurriedClock()))

    def called(settings: dict[str, str], *arguments: str) -> Result:
        with environment(settings):
            result = CliRunner().invoke(main, [*arguments])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.output
        assert "Traceback" not in result.output
        return result

    return called


@pytest.fixture(scope="module")
def plant(small: Small) -> Plant:
    """An installation for mistakes that stop a command before anything is written."""
    return small.plant()


def _lines(result: Result) -> list[str]:
    """What was said, without the companies that were left out."""
    return [line for line in result.output.splitlines() if not line.startswith("Skipped ")]


# settings


@pytest.mark.parametrize("command", ["run", "serve"])
def test_every_missing_setting_is_told_at_once_with_where_to_get_it(call: Call, tmp_path: Path, command: str) -> None:
    result = call({"SOUNIMICRO_HOME": str(tmp_path / "home")}, command)
    assert result.exit_code == 2
    assert [line.split(" is missing: ")[0] for line in _lines(result)] == list(NEEDED)
    assert all(line.endswith(".") and len(line.split(" is missing: ")[1]) > 20 for line in _lines(result))


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("SOUNIMICRO_MAX_IN_FLIGHT", "many", "should be a valid integer"),
        ("SOUNIMICRO_MAX_IN_FLIGHT", "0", "greater than or equal to 1"),
        ("SOUNIMICRO_COMPANIES", "Nørd!=abc", "is no alias; use 1 to 40"),
        ("SOUNIMICRO_COMPANIES", "a=x,a=y", "the alias «a» stands twice"),
        ("UNIMICRO_API_URL", "http://erp.example.com", "is not encrypted; use https"),
        ("UNIMICRO_API_URL", "erp.example.com", "it should look like https://host"),
        ("SUPEROFFICE_ENVIRONMENT_URL", "ftp://crm.example.com", "it should look like https://host"),
        ("SUPEROFFICE_PRIVATE_KEY_FILE", "/nowhere/key.pem", "there is no file at /nowhere/key.pem"),
        ("UNIMICRO_CERTIFICATE_FILE", "/nowhere/erp.p12", "there is no file at /nowhere/erp.p12"),
    ],
)
def test_a_wrong_setting_is_named_with_what_it_should_be(
    call: Call, plant: Plant, name: str, value: str, words: str
) -> None:
    result = call(plant.environment | {name: value}, "run")
    assert result.exit_code == 2
    (line,) = _lines(result)
    assert line.startswith(name)
    assert words in line


@pytest.mark.parametrize("home", ["file", "file/home"])
def test_a_data_folder_that_cannot_be_made(call: Call, plant: Plant, tmp_path: Path, home: str) -> None:
    (tmp_path / "file").write_text("")
    result = call(plant.environment | {"SOUNIMICRO_HOME": str(tmp_path / home)}, "run")
    assert result.exit_code == 2
    assert "cannot be made: there is a file in its place" in _lines(result)[0]
    assert "SOUNIMICRO_HOME" in _lines(result)[1]


@pytest.mark.parametrize(
    ("name", "address", "words"),
    [
        ("PANELS_BIND", "", "something else listens on"),
        ("DAGSTER_BIND", "", "something else listens on"),
        ("PANELS_BIND", "192.0.2.1:8420", "this user cannot listen on"),
        ("DAGSTER_BIND", "no.such.host.invalid:3000", "this user cannot listen on"),
    ],
)
def test_an_address_that_cannot_be_listened_on(call: Call, plant: Plant, name: str, address: str, words: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = f"127.0.0.1:{other.getsockname()[1]}"
        binds = {"PANELS_BIND": "127.0.0.1:0", "DAGSTER_BIND": "127.0.0.1:0", name: address or taken}
        result = call(plant.environment | binds, "serve")
    assert result.exit_code == 2
    first, remedy = _lines(result)
    assert first.startswith(f"{name}: {words} {address or taken}")
    assert f"et {name} to" in remedy


def test_settings_that_the_panels_refuse_are_told_before_anything_is_started(call: Call, plant: Plant) -> None:
    result = call(plant.environment | {"PANELS_BIND": "127.0.0.1:0", "PANELS_SESSION_SECRET": "x" * 40}, "serve")
    assert result.exit_code == 2
    assert _lines(result) == ["PANELS_SESSION_SECRET can be guessed: use at least 32 random characters."]


def test_a_service_alone_minds_its_own_address_alone(plant: Plant) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = f"127.0.0.1:{other.getsockname()[1]}"
        with pytest.raises(CannotListen):
            demand_free("PANELS_BIND", taken)
    demand_free("PANELS_BIND", taken)
    assert list(Supervisor(plant.installation, ["panels"]).addresses) == ["panels"]


# keys, sign-in and companies


def _no_certificate(path: Path) -> Path:
    path.write_text("this is a letter, no certificate")
    return path


@pytest.mark.parametrize("command", ["run", "doctor"])
def test_a_certificate_that_is_none(call: Call, plant: Plant, tmp_path: Path, command: str) -> None:
    letter = str(_no_certificate(tmp_path / "erp.p12"))
    result = call(plant.environment | {"UNIMICRO_CERTIFICATE_FILE": letter}, command)
    assert result.exit_code == (2 if command == "run" else 1)
    assert f"UNIMICRO_CERTIFICATE_FILE: {letter} is no .p12 certificate. Download it again" in result.output


@pytest.mark.skipif(os.name != "posix", reason="permissions of files")
def test_a_certificate_that_may_not_be_read(call: Call, plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    with _everybodys_folder() as folder:
        monkeypatch.chdir(folder)
        locked = folder / "erp.p12"
        shutil.copy(plant.environment["UNIMICRO_CERTIFICATE_FILE"], locked)
        locked.chmod(0)
        own = {"SOUNIMICRO_HOME": str(folder / "home"), "UNIMICRO_CERTIFICATE_FILE": str(locked)}
        result = _without_rights(folder / "home", lambda: call(plant.environment | own, "doctor"))
    assert result.exit_code == 1
    assert f"UNIMICRO_CERTIFICATE_FILE: {locked} cannot be read (Permission denied). Download it again" in result.output


def test_a_certificate_whose_password_is_another(call: Call, plant: Plant) -> None:
    secret = "not-the-password-1"
    result = call(plant.environment | {"UNIMICRO_CERTIFICATE_PASSWORD": secret}, "run")
    assert result.exit_code == 2
    (line,) = _lines(result)
    assert line.startswith("UNIMICRO_CERTIFICATE_PASSWORD does not open ")
    assert "Use the password that came with it." in line
    assert secret not in line


def test_a_certificate_of_another_client(call: Call, plant: Plant) -> None:
    result = call(plant.environment | {"UNIMICRO_CLIENT_ID": "somebody-else"}, "run")
    assert result.exit_code == 1
    assert "does not accept the client or its certificate" in _lines(result)[0]
    assert "Check UNIMICRO_CLIENT_ID" in _lines(result)[1]


def test_a_private_key_that_is_none(call: Call, plant: Plant, tmp_path: Path) -> None:
    letter = str(_no_certificate(tmp_path / "crm.pem"))
    result = call(plant.environment | {"SUPEROFFICE_PRIVATE_KEY_FILE": letter}, "doctor")
    assert result.exit_code == 1
    assert f"SUPEROFFICE_PRIVATE_KEY_FILE: {letter}: it holds no readable private key" in result.output


def test_a_tenant_that_nobody_knows(call: Call, small: Small) -> None:
    settings = small.plant().environment | {"SUPEROFFICE_TENANT": "Cust99999"}
    for command in ("run", "doctor"):
        result = call(settings, command)
        assert result.exit_code == 1
        assert "the environment knows no such tenant" in result.output
        assert "Check SUPEROFFICE_TENANT and SUPEROFFICE_ENVIRONMENT_URL." in result.output


@pytest.mark.parametrize("name", ["SUPEROFFICE_CLIENT_SECRET", "SUPEROFFICE_SYSTEM_USER_TOKEN"])
def test_a_secret_of_the_crm_that_is_wrong(call: Call, plant: Plant, name: str) -> None:
    result = call(plant.environment | {name: "not-the-secret-1"}, "doctor")
    assert result.exit_code == 1
    assert "the system user was not accepted" in result.output
    assert name in result.output
    assert "not-the-secret-1" not in result.output


def test_a_company_key_without_access(call: Call, small: Small, plant: Plant) -> None:
    options = small.sandbox.erp.options
    small.sandbox.erp.withdraw_company(ONLY_COMPANY)
    try:
        result = call(plant.environment, "run")
        unnamed = call(plant.environment | {"SOUNIMICRO_COMPANIES": ""}, "run")
    finally:
        options.no_company_access.clear()
    assert result.exit_code == 2
    (line,) = _lines(result)
    assert "SOUNIMICRO_COMPANIES: the client may not use the company «nord»; check its CompanyKey" in line
    assert unnamed.exit_code == 2
    assert "No ERP company is left to use" in _lines(unnamed)[0]
    assert "Skipped " in unnamed.output
    assert "it is a test company (SOUNIMICRO_INCLUDE_TEST_COMPANIES=true uses it, or name it)" in unnamed.output


def test_a_company_that_is_named_but_not_in_use(call: Call, plant: Plant) -> None:
    result = call(plant.environment, "run", "--company", "vest")
    assert result.exit_code == 2
    assert _lines(result) == ["There is no company «vest» in use.", "Companies in use: nord."]


def test_a_right_that_is_missing_is_found_by_the_doctor(call: Call, small: Small, plant: Plant) -> None:
    small.sandbox.erp.deny("Payment")
    try:
        result = call(plant.environment, "doctor")
    finally:
        small.sandbox.erp.allow("Payment")
    assert result.exit_code == 1
    assert "✗ nord: rights" in result.output
    assert "No access to Payment; what they feed stays empty, the rest runs." in result.output
    assert "Give the client's role in this company the right to read them." in result.output


def test_an_installation_without_fault_has_none_for_the_doctor(call: Call, plant: Plant) -> None:
    result = call(plant.environment, "doctor")
    assert result.exit_code == 0, result.output
    assert _lines(result)[-1].endswith("checks, all well.")


# the warehouse


def test_a_warehouse_file_that_another_process_holds(call: Call, small: Small) -> None:
    plant = small.plant()
    with _held("import duckdb; held = duckdb.connect(sys.argv[1])", plant.home / "warehouse" / "nord.duckdb"):
        result = call(plant.environment, "run")
    assert result.exit_code == 1
    assert "✓ CRM: " in result.output
    (line,) = [line for line in _lines(result) if line.startswith("✗")]
    assert line.startswith("✗ nord: The warehouse file ")
    assert "is in use by another process. Wait for the other run to end" in line
    assert call(plant.environment, "run").exit_code == 0


def _text(path: Path, plant: Plant) -> None:
    path.write_text("Dear reader,\n" * 100)


def _another_database(path: Path, plant: Plant) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE notes (text TEXT)")


def _of_another_company(path: Path, plant: Plant) -> None:
    shutil.copy(next(path.parent.glob("crm.*.duckdb")), path)
    path.with_name(f"{path.name}.wal").unlink()


def _without_its_log(path: Path, plant: Plant) -> None:
    """A backup of the file alone is put back, and the log of what came after it left beside it."""
    shutil.copy(path, path.with_suffix(".kept"))
    with duckdb.connect(str(path)) as connection:
        connection.execute("checkpoint")
        connection.execute("PRAGMA disable_checkpoint_on_shutdown")
        connection.execute("create table later (id integer)")
    path.with_suffix(".kept").replace(path)


@pytest.mark.parametrize(
    ("put", "words", "remedy"),
    [
        (_text, "is not a DuckDB database", "Move it away"),
        (_another_database, "is not a DuckDB database", "Move it away"),
        (_of_another_company, "holds another company", "Give the company an alias of its own"),
        (_without_its_log, "one was moved without the other", "Put back what belongs together"),
    ],
)
def test_a_foreign_file_in_place_of_the_warehouse(
    call: Call, small: Small, put: Callable[[Path, Plant], None], words: str, remedy: str
) -> None:
    plant = small.plant()
    path = plant.home / "warehouse" / "nord.duckdb"
    put(path, plant)
    content = path.read_bytes()
    result = call(plant.environment, "run")
    assert result.exit_code == 1
    (line,) = [line for line in _lines(result) if line.startswith("✗")]
    what = "warehouse file" if put in (_of_another_company, _without_its_log) else "file"
    assert line.startswith(f"✗ nord: The {what} {path} ")
    assert words in line
    assert remedy in line
    assert path.read_bytes() == content


# the store


def test_a_store_that_belongs_to_another_program(call: Call, plant: Plant, tmp_path: Path) -> None:
    theirs = tmp_path / "theirs.db"
    _another_database_at(theirs)
    content = theirs.read_bytes()
    for command in ("run", "doctor"):
        result = call(plant.environment | {"SOUNIMICRO_DATABASE_URL": f"sqlite:///{theirs}"}, command)
        assert result.exit_code == 1
        assert "belongs to another program." in result.output
        assert "Let SOUNIMICRO_DATABASE_URL name another file; this one was left as it was." in result.output
    assert theirs.read_bytes() == content


def _another_database_at(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE notes (text TEXT)")


def test_a_store_that_another_process_holds(call: Call, small: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    plant = small.plant()
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.2)
    code = "import sqlite3; held = sqlite3.connect(sys.argv[1], isolation_level=None); held.execute('BEGIN IMMEDIATE')"
    with _held(code, plant.home / "state" / "sounimicro.db"):
        result = call(plant.environment, "run")
    assert result.exit_code == 1
    first, second = _lines(result)
    assert "is locked by another process." in first
    assert second == "Let that process finish or end it, and try again."


@pytest.mark.parametrize("where", ["folder", "below_a_file", "postgres"])
def test_a_store_that_cannot_be_opened(call: Call, plant: Plant, tmp_path: Path, where: str) -> None:
    (tmp_path / "file").write_text("")
    url, words = {
        "folder": (f"sqlite:///{tmp_path}", "is a folder"),
        "below_a_file": (f"sqlite:///{tmp_path / 'file' / 'a.db'}", "cannot be made"),
        "postgres": ("postgresql://nobody:hidden-word@127.0.0.1:9/none", "No database server answers"),
    }[where]
    result = call(plant.environment | {"SOUNIMICRO_DATABASE_URL": url}, "run")
    assert result.exit_code == 1
    assert words in _lines(result)[0]
    assert "SOUNIMICRO_DATABASE_URL" in _lines(result)[1]
    assert "hidden-word" not in result.output


@pytest.mark.skipif(os.name != "posix", reason="permissions of files")
def test_a_store_that_may_not_be_written(call: Call, plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    with _everybodys_folder() as folder:
        monkeypatch.chdir(folder)
        (folder / "state").mkdir()
        shutil.copy(plant.home / "state" / "sounimicro.db", folder / "state")
        (folder / "state" / "sounimicro.db").chmod(0o444)
        (folder / "state").chmod(0o555)
        settings = plant.environment | {
            "SOUNIMICRO_HOME": str(folder / "home"),
            "SOUNIMICRO_DATABASE_URL": f"sqlite:///{folder / 'state' / 'sounimicro.db'}",
        }
        result = _without_rights(folder / "home", lambda: call(settings, "doctor"))
    assert result.exit_code == 1
    assert "cannot be written." in result.output
    assert (
        "Give this user the right to write there, or let SOUNIMICRO_DATABASE_URL name another place." in result.output
    )


# the disk

NO_ROOM = re.compile(r"There is no room left on the disk for .*|The disk with the store at .* is full\..*")


@pytest.mark.parametrize("free", [10, 3000], ids=["full", "almost_full"])
def test_a_full_disk_loses_nothing(call: Call, small: Small, tmp_path: Path, free: int) -> None:
    before = small.finished.published()
    size = sum(path.stat().st_size for path in small.finished.home.rglob("*") if path.is_file()) // 1024
    with _little_disk(tmp_path / "disk", size + 1500 + free) as disk:
        plant = small.finished.copy(disk / "home")
        _fill(disk / "filling", leave=free)
        result = call(plant.environment, "run", "--full")
        assert result.exit_code == 1
        told = [line for line in _lines(result) if NO_ROOM.search(line)]
        assert told, result.output
        assert "Free some space" in result.output or "Make room" in result.output
        (disk / "filling").unlink(missing_ok=True)
        assert plant.published() == before


def test_a_file_that_may_not_grow_is_a_full_disk(call: Call, small: Small, tmp_path: Path) -> None:
    """Where no disk can be made for the test: the same, by the limit of a file's size."""
    resource = pytest.importorskip("resource")
    if not os.environ.get("SOUNIMICRO_TEST_NIGHTLY") and _mounts(tmp_path / "disk", 64):
        _unmount(tmp_path / "disk")
        pytest.skip("the test before has filled a disk of its own")
    plant = small.plant()
    before, limits = plant.published(), resource.getrlimit(resource.RLIMIT_FSIZE)
    small.people_work()
    resource.setrlimit(resource.RLIMIT_FSIZE, (8_000_000, limits[1]))
    try:
        result = call(plant.environment, "run")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert result.exit_code == 1
    assert NO_ROOM.search(result.output), result.output
    assert plant.published() == before
    assert plant.run().consistent


@contextmanager
def _little_disk(place: Path, kilobytes: int) -> Iterator[Path]:
    """A file system of this size, where we may make one."""
    if not _mounts(place, kilobytes):
        pytest.skip("this user may not make a file system; the next test does without")
    try:
        yield place
    finally:
        _unmount(place)


def _mounts(place: Path, kilobytes: int) -> bool:
    """Makes a file system of this size, if we may."""
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(place)]
    return os.name == "posix" and subprocess.run(mount, capture_output=True, check=False).returncode == 0


def _unmount(place: Path) -> None:
    subprocess.run(["umount", "-l", str(place)], check=True)


def _fill(path: Path, *, leave: int) -> None:
    """Takes all room of a disk but `leave` kilobytes."""
    free = shutil.disk_usage(path.parent).free - leave * 1024
    if free > 0:
        path.write_bytes(bytes(free))


# helpers


@contextmanager
def _everybodys_folder() -> Iterator[Path]:
    """A folder that other users can reach, unlike those of the test run."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o777)
    try:
        yield folder
    finally:
        for path in folder.rglob("*"):
            if path.is_dir():
                path.chmod(0o777)
        shutil.rmtree(folder)


def _without_rights(home: Path, work: Callable[[], Result]) -> Result:
    """Does something as a user whom permissions hold back; twice when we are root, so that all modules are loaded."""
    if os.geteuid() != 0:
        return work()
    work()
    shutil.rmtree(home)
    os.seteuid(NOBODY)
    try:
        return work()
    finally:
        os.seteuid(0)


@contextmanager
def _held(code: str, path: Path) -> Iterator[None]:
    """Another process that runs `code` on the path and stays."""
    holder = subprocess.Popen(
        [sys.executable, "-c", f"import sys; {code}; print('held', flush=True); sys.stdin.read()", str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        yield
    finally:
        holder.communicate(timeout=30)
