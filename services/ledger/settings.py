"""Settings of ledger's process."""

from pydantic import Field, SecretStr

from shared.settings import ServiceSettings


class LedgerSettings(ServiceSettings):
    clickhouse_url: SecretStr = Field(
        SecretStr("http://default@127.0.0.1:8123/meterhouse"),
        description="ClickHouse's HTTP interface and the ledger's own database: http://user:password@host:port/database.",
    )
    clickhouse_cluster: str = Field(
        "", description="Name of a ClickHouse cluster: tables are made ON CLUSTER and Replicated. Empty: one server."
    )
    ledger_flush_ms: int | None = Field(
        None,
        ge=1,
        le=60_000,
        description="Milliseconds a fact may wait for others before its batch is written; without it "
        "general_settings.meterhouse.ledger_flush_ms of the configuration counts.",
    )
    ledger_epoch: int = Field(
        0,
        ge=0,
        le=2**32 - 1,
        description="Raise by one after NATS lost or re-created its streams: facts are then counted from the start of "
        "the new stream, beside what ClickHouse already has.",
    )
