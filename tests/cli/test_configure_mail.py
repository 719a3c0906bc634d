"""``configure-mail``: the options, and the whole dialogue with a person at a terminal, against a real Postfix."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from confobjects.mail.presets import PRESETS
from tests.cli.dialogue import Dialogue, dialogue
from tests.cli.sessions import Outcome, fresh, run
from tests.servers.postfix import PASSWORD, REALM, USER, Postfix

LOGIN = f"{USER}@{REALM}"
CHOICE = "Choice [b]: "
NAME = "(empty to go back): "
DO_IT = "Do it? (yes / no) [yes]: "


@pytest.fixture(autouse=True)
def _own_file(distrustful_place: Path) -> Iterator[None]:
    """Start with no configuration."""
    with fresh(distrustful_place):
        yield


def trust(directory: Path) -> None:
    """Make a trust manager provider for the authority of Postfix."""
    values = ["--set", "enabled:true", "--set", f"trust-store-file:{directory / 'ca.pem'}"]
    assert run("create-trust-manager-provider", "--provider-name", "CA", "--type", "file-based", *values).status == 0


def configure(*arguments: str) -> Outcome:
    """Set mail up without a terminal; no output may show the password."""
    done = run("configure-mail", "--no-prompt", *arguments)
    assert PASSWORD not in done.out + done.err
    assert "Traceback" not in done.err
    return done


def value(kind: str, name: str, prop: str) -> str:
    """Return what an object has for a property."""
    option = {"mail-server": "--server-name", "mail-sender": "--sender-name"}.get(kind)
    words = [f"get-{kind}-prop", "-s", "--property", prop, *([option, name] if option else [])]
    return run(*words).out.strip().partition("\t")[2]


def smtps(relay: Postfix, password: str = "--set-env=auth-password:POSTFIX_PASSWORD") -> list[str]:
    address = f"localhost:{relay.ports['smtps']}"
    return ["--set", f"smtp-server:{address}", "--set", f"auth-username:{LOGIN}", password]


# -- presets -----------------------------------------------------------------------------------------------------------


def last_tests(name: str) -> list[str]:
    """Return how the mail server and the sender of a name stand with their last tests."""
    found = [
        run(f"get-{kind}-prop", f"--{word}-name", name, "--output", "json").out
        for kind, word in (("mail-server", "server"), ("mail-sender", "sender"))
    ]
    return [json.loads(text)["verification"]["state"] for text in found]


def test_every_preset_is_listed_in_each_form() -> None:
    presets = json.loads(run("configure-mail", "--list-presets", "--output", "json").out)["presets"]
    assert [one["name"] for one in presets] == list(PRESETS)
    assert len(presets) >= 12
    table = run("configure-mail", "--list-presets").out
    assert all(name in table for name in PRESETS)
    rows = [line.split("\t") for line in run("configure-mail", "--list-presets", "-s").out.splitlines()]
    assert [row[0] for row in rows] == list(PRESETS)
    everything = run("configure-mail", "--list-presets", "-v").out
    for preset in PRESETS.values():
        assert f"  source: {preset.source}\n" in everything


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_can_be_saved(name: str) -> None:
    """What a preset documents makes objects without a problem."""
    preset = PRESETS[name]
    region = ["--region", "eu-central-1"] if "{" in preset.host else []
    user = [] if preset.username else ["--set", "auth-username:ann@example.com"]
    sender = ["--set", "from-address:ann@example.com"]
    password = ["--set", "auth-password:&{p|x}"]
    done = configure("--preset", name, "--no-test", *region, *user, *sender, *password)
    assert done.status == 0, done.err
    host = preset.host.replace("{region}", "eu-central-1")
    assert value("mail-server", name, "smtp-server") == f"{host}:{preset.port}"
    assert value("mail-server", name, "use-start-tls") == str(preset.security == "start-tls").lower()
    assert value("mail-sender", name, "from-address") == "ann@example.com"


# -- without a terminal ------------------------------------------------------------------------------------------------


def test_the_options_say_everything(relay: Postfix, tmp_path: Path) -> None:
    trust(tmp_path)
    done = configure(
        *smtps(relay),
        *("--set", "trust-manager-provider:CA", "--set", "from-name:The News", "--server-name", "post"),
        *("--for-mail-service", "--displayCommand"),
    )
    assert done.status == 0, done.err
    assert "logged in with" in done.out
    assert "Configuration saved: /mail-server/post was tested (depth auth" in done.out
    assert value("mail-sender", "post", "from-address") == LOGIN, "a login that is an address is the sender's"
    assert value("mail-sender", "post", "from-name") == "The News"
    assert value("mail-service", "", "sender") == "post"
    assert last_tests("post") == ["passed", "passed"], "what was tested before is what is saved"
    assert "--set-prompt auth-password" in done.err
    assert [word in done.err for word in ("create-mail-server", "create-mail-sender", "set-mail-service-prop")] == [
        True
    ] * 3
    changes = json.loads(run("history", "--output", "json").out)["changes"]
    assert len(changes) == 2, "everything is one change, after that of the provider"
    assert "/mail-server/post, tested" in run("history", "show", "2").out
    assert "without a test" not in done.err
    sent = run("send-test-email", "--sender-name", "post", "--to", "bob@example.com")
    assert sent.status == 0, sent.err


def test_a_second_run_changes_nothing_and_a_third_what_is_new(relay: Postfix, tmp_path: Path) -> None:
    trust(tmp_path)
    words = [*smtps(relay), "--set", "trust-manager-provider:CA"]
    assert configure(*words).status == 0
    before = run("history", "--output", "json").out
    assert configure(*words).status == 0
    assert run("history", "--output", "json").out == before
    stored = ["--set", f"smtp-server:localhost:{relay.ports['smtps']}", "--set", "from-name:News"]
    assert configure(*stored).status == 0, "the login that is stored is used"
    assert value("mail-sender", "mail", "from-name") == "News"


@pytest.mark.parametrize("form", ["table", "json"])
def test_a_test_that_fails_saves_nothing(relay: Postfix, tmp_path: Path, form: str) -> None:
    trust(tmp_path)
    words = [*smtps(relay, "--set=auth-password:&{p|wrong}"), "--set", "trust-manager-provider:CA"]
    done = configure(*words, "--output", form)
    assert done.status == 46
    assert "Check auth-username and auth-password." in done.err
    assert value("mail-server", "mail", "enabled") == ""
    if form == "table":
        assert "the test failed: nothing was saved\n  remedy: --no-test saves it without a test" in done.err
    else:
        assert json.loads(done.err)["error"]["exit"] == 46
    assert configure(*words, "--no-test").status == 0


def test_a_stored_password_goes_to_no_other_server(relay: Postfix, tmp_path: Path) -> None:
    """Also where saving would only warn of that: the type of a server whose TLS does not follow from its port."""
    trust(tmp_path)
    port = relay.ports["submission"]
    words = ["--set", f"auth-username:{LOGIN}", "--set", "use-start-tls:true", "--set", "trust-manager-provider:CA"]
    secret = "--set-env=auth-password:POSTFIX_PASSWORD"
    assert configure(*words, secret, "--set", f"smtp-server:localhost:{port}").status == 0
    logins = relay.log.count("connect from")
    moved = configure(*words, "--set", f"smtp-server:localhost:{relay.ports['plain']}")
    assert moved.status == 11
    assert "needs auth-password to be given again" in moved.err
    assert value("mail-server", "mail", "smtp-server") == f"localhost:{port}"
    assert relay.log.count("connect from") == logins, "nobody was even connected to"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            [],
            [
                "the mail provider is missing",
                "--preset NAME (--list-presets shows them), or --set smtp-server:HOST:PORT",
            ],
        ),
        (["--preset", "sendgird"], ['there is no preset "sendgird"', "sendgrid"]),
        (
            ["--preset", "amazon-ses"],
            ["the region of the account is missing", "the SMTP user name that Amazon SES makes"],
        ),
        (["--preset", "resend"], ["auth-password: a value is needed: an API key", "--set-env auth-password:VARIABLE"]),
        (
            ["--preset", "outlook", "--set", "oauth2-provider:x"],
            ["auth-username: a value is needed: the mail address of"],
        ),
        (
            ["--preset", "outlook", "--set", "auth-username:ann@outlook.com"],
            ["oauth2-provider: a value is needed", "--set oauth2-provider:…"],
        ),
        (
            ["--preset", "sendgrid", "--region", "eu", "--set", "auth-password:&{p|x}"],
            ["no region is known for Twilio SendGrid", "--set smtp-server:HOST:PORT"],
        ),
        (["--region", "eu", "--set", "smtp-server:h"], ["no region is known for a mail server without a preset"]),
        (["--preset", "resend", "--set-prompt", "auth-password"], ["--set-prompt auth-password needs a terminal"]),
    ],
)
def test_what_is_missing_is_named(arguments: list[str], words: list[str]) -> None:
    done = configure(*arguments)
    assert done.status == 2
    assert [word for word in words if word not in done.err] == []


def test_the_remedy_for_starttls_on_an_unusual_port_works(relay: Postfix, tmp_path: Path) -> None:
    """The type that is chosen uses TLS as is usual on a port, and has no setting for it: the remedy names the other type."""
    trust(tmp_path)
    words = ["--set", f"smtp-server:localhost:{relay.ports['submission']}", "--set", "trust-manager-provider:CA"]
    words += ["--set", f"auth-username:{LOGIN}", "--set-env", "auth-password:POSTFIX_PASSWORD"]
    refused = configure(*words)
    assert refused.status == 42
    assert "takes the type generic, which can say how" in refused.err
    done = configure(*words, "--set", "use-start-tls:true")
    assert done.status == 0, done.err
    assert value("mail-server", "mail", "use-start-tls") == "true"


@pytest.mark.parametrize("name", [name for name, preset in PRESETS.items() if not preset.password])
def test_no_password_is_asked_for_where_none_is_accepted(name: str) -> None:
    done = configure("--preset", name)
    assert done.status == 2
    assert "auth-password" not in done.err
    assert "remedy: --set oauth2-provider:…" in done.err


@pytest.mark.parametrize("name", [name for name, preset in PRESETS.items() if "{region}" not in preset.host])
def test_a_region_is_refused_where_the_host_does_not_depend_on_it(name: str) -> None:
    """Else mail would go through another host than the one that was meant."""
    words = ["--set", "auth-username:a@example.com", "--set", "auth-password:&{p|x}", "--no-test"]
    done = configure("--preset", name, "--region", "eu", *words)
    assert done.status == 2
    assert done.err.startswith(f"error: no region is known for {PRESETS[name].title}\n")
    assert value("mail-server", name, "enabled") == ""


def test_a_server_of_another_type_is_not_replaced() -> None:
    assert (
        run("create-mail-server", "--server-name", "resend", "--set", "enabled:true", "--set", "smtp-server:h").status
        == 0
    )
    done = configure(
        "--preset", "resend", "--set", "auth-password:&{p|x}", "--set", "from-address:a@example.com", "--no-test"
    )
    assert done.status == 2
    assert 'there is a Mail Server "resend" of the type generic already' in done.err
    assert "--server-name" in done.err


def test_a_wrong_property_is_refused_as_elsewhere() -> None:
    words = ["--preset", "resend", "--set", "auth-password:&{p|x}", "--set", "from-address:a@example.com"]
    for wrong in ("no-such-thing:x", "smtp-server:mx.example.com:x", "from-name:a\nb", "mail-server:nobody"):
        done = configure(*words, "--set", wrong)
        assert done.status in {2, 10, 11, 12}, (wrong, done)
        assert value("mail-server", "resend", "enabled") == ""


def test_a_sender_that_was_out_of_use_comes_into_use() -> None:
    assert run("set-mail-service-prop", "--set", "use-custom-sender:false").status == 0
    words = ["--preset", "resend", "--set", "auth-password:&{p|x}", "--set", "from-address:a@example.com", "--no-test"]
    assert configure(*words, "--for-mail-service").status == 0
    assert value("mail-service", "", "use-custom-sender") == "true"


def test_a_dry_run_writes_nothing(tmp_path: Path) -> None:
    words = ["--preset", "resend", "--set", "auth-password:&{p|x}", "--set", "from-address:a@example.com", "--no-test"]
    done = configure(*words, "--dry-run")
    assert (done.status, "would create /mail-sender/resend" in done.out) == (0, True)
    assert not (tmp_path / "config.ldif").exists()
    assert not list(tmp_path.glob("*.verifications"))


def test_it_is_no_part_of_a_batch(tmp_path: Path) -> None:
    (tmp_path / "batch").write_text("configure-mail --preset resend\n")
    assert "configure-mail is not allowed in a batch" in run("-F", str(tmp_path / "batch"), "--no-prompt").err


# -- at a terminal -----------------------------------------------------------------------------------------------------


def answer_secret(person: Dialogue, text: str) -> None:
    """Type a password, twice, unseen."""
    person.answer(CHOICE, "1")
    person.answer("auth-password (not shown): ", text)
    person.answer("auth-password again: ", text)


def test_a_whole_dialogue_from_a_wrong_guess_to_a_saved_sender(relay: Postfix, tmp_path: Path) -> None:
    """The port speaks STARTTLS, nobody trusts the certificate, and the password is mistyped: each remedy is the next answer."""
    with dialogue("configure-mail") as person:
        shown = person.answer("or empty to go back: ", "another")
        assert "Gmail and Google Workspace" in shown
        person.answer("Name of the Mail Server and its sender [mail]: ", "post")
        assert "access tokens of an OAuth 2.0 provider" in person.answer(CHOICE, "1")
        assert "the host name of the mail server" in person.answer(
            "smtp-server (? for help, empty to go back): ", f"localhost:{relay.ports['submission']}"
        )
        person.answer("auth-username (? for help, empty to go back): ", LOGIN)
        answer_secret(person, "mistyped")
        person.answer("The name that mail programs show for it (empty for none): ", "The News")
        person.answer("come from this sender? (yes / no) [no]: ", "yes")
        assert (
            f'Mail Server "post" (custom-server): localhost:{relay.ports["submission"]}, TLS from the'
            in person.until("What now?")
        )
        assert "1)  use STARTTLS on this port" in person.until(CHOICE)
        person.type("1\n")
        trouble = person.until("What now?")
        assert f'Mail Server "post" (generic): localhost:{relay.ports["submission"]}, STARTTLS' in trouble
        assert "which is not trusted" in trouble
        assert "1)  choose whom to trust" in person.until(CHOICE)
        person.type("1\n")
        person.answer(CHOICE, "create a new")
        person.answer(CHOICE, "file-based")
        person.answer(NAME, "Our CA")
        person.answer(CHOICE, "true")
        person.answer("trust-store-file (? for help, empty to go back): ", str(tmp_path / "ca.pem"))
        person.answer("Choice [f]: ", "f")
        assert "the server does not accept the user name or the password" in person.until("What now?")
        assert "1)  give the user name and the password again" in person.until(CHOICE)
        person.type("1\n")
        person.answer("auth-username (? for help, empty to go back): ", LOGIN)
        answer_secret(person, PASSWORD)
        assert "The test passed; no mail was sent." in person.until("The plan:")
        plan = person.answer(DO_IT, "")
        for path in ("/trust-manager-provider/Our CA", "/mail-server/post", "/mail-sender/post"):
            assert f"would create {path}" in plan
        assert not (tmp_path / "config.ldif").exists(), "nothing was saved before"
        assert person.ends() == 0
        after = person.shown
    assert "--set-prompt auth-password" in after
    assert "send-test-email --sender-name" in after
    assert PASSWORD not in after
    assert value("mail-service", "", "sender") == "post"
    assert run("check").status == 0
    assert last_tests("post") == ["passed", "passed"]
    assert json.loads(run("history", "--output", "json").out)["changes"][-1]["number"] == 1, "it is one change"
    assert "/mail-server/post, tested" in run("history", "show", "1").out
    assert run("test-mail-server", "--sender-name", "post", "--no-domain").status == 0


def test_a_preset_asks_only_for_what_is_missing(relay: Postfix) -> None:
    words = ["--preset", "sendgrid", "--set", f"smtp-server:localhost:{relay.ports['smtps']}", "--server-name", "s"]
    with dialogue("configure-mail", *words, "--set", "from-name:N", "--set", "auth-password:&{p|x}") as person:
        facts = person.until("from-address (? for help, empty to go back): ")
        assert "Twilio SendGrid" in facts
        assert "5,000 mails through one connection." in facts
        assert PRESETS["sendgrid"].source in facts
        assert "auth-username" not in facts, "everybody has the same one"
        person.type("not an address\n")
        person.answer("from-address (? for help, empty to go back): ", "a@example.com")
        person.answer("come from this sender? (yes / no) [no]: ", "")
        offered = person.until(CHOICE)
        assert "choose whom to trust" in offered
        assert "use port" not in offered, "TLS works: another port would not be trusted either"
        person.type("save it all the same\n")
        person.answer(DO_IT, "")
        assert person.ends() == 0
        assert "The last test failed." in person.shown
        assert person.shown.count("Testing /mail-server/s") == 1
    assert value("mail-server", "s", "auth-username") == "apikey"
    assert "/mail-server/s, not tested" in run("history", "show", "1").out


@pytest.mark.parametrize("last", ["give up", "b", "q"])
def test_giving_up_saves_nothing(relay: Postfix, tmp_path: Path, last: str) -> None:
    with dialogue("configure-mail", *smtps(relay), "--server-name", "x", "--set", "from-name:N") as person:
        person.answer("come from this sender? (yes / no) [no]: ", "")
        person.answer(CHOICE, last)
        assert person.ends() == 42
        assert "Nothing is saved." in person.shown
    assert not (tmp_path / "config.ldif").exists()


def test_an_object_that_is_there_is_changed_or_left_alone(relay: Postfix, tmp_path: Path) -> None:
    trust(tmp_path)
    assert configure(*smtps(relay), "--set", "trust-manager-provider:CA").status == 0
    words = [*smtps(relay), "--set", "trust-manager-provider:CA"]
    with dialogue("configure-mail", *words) as person:
        person.answer("Name of the Mail Server and its sender [mail]: ", "")
        assert 'There is a Mail Server "mail" already.' in person.answer(CHOICE, "1")
        person.answer("The name that mail programs show for it (empty for none): ", "Renamed")
        person.answer("come from this sender? (yes / no) [no]: ", "")
        person.answer(DO_IT, "")
        assert person.ends() == 0
    assert value("mail-sender", "mail", "from-name") == "Renamed"
    assert run("list-mail-servers", "-s").out.split() == ["mail"]


def test_a_name_that_is_taken_by_another_type_can_be_changed(relay: Postfix, tmp_path: Path) -> None:
    trust(tmp_path)
    assert (
        run("create-mail-server", "--server-name", "x", "--set", "enabled:true", "--set", "smtp-server:h").status == 0
    )
    words = [*smtps(relay), "--set", "trust-manager-provider:CA", "--set", "from-name:N", "--server-name", "x"]
    with dialogue("configure-mail", *words) as person:
        person.answer("come from this sender? (yes / no) [no]: ", "")
        assert 'there is a Mail Server "x" of the type generic already' in person.answer(CHOICE, "give another name")
        person.answer("Name of the Mail Server and its sender [x]: ", "y")
        person.answer(DO_IT, "")
        assert person.ends() == 0
    assert value("mail-server", "y", "enabled") == "true"
    assert value("mail-server", "x", "smtp-server").startswith("h"), "the other is left as it is"


def test_tokens_in_place_of_a_password_need_a_provider_and_somebody_who_consents(
    relay: Postfix, tmp_path: Path
) -> None:
    trust(tmp_path)
    values = ("enabled:true", "grant-type:authorization-code", "token-endpoint:http://127.0.0.1:1/", "client-id:c")
    words = [word for one in (*values, "authorization-endpoint:http://127.0.0.1:1/") for word in ("--set", one)]
    assert run("create-oauth2-provider", "--provider-name", "ms", *words).status == 0
    address = f"smtp-server:localhost:{relay.ports['smtps']}"
    more = ["--set", address, "--set", "trust-manager-provider:CA"]
    with dialogue("configure-mail", "--preset", "outlook", "--server-name", "o", *more) as person:
        assert "https://outlook.office.com/SMTP.Send" in person.answer(
            "auth-username (? for help, empty to go back): ", "ann@outlook.com"
        )
        person.answer(CHOICE, "ms")
        person.answer("(empty for none): ", "")
        person.answer("come from this sender? (yes / no) [no]: ", "")
        shown = person.until("What now?")
        assert 'authorize-oauth2-provider --provider-name "ms"' in shown
        assert "1)  give the user name and the OAuth 2.0 provider again" in person.until(CHOICE)
        person.type("save it all the same\n")
        person.answer(DO_IT, "")
        assert person.ends() == 0
    assert value("mail-server", "o", "authentication") == "oauth2"
    assert value("mail-server", "o", "use-ssl") == "true"
