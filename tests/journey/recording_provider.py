"""A provider on loopback that speaks OpenAI's API, and Anthropic's, and remembers every request: what reached it?"""

import itertools
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from shared.payloads.forms import is_form, read_form
from tests.journey.media_answers import media_answer

USAGE = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}
_NUMBERS = itertools.count(1)
WORDS = ["Hello", " from", " the", " provider"]


EVENTS = "text/event-stream; charset=utf-8"


class RecordingProvider:
    """`requests` holds the bodies, in order, `headers` what came with them; `looked_up` the headers of the others."""

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.looked_up: list[dict[str, str]] = []
        self.paths: list[str] = []  # of what was asked without a body
        provider = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers["content-length"]))
                if not raw:
                    self.do_GET()  # the cancelling of a response
                    return
                content_type = self.headers["content-type"]
                body = _form(raw, content_type) if is_form(content_type) else json.loads(raw)
                provider.requests.append(body)
                provider.headers.append({name.lower(): value for name, value in self.headers.items()})
                media = media_answer(self.path, body)
                answer_type = "text/event-stream" if body.get("stream") else "application/json"
                answer, answer_type = (_answer(self.path, body), answer_type) if media is None else media
                self.send_response(200)
                self.send_header("content-type", answer_type)
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def do_GET(self) -> None:
                """A stored response, or its items; else what is passed on without a body."""
                provider.paths.append(f"{self.command} {self.path}")
                provider.looked_up.append({name.lower(): value for name, value in self.headers.items()})
                refused = self.path.endswith("/refused")
                found: dict[str, Any] = {"method": self.command, "path": self.path, "refused": refused}
                if "/input_items" in self.path:
                    found = {"object": "list", "data": [{"id": "item_1"}], "has_more": False}
                elif "/responses/" in self.path:
                    found = {**STORED, "model": "recorder-1", "output": []}
                answer, answer_type = json.dumps(found).encode(), "application/json"
                if "stream=true" in self.path:
                    done = {"type": "response.completed", "sequence_number": 8, "response": found}
                    answer, answer_type = b"event: response.completed\ndata: %s\n\n" % json.dumps(done).encode(), EVENTS
                self.send_response(429 if refused else 200)
                self.send_header("content-type", answer_type)
                self.send_header("content-length", str(len(answer)))
                self.send_header("retry-after", "7")
                self.send_header("set-cookie", "secret=1")
                self.end_headers()
                self.wfile.write(answer)

            do_DELETE = do_GET

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    @contextmanager
    def running(self) -> Iterator["RecordingProvider"]:
        thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join()

    def asked_with(self, text: str) -> list[dict[str, Any]]:
        """Return the requests whose messages hold `text`: other tests ask the same provider."""
        return [request for request in self.requests if text in json.dumps(request)]


def _form(raw: bytes, content_type: str) -> dict[str, Any]:
    """Return the fields by name; of a file, its name and its bytes."""
    fields = read_form(raw, content_type)
    return {
        field.name: field.value.decode() if field.filename is None else f"{field.filename}:{field.value.hex()}"
        for field in fields
    }


def _answer(path: str, body: dict[str, Any]) -> bytes:
    if path.endswith("/embeddings"):
        asked = len(body["input"]) if isinstance(body["input"], list) else 1
        data = [{"object": "embedding", "index": index, "embedding": [0.5, -0.25]} for index in range(asked)]
        usage = {"prompt_tokens": 5, "total_tokens": 5}
        return json.dumps({"object": "list", "data": data, "model": body["model"], "usage": usage}).encode()
    if path.endswith("/responses"):
        return _response(body)
    if path.endswith("/messages"):
        return _message(body)
    if path.endswith(("/threads", "/assistants", "/messages/batches", "/files", "/vector_stores")):
        return json.dumps({"metadata": {"id": "thread_of_another"}, "id": f"thread_{next(_NUMBERS)}"}).encode()
    if path.endswith("/input_tokens"):
        return b'{"object": "response.input_tokens", "input_tokens": 14}'
    if path.endswith("/count_tokens"):
        return b'{"input_tokens": 14}'
    if not path.endswith("/chat/completions"):
        return _texts(body)
    return _stream(body) if body.get("stream") else json.dumps(_whole(body)).encode()


STORED = {"id": "resp_recorded", "object": "response", "status": "completed", "created_at": 1_700_000_000}


def _response(body: dict[str, Any]) -> bytes:
    """OpenAI's, with a field that nobody knows."""
    usage = {"input_tokens": 11, "output_tokens": 7, "total_tokens": 18}
    usage |= {"input_tokens_details": {"cached_tokens": 0}, "output_tokens_details": {"reasoning_tokens": 0}}
    part = {"type": "output_text", "text": "".join(WORDS), "annotations": []}
    item = {"id": "msg_1", "type": "message", "status": "completed", "role": "assistant", "content": [part]}
    whole = {**STORED, "model": body["model"], "output": [item], "usage": usage, "unheard_of": [1]}
    whole |= {"tools": [], "tool_choice": "auto", "parallel_tool_calls": True, "metadata": {}}
    if not body.get("stream"):
        return json.dumps(whole).encode()
    begun = {**whole, "status": "in_progress", "output": [], "usage": None}
    place = {"item_id": "msg_1", "output_index": 0}
    events: list[dict[str, Any]] = [
        {"type": "response.created", "response": begun},
        {"type": "response.output_item.added", "output_index": 0, "item": {**item, "content": []}},
        {"type": "response.content_part.added", **place, "content_index": 0, "part": {**part, "text": ""}},
    ]
    events += [{"type": "response.output_text.delta", **place, "content_index": 0, "delta": word} for word in WORDS]
    events.append({"type": "response.output_item.done", "output_index": 0, "item": item})
    events.append({"type": "response.completed", "response": whole})
    numbered = [{"sequence_number": number, **event} for number, event in enumerate(events)]
    return b"".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in numbered)


def _message(body: dict[str, Any]) -> bytes:
    """Anthropic's, with a field that nobody knows."""
    usage = {"input_tokens": 11, "cache_creation_input_tokens": 3, "cache_read_input_tokens": 5, "output_tokens": 1}
    message = {"id": "msg_recorded", "type": "message", "role": "assistant", "model": body["model"], "unheard_of": [1]}
    message |= {"content": [], "stop_reason": None, "stop_sequence": None, "usage": usage}
    end = {"stop_reason": "end_turn", "stop_sequence": None}
    if not body.get("stream"):
        content = [{"type": "text", "text": "".join(WORDS)}]
        return json.dumps({**message, **end, "content": content, "usage": {**usage, "output_tokens": 7}}).encode()
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": message},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "ping"},
    ]
    deltas = [{"type": "text_delta", "text": word} for word in WORDS]
    events += [{"type": "content_block_delta", "index": 0, "delta": delta} for delta in deltas]
    events.append({"type": "content_block_stop", "index": 0})
    events.append({"type": "message_delta", "delta": end, "usage": {"output_tokens": 7}})
    events.append({"type": "message_stop"})
    return b"".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in events)


def _texts(body: dict[str, Any]) -> bytes:
    """/completions, whole or as a stream."""
    envelope = {"id": "cmpl-recorded", "object": "text_completion", "created": 1_700_000_000, "model": body["model"]}
    if not body.get("stream"):
        choice = {"index": 0, "text": "".join(WORDS), "logprobs": None, "finish_reason": "stop"}
        return json.dumps({**envelope, "choices": [choice], "usage": USAGE}).encode()
    choices = [{"index": 0, "text": word, "logprobs": None, "finish_reason": None} for word in WORDS]
    choices.append({"index": 0, "text": "", "logprobs": None, "finish_reason": "length"})
    chunks: list[dict[str, Any]] = [{**envelope, "choices": [choice]} for choice in choices]
    if (body.get("stream_options") or {}).get("include_usage"):
        chunks.append({**envelope, "choices": [], "usage": USAGE})
    return b"".join(b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in chunks) + b"data: [DONE]\n\n"


def _whole(body: dict[str, Any]) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": "".join(WORDS)}
    finish = "stop"
    if body.get("tools"):
        call = {"name": body["tools"][0]["function"]["name"], "arguments": '{"city":"Paris"}'}
        message = {"role": "assistant", "content": None, "tool_calls": [_tool_call(call)]}
        finish = "tool_calls"
    choices = [{"index": index, "message": message, "finish_reason": finish} for index in range(body.get("n") or 1)]
    return {**_envelope("chat.completion", body), "choices": choices, "usage": USAGE, "unheard_of": {"a": [1]}}


def _stream(body: dict[str, Any]) -> bytes:
    deltas: list[dict[str, Any]] = [{"content": word} for word in WORDS]
    if body.get("tools"):
        name = body["tools"][0]["function"]["name"]
        deltas = [{"tool_calls": [{"index": 0, **_tool_call({"name": name, "arguments": ""})}]}]
        deltas += [{"tool_calls": [{"index": 0, "function": {"arguments": part}}]} for part in ('{"city":', '"Paris"}')]
    choices: list[dict[str, Any]] = [{"index": 0, "delta": delta, "finish_reason": None} for delta in deltas]
    choices.append({"index": 0, "delta": {}, "finish_reason": "tool_calls" if body.get("tools") else "stop"})
    envelope = _envelope("chat.completion.chunk", body)
    chunks: list[dict[str, Any]] = [{**envelope, "choices": [choice]} for choice in choices]
    if (body.get("stream_options") or {}).get("include_usage"):
        chunks.append({**envelope, "choices": [], "usage": USAGE})
    return b"".join(b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in chunks) + b"data: [DONE]\n\n"


def _envelope(kind: str, body: dict[str, Any]) -> dict[str, Any]:
    return {"id": "chatcmpl-recorded", "object": kind, "created": 1_700_000_000, "model": body["model"]}


def _tool_call(function: dict[str, Any]) -> dict[str, Any]:
    return {"id": "call_1", "type": "function", "function": function}
