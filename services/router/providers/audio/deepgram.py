"""Deepgram behind the router: recordings sent as they are, with what is asked for in the address; texts spoken.

Source: https://developers.deepgram.com/reference/speech-to-text/listen-pre-recorded
"""

from collections.abc import Mapping
from functools import partial
from typing import Any
from urllib.parse import urlencode

from services.router.providers.answers.failures import provider_failure
from services.router.providers.audio.deepgram_speech import speech_call
from services.router.providers.audio.recording import format_of, recording_in
from services.router.providers.audio.transcript import Transcript, TranscriptAnswer
from services.router.providers.base import AnswerReader, HttpCall, ProviderCall
from services.router.providers.credentials import address_or_none, call_headers, needed_key
from services.router.providers.prepared import Prepared
from shared.errors import GatewayError
from shared.serving.deployments import Deployment
from shared.usage import usage_from_deepgram

BASE = "https://api.deepgram.com/v1"
_OWN = (
    "channels", "detect_entities", "detect_language", "diarize", "dictation", "encoding", "filler_words", "intents",
    "keyterm", "keywords", "measurements", "mip_opt_out", "multichannel", "numerals", "paragraphs", "profanity_filter",
    "punctuate", "redact", "replace", "sample_rate", "search", "sentiment", "smart_format", "summarize", "tag",
    "topics", "utt_split", "utterances", "version",
)  # fmt: skip
_HINTS = ("prompt", "temperature", "timestamp_granularities[]", "include[]", "stream")
"""Of OpenAI's fields, what Deepgram lacks: they change how a text is written, not what was asked for."""


class Deepgram:
    name = "deepgram"

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._requests = Prepared(self._request)  # base URL and headers

    def serves(self, call_type: str, deployment: Deployment) -> bool:
        return call_type in ("atranscription", "aspeech")

    def prepare(self, call: ProviderCall, deployment: Deployment) -> tuple[HttpCall, AnswerReader]:
        base, headers = self._requests.of(deployment)
        if call.call_type == "aspeech":
            return speech_call(call, deployment, base, headers)
        known = ("language", "response_format", *_OWN, *_HINTS)
        recording = recording_in(call, known=known, drop=deployment.drop_always, provider="Deepgram")
        query = {"model": deployment.model, **{name: text for name, text in recording.fields.items() if name in _OWN}}
        if "language" in recording.fields:
            query["language"] = recording.fields["language"]
        query |= {name: _text(value) for name, value in deployment.extra_body.items()}
        query.setdefault("punctuate", "true")  # without it a text has neither stops nor capitals
        kind = recording.file.content_type or "application/octet-stream"
        request = HttpCall(f"{base}/listen?{urlencode(query)}", {**headers, "content-type": kind}, recording.file.value)
        read = partial(_read, language=query.get("language"))
        return request, TranscriptAnswer(read, format_of(recording.fields), recording.file.value)

    def failure(self, status: int, body: bytes) -> GatewayError:
        return provider_failure(self.name, status, body)

    def _request(self, deployment: Deployment) -> tuple[str, dict[str, str]]:
        key = needed_key(deployment, self._environ, "DEEPGRAM_API_KEY")
        base = address_or_none(deployment, self._environ, "DEEPGRAM_API_BASE") or BASE
        base = base.removesuffix("/listen").removesuffix("/speak")
        return base, call_headers(deployment, {"authorization": f"Token {key}"})


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _read(answer: dict[str, Any], *, language: str | None) -> Transcript:
    """`language` is the one that was asked for: then none is detected."""
    channels = answer["results"]["channels"]
    best = [channel["alternatives"][0] for channel in channels]
    words = [
        {"word": word.get("punctuated_word") or word["word"], "start": word["start"], "end": word["end"]}
        for alternative in best
        for word in alternative.get("words") or ()
    ]
    metadata = answer.get("metadata") or {}
    return Transcript(
        text="\n".join(alternative["transcript"] for alternative in best),
        language=channels[0].get("detected_language") or language,
        duration_s=metadata.get("duration"),
        words=words,
        usage=usage_from_deepgram(answer),
        answer_id=str(metadata.get("request_id") or ""),
    )
