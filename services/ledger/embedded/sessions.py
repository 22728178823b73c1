"""What a client set for its session: SET and USE, run again on the handle of each of its later requests."""

from collections import OrderedDict
from dataclasses import dataclass, field

from services.ledger.embedded.failure import BAD_ARGUMENTS, SESSION_NOT_FOUND, refused

SESSIONS = 1000
STATEMENTS = 100


@dataclass(slots=True)
class _Session:
    statements: dict[bytes, None] = field(default_factory=dict)
    until: float = 0.0


class Sessions:
    """Sessions by id. One that set nothing takes no room, so clients may send an id with each request, and do.

    `now` is monotonic seconds.
    """

    def __init__(self) -> None:
        self._sessions: OrderedDict[str, _Session] = OrderedDict()

    def statements(self, session_id: str, *, timeout_s: float, must_exist: bool, now: float) -> tuple[bytes, ...]:
        """Return what to run first, in order.

        Raises:
            QueryFailed: 372, if the client insists on a session that is over.
        """
        session = self._sessions.get(session_id)
        if session is not None and session.until > now:
            session.until = now + timeout_s
            self._sessions.move_to_end(session_id)
            return tuple(session.statements)
        self._sessions.pop(session_id, None)
        if must_exist:
            raise refused(SESSION_NOT_FOUND, "SESSION_NOT_FOUND", f"Session {session_id} not found or over.")
        return ()

    def remember(self, session_id: str, statement: bytes, *, timeout_s: float, now: float) -> None:
        """Keep a SET or USE that worked; the same one again counts from now.

        Raises:
            QueryFailed: more statements than a session may keep.
        """
        session = self._sessions.get(session_id)
        if session is None or session.until <= now:
            session = self._sessions[session_id] = _Session()
        session.statements.pop(statement, None)
        if len(session.statements) >= STATEMENTS:
            reason = f"A session keeps {STATEMENTS} statements: send settings with the request, or begin a new session."
            raise refused(BAD_ARGUMENTS, "BAD_ARGUMENTS", reason)
        session.statements[statement] = None
        session.until = now + timeout_s
        self._sessions.move_to_end(session_id)
        while len(self._sessions) > SESSIONS:
            self._sessions.popitem(last=False)
