"""Programs that some tests need and that may not be installed: a Postgres server, a Chromium browser.

Found by `SOUNIMICRO_TEST_PG_BIN`, `pg_config --bindir` or Debian's place, and by `SOUNIMICRO_TEST_CHROMIUM` or PATH.
What is missing is skipped with one printed line; what `SOUNIMICRO_TEST_REQUIRE` names fails instead.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

_CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_told: set[str] = set()


def missing(what: str, hint: str) -> None:
    """Skip the test, or fail it when what is missing was demanded."""
    required = {part.strip() for part in os.environ.get("SOUNIMICRO_TEST_REQUIRE", "").split(",")}
    line = f"{what} is not installed: its tests are skipped ({hint})"
    if what in required:
        pytest.fail(line.replace("its tests are skipped", "and SOUNIMICRO_TEST_REQUIRE names it"), pytrace=False)
    if what not in _told:
        _told.add(what)
        print(line)
    pytest.skip(line)


def chromium_path() -> str | None:
    """The browser, or None."""
    named = os.environ.get("SOUNIMICRO_TEST_CHROMIUM")
    if named:
        return named if Path(named).exists() else None
    return next((path for name in _CHROMIUM_NAMES if (path := shutil.which(name))), None)


def postgres_bin() -> Path | None:
    """The folder with initdb and postgres, or None."""
    candidates: list[Path] = []
    named = os.environ.get("SOUNIMICRO_TEST_PG_BIN")
    if named:
        candidates.append(Path(named))
    else:
        if shutil.which("pg_config"):
            answer = subprocess.run(["pg_config", "--bindir"], capture_output=True, text=True, check=False)
            candidates.append(Path(answer.stdout.strip()))
        candidates += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((path for path in candidates if (path / "initdb").exists() and (path / "postgres").exists()), None)


@contextmanager
def postgres_server(binaries: Path) -> Iterator[str]:
    """A temporary cluster on a free loopback port; yields the address of its maintenance database."""
    folder = Path(tempfile.mkdtemp(prefix="sounimicro-pg-"))
    user = _unprivileged_user()
    if user is not None:
        os.chown(folder, user.pw_uid, user.pw_gid)
    data = folder / "data"
    port = _free_port()
    environment = {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C.UTF-8", "TZ": "UTC", "HOME": str(folder)}
    become = _becomer(user)
    try:
        made = subprocess.run(
            [binaries / "initdb", "-D", data, "-U", "sounimicro", "-A", "trust", "-E", "UTF8", "--no-sync"],
            capture_output=True,
            text=True,
            check=False,
            env=environment,
            cwd=folder,
            preexec_fn=become,
        )
        if made.returncode:
            raise RuntimeError(f"initdb failed: {made.stderr}")
        # Tests kill our processes, never the database's: what it has not written yet is in no danger.
        careless = "-c fsync=off -c synchronous_commit=off -c full_page_writes=off"
        options = f"-h 127.0.0.1 -p {port} -k {folder} -c shared_buffers=32MB -c max_connections=60 {careless}"
        started = subprocess.run(
            [binaries / "pg_ctl", "-D", data, "-w", "-t", "60", "-l", folder / "log", "-o", options, "start"],
            capture_output=True,
            text=True,
            check=False,
            env=environment,
            cwd=folder,
            preexec_fn=become,
        )
        if started.returncode:
            log = (folder / "log").read_text() if (folder / "log").exists() else ""
            raise RuntimeError(f"Postgres did not start: {started.stderr}{log}")
        try:
            yield f"postgresql://sounimicro@127.0.0.1:{port}/postgres"
        finally:
            subprocess.run(
                [binaries / "pg_ctl", "-D", data, "-m", "immediate", "-w", "stop"],
                capture_output=True,
                check=False,
                env=environment,
                cwd=folder,
                preexec_fn=become,
            )
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _unprivileged_user() -> Any:
    """Whom to become when we are root (Postgres refuses to be root), else None."""
    if os.name != "posix" or os.geteuid() != 0:
        return None
    import pwd

    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise RuntimeError("Postgres refuses to run as root, and there is no unprivileged user to run it as")


def _becomer(user: Any) -> Callable[[], None] | None:
    if user is None:
        return None
    uid, gid = user.pw_uid, user.pw_gid

    def become() -> None:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)

    return become


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
