"""Measurements anyone can repeat: ``make bench``.

Laws: whole processes are measured, started as a user starts them. Compared commands run in turns (A B A B), so that a
slow machine slows both. Results are medians; a ratio is the median of the ratios of the pairs. The installed wheel is
measured, never the checkout. The tests check no figures, because a time is not a reliable test.
"""
