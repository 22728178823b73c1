"""OpenAI chat completions to and from Anthropic's Messages API: translation only, no I/O.

`request.to_messages` goes there; `response.to_completion` and `stream.StreamTranslator` come back.
Format: https://platform.claude.com/docs/en/api/messages
"""
