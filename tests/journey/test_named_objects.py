"""What a provider keeps, named inside of a body: its owner alone may, and it goes where it is kept."""

from collections.abc import Callable
from typing import Any

import anthropic
import httpx
import openai
import pytest

from tests.journey.batch_provider import BatchProvider
from tests.journey.recording_provider import RecordingProvider
from tests.journey.test_files_by_sdk import jsonl, line, upload
from tests.running_gateway import RunningGateway

SdkWith = Callable[[str], openai.OpenAI]


@pytest.fixture(scope="module")
def maker(master: httpx.Client) -> str:
    return str(master.post("/key/generate", json={"user_id": "names-objects"}).json()["key"])


@pytest.fixture(scope="module")
def file_id(gateway: RunningGateway, maker: str) -> str:
    """Kept by the account of the model `recorded`."""
    with openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=maker, max_retries=0) as client:
        return str(upload(client, b"x", "user_data", extra_body={"target_model_names": "recorded"}).id)


def chat(client: openai.OpenAI, file_id: str, model: str = "recorded") -> Any:
    part: Any = {"type": "file", "file": {"file_id": file_id}}
    return client.chat.completions.create(model=model, messages=[{"role": "user", "content": [part]}], max_tokens=5)


def test_a_file_in_a_chat_is_its_owners_alone(
    sdk_with: SdkWith, new_key: Callable[..., str], maker: str, file_id: str, provider: RecordingProvider
) -> None:
    assert chat(sdk_with(maker), file_id).choices[0].message.content
    assert chat(sdk_with(new_key(user_id="names-objects")), file_id).choices[0].message.content
    before = len(provider.requests)
    with pytest.raises(openai.NotFoundError) as refused:
        chat(sdk_with(new_key()), file_id)
    assert (refused.value.param, refused.value.type) == ("file_id", "not_found_error")
    assert len(provider.requests) == before


def test_what_the_gateway_does_not_know_is_left_to_the_provider(
    sdk_with: SdkWith, new_key: Callable[..., str], provider: RecordingProvider
) -> None:
    assert chat(sdk_with(new_key()), "file-made-elsewhere").choices[0].message.content
    assert provider.asked_with("file-made-elsewhere")


def test_a_request_goes_to_the_account_that_keeps_what_it_names(
    sdk_with: SdkWith, maker: str, sdk: openai.OpenAI, file_id: str, provider: RecordingProvider
) -> None:
    """The first deployment of the model has another account's key."""
    for client in (sdk_with(maker), sdk):
        chat(client, file_id, "two-accounts")
        assert provider.headers[-1]["authorization"] == "Bearer sk-provider"
    chat(sdk_with(maker), "file-made-elsewhere", "two-accounts")
    assert provider.headers[-1]["authorization"] == "Bearer sk-other-account"


def test_a_model_that_does_not_reach_it_is_refused_and_the_field_named(sdk_with: SdkWith, maker: str) -> None:
    made = upload(sdk_with(maker), b"x", "user_data", extra_body={"target_model_names": "batch"})
    with pytest.raises(openai.BadRequestError, match="no deployment of 'recorded' reaches it") as refused:
        chat(sdk_with(maker), made.id)
    assert refused.value.param == "file_id"


def test_a_store_made_by_pass_through_is_searched_by_its_owner_alone(
    master: httpx.Client, maker: str, new_key: Callable[..., str], provider: RecordingProvider
) -> None:
    mine, other = ({"authorization": f"Bearer {key}"} for key in (maker, new_key()))
    store = master.post("/openai/v1/vector_stores", json={"name": "s"}, headers=mine).json()["id"]
    asked = {"model": "gpt", "input": "hi", "tools": [{"type": "file_search", "vector_store_ids": [store]}]}
    assert master.post("/v1/responses", json=asked, headers=mine).status_code == 200
    before = len(provider.requests)
    for url in ("/v1/responses", "/openai/responses"):
        refused = master.post(url, json=asked, headers=other)
        assert (refused.status_code, refused.json()["error"]["param"]) == (404, "vector_store_ids"), refused.text
    escaped = str(asked).replace("'", '"').replace("vector_store_ids", "vector\\u005fstore_ids")
    sent = {"content": escaped.encode(), "headers": {**other, "content-type": "application/json"}}
    assert master.post("/v1/responses", **sent).status_code == 404  # type: ignore[arg-type]
    assert len(provider.requests) == before


def test_a_response_is_gone_on_from_by_its_owner_alone_by_pass_through_too(
    master: httpx.Client, maker: str, new_key: Callable[..., str]
) -> None:
    mine, other = ({"authorization": f"Bearer {key}"} for key in (maker, new_key()))
    made = master.post("/v1/responses", json={"model": "gpt", "input": "hi"}, headers=mine).json()["id"]
    asked = {"model": "gpt", "input": "go on", "previous_response_id": made}
    assert master.post("/openai/responses", json=asked, headers=mine).status_code == 200
    refused = master.post("/openai/responses", json=asked, headers=other)
    assert (refused.status_code, refused.json()["error"]["param"]) == (404, "previous_response_id")


def test_a_response_that_was_made_by_pass_through_is_its_makers_alone(
    master: httpx.Client, maker: str, new_key: Callable[..., str]
) -> None:
    mine, other = ({"authorization": f"Bearer {key}"} for key in (maker, new_key()))
    made = master.post("/openai/responses", json={"model": "gpt-4o", "input": "hi"}, headers=mine).json()["id"]
    asked = {"model": "gpt-4o", "input": "go on", "previous_response_id": made}
    assert master.post("/openai/responses", json=asked, headers=mine).status_code == 200
    assert master.get(f"/v1/responses/{made}", headers=mine).json()["id"] == made
    for refused in (
        master.post("/openai/responses", json=asked, headers=other),
        master.get(f"/v1/responses/{made}", headers=other),
    ):
        assert refused.status_code == 404, refused.text
    unstored = {**asked, "store": False, "previous_response_id": None}
    assert master.post("/openai/responses", json=unstored, headers=other).status_code == 200
    assert master.get(f"/v1/responses/{made}", headers=mine).status_code == 200  # nothing was kept of the other's


def test_a_file_of_anthropics_is_read_for_its_owner_alone(
    gateway: RunningGateway, master: httpx.Client, maker: str, new_key: Callable[..., str], sdk_with: SdkWith
) -> None:
    form = {"file": ("a.txt", b"x", "text/plain")}
    made = master.post("/anthropic/v1/files", files=form, headers={"authorization": f"Bearer {maker}"}).json()["id"]
    messages: list[Any] = [
        {"role": "user", "content": [{"type": "document", "source": {"type": "file", "file_id": made}}]}
    ]
    asked: dict[str, Any] = {"model": "claude", "max_tokens": 5, "messages": messages}
    for base in (gateway.url, f"{gateway.url}/anthropic"):
        with anthropic.Anthropic(base_url=base, api_key=maker, max_retries=0) as owner:
            assert owner.messages.create(**{**asked, "model": "claude-haiku-4-5" if base != gateway.url else "claude"})
        with anthropic.Anthropic(base_url=base, api_key=new_key(), max_retries=0) as stranger:
            with pytest.raises(anthropic.NotFoundError, match=f"'{made}' not found") as refused:
                stranger.messages.create(**asked)
            body: Any = refused.value.body
            assert body["error"]["type"] == "not_found_error"
    with pytest.raises(openai.BadRequestError, match="no deployment of 'recorded' reaches it"):
        chat(sdk_with(maker), made)


def test_the_lines_of_a_batch_name_what_is_their_owners_alone(
    sdk_with: SdkWith, maker: str, new_key: Callable[..., str], batch_provider: BatchProvider
) -> None:
    made = upload(sdk_with(maker), b"x", "user_data", extra_body={"target_model_names": "batch"})
    asked = line(1)
    asked["body"]["messages"][0]["content"] = [{"type": "file", "file": {"file_id": made.id}}]
    assert upload(sdk_with(maker), jsonl(asked)).purpose == "batch"
    before = len(batch_provider.files)
    with pytest.raises(openai.NotFoundError, match=f"'{made.id}' not found"):
        upload(sdk_with(new_key()), jsonl(asked))
    assert len(batch_provider.files) == before


def test_a_file_for_several_models_is_kept_by_the_account_that_serves_them_all(
    sdk_with: SdkWith, maker: str, provider: RecordingProvider
) -> None:
    client = sdk_with(maker)
    made = upload(client, b"x", "user_data", extra_body={"target_model_names": "two-accounts, recorded"})
    assert provider.headers[-1]["authorization"] == "Bearer sk-provider"
    for model in ("two-accounts", "recorded"):
        chat(client, made.id, model)
        assert provider.headers[-1]["authorization"] == "Bearer sk-provider"
    with pytest.raises(openai.BadRequestError, match="no account of a provider serves all of recorded, batch") as no:
        upload(client, b"x", "user_data", extra_body={"target_model_names": "recorded,batch"})
    assert no.value.param == "target_model_names"
