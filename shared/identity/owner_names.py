"""Whose an object is that a provider keeps, as one name."""

from shared.identity.keys import MASTER_KEY_ID


def owner_of(key: str, user_id: str, team_id: str) -> str:
    """Return whose an object is that a key makes: of its user in its team, else of its team, else of the key alone.

    So a user who gets a new key keeps what the old one made. `user_id` and `team_id` are "" where there is none.
    """
    if key == MASTER_KEY_ID:
        return "master"
    if user_id:
        return f"user:{team_id}:{user_id}"
    return f"team:{team_id}" if team_id else f"key:{key}"
