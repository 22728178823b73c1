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

    Address, credential and terms are that deployment's; what it says of its own model holds for no other. A model of
    which a deployment says what it costs has one more, with those prices: the lender's word, else the first.
    """
    lenders: dict[str, Deployment] = {}
    every = deployments_of(config)
    for entry, deployment in zip(config.model_list, every, strict=True):
        if "*" in deployment.provider:
            continue
        if deployment.provider not in lenders or entry.litellm_params.use_in_pass_through:
            lenders[deployment.provider] = deployment
    priced: dict[str, Deployment] = {}
    for told in (*lenders.values(), *every):
        lender = lenders.get(told.provider)
        if lender is not None and "*" not in told.model and (told.prices or told.priced_as != told.model):
            name = group_name(told.provider, told.model)
            priced.setdefault(name, _for_model(_passing(lender), told, name))
    return (*map(_passing, lenders.values()), *priced.values())


def _for_model(passing: Deployment, told: Deployment, name: str) -> Deployment:
    return replace(passing, id=name, group=name, model=told.model, priced_as=told.priced_as, prices=told.prices)


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
