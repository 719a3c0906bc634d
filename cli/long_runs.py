"""What the commands share that run until somebody ends them: options, and the collector of garbage."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

import click

from .words.numbers import PATIENCE


def timeout_option() -> click.Option:
    """Return the option that says how long to wait for a configuration at the start."""
    return click.Option(
        ["--timeout"],
        metavar="SECONDS",
        type=PATIENCE,
        help="How long to wait for a configuration that is not there yet; without it there is no limit.",
    )


def log_format_option() -> click.Option:
    """Return the option that says how the log is written."""
    return click.Option(
        ["--log-format"],
        type=click.Choice(["json", "text"]),
        default="text",
        show_default=True,
        help="How the log on standard error is written.",
    )


@contextmanager
def collect_garbage() -> Iterator[None]:
    """Collect garbage meanwhile. That is off while a command runs, but one of these may run for months."""
    collecting = gc.isenabled()
    gc.enable()
    try:
        yield
    finally:
        if not collecting:
            gc.disable()
