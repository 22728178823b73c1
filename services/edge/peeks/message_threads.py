"""Anthropic's message threads: a conversation that it holds under the id of its last answer.

A request that goes on with one has its last messages alone. It would read what no guardrail has seen and no hold is
for, and whoever knows the id could go on with another key's conversation, since all have the gateway's credential. So
both kinds are refused, in the words by which Anthropic's SDKs go on without a thread and send the whole conversation.

Source: https://platform.claude.com/docs/en/build-with-claude/message-threads
"""

from typing import Any

from shared.errors import InvalidRequest

_KINDS = ("create", "continue")
_UNSUPPORTED = {"error_code": "thread_unsupported_request", "unsupported": ["thread"]}


def refuse_thread(thread: Any, route: str, *, of_any_api: bool = False) -> None:
    """Raise InvalidRequest where a body has a `thread`; `of_any_api`: only where it is one of Anthropic's."""
    if thread is None or (of_any_api and (not isinstance(thread, dict) or thread.get("type") not in _KINDS)):
        return
    raise InvalidRequest(
        f"{route}: 'thread' is not served: send the whole conversation in 'messages', without it.",
        param="thread",
        fields={"details": _UNSUPPORTED},
    )
