"""OpenAI's older completions: texts to be continued, for providers that only chat."""
