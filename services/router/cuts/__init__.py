"""Streams as the money line sees them, in each dialect: what is text in them, and how one ends before its end. Pure.

A stream that is untouched on its way is cut in its own words: with the reason that the dialect has for an answer that
reached its length, and in the framing that it came in.
"""
