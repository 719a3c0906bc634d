"""What the mail service says about saving a mail server or a mail sender: whether it is tested first, and how far."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from confobjects.records import Record

SERVICE_KIND: Final = "mail-service"
"""The kind of the object that says it."""


class SavePolicy(Record):
    """``tests`` says whether what is saved is tested first, ``warns`` whether it is said that it was not; ``depth`` is how far."""

    tests: bool = False
    warns: bool = False
    depth: str = "auth"


def read_policy(read: Callable[[str], str]) -> SavePolicy:
    """Return the policy of a mail service, whose properties are read by their names."""
    policy = read("save-policy")
    return SavePolicy(tests=policy == "test", warns=policy == "warn-untested", depth=read("test-depth"))
