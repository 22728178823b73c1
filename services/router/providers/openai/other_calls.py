"""What OpenAI's API answers beside chat: the request for each type of call, and the reader of its answer."""

from typing import Any

import msgspec

from services.router.providers.answers.rejection import InvalidField
from services.router.providers.base import AnswerReader, HttpCall, ProviderCall
from services.router.providers.openai.answer import OpenAIAnswer
from services.router.providers.openai.body import MAX_TOKENS_FIELDS, outgoing_body
from services.router.providers.openai.images import ImagesAnswer
from services.router.providers.openai.json_answer import JsonAnswer
from services.router.providers.openai.plain_body import plain_body, plain_form
from services.router.providers.openai.rerank import RerankAnswer
from services.router.providers.openai.responses import ResponsesAnswer, responses_body
from services.router.providers.openai.speech import SpeechAnswer
from services.router.providers.openai.transcription import TranscriptionAnswer
from shared.payloads.forms import BadForm, Field, read_form
from shared.serving.deployments import Deployment

_COMPLETION_DEFAULTS = frozenset(
    {"best_of", "frequency_penalty", "logit_bias", "max_tokens", "n", "presence_penalty", "seed", "stop"}
    | {"stream_options", "temperature", "top_p", "user"}
)
"""The call parameters of a deployment that /completions knows: the others are of chats."""

_DEFAULTS = {
    "aembedding": frozenset({"dimensions", "encoding_format", "input_type", "user"}),
    "aimage_generation": frozenset({"user"}),
    "aimage_edit": frozenset({"user"}),
    "aspeech": frozenset({"response_format", "voice", "speed"}),
}
"""The same of the other types; of those that are not here, none."""


class _Speech(msgspec.Struct):
    input: str
    response_format: str | None = None
    stream_format: str | None = None


class _Picture(msgspec.Struct):
    size: Any = None


_decode_picture = msgspec.json.Decoder(_Picture).decode
_decode_speech = msgspec.json.Decoder(_Speech).decode


def other_call(
    call: ProviderCall, deployment: Deployment, url: str, headers: dict[str, str]
) -> tuple[HttpCall, AnswerReader]:
    """Return the request and the reader for a call that is not a chat and stands in PATHS.

    Raises:
        InvalidField
    """
    if call.call_type == "atext_completion":
        return HttpCall(url, headers, _completion_body(call, deployment)), OpenAIAnswer(
            call.model, include_usage=call.include_usage
        )
    if call.call_type == "aresponses":
        return HttpCall(url, headers, responses_body(call, deployment)), ResponsesAnswer(call.model)
    if call.content_type:
        body, content_type = plain_form(
            call, model=deployment.model, extra=deployment.extra_body, drop=deployment.drop_always
        )
        return HttpCall(url, {**headers, "content-type": content_type}, body), _form_reader(call)
    allowed = _DEFAULTS.get(call.call_type, frozenset())
    defaults = {name: value for name, value in deployment.defaults.items() if name in allowed}
    body = plain_body(
        call, model=deployment.model, defaults=defaults, extra=deployment.extra_body, drop=deployment.drop_always
    )
    return HttpCall(url, headers, body), _reader(call, deployment, body)


def _completion_body(call: ProviderCall, deployment: Deployment) -> bytes:
    defaults = {name: value for name, value in deployment.defaults.items() if name in _COMPLETION_DEFAULTS}
    return outgoing_body(
        call,
        deployment,
        max_tokens_fields=MAX_TOKENS_FIELDS[:1],
        defaults=defaults,
    )


def _reader(call: ProviderCall, deployment: Deployment, body: bytes) -> AnswerReader:
    match call.call_type:
        case "aimage_generation" | "aimage_edit":
            return ImagesAnswer(_size_in(body))
        case "aspeech":
            return _speech_reader(body, by_token=deployment.priced_as.rsplit("/", 1)[-1].startswith("gpt-"))
        case "amoderation":
            return JsonAnswer(call.model, "results")
        case "arerank":
            return RerankAnswer(call.model)
        case _:
            return JsonAnswer(call.model, "data")


def _form_reader(call: ProviderCall) -> AnswerReader:
    """Raises: InvalidField: the body is not a form with a file."""
    try:
        fields = read_form(call.body, call.content_type)
    except BadForm as error:
        raise InvalidField("request_body", f"is not a form: {error}") from error
    if call.call_type == "aimage_edit":
        sizes = [field.value.decode("utf-8", "replace") for field in fields if field.name == "size"]
        return ImagesAnswer(sizes[-1] if sizes else None)
    wanted = [field.value.decode() for field in fields if field.name == "response_format"]
    return TranscriptionAnswer(wanted[-1] if wanted else "json", _file(fields))


def _size_in(body: bytes) -> object:
    try:
        return _decode_picture(body).size
    except msgspec.DecodeError as error:
        raise InvalidField("request_body", f"asks for no picture: {error}") from error


def _speech_reader(body: bytes, *, by_token: bool) -> AnswerReader:
    """`body` is what the provider gets, with the deployment's own settings in it."""
    try:
        asked = _decode_speech(body)
    except msgspec.DecodeError as error:
        raise InvalidField("request_body", f"cannot be spoken: {error}") from error
    by_events = asked.stream_format == "sse"
    return SpeechAnswer(asked.input, asked.response_format or "mp3", by_events=by_events, by_token=by_token)


def _file(fields: tuple[Field, ...]) -> bytes:
    for field in fields:
        if field.name == "file":
            return field.value
    raise InvalidField("file", "is missing")
