"""What a key can say of streams whose client leaves."""

from typing import Any

import pytest

from shared.interrupted import Interrupted, interrupted_of

OWN = Interrupted("drain", 7.0, 9)


@pytest.mark.parametrize(
    ("value", "meaning"),
    [
        ("cancel", Interrupted("cancel", 7.0, 9)),
        ("drain", Interrupted("drain", 7.0, 9)),
        ("drain_capped", Interrupted("drain_capped", 7.0, 9)),
        ({"mode": "drain_capped", "seconds": 3}, Interrupted("drain_capped", 3.0, 9)),
        ({"mode": "drain_capped", "seconds": 0.5, "tokens": 40}, Interrupted("drain_capped", 0.5, 40)),
        ({"mode": "drain_capped", "tokens": None}, Interrupted("drain_capped", 7.0, None)),
    ],
)
def test_a_mode_and_its_caps(value: Any, meaning: Interrupted) -> None:
    assert interrupted_of(value, OWN) == meaning


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (None, "must be one of drain, cancel, drain_capped"),
        ("stop", "must be one of drain, cancel, drain_capped"),
        ({"seconds": 3}, "must be one of drain, cancel, drain_capped"),
        ({"mode": "drain", "minutes": 3}, "mode, seconds and tokens"),
        ({"mode": "drain_capped", "seconds": 0}, r"interrupted_stream\.seconds must be more than 0"),
        ({"mode": "drain_capped", "seconds": True}, r"interrupted_stream\.seconds"),
        ({"mode": "drain_capped", "tokens": 0}, r"interrupted_stream\.tokens"),
        ({"mode": "drain_capped", "tokens": 1.5}, r"interrupted_stream\.tokens"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name(value: Any, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        interrupted_of(value)
