"""An OpenAI chat completions body, as the body of Ollama's /api/chat.

Sources: https://docs.ollama.com/api/chat, https://docs.ollama.com/modelfile#valid-parameters-and-values
"""

from typing import Any

from services.router.providers.answers.rejection import InvalidField, UnsupportedParameter
from services.router.providers.chat.body import max_tokens_of, number_in, texts_in
from services.router.providers.chat.neutral import HINTS, asked_for, lacking
from services.router.providers.ollama.conversation import messages_of

_WITHOUT_COUNTERPART = lacking(
    *("n", "logit_bias", "parallel_tool_calls", "verbosity", "service_tier", "prediction", "web_search_options"),
    "thinking",
)
_OPTIONS = {
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "min_p": "min_p",
    "seed": "seed",
    "presence_penalty": "presence_penalty",
    "frequency_penalty": "frequency_penalty",
    "repetition_penalty": "repeat_penalty",
}
_OWN_OPTIONS = frozenset(
    {"num_ctx", "num_keep", "num_batch", "num_gpu", "main_gpu", "num_thread", "use_mmap", "use_mlock", "low_vram"}
    | {"repeat_last_n", "repeat_penalty", "typical_p", "tfs_z", "mirostat", "mirostat_eta", "mirostat_tau"}
    | {"num_predict", "penalize_newline", "numa"}
)
"""Options that LiteLLM's users write beside the others."""

_OWN_FIELDS = frozenset({"keep_alive", "think", "truncate", "shift", "logprobs", "top_logprobs", "template", "raw"})
_TRANSLATED = frozenset(
    {"model", "messages", "max_tokens", "max_completion_tokens", "stop", "stream", "tools", "tool_choice"}
    | {"response_format", "reasoning_effort", "format", "options", *_OPTIONS}
)


def to_chat(body: dict[str, Any], *, model: str, drop_params: bool) -> dict[str, Any]:
    """Return the body for Ollama.

    Raises:
        UnsupportedParameter: Ollama has no counterpart; with `drop_params` such fields are left out instead.
        InvalidField: the body is malformed there.
    """
    unsupported = dict.fromkeys(asked_for(body, _WITHOUT_COUNTERPART), "")
    known = _TRANSLATED | HINTS | _OWN_FIELDS | _OWN_OPTIONS | _WITHOUT_COUNTERPART.keys()
    unsupported |= {name: "" for name, value in body.items() if name not in known and value is not None}
    own = {name: value for name, value in body.items() if name in _OWN_FIELDS and value is not None}
    request: dict[str, Any] = {
        "model": model,
        "messages": messages_of(body.get("messages")),
        "stream": bool(body.get("stream")),  # Ollama streams unless told otherwise
        **own,
    }
    if options := _options(body):
        request["options"] = options
    if tools := _tools(body, unsupported):
        request["tools"] = tools
    if (form := _format(body)) is not None:
        request["format"] = form
    if (effort := body.get("reasoning_effort")) is not None and "think" not in request:
        request["think"] = _think(effort, model)
    if unsupported and not drop_params:
        raise UnsupportedParameter(unsupported, why=unsupported, provider=f"Ollama ({model})")
    return request


def _options(body: dict[str, Any]) -> dict[str, Any]:
    given = body.get("options")
    if given is not None and not isinstance(given, dict):
        raise InvalidField("options", "must be an object.")
    options: dict[str, Any] = {name: body[name] for name in _OWN_OPTIONS & body.keys() if body[name] is not None}
    for name, theirs in _OPTIONS.items():
        if (value := number_in(body, name)) is not None:
            options[theirs] = value
    if (limit := max_tokens_of(body)) is not None:
        options["num_predict"] = limit
    if stop := texts_in(body, "stop"):
        options["stop"] = stop
    return options if given is None else {**given, **options}


def _tools(body: dict[str, Any], unsupported: dict[str, str]) -> list[dict[str, Any]]:
    tools, choice = body.get("tools") or [], body.get("tool_choice")
    if not isinstance(tools, list):
        raise InvalidField("tools", "must be a list of tools.")
    for index, tool in enumerate(tools):
        if not isinstance(tool, dict) or not isinstance(tool.get("function"), dict):
            raise InvalidField(f"tools[{index}].function", "must be an object with a name.")
    if choice == "none":
        return []
    if choice not in (None, "auto"):
        unsupported["tool_choice"] = "Ollama cannot be made to call a tool; use auto or none"
    return tools


def _format(body: dict[str, Any]) -> Any:
    given = body.get("response_format")
    if given is None:
        return body.get("format")
    kind = given.get("type") if isinstance(given, dict) else None
    if not isinstance(given, dict) or kind not in ("text", "json_object", "json_schema"):
        raise InvalidField("response_format.type", "must be one of text, json_object, json_schema.")
    if kind != "json_schema":
        return "json" if kind == "json_object" else None
    described = given.get("json_schema")
    schema = described.get("schema") if isinstance(described, dict) else None
    if not isinstance(schema, dict):
        raise InvalidField("response_format.json_schema.schema", "must be a JSON schema.")
    return schema


def _think(effort: object, model: str) -> Any:
    """Return the switch; only gpt-oss takes a degree. https://docs.ollama.com/capabilities/thinking"""
    if effort in ("none", "disable"):
        return False
    return ("low" if effort == "minimal" else effort) if "gpt-oss" in model else True
