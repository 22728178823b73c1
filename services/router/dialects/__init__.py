"""The APIs that clients speak beside OpenAI's chat, each translated to chat and back: pure, values in, values out.

A provider that speaks the client's own API gets the client's bytes; for all others a request goes through the one form
in the middle: OpenAI's chat completions with the extra fields of LiteLLM (thinking_blocks, cache_control, ...).
"""
