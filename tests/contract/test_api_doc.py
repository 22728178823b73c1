"""docs/api.md names every endpoint with all its paths."""

from pathlib import Path

import pytest

from services.edge.calls.endpoint import Endpoint
from services.edge.calls.table import ENDPOINTS
from services.edge.objects.paths import ENDPOINTS as OBJECTS
from services.edge.realtime.endpoint import REALTIME

ROWS = [
    line
    for line in Path("docs/api.md").read_text(encoding="utf-8").splitlines()
    if line.endswith(" |") and line.count(" | ") == 3 and line.startswith("| `")
]


ALL = (*ENDPOINTS, *OBJECTS.values(), REALTIME)


@pytest.mark.parametrize("endpoint", ALL, ids=lambda endpoint: endpoint.name)
def test_an_endpoint_has_its_row(endpoint: Endpoint) -> None:
    paths = ", ".join(f"`{path}`" for path in (*endpoint.paths, *endpoint.templates))
    assert f"| `{endpoint.name}` | {paths} | {endpoint.dialect} | `{endpoint.call_type}` |" in ROWS


def test_there_is_no_row_of_what_does_not_exist() -> None:
    assert len(ROWS) == len(ALL)
