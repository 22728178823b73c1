"""The keys themselves: made here, or checked where somebody brings their own. Nothing here is ever stored."""

import re
import secrets

from shared.errors import InvalidRequest

_CUSTOM = re.compile(r"sk-[!-~]{13,509}\Z")  # what an HTTP header can carry


def new_key() -> str:
    """Return `sk-` and 22 url-safe characters: 128 random bits."""
    return f"sk-{secrets.token_urlsafe(16)}"


def check_is_a_key(key: object, *, field: str = "key") -> str:
    """Return `key` if it can be used as one.

    Raises:
        InvalidRequest: it is too short, too long, or does not begin with sk-.
    """
    if not isinstance(key, str) or not key.startswith("sk-"):
        message = "Invalid key format. LiteLLM Virtual Key must start with 'sk-'. Received: ****"
    elif not _CUSTOM.match(key):
        message = "Invalid key format. A key has 16 to 512 printable ASCII characters without spaces. Received: ****"
    else:
        return key
    raise InvalidRequest(message, param=field, type="bad_request_error")


def shown_name(key: str) -> str:
    return f"sk-...{key[-4:]}"
