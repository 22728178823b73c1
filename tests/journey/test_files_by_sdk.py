"""Files through a whole gateway, by OpenAI's own SDK: kept by a provider, seen by their owner alone."""

import http.client
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from tests.journey.batch_provider import KEY, BatchProvider
from tests.running_gateway import RunningGateway

SdkWith = Callable[[str], openai.OpenAI]
Eventually = Callable[..., Any]
MB = 1_048_576


def line(number: int, model: str = "batch", text: str = "hello", url: str = "/v1/chat/completions") -> dict[str, Any]:
    body = {"model": model, "messages": [{"role": "user", "content": text}], "max_tokens": 10}
    return {"custom_id": f"c{number}", "method": "POST", "url": url, "body": body}


def jsonl(*lines: dict[str, Any]) -> bytes:
    return b"\n".join(json.dumps(each).encode() for each in lines)


@pytest.fixture
def client(sdk_with: SdkWith, new_key: Callable[..., str]) -> openai.OpenAI:
    return sdk_with(new_key(max_budget=5))


def upload(client: openai.OpenAI, content: bytes, purpose: Any = "batch", **more: Any) -> Any:
    return client.files.create(file=("requests.jsonl", content), purpose=purpose, **more)


def test_a_file_is_uploaded_read_listed_and_deleted(client: openai.OpenAI, batch_provider: BatchProvider) -> None:
    file = upload(client, jsonl(line(1), line(2)))
    assert (file.purpose, file.filename, file.status) == ("batch", "requests.jsonl", "processed")
    assert file.model_extra == {"unheard_of": [1]}
    assert client.files.retrieve(file.id).bytes == file.bytes
    assert [found.id for found in client.files.list()] == [file.id]
    assert [found.id for found in client.files.list(purpose="assistants")] == []
    assert client.files.content(file.id).content == batch_provider.files[file.id][1]
    assert client.files.delete(file.id).deleted is True
    assert [found.id for found in client.files.list()] == []
    with pytest.raises(openai.NotFoundError):
        client.files.retrieve(file.id)
    assert file.id not in batch_provider.files


def test_lines_get_the_name_that_the_deployment_has_for_the_model(
    client: openai.OpenAI, batch_provider: BatchProvider
) -> None:
    file = upload(client, jsonl(line(1), line(2)), extra_headers={"x-litellm-tags": "a"})
    assert [sent["body"]["model"] for sent in batch_provider.lines_of(file.id)] == ["gpt-4o-mini"] * 2
    assert batch_provider.lines_of(file.id)[0] == line(1, "gpt-4o-mini")
    assert batch_provider.asked[-1][2] == f"Bearer {KEY}"


def test_azure_gets_its_own_paths_names_and_key(client: openai.OpenAI, batch_provider: BatchProvider) -> None:
    file = upload(client, jsonl(line(1, "azure-batch")))
    assert batch_provider.asked[-1] == ("POST", "/openai/files?api-version=2024-10-21", KEY)
    assert batch_provider.lines_of(file.id) == [line(1, "mini-deployment", url="/chat/completions")]
    assert client.files.retrieve(file.id).id == file.id
    assert batch_provider.asked[-1][1] == f"/openai/files/{file.id}?api-version=2024-10-21"


def test_a_file_that_is_no_batch_goes_where_the_client_says(
    client: openai.OpenAI, batch_provider: BatchProvider
) -> None:
    file = upload(client, b"\x00\xff" * 300_000, "user_data", extra_body={"target_model_names": "batch"})
    shown, content = batch_provider.files[file.id]
    assert (content, shown["purpose"]) == (b"\x00\xff" * 300_000, "user_data")


def test_nobody_else_sees_a_file(
    client: openai.OpenAI, sdk_with: SdkWith, new_key: Callable[..., str], sdk: openai.OpenAI
) -> None:
    file = upload(client, jsonl(line(1)))
    other = sdk_with(new_key())
    for call in (other.files.retrieve, other.files.content, other.files.delete):
        with pytest.raises(openai.NotFoundError) as refused:
            call(file.id)
        assert refused.value.body == {
            "message": f"No such File object: {file.id}. One belongs to who made it.",
            "type": "not_found_error",
            "param": "file_id",
            "code": "404",
        }
    assert list(other.files.list()) == []
    assert sdk.files.retrieve(file.id).id == file.id  # the master key sees all
    assert file.id in [found.id for found in sdk.files.list()]


def test_the_keys_of_a_user_share_what_they_make(sdk_with: SdkWith, new_key: Callable[..., str]) -> None:
    one, other = (sdk_with(new_key(user_id="files-user")) for _ in range(2))
    file = upload(one, jsonl(line(1)))
    assert other.files.retrieve(file.id).id == file.id


def test_the_lines_of_a_batch_are_guarded(client: openai.OpenAI, batch_provider: BatchProvider) -> None:
    before = len(batch_provider.asked)
    with pytest.raises(openai.BadRequestError, match=r"line 2: .*project-zebra"):
        upload(client, jsonl(line(1), line(2, text="say Project-Zebra")))
    assert len(batch_provider.asked) == before


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"not json", "line 1 of 'file'"),
        (jsonl(line(1), line(2, "demo")), "all lines must ask for one model: 'batch' before, 'demo' here"),
        (jsonl(line(1), line(1)), "custom_id 'c1' stands twice"),
        (jsonl(line(1, url="/v1/audio/speech")), "a batch cannot call '/v1/audio/speech'"),
        (jsonl(line(1, url="/v1/embeddings")), "body: /embeddings: Missing required parameter: 'input'"),
        (b"\n\n", "holds no request"),
    ],
)
def test_what_is_wrong_with_a_batchs_input_is_said(client: openai.OpenAI, content: bytes, message: str) -> None:
    with pytest.raises(openai.APIStatusError, match=message) as refused:
        upload(client, content)
    assert 400 <= refused.value.status_code < 500


def test_a_model_that_is_not_the_keys_is_refused(sdk_with: SdkWith, new_key: Callable[..., str]) -> None:
    with pytest.raises(openai.PermissionDeniedError, match="not available"):
        upload(sdk_with(new_key(models=["demo"])), jsonl(line(1)))


def test_a_model_whose_provider_keeps_no_files_says_so(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="served are those of openai, azure"):
        upload(client, jsonl(line(1, "demo")))


def test_a_provider_that_is_not_configured_is_named(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match=r"files are not kept at 'moonshot' here.*openai, azure"):
        upload(client, b"x", "user_data", extra_body={"custom_llm_provider": "moonshot"})


def test_a_large_file_passes_and_a_larger_one_is_refused(
    client: openai.OpenAI, gateway: RunningGateway, batch_provider: BatchProvider, new_key: Callable[..., str]
) -> None:
    """No process has it in memory as a whole while it is uploaded."""
    content = bytes(range(256)) * 4 * 40 * 1024  # 40 MB: more than any request's body may have
    processes = [Path(f"/proc/{pid}") for pid in gateway.children().values()]
    before = [peak_kb(process, anew=True) for process in processes]
    file = upload(client, content, "user_data", extra_body={"target_model_names": "batch"})
    assert batch_provider.files[file.id][1] == content
    assert max(peak_kb(process) - kb for process, kb in zip(processes, before, strict=True)) < 24 * 1024
    assert client.files.content(file.id).content == content
    announced = http.client.HTTPConnection(gateway.url.removeprefix("http://"), timeout=10)
    announced.putrequest("POST", "/v1/files")
    announced.putheader("authorization", f"Bearer {new_key()}")
    announced.putheader("content-type", "multipart/form-data; boundary=b")
    announced.putheader("content-length", str(600 * MB))
    announced.endheaders()
    answer = announced.getresponse()
    assert (answer.status, b"max_file_size_mb" in answer.read()) == (413, True)
    announced.close()


@pytest.mark.parametrize(
    ("purpose", "size_mb", "bound_mb", "setting"),
    [("user_data", 80, 64, "max_file_size_mb"), ("batch", 40, 4, "max_batch_file_size_mb")],
)
def test_a_file_that_turns_out_too_large_is_refused_while_it_comes_and_is_never_in_memory(
    gateway: RunningGateway,
    new_key: Callable[..., str],
    batch_provider: BatchProvider,
    purpose: str,
    size_mb: int,
    bound_mb: int,
    setting: str,
) -> None:
    """The journeys' gateway takes 64 MB, and 4 MB of a batch's input. Nothing announces how large this one is."""

    def form() -> Iterator[bytes]:
        head = '--b\r\ncontent-disposition: form-data; name="{}"{}\r\n\r\n'
        yield (head.format("purpose", "") + f"{purpose}\r\n" + head.format("file", '; filename="f"')).encode()
        for _ in range(size_mb):
            yield bytes(MB)
        yield b"\r\n--b--\r\n"

    headers = {"authorization": f"Bearer {new_key()}", "content-type": "multipart/form-data; boundary=b"}
    edge = Path(f"/proc/{gateway.children()['services.edge']}")
    before, asked = len(batch_provider.asked), peak_kb(edge, anew=True)
    answer = httpx.post(f"{gateway.url}/v1/files", headers=headers, content=form(), timeout=30)
    assert answer.status_code == 413
    assert answer.json()["error"] == {
        "message": f"The file is larger than {bound_mb} MB. Send less, or raise general_settings.{setting}",
        "type": "request_too_large",
        "param": "file",
        "code": "413",
    }
    assert peak_kb(edge) - asked < 24 * 1024
    assert [each for each in batch_provider.asked[before:] if each[0] == "POST"] == []


def peak_kb(process: Path, *, anew: bool = False) -> int:
    """Return the most memory a process has had since it was last looked at `anew`."""
    if anew:
        (process / "clear_refs").write_text("5")
    (line,) = [line for line in (process / "status").read_text().splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1])


def test_an_sdk_is_told_that_its_file_is_too_large(client: openai.OpenAI) -> None:
    with pytest.raises(openai.APIStatusError, match="larger than 64 MB") as refused:
        upload(client, bytes(70 * MB), "user_data")
    assert (refused.value.status_code, refused.value.param) == (413, "file")


def test_forms_that_lack_something_are_told_what(gateway: RunningGateway, new_key: Callable[..., str]) -> None:
    headers = {"authorization": f"Bearer {new_key()}"}
    url = f"{gateway.url}/v1/files"
    for sent, param in (
        ({"json": {}}, "request_body"),
        ({"data": {"purpose": "batch"}, "files": {"other": ("a", b"x")}}, "file"),
        ({"files": {"file": ("a", b"x")}}, "purpose"),
        ({"data": {"purpose": "batch"}, "files": {"file": ("a", io.BytesIO(b""))}}, "file"),
    ):
        answer = httpx.post(url, headers=headers, **sent)  # type: ignore[arg-type]
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, param), answer.text


def test_a_refusal_of_the_provider_is_told_in_its_words(client: openai.OpenAI, batch_provider: BatchProvider) -> None:
    batch_provider.refuses.append(("POST /v1/files", 429))
    with pytest.raises(openai.RateLimitError, match="not now"):
        upload(client, jsonl(line(1)))


def test_another_method_is_told_which_there_are(gateway: RunningGateway, new_key: Callable[..., str]) -> None:
    answer = httpx.put(f"{gateway.url}/v1/files/file-1", headers={"authorization": f"Bearer {new_key()}"})
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, DELETE")


def test_an_upload_is_told_of_and_costs_nothing(
    client: openai.OpenAI, master: httpx.Client, eventually: Eventually
) -> None:
    answer = client.files.with_raw_response.create(file=("a.jsonl", jsonl(line(1))), purpose="batch")
    asked = {"request_id": answer.headers["x-litellm-call-id"]}
    (row,) = eventually(lambda: master.get("/spend/logs", params=asked).json(), 5.0)
    assert (row["call_type"], row["status"], row["spend"]) == ("acreate_file", "success", 0)
    assert (row["model_group"], row["custom_llm_provider"]) == ("batch", "openai")
