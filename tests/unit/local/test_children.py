"""Each process of the embedded gateway is told what it reads, and no secret of another."""

from dataclasses import replace
from pathlib import Path

import pytest

from services.local.children import (
    STOP_ORDER,
    ClickHouseAccess,
    Gateway,
    clickhouse_child,
    service_children,
)
from services.local.settings_page import PROCESSES
from services.local.supervisor import Child

ACCESS = ClickHouseAccess("http://127.0.0.1:20001", "meterhouse", "p@ss/word", "spend")
GATEWAY = Gateway(
    data=Path("/data"),
    config=Path("/config.yaml"),
    host="0.0.0.0",
    port=4001,
    nats_url="nats://meterhouse:secret@127.0.0.1:20000",
    clickhouse_url=ACCESS.full_url,
    master_key="sk-master",
    log_level="debug",
    log_json=True,
)


def children(gateway: Gateway = GATEWAY) -> dict[str, Child]:
    every = [*service_children(gateway), clickhouse_child(gateway, ACCESS, lock=3)]
    return {child.name: child for child in every}


@pytest.mark.parametrize("name", PROCESSES)
def test_a_process_reads_what_it_is_told(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, value in children()[name].environment.items():
        monkeypatch.setenv(variable, value)
    told = PROCESSES[name]().model_dump()
    expected = {
        "nats_url": GATEWAY.nats_url,
        "config": GATEWAY.config,
        "log_level": "debug",
        "log_json": True,
        "host": "0.0.0.0",
        "port": 4001,
        "master_key": "sk-master",
        "data": GATEWAY.data,
        "clickhouse_port": 20001,
        "clickhouse_user": "meterhouse",
        "clickhouse_password": "p@ss/word",
    }
    assert {field: value for field, value in told.items() if field in expected} == {
        field: value for field, value in expected.items() if field in told
    }


def test_the_ledger_alone_is_told_how_to_reach_clickhouse() -> None:
    url = "http://meterhouse:p%40ss%2Fword@127.0.0.1:20001/spend"
    assert {name for name, child in children().items() if url in child.environment.values()} == {"ledger"}


def test_the_edge_alone_is_told_a_generated_master_key() -> None:
    assert {name for name, child in children().items() if "sk-master" in child.environment.values()} == {"edge"}


def test_a_provider_s_key_reaches_the_router(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-openai")
    assert children()["router"].environment["OPENAI_API_KEY"] == "sk-openai"


def test_without_a_config_none_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("METERHOUSE_CONFIG", raising=False)
    without = children(replace(GATEWAY, config=None))
    assert not any("METERHOUSE_CONFIG" in child.environment for child in without.values())


def test_a_directory_called_services_where_the_operator_stands_is_not_run() -> None:
    assert all(child.command[1] == "-P" for child in children().values())


def test_edge_is_stopped_first_and_what_all_need_last() -> None:
    assert STOP_ORDER[0] == ("edge",)
    assert set(STOP_ORDER[-1]) == {"clickhouse", "nats"}
    assert {name for group in STOP_ORDER for name in group} == {*PROCESSES, "nats"}


def test_a_process_gets_longer_to_stop_than_it_takes_to_drain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("METERHOUSE_DRAIN_S", "7")
    monkeypatch.setenv("METERHOUSE_CLICKHOUSE_DRAIN_S", "9")
    assert children()["edge"].stop_within_s == 17
    assert children()["router"].stop_within_s == 17
    assert children()["clickhouse"].stop_within_s == 19
