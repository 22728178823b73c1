"""OpenAI chat completions to and from Gemini's generateContent: translation only, no I/O.

`requests` go there, `answers` come back; `native` is what passes as it is in Google's own dialect. Google AI
Studio and Vertex AI speak it alike. Format: https://ai.google.dev/api/generate-content
"""
