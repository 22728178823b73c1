"""Settings every service takes from the environment; `meterhouse up` sets them for its children."""

from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

LogLevel = Literal["debug", "info", "warning", "error"]


class ServiceSettings(BaseSettings):
    """Read from METERHOUSE_* variables. Each service extends it with its own."""

    model_config = SettingsConfigDict(env_prefix="METERHOUSE_", extra="ignore", frozen=True, env_ignore_empty=True)

    nats_url: str = Field("nats://127.0.0.1:4222", description="NATS servers, comma-separated.")
    config: Path | None = Field(None, description="LiteLLM's config.yaml; without one a simulated model is served.")
    log_level: LogLevel = Field("info", description="debug, info, warning or error.")
    log_json: bool = Field(False, description="One JSON object a line instead of text for people.")
    stream_replicas: int = Field(1, ge=1, le=5, description="Copies of each stream in a NATS cluster.")
