"""A provider on loopback with OpenAI's files and batches, under OpenAI's paths and under Azure's.

Wire format: https://platform.openai.com/docs/api-reference/files, .../batch; Azure's paths and key header:
https://learn.microsoft.com/azure/ai-foundry/openai/how-to/batch. A batch stands still until a test lets it `run`.
"""

import itertools
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from shared.payloads.forms import read_form

USAGE = {"prompt_tokens": 20, "completion_tokens": 5, "total_tokens": 25}
KEY = "sk-of-the-batch-provider"
_PATH = re.compile(r"(?:/v1|/openai|/openai/v1)/(files|batches)(?:/([^/?]+)(?:/(content|cancel))?)?(?:\?.*)?")

Answer = tuple[int, bytes]
Line = dict[str, Any]


def answered(line: Line) -> Line:
    """What a line of the output says where its request went well."""
    body = {"id": f"chatcmpl-{line['custom_id']}", "object": "chat.completion", "model": line["body"]["model"]}
    body |= {"choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}]}
    response = {"status_code": 200, "request_id": f"r-{line['custom_id']}", "body": {**body, "usage": USAGE}}
    return {"id": f"batch_req_{line['custom_id']}", "custom_id": line["custom_id"], "response": response, "error": None}


class BatchProvider:
    """`files` holds the contents by id, `batches` the objects; `asked` is every request: method, path, key header."""

    def __init__(self) -> None:
        self.files: dict[str, tuple[dict[str, Any], bytes]] = {}
        self.batches: dict[str, dict[str, Any]] = {}
        self.asked: list[tuple[str, str, str]] = []
        self.refuses: list[tuple[str, int]] = []  # (path's part, status): answers to come
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        provider = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _serve(self) -> None:
                raw = self.rfile.read(int(self.headers.get("content-length") or 0))
                key = self.headers.get("authorization") or self.headers.get("api-key") or ""
                with provider._lock:
                    provider.asked.append((self.command, self.path, key))
                    status, answer = provider._answer(self.command, self.path, raw, self.headers["content-type"], key)
                self.send_response(status)
                kind = "application/octet-stream" if self.path.partition("?")[0].endswith("/content") else ""
                self.send_header("content-type", kind or "application/json")
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            do_GET = do_POST = do_DELETE = _serve

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.origin = f"http://127.0.0.1:{self._server.server_address[1]}"
        self.url = f"{self.origin}/v1"

    @contextmanager
    def running(self) -> Iterator["BatchProvider"]:
        thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join()

    def lines_of(self, file_id: str) -> list[Line]:
        return [json.loads(line) for line in self.files[file_id][1].splitlines()]

    def run(
        self, batch_id: str, answer: Callable[[Line], Line | None] = answered, *, status: str = "completed"
    ) -> None:
        """Let a batch end; a line for which `answer` returns None is not done."""
        with self._lock:
            batch = self.batches[batch_id]
            done = [made for line in self.lines_of(batch["input_file_id"]) if (made := answer(line)) is not None]
            good = [line for line in done if line["response"]["status_code"] == 200]
            bad = [line for line in done if line["response"]["status_code"] != 200]
            for field, lines in (("output_file_id", good), ("error_file_id", bad)):
                if lines:
                    batch[field] = self._keep_file(_jsonl(lines), f"{batch_id}_{field}.jsonl", "batch_output")["id"]
            total = batch["request_counts"]["total"]
            batch["request_counts"] = {"total": total, "completed": len(good), "failed": len(bad)}
            batch |= {"status": status, f"{status}_at": int(time.time())}

    def _answer(self, method: str, path: str, raw: bytes, content_type: str, key: str) -> Answer:
        match = _PATH.fullmatch(path)
        if KEY not in key:
            return _error(401, "Incorrect API key provided")
        for refusal in self.refuses:
            if refusal[0] in f"{method} {path}":
                self.refuses.remove(refusal)
                return _error(refusal[1], "not now")
        if match is None:
            return _error(404, f"Invalid URL ({method} {path})")
        collection, object_id, part = match.groups()
        if collection == "files":
            return self._of_files(method, object_id, part, raw, content_type)
        return self._of_batches(method, object_id, part, raw)

    def _of_files(self, method: str, file_id: str | None, part: str | None, raw: bytes, content_type: str) -> Answer:
        if file_id is None and method == "POST":
            fields = {field.name: field for field in read_form(raw, content_type)}
            file = fields["file"]
            return 200, _json(self._keep_file(file.value, file.filename or "", fields["purpose"].value.decode()))
        if file_id is None:
            return 200, _json({"object": "list", "data": [shown for shown, _ in self.files.values()]})
        if file_id not in self.files:
            return _error(404, f"No such File object: {file_id}")
        shown, content = self.files[file_id]
        if method == "DELETE":
            del self.files[file_id]
            return 200, _json({"id": file_id, "object": "file", "deleted": True})
        return 200, content if part == "content" else _json(shown)

    def _of_batches(self, method: str, batch_id: str | None, part: str | None, raw: bytes) -> Answer:
        if batch_id is None and method == "POST":
            asked = json.loads(raw)
            if asked["input_file_id"] not in self.files:
                return _error(400, "no such input file")
            batch = {"id": f"batch_{next(self._numbers)}", "object": "batch", "errors": None, "status": "validating"}
            batch |= {"created_at": int(time.time()), "output_file_id": None, "error_file_id": None, **asked}
            total = len(self.lines_of(asked["input_file_id"]))
            batch["request_counts"] = {"total": total, "completed": 0, "failed": 0}
            self.batches[str(batch["id"])] = batch
            return 200, _json(batch)
        if batch_id not in self.batches:
            return _error(404, f"No batch found with id '{batch_id}'.")
        if part == "cancel":
            self.batches[batch_id] |= {"status": "cancelling", "cancelling_at": int(time.time())}
        return 200, _json(self.batches[batch_id])

    def _keep_file(self, content: bytes, filename: str, purpose: str) -> dict[str, Any]:
        shown = {"id": f"file-{next(self._numbers)}", "object": "file", "bytes": len(content), "filename": filename}
        shown |= {"created_at": int(time.time()), "purpose": purpose, "status": "processed", "unheard_of": [1]}
        self.files[str(shown["id"])] = (shown, content)
        return shown


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()


def _jsonl(lines: list[Line]) -> bytes:
    return b"".join(_json(line) + b"\n" for line in lines)


def _error(status: int, message: str) -> Answer:
    return status, _json({"error": {"message": message, "type": "invalid_request_error", "param": None, "code": None}})
