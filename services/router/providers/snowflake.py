"""Snowflake Cortex: OpenAI's bodies at an account's address, with a key pair's JWT or a programmatic access token.

Source: https://docs.snowflake.com/en/developer-guide/sql-api/authenticating
"""

import re
from dataclasses import replace
from urllib.parse import quote

from services.router.providers.credentials import sign_in_text, text_or_missing
from services.router.providers.openai.provider import OpenAICompatible
from shared.serving.deployments import Deployment

ACCESS_TOKEN = "pat/"
"""What LiteLLM's users write in front of a programmatic access token."""

BASE_VARIABLE, ACCOUNT_VARIABLE = "SNOWFLAKE_API_BASE", "SNOWFLAKE_ACCOUNT_ID"
_OLD_PATH = re.compile(r"/cortex/inference:\w+/?$")
"""The end of the address that LiteLLM's page has, of an API before the one in OpenAI's form."""

KIND_HEADER = "x-snowflake-authorization-token-type"


class Snowflake(OpenAICompatible):
    """Snowflake tells JWTs and OAuth tokens apart by itself; a programmatic access token is named as such."""

    def key_of(self, deployment: Deployment) -> str | None:
        key = super().key_of(deployment)
        return key.removeprefix(ACCESS_TOKEN) if key else key

    def _request(self, deployment: Deployment) -> tuple[str, dict[str, str]]:
        own = text_or_missing(deployment.api_base, deployment, "api_base") or self._environ.get(BASE_VARIABLE)
        account = sign_in_text(deployment, "account_id") or self._environ.get(ACCOUNT_VARIABLE)
        if own is None and account:
            deployment = replace(
                deployment, api_base=f"https://{quote(account, safe='')}.snowflakecomputing.com/api/v2"
            )
        elif own is not None:
            deployment = replace(deployment, api_base=_OLD_PATH.sub("", own))
        base, headers = super()._request(deployment)
        if (super().key_of(deployment) or "").startswith(ACCESS_TOKEN):
            headers.setdefault(KIND_HEADER, "PROGRAMMATIC_ACCESS_TOKEN")
        return base, headers
