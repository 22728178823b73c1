"""What all sections of the configuration have in common."""

from pydantic import BaseModel, ConfigDict
from pydantic.config import JsonDict
from pydantic.fields import FieldInfo

NO_EFFECT: JsonDict = {"effect": False}
"""Marks a field, as its `json_schema_extra`, that is read and typed but changes nothing yet."""


class Section(BaseModel):
    """A mapping of the configuration whose settings are the fields; what else it holds has been sifted out before."""

    model_config = ConfigDict(frozen=True, extra="forbid", coerce_numbers_to_str=True)

    @classmethod
    def variant_field(cls, name: str) -> str | None:
        """Return the field that holds `name`, a setting by the form of its name; None where there are none such."""
        return None


def takes_effect(field: FieldInfo) -> bool:
    """Whether the setting changes what Meterhouse does."""
    return _mark(field).get("effect") is not False


def reason_of(field: FieldInfo) -> str:
    """Return why the setting has no effect, or nothing where it is only a matter of time."""
    return str(_mark(field).get("reason", ""))


def _mark(field: FieldInfo) -> JsonDict:
    return field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
