"""How router reaches providers: HTTP/1.1 of its own where it pays, clients behind proxies, and steps of one answer."""
