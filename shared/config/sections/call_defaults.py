"""Parameters of a call that a deployment sets for clients which do not."""

from typing import Any

from pydantic import Field

from shared.config.sections.section import Section
from shared.config.sections.values import Count, Names, Number, Text, Whole


class CallDefaults(Section):
    """Each goes to the provider under its own name, unless the request has it."""

    temperature: Number | None = Field(None, description="Sampling temperature.")
    top_p: Number | None = Field(None, description="Nucleus sampling: the share of probability drawn from.")
    top_k: Whole | None = Field(None, description="Draw from this many tokens only.")
    min_p: Number | None = Field(None, description="Draw from tokens at least this probable, relative to the first.")
    max_tokens: Count | None = Field(None, description="Most tokens an answer may have.")
    max_completion_tokens: Count | None = Field(None, description="Most tokens an answer may have, reasoning included.")
    n: Count | None = Field(None, description="Answers to one request.")
    stop: Names | None = Field(None, description="Texts at which an answer ends.")
    seed: Whole | None = Field(None, description="Seed for providers that can repeat an answer.")
    presence_penalty: Number | None = Field(None, description="Penalty for tokens that already occurred.")
    frequency_penalty: Number | None = Field(None, description="Penalty growing with how often a token occurred.")
    repetition_penalty: Number | None = Field(None, description="The same, as vLLM and others name it.")
    logit_bias: dict[str, Number] | None = Field(None, description="Bias by token id.")
    logprobs: bool | None = Field(None, description="Return log probabilities.")
    top_logprobs: Count | None = Field(None, description="How many alternatives to return log probabilities for.")
    response_format: dict[str, Any] | None = Field(None, description="Shape of the answer, such as a JSON schema.")
    tools: tuple[dict[str, Any], ...] | None = Field(None, description="Tools the model may call.")
    tool_choice: Any = Field(None, description="Which tool the model must call, if any.")
    parallel_tool_calls: bool | None = Field(None, description="Whether several tools may be called at once.")
    reasoning_effort: Text | None = Field(None, description="How long a reasoning model thinks.")
    thinking: dict[str, Any] | None = Field(None, description="Anthropic's form of the same.")
    verbosity: Text | None = Field(None, description="How long the answer should be.")
    service_tier: Text | None = Field(None, description="The provider's service tier.")
    modalities: Names | None = Field(None, description="Kinds of output, such as text and audio.")
    audio: dict[str, Any] | None = Field(None, description="Voice and format of audio output.")
    prediction: dict[str, Any] | None = Field(None, description="Text the answer will largely repeat.")
    web_search_options: dict[str, Any] | None = Field(None, description="Options of the provider's web search.")
    stream_options: dict[str, Any] | None = Field(None, description="Options of streamed answers.")
    store: bool | None = Field(None, description="Whether the provider may keep the answer.")
    user: Text | None = Field(None, description="The end user's name as the provider sees it.")
    dimensions: Count | None = Field(None, description="Length of an embedding.")
    chat_template_kwargs: dict[str, Any] | None = Field(None, description="Arguments of a chat template (vLLM).")

    input_type: Text | None = Field(None, description="What embeddings are for (Cohere, Voyage, NVIDIA).")
    safety_settings: tuple[dict[str, Any], ...] | None = Field(None, description="Gemini's thresholds by category.")
    safe_prompt: bool | None = Field(None, description="Whether Mistral puts its safety prompt in front.")
    keep_alive: Any = Field(None, description="How long Ollama keeps the model loaded, such as `8m`, or -1.")
    num_ctx: Count | None = Field(None, description="Size of Ollama's context window.")

    def call_defaults(self) -> dict[str, Any]:
        """Return the parameters the configuration sets, by their names in a request."""
        return {name: getattr(self, name) for name in CallDefaults.model_fields if name in self.model_fields_set}
