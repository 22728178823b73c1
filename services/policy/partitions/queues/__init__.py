"""Requests of a partition that wait: for money that others hold, or for room in a limit."""
