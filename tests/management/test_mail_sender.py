"""The mail sender: who mail comes from, and the mail server that it needs."""

from __future__ import annotations

from typing import Any

import pytest

from confobjects.actions import remedy_text
from confobjects.management import ManagementContext
from confobjects.objects.changes import PropertyChanges
from tests.definitions.documents import builtin
from tests.management.things import MAIL, manage, refused, summaries

NEWS = {"enabled": "true", "from-address": "news@example.com", "mail-server": "one"}


def with_server(**values: str) -> ManagementContext:
    ctx = manage(builtin())
    ctx.create("mail-server", "one", {**MAIL, **values})
    return ctx


@pytest.mark.parametrize(
    ("values", "problem", "remedy"),
    [
        ({"from-address": None}, "the mandatory property from-address has no value", "set from-address to …"),
        ({"from-address": "News <news@example.com>"}, "has a display name", 'did you mean "news@example.com"?'),
        ({"mail-server": None}, "the mandatory property mail-server has no value", "set mail-server to …"),
        ({"mail-server": "two"}, 'names the Mail Server "two", which does not exist', "create the mail-server"),
        ({"reply-to-name": "Bob"}, "reply-to-name is set, but there is no reply-to-address", "Set reply-to-address"),
        ({"from-name": "News\r\nBcc: eve@example.com"}, "does not have the form NAME", ""),
        ({"reply-to-address": "b@example.com", "reply-to-name": "B\x00"}, "does not have the form NAME", ""),
    ],
)
def test_what_a_sender_may_not_be(values: dict[str, Any], problem: str, remedy: str) -> None:
    ctx = with_server()
    given = {name: value for name, value in {**NEWS, **values}.items() if value is not None}
    [found] = refused(ctx, lambda: ctx.create("mail-sender", "news", given))
    assert problem in found.summary
    assert remedy in remedy_text(found.remedy)


def test_names_and_replies_are_optional() -> None:
    ctx = with_server()
    assert ctx.create("mail-sender", "news", NEWS).warnings == ()
    more = {"from-name": "Grüße", "reply-to-address": "bob@example.com", "reply-to-name": "Bob"}
    assert ctx.modify("mail-sender", "news", PropertyChanges(set=more)).changed


def test_its_mail_server_is_enabled_while_it_is() -> None:
    ctx = with_server(enabled="false")
    refused(ctx, lambda: ctx.create("mail-sender", "news", NEWS))
    ctx.create("mail-sender", "news", {**NEWS, "enabled": "false"})
    ctx.modify("mail-server", "one", PropertyChanges(set={"enabled": "true"}))
    ctx.modify("mail-sender", "news", PropertyChanges(set={"enabled": "true"}))
    off = PropertyChanges(set={"enabled": "false"})
    assert "/mail-sender/news needs it" in summaries(refused(ctx, lambda: ctx.modify("mail-server", "one", off)))[0][1]
    refused(ctx, lambda: ctx.delete("mail-server", "one"))
    ctx.rename("mail-server", "one", "other")
    assert ctx.get("mail-sender", "news").values["mail-server"] == ("other",)
