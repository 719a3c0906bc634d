"""Text without meaning: places in it, escapes, lines, quotes. Nothing here knows what a text is about.

Laws of this room:

1. It imports nothing of the library and does no IO.
2. Every reader takes time in proportion to its text, whatever the text holds.
3. A reader calls nothing recursively: the text does not decide how deep the stack grows.
"""
