"""What every fact begins with."""

from collections.abc import Callable
from typing import Any, ClassVar, ParamSpec, TypeVar, cast

import orjson
from pydantic import BaseModel, ConfigDict

from shared import subjects
from shared.calls import Caller

P = ParamSpec("P")
M = TypeVar("M", bound=BaseModel)


class Fact(BaseModel):
    """Money is integer pico-dollars (`_pico`), points in time integer milliseconds since 1970 UTC (`_ms`)."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    KIND: ClassVar[str]
    VERSION: ClassVar[int] = 1

    kind: str
    v: int
    id: str  # the fact's own id and its message id: a second one with the same id is dropped
    ts_ms: int
    tenant: str

    @property
    def subject(self) -> str:
        return subjects.fact(self.kind, self.v, self.tenant)


class OfCaller(Fact):
    """A fact about one request, with whom it is counted to."""

    request_id: str
    key: str
    key_alias: str = ""
    user_id: str = ""
    team_id: str = ""
    organization_id: str = ""
    end_user: str = ""
    tags: tuple[str, ...] = ()


def caller_fields(caller: Caller) -> dict[str, Any]:
    """The part of an OfCaller fact that the caller fills."""
    return {
        "tenant": caller.tenant,
        "key": caller.key,
        "key_alias": caller.key_alias,
        "user_id": caller.user_id,
        "team_id": caller.team_id,
        "organization_id": caller.organization_id,
        "end_user": caller.end_user,
        "tags": caller.tags,
    }


def unchecked(kind: Callable[P, M]) -> Callable[P, M]:
    """Return what makes objects of `kind` without validating their fields: mypy has checked those of the callers.

    Three facts are made for each request, and validating what we ourselves just computed is two thirds of their cost.
    What is read is always validated.
    """
    model: Any = kind
    defaults = {name: field.default for name, field in model.model_fields.items() if not field.is_required()}
    new, put = model.__new__, object.__setattr__

    def make(*_: P.args, **fields: P.kwargs) -> M:
        made = new(model)
        put(made, "__dict__", {**defaults, **fields})
        put(made, "__pydantic_fields_set__", set(fields))
        put(made, "__pydantic_extra__", None)
        put(made, "__pydantic_private__", None)
        return cast(M, made)

    return make


def encode_fact(fact: Fact) -> bytes:
    try:
        return orjson.dumps(fact.__dict__, _fields)
    except TypeError:  # an amount past 64 bits, which orjson does not write
        return fact.__pydantic_serializer__.to_json(fact)


def _fields(part: BaseModel) -> dict[str, Any]:
    return part.__dict__
