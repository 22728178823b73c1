"""The form of its answer that a chat asks for by `response_format`."""

from typing import Any, NamedTuple

from services.router.providers.answers.rejection import InvalidField


class AnswerSchema(NamedTuple):
    """`schema` is empty where any JSON object will do; `declared` is what the client wrote around it."""

    schema: dict[str, Any]
    declared: dict[str, Any]


def answer_schema(body: dict[str, Any]) -> AnswerSchema | None:
    """Return the schema that is asked for; None where text will do.

    Raises:
        InvalidField
    """
    wanted = body.get("response_format")
    if wanted is None:
        return None
    if not isinstance(wanted, dict):
        raise InvalidField("response_format", "must be an object with a type.")
    kind = wanted.get("type")
    if kind == "text":
        return None
    if kind == "json_object":
        return AnswerSchema({}, {})
    if kind != "json_schema":
        raise InvalidField("response_format.type", "must be text, json_object or json_schema.")
    declared = wanted.get("json_schema")
    if not isinstance(declared, dict):
        raise InvalidField("response_format.json_schema", "must be an object with name and schema.")
    schema = declared.get("schema", {})
    if not isinstance(schema, dict):
        raise InvalidField("response_format.json_schema.schema", "must be a JSON schema.")
    return AnswerSchema(schema, declared)
