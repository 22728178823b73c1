"""`model_list`: the deployments, each a provider's model with its credential behind one of our model names."""

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, Field, field_validator
from pydantic_core import PydanticCustomError

from shared.config.reading.references import MissingVariable, missing_in
from shared.config.sections.bedrock_fields import BedrockFields
from shared.config.sections.call_defaults import CallDefaults
from shared.config.sections.cloud_sign_in import CloudSignIn
from shared.config.sections.operator_prices import OperatorPrices
from shared.config.sections.section import Section
from shared.config.sections.values import Count, Names, Number, Seconds, Text, Whole, listed


class DeploymentParams(Section):
    """How a deployment is reached and chosen."""

    model: Text = Field(description="`provider/model`; what follows the first slash is the provider's name for it.")
    custom_llm_provider: str | None = Field(None, description="The provider, where `model` does not name it.")
    api_key: Text | None = Field(
        None, repr=False, description="The provider's key; else the provider's usual variable."
    )
    api_base: Text | None = Field(None, description="The provider's base URL, where it is not the usual one.")
    api_version: Text | None = Field(None, description="Version of the API (Azure).")
    organization: Text | tuple[Text, ...] | None = Field(
        None, description="OpenAI organization; a list makes one deployment of each."
    )
    region_name: Text | None = Field(None, description="Region the deployment is in.")
    timeout: Seconds | None = Field(None, description="Seconds one attempt may take; else the router's `timeout`.")
    stream_timeout: Seconds | None = Field(None, description="The same for streamed answers; else `timeout`.")
    num_retries: Count | None = Field(None, description="Retries when this deployment fails; else the router's.")
    max_retries: Count | None = Field(None, description="Another name for `num_retries`, which wins.")
    weight: Number | None = Field(None, ge=0, description="Share of the calls to its model name, which it balances.")
    rpm: Count | None = Field(None, description="Requests a minute; the share where no `weight` is set.")
    tpm: Count | None = Field(None, description="Tokens a minute; the share where neither is set.")
    order: Whole | None = Field(None, description="Lower is tried first; higher ones serve as fallback.")
    use_in_pass_through: bool = Field(
        False, description="Its credential serves `/{provider}/...`, instead of that provider's first deployment's."
    )
    tags: Names = Field((), description="Tags of the deployment, for routing by tag.")
    extra_headers: dict[str, Text] = Field(
        default_factory=dict, repr=False, description="Headers added to every call to the provider."
    )
    extra_body: dict[str, Any] = Field(default_factory=dict, description="Fields added to every request body.")
    drop_params: bool | None = Field(
        None, description="Drop parameters the provider does not know; else the global one."
    )
    additional_drop_params: Names = Field((), description="Parameters never sent to this deployment.")
    litellm_credential_name: str | None = Field(
        None, description="The entry of `credential_list` whose values hold where nothing else is set here."
    )
    configurable_clientside_auth_params: Annotated[tuple[str | dict[str, str], ...], BeforeValidator(listed)] = Field(
        (),
        description="`api_key`, `api_base`: what a request may bring of its own, in its body. "
        "`api_base: PATTERN` only where the whole address fits; without a pattern it takes an `api_key` beside it.",
    )

    @field_validator("configurable_clientside_auth_params")
    @classmethod
    def _known(cls, given: tuple[str | dict[str, str], ...]) -> tuple[str | dict[str, str], ...]:
        for name, pattern in _client_sets(given).items():
            if name not in ("api_key", "api_base"):
                raise PydanticCustomError("client_sets", "must name api_key or api_base")
            try:
                re.compile(pattern or "")
            except re.error as error:
                raise PydanticCustomError(
                    "client_sets", "must have a regular expression: {reason}", {"reason": str(error)}
                ) from error
        return given

    def client_sets(self) -> dict[str, str | None]:
        """Return the credentials that a request may bring, and the pattern that each must fit."""
        return _client_sets(self.configurable_clientside_auth_params)


def _client_sets(given: tuple[str | dict[str, str], ...]) -> dict[str, str | None]:
    sets: dict[str, str | None] = {}
    for entry in given:
        sets |= {entry: None} if isinstance(entry, str) else entry
    return sets


class LiteLLMParams(CallDefaults, OperatorPrices, BedrockFields, CloudSignIn, DeploymentParams):
    """How a deployment is reached, chosen and priced, and what its calls carry."""

    @property
    def retries(self) -> int | None:
        """Retries this deployment asks for, under either name."""
        return self.num_retries if self.num_retries is not None else self.max_retries


class ModelInfo(OperatorPrices):
    """What is known about a deployment's model. Free form: what else stands here is shown by /model/info."""

    model_config = ConfigDict(extra="allow")

    id: str | None = Field(None, description="The deployment's id, in facts, logs and headers; else made of the entry.")
    base_model: Text | None = Field(
        None,
        description=(
            "The model to price by, where the name does not say it (Azure); with its provider before it or without, "
            "and Azure's data zone (`azure/eu/gpt-4o-2024-08-06`)."
        ),
    )
    mode: str | None = Field(None, description="What the model does: chat, completion, embedding, ...")
    max_tokens: Count | None = Field(None, description="Most tokens an answer can have; `max_output_tokens` wins.")
    max_input_tokens: Count | None = Field(None, description="Size of the context window.")
    max_output_tokens: Count | None = Field(None, description="Most tokens an answer can have.")
    access_groups: Names = Field((), description="Groups through which keys are given access to the model.")


class ModelEntry(Section):
    """One deployment. Several entries with the same `model_name` serve it together."""

    model_name: str = Field(min_length=1, description="The name clients ask for; the same for each deployment of it.")
    litellm_params: LiteLLMParams = Field(description="How the deployment is reached, chosen and priced.")
    model_info: ModelInfo = Field(default_factory=ModelInfo, description="What is known about its model.")

    @property
    def id(self) -> str:
        """The deployment's id; loading gives one to every entry that has none."""
        return self.model_info.id or ""

    def own_prices(self) -> dict[str, float]:
        """Return the operator's prices of this deployment, by setting, in USD; those in `litellm_params` win."""
        return self.model_info.prices() | self.litellm_params.prices()

    def missing_variables(self) -> tuple[MissingVariable, ...]:
        """Return the variables that must be set before this deployment can be called."""
        return tuple(MissingVariable(name) for _, name in missing_in(self.litellm_params))
