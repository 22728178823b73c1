"""An OpenAI chat completions body, as the body of a family that takes and gives text alone.

Sources: https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters.html, its pages of the families
"""

from typing import Any

from services.router.providers.answers.rejection import UnsupportedParameter
from services.router.providers.bedrock.invoke.prompt import llama_prompt, mistral_prompt, spoken, titan_prompt
from services.router.providers.chat.body import max_tokens_of, number_in, texts_in
from services.router.providers.chat.neutral import HINTS, asked_for, foreign, lacking

_WITHOUT_COUNTERPART = lacking(
    *("n", "logprobs", "top_logprobs", "frequency_penalty", "presence_penalty", "logit_bias", "seed", "tools"),
    *("tool_choice", "response_format", "prediction", "web_search_options"),
) | {"reasoning_effort": ("none",), "thinking": ({"type": "disabled"},)}
_HINTS = HINTS | {"model", "stream", "parallel_tool_calls", "metadata"}
_TRANSLATED = frozenset({"messages", "max_tokens", "max_completion_tokens", "temperature", "top_p", "top_k", "stop"})
TEXT_FAMILIES = ("meta", "mistral", "cohere", "amazon")
_KNOWN = frozenset((*_WITHOUT_COUNTERPART, *_HINTS, *_TRANSLATED))


def to_text_model(body: dict[str, Any], family: str, *, drop_params: bool) -> dict[str, Any]:
    """Return the family's body. Fields known to neither side go through.

    Raises:
        UnsupportedParameter: it has no counterpart; with `drop_params` such fields are left out instead.
        InvalidField: the body is malformed there.
    """
    unsupported = dict.fromkeys(asked_for(body, _WITHOUT_COUNTERPART), "")
    said = spoken(body.get("messages"))
    wanted = {
        "max": max_tokens_of(body),
        "temperature": number_in(body, "temperature"),
        "top_p": number_in(body, "top_p"),
        "top_k": number_in(body, "top_k"),
        "stop": texts_in(body, "stop") or None,
    }
    names, request = _FORMS[family](said)
    own: dict[str, Any] = {names[name]: value for name, value in wanted.items() if value is not None and name in names}
    unsupported |= {name: "" for name, value in wanted.items() if value is not None and name not in names}
    if unsupported and not drop_params:
        raise UnsupportedParameter(unsupported, why=unsupported, provider=f"Bedrock's InvokeModel ({family})")
    if family == "amazon":
        own = {"textGenerationConfig": own} if own else {}
    return {**request, **own, **foreign(body, _KNOWN)}


def _meta(said: list[tuple[str, str]]) -> tuple[dict[str, str], dict[str, Any]]:
    names = {"max": "max_gen_len", "temperature": "temperature", "top_p": "top_p"}
    return names, {"prompt": llama_prompt(said)}


def _mistral(said: list[tuple[str, str]]) -> tuple[dict[str, str], dict[str, Any]]:
    names = {"max": "max_tokens"} | {name: name for name in ("temperature", "top_p", "top_k", "stop")}
    return names, {"prompt": mistral_prompt(said)}


def _amazon(said: list[tuple[str, str]]) -> tuple[dict[str, str], dict[str, Any]]:
    names = {"max": "maxTokenCount", "temperature": "temperature", "top_p": "topP", "stop": "stopSequences"}
    return names, {"inputText": titan_prompt(said)}


def _cohere(said: list[tuple[str, str]]) -> tuple[dict[str, str], dict[str, Any]]:
    names = {"max": "max_tokens", "temperature": "temperature", "top_p": "p", "top_k": "k", "stop": "stop_sequences"}
    spoken_by = {"user": "USER", "assistant": "CHATBOT"}
    turns = [(role, text) for role, text in said if role != "system"]
    request: dict[str, Any] = {"message": turns[-1][1]}
    if history := [{"role": spoken_by[role], "message": text} for role, text in turns[:-1]]:
        request["chat_history"] = history
    if system := "\n".join(text for role, text in said if role == "system"):
        request["preamble"] = system
    return names, request


_FORMS = {"meta": _meta, "mistral": _mistral, "amazon": _amazon, "cohere": _cohere}
