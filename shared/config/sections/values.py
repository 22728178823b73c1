"""The kinds of value a setting can have, strict where a slip would otherwise be read as something else."""

import re
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BeforeValidator, Field, PlainValidator
from pydantic_core import PydanticCustomError

from shared.config.reading.references import MissingVariable


def _text(value: Any) -> str | MissingVariable:
    if isinstance(value, str | MissingVariable):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)  # YAML reads an unquoted 4 as a number
    raise PydanticCustomError("text", "must be text")


def _number(value: Any) -> Any:
    if isinstance(value, bool):  # pydantic takes true for 1
        raise PydanticCustomError("number", "must be a number")
    return value


def _variable(value: Any) -> Any:
    return str(value) if isinstance(value, bool) else value  # as LiteLLM exports them: "True"


_DURATION = re.compile(r"0*[1-9]\d{0,9}(mo|[smhdw])\Z", re.ASCII)


def _duration(value: Any) -> str:
    if isinstance(value, str) and _DURATION.match(value.strip()):
        return value.strip()
    raise PydanticCustomError("duration", "must be a number and one of s, m, h, d, w, mo, such as 30d")


def _timezone(value: Any) -> str:
    try:
        return ZoneInfo(value).key
    except (ZoneInfoNotFoundError, ValueError, TypeError, OSError):
        raise PydanticCustomError("timezone", "must name a time zone by region and city") from None


def listed(value: Any) -> Any:
    """Return a lone name as a list of one: LiteLLM takes `callbacks: prometheus` as well."""
    return [value] if isinstance(value, str) else value


Text = Annotated[str | MissingVariable, PlainValidator(_text)]
Names = Annotated[tuple[str, ...], BeforeValidator(listed)]
VariableText = Annotated[str, BeforeValidator(_variable)]
Count = Annotated[int, BeforeValidator(_number), Field(ge=0)]
Whole = Annotated[int, BeforeValidator(_number)]
Number = Annotated[float, BeforeValidator(_number), Field(allow_inf_nan=False)]
Seconds = Annotated[float, BeforeValidator(_number), Field(gt=0, allow_inf_nan=False)]
Percent = Annotated[int, BeforeValidator(_number), Field(ge=1, le=100)]
Share = Annotated[float, BeforeValidator(_number), Field(ge=0, le=1, allow_inf_nan=False)]
Usd = Annotated[float, BeforeValidator(_number), Field(ge=0, allow_inf_nan=False)]
Timezone = Annotated[str, PlainValidator(_timezone)]
Duration = Annotated[str, PlainValidator(_duration)]
