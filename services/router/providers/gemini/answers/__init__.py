"""Answers of generateContent as chat's: `response.to_completion`, and `stream.StreamTranslator` for events."""
