"""The tables of docs/settings.md, made of the settings' own types."""
