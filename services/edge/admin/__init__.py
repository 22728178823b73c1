"""The admin API: LiteLLM's paths and JSON. It decides nothing: it asks policy, and writes the answer out."""

from services.edge.admin.authority import Actor, Identify
from services.edge.admin.keys import key_routes
from services.edge.admin.own_view import WaitUntilSeen, seen_in
from services.edge.admin.routes import management_routes

__all__ = ["Actor", "Identify", "WaitUntilSeen", "key_routes", "management_routes", "seen_in"]
