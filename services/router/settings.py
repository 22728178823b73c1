"""Settings of router's process."""

from pydantic import Field

from shared.settings import ServiceSettings


class RouterSettings(ServiceSettings):
    drain_s: float = Field(
        30.0, description="Seconds that requests in flight get to end when a service is told to stop."
    )
