"""A database, a vault, and certificates that only these tests trust."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator

import pytest

from marketbot.store.pool import Pool, open_pool
from marketbot.vault.vault import Vault
from simexchange.wire.tls import Certificates, make_certificates


@pytest.fixture
async def pool(database: str) -> AsyncIterator[Pool]:
    opened = await open_pool(database, name="notices", size=4)
    yield opened
    await opened.close()


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("ca"))


@pytest.fixture
def trusting(certificates: Certificates) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(certificates.ca_file))


@pytest.fixture
def vault() -> Vault:
    return Vault(bytes(range(32)))
