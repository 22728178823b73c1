"""What every kind of holder can be given alike, keys included: budgets and limits, read from LiteLLM's fields. Pure."""
