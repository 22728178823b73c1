"""Calls that go to a provider as they are, `/{provider}/...`: which deployment lends its credential, and their names.

A pass-through has a model name of its own, `pass-through/<provider>/<model>`, which policy and router find by a
wildcard that stands in no configuration and that no other call can ask for.
"""

from dataclasses import replace

from shared.config import Config
from shared.serving.deployments import Deployment, deployments_of

CALL_TYPE = "pass_through_endpoint"
"""LiteLLM's name, in its spend logs."""

PREFIX = "pass-through/"
NO_MODEL = "-"
"""Stands for the model of a call that names none."""


def group_name(provider: str, model: str) -> str:
    return f"{PREFIX}{provider}/{model or NO_MODEL}"


def asked_for(group: str) -> str:
    """Return the name by which lists of models allow a group: `<provider>/<model>` of a pass-through."""
    return group.removeprefix(PREFIX)


def pass_through_deployments(config: Config) -> tuple[Deployment, ...]:
    """Return one deployment for each provider of the configuration: the one marked for it, else its first.

    Address, credential and terms are that deployment's; what it says of its own model holds for no other.
    """
    lenders: dict[str, Deployment] = {}
    for entry, deployment in zip(config.model_list, deployments_of(config), strict=True):
        if "*" in deployment.provider:
            continue
        if deployment.provider not in lenders or entry.litellm_params.use_in_pass_through:
            lenders[deployment.provider] = deployment
    return tuple(_passing(lender) for lender in lenders.values())


def _passing(lender: Deployment) -> Deployment:
    return replace(
        lender,
        id=f"{PREFIX}{lender.provider}",
        group=f"{PREFIX}{lender.provider}/*",
        model="*",
        priced_as="*",
        prices={},
        defaults={},
        extra_body={},
        drop_always=(),
        max_output_tokens=None,
        client_sets={},
        num_retries=0,
    )
