"""The operator's own prices of a deployment, which win over the catalogue's."""

from pydantic import Field

from shared.config.section import Section
from shared.config.values import Usd


class OperatorPrices(Section):
    """In USD a unit, as LiteLLM names them; one that is set makes the deployment's own price row."""

    input_cost_per_token: Usd | None = Field(None, description="USD for an input token.")
    output_cost_per_token: Usd | None = Field(None, description="USD for an output token.")
    cache_read_input_token_cost: Usd | None = Field(None, description="USD for an input token read from a cache.")
    cache_creation_input_token_cost: Usd | None = Field(None, description="USD for an input token written to a cache.")
    cache_creation_input_token_cost_above_1hr: Usd | None = Field(None, description="The same, kept for an hour.")
    input_cost_per_audio_token: Usd | None = Field(None, description="USD for a token of audio input.")
    output_cost_per_audio_token: Usd | None = Field(None, description="USD for a token of audio output.")
    output_cost_per_reasoning_token: Usd | None = Field(None, description="USD for a reasoning token.")
    input_cost_per_request: Usd | None = Field(None, description="USD for a request, whatever its size.")

    def prices(self) -> dict[str, float]:
        """Return the prices that are set, by their names."""
        return {name: usd for name in OperatorPrices.model_fields if (usd := getattr(self, name)) is not None}
