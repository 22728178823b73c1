"""Which call of files and batches a request is."""

import pytest

from services.edge.objects.paths import ObjectPaths

PATHS = ObjectPaths({"openai", "azure", "anthropic"})


@pytest.mark.parametrize(
    ("method", "path", "call_type", "object_id"),
    [
        ("POST", "/v1/files", "acreate_file", ""),
        ("POST", "/files/", "acreate_file", ""),
        ("GET", "/openai/v1/files", "afile_list", ""),
        ("GET", "/v1/files/file-1", "afile_retrieve", "file-1"),
        ("DELETE", "/v1/files/file-1", "afile_delete", "file-1"),
        ("GET", "/azure/v1/files/file-1/content", "afile_content", "file-1"),
        ("POST", "/v1/batches", "acreate_batch", ""),
        ("GET", "/batches/batch_1", "aretrieve_batch", "batch_1"),
        ("POST", "/openai/v1/batches/batch_1/cancel", "acancel_batch", "batch_1"),
    ],
)
def test_a_call_is_found_by_method_and_path(method: str, path: str, call_type: str, object_id: str) -> None:
    found = PATHS.find(method, path)
    assert found is not None
    assert (found.call_type, found.id) == (call_type, object_id)


@pytest.mark.parametrize(
    "path",
    ["/anthropic/v1/files", "/groq/v1/files", "/v1/files/a/b/c", "/v1/batches/b/content", "/v1/filesystem", "/x/files"],
)
def test_what_is_another_apis_is_left_alone(path: str) -> None:
    assert PATHS.find("GET", path) is None


def test_another_method_is_told_which_there_are() -> None:
    found = PATHS.find("PATCH", "/v1/files/f")
    assert found is not None
    assert (found.call_type, found.allowed) == ("", ("GET", "DELETE"))
