"""A published world, its app, and the app served on a free port."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn
from fastapi import FastAPI
from fastapi.testclient import TestClient

from sounimicro_pipelines.panels import create_app
from sounimicro_pipelines.store import Store, open_store
from sounimicro_pipelines_tests.panels import world


@pytest.fixture(scope="module")
def world_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    folder = tmp_path_factory.mktemp("world")
    store = open_store(f"sqlite:///{folder / 'store.db'}")
    world.publish_world(folder, store)
    yield store
    store.close()


@pytest.fixture(scope="module")
def app(world_store: Store) -> FastAPI:
    return create_app(world.settings(), world_store, clock=world.clock())


@pytest.fixture(scope="module")
def client(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app, base_url="http://127.0.0.1") as opened:
        opened.headers["accept-language"] = "nb-NO,nb;q=0.9"
        yield opened


def client_of(store: Store, folder: Path, **options: object) -> TestClient:
    """A client on a store of its own."""
    world.publish_world(folder, store, **options)  # type: ignore[arg-type]
    return TestClient(create_app(world.settings(), store, clock=world.clock()), base_url="http://127.0.0.1")


@pytest.fixture(scope="module")
def address(app: FastAPI) -> Iterator[str]:
    """The app on a free loopback port."""
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 20
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.02)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(10)
