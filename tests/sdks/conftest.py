"""Tests with the official SDKs of pyproject.toml's extra `sdks`, in an environment that has them."""

from importlib.util import find_spec

import pytest

SDKS = ("cloudflare", "ibm_watsonx_ai", "voyageai")

if missing := [name for name in SDKS if find_spec(name) is None]:
    raise pytest.UsageError(
        f"tests/sdks needs {', '.join(missing)}, which this environment has not: run them with `make test-sdks`."
    )
