"""The messages of a chat request, as Anthropic's system prompt and its alternating turns.

Sources: https://platform.claude.com/docs/en/api/messages,
https://platform.claude.com/docs/en/agents-and-tools/tool-use/handle-tool-calls (results first, in one turn),
https://platform.claude.com/docs/en/build-with-claude/thinking (thinking blocks go back first and unmodified).
"""

from typing import Any

from services.router.providers.answers.rejection import InvalidField
from services.router.providers.anthropic.requests.content import blocks_of, with_cache_control
from services.router.providers.anthropic.requests.tool_calls import tool_use_blocks, wire_id
from services.router.providers.chat.messages import add_to_turns, messages_given

Blocks = list[dict[str, Any]]


def split_conversation(messages: object) -> tuple[Blocks, list[dict[str, Any]]]:
    """Return the system blocks, in their order wherever they stood, and the turns, user and assistant in turn."""
    system: Blocks = []
    turns: list[dict[str, Any]] = []
    for path, message in messages_given(messages):
        if message.get("role") in ("system", "developer"):
            system += _system(message, path)
        else:
            add_to_turns(turns, *_turn(message, path))
    if not turns:
        raise InvalidField("messages", "must have a message with text or another content beside the system prompt.")
    return system, _tidied(turns)


def tool_names_in(turns: list[dict[str, Any]]) -> list[str]:
    """Return the names of the tools that were called, each once, in order."""
    calls = (block for turn in turns for block in turn["content"] if block["type"] == "tool_use")
    return list(dict.fromkeys(call["name"] for call in calls))


def _system(message: dict[str, Any], path: str) -> Blocks:
    blocks = blocks_of(message.get("content"), f"{path}.content")
    if any(block["type"] != "text" for block in blocks):
        raise InvalidField(f"{path}.content", "must be text: a system prompt takes nothing else.")
    return _cached(blocks, message)


def _turn(message: dict[str, Any], path: str) -> tuple[str, Blocks]:
    role = message.get("role")
    if role == "user":
        return "user", _cached(blocks_of(message.get("content"), f"{path}.content"), message)
    if role == "assistant":
        return "assistant", _assistant(message, path)
    if role == "tool":
        return "user", [_tool_result(message, path)]
    if role == "function":
        raise InvalidField(f"{path}.role", "function is not supported; use role tool with a tool_call_id.")
    raise InvalidField(f"{path}.role", "must be one of system, developer, user, assistant, tool.")


def _assistant(message: dict[str, Any], path: str) -> Blocks:
    if message.get("function_call") is not None:
        raise InvalidField(f"{path}.function_call", "is not supported; use tool_calls.")
    blocks = blocks_of(message.get("content"), f"{path}.content")
    if not blocks and isinstance(message.get("refusal"), str):
        blocks = blocks_of(message["refusal"], f"{path}.refusal")
    if not any(block["type"] in ("thinking", "redacted_thinking") for block in blocks):
        blocks = signed_thoughts(message.get("thinking_blocks"), f"{path}.thinking_blocks") + blocks
    blocks += tool_use_blocks(message.get("tool_calls"), f"{path}.tool_calls")
    return _cached(blocks, message)


def signed_thoughts(given: object, path: str) -> Blocks:
    """Return the blocks that can go back: a thought without Anthropic's signature is refused there, so it stays here.

    The fragments of a streamed thought are joined: texts without a signature belong to the next signature.
    """
    if given is None:
        return []
    if not isinstance(given, list) or not all(isinstance(block, dict) for block in given):
        raise InvalidField(path, "must be a list of thinking blocks.")
    blocks: Blocks = []
    text = ""
    for index, block in enumerate(given):
        if block.get("type") == "redacted_thinking":
            blocks.append({"type": "redacted_thinking", "data": block.get("data", "")})
            continue
        thought = block.get("thinking", "")
        if not isinstance(thought, str):
            raise InvalidField(f"{path}[{index}].thinking", "must be a string.")
        text += thought
        if block.get("signature"):
            blocks.append({"type": "thinking", "thinking": text, "signature": block["signature"]})
            text = ""
    return blocks


def _tool_result(message: dict[str, Any], path: str) -> dict[str, Any]:
    call_id = message.get("tool_call_id")
    if not isinstance(call_id, str) or not call_id:
        raise InvalidField(f"{path}.tool_call_id", "must be the id of the tool call that this answers.")
    content = message.get("content")
    result: dict[str, Any] = {
        "type": "tool_result",
        "tool_use_id": wire_id(call_id),
        "content": content if isinstance(content, str) else blocks_of(content, f"{path}.content"),
    }
    if isinstance(message.get("is_error"), bool):
        result["is_error"] = message["is_error"]
    return with_cache_control(result, message)


def _cached(blocks: Blocks, message: dict[str, Any]) -> Blocks:
    """Put a message's own cache_control on its last block that can have one; thinking blocks cannot."""
    if blocks and blocks[-1]["type"] not in ("thinking", "redacted_thinking"):
        blocks[-1] = with_cache_control(blocks[-1], message)
    return blocks


def _tidied(turns: list[dict[str, Any]]) -> list[dict[str, Any]]:
    for turn in turns:
        if turn["role"] == "user":
            turn["content"].sort(key=lambda block: block["type"] != "tool_result")  # stable: the rest keeps its order
    last = turns[-1]["content"][-1]
    if turns[-1]["role"] == "assistant" and last["type"] == "text":
        # The beginning of an answer, for the model to continue: Anthropic refuses white space at its end.
        turns[-1]["content"][-1] = {**last, "text": last["text"].rstrip()}
    return turns
