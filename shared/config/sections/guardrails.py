"""`guardrails`: checks on what is asked and what is answered."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field

from shared.config.sections.section import Section
from shared.config.sections.values import Text, listed

Mode = Literal[
    "pre_call",
    "during_call",
    "post_call",
    "logging_only",
    "pre_mcp_call",
    "during_mcp_call",
    "post_mcp_call",
    "realtime_input_transcription",
]
Modes = Annotated[tuple[Mode, ...], BeforeValidator(listed)]


class TaggedModes(Section):
    """Modes by the request's tag."""

    tags: dict[str, Modes] = Field(default_factory=dict, description="Modes for requests with a tag.")
    default: Modes = Field((), description="Modes for all others.")


class GuardrailParams(Section):
    """Free form: what else stands here is for the guardrail itself."""

    model_config = ConfigDict(extra="allow")

    guardrail: str = Field(min_length=1, description="Which guardrail it is, such as `litellm_content_filter`.")
    mode: Modes | TaggedModes = Field(("pre_call",), description="When it runs: a mode, a list, or modes by tag.")
    default_on: bool = Field(False, description="Run for every request, not only those that ask for it.")
    api_key: Text | None = Field(None, repr=False, description="Key of the service behind it.")
    api_base: Text | None = Field(None, description="URL of the service behind it.")

    def own_settings(self) -> dict[str, Any]:
        """Return the free settings, as the file has them."""
        return dict(self.model_extra or {})


class Guardrail(Section):
    guardrail_name: str = Field(min_length=1, description="The name requests and keys ask for it by.")
    litellm_params: GuardrailParams = Field(description="Which guardrail it is and when it runs.")
    guardrail_info: dict[str, Any] = Field(default_factory=dict, description="Shown by /guardrails/list, not read.")
