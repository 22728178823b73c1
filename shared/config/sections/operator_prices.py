"""The operator's own prices of a deployment, which win over the catalogue's."""

from pydantic import Field

from shared.config.sections.price_names import price_name
from shared.config.sections.section import Section
from shared.config.sections.values import Count, Number, Usd

_SIZE = "search_context_size_"


class PriceBand(Section):
    """Prices of one span of prompt sizes."""

    range: tuple[Count, Count] = Field(description="Tokens of the prompt above which the prices hold, and up to which.")
    input_cost_per_token: Usd | None = Field(None, description="USD for an input token.")
    output_cost_per_token: Usd | None = Field(None, description="USD for an output token.")
    output_cost_per_reasoning_token: Usd | None = Field(None, description="USD for a reasoning token.")
    cache_read_input_token_cost: Usd | None = Field(None, description="USD for an input token read from a cache.")
    cache_creation_input_token_cost: Usd | None = Field(None, description="USD for an input token written to a cache.")


class OperatorPrices(Section):
    """In USD a unit, as LiteLLM names them; one that is set makes the deployment's own price row."""

    input_cost_per_token: Usd | None = Field(None, description="USD for an input token.")
    output_cost_per_token: Usd | None = Field(None, description="USD for an output token.")
    cache_read_input_token_cost: Usd | None = Field(None, description="USD for an input token read from a cache.")
    cache_creation_input_token_cost: Usd | None = Field(None, description="USD for an input token written to a cache.")
    cache_creation_input_token_cost_above_1hr: Usd | None = Field(None, description="The same, kept for an hour.")
    input_cost_per_token_cache_hit: Usd | None = Field(
        None, description="As `cache_read_input_token_cost`, which wins."
    )
    input_cost_per_audio_token: Usd | None = Field(None, description="USD for a token of audio input.")
    output_cost_per_audio_token: Usd | None = Field(None, description="USD for a token of audio output.")
    cache_read_input_audio_token_cost: Usd | None = Field(
        None, description="USD for a token of audio read from a cache."
    )
    input_cost_per_image_token: Usd | None = Field(None, description="USD for a token of an image that is read.")
    output_cost_per_image_token: Usd | None = Field(None, description="USD for a token of an image that is made.")
    cache_read_input_image_token_cost: Usd | None = Field(
        None, description="USD for a token of an image read from a cache."
    )
    input_cost_per_video_token: Usd | None = Field(None, description="USD for a token of video input.")
    output_cost_per_video_token: Usd | None = Field(None, description="USD for a token of video output.")
    output_cost_per_reasoning_token: Usd | None = Field(None, description="USD for a reasoning token.")
    citation_cost_per_token: Usd | None = Field(None, description="USD for a token of a cited source.")
    input_cost_per_request: Usd | None = Field(None, description="USD for a request, whatever its size.")
    input_cost_per_query: Usd | None = Field(None, description="USD for a search unit of a reranker.")
    search_context_cost_per_query: dict[str, Usd] = Field(
        default_factory=dict,
        description=f"USD for a web search, by `{_SIZE}low`, `{_SIZE}medium` (the usual one) and `{_SIZE}high`.",
    )
    file_search_cost_per_1k_calls: Usd | None = Field(None, description="USD for a thousand searches of files.")
    code_interpreter_cost_per_session: Usd | None = Field(None, description="USD for a sandbox that runs code.")
    input_cost_per_character: Usd | None = Field(None, description="USD for a character of text to be spoken.")
    output_cost_per_character: Usd | None = Field(None, description="USD for a character of an answer.")
    input_cost_per_second: Usd | None = Field(
        None, description="USD for a second of audio input; of the call's duration where there is no audio."
    )
    output_cost_per_second: Usd | None = Field(
        None, description="USD for a second of audio output; of the call's duration where there is none."
    )
    input_cost_per_audio_per_second: Usd | None = Field(None, description="USD for a second of audio input.")
    output_cost_per_video_per_second: Usd | None = Field(None, description="USD for a second of video made.")
    input_cost_per_image: Usd | None = Field(None, description="USD for an image that is read.")
    output_cost_per_image: Usd | None = Field(None, description="USD for an image that is made.")
    input_cost_per_pixel: Usd | None = Field(None, description="As `output_cost_per_pixel`.")
    output_cost_per_pixel: Usd | None = Field(None, description="USD for a pixel of an image that is made.")
    ocr_cost_per_page: Usd | None = Field(None, description="USD for a page that is read.")
    annotation_cost_per_page: Usd | None = Field(None, description="USD for a page that is read and annotated.")
    tiered_pricing: tuple[PriceBand, ...] = Field((), description="Prices by size of the prompt.")
    regional_processing_uplift_multiplier_eu: Number | None = Field(
        None, ge=0, description="What token prices are multiplied by where processing is bound to the EU."
    )
    regional_processing_uplift_multiplier_us: Number | None = Field(None, ge=0, description="The same, to the US.")
    regional_endpoint_uplift_multiplier: Number | None = Field(
        None, ge=0, description="The same for any region that is not `global`."
    )
    price_variants: dict[str, Usd] = Field(
        default_factory=dict,
        description="Prices above a prompt size or on a service tier: one of the prices with `_above_200k_tokens` (any "
        "size), `_flex`, `_priority`, `_fast`, `_batches` or `_provisioned` at its end. They may stand beside the "
        "others as well.",
    )

    @classmethod
    def variant_field(cls, name: str) -> str | None:
        """Return the field that holds a setting which is one by its form."""
        return "price_variants" if price_name(name) is not None else None

    def prices(self) -> dict[str, float]:
        """Return the prices that are set, by LiteLLM's names; searches have their size behind a dot."""
        found = {name: usd for name in _PLAIN if (usd := getattr(self, name)) is not None}
        for band in self.tiered_pricing:
            start = band.range[0]
            for name in _OF_BAND:
                usd = getattr(band, name)
                if usd is not None:
                    found[f"{name}_above_{start}_tokens" if start else name] = usd
        for size, usd in self.search_context_cost_per_query.items():
            found[f"search_context_cost_per_query.{size.removeprefix(_SIZE)}"] = usd
        return found | self.price_variants


_NOT_PLAIN = {"search_context_cost_per_query", "tiered_pricing", "price_variants"}
_PLAIN = tuple(name for name in OperatorPrices.model_fields if name not in _NOT_PLAIN)
_OF_BAND = tuple(name for name in PriceBand.model_fields if name != "range")
