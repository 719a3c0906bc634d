"""Logins with servers that keep to no rule: prompts that are not coded, SCRAM with more than is known, echoes of secrets."""

from __future__ import annotations

import base64
from urllib.parse import quote, quote_plus

import pytest

from confobjects.mail.dialogue import coded_forms
from confobjects.mail.mechanisms import LoginProblem, make_scram_sha_256
from confobjects.mail.plan import SmtpLogin
from confobjects.mail.properties import read_settings
from confobjects.transport.check import check_server
from tests.servers import mail_server
from tests.servers.fake_smtp import FakeSmtp, Script

SECRET = "caña-r/y+7 ß=?"
LOGIN = SmtpLogin("ann", SECRET)
OFFERS = b"250-fake\r\n250 AUTH LOGIN\r\n"
WEAK = "confobjects.allow-insecure=login-in-clear"


@pytest.mark.parametrize("prompts", [(b"334 Username:\r\n", b"334 Password:\r\n"), (b"334\r\n", b"334 \r\n"),
                                     (b"334 VXNlcm5hbWU6\r\n", b"334 UGFzc3dvcmQ6\r\n"), (b"334 ====\r\n", b"334 pass word?\r\n")])  # fmt: skip
def test_login_answers_prompts_in_their_order_whatever_they_say(prompts: tuple[bytes, bytes]) -> None:
    script: Script = {"EHLO": OFFERS, "AUTH": prompts[0], "auth": [prompts[1], b"235 ok\r\n"]}
    with FakeSmtp(script) as fake:
        server = mail_server(fake.port, WEAK, auth_username="ann", auth_password=SECRET, use_start_tls=False)
        assert check_server(server).ok
    assert [base64.b64decode(line).decode() for line in fake.commands[2:4]] == ["ann", SECRET]


def scram(server_first: str) -> bytes:
    mechanism = make_scram_sha_256(LOGIN, "ours")
    return mechanism.respond(server_first.encode())


@pytest.mark.parametrize("extra", ["m=x,r=ours1,s=c2FsdA==,i=4096", "r=ours1,s=c2FsdA==,i=4096,m=", "r=ours1,m=ext,s=c2FsdA==,i=4096"])  # fmt: skip
def test_scram_with_a_mandatory_extension_fails(extra: str) -> None:
    with pytest.raises(LoginProblem) as caught:
        scram(extra)
    assert caught.value.kind == "unknown-extension"


@pytest.mark.parametrize("count", ["600001", "1000000", "10000000", "99999999999", "4095", "0", "-1"])
def test_the_iterations_of_scram_are_bounded(count: str) -> None:
    with pytest.raises(LoginProblem):
        scram(f"r=ours1,s=c2FsdA==,i={count}")


def test_an_optional_extension_of_scram_does_not_matter() -> None:
    assert scram("r=ours1,s=c2FsdA==,i=4096,x=optional").startswith(b"c=")


FORMS = {
    "plain": SECRET,
    "base64": base64.b64encode(SECRET.encode()).decode(),
    "base64 without padding": base64.b64encode(SECRET.encode()).decode().rstrip("="),
    "base64 for URLs": base64.urlsafe_b64encode(SECRET.encode()).decode().rstrip("="),
    "hexadecimal": SECRET.encode().hex(),
    "HEXADECIMAL": SECRET.encode().hex().upper(),
    "percent": quote(SECRET, safe=""),
    "form": quote_plus(SECRET),
    "all percent": "".join(f"%{byte:02x}" for byte in SECRET.encode()),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_a_secret_that_a_server_repeats_in_another_form_is_masked(form: str) -> None:
    with FakeSmtp({"AUTH": f"535 5.7.8 no: {form} is wrong\r\n".encode()}) as fake:
        server = mail_server(fake.port, WEAK, auth_username="ann", auth_password=SECRET, use_start_tls=False)
        result = check_server(server)
    shown = "\n".join([result.reply, *result.transcript, *(one.render() for one in result.diagnostics)])
    assert form not in shown
    assert form in coded_forms(SECRET)
    assert "535 5.7.8 no: ********" in result.reply


@pytest.mark.parametrize("name", ["mail.imap.unheard", "mail.imaps.x.y", "mail.pop3.what", "MAIL.IMAP.port"])
def test_an_unknown_row_of_another_protocol_is_a_warning(name: str) -> None:
    settings, problems = read_settings([(name, "1"), ("mail.smtp.port", "2525")])
    assert [one.severity for one in problems] == ["warning"]
    assert settings.value_of("port") == 2525
    assert [one.severity for one in read_settings([("mail.smtp.unheard", "1")])[1]] == ["error"]


PROXY = "mail.smtp.proxy.host"
USER, PASSWORD = ("mail.smtps.proxy.user", "ann"), ("mail.smtp.proxy.password", "canary-5")


@pytest.mark.parametrize(
    "host", ["proxy.example", "proxy.example:3128", "192.0.2.1", "[2001:db8::1]:80", "127.example"]
)
@pytest.mark.parametrize("credentials", [(USER, PASSWORD), (USER,)])
def test_credentials_go_to_the_proxy_of_another_machine_only_if_that_is_allowed(
    host: str, credentials: tuple[tuple[str, str], ...]
) -> None:
    _, problems = read_settings([(PROXY, host), *credentials])
    assert [(one.severity, one.constraint) for one in problems] == [("error", "allow-insecure")]
    assert "proxy-login-in-clear" in problems[0].render()
    assert "canary" not in problems[0].render()
    _, problems = read_settings([(PROXY, host), *credentials, ("confobjects.allow-insecure", "proxy-login-in-clear")])
    assert [one.severity for one in problems] == ["warning"]
    assert read_settings([(PROXY, host)])[1] == []


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9:3128", "localhost", "LocalHost:80", "::1", "[::1]:8080"])
def test_credentials_may_go_to_a_proxy_on_this_machine(host: str) -> None:
    assert read_settings([(PROXY, host), USER, PASSWORD])[1] == []
