"""The whole configuration."""

from pydantic import Field

from shared.config.reading.references import missing_in
from shared.config.sections.credential_list import Credential
from shared.config.sections.general_settings import GeneralSettings
from shared.config.sections.guardrails import Guardrail
from shared.config.sections.litellm_settings import LiteLLMSettings
from shared.config.sections.model_list import ModelEntry
from shared.config.sections.router_settings import RouterSettings
from shared.config.sections.section import Section
from shared.config.sections.values import VariableText


class ConfigFile(Section):
    """What a config.yaml can hold, its includes merged."""

    model_list: tuple[ModelEntry, ...] = Field((), description="The deployments.")
    litellm_settings: LiteLLMSettings = Field(default_factory=LiteLLMSettings, description="How calls behave.")
    router_settings: RouterSettings = Field(default_factory=RouterSettings, description="Which deployment serves.")
    general_settings: GeneralSettings = Field(default_factory=GeneralSettings, description="The gateway itself.")
    credential_list: tuple[Credential, ...] = Field((), description="Credentials that deployments refer to by name.")
    guardrails: tuple[Guardrail, ...] = Field((), description="Checks on requests and answers.")
    environment_variables: dict[str, VariableText] = Field(
        default_factory=dict, repr=False, description="Variables set before references are read; they win."
    )
    include: tuple[str, ...] = Field((), description="Further files, relative to this one; lists in them are appended.")


class Config(ConfigFile):
    """A configuration that can be used: references resolved, deployments with ids, settings of one meaning joined."""

    warnings: list[str] = Field(default_factory=list, description="Sentences for the operator, in the file's order.")

    def missing_variables(self) -> list[tuple[str, str]]:
        """Return (setting, variable) for each value that waits for an environment variable."""
        return list(missing_in(self))
