"""A conversation as one text, for models that take nothing else: the templates of their makers.

A model's special tokens are taken out of what people wrote: they could otherwise speak in another's name.
Sources: https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-meta.html (Llama 3),
https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-mistral-text-completion.html,
https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-titan-text.html
"""

import re
from typing import Any

from services.router.providers.answers.rejection import InvalidField
from services.router.providers.chat.messages import messages_given

_SPECIAL = re.compile(r"<\|[a-z_0-9]+\|>|</?s>|\[/?INST\]")


def spoken(messages: object) -> list[tuple[str, str]]:
    """Return (role, text) of each message: system, user or assistant.

    Raises:
        InvalidField: it is malformed, or has more than text.
    """
    said = []
    for path, message in messages_given(messages):
        role = message.get("role")
        role = "system" if role == "developer" else role
        if role not in ("system", "user", "assistant"):
            raise InvalidField(f"{path}.role", "must be system, user or assistant: this model calls no tools.")
        if message.get("tool_calls"):
            raise InvalidField(f"{path}.tool_calls", "is not supported: this model calls no tools.")
        text = _text(message.get("content"), f"{path}.content")
        if text:
            said.append((str(role), _SPECIAL.sub("", text)))
    if not any(role != "system" for role, _ in said):
        raise InvalidField("messages", "must have a message with text beside the system prompt.")
    return said


def llama_prompt(said: list[tuple[str, str]]) -> str:
    turns = "".join(f"<|start_header_id|>{role}<|end_header_id|>\n\n{text}<|eot_id|>" for role, text in said)
    return f"<|begin_of_text|>{turns}<|start_header_id|>assistant<|end_header_id|>\n\n"


def mistral_prompt(said: list[tuple[str, str]]) -> str:
    system = "\n".join(text for role, text in said if role == "system")
    prompt, pending = "<s>", [system] if system else []
    for role, text in said:
        if role == "user":
            pending.append(text)
        elif role == "assistant":
            prompt += f"{_asked(pending)} {text}</s>" if pending else f"{text}</s>"
            pending = []
    return f"{prompt}{_asked(pending)}" if pending else prompt


def _asked(texts: list[str]) -> str:
    return "[INST] " + "\n\n".join(texts) + " [/INST]"


def titan_prompt(said: list[tuple[str, str]]) -> str:
    names = {"user": "User: ", "assistant": "Bot: ", "system": ""}
    return "".join(f"{names[role]}{text}\n" for role, text in said) + "Bot:"


def _text(content: Any, path: str) -> str:
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise InvalidField(path, "must be a string or a list of content parts.")
    texts = []
    for index, part in enumerate(content):
        if not isinstance(part, dict) or not isinstance(part.get("text"), str):
            raise InvalidField(f"{path}[{index}]", "must be a text: this model reads nothing else.")
        texts.append(part["text"])
    return "".join(texts)
