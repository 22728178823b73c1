"""Which deployment serves which model name, as the configuration says it."""
