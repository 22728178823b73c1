"""The request that a provider gets for a call of files or batches, and the reader of its answer."""

import asyncio
from typing import Any
from urllib.parse import quote

import msgspec

from services.router.providers.answers.broken_answer import UnreadableAnswer
from services.router.providers.answers.rejection import Rejected
from services.router.providers.base import AnswerReader, FileBody, HttpCall, OwnForm, ProviderCall, Whole
from services.router.providers.keeping import KeepsObjects
from services.router.providers.passing import PassedAnswer
from shared.kept.object_calls import CREATE_BATCH, CREATE_FILE, FILE_CONTENT, KEEPERS, PATHS
from shared.payloads.forms import Field, write_form
from shared.payloads.line_reader import LineReader
from shared.payloads.spool import Spool
from shared.serving.deployments import Deployment
from shared.usage import NOTHING, Usage


class NotKept(Rejected):
    def __init__(self, deployment: Deployment) -> None:
        super().__init__(
            f"'{deployment.provider}/{deployment.model}' is of a provider whose files and batches are not served here; "
            f"served are those of {', '.join(KEEPERS)}",
            "model",
        )


async def object_call(
    provider: object, call: ProviderCall, deployment: Deployment, file: Spool | None
) -> tuple[HttpCall, AnswerReader, Spool | None]:
    """Return the request, the reader of its answer, and a file that the caller closes when it is sent.

    Raises:
        NotKept, CredentialMissing
    """
    asked = call.object
    keeping = provider.keeping(deployment) if isinstance(provider, KeepsObjects) else None
    if asked is None or keeping is None or not isinstance(provider, KeepsObjects):
        raise NotKept(deployment)
    method, path = PATHS[call.call_type]
    url = f"{keeping.base}{path.replace('{id}', quote(asked.id, safe=''))}{keeping.query}"
    headers = {name: value for name, value in keeping.headers.items() if name != "content-type"}
    if call.call_type == FILE_CONTENT:
        return HttpCall(url, headers, b"", method), PassedAnswer(None, costs=False), None
    if call.call_type == CREATE_FILE and file is not None:
        renamed = None
        if asked.renames and asked.lines is not None:
            renamed = await renamed_lines(file, deployment.model, provider.batch_url(asked.lines.call_type))
        fields = [Field(name, value.encode()) for name, value in asked.form]
        form, kind = write_form([*fields, Field("file", b"", asked.filename, asked.file_type)])
        end = form.rindex(b"\r\n--")
        sent = FileBody(form[:end], renamed or file, form[end:])
        return HttpCall(url, {**headers, "content-type": kind}, b"", method, sent), ObjectAnswer(), renamed
    body = b""
    if call.call_type == CREATE_BATCH and asked.lines is not None:
        headers["content-type"] = "application/json"
        body = _new_batch(call.body, provider.batch_url(asked.lines.call_type))
    return HttpCall(url, headers, body, method), ObjectAnswer(), None


def _new_batch(body: bytes, url: str) -> bytes:
    fields: dict[str, Any] = _fields(body)
    return _encode({"completion_window": "24h", **fields, "endpoint": url})


_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_encode = msgspec.json.Encoder().encode


async def renamed_lines(file: Spool, model: str, url: str) -> Spool:
    """Return a batch's input whose lines name the deployment's model; the caller closes it."""
    reader, renamed = LineReader(), Spool()
    try:
        for part in file.parts():
            for _, line in reader.feed(part):
                renamed.append(_renamed(line, model, url))
            await asyncio.sleep(0)  # others' answers go on meanwhile
        for _, line in reader.end():
            renamed.append(_renamed(line, model, url))
    except BaseException:
        renamed.close()
        raise
    return renamed


def _renamed(line: bytes, model: str, url: str) -> bytes:
    fields: dict[str, Any] = _fields(line)
    body: dict[str, Any] = _fields(fields["body"])
    return _encode({**fields, "url": url, "body": {**body, "model": model}}) + b"\n"


class _Object(msgspec.Struct):
    id: str


_decode_object = msgspec.json.Decoder(_Object).decode


class ObjectAnswer(OwnForm):
    """A file or batch as the provider tells it: passed on as it is. It costs nothing."""

    def __init__(self) -> None:
        self.usage: Usage | None = NOTHING
        self.response_id = ""
        self.finish_reason = ""
        self.done = False

    def whole(self, body: bytes) -> Whole:
        try:
            self.response_id = _decode_object(body).id
        except msgspec.DecodeError as error:
            raise UnreadableAnswer(f"not an object with an id: {error}") from error
        return Whole(body, self.usage, self.response_id, "")

    def feed(self, data: bytes) -> bytes:
        return data

    def end(self) -> bytes:
        return b""

    def text_so_far(self) -> str:
        return ""
