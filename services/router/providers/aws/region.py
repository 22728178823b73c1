"""Which region of AWS a deployment is in, and the region's addresses."""

import re
from collections.abc import Mapping

from services.router.providers.credentials import sign_in_text, text_or_missing
from shared.serving.deployments import Deployment

DEFAULT_REGION = "us-west-2"
"""LiteLLM's."""

VARIABLES = ("AWS_REGION_NAME", "AWS_REGION", "AWS_DEFAULT_REGION")
_REGION = re.compile(r"[a-z]{2,}(?:-[a-z]+)+-\d")
_IN_ARN = re.compile(r"arn:aws[\w-]*:[\w-]+:([a-z0-9-]+):")


def region_of(deployment: Deployment, environ: Mapping[str, str]) -> str:
    """Return the region that is configured, in the model's name or its ARN, else the environment's."""
    given = sign_in_text(deployment, "aws_region_name") or text_or_missing(deployment.region, deployment, "region_name")
    if given:
        return given
    for part in deployment.model.split("/"):
        if is_region(part):
            return part
    for name in (deployment.model, sign_in_text(deployment, "model_id") or ""):
        if (found := _IN_ARN.search(name)) is not None:
            return found[1]
    return next((environ[name] for name in VARIABLES if environ.get(name)), DEFAULT_REGION)


def is_region(text: str) -> bool:
    return _REGION.fullmatch(text) is not None


def service_address(service: str, region: str) -> str:
    """Return the address of a service such as bedrock-runtime in a region."""
    return f"https://{service}.{region}.amazonaws.com" + (".cn" if region.startswith("cn-") else "")
