"""OpenAI's Responses API as clients speak it: their requests as chat, and chat's answers as responses."""
