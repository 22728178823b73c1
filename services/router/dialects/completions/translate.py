"""POST /v1/completions for providers that only chat: the text is what the user says, and the answer goes on from it.

Source: https://platform.openai.com/docs/api-reference/completions/create
"""

from typing import Any

from services.router.dialects.completions.outlet import TextOutlet
from services.router.dialects.outlet import Outlet
from services.router.providers.answers.rejection import InvalidField, UnsupportedParameter
from services.router.providers.base import ProviderCall
from services.router.providers.json_body import json_body

_NEUTRAL: dict[str, tuple[Any, ...]] = {"echo": (False,), "suffix": ("",), "best_of": (1,), "logprobs": (0,)}
"""What chat has no words for, each with the values that ask for nothing."""


def translate_completions(call: ProviderCall) -> tuple[dict[str, Any], Outlet]:
    """Implements dialects.outlet.Translate."""
    body = json_body(call.body)
    return to_chat(body, drop_params=call.drop_params), TextOutlet(call.model, include_usage=call.include_usage)


def to_chat(body: dict[str, Any], *, drop_params: bool) -> dict[str, Any]:
    """Return the chat body; all other fields have the same names there.

    Raises:
        UnsupportedParameter: chat has no counterpart; with `drop_params` such fields are left out instead.
        InvalidField: the prompt is not one text.
    """
    unsupported = [
        name for name, neutral in _NEUTRAL.items() if body.get(name) is not None and body[name] not in neutral
    ]
    if unsupported and not drop_params:
        raise UnsupportedParameter(unsupported)
    chat = {name: value for name, value in body.items() if name not in _NEUTRAL and name != "prompt"}
    chat["messages"] = [{"role": "user", "content": _text_of(body.get("prompt"))}]
    return chat


def _text_of(prompt: Any) -> str:
    texts = prompt if isinstance(prompt, list) else [prompt]
    if not texts or not all(isinstance(text, str) for text in texts):
        raise InvalidField("prompt", "must be a text: this model is asked as a chat, which takes no token ids.")
    if len(texts) > 1:
        raise InvalidField("prompt", "must be one text: this model is asked as a chat. Send a request for each.")
    return str(texts[0])
