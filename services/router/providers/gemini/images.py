"""Pictures of Gemini's image models, made and edited by generateContent, as OpenAI's images.

Source: https://ai.google.dev/gemini-api/docs/image-generation. The endpoints of Imagen were switched off on 30 June
2026, and Google's page names these models in their place.
"""

import base64
import time
from collections.abc import Mapping
from functools import partial
from math import gcd
from typing import Any

import msgspec
import orjson

from services.router.providers.answers.broken_answer import ProviderStreamError
from services.router.providers.answers.rejection import InvalidField, UnsupportedParameter
from services.router.providers.answers.translated_json import Read, TranslatedJson
from services.router.providers.base import AnswerReader, HttpCall, ProviderCall
from services.router.providers.gemini.failures import reported
from services.router.providers.gemini.requests.request import joined
from services.router.providers.json_call import json_call, whole_number
from shared.payloads.forms import BadForm, Field, read_form
from shared.payloads.picture_sizes import USUAL, pixels_of
from shared.serving.deployments import Deployment
from shared.usage import NOTHING, usage_from_gemini

GENERATION, EDIT = "aimage_generation", "aimage_edit"
_RATIOS = ("1:1", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "21:9")
_NEAR = {"7:4": "16:9", "4:7": "9:16"}
"""Of dall-e-3's sizes, 1792x1024 and back."""

_ASKED = frozenset({"model", "prompt", "n", "size", "quality", "response_format", "output_format", "user", "style"})
_NONE_ASKED = {"quality": ("auto", "standard", "medium"), "style": ("vivid",), "output_format": ("png",)}
_IGNORED = frozenset({"background", "moderation", "output_compression", "partial_images", "input_fidelity", "stream"})


def makes_images(model: str) -> bool:
    """Return whether `model` writes pictures: gemini-2.5-flash-image, gemini-3-pro-image-preview, nano-banana."""
    return "image" in model or "banana" in model


def image_call(
    call: ProviderCall, deployment: Deployment, url: str, headers: dict[str, str]
) -> tuple[HttpCall, AnswerReader]:
    """Return the request, and the reader of its answer; `url` is the model's.

    Raises:
        Rejected
    """
    body, size = image_body(call, deployment)
    reader = TranslatedJson(partial(read_image, size=size), reports_errors=False)
    return HttpCall(f"{url}:generateContent", headers, orjson.dumps(body)), reader


def image_body(call: ProviderCall, deployment: Deployment) -> tuple[dict[str, Any], object]:
    """Return the body of generateContent, and the size that is asked for.

    Raises:
        Rejected
    """
    if call.stream:
        raise InvalidField("stream", "is not supported: the picture comes whole.")
    if call.call_type == EDIT:
        body, pictures = _edit_form(call)
    else:
        body, pictures = json_call(call, deployment), []
    if not isinstance(body.get("prompt"), str):
        raise InvalidField("prompt", "must be a string.")
    unsupported = [name for name, usual in _NONE_ASKED.items() if body.get(name) not in (None, *usual)]
    if body.get("response_format") == "url":
        unsupported.append("response_format")
    if whole_number(body, "n") not in (None, 1):
        unsupported.append("n")
    shape = _shape(body.get("size"), unsupported)
    if unsupported and not call.drop_params:
        raise UnsupportedParameter(unsupported, provider=f"Gemini ({deployment.model})")
    config: dict[str, Any] = {"responseModalities": ["TEXT", "IMAGE"]} | ({"imageConfig": shape} if shape else {})
    request = {
        "contents": [{"role": "user", "parts": [{"text": body["prompt"]}, *pictures]}],
        "generationConfig": config,
    }
    own = {name: value for name, value in body.items() if name not in _ASKED | _IGNORED}
    settings = deployment.defaults.get("safety_settings")
    extra = {**({"safetySettings": settings} if settings else {}), **deployment.extra_body}
    return joined(joined(request, own), extra), body.get("size")


def read_image(answer: Any, *, size: object) -> Read:
    """Return OpenAI's answer.

    Raises:
        ProviderStreamError: there is no picture, and the answer says why.
    """
    if isinstance(answer.get("error"), dict):
        raise reported(answer["error"])
    candidates = answer.get("candidates") or []
    parts = [part for each in candidates for part in (each.get("content") or {}).get("parts") or ()]
    pictures = [part["inlineData"]["data"] for part in parts if "inlineData" in part and not part.get("thought")]
    told = usage_from_gemini(answer.get("usageMetadata"))
    if not pictures:
        raise _none_made(answer, candidates, parts)
    pixels = len(pictures) * (pixels_of(size) or USUAL)
    used = msgspec.structs.replace(told or NOTHING, requests=1, images=len(pictures), pixels=pixels)
    shown: dict[str, Any] = {"created": int(time.time()), "data": [{"b64_json": picture} for picture in pictures]}
    if told is not None:
        counts = {"input_tokens": told.prompt_tokens, "output_tokens": told.completion_tokens}
        shown["usage"] = {**counts, "total_tokens": told.total_tokens}
    return Read(shown, used, str(answer.get("responseId") or ""))


def _none_made(answer: Mapping[str, Any], candidates: list[Any], parts: list[Any]) -> ProviderStreamError:
    blocked = (answer.get("promptFeedback") or {}).get("blockReason")
    reason = blocked or next((each.get("finishReason") for each in candidates if each.get("finishReason")), "no reason")
    said = "".join(part.get("text", "") for part in parts if not part.get("thought"))
    forbidden = blocked is not None or any(
        word in str(reason) for word in ("SAFETY", "PROHIBITED", "BLOCK", "RECITATION")
    )
    message = f"no picture was made: {reason}" + (f": {said}" if said else "")
    return ProviderStreamError("content_filter" if forbidden else "no_image", message, status=400 if forbidden else 502)


def _shape(size: object, unsupported: list[str]) -> dict[str, Any]:
    if size in (None, "auto"):
        return {}
    if pixels_of(size) is None:
        raise InvalidField("size", "must be WIDTHxHEIGHT, as in 1024x1024.")
    width, height = map(int, str(size).split("x"))
    common = gcd(width, height) or 1
    exact = f"{width // common}:{height // common}"
    ratio = _NEAR.get(exact, exact)
    if ratio not in _RATIOS:
        unsupported.append("size")
        return {}
    return {"aspectRatio": ratio}


def _edit_form(call: ProviderCall) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the fields and the pictures of a form."""
    if not call.content_type:
        raise InvalidField("image", "must be sent in a form (multipart/form-data): Gemini gets the picture itself.")
    try:
        fields = read_form(call.body, call.content_type)
    except BadForm as error:
        raise InvalidField("request_body", f"is not a form: {error}") from error
    pictures = [
        _picture(field) for field in fields if field.name in ("image", "image[]") and field.filename is not None
    ]
    if not pictures:
        raise InvalidField("image", "is missing")
    if any(field.name == "mask" for field in fields):
        raise InvalidField("mask", "is not supported: say in the prompt what is to be changed.")
    plain = {field.name: field.value.decode("utf-8", "replace") for field in fields if field.filename is None}
    known: dict[str, Any] = {name: value for name, value in plain.items() if name in _ASKED}
    if str(known.get("n", "")).isdigit():
        known["n"] = int(known["n"])
    return known, pictures


def _picture(field: Field) -> dict[str, Any]:
    kind = field.content_type if field.content_type.startswith("image/") else "image/png"
    return {"inlineData": {"mimeType": kind, "data": base64.b64encode(field.value).decode()}}
