"""A secret exchanged for a token at an address that gives out tokens: one form posted, one JSON object back."""

from collections.abc import Mapping
from typing import Any

import httpx
import orjson

from shared.errors import ProviderFailed

TIMEOUT_S = 20.0


async def exchanged(
    who: str, url: str, form: Mapping[str, str], *, basic: tuple[str, str] | None = None
) -> dict[str, Any]:
    """Return what `url` answers to the form; `basic` is a user's name and password. `who` is named in errors.

    Raises:
        ProviderFailed: it refuses, cannot be reached, or gives no token. The form is in no message.
    """
    try:
        async with httpx.AsyncClient(timeout=TIMEOUT_S) as client:
            answer = await client.post(
                url, data=dict(form), auth=basic if basic else httpx.USE_CLIENT_DEFAULT, follow_redirects=False
            )
    except httpx.HTTPError as error:
        raise ProviderFailed(
            f"{who} could not be reached for a token at {url}: {error or type(error).__name__}"
        ) from error
    try:
        told = orjson.loads(answer.content)
    except orjson.JSONDecodeError:
        told = {}
    told = told if isinstance(told, dict) else {}
    if answer.status_code >= 400 or not isinstance(told.get("access_token"), str):
        words = told.get("errorMessage") or told.get("error_description") or told.get("error") or "no token"
        status = 401 if answer.status_code in (400, 401, 403) else 502
        raise ProviderFailed(
            f"{who} gave no token ({answer.status_code}): {words}",
            status=status,
            type="provider_auth_error" if status == 401 else "internal_server_error",
        )
    return told


def lifetime_s(told: Mapping[str, Any], default_s: float) -> float:
    """Return how long the token holds."""
    seconds = told.get("expires_in")
    return float(seconds) if isinstance(seconds, int | float) and seconds > 0 else default_s
