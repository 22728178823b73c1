"""How the router signs in at the clouds: credentials from files, token endpoints and metadata servers, and renewed.

The adapters in `services/router/providers` only translate; they are handed one of these.
"""
