"""Google's generateContent as clients speak it: their requests as chat, and chat's answers as candidates."""
