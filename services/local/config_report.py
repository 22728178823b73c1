"""`meterhouse check-config`: what a config.yaml serves, and what each deployment still waits for.

Each deployment is asked to prepare a call as the router would, so that the report cannot differ from what happens.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from services.local.screen import count
from services.router.providers.answers.rejection import Rejected
from services.router.providers.base import CHAT, Provider, ProviderCall
from services.router.providers.registry import load_providers
from services.router.providers.signing_in import NotSignedIn
from shared.config import Config
from shared.errors import CredentialMissing
from shared.serving.deployments import Deployment, deployments_of

_CALL = ProviderCall(
    body=b'{"model": "check", "messages": [{"role": "user", "content": "Hello"}]}',
    model="check",
    stream=False,
    include_usage=False,
    max_tokens=16,
    max_tokens_field="max_tokens",
    drop_params=True,
)


_CALL_TYPES = (CHAT, "aembedding", "arerank", "aspeech", "atranscription")


class Report(NamedTuple):
    lines: list[str]
    usable: bool


def config_report(path: Path, config: Config, environ: Mapping[str, str]) -> Report:
    deployments = deployments_of(config)
    variables = {name: value for name, value in config.environment_variables.items() if isinstance(value, str)}
    providers = load_providers({**environ, **variables})
    unserved = sorted({each.provider for each in deployments} - providers.keys() - {"*"})
    models = count(len({deployment.group for deployment in deployments}), "model")
    rows = [("model", "deployment", "state")]
    rows += [(each.group, f"{each.provider}/{each.model}", _state(each, providers)) for each in deployments]
    verdict = "cannot be served" if unserved else "is valid"
    lines = [f"{path} {verdict}: {models}, {count(len(deployments), 'deployment')}.", "", *_table(rows)]
    if config.warnings:
        lines += ["", *(f"Warning: {warning}" for warning in config.warnings)]
    return Report(lines, not unserved)


def _state(deployment: Deployment, providers: Mapping[str, Provider]) -> str:
    if deployment.provider == "*":
        return "ready for every provider whose key is set"
    provider = providers.get(deployment.provider)
    if provider is None:
        return f"Meterhouse has no adapter for the provider {deployment.provider}"
    served = next((call_type for call_type in _CALL_TYPES if provider.serves(call_type, deployment)), CHAT)
    try:
        provider.prepare(msgspec.structs.replace(_CALL, call_type=served), deployment)
    except CredentialMissing as error:
        return str(error).partition(": ")[2] or str(error)
    except NotSignedIn:
        return "ready to sign in"
    except Rejected:
        return "ready"  # the credential was found; the call was a chat's
    return "ready"


def _table(rows: Sequence[tuple[str, str, str]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(2)]
    return [f"{first:<{widths[0]}}  {second:<{widths[1]}}  {third}".rstrip() for first, second, third in rows]
