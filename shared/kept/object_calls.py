"""Calls that concern what is kept for a client: files, batches and responses, in OpenAI's form.

They take the journey of all calls; what `Admit.object` says of them is here.
"""

from typing import Literal

import msgspec

Kind = Literal["file", "batch", "response"]

CREATE_FILE = "acreate_file"
CREATE_BATCH = "acreate_batch"
FILE_CONTENT = "afile_content"
DELETE_FILE = "afile_delete"
RETRIEVE_BATCH = "aretrieve_batch"
CANCEL_BATCH = "acancel_batch"
GET_RESPONSE = "aget_responses"
DELETE_RESPONSE = "adelete_responses"
CANCEL_RESPONSE = "acancel_responses"
INPUT_ITEMS = "alist_input_items"

PATHS = {
    CREATE_FILE: ("POST", "/files"),
    "afile_list": ("GET", "/files"),
    "afile_retrieve": ("GET", "/files/{id}"),
    DELETE_FILE: ("DELETE", "/files/{id}"),
    FILE_CONTENT: ("GET", "/files/{id}/content"),
    CREATE_BATCH: ("POST", "/batches"),
    "alist_batches": ("GET", "/batches"),
    RETRIEVE_BATCH: ("GET", "/batches/{id}"),
    CANCEL_BATCH: ("POST", "/batches/{id}/cancel"),
    GET_RESPONSE: ("GET", "/responses/{id}"),
    DELETE_RESPONSE: ("DELETE", "/responses/{id}"),
    CANCEL_RESPONSE: ("POST", "/responses/{id}/cancel"),
    INPUT_ITEMS: ("GET", "/responses/{id}/input_items"),
}
"""LiteLLM's name of each call: its method, and its path behind the version."""

LISTS = frozenset(("afile_list", "alist_batches"))
"""Answered from what the gateway knows: a provider would list what all keys put there. They concern no model."""

STORED = frozenset((GET_RESPONSE, DELETE_RESPONSE, CANCEL_RESPONSE, INPUT_ITEMS))
"""Of a response, where it is kept: at a provider or here."""

UNBILLED = frozenset(PATHS) - {CREATE_BATCH}

KEEPERS = ("openai", "azure", "groq", "hosted_vllm", "litellm_proxy")
"""Providers that have both APIs in OpenAI's form."""

BATCH = "batch"
"""The purpose of a file whose lines are requests."""


class Lines(msgspec.Struct, array_like=True, frozen=True):
    """What the lines of a batch's input file ask for, all together. They are calls of one type to one model.

    `outputs`: by the maximum that a line sets for an answer, 0 where it sets none, how many answers there may be.
    """

    url: str  # as the lines have it
    call_type: str
    model: str  # as the lines name it
    count: int
    text_bytes: int
    images: int
    with_tools: int  # lines that have any
    outputs: tuple[tuple[int, int], ...]
    units: tuple[tuple[str, int], ...] = ()


class Page(msgspec.Struct, array_like=True, frozen=True):
    """Which part of a list is to be shown: `after` an id, "" from its beginning; the newest first, or `ascending`."""

    limit: int
    after: str = ""
    ascending: bool = False
    purpose: str = ""  # files of this one alone; "" all


class ObjectCall(msgspec.Struct, array_like=True, frozen=True):
    """`id` is what the client names, "" where it is made; `owner` whose it is, or will be (shared/kept/owned.py)."""

    kind: Kind
    owner: str
    id: str = ""
    form: tuple[tuple[str, str], ...] = ()  # the plain fields of an upload, for the provider
    filename: str = ""
    file_type: str = ""
    renames: bool = False  # lines name a model of the configuration: the provider gets its own name for it
    lines: Lines | None = None  # of the file that is uploaded, or that a batch is made of
    page: Page | None = None  # of a list
    query: str = ""  # the client's, of a response
