"""Deepgram and ElevenLabs. Sources: https://developers.deepgram.com/reference/speech-to-text/listen-pre-recorded,
https://developers.deepgram.com/reference/text-to-speech/speak-request,
https://elevenlabs.io/docs/api-reference/text-to-speech/convert,
https://elevenlabs.io/docs/api-reference/speech-to-text/convert
"""

from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qs

from shared.payloads.forms import read_form
from tests.provider_servers.http_server import Behaviour, HttpServer, Received

SOUND = b"ID3" + bytes(3_000)
WORDS = [("Hello", 0.5, 0.9), ("there.", 1.0, 1.4)]


class AudioServer(HttpServer):
    def __init__(self, *, key: str = "audio-provider") -> None:
        super().__init__()
        self.key = key

    def streams(self, request: Received) -> bool:
        return False

    def events(self, request: Received, behaviour: Behaviour) -> Sequence[bytes]:
        raise NotImplementedError

    def error_event(self) -> bytes:
        raise NotImplementedError


class DeepgramServer(AudioServer):
    voices = ("aura-2-thalia-en", "aura-2-orion-en", "aura-asteria-en")

    def refusal(self, request: Received) -> tuple[int, Any] | None:
        if request.headers.get("authorization") != f"Token {self.key}":
            return 401, _deepgram("INVALID_AUTH", "Invalid credentials.")
        query = parse_qs(request.query)
        if request.path == "/v1/speak":
            if query.get("model", ["aura-asteria-en"])[0] not in self.voices:
                return 400, _deepgram("INVALID_QUERY_PARAMETER", "No such model/language combination found.")
            if request.body.keys() != {"text"}:
                return 400, _deepgram("PAYLOAD_ERROR", "Failed to deserialize JSON payload.")
            return None
        if request.path != "/v1/listen" or "model" not in query:
            return 404, _deepgram("NOT_FOUND", "No such resource.")
        if request.raw != SOUND:
            return 400, _deepgram("Bad Request", "failed to process audio: corrupt or unsupported data")
        return None

    def error(self, status: int) -> Any:
        return _deepgram("ERROR", f"The server says {status}.")

    def answer(self, request: Received, behaviour: Behaviour) -> Any:
        if request.path == "/v1/speak":
            return SOUND
        words = [
            {"word": word.strip(".").lower(), "start": start, "end": end, "confidence": 0.9, "punctuated_word": word}
            for word, start, end in WORDS
        ]
        best = {"transcript": " ".join(word for word, _, _ in WORDS), "confidence": 0.99, "words": words}
        channel = {"alternatives": [best], "detected_language": "en"}
        metadata = {"request_id": "req-1", "duration": 25.933313, "channels": 1, "models": ["m"]}
        return {"metadata": metadata, "results": {"channels": [channel]}}

    def answer_headers(self, request: Received, behaviour: Behaviour) -> dict[str, str]:
        if request.path != "/v1/speak":
            return {}
        return {"dg-request-id": "req-2", "dg-char-count": str(len(request.body["text"]))}


class ElevenLabsServer(AudioServer):
    def refusal(self, request: Received) -> tuple[int, Any] | None:
        if request.headers.get("xi-api-key") != self.key:
            return 401, _eleven("invalid_api_key", "Invalid API key")
        if request.path == "/v1/speech-to-text":
            fields = {field.name: field for field in read_form(request.raw, request.headers["content-type"])}
            if fields["file"].value == SOUND and fields["model_id"].value == b"scribe_v1":
                return None
            return 422, {"detail": [{"loc": ["body", "file"], "msg": "Field required", "type": "missing"}]}
        if not request.path.startswith("/v1/text-to-speech/"):
            return 404, {"detail": "Not Found"}
        if request.path.endswith("/nobody"):
            return 404, _eleven("voice_not_found", "A voice with the voice_id nobody was not found.")
        return None

    def error(self, status: int) -> Any:
        return _eleven("error", f"The server says {status}.")

    def answer(self, request: Received, behaviour: Behaviour) -> Any:
        if request.path != "/v1/speech-to-text":
            return SOUND
        words = [{"text": word, "start": start, "end": end, "type": "word"} for word, start, end in WORDS]
        spaced = [words[0], {"text": " ", "start": 0.9, "end": 1.0, "type": "spacing"}, words[1]]
        text = " ".join(word for word, _, _ in WORDS)
        return {"language_code": "en", "language_probability": 0.98, "text": text, "words": spaced}


def _deepgram(code: str, message: str) -> dict[str, Any]:
    return {"err_code": code, "err_msg": message, "request_id": "req-1"}


def _eleven(status: str, message: str) -> dict[str, Any]:
    return {"detail": {"status": status, "message": message}}
