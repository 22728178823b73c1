"""No tokenizer makes more tokens of a text than its bound says: held against what they really counted."""

import json
from pathlib import Path

import pytest

from services.policy.budgets.group_ceiling import MARGIN
from shared import tokens

FOLDER = Path(__file__).with_name("tokenizers")
TEXTS: dict[str, str] = json.loads((FOLDER / "texts.json").read_text(encoding="utf-8"))
COUNTS: dict[str, dict[str, int]] = json.loads((FOLDER / "counts.json").read_text(encoding="utf-8"))
BEGINNING = 1  # some tokenizers put a space before a text


@pytest.mark.parametrize("kind", TEXTS)
def test_the_bound_holds_for_every_tokenizer(kind: str) -> None:
    bound = tokens.most(TEXTS[kind])
    worst = max(COUNTS[kind].values())
    assert worst <= bound + BEGINNING
    assert bound <= len(TEXTS[kind].encode()), "bytes would be the closer bound"


@pytest.mark.parametrize("kind", TEXTS)
def test_openais_own_count_is_exact(kind: str) -> None:
    assert tokens.count(TEXTS[kind]) == COUNTS[kind]["gpt-4o"]


def test_the_bound_is_several_times_closer_than_bytes_for_prose_and_code() -> None:
    for kind, times in (("english", 4.5), ("legal", 4), ("python", 3), ("russian", 3), ("chinese", 2)):
        assert len(TEXTS[kind].encode()) / tokens.most(TEXTS[kind]) > times, kind


def test_the_bound_is_never_far_above_the_worst_tokenizer() -> None:
    far = {kind: tokens.most(text) / max(COUNTS[kind].values()) for kind, text in TEXTS.items()}
    assert max(far.values()) < 1.35, far


def test_the_margin_leaves_room_for_tokenizers_nobody_published() -> None:
    """For prose and code none of the known ones comes within a quarter of the bound that others get."""
    for kind in ("english", "legal", "german", "french", "python", "json", "html", "log", "russian", "chinese"):
        assert max(COUNTS[kind].values()) < tokens.most(TEXTS[kind]) * MARGIN * 0.8, kind


def test_a_text_in_pieces_counts_no_less_than_as_a_whole() -> None:
    text = TEXTS["english"] * 120
    assert len(text) > 2 * 50_000
    assert tokens.count(text) >= 120 * (tokens.count(TEXTS["english"]) - 1)
