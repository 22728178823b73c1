"""An uploaded file out of its form, piece by piece: it is never in memory as a whole."""

from collections.abc import Mapping
from typing import NamedTuple

from multipart import MultipartError, MultipartSegment, PushMultipartParser, parse_options_header

from services.edge.http.asgi import Receive
from services.edge.http.request_body import ClientLeft
from shared.errors import InvalidRequest, TooLarge
from shared.kept.object_calls import BATCH
from shared.payloads.forms import FIELDS_MAX, HEADER_BYTES_MAX, is_form
from shared.payloads.spool import Spool

ROUTE = "POST /v1/files"
FIELD_BYTES_MAX = 64 * 1024
"""Of all plain fields together."""

MB = 1_048_576


class FileLimits(NamedTuple):
    """Bytes of a file, bytes of a batch's input, and its lines."""

    file_bytes: int
    batch_bytes: int
    batch_lines: int


class Upload(NamedTuple):
    """`fields` are the plain ones, in their order; `spool` is the file, which the caller closes."""

    spool: Spool
    filename: str
    content_type: str
    fields: tuple[tuple[str, str], ...]

    def text(self, *names: str) -> str:
        """Return the last field of one of the names, "" where there is none."""
        return next((value for name, value in reversed(self.fields) if name in names), "")


async def read_upload(receive: Receive, headers: Mapping[bytes, bytes], limits: FileLimits) -> Upload:
    """Return the form's file and fields.

    Raises:
        InvalidRequest: it is no form, or has no file, or no purpose.
        TooLarge: the file has more than its limit; nothing is read beyond that.
        ClientLeft
    """
    sent = headers.get(b"content-type", b"").decode("latin-1")
    boundary = parse_options_header(sent)[1].get("boundary") if is_form(sent) else None
    if not boundary:
        raise InvalidRequest(f"{ROUTE}: the body must be multipart/form-data.", param="request_body")
    announced = headers.get(b"content-length", b"")
    if announced.isdigit() and int(announced[:20]) > limits.file_bytes + FIELD_BYTES_MAX:
        raise _too_large(limits.file_bytes, "max_file_size_mb")
    reading = _Reading(boundary, limits)
    try:
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ClientLeft
            reading.feed(message.get("body", b""))
            more = message.get("more_body", False)
        upload = reading.end()
    except BaseException:
        reading.spool.close()
        raise
    return upload


class _Reading:
    def __init__(self, boundary: str, limits: FileLimits) -> None:
        try:
            self._parser = PushMultipartParser(
                boundary, max_header_size=HEADER_BYTES_MAX, max_segment_count=FIELDS_MAX, strict=True
            )
        except MultipartError as error:
            raise _unreadable(error) from error
        self.spool = Spool()
        self._limits = limits
        self._is_batch = False
        self._segment: MultipartSegment | None = None
        self._value = b""
        self._field_bytes = 0
        self._file: tuple[str, str] | None = None
        self._fields: list[tuple[str, str]] = []

    def feed(self, data: bytes) -> None:
        if not data:
            return  # the parser would take it for the end
        try:
            for event in self._parser.parse(data):
                if isinstance(event, MultipartSegment):
                    self._begin(event)
                elif event:
                    self._add(bytes(event))
                elif self._segment is not None:
                    self._close()
        except (MultipartError, UnicodeDecodeError) as error:
            raise _unreadable(error) from error

    def end(self) -> Upload:
        try:
            self._parser.close()
        except MultipartError as error:
            raise _unreadable(error) from error
        if self._file is None or not len(self.spool):
            raise InvalidRequest(f"{ROUTE}: 'file' must be a file that is not empty.", param="file")
        upload = Upload(self.spool, *self._file, tuple(self._fields))
        if not upload.text("purpose"):
            raise InvalidRequest(f"{ROUTE}: Missing required parameter: 'purpose'.", param="purpose")
        return upload

    def _begin(self, segment: MultipartSegment) -> None:
        self._segment, self._value = segment, b""
        if segment.filename is None:
            return
        if segment.name != "file" or self._file is not None:
            raise InvalidRequest(f"{ROUTE}: the form must have one file, in the field 'file'.", param="file")
        self._file = (segment.filename, segment.header("content-type") or "application/octet-stream")
        if not (self._file[1].isascii() and self._file[1].isprintable()):
            raise InvalidRequest(f"{ROUTE}: the file's content type is not text.", param="file")

    def _add(self, data: bytes) -> None:
        if self._segment is not None and self._segment.filename is not None:
            self.spool.append(data)
            self._check_size()
            return
        self._field_bytes += len(data)
        if self._field_bytes > FIELD_BYTES_MAX:
            raise InvalidRequest(
                f"{ROUTE}: the fields besides 'file' have more than {FIELD_BYTES_MAX} bytes.", param="request_body"
            )
        self._value += data

    def _close(self) -> None:
        assert self._segment is not None
        if self._segment.filename is None and self._segment.name is not None:
            self._fields.append((self._segment.name, self._value.decode()))
            if self._segment.name == "purpose":  # before the file, as OpenAI's SDKs send it, or behind it
                self._is_batch = self._fields[-1][1] == BATCH
                self._check_size()
        self._segment = None

    def _check_size(self) -> None:
        size, limits = len(self.spool), self._limits
        if self._is_batch and size > limits.batch_bytes:
            raise _too_large(limits.batch_bytes, "max_batch_file_size_mb")
        if size > limits.file_bytes:
            raise _too_large(limits.file_bytes, "max_file_size_mb")


def _unreadable(error: Exception) -> InvalidRequest:
    return InvalidRequest(f"{ROUTE}: the form cannot be read: {error}", param="request_body")


def _too_large(most: int, setting: str) -> TooLarge:
    return TooLarge(
        f"The file is larger than {most / MB:g} MB. Send less, or raise general_settings.{setting}", param="file"
    )
