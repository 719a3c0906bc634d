"""The command line: words in, a call, words out.

Laws of this room:

1. No logic. The library does the work; a command translates words to a call, and the result to words.
2. A command line builds only the command that it names, and imports only what that command needs.
3. Options are one table (``options``), commands are one table (``commands``), exit codes belong to the error classes.
4. Results go to standard output, everything else to standard error. A user's mistake never shows a traceback.
5. No property is named here: the five verbs are made from the definitions.
"""
