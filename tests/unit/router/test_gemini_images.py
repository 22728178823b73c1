"""Pictures of Gemini's image models: what is asked of Google, and what cannot be asked."""

from typing import Any

import orjson
import pytest

from services.router.providers.answers.rejection import Rejected
from services.router.providers.base import HttpCall
from services.router.providers.registry import load_providers
from shared.payloads.forms import Field, write_form
from tests.router_calls import deployment, provider_call

GEMINI = load_providers({})["gemini"]
OF = deployment(provider="gemini", model="gemini-2.5-flash-image", api_key="k")
JPEG = Field("image", b"\xff\xd8", "a.jpg", "image/jpeg")
PROMPT = Field("prompt", b"with a hat")


def edited(*fields: Field) -> HttpCall:
    body, content_type = write_form([*fields, Field("model", b"m")])
    return GEMINI.prepare(provider_call(body, call_type="aimage_edit", content_type=content_type), OF)[0]


def test_a_picture_is_sent_beside_the_words_that_change_it() -> None:
    call = edited(
        JPEG, JPEG._replace(name="image[]", content_type=""), PROMPT, Field("n", b"1"), Field("quality", b"auto")
    )
    text, *pictures = orjson.loads(call.body)["contents"][0]["parts"]
    assert text == {"text": "with a hat"}
    kinds = [each["inlineData"]["mimeType"] for each in pictures]
    assert (kinds, pictures[0]["inlineData"]["data"]) == (["image/jpeg", "image/png"], "/9g=")


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ((PROMPT,), "image"),
        ((JPEG, PROMPT, JPEG._replace(name="mask")), "mask"),
        ((JPEG,), "prompt"),
        ((JPEG, PROMPT, Field("n", b"many")), "n"),
    ],
)
def test_what_is_missing_from_a_form_is_named(fields: tuple[Field, ...], named: str) -> None:
    with pytest.raises(Rejected) as refused:
        edited(*fields)
    assert refused.value.param == named


def test_a_picture_that_is_only_referred_to_is_refused() -> None:
    with pytest.raises(Rejected, match="multipart/form-data"):
        GEMINI.prepare(provider_call({"prompt": "x", "images": [{"file_id": "f"}]}, call_type="aimage_edit"), OF)


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ({"n": 2}, "n"),
        ({"quality": "hd"}, "quality"),
        ({"response_format": "url"}, "response_format"),
        ({"size": "1000x10"}, "size"),
    ],
)
def test_what_a_picture_cannot_be_is_named_or_dropped(more: dict[str, Any], named: str) -> None:
    asked = {"prompt": "an otter", **more}
    with pytest.raises(Rejected) as refused:
        GEMINI.prepare(provider_call(asked, call_type="aimage_generation"), OF)
    assert named in refused.value.message
    call = GEMINI.prepare(provider_call(asked, call_type="aimage_generation", drop_params=True), OF)[0]
    assert orjson.loads(call.body)["generationConfig"] == {"responseModalities": ["TEXT", "IMAGE"]}


def test_a_size_that_is_none_is_refused() -> None:
    with pytest.raises(Rejected) as refused:
        GEMINI.prepare(provider_call({"prompt": "x", "size": "wide"}, call_type="aimage_generation"), OF)
    assert refused.value.param == "size"


def test_a_model_that_only_writes_makes_no_pictures() -> None:
    assert not GEMINI.serves("aimage_generation", deployment(provider="gemini", model="gemini-2.5-flash"))


@pytest.mark.parametrize(
    ("provider", "model"), [("gemini", "gemini-2.5-flash-image"), ("bedrock", "amazon.nova-canvas-v1:0")]
)
def test_a_picture_cannot_be_streamed(provider: str, model: str) -> None:
    call = provider_call({"prompt": "x", "stream": True}, call_type="aimage_generation", stream=True)
    with pytest.raises(Rejected) as refused:
        load_providers({})[provider].prepare(call, deployment(provider=provider, model=model, api_key="k"))
    assert refused.value.param == "stream"
