"""Forms: read strictly, written anew, and what is no form is said to be none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.payloads.forms import BadForm, Field, is_form, read_form, write_form

BODY = (
    b'--b1\r\nContent-Disposition: form-data; name="model"\r\n\r\nwhisper-1\r\n'
    b'--b1\r\nContent-Disposition: form-data; name="file"; filename="a.mp3"\r\nContent-Type: audio/mpeg\r\n\r\n'
    b"\xff\x00\r\n--b\r\n\r\n--b1--\r\n"
)
TYPE = "multipart/form-data; boundary=b1"


def test_fields_and_files_are_read_in_their_order() -> None:
    assert read_form(BODY, TYPE) == (
        Field("model", b"whisper-1"),
        Field("file", b"\xff\x00\r\n--b\r\n", "a.mp3", "audio/mpeg"),
    )


NAMES = st.text(st.characters(exclude_categories=("C", "Z"), exclude_characters='"\\%\r\n'), min_size=1, max_size=20)


@given(st.lists(st.tuples(NAMES, st.text(max_size=50), st.none() | NAMES), max_size=5))
def test_what_is_written_is_read_again(given_fields: list[tuple[str, str, str | None]]) -> None:
    fields = tuple(Field(name, text.encode(), filename) for name, text, filename in given_fields)
    assert read_form(*write_form(fields)) == fields


def test_a_form_written_with_its_old_boundary_keeps_its_type() -> None:
    fields = read_form(BODY, TYPE)
    body, content_type = write_form(fields, TYPE)
    assert (content_type, read_form(body, content_type)) == (TYPE, fields)


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (BODY[:-20], TYPE),
        (BODY, "multipart/form-data"),
        (BODY, "multipart/form-data; boundary=other"),
        (b"{}", TYPE),
        (b"", TYPE),
        (BODY.replace(b"whisper-1", b"\xff"), TYPE),
        (BODY.replace(b' name="model"', b""), TYPE),
        (BODY, "application/json"),
    ],
)
def test_what_is_no_form_is_refused(body: bytes, content_type: str) -> None:
    with pytest.raises(BadForm):
        read_form(body, content_type)


@pytest.mark.parametrize(
    ("content_type", "expected"),
    [(TYPE, True), ("Multipart/Form-Data;boundary=x", True), ("application/json", False), ("", False)],
)
def test_a_form_is_known_by_its_type(content_type: str, expected: bool) -> None:
    assert is_form(content_type) is expected
