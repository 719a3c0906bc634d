"""The table of diagnoses: complete, in words, and never wrong about what it does not know."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from confobjects.actions import remedy_text
from confobjects.errors import MAIL_STAGES
from confobjects.mail.diagnosis import STAGES, DeliveryError, Trouble, code_of, diagnose
from confobjects.mail.failures import TABLE, Failure
from confobjects.mail.meanings import REPLY_RULES
from confobjects.mail.plan import DECIDED
from confobjects.mail.replies import Reply

KNOWN = {"host": "mail.example", "port": 587, "address": "192.0.2.1:587", "trust": "of the runtime", "source": ""}


@pytest.mark.parametrize("code", sorted({rule.code for rule in REPLY_RULES}))
def test_every_rule_leads_to_a_row(code: str) -> None:
    assert code in TABLE


@pytest.mark.parametrize(("code", "row"), TABLE.items())
def test_a_row_is_a_sentence_and_a_remedy(code: str, row: Failure) -> None:
    summary, remedy = row.summary, remedy_text(row.remedy)
    assert code == code.lower()
    assert summary[0].islower() or summary[0] == "{"
    assert not summary.endswith(".")
    assert remedy.endswith(".")
    names = {name for text in (summary, remedy) for _, name, _, _ in string.Formatter().parse(text) if name}
    assert all(name.isidentifier() for name in names)


def test_a_reply_without_a_rule_is_said_to_be_a_refusal() -> None:
    trouble = Trouble("quit", "reply", Reply(500, (b"what",)))
    assert code_of(trouble) == "refused"
    found = diagnose(trouble, KNOWN)
    assert (found.code, found.reply, found.remedy) == ("refused", "500 what", "Read the server's answer.")


@pytest.mark.parametrize(("code", "row"), TABLE.items())
def test_a_row_that_overrides_the_property_is_blamed_instead(code: str, row: Failure) -> None:
    """Whatever fails: if smtp-property decided, it is named, and the property that it overrides is not blamed."""
    rows = {"host": "mail.host", "port": "mail.smtp.port", "security": "mail.smtp.ssl.enable", "username": "mail.user"}
    assert set(rows) == set(DECIDED)
    trouble = Trouble("banner" if code == "not-smtp" else "connect", code)
    assert code_of(trouble) == code
    plain, found = (diagnose(trouble, {**KNOWN, "overrides": overrides}) for overrides in ({}, rows))
    assert found.property not in {"smtp-server", "use-ssl", "use-start-tls", "auth-username"}
    changed = row.property in {"smtp-server", "use-ssl", "use-start-tls", "auth-username", "auth-password"}
    assert plain.property == row.property
    assert "auth-username and" not in remedy_text(found.remedy) or "Set auth-username" in remedy_text(plain.remedy)
    assert (found.remedy != plain.remedy) is changed
    if changed:
        assert any(f"{name} in smtp-property, which decides" in remedy_text(found.remedy) for name in rows.values())


def test_what_is_not_known_is_a_breach_of_the_protocol() -> None:
    assert code_of(Trouble("ehlo", "no-such-kind")) == "protocol"
    assert code_of(Trouble("tls", "certificate", verify_code=7)) == "certificate-refused"
    assert code_of(Trouble("tls", "tls-error", reason="SOMETHING_NEW")) == "tls-failed"


@given(st.sampled_from(STAGES), st.integers(400, 599), st.lists(st.binary(max_size=60), min_size=1, max_size=3))
def test_any_refusal_becomes_a_diagnosis(stage: str, code: int, lines: list[bytes]) -> None:
    reply = Reply(code, tuple(line.replace(b"\n", b"").replace(b"\r", b"") for line in lines))
    found = diagnose(Trouble(stage, "reply", reply), KNOWN)
    assert found.code in TABLE
    assert found.stage == stage
    assert found.summary.isprintable()
    assert found.reply.isprintable()
    assert not code < 500 or found.retry
    error = DeliveryError(found, "/mail-server/one")
    assert error.exit_code in MAIL_STAGES.values()


def test_a_secret_that_a_server_repeats_is_masked() -> None:
    trouble = Trouble("auth", "auth-protocol", message="no: hunter2", detail=["greeted with hunter2"])
    trouble.reply = Reply(535, (b"5.7.8 no: hunter2",))
    found = diagnose(trouble, KNOWN, lambda text: text.replace("hunter2", "********"))
    assert "hunter2" not in found.reply + found.summary + remedy_text(found.remedy) + str(
        found.as_diagnostic().as_json()
    )


def test_a_short_password_does_not_spoil_our_own_words() -> None:
    trouble = Trouble("auth", "reply", Reply(535, (b"5.7.8 no such p",)), mechanism="PLAIN")
    found = diagnose(trouble, {**KNOWN, "username": "pat"}, lambda text: text.replace("p", "********"))
    assert found.summary == "the server does not accept the user name or the password (pat, by PLAIN)"
    assert found.reply == "535 5.7.8 no such ********"
