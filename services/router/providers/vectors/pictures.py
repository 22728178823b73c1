"""Pictures among the inputs of embeddings: OpenAI's clients can send them only as texts, as `data:` URLs."""

from services.router.providers.answers.rejection import InvalidField


def picture_in(given: str) -> tuple[str, str] | None:
    """Return the format (png, jpeg, ...) and the base64 of a picture, None for a text.

    Raises:
        InvalidField: it begins as one, and is none.
    """
    if not given.startswith("data:image/"):
        return None
    header, comma, data = given.partition(",")
    if not comma or not header.endswith(";base64"):
        raise InvalidField("input", "must have its pictures as data:image/FORMAT;base64,DATA.")
    form = header[len("data:image/") :].partition(";")[0]
    return {"jpg": "jpeg"}.get(form, form), data
