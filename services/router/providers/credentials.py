"""Values of a deployment that may still wait for an environment variable."""

import re
from collections.abc import Mapping

from shared.config import MissingVariable
from shared.errors import CredentialMissing
from shared.serving.deployments import Deployment, Text

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\t\x20-\x7e\xa0-\xff]*")


def text_or_missing(value: Text, deployment: Deployment, setting: str) -> str | None:
    """Return the text, or None where nothing is configured.

    Raises:
        CredentialMissing: it refers to a variable that is not set.
    """
    if isinstance(value, MissingVariable):
        raise CredentialMissing(
            f"the deployment '{deployment.provider}/{deployment.model}' cannot be called: its {setting} is "
            f"os.environ/{value.name}; {value.remedy} for the gateway",
            param=setting,
        )
    return value.strip() or None if value is not None else None  # a key read from a file often ends in a line break


def sign_in_text(deployment: Deployment, setting: str) -> str | None:
    """Return a parameter of the deployment's sign-in at a cloud, None where it is not configured.

    Raises:
        CredentialMissing: it refers to a variable that is not set.
    """
    return text_or_missing(deployment.sign_in.get(setting), deployment, setting)


def call_headers(deployment: Deployment, own: dict[str, str]) -> dict[str, str]:
    """Return the headers of every call to the deployment: the provider's `own`, and those the operator adds.

    Raises:
        CredentialMissing: one waits for its variable, or cannot be sent.
    """
    headers = {"content-type": "application/json", **own}
    for name, value in deployment.extra_headers.items():
        text = text_or_missing(value, deployment, f"extra_headers.{name}")
        if text is not None:
            headers[name.lower()] = text
    for name, text in headers.items():
        headers[name] = text.strip()
        if not _NAME.fullmatch(name) or not _VALUE.fullmatch(headers[name]):
            raise CredentialMissing(
                f"the deployment '{deployment.provider}/{deployment.model}' cannot be called: its header {name!r} has "
                "a character that no HTTP header can carry; look for a line break or a typographic quote in the key or "
                "in extra_headers",
                param="extra_headers" if name not in own else "api_key",
            )
    return headers


def key_or_none(deployment: Deployment, environ: Mapping[str, str], *variables: str) -> str | None:
    """Return the deployment's key, else that of the first variable that is set.

    Raises:
        CredentialMissing: it refers to a variable that is not set.
    """
    key = text_or_missing(deployment.api_key, deployment, "api_key")
    return key or next((value for name in variables if (value := environ.get(name, "").strip())), None)


def needed_key(deployment: Deployment, environ: Mapping[str, str], *variables: str) -> str:
    """Return the key.

    Raises:
        CredentialMissing: there is none, or it refers to a variable that is not set.
    """
    key = key_or_none(deployment, environ, *variables)
    if key is None:
        raise CredentialMissing(
            f"the deployment '{deployment.provider}/{deployment.model}' has no key: set {' or '.join(variables)} in "
            "the gateway's environment, or api_key in its litellm_params",
            param="api_key",
        )
    return key


def address_or_none(deployment: Deployment, environ: Mapping[str, str], *variables: str) -> str | None:
    """Return the deployment's address without a slash at its end, else that of the first variable that is set.

    Raises:
        CredentialMissing: it refers to a variable that is not set.
    """
    base = text_or_missing(deployment.api_base, deployment, "api_base")
    base = base or next((value for name in variables if (value := environ.get(name, "").strip())), None)
    return base.rstrip("/") if base else None
