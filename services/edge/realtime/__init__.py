"""Realtime sessions as their clients see them: a WebSocket, whose other end is a router."""
