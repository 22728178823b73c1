"""Bedrock's own fields that an operator sets for a deployment: no request takes them away, as it does with defaults."""

from typing import Any

from pydantic import Field

from shared.config.sections.section import Section


class BedrockFields(Section):
    """They stand under the names that Converse has for them, which are LiteLLM's too."""

    guardrailConfig: dict[str, Any] | None = Field(
        None,
        description="Guardrail of Bedrock that every call passes: `guardrailIdentifier`, `guardrailVersion`, `trace`.",
    )
    performanceConfig: dict[str, Any] | None = Field(None, description="Bedrock's `latency`: standard or optimized.")
    requestMetadata: dict[str, Any] | None = Field(
        None, description="Labels of the call in Bedrock's invocation logs, beside those a request brings."
    )

    def bedrock_fields(self) -> dict[str, Any]:
        """Return those that are set, by name."""
        return {name: getattr(self, name) for name in BedrockFields.model_fields if getattr(self, name) is not None}
