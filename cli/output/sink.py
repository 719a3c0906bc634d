"""What a command talks to when it is a line of a batch and not a command line of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from confobjects.management import ManagementContext
    from confobjects.management.changing.operations import Operation

    from .messages import Message


class Sink:
    """Takes the operations and the output of a command, and gives it the open configuration."""

    def __call__(self, operation: Operation) -> None:
        """Take an operation instead of carrying it out."""
        raise NotImplementedError

    def resolve_options(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the global options that apply to a command, from those given on its own line.

        Raises :class:`~confobjects.errors.UsageError` for options that are not allowed there.
        """
        raise NotImplementedError

    def say(self, text: str) -> None:
        """Take a result that would be printed."""
        raise NotImplementedError

    def note(self, message: Message) -> None:
        """Take a message that would be printed to standard error."""
        raise NotImplementedError

    def open_context(self) -> ManagementContext:
        """Return the configuration at this step; closing it does nothing."""
        raise NotImplementedError
