"""AWS Bedrock: its Converse API, and the models' own forms through InvokeModel.

`converse/` translates OpenAI chat completions to and from Converse, `invoke/` those of each family of models;
translation only, no I/O. Format: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html
"""
