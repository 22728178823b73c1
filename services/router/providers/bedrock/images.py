"""Pictures made on Bedrock: Nova Canvas and Titan in Amazon's form, Stable Image and Stable Diffusion 3 in Stability's.

Sources: https://docs.aws.amazon.com/nova/latest/userguide/image-gen-req-resp-structure.html,
https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-titan-image.html,
https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-diffusion-3-5-large.html and the pages beside it.
"""

import time
from math import gcd
from typing import Any

from services.router.providers.answers.broken_answer import ProviderStreamError, UnreadableAnswer
from services.router.providers.answers.rejection import InvalidField, UnsupportedParameter
from services.router.providers.answers.translated_json import Read
from services.router.providers.base import ProviderCall
from services.router.providers.bedrock.model_id import ModelId
from services.router.providers.json_call import json_call, whole_number
from shared.payloads.picture_sizes import USUAL, pixels_of
from shared.serving.deployments import Deployment
from shared.usage import Usage

IMAGES = "aimage_generation"
_AMAZON = ("nova-canvas", "titan-image")
_STABILITY = ("sd3", "stable-image")
_RATIOS = ("16:9", "1:1", "21:9", "2:3", "3:2", "4:5", "5:4", "9:16", "9:21")
_QUALITIES = {"standard": "standard", "low": "standard", "medium": "standard"} | {"hd": "premium", "high": "premium"}
_ASKED = frozenset({"model", "prompt", "n", "size", "quality", "response_format", "output_format", "user", "style"})
_OF_CONFIG = ("seed", "cfgScale", "width", "height")
_TASKS = {
    "TEXT_IMAGE": "textToImageParams",
    "COLOR_GUIDED_GENERATION": "colorGuidedGenerationParams",
    "IMAGE_VARIATION": "imageVariationParams",
    "INPAINTING": "inPaintingParams",
    "OUTPAINTING": "outPaintingParams",
}
"""Amazon's tasks that take a text, and where each has it."""


def serves_images(model: ModelId) -> bool:
    """Return whether the model makes pictures from a text."""
    return (model.family == "amazon" and model.name.startswith(_AMAZON)) or (
        model.family == "stability" and model.name.startswith(_STABILITY)
    )


def image_request(call: ProviderCall, deployment: Deployment, model: ModelId) -> dict[str, Any]:
    """Return the body for the model; fields that are not OpenAI's go through.

    Raises:
        Rejected
    """
    if call.stream:
        raise InvalidField("stream", "is not supported: the picture comes whole.")
    body = json_call(call, deployment)
    if not isinstance(body.get("prompt"), str):
        raise InvalidField("prompt", "must be a string.")
    unsupported = ["response_format"] if body.get("response_format") == "url" else []
    if body.get("style") not in (None, "vivid"):  # OpenAI's usual one
        unsupported.append("style")
    own = {name: value for name, value in body.items() if name not in _ASKED}
    request = _amazon(body, own, unsupported) if model.family == "amazon" else _stability(body, own, unsupported)
    if unsupported and not call.drop_params:
        raise UnsupportedParameter(unsupported, provider=f"Bedrock ({model.id})")
    return {**request, **deployment.extra_body}


def read_images(answer: Any, *, size: object) -> Read:
    """Return OpenAI's answer; `size` is what was asked for.

    Raises:
        ProviderStreamError: the model made none, and says why.
    """
    pictures = answer.get("images") or []
    reasons = [reason for reason in answer.get("finish_reasons") or [] if reason]
    error = answer.get("error") or (reasons[0] if reasons else None)
    if error and (reasons or not pictures):
        failed = "inference error" in str(error).lower()
        raise ProviderStreamError(
            "model_error" if failed else "content_filter", str(error), status=502 if failed else 400
        )
    if not pictures:
        raise UnreadableAnswer("an answer without pictures")
    used = Usage(images=len(pictures), pixels=len(pictures) * (pixels_of(size) or USUAL))
    return Read({"created": int(time.time()), "data": [{"b64_json": picture} for picture in pictures]}, used)


def _amazon(body: dict[str, Any], own: dict[str, Any], unsupported: list[str]) -> dict[str, Any]:
    task = own.pop("taskType", "TEXT_IMAGE")
    place = _TASKS.get(task)
    if place is None:
        raise InvalidField("taskType", f"must be one of {', '.join(_TASKS)}.")
    config: dict[str, Any] = {"numberOfImages": whole_number(body, "n") or 1}
    if (size := body.get("size")) not in (None, "auto"):
        if pixels_of(size) is None:
            raise InvalidField("size", "must be WIDTHxHEIGHT, as in 1024x1024.")
        config["width"], config["height"] = map(int, str(size).split("x"))
    if (quality := body.get("quality")) not in (None, "auto"):
        if quality not in ("standard", "premium", *_QUALITIES):
            raise InvalidField("quality", f"must be one of premium, {', '.join(_QUALITIES)}.")
        config["quality"] = _QUALITIES.get(str(quality), quality)
    if body.get("output_format") not in (None, "png"):
        unsupported.append("output_format")
    config |= {name: own.pop(name) for name in _OF_CONFIG if name in own}
    config |= own.pop("imageGenerationConfig", {})
    params = {"text": body["prompt"]} | ({"negativeText": own.pop("negativeText")} if "negativeText" in own else {})
    params |= own.pop(place, {})
    return {"taskType": task, place: params, "imageGenerationConfig": config, **own}


def _stability(body: dict[str, Any], own: dict[str, Any], unsupported: list[str]) -> dict[str, Any]:
    request: dict[str, Any] = {"prompt": body["prompt"], "output_format": body.get("output_format", "png")}
    if whole_number(body, "n") not in (None, 1):
        unsupported.append("n")
    if body.get("quality") not in (None, "auto", "standard", "medium"):
        unsupported.append("quality")
    if (size := body.get("size")) not in (None, "auto"):
        if pixels_of(size) is None:
            raise InvalidField("size", "must be WIDTHxHEIGHT, as in 1024x1024.")
        if (ratio := _ratio(str(size))) in _RATIOS:
            request["aspect_ratio"] = ratio
        else:
            unsupported.append("size")
    return {**request, **own}


def _ratio(size: str) -> str:
    width, height = map(int, size.split("x"))
    common = gcd(width, height) or 1
    exact = f"{width // common}:{height // common}"
    return {"7:4": "16:9", "4:7": "9:16"}.get(exact, exact)  # dall-e-3's 1792x1024
