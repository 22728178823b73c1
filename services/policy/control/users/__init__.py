"""Users of the gateway, with their keys and memberships."""
