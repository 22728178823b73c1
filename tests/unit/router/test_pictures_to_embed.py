"""Pictures among the inputs of embeddings, as every cloud that takes them reads them."""

import pytest

from services.router.providers.answers.rejection import InvalidField
from services.router.providers.bedrock.embeddings import embedding_requests
from services.router.providers.bedrock.model_id import model_id_of
from services.router.providers.gemini.embeddings import multimodal_request
from services.router.providers.vectors.pictures import picture_in


def test_a_picture_goes_as_one_and_a_text_as_a_text() -> None:
    assert picture_in("data:image/jpg;base64,AAAA") == ("jpeg", "AAAA")
    sent = multimodal_request({"input": ["a dog", "data:image/png;base64,AAAA", "gs://bucket/dog.png"]})
    assert sent["instances"] == [
        {"text": "a dog"},
        {"image": {"bytesBase64Encoded": "AAAA"}},
        {"image": {"gcsUri": "gs://bucket/dog.png"}},
    ]


@pytest.mark.parametrize("given", ["data:image/png,AAAA", "data:image/png;base64"])
def test_what_begins_as_a_picture_and_is_none_is_not_embedded_as_a_text(given: str) -> None:
    titan = model_id_of("amazon.titan-embed-image-v1", "")
    for refused in (
        lambda: multimodal_request({"input": [given]}),
        lambda: embedding_requests({"input": [given]}, titan, drop_params=False),
    ):
        with pytest.raises(InvalidField, match="must have its pictures as data:image/FORMAT;base64,DATA"):
            refused()
