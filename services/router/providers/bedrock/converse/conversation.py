"""The messages of a chat request, as Converse's system blocks and its alternating turns.

Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Message.html
"""

from typing import Any

from services.router.providers.answers.rejection import InvalidField
from services.router.providers.anthropic.requests.conversation import signed_thoughts
from services.router.providers.anthropic.requests.tool_calls import tool_use_blocks, wire_id
from services.router.providers.bedrock.converse.abilities import Abilities
from services.router.providers.bedrock.converse.content import Blocks, blocks_of, cache_point
from services.router.providers.chat.messages import add_to_turns, messages_given

Turns = list[dict[str, Any]]


def split_conversation(messages: object, abilities: Abilities) -> tuple[Blocks, Turns]:
    """Return the system blocks, in their order wherever they stood, and the turns, user and assistant in turn."""
    system: Blocks = []
    turns: Turns = []
    for path, message in messages_given(messages):
        role = message.get("role")
        if role in ("system", "developer"):
            blocks = _content(message, abilities, path)
            if any(block.keys() - {"text", "cachePoint", "guardContent"} for block in blocks):
                raise InvalidField(f"{path}.content", "must be text: a system prompt takes nothing else.")
            system += blocks
        elif role == "user":
            add_to_turns(turns, "user", _content(message, abilities, path))
        elif role == "assistant":
            add_to_turns(turns, "assistant", _assistant(message, abilities, path))
        elif role == "tool":
            add_to_turns(turns, "user", _tool_result(message, abilities, path))
        elif role == "function":
            raise InvalidField(f"{path}.role", "function is not supported; use role tool with a tool_call_id.")
        else:
            raise InvalidField(f"{path}.role", "must be one of system, developer, user, assistant, tool.")
    if not turns:
        raise InvalidField("messages", "must have a message with text or another content beside the system prompt.")
    if system and not abilities.system:  # the model takes none: the first thing said to it
        texts = [block for block in system if "text" in block]
        _first_user(turns)["content"][:0] = texts
        system = []
    return system, _tidied(turns)


def tool_names_in(turns: Turns) -> list[str]:
    """Return the names of the tools that were called, each once, in order."""
    calls = (block["toolUse"] for turn in turns for block in turn["content"] if "toolUse" in block)
    return list(dict.fromkeys(call["name"] for call in calls))


def _content(message: dict[str, Any], abilities: Abilities, path: str) -> Blocks:
    blocks = blocks_of(message.get("content"), f"{path}.content", cache_points=abilities.cache_points)
    return blocks + (cache_point(message, abilities.cache_points) if blocks else [])


def _assistant(message: dict[str, Any], abilities: Abilities, path: str) -> Blocks:
    if message.get("function_call") is not None:
        raise InvalidField(f"{path}.function_call", "is not supported; use tool_calls.")
    blocks = blocks_of(message.get("content"), f"{path}.content", cache_points=abilities.cache_points)
    if not blocks and isinstance(message.get("refusal"), str):
        blocks = blocks_of(message["refusal"], f"{path}.refusal", cache_points=False)
    if abilities.claude and not any("reasoningContent" in block for block in blocks):
        thoughts = signed_thoughts(message.get("thinking_blocks"), f"{path}.thinking_blocks")
        blocks = [_reasoning(thought) for thought in thoughts] + blocks
    for call in tool_use_blocks(message.get("tool_calls"), f"{path}.tool_calls"):
        use = {"toolUseId": _short_id(call["id"]), "name": call["name"], "input": call["input"]}
        blocks.append({"toolUse": use})
        blocks += cache_point(call, abilities.cache_points)
    return blocks + (cache_point(message, abilities.cache_points) if blocks else [])


def _reasoning(thought: dict[str, Any]) -> dict[str, Any]:
    if thought["type"] == "redacted_thinking":
        return {"reasoningContent": {"redactedContent": thought["data"]}}
    return {"reasoningContent": {"reasoningText": {"text": thought["thinking"], "signature": thought["signature"]}}}


def _tool_result(message: dict[str, Any], abilities: Abilities, path: str) -> Blocks:
    call_id = message.get("tool_call_id")
    if not isinstance(call_id, str) or not call_id:
        raise InvalidField(f"{path}.tool_call_id", "must be the id of the tool call that this answers.")
    content = message.get("content")
    inner = [{"text": content}] if isinstance(content, str) else []
    inner = inner or blocks_of(content, f"{path}.content", cache_points=False) or [{"text": ""}]
    result: dict[str, Any] = {"toolUseId": _short_id(wire_id(call_id)), "content": inner}
    if isinstance(message.get("is_error"), bool):
        result["status"] = "error" if message["is_error"] else "success"
    return [{"toolResult": result}, *cache_point(message, abilities.cache_points)]


def _short_id(call_id: str) -> str:
    return call_id if len(call_id) <= 64 else wire_id(f"{call_id}.")[-64:]


def _first_user(turns: Turns) -> dict[str, Any]:
    if turns[0]["role"] != "user":
        turns.insert(0, {"role": "user", "content": []})
    return turns[0]


def _tidied(turns: Turns) -> Turns:
    for turn in turns:
        if turn["role"] == "user" and any("toolResult" in block for block in turn["content"]):
            turn["content"] = _results_first(turn["content"])
    last = turns[-1]["content"][-1]
    if turns[-1]["role"] == "assistant" and "text" in last:
        # The beginning of an answer, for the model to continue: white space at its end is refused.
        turns[-1]["content"][-1] = {"text": last["text"].rstrip()}
    return turns


def _results_first(blocks: Blocks) -> Blocks:
    """Return the blocks with the results of tools in front, each with the cache point behind it."""
    first: Blocks = []
    others: Blocks = []
    into = others
    for block in blocks:
        if "cachePoint" not in block:
            into = first if "toolResult" in block else others
        into.append(block)
    return first + others
