"""What a model behind Converse accepts, told from its family and name.

Sources: https://docs.aws.amazon.com/bedrock/latest/userguide/conversation-inference-supported-models-features.html,
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ToolChoice.html,
https://docs.aws.amazon.com/bedrock/latest/userguide/prompt-caching.html,
https://docs.aws.amazon.com/bedrock/latest/userguide/structured-output.html,
https://docs.aws.amazon.com/nova/latest/nova2-userguide/extended-thinking.html.
"""

from functools import lru_cache
from typing import Literal

import msgspec

from services.router.providers.anthropic.abilities import abilities_of as claude_abilities
from services.router.providers.bedrock.model_id import ModelId

_SCHEMA_FAMILIES = frozenset(
    {"qwen", "openai", "deepseek", "google", "minimax", "moonshot", "moonshotai", "nvidia", "zai"}
)
_SCHEMA_MISTRALS = ("ministral", "mistral-large-3", "magistral", "voxtral", "devstral")


class Abilities(msgspec.Struct, frozen=True, kw_only=True):
    claude: bool = False
    """Its own parameters (thinking, sampling) follow the Messages API."""
    thinking: Literal["none", "claude", "nova", "effort"] = "none"
    """`nova`: reasoningConfig; `effort`: reasoning_effort, as OpenAI's open models take it."""
    forced_tool: Literal["none", "any", "named"] = "none"
    """Which toolChoice it takes besides auto: none, any, or any and the name of one."""
    cache_points: bool = False
    cached_tools: bool = False
    """Takes cache points among the tools as well."""
    structured_output: bool = False
    """Takes outputConfig.textFormat; else a tool stands for it."""
    tools: bool = True
    system: bool = True


@lru_cache(maxsize=256)
def abilities_of(model: ModelId) -> Abilities:
    if model.family == "anthropic":
        own = claude_abilities(model.name)
        return Abilities(
            claude=True,
            thinking="claude",
            forced_tool="named" if own.forced_tools else "none",
            cache_points=True,
            cached_tools=True,
            structured_output=own.structured_output,
        )
    if model.family == "amazon" and model.name.startswith("titan"):
        return Abilities(tools=False, system=False)
    if model.family == "amazon":
        return Abilities(
            thinking="nova" if model.name.startswith("nova-2") else "none", forced_tool="named", cache_points=True
        )
    if model.family == "mistral":
        modern = model.name.startswith(_SCHEMA_MISTRALS)
        return Abilities(forced_tool="any" if "large" in model.name or modern else "none", structured_output=modern)
    return Abilities(
        thinking="effort" if model.family == "openai" else "none",
        structured_output=model.family in _SCHEMA_FAMILIES,
    )
