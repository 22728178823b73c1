import pytest

from shared.header_lines import header_text, headers_in, lines_of


def test_headers_become_lines_and_lines_headers() -> None:
    headers = (("x-limit", "5"), ("x-resets", "2026-11-23 01:31:38 UTC"), ("x-empty", ""))
    assert lines_of(headers) == "x-limit: 5\r\nx-resets: 2026-11-23 01:31:38 UTC\r\nx-empty: \r\n"
    assert headers_in(lines_of(headers)) == headers
    assert lines_of(()) == ""
    assert headers_in("") == ()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("openai/gpt-4o", "openai/gpt-4o"),
        ("a\r\nset-cookie: x=1", "a??set-cookie: x=1"),
        ("日本", "??"),
        ("é\x00\x7f", "???"),
        ("", ""),
    ],
)
def test_a_name_in_a_header_cannot_end_it(text: str, shown: str) -> None:
    assert header_text(text) == shown
    assert shown.isascii()
