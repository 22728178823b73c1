"""Anthropic's own clients in front of Anthropic, or of a cloud that hosts Claude: hardly anything is translated."""
