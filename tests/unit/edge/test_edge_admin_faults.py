"""A body of the wrong shape, told without the names that the validator has for its own parts."""

from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from services.edge.admin.teams.requests import Member
from services.edge.admin.validation import plain_faults


class OneOrMore(BaseModel):
    member: Member | list[Member]


@pytest.mark.parametrize(
    ("member", "faults"),
    [
        ({"user_id": "u"}, [("missing", ["member", "role"])]),
        ({"role": "user"}, [("value_error", ["member"])]),
        ([{"role": "boss", "user_id": "u"}], [("literal_error", ["member", 0, "role"])]),
        ("u", [("model_type", ["member"]), ("list_type", ["member"])]),
    ],
)
def test_of_a_field_that_is_one_or_a_list_the_fault_inside_is_told(
    member: Any, faults: list[tuple[str, list[Any]]]
) -> None:
    with pytest.raises(ValidationError) as refused:
        OneOrMore.model_validate({"member": member})
    told = plain_faults(refused.value.errors())  # type: ignore[arg-type]
    assert [(fault["type"], fault["loc"]) for fault in told] == faults
