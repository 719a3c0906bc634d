"""Batches: many commands in one file, checked as a whole and made in one change.

``dialect`` reads a text as commands, ``source`` knows the places in it, ``parsing`` makes steps of commands, ``runner``
carries them out, ``summary`` reports the result.
"""
