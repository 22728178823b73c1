"""What providers' answers have in common: event streams, refusals, broken answers, translation into OpenAI's form."""
