"""What the process takes from its environment."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class EmbeddedSettings(BaseSettings):
    """Read from METERHOUSE_* variables; `meterhouse up` sets them."""

    model_config = SettingsConfigDict(env_prefix="METERHOUSE_", extra="ignore", frozen=True)

    data: Path = Field(description="Data directory; the engine's files go to its folder clickhouse.")
    clickhouse_host: str = Field(
        "127.0.0.1", description="Address to listen on. Whoever gets in can read files by SQL."
    )
    clickhouse_port: int = Field(ge=1, le=65535, description="Port to listen on.")
    clickhouse_user: str = Field("meterhouse", min_length=1, description="The one user.")
    clickhouse_password: str = Field(min_length=1, description="The one user's password.")
    clickhouse_fsync: bool = Field(
        False, description="Sync each insert to disk: answered rows survive a loss of power."
    )
    clickhouse_drain_s: float = Field(
        20.0, ge=0, description="Seconds that running queries have left when it is stopped."
    )
    log_level: str = Field("info", description="debug, info, warning or error.")
    log_json: bool = Field(False, description="One JSON object a line instead of text for people.")
