"""OpenAI chat completions to and from Bedrock's Converse and ConverseStream."""
