"""Realtime sessions: a client's WebSocket, as its edge passes it on, joined to one of a provider.

`sessions.py` opens them, `session.py` is one while it lasts; what events mean is decided in pure modules beside them.
"""
