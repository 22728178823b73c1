"""ElevenLabs behind the router: texts spoken, and recordings written down.

Sources: https://elevenlabs.io/docs/api-reference/text-to-speech/convert,
https://elevenlabs.io/docs/api-reference/speech-to-text/convert
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import orjson

from services.router.providers.answers.failures import provider_failure
from services.router.providers.answers.rejection import InvalidField
from services.router.providers.audio.recording import format_of, recording_in
from services.router.providers.audio.transcript import Transcript, TranscriptAnswer
from services.router.providers.base import AnswerReader, HttpCall, ProviderCall
from services.router.providers.credentials import address_or_none, call_headers, needed_key
from services.router.providers.json_call import json_call, refuse_others
from services.router.providers.openai.speech import SpeechAnswer
from services.router.providers.prepared import Prepared
from shared.errors import GatewayError
from shared.payloads.forms import Field, write_form
from shared.serving.deployments import Deployment

BASE = "https://api.elevenlabs.io"
OUTPUT_FORMATS = {"mp3": "mp3_44100_128", "opus": "opus_48000_128", "pcm": "pcm_24000"}
"""Their name of each of OpenAI's formats that there is."""

VOICES = {
    "alloy": "21m00Tcm4TlvDq8ikWAM",
    "echo": "pNInz6obpgDQGcFmaJgB",
    "fable": "XB0fDUnXU5powFXDhCwa",
    "nova": "EXAVITQu4vr4xnSDxMaL",
    "onyx": "VR6AewLTigWG4xSOukaG",
    "shimmer": "ThT5KcBeYPX3keUQqHPh",
}
"""Voices of theirs for OpenAI's names, as LiteLLM has them; any other voice is an id of theirs."""

_OWN_SPEECH = (
    "voice_settings", "language_code", "seed", "previous_text", "next_text", "pronunciation_dictionary_locators",
    "apply_text_normalization", "model_id", "previous_request_ids", "next_request_ids",
)  # fmt: skip
_OWN_TRANSCRIPT = ("diarize", "num_speakers", "tag_audio_events", "timestamps_granularity", "file_format", "seed")
_HINTS = ("prompt", "temperature", "timestamp_granularities[]", "include[]", "stream")


class ElevenLabs:
    name = "elevenlabs"

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._requests = Prepared(self._request)  # base URL and headers

    def serves(self, call_type: str, deployment: Deployment) -> bool:
        return call_type in ("aspeech", "atranscription")

    def prepare(self, call: ProviderCall, deployment: Deployment) -> tuple[HttpCall, AnswerReader]:
        base, headers = self._requests.of(deployment)
        if call.call_type == "aspeech":
            return _speech(call, deployment, base, headers)
        return _transcript(call, deployment, base, headers)

    def failure(self, status: int, body: bytes) -> GatewayError:
        return provider_failure(self.name, status, body)

    def _request(self, deployment: Deployment) -> tuple[str, dict[str, str]]:
        key = needed_key(deployment, self._environ, "ELEVENLABS_API_KEY")
        base = address_or_none(deployment, self._environ, "ELEVENLABS_API_BASE") or BASE
        return base.removesuffix("/v1"), call_headers(deployment, {"xi-api-key": key})


def _speech(
    call: ProviderCall, deployment: Deployment, base: str, headers: dict[str, str]
) -> tuple[HttpCall, AnswerReader]:
    body = json_call(call, deployment, defaults=("voice", "response_format", "speed"))
    known = ("input", "voice", "response_format", "speed", *_OWN_SPEECH)
    refuse_others(body, known, drop_params=call.drop_params, provider="ElevenLabs")
    text, voice = body.get("input"), body.get("voice")
    if not isinstance(text, str) or not text:
        raise InvalidField("input", "must be a text.")
    if not isinstance(voice, str) or not voice:
        raise InvalidField("voice", "must name a voice: an id of ElevenLabs, or one of OpenAI's names.")
    wanted = body.get("response_format", "mp3")
    if wanted not in OUTPUT_FORMATS:
        raise InvalidField("response_format", f"must be one of {', '.join(OUTPUT_FORMATS)}.")
    sent: dict[str, Any] = {"text": text, "model_id": deployment.model}
    sent |= {name: body[name] for name in _OWN_SPEECH if name in body}
    if "speed" in body:
        sent["voice_settings"] = {**(sent.get("voice_settings") or {}), "speed": body["speed"]}
    voice_id = VOICES.get(voice, voice)
    url = f"{base}/v1/text-to-speech/{quote(voice_id, safe='')}?output_format={OUTPUT_FORMATS[wanted]}"
    request = HttpCall(url, headers, orjson.dumps(sent | dict(deployment.extra_body)))
    return request, SpeechAnswer(text, wanted, by_events=False, by_token=False)


def _transcript(
    call: ProviderCall, deployment: Deployment, base: str, headers: dict[str, str]
) -> tuple[HttpCall, AnswerReader]:
    known = ("language", "response_format", *_OWN_TRANSCRIPT, *_HINTS)
    recording = recording_in(call, known=known, drop=deployment.drop_always, provider="ElevenLabs")
    fields = {name: text for name, text in recording.fields.items() if name in _OWN_TRANSCRIPT}
    if "language" in recording.fields:
        fields["language_code"] = recording.fields["language"]
    fields |= {name: str(value) for name, value in deployment.extra_body.items()}
    form = [Field("model_id", deployment.model.encode()), recording.file]
    form += [Field(name, text.encode()) for name, text in fields.items()]
    body, content_type = write_form(form)
    request = HttpCall(f"{base}/v1/speech-to-text", {**headers, "content-type": content_type}, body)
    return request, TranscriptAnswer(_read, format_of(recording.fields), recording.file.value)


def _read(answer: dict[str, Any]) -> Transcript:
    spoken = [word for word in answer.get("words") or () if word.get("type", "word") == "word"]
    words = [{"word": word["text"], "start": word["start"], "end": word["end"]} for word in spoken]
    return Transcript(
        text=answer["text"],
        language=answer.get("language_code"),
        duration_s=answer.get("audio_duration_secs") or (words[-1]["end"] if words else None),
        words=words,
        usage=None,  # it tells none: the recording's length is what is billed
        answer_id=str(answer.get("transcription_id") or ""),
    )
