"""Both simulated systems as one thing that is started and stopped: uvicorn servers in threads, and the environment."""

from __future__ import annotations

import contextlib
import secrets
import socket
import tempfile
import threading
import time
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from types import TracebackType

import uvicorn
from starlette.types import ASGIApp

from sounimicro_pipelines.clock import Clock, SystemClock
from sounimicro_pipelines.errors import SounimicroError
from sounimicro_pipelines.sandbox.faults import FaultPlan, FaultyApp
from sounimicro_pipelines.sandbox.journal import System, WriteJournal
from sounimicro_pipelines.sandbox.keys import SandboxKeys, make_keys
from sounimicro_pipelines.sandbox.living import Living
from sounimicro_pipelines.sandbox.superoffice import CrmOptions, CrmState, create_app, service
from sounimicro_pipelines.sandbox.unimicro.options import ErpOptions
from sounimicro_pipelines.sandbox.unimicro.people import ErpPeople
from sounimicro_pipelines.sandbox.unimicro.seed.company import SeededCompany, build_company
from sounimicro_pipelines.sandbox.unimicro.server import ErpServer
from sounimicro_pipelines.sandbox.world import Register, build_register

CLIENT_ID = "sandbox-unimicro-client"


class PortTaken(SounimicroError):
    """The sandbox cannot listen where it was told to."""


class Sandbox:
    """Both vendor systems on loopback. Use it as a context manager; `environment` says how to reach it.

    `parties` and `companies` give the scale, `today` the day on which history ends (default: the clock's). `ports` may
    name `erp` and `crm`; the others are free ones. The same `seed` gives the same data; `rate` is how many sales a
    customer starts a month. `faults` decides what goes wrong, `journal` remembers every write. `erp` and `crm` let a
    test act as a person in either system; `live` makes people do that many things a minute by themselves, and
    `living.step()` makes them do one. `applications` holds the two ASGI applications by their address: with `serve`
    false nothing listens, and a test calls them in its own thread through httpx's ASGITransport. Raises PortTaken from
    `start`.
    """

    def __init__(
        self,
        *,
        seed: int = 1,
        parties: int = 60,
        companies: int = 2,
        today: date | None = None,
        clock: Clock | None = None,
        ports: Mapping[str, int] | None = None,
        faults: FaultPlan | None = None,
        erp_options: ErpOptions | None = None,
        crm_options: CrmOptions | None = None,
        test_company: bool = True,
        folder: Path | None = None,
        rate: float = 0.8,
        live: float = 0.0,
        serve: bool = True,
    ) -> None:
        self.clock: Clock = clock or SystemClock()
        self.seed = seed
        self.faults = faults or FaultPlan(seed=seed)
        self.journal = WriteJournal()
        self.register: Register = build_register(
            seed, parties, companies, today or self.clock.today(), test_company=test_company
        )
        self._ports = dict(ports or {})
        self._given_folder = folder
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        self._servers: list[_Server] = []
        self.keys: SandboxKeys
        self._erp_options = erp_options or ErpOptions()
        self._crm_options = crm_options or CrmOptions()
        self._environment: dict[str, str] = {}
        self._rate = rate
        self._live = live
        self._listen = serve
        self.applications: dict[str, ASGIApp] = {}
        self.erp_server: ErpServer
        self.erp: ErpPeople
        self.crm: CrmState
        self.living: Living

    @property
    def environment(self) -> dict[str, str]:
        """Every setting by its name, for a process that is to use the sandbox."""
        return dict(self._environment)

    def start(self) -> Sandbox:
        """Makes the keys and the data and starts the servers."""
        if self._given_folder is None:
            self._temporary = tempfile.TemporaryDirectory(prefix="sounimicro-sandbox-")
        self.keys = make_keys(self._given_folder or Path(self._temporary.name if self._temporary else "."))
        try:
            self._start_erp()
            self._start_crm()
            self.living = Living(
                self.register, self.erp, self.crm, self.clock, seed=self.seed, per_minute=self._live or 30.0
            )
            if self._live > 0:
                self.living.start()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Stops the servers and removes the keys."""
        if hasattr(self, "living"):
            self.living.stop()
        for server in self._servers:
            server.let_end()
        for server in self._servers:
            server.stop()
        self._servers.clear()
        if hasattr(self, "erp_server"):
            self.erp_server.deliverer.stop()
        if self._temporary is not None:
            self._temporary.cleanup()
            self._temporary = None

    def __enter__(self) -> Sandbox:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _start_erp(self) -> None:
        erp = ErpServer(self.keys, self.clock, self.journal, CLIENT_ID, self._erp_options)
        seeded: dict[int, SeededCompany] = {}
        for facts in self.register.companies:
            seeded[facts.index] = build_company(self.register, facts.index, self.clock, rate=self._rate)
            erp.add_company(facts, seeded[facts.index].store)
        self.erp_server = erp
        self.erp = ErpPeople(erp, seeded)
        url = self._serve("erp", erp.application())
        erp.start(url, f"{url}/identity", f"{url}/files")
        self._environment |= {
            "UNIMICRO_API_URL": url,
            "UNIMICRO_IDENTITY_URL": erp.identity_url,
            "UNIMICRO_FILES_URL": erp.files_url,
            "UNIMICRO_CLIENT_ID": CLIENT_ID,
            "UNIMICRO_CERTIFICATE_FILE": str(self.keys.erp_certificate_file),
            "UNIMICRO_CERTIFICATE_PASSWORD": self.keys.erp_certificate_password,
            "UNIMICRO_SCOPE": "AppFramework",
            "UNIMICRO_WEBHOOK_SIGNING_KEY": secrets.token_urlsafe(24),
        }

    def _start_crm(self) -> None:
        self.crm = service.open_tenant(self.keys, self.register, self.clock, self.journal, self._crm_options)
        url = self._serve("crm", create_app(self.crm))
        self._environment |= service.environment(self.crm, url, self.keys)
        self._environment.setdefault("SUPEROFFICE_WEBHOOK_SECRET", secrets.token_urlsafe(24))

    def _serve(self, system: System, app: ASGIApp) -> str:
        spoilt = FaultyApp(app, system, self.faults, self.journal)
        if self._listen:
            server = _Server(spoilt, self._ports.get(system, 0))
            self._servers.append(server)
            address = server.start()
        else:
            address = f"http://127.0.0.1:{len(self.applications) + 1}"
        self.applications[address] = spoilt
        return address


class _Server:
    """One uvicorn server in a thread of its own."""

    def __init__(self, app: ASGIApp, port: int) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self.socket.bind(("127.0.0.1", port))
        except OSError:
            self.socket.close()
            raise PortTaken(
                f"The sandbox cannot listen on port {port} of this machine.",
                remedy="Stop what uses the port, or choose another with --ports.",
            ) from None
        self.port: int = self.socket.getsockname()[1]
        config = uvicorn.Config(app, log_level="critical", access_log=False, lifespan="off", timeout_keep_alive=30)
        self.uvicorn = uvicorn.Server(config)
        self.thread = threading.Thread(target=self._run, name=f"sandbox-{self.port}", daemon=True)

    def start(self) -> str:
        """Starts listening; returns the address."""
        self.thread.start()
        while not self.uvicorn.started:
            if not self.thread.is_alive():
                raise PortTaken(f"The sandbox's server on port {self.port} did not start.")
            time.sleep(0.005)
        return f"http://127.0.0.1:{self.port}"

    def let_end(self) -> None:
        """It ends within a few tenths of a second, which `stop` waits for."""
        self.uvicorn.should_exit = True
        self.uvicorn.force_exit = True

    def stop(self) -> None:
        self.let_end()
        if self.thread.is_alive():
            self.thread.join(timeout=5)
        with contextlib.suppress(OSError):
            self.socket.close()

    def _run(self) -> None:
        self.uvicorn.run(sockets=[self.socket])
