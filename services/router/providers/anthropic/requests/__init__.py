"""A chat request as one of the Messages API: `request.to_messages`."""
