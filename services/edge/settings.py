"""Settings of edge's process."""

from pydantic import Field

from shared.settings import ServiceSettings


class EdgeSettings(ServiceSettings):
    host: str = Field("127.0.0.1", description="The address edge listens on; 0.0.0.0 for all.")
    port: int = Field(4000, description="The port edge listens on.")
    master_key: str | None = Field(
        None, description="The master key, where the configuration has none; `meterhouse up` generates one."
    )
    drain_s: float = Field(30.0, description="Seconds that requests in flight get to end when edge is told to stop.")
