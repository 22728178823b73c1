"""One embedded ClickHouse for the ledger's tests; each test has a database of its own."""

import itertools
from collections.abc import AsyncIterator, Iterator

import pytest

from services.ledger.settings import LedgerSettings
from services.ledger.store import Address, Store
from tests.integration.embedded.embedded_process import EmbeddedClickHouse, start
from tests.integration.ledger.running import clickhouse_url, settings_for
from tests.nats_server import NatsServer

_numbers = itertools.count(1)


@pytest.fixture(scope="package")
def clickhouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedClickHouse]:
    running = start(tmp_path_factory.mktemp("clickhouse"))
    yield running
    assert running.stop() == 0


@pytest.fixture
def database_url(clickhouse: EmbeddedClickHouse) -> str:
    return clickhouse_url(clickhouse.port, f"test_{next(_numbers)}")


@pytest.fixture
def settings(nats: NatsServer, database_url: str) -> LedgerSettings:
    return settings_for(nats.url, database_url)


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[Store]:
    """The test's own eyes on the database, with the schema applied."""
    store = Store(Address.parse(database_url))
    await store.open()
    yield store
    await store.close()
