"""The names a wildcard of the configuration is listed as: those of the models known at its provider."""

from collections.abc import Iterator

from shared.prices.known_models import known_models, priced_providers
from shared.serving.deployments import Deployment
from shared.serving.model_names import filled, parts_in


def listed_as(pattern: str, deployments: tuple[Deployment, ...]) -> tuple[str, ...]:
    """Return the names, each once; () where no model of the providers is known."""
    return tuple(dict.fromkeys(name for deployment in deployments for name in _names(pattern, deployment)))


def _names(pattern: str, deployment: Deployment) -> Iterator[str]:
    if deployment.provider == "*":
        for provider in priced_providers():
            yield from (filled(pattern, (f"{provider}/{model}",)) for model in known_models(provider))
        return
    for model in known_models(deployment.provider):
        parts = parts_in(deployment.model, model)
        if parts:
            yield filled(pattern, parts)
