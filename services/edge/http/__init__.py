"""What edge does with HTTP itself: the socket, the application in front, headers, bodies and errors."""
