"""Bedrock's InvokeModel: each family of models in its maker's own form.

Source: https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters.html
"""
