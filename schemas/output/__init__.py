"""Data only: the JSON Schema of each form of output of the command line, written by ``python -m tests.docs_check``.

Law: no code here, and nothing written by hand.
"""
