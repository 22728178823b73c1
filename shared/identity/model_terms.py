"""Which of the terms that somebody has for one model each concern a call: by the name of the model. Pure."""

from collections.abc import Collection

from shared.identity.access import covers


def names_for(named: Collection[str], group: str, model: str) -> list[str]:
    """Return those of the names `named` that mean `model`, which the configuration calls `group`.

    As in LiteLLM, a name is looked for as it is, and without its provider only where it is not there: a budget for
    gpt-4o counts calls to openai/gpt-4o that has none itself. A wildcard means all that it covers, together.
    """
    found: dict[str, None] = {}
    for name in (group, model):
        bare = name.partition("/")[2]
        if name in named:
            found[name] = None
        elif bare and bare in named:
            found[bare] = None
    for pattern in named:
        if "*" in pattern and (covers(pattern, group) or covers(pattern, model)):
            found[pattern] = None
    return list(found)
