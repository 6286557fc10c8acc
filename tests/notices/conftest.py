"""A database, a vault, and certificates that only these tests trust."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator

import pytest
from tests.store.queue import make_accounts

from marketbot.domain.ids import UserId
from marketbot.notices.delivery import Courier
from marketbot.store.pool import Pool, open_pool
from marketbot.vault.vault import Vault
from simexchange.wire.tls import Certificates, make_certificates

from .services import Services, serving
from .telling import Telling


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


@pytest.fixture
async def services(certificates: Certificates) -> AsyncIterator[Services]:
    async with serving(certificates.server_context()) as made:
        yield made


@pytest.fixture
async def telling(pool: Pool, vault: Vault, services: Services, trusting: ssl.SSLContext) -> Telling:
    async with pool.acquire() as connection:
        await connection.execute("INSERT INTO installation (tag, profile) VALUES ('abc123', 'simulation')")
        accounts = await make_accounts(connection, 2)
        user_id = UserId(await connection.fetchval("SELECT user_id FROM app_user"))
    return Telling(pool, vault, services, Courier(trusting, loopback=True), user_id, accounts)
