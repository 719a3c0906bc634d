"""Commands that report unexpected words as data."""

from __future__ import annotations

from collections.abc import Sequence

import click


class ExtraWordsError(click.UsageError):
    """Some words belong to no option and no argument; ``extra`` are those words."""

    def __init__(self, extra: Sequence[str], context: click.Context) -> None:
        plural = "s" if len(extra) > 1 else ""
        super().__init__(f"unexpected argument{plural} ({' '.join(extra)})", context)
        self.extra = tuple(extra)


class StrictCommand(click.Command):
    """A command of click that raises :class:`ExtraWordsError` for unexpected words."""

    allow_extra_args = True  # click's own error has the words only in its message

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the words of the command. Raises :class:`ExtraWordsError`, and what click raises."""
        rest = super().parse_args(ctx, args)
        if rest and not ctx.resilient_parsing:
            raise ExtraWordsError(rest, ctx)
        return rest
