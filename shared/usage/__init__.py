"""What one call used, in classes that do not overlap; and one reader for each form in which providers report it.

Every `usage_from_...` is a pure function of a provider's own object and returns None for what is none. The sum is
checked against the provider's total: what does not add up is read in the dearer way, and `Usage.mismatch` says so.
"""

from shared.usage.anthropic import usage_from_anthropic
from shared.usage.bedrock import usage_from_bedrock, usage_from_bedrock_metrics
from shared.usage.classes import (
    INPUT_CLASSES,
    NOTHING,
    OUTPUT_CLASSES,
    UNIT_CLASSES,
    Usage,
    UsageSource,
    added,
    usage_of,
)
from shared.usage.cohere import usage_from_cohere
from shared.usage.gemini import usage_from_gemini
from shared.usage.gemini_interactions import usage_from_interactions
from shared.usage.mistral_conversations import usage_from_conversation
from shared.usage.ollama import usage_from_ollama
from shared.usage.openai_chat import usage_from_openai
from shared.usage.openai_media import usage_from_images, usage_from_realtime, usage_from_transcription, usage_of_speech
from shared.usage.openai_responses import usage_from_responses, usage_in_response
from shared.usage.single_figures import (
    usage_from_deepgram,
    usage_from_pages,
    usage_from_replicate,
    usage_from_total,
    usage_from_watsonx,
)
from shared.usage.tier import tier_of

__all__ = [
    "INPUT_CLASSES",
    "NOTHING",
    "OUTPUT_CLASSES",
    "UNIT_CLASSES",
    "Usage",
    "UsageSource",
    "added",
    "tier_of",
    "usage_from_anthropic",
    "usage_from_bedrock",
    "usage_from_bedrock_metrics",
    "usage_from_cohere",
    "usage_from_conversation",
    "usage_from_deepgram",
    "usage_from_gemini",
    "usage_from_images",
    "usage_from_interactions",
    "usage_from_ollama",
    "usage_from_openai",
    "usage_from_pages",
    "usage_from_realtime",
    "usage_from_replicate",
    "usage_from_responses",
    "usage_from_total",
    "usage_from_transcription",
    "usage_from_watsonx",
    "usage_in_response",
    "usage_of",
    "usage_of_speech",
]
