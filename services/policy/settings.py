"""Settings of policy's process."""

import socket

from pydantic import Field

from shared.settings import ServiceSettings


class PolicySettings(ServiceSettings):
    policy_name: str = Field(
        default_factory=lambda: f"policy@{socket.gethostname()}",
        description="Under this name a process holds its partitions; it gets them back at once when it restarts. "
        "Two processes on one host need two names.",
    )
