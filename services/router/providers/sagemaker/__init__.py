"""AWS SageMaker's endpoints: containers that speak OpenAI's chat completions, and Hugging Face's text generation."""
