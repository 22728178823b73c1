"""A chat request as one of generateContent: `request.to_generate_content`."""
