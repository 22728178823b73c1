"""What goes wrong inside the control plane, as a client is told of it."""

from collections.abc import Iterator
from contextlib import contextmanager

import msgspec
import structlog
from eventsourcing.persistence import DataError, OperationalError

from services.policy.control.holders.aggregate import HolderIsDeleted, HolderIsThere
from services.policy.control.keys.key_alias import AliasIsTaken
from services.policy.control.keys.virtual_key import KeyIsDeleted
from services.policy.control.store.wire import STATE_BYTES_MAX
from shared.errors import InvalidRequest, NotFound, TooLarge, Unavailable

log = structlog.get_logger()


@contextmanager
def as_client_errors() -> Iterator[None]:
    """Turn the control plane's own exceptions into GatewayErrors."""
    try:
        yield
    except KeyIsDeleted:
        raise no_such_key() from None
    except HolderIsDeleted as error:
        raise NotFound(f"{error} was just deleted.") from None
    except HolderIsThere as error:
        raise InvalidRequest(f"{error} already exists.", type="bad_request_error") from None
    except AliasIsTaken as error:
        raise InvalidRequest(
            f"Key with alias '{error}' already exists. Unique key aliases across all keys are required.",
            param="key_alias",
            type="bad_request_error",
        ) from None
    except msgspec.ValidationError as error:
        raise InvalidRequest(f"A field has not the type it must have: {error}", type="bad_request_error") from None
    except DataError:
        limit = f"{STATE_BYTES_MAX // 1024} KB"
        raise TooLarge(f"The fields, metadata included, may take at most {limit} together.") from None
    except OperationalError as error:
        log.error("the event store does not answer", error=str(error))
        raise Unavailable(
            "The event store does not answer. If this was a change, look whether it was made before making it again.",
            retry_after_s=1,
        ) from None


def no_such_key() -> NotFound:
    return NotFound("Key not found.", param="key")


def already_there(*, deleted: bool, field: str = "key") -> InvalidRequest:
    state = "existed and was deleted; a deleted key never comes back" if deleted else "already exists"
    return InvalidRequest(f"This key {state}. Choose another value.", param=field, type="bad_request_error")
