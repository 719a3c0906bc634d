"""Tests of stored objects, and the check of the whole configuration, from the menus: as the commands make them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from confobjects.mail.setup import SENDER_KIND

from ..mail_tests import MailTest, run_test
from .terminal import BackRequest
from .trusting import offer_trust

if TYPE_CHECKING:
    from confobjects.definitions import ManagedObjectDefinition
    from confobjects.objects.model import ManagedObject

    from .session import InteractiveSession

Test = Callable[["InteractiveSession", "ManagedObject"], None]


def _test_delivery(session: InteractiveSession, obj: ManagedObject) -> None:
    """Test a mail server, or a mail sender with its mail server; a certificate that is not trusted can be."""
    from ..commands.test_mail_server import print_result

    is_sender = obj.path.relation == SENDER_KIND
    test = MailTest(sender_name=obj.name) if is_sender else MailTest(server_name=obj.name)
    while True:
        run = run_test(session.invocation, test)
        print_result(session.invocation, run.result)
        with suppress(BackRequest):
            if not run.result.ok and offer_trust(session, run.server, run.result):
                continue
        return


def _test_token(session: InteractiveSession, obj: ManagedObject) -> None:
    """Get a token from an OAuth 2.0 provider."""
    from ..commands.test_oauth2_provider import test_provider

    test_provider(session.invocation, obj.name)


TESTS: Final[Mapping[str, Test]] = {"delivery": _test_delivery, "token": _test_token}
"""What carries out a test, by the name of the check in ``verification`` of a definition."""


def find_test(definition: ManagedObjectDefinition) -> Test | None:
    """Return what tests an object of a type, None if nothing does."""
    verification = definition.verification
    return None if verification is None else TESTS.get(verification.check)


def check_all(session: InteractiveSession) -> None:
    """Check the whole configuration as a starting service would, and tell what was found."""
    from ..commands.check import run_check

    run_check(session.invocation)
