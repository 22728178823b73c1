"""Parameters by which a deployment signs in to a cloud: AWS, Google Cloud, Microsoft's Entra ID, IBM Cloud."""

from typing import Any

from pydantic import Field

from shared.config.sections.section import Section
from shared.config.sections.values import Text


class CloudSignIn(Section):
    """What is left out comes from the cloud's usual variables and places."""

    aws_access_key_id: Text | None = Field(None, repr=False, description="AWS access key.")
    aws_secret_access_key: Text | None = Field(None, repr=False, description="Its secret.")
    aws_session_token: Text | None = Field(None, repr=False, description="Its session token, for temporary keys.")
    aws_region_name: Text | None = Field(None, description="AWS region; else `AWS_REGION_NAME` or `AWS_REGION`.")
    aws_profile_name: Text | None = Field(None, description="Profile of AWS's configuration files.")
    aws_role_name: Text | None = Field(None, description="ARN of a role to assume through STS.")
    aws_session_name: Text | None = Field(None, description="Name of the role's session; else `meterhouse`.")
    aws_external_id: Text | None = Field(None, description="External id that the role asks for.")
    aws_session_tags: tuple[dict[str, str], ...] | None = Field(
        None, description="Tags of the role's session: a list of `Key` and `Value`; a web identity brings its own."
    )
    aws_web_identity_token: Text | None = Field(
        None, repr=False, description="Token of a web identity for `aws_role_name`, or the file that has it."
    )
    aws_sts_endpoint: Text | None = Field(None, description="Address of STS, where it is not the region's.")
    aws_bedrock_runtime_endpoint: Text | None = Field(
        None, description="Address of Bedrock, where it is not the region's."
    )
    model_id: Text | None = Field(
        None,
        description="ARN or id that Bedrock is asked for in place of `model`, which says what it is and how "
        "it is priced; at SageMaker the inference component.",
    )
    vertex_project: Text | None = Field(None, description="Google Cloud project; else the credentials' own.")
    vertex_location: Text | None = Field(None, description="Region of Vertex AI, or `global`; else `us-central1`.")
    vertex_credentials: Text | dict[str, Any] | None = Field(
        None, repr=False, description="Google credentials: a file's path or its JSON; else the default ones."
    )
    vertex_ai_project: Text | None = Field(None, description="Another name for `vertex_project`, which wins.")
    vertex_ai_location: Text | None = Field(None, description="Another name for `vertex_location`, which wins.")
    vertex_ai_credentials: Text | dict[str, Any] | None = Field(
        None, repr=False, description="Another name for `vertex_credentials`, which wins."
    )
    azure_ad_token: Text | None = Field(None, repr=False, description="Entra ID token, where there is no key.")
    tenant_id: Text | None = Field(None, description="Entra ID tenant that gives out tokens.")
    client_id: Text | None = Field(
        None, description="Application that signs in at Entra ID, or service principal at Databricks."
    )
    client_secret: Text | None = Field(None, repr=False, description="Its secret.")
    azure_username: Text | None = Field(None, description="User that signs in with the application.")
    azure_password: Text | None = Field(None, repr=False, description="The user's password.")
    azure_certificate_path: Text | None = Field(
        None, description="File of the application's certificate and key, PEM or PKCS #12, in place of its secret."
    )
    azure_certificate_password: Text | None = Field(None, repr=False, description="The file's password.")
    azure_managed_identity: bool | None = Field(
        None, description="Sign in as the machine of Azure that the router runs on; `client_id` of one assigned to it."
    )
    azure_scope: Text | None = Field(None, description="What the token is for; else Azure's AI services.")

    project_id: Text | None = Field(None, description="Project at watsonx.ai; else `WATSONX_PROJECT_ID`.")
    space_id: Text | None = Field(None, description="Deployment space there, in place of a project.")
    token: Text | None = Field(None, repr=False, description="Token for watsonx.ai, where there is no key.")
    account_id: Text | None = Field(None, description="Snowflake's account, where `api_base` does not have it.")
    zen_api_key: Text | None = Field(None, repr=False, description="Key of Cloud Pak for Data, for watsonx.ai there.")

    def sign_in(self) -> dict[str, Any]:
        """Return the parameters that are set, by name."""
        given = {name: getattr(self, name) for name in CloudSignIn.model_fields if getattr(self, name) is not None}
        for name in ("project", "location", "credentials"):
            if f"vertex_ai_{name}" in given:
                given.setdefault(f"vertex_{name}", given.pop(f"vertex_ai_{name}"))
        return given
