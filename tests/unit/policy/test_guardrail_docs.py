"""docs/guardrails.md: its examples load and do what the page says, and it names what there is."""

import re
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml

from services.policy.guardrails import Blocked, Chain, Passed
from services.policy.guardrails.prebuilt_patterns import PREBUILT, WORD_LISTS
from shared.config.sections.guardrails import Guardrail

PAGE = (Path(__file__).parents[3] / "docs" / "guardrails.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
def chain(tmp_path: Path) -> Chain:
    entries: list[Any] = []
    for block in blocks("yaml"):
        if named := re.match(r"# (\S+)\n", block):
            (tmp_path / named[1]).write_text(block, encoding="utf-8")
        else:
            entries += yaml.safe_load(block)["guardrails"]
    return Chain.build([Guardrail.model_validate(entry) for entry in entries], base_dir=tmp_path)


def request(text: str) -> bytes:
    return orjson.dumps({"messages": [{"role": "user", "content": text}]})


def test_the_examples_load_without_a_warning(chain: Chain) -> None:
    assert chain.warnings == ()
    assert chain.names_for((), ()) == ("secrets",)
    assert chain.names_for(("advice", "project-names"), ()) == ("secrets", "project-names", "advice")


@pytest.mark.parametrize(
    ("name", "text", "seen"),
    [
        ("secrets", "a@b.com EMP-123456 ACME Corp", "[EMAIL_REDACTED] [EMPLOYEE_ID_REDACTED] [KEYWORD_REDACTED]"),
        ("project-names", "Apollonia", "***nia"),
        ("advice", "which stocks", None),
        ("advice", "Should I buy? For educational purposes.", None),
    ],
)
def test_the_examples_mask_what_the_page_says(chain: Chain, name: str, text: str, seen: str | None) -> None:
    assert chain.check_request(request(text), (name,)) == Passed(seen and request(seen), (name,))


@pytest.mark.parametrize(
    ("name", "text"),
    [("secrets", "AKIAIOSFODNN7EXAMPLE"), ("project-names", "zeus"), ("advice", "Guaranteed returns"),
     ("advice", "should I sell")],
)  # fmt: skip
def test_the_examples_block_what_the_page_says(chain: Chain, name: str, text: str) -> None:
    assert isinstance(chain.check_request(request(text), (name,)), Blocked)


def test_the_answer_on_the_page_is_the_answer(chain: Chain) -> None:
    (shown,) = (orjson.loads(block)["error"] for block in blocks("json"))
    verdict = chain.check_request(request("Project Apollo?"), ("secrets",))
    assert isinstance(verdict, Blocked)
    error = verdict.error
    assert shown == {
        "message": error.message, "type": error.type, "param": error.param, "code": str(error.status),
        **(error.fields or {}),
    }  # fmt: skip


def test_the_page_names_every_pattern_and_marks_those_that_need_a_word() -> None:
    table = "".join(line for line in PAGE.splitlines() if line.startswith("|"))
    named = dict(re.findall(r"`([a-z0-9_]+)`(\*?)", table.split("---|", 1)[1]))
    named.pop("pattern_name", None)
    assert {name: bool(star) for name, star in named.items()} == {
        name: bool(row.near) for name, row in PREBUILT.items()
    }
    assert len(WORD_LISTS) == 16
