"""What edge must know of a request's body, one module an endpoint: read without building what travels on as it came."""
