"""Measurements anyone can repeat: ``make bench``.

Laws: whole processes, started as a user starts them; what is compared runs in turns (A B A B), so that a machine that
slows down slows both; medians, and for ratios the median of the ratios pair by pair; what is measured is the wheel,
installed, never the checkout. No figure is judged in the tests: a clock is no test.
"""
