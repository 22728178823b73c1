"""How a query fails, in ClickHouse's terms: a numeric code, its name in the text, and an HTTP status.

Statuses as ClickHouse's HTTP interface gives them (src/Server/HTTP/exceptionCodeToHTTPStatus.cpp).
"""

import re

SYNTAX_ERROR = 62
NOT_IMPLEMENTED = 48
BAD_ARGUMENTS = 36
CANNOT_READ_ALL_DATA = 33
UNKNOWN_TYPE_OF_QUERY = 78
TOO_MANY_SIMULTANEOUS_QUERIES = 202
QUERY_IS_TOO_LARGE = 229
CANNOT_DECOMPRESS = 271
INTO_OUTFILE_NOT_ALLOWED = 358
SESSION_NOT_FOUND = 372
AUTHENTICATION_FAILED = 516
STD_EXCEPTION = 1001

_CODES_BY_STATUS = {
    400: (6, 8, 15, 25, 26, 27, 36, 37, 38, 41, 44, 53, 62, 72, 117, 123, 167, 168, 223, 321, 376, 427, 441, 675, 676),
    401: (194,),
    403: (192, 193, 497, 512, 516),
    404: (46, 47, 50, 56, 60, 63, 73, 78, 81, 115, 152, 336, 511),
    408: (159,),
    411: (381,),
    413: (229,),
    415: (779,),
    501: (48,),
    # 202 is ours: a server answers 500, but clients repeat a request only after a 503
    503: (76, 202, 209, 439),
}
_STATUSES = {code: status for status, codes in _CODES_BY_STATUS.items() for code in codes}
_CODE = re.compile(r"Code: (\d+)\.")


class QueryFailed(Exception):
    """`text` is ClickHouse's sentence, `Code: 62. DB::Exception: ... (SYNTAX_ERROR)`, without the version."""

    def __init__(self, code: int, text: str, *, status: int | None = None) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.status = _STATUSES.get(code, 500) if status is None else status


def refused(code: int, name: str, reason: str, *, status: int | None = None) -> QueryFailed:
    """Return a failure that the engine was not asked about, in the engine's words."""
    return QueryFailed(code, f"Code: {code}. DB::Exception: {reason} ({name})", status=status)


def engine_failure(message: str) -> QueryFailed:
    """Return the failure that the engine's message tells of; one without a code is STD_EXCEPTION."""
    found = _CODE.search(message)
    if found is None:
        return refused(STD_EXCEPTION, "STD_EXCEPTION", message)
    return QueryFailed(int(found[1]), message[found.start() :].strip())
