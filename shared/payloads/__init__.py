"""Bodies: in pieces, as forms, as lines of a file, and what is read off their contents."""
