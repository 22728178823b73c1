"""One embedded ClickHouse for all the tests that need it running, and clients of it."""

from collections.abc import AsyncIterator, Iterator

import clickhouse_connect
import pytest
from clickhouse_connect.driver.asyncclient import AsyncClient
from clickhouse_connect.driver.client import Client

from tests.integration.embedded.embedded_process import PASSWORD, USER, EmbeddedClickHouse, start


@pytest.fixture(scope="package")
def clickhouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedClickHouse]:
    running = start(tmp_path_factory.mktemp("clickhouse"))
    created = running.ask("CREATE DATABASE gw ENGINE = Atomic")
    assert created.status == 200, created.text
    yield running
    assert running.stop() == 0


@pytest.fixture
def client(clickhouse: EmbeddedClickHouse) -> Iterator[Client]:
    made = clickhouse_connect.get_client(
        host="127.0.0.1", port=clickhouse.port, username=USER, password=PASSWORD, database="gw"
    )
    yield made
    made.close()


@pytest.fixture
async def async_client(clickhouse: EmbeddedClickHouse) -> AsyncIterator[AsyncClient]:
    made = await clickhouse_connect.get_async_client(
        host="127.0.0.1", port=clickhouse.port, username=USER, password=PASSWORD, database="gw"
    )
    yield made
    await made.close()


@pytest.fixture
def table(client: Client) -> Iterator[str]:
    client.command("CREATE TABLE rows (n UInt64, name String, cost Decimal(38, 12)) ENGINE = MergeTree ORDER BY n")
    yield "rows"
    client.command("DROP TABLE rows")
