"""Organisations: what teams and keys belong to, with members of their own."""
