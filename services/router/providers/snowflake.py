"""Snowflake Cortex: OpenAI's bodies at an account's address, with a key pair's JWT or a programmatic access token.

Source: https://docs.snowflake.com/en/developer-guide/sql-api/authenticating
"""

from services.router.providers.openai.provider import OpenAICompatible
from shared.serving.deployments import Deployment

ACCESS_TOKEN = "pat/"
"""What LiteLLM's users write in front of a programmatic access token."""

KIND_HEADER = "x-snowflake-authorization-token-type"


class Snowflake(OpenAICompatible):
    """Snowflake tells JWTs and OAuth tokens apart by itself; a programmatic access token is named as such."""

    def key_of(self, deployment: Deployment) -> str | None:
        key = super().key_of(deployment)
        return key.removeprefix(ACCESS_TOKEN) if key else key

    def _request(self, deployment: Deployment) -> tuple[str, dict[str, str]]:
        base, headers = super()._request(deployment)
        if (super().key_of(deployment) or "").startswith(ACCESS_TOKEN):
            headers.setdefault(KIND_HEADER, "PROGRAMMATIC_ACCESS_TOKEN")
        return base, headers
