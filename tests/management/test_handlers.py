"""Alert handlers and account status notification handlers: what they may be, and what they need."""

from __future__ import annotations

from typing import Any

import pytest

from confobjects.actions import remedy_text
from confobjects.management import ManagementContext
from confobjects.objects.changes import PropertyChanges
from tests.definitions.documents import builtin
from tests.management.things import MAIL, manage, refused, summaries

ALERTS, NOTICES = "alert-handler", "account-status-notification-handler"
TYPES = {ALERTS: "smtp-alert-handler", NOTICES: "smtp-account-status-notification-handler"}
GIVEN: dict[str, dict[str, Any]] = {
    ALERTS: {"enabled": "true", "recipient-address": ["ops@example.com"]},
    NOTICES: {"enabled": "true", "message-template": ["password-reset:It was reset."]},
}


@pytest.fixture
def ctx() -> ManagementContext:
    made = manage(builtin())
    made.create("mail-server", "one", MAIL)
    sender = {"enabled": "true", "from-address": "news@example.com", "mail-server": "one"}
    made.create("mail-sender", "news", sender)
    return made


def create(ctx: ManagementContext, kind: str, **values: Any) -> Any:
    given = {**GIVEN[kind], **{name.replace("_", "-"): value for name, value in values.items()}}
    return ctx.create(kind, "ops", {k: v for k, v in given.items() if v is not None}, type=TYPES[kind])


@pytest.mark.parametrize(
    ("kind", "values", "problem", "remedy"),
    [
        (ALERTS, {"recipient_address": None}, "the mandatory property recipient-address has no value", "set recip"),
        (ALERTS, {"recipient_address": ["Ops <ops@example.com>"]}, "has a display name", "did you mean"),
        (ALERTS, {"enabled_alert_type": ["follower-went"]}, '"follower-went"', ""),
        (
            ALERTS,
            {"message_subject": "%%alert-typ%%"},
            "%%alert-typ%% stands for nothing",
            'did you mean "alert-type"?',
        ),
        (ALERTS, {"message_subject": "%%alert-details%%"}, "%%alert-details%% stands for nothing", "Write %%%% for %%"),
        (ALERTS, {"message_subject": "a\r\nBcc: eve@example.com"}, "it has a line end", "Write it on one line."),
        (ALERTS, {"message_body": "100 %%"}, "a %% has no other %% after it", "Write %%%% for %%."),
        (ALERTS, {"repeat_after": "1 s"}, '"1 s"', ""),
        (NOTICES, {"message_template": None}, "the mandatory property message-template has no value", ""),
        (NOTICES, {"message_template": ["password-lost:x"]}, "does not have the form EVENT:TEXT", ""),
        (NOTICES, {"message_template": ["password-reset:"]}, "does not have the form EVENT:TEXT", ""),
        (
            NOTICES,
            {"message_template": ["password-reset:a", "password-reset:b"]},
            "message-template has two values for password-reset",
            "Remove one of them.",
        ),
        (
            NOTICES,
            {"message_subject": ["password-reset:%%user%%"]},
            "in the text for password-reset, %%user%% stands for nothing",
            "Write %%%% for %%.",
        ),
        (NOTICES, {"message_subject": ["password-reset:a\nb"]}, "it has a line end", "Write it on one line."),
    ],
)
def test_what_a_handler_may_not_be(
    ctx: ManagementContext, kind: str, values: dict[str, Any], problem: str, remedy: str
) -> None:
    [found] = refused(ctx, lambda: create(ctx, kind, **values))
    assert problem in found.summary
    assert remedy in remedy_text(found.remedy)


@pytest.mark.parametrize("kind", [ALERTS, NOTICES])
def test_a_handler_needs_little(ctx: ManagementContext, kind: str) -> None:
    assert create(ctx, kind).warnings == ()


@pytest.mark.parametrize("kind", [ALERTS, NOTICES])
def test_the_sender_of_a_handler_is_there_and_enabled_while_the_handler_is(ctx: ManagementContext, kind: str) -> None:
    refused(ctx, lambda: create(ctx, kind, sender="other"))
    create(ctx, kind, sender="news")
    refused(ctx, lambda: ctx.delete("mail-sender", "news"))
    off = PropertyChanges(set={"enabled": "false"})
    [(_, needed)] = summaries(refused(ctx, lambda: ctx.modify("mail-sender", "news", off)))
    assert f"/{kind}/ops needs it" in needed
    ctx.modify(kind, "ops", off)
    ctx.modify("mail-sender", "news", off)
    refused(ctx, lambda: ctx.modify(kind, "ops", PropertyChanges(set={"enabled": "true"})))
    ctx.rename("mail-sender", "news", "letters")
    assert ctx.get(kind, "ops").values["sender"] == ("letters",)


def test_a_type_that_is_enabled_and_disabled_is_warned_of_if_somebody_enabled_it(ctx: ManagementContext) -> None:
    types = ["follower-gone", "sender-stopped"]
    assert create(ctx, ALERTS, disabled_alert_type=types[:1]).warnings == ()
    changed = ctx.modify(ALERTS, "ops", PropertyChanges(set={"enabled-alert-type": types}))
    [warning] = changed.warnings
    assert warning.summary == "follower-gone is not told: it is among disabled-alert-type"


def test_what_an_expression_may_become_is_left_to_startup(ctx: ManagementContext) -> None:
    create(ctx, NOTICES, message_template=["password-reset:&{reset.text}"])
    with pytest.raises(Exception, match="the mandatory") as caught:
        create(ctx, ALERTS, recipient_address=None, message_body="&{body.text|%%no%%}")
    assert "%%no%%" in str(caught.value)
