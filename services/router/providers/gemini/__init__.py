"""OpenAI chat completions to and from Gemini's generateContent: translation only, no I/O.

`request.to_generate_content` goes there; `response.to_completion` and `stream.StreamTranslator` come back. Google AI
Studio and Vertex AI speak it alike. Format: https://ai.google.dev/api/generate-content
"""
