"""Which deployments may keep a file that is for several models."""

from typing import Any

import pytest

from services.edge.model_details.model_names import ModelNames
from services.edge.objects.choice import Said, keeper_of
from shared.errors import AccessDenied, InvalidRequest
from shared.identity.holder_access import HolderAccess
from shared.identity.keys import Key
from shared.kept.object_calls import Lines
from shared.serving.model_groups import ModelGroups
from tests.router_calls import deployment

NAMES = ModelNames(
    ModelGroups(
        [
            deployment("big-1", group="big", api_key="sk-1"),
            deployment("big-2", group="big", api_key="sk-2"),
            deployment("small-2", group="small", api_key="sk-2"),
            deployment("tiny-3", group="tiny", api_key="sk-3"),
        ]
    ),
    {"alias": "small"},
    (),
    HolderAccess({}, {}),
)


def said(*models: str) -> Said:
    return Said(models, "")


def lines_for(model: str) -> Lines:
    return Lines("/v1/chat/completions", "acompletion", model, 1, 10, 0, 0, ())


def key(**fields: Any) -> Key:
    return Key(token="t", version=1, tenant="t", key_name="", created_at=0.0, updated_at=0.0, **fields)


def test_one_model_leaves_it_open_which_of_its_deployments_keeps_a_file() -> None:
    assert keeper_of(said("big"), None, NAMES, None, ()) == ("big", "big", True, ())
    assert keeper_of(said("big", "big"), None, NAMES, None, ()).only == ()


def test_several_models_have_it_kept_by_the_account_that_serves_them_all() -> None:
    assert keeper_of(said("big", "small"), None, NAMES, None, ()) == ("big", "big", True, ("big-2",))
    assert keeper_of(said("alias", "big"), None, NAMES, None, ()) == ("alias", "small", True, ("small-2",))


def test_a_batchs_input_is_kept_for_the_model_that_its_lines_name() -> None:
    assert keeper_of(said("big", "small"), lines_for("small"), NAMES, None, ()) == (
        "small",
        "small",
        True,
        ("small-2",),
    )


@pytest.mark.parametrize(
    ("models", "lines", "message"),
    [
        (("big", "tiny"), None, "no account of a provider serves all of big, tiny"),
        (("big", "small", "tiny"), None, "no account"),
        (("big", "small"), lines_for("other"), "ask for 'other', which is none of 'target_model_names'"),
        (("big", "nowhere"), None, "model=nowhere"),
    ],
)
def test_models_that_no_account_serves_together_are_refused(
    models: tuple[str, ...], lines: Lines | None, message: str
) -> None:
    with pytest.raises(InvalidRequest, match=message) as refused:
        keeper_of(said(*models), lines, NAMES, None, ())
    assert refused.value.param == "target_model_names"


def test_a_key_of_some_models_is_told_how_a_file_without_a_model_is_kept() -> None:
    assert keeper_of(said(), None, NAMES, key(models=("openai/*",)), ("openai",)) == (
        "",
        "pass-through/openai/-",
        False,
        (),
    )
    with pytest.raises(AccessDenied, match="Say one of yours in 'target_model_names': big") as refused:
        keeper_of(said(), None, NAMES, key(models=("big",)), ("openai",))
    assert (refused.value.param, refused.value.type) == ("target_model_names", "key_model_access_denied")


def test_each_of_several_models_must_be_the_keys() -> None:
    with pytest.raises(AccessDenied, match="'small' is not available"):
        keeper_of(said("big", "small"), None, NAMES, key(models=("big",)), ())
