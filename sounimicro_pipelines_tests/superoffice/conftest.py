"""Keys made once, a server and a client for each test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from pydantic import SecretStr

from sounimicro_pipelines.clock import ManualClock
from sounimicro_pipelines.settings import SuperOfficeSettings
from sounimicro_pipelines.superoffice import SuperOfficeClient
from sounimicro_pipelines_tests.superoffice.crm_server import NOW, TENANT, CrmServer


@pytest.fixture(scope="session")
def app_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture(scope="session")
def idp_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture
def crm(app_key: rsa.RSAPrivateKey, idp_key: rsa.RSAPrivateKey) -> Iterator[CrmServer]:
    server = CrmServer(app_key, idp_key)
    yield server
    server.close()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture
def key_file(tmp_path: Path, app_key: rsa.RSAPrivateKey) -> Path:
    path = tmp_path / "key.pem"
    path.write_bytes(
        app_key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return path


@pytest.fixture
def settings(crm: CrmServer, key_file: Path) -> SuperOfficeSettings:
    return SuperOfficeSettings(
        environment_url=crm.url,
        tenant=TENANT,
        client_id="client-1",
        client_secret=SecretStr(crm.client_secret),
        system_user_token=SecretStr(crm.system_token),
        private_key_file=key_file,
    )


@pytest.fixture
def make_client(settings: SuperOfficeSettings, clock: ManualClock) -> Callable[[], SuperOfficeClient]:
    return lambda: SuperOfficeClient(settings, clock=clock)
