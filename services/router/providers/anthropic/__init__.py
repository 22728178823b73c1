"""Anthropic's Messages API, its own and as clouds host it: translation only, no I/O.

`requests/` makes messages of OpenAI chat completions, `answers/` comes back; `native/` is for clients that speak it
themselves. Format: https://platform.claude.com/docs/en/api/messages
"""
