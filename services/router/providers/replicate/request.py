"""An OpenAI chat completions body, as the input of a prediction.

Models differ in what they take; these are the names of the language models that Replicate maintains.
Source: https://replicate.com/meta/meta-llama-3-70b-instruct/api/schema
"""

from typing import Any

from services.router.providers.answers.rejection import InvalidField, UnsupportedParameter
from services.router.providers.chat.body import max_tokens_of, number_in, texts_in
from services.router.providers.chat.neutral import HINTS, asked_for, foreign, lacking

_WITHOUT_COUNTERPART = lacking(
    *("n", "logprobs", "top_logprobs", "logit_bias", "response_format", "tools", "tool_choice", "verbosity"),
    *("service_tier", "prediction", "web_search_options", "thinking"),
) | {"parallel_tool_calls": (True, False)}
_NUMBERS = ("temperature", "top_p", "top_k", "seed", "presence_penalty", "frequency_penalty")
_PLACED = frozenset({"model", "messages", "max_tokens", "max_completion_tokens", "stop", *_NUMBERS})
_NAMES = {"user": "User", "assistant": "Assistant"}
_KNOWN = frozenset(("stream", *HINTS, *_PLACED, *_WITHOUT_COUNTERPART))


def to_input(body: dict[str, Any], *, model: str, drop_params: bool) -> dict[str, Any]:
    """Return the input. Fields that are not OpenAI's go through: every model has its own.

    Raises:
        UnsupportedParameter, InvalidField
    """
    unsupported = asked_for(body, _WITHOUT_COUNTERPART)
    if unsupported and not drop_params:
        raise UnsupportedParameter(unsupported, provider=f"Replicate ({model})")
    sent = foreign(body, _KNOWN)
    sent |= _prompts(body.get("messages"))
    limit = max_tokens_of(body)
    if limit is not None:
        sent["max_completion_tokens" if model.startswith("openai/") else "max_tokens"] = limit
    for name in _NUMBERS:
        if (value := number_in(body, name)) is not None:
            sent[name] = value
    if stop := texts_in(body, "stop"):
        sent["stop_sequences"] = ",".join(stop)
    return sent


def _prompts(messages: object) -> dict[str, Any]:
    """Return the prompt, the system prompt and the picture: a prediction has one of each."""
    if not isinstance(messages, list) or not messages:
        raise InvalidField("messages", "must be a list of messages.")
    system: list[str] = []
    turns: list[tuple[str, str]] = []
    images: list[str] = []
    for index, message in enumerate(messages):
        path = f"messages[{index}]"
        role = message.get("role") if isinstance(message, dict) else None
        if role not in ("system", "developer", "user", "assistant"):
            raise InvalidField(f"{path}.role", "must be one of system, developer, user, assistant: there are no tools.")
        text = _text(message.get("content"), f"{path}.content", images)
        if role in ("system", "developer"):
            system.append(text)
        else:
            turns.append((role, text))
    if len(images) > 1:
        raise InvalidField("messages", "must hold one image at most.")
    prompts: dict[str, Any] = {"prompt": _prompt(turns)}
    if system:
        prompts["system_prompt"] = "\n\n".join(system)
    return prompts | ({"image": images[0]} if images else {})


def _prompt(turns: list[tuple[str, str]]) -> str:
    """A single turn is the prompt itself; a conversation is written down with the names of who speaks."""
    if len(turns) == 1 and turns[0][0] == "user":
        return turns[0][1]
    spoken = [f"{_NAMES[role]}: {text}" for role, text in turns]
    return "\n\n".join([*spoken, "Assistant:"] if turns and turns[-1][0] == "user" else spoken)


def _text(content: object, path: str, images: list[str]) -> str:
    if content is None or isinstance(content, str):
        return content or ""
    if not isinstance(content, list):
        raise InvalidField(path, "must be a string or a list of content parts.")
    texts = []
    for index, part in enumerate(content):
        kind = part.get("type") if isinstance(part, dict) else None
        if kind == "text" and isinstance(part.get("text"), str):
            texts.append(part["text"])
        elif kind == "image_url":
            image = part.get("image_url")
            url = image.get("url") if isinstance(image, dict) else image
            if not isinstance(url, str):
                raise InvalidField(f"{path}[{index}].image_url", "must be an object with a url.")
            images.append(url)
        else:
            raise InvalidField(f"{path}[{index}].type", "must be text or image_url.")
    return "\n".join(texts)
