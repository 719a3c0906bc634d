"""Secrets typed on the command line: nothing that is printed, recorded or offered shows them, however they were typed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from confobjects.cli.words.masking import ASSIGNING, ask_for_secrets, mask_secrets
from confobjects.cli.words.options import OPTIONS, SECRET_OPTIONS, Option, secret_sources
from confobjects.definitions_loading import load_registry
from tests.cli.sessions import Outcome, fresh, run

CANARY = "Kanarienvogel-9!x"
SERVER = ["--server-name", "one"]
SET = ["set-mail-server-prop", *SERVER]
Words = list[str]


@pytest.fixture(autouse=True)
def _own_file(tmp_path: Path) -> Iterator[None]:
    with fresh(tmp_path):
        values = ["--set", "enabled:true", "--set", "smtp-server:127.0.0.1:9"]
        assert run("create-mail-server", *SERVER, *values).status == 0
        yield


def without_canary(*words: str) -> Outcome:
    outcome = run(*words)
    assert CANARY not in outcome.out + outcome.err, words
    return outcome


# -- ways to type a secret ---------------------------------------------------------------------------------------------


def spelled_out() -> Iterator[Words]:
    """Yield every secret option with its value, in the ways a long and a short option can be typed by itself."""
    for option in OPTIONS:
        if option.name not in SECRET_OPTIONS:
            continue
        for spelling in option.spellings:
            yield [spelling, CANARY]
            if spelling.startswith("--"):
                yield [spelling.upper(), CANARY]
                yield [f"{spelling}={CANARY}"]
                yield [f"{spelling.upper()}={CANARY}"]


def glued() -> Iterator[Words]:
    """Yield every secret option whose short spelling stands in one word with its value, or with other short ones."""
    for option in OPTIONS:
        if option.name in SECRET_OPTIONS:
            for letter in (spelling[1] for spelling in option.spellings if len(spelling) == 2):
                yield [f"-{letter}{CANARY}"]
                for others in ("n", "sn"):
                    yield [f"-{others}{letter}{CANARY}"]
                    yield [f"-{others}{letter}", CANARY]


def paired() -> Iterator[Words]:
    """Yield the options whose value is a name and what may be a secret."""
    yield ["--define", f"token={CANARY}"]
    yield [f"--define=token={CANARY}"]
    yield ["-o", f"name={CANARY}"]
    yield [f"-oname={CANARY}"]
    yield ["-no", f"name={CANARY}"]
    yield [f"--SaslOption=name={CANARY}"]


def assigned() -> Iterator[Words]:
    """Yield the ways a secret property, or a secret within a property, is given its value."""
    for option in ("--set", "--add"):
        yield [option, f"auth-password:{CANARY}"]
        yield [f"{option}=auth-password:{CANARY}"]
    yield ["--SET", f"Auth-Password:{CANARY}"]
    yield ["--set", f"auth-password:a b:c={CANARY}"]
    for value in (CANARY, f"&{{x|{CANARY}}}"):
        yield ["--set", f"smtp-property:mail.smtp.proxy.password={value}"]
        yield [f"--set=smtp-property:mail.smtp.proxy.password={value}"]
    yield ["--set", f"auth-password:&{{smtp.password|{CANARY}}}"]


def mistyped() -> Iterator[Words]:
    """Yield ways to type a secret that are mistakes, each behind a command that takes assignments."""
    for option in ("--set", "--add", "--remove"):
        for name in ("auth-passwort", " auth-password", "auth-password ", "password", "Auth_Password"):
            yield [option, f"{name}:{CANARY}"]
            yield [f"{option}={name}:{CANARY}"]
        yield [option, f"auth-password={CANARY}"]
        yield [option, CANARY]
        yield [option, "auth-password", CANARY]
        yield [option, f"auth-password:my {CANARY}", CANARY]
    for option in ("--reset", "--set-prompt", "--set-env", "--set-file", "--property"):
        yield [option, f"auth-password:{CANARY}"]
    for option in ("--bindPasswort", "--password", "-bindPassword", "--auth-password", "--bind-password"):
        yield [option, CANARY]
        yield [f"{option}={CANARY}"]
    for dash in "\u2010\u2012\u2013\u2014\u2212":
        yield [f"{dash}w{CANARY}"]
        yield [f"{dash}{dash}bindPassword={CANARY}"]
    yield ["--define", CANARY]
    yield [f"--define={CANARY}"]
    yield ["-o", CANARY]
    yield ["-w", "my", CANARY]
    yield ["-wmy", CANARY]
    yield ["--bindPassword=my", CANARY]


def joined(words: Words) -> str:
    return " ".join(words).replace(CANARY, "SECRET")


def test_the_secret_options_are_those_that_take_a_password_or_a_pin() -> None:
    secret = {o.name for o in OPTIONS if o.value in {"PASSWORD", "PIN"}}
    assert secret == SECRET_OPTIONS
    assert len(list(glued())) == 5 * len(secret)


# -- what is warned of ---------------------------------------------------------------------------------------------------


def exposure(name: str) -> str:
    return (
        f"warning: the value of {name} is on the command line, where other users and the shell's history can see it; "
        f"{name}:file or {name}:env keep it out\n"
    )


def test_each_secret_option_has_others_that_keep_its_value_out() -> None:
    for option in OPTIONS:
        if option.secret:
            name = option.spellings[-1]
            assert secret_sources(option) == (f"{name}:file", f"{name}:env")


@pytest.mark.parametrize("words", [*spelled_out(), *glued()], ids=joined)
@pytest.mark.parametrize("command", [["list-mail-servers"], [*SET, "--set", "auth-username:joe"]], ids=joined)
@pytest.mark.parametrize("first", [True, False])
def test_a_secret_on_the_line_is_warned_of(first: bool, command: Words, words: Words) -> None:
    option = typed_option(words[0])
    outcome = without_canary(*([*words, *command] if first else [*command, *words]))
    assert outcome.status == 0
    assert outcome.err.count(exposure(option.spellings[-1])) == 1
    assert "keep it out" not in without_canary(*command, *words, "-Q").err


def typed_option(word: str) -> Option:
    """Return the secret option that a word is or contains."""
    names = {spelling.lower(): option for option in OPTIONS if option.secret for spelling in option.spellings[-1:]}
    name = word.partition("=")[0].lower()
    letters = {spelling[1]: option for option in OPTIONS if option.secret for spelling in option.spellings[:1]}
    return names[name] if name in names else next(letters[letter] for letter in word if letter in letters)


def test_several_secrets_on_the_line_are_warned_of_one_by_one() -> None:
    err = without_canary("list-mail-servers", "-w", CANARY, f"-T{CANARY}", "--keyStorePassword", CANARY).err
    assert [
        name for name in ("--bindPassword", "--trustStorePassword", "--keyStorePassword") if exposure(name) in err
    ] == [
        "--bindPassword",
        "--trustStorePassword",
        "--keyStorePassword",
    ]


def test_a_secret_that_is_not_on_the_line_is_no_matter_for_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pin").write_text(CANARY)
    monkeypatch.setenv("A_PIN", CANARY)
    (tmp_path / "options.properties").write_text(f"bindPassword={CANARY}\n")
    (tmp_path / "options.properties").chmod(0o600)
    batch = tmp_path / "lines.batch"
    batch.write_text(f"list-mail-servers -w {CANARY}\n")
    for words in (
        ["list-mail-servers", "--bindPassword:file", str(tmp_path / "pin"), "--keyStorePassword:env", "A_PIN"],
        ["list-mail-servers", "--propertiesFilePath", str(tmp_path / "options.properties")],
        ["-F", str(batch)],
        ["list-mail-servers", "-w", ""],
    ):
        assert "keep it out" not in without_canary(*words).err


# -- what is printed ---------------------------------------------------------------------------------------------------

AROUND: list[tuple[Words, int]] = [
    (["list-mail-servers"], 0),
    (["list-mail-server"], 2),
    ([*SET, "--set", "auth-username:joe", "--displayCommand"], 0),
    (["set-mail-server-prop", "--server-name", "two", "--set", "auth-username:joe"], 12),
    ([*SET, "--nonsense"], 2),
    ([*SET, "--set", "enabled:perhaps"], 10),
]
"""Commands that end in every way there is, each with its status."""


@pytest.mark.parametrize("secret", [*spelled_out(), *glued()], ids=joined)
def test_a_secret_option_is_not_repeated_whatever_comes_of_the_command(secret: Words) -> None:
    for number, (words, status) in enumerate(AROUND):
        typed = [*words, *secret] if number % 2 else [*secret, *words]
        assert without_canary(*typed).status == status


@pytest.mark.parametrize("given", list(assigned()), ids=joined)
def test_a_secret_value_is_not_repeated_whatever_comes_of_the_command(given: Words) -> None:
    for more in (["--dry-run"], ["--set", "enabled:perhaps"], ["--displayCommand", "-v"], ["--output", "json"]):
        without_canary(*SET, "--set", "auth-username:joe", *given, *more)
    without_canary("set-mail-server-prop", "--server-name", "two", *given)
    assert without_canary(*SET, *given, "too much").status == 2
    assert without_canary("list-mail-servers", *given).status == 2


@pytest.mark.parametrize("given", list(mistyped()), ids=joined)
def test_a_secret_that_is_mistyped_is_not_repeated(given: Words) -> None:
    for more in (["--set", "use-ssl:true"], ["--displayCommand"], ["--output", "json", "--set", "use-ssl:true"]):
        without_canary(*SET, *more, *given)
        without_canary(*given, *SET, *more)
    without_canary(*given)
    without_canary("list-mail-servers", *given)


# -- the command that is offered in place of a refused one -------------------------------------------------------------

REFUSED = [*SET, "--set", "use-ssl:true"]
"""Refused with a command that would be taken: StartTLS is on by default."""


def offered(*words: str) -> str:
    """Return the command that is offered in place of one."""
    refused = without_canary(*words)
    assert (refused.status, refused.out) == (11, "")
    (line,) = [line for line in refused.err.splitlines() if "  try: " in line]
    return line.removeprefix("  try: ")


WHOLE = [words for words in assigned() if "mail.smtp" not in words[-1]]
"""Secrets that are accepted as they are typed: within a value they are not, and the law below is about those as well."""


@pytest.mark.parametrize("secret", [*spelled_out(), *glued(), *paired(), *WHOLE], ids=joined)
def test_no_offered_command_holds_a_mask_to_type(secret: Words) -> None:
    """Whatever secret was typed, and however: a mask would be stored, or be tried as the password."""
    words = [*REFUSED, "--set", "auth-username:joe"]
    assert "***" not in offered(*words, *secret)
    assert "***" not in offered(*secret, *words)


def test_an_offered_command_of_a_batch_holds_no_mask_either(tmp_path: Path) -> None:
    batch = tmp_path / "a.batch"
    secret = f"--set auth-username:joe --set 'auth-password:{CANARY}'"
    batch.write_text(f"set-mail-server-prop --server-name one {secret} --set use-ssl:true\n")
    refused = without_canary("-F", str(batch)).err
    (line,) = [line for line in refused.splitlines() if "try: " in line]
    assert "--set-prompt auth-password" in line
    assert "***" not in line


def test_every_property_that_can_hold_a_secret_is_offered_without_a_mask() -> None:
    """The law, over the definitions: of whole secrets, of those within values, under old names as well."""
    registry = load_registry()
    names, known = registry.secret_names(), registry.property_names()
    given = [
        (option, f"{name}:{head}{CANARY}")
        for option in (*ASSIGNING, "--set-env", "--set-file")
        for definition in registry
        for prop in definition.properties.values()
        if prop.can_hold_secret
        for name in (prop.name, *prop.renamed_from)
        for head in (*(f"{key}=" for key in prop.syntax.secret_names), *([""] if prop.sensitive else []))
    ]
    assert len(given) > 30
    for words in given:
        for typed in (list(words), ["=".join(words)]):
            offer = ask_for_secrets(typed, mask_secrets(typed, names, known), names)
            assert "***" not in "".join(offer), offer
            assert CANARY not in "".join(offer), offer


@pytest.mark.parametrize(
    ("secret", "typed"),
    [
        (["-w", CANARY], "--bindPassword:env VARIABLE"),
        ([f"-nw{CANARY}"], "-n --bindPassword:env VARIABLE"),
        (["-snT", CANARY], "-sn --trustStorePassword:env VARIABLE"),
        ([f"--KEYSTOREPASSWORD={CANARY}"], "--keyStorePassword:env VARIABLE"),
        (["--define", f"token={CANARY}"], "--define token=VALUE"),
        (["-omech=EXTERNAL"], "-omech=EXTERNAL"),
    ],
    ids=range(6),
)
def test_an_offered_command_takes_a_secret_from_elsewhere(secret: Words, typed: str) -> None:
    assert f"--set use-ssl:true {typed} --set use-start-tls:false" in offered(*REFUSED, *secret)


@pytest.mark.parametrize("value", [CANARY, f"&{{a|{CANARY}}}"])
def test_a_secret_within_a_value_is_offered_as_an_expression(value: str) -> None:
    name, registry = "mail.smtp.proxy.password", load_registry()
    typed = ["set-mail-server-prop", "--add", f"smtp-property:{name}={value}"]
    masked = mask_secrets(typed, registry.secret_names(), registry.property_names())
    assert ask_for_secrets(typed, masked, registry.secret_names())[-1] == f"smtp-property:{name}=&{{{name}}}"


@pytest.mark.parametrize(
    ("given", "typed"),
    [
        (["--set", f"auth-password:{CANARY}"], "--set-prompt auth-password"),
        ([f"--set=auth-password:{CANARY}"], "--set-prompt=auth-password"),
        (["--SET", f"Auth-Password:{CANARY}"], "--set-prompt Auth-Password"),
        (["--set", f"auth-password:a b:c={CANARY}"], "--set-prompt auth-password"),
        (["--add", f"auth-password:{CANARY}"], "--set-prompt auth-password"),
        (["--set", f"auth-password:&{{a.b|{CANARY}}}"], "--set-prompt auth-password"),
        (["--set", f"auth-password:{CANARY}", "-n"], "--set-env auth-password:VARIABLE -n"),
        ([f"--set=auth-password:{CANARY}", "--no-prompt"], "--set-env=auth-password:VARIABLE --no-prompt"),
        (["--set", "auth-password:&{a.b}"], "--set 'auth-password:&{a.b}'"),
        (["--set-env", "auth-password:SECRET_VARIABLE"], "--set-env auth-password:SECRET_VARIABLE"),
        (["--set-file=auth-password:secret file"], "'--set-file=auth-password:secret file'"),
    ],
    ids=range(11),
)
def test_an_offered_command_stores_no_mask_in_the_place_of_a_secret(
    given: Words, typed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is typed as it stands: a mask in it would be stored, or would be the name of a variable that there is not."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SECRET_VARIABLE", CANARY)
    (tmp_path / "secret file").write_text(CANARY)
    assert offered(*REFUSED, "--set", "auth-username:joe", *given) == (
        "confobjects set-mail-server-prop --server-name one --set use-ssl:true --set auth-username:joe "
        f"{typed} --set use-start-tls:false"
    )


def test_what_is_no_secret_is_offered_as_it_was_typed() -> None:
    words = ["--set", "auth-username:o'x y", "--set", "smtp-property:mail.smtp.proxy.password=&{proxy.pw}"]
    assert offered(*REFUSED, *words, "-D", "cn=admin") == (
        "confobjects set-mail-server-prop --server-name one --set use-ssl:true --set 'auth-username:o'\"'\"'x y' "
        "--set 'smtp-property:mail.smtp.proxy.password=&{proxy.pw}' -D cn=admin --set use-start-tls:false"
    )


# -- what is kept ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("secret", [*spelled_out(), *glued()], ids=joined)
def test_the_history_names_the_command_without_secret_options(secret: Words) -> None:
    assert run(*secret, *SET, "--set", "auth-username:joe").status == 0
    assert run(*SET, *secret, "--set", "auth-username:ann").status == 0
    shown = without_canary("history", "--output", "json").out
    assert '"command": "set-mail-server-prop --server-name one --set auth-username:joe"' in shown
    assert '"command": "set-mail-server-prop --server-name one --set auth-username:ann"' in shown


def test_the_history_names_the_command_with_a_mask_in_the_place_of_a_value() -> None:
    assert run(*SET, "--set", "auth-username:joe", f"--set=auth-password:{CANARY}").status == 0
    shown = without_canary("history", "--output", "json").out
    command = "set-mail-server-prop --server-name one --set auth-username:joe --set=auth-password:********"
    assert f'"command": "{command}"' in shown


def by_hand(tmp_path: Path, value: str) -> None:
    """Store a secret in clear, as somebody might who edits the file."""
    pair = "mail.smtp.proxy.password=&{proxy.pw}"
    assert run(*SET, "--set", f"smtp-property:{pair}").status == 0
    file = tmp_path / "config.ldif"
    assert pair in file.read_text()
    file.write_text(file.read_text().replace("&{proxy.pw}", value))


@pytest.mark.parametrize("option", [["--remove", ""], ["", "--remove="]], ids=["apart", "with an equals sign"])
def test_the_history_names_the_command_that_removed_a_secret_in_clear_without_it(option: Words, tmp_path: Path) -> None:
    by_hand(tmp_path, CANARY)
    apart, before = option
    words = [apart] if apart else []
    done = without_canary(*SET, *words, f"{before}smtp-property:mail.smtp.proxy.password={CANARY}")
    assert done.status == 0
    shown = without_canary("history", "--output", "json").out
    joint = f"{apart} " if apart else before
    masked = f"{joint}smtp-property:mail.smtp.proxy.password=********"
    assert f'"command": "set-mail-server-prop --server-name one {masked}"' in shown


@pytest.mark.parametrize("given", [words for words in assigned() if "mail.smtp" not in words[-1]], ids=joined)
def test_a_file_of_commands_asks_for_a_secret_value_instead(given: Words, tmp_path: Path) -> None:
    record = tmp_path / "record"
    done = without_canary(*SET, "--set", "auth-username:joe", *given, "--commandFilePath", str(record))
    assert done.status == 0
    text = record.read_text()
    assert CANARY not in text
    assert ("--set-prompt auth-password" in text) != ("&{smtp.password|********}" in text)


# -- batches -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("given", list(assigned()), ids=joined)
def test_a_line_of_a_batch_that_is_refused_is_shown_without_its_secrets(given: Words, tmp_path: Path) -> None:
    batch = tmp_path / "a.batch"
    quoted = " ".join(f"'{word}'" for word in given)
    for wrong in ("--set use-ssl:true", "--nonsense", "--set enabled:perhaps", "--url ldif:x"):
        batch.write_text(f"set-mail-server-prop --server-name one {quoted} {wrong}\n")
        assert without_canary("-F", str(batch), "--batch-continue-on-error").status in {2, 10, 11}
    assert without_canary("-F", str(batch), "--output", "json").status == 2


@pytest.mark.parametrize("secret", [*spelled_out(), *glued(), *paired()], ids=joined)
def test_a_line_of_a_batch_may_not_log_in_and_is_shown_without_the_password(secret: Words, tmp_path: Path) -> None:
    batch = tmp_path / "a.batch"
    batch.write_text(f"list-mail-servers {' '.join(secret)}\n")
    done = without_canary("-F", str(batch))
    assert done.status == 2
    assert "applies to a whole batch" in done.err


# -- properties files --------------------------------------------------------------------------------------------------


def in_a_file() -> Iterator[str]:
    """Yield lines of a properties file that hold a secret, most of them with a mistake."""
    for option in OPTIONS:
        if option.name in SECRET_OPTIONS or "=" in (option.value or ""):
            name = option.spellings[-1].removeprefix("--")
            yield from (f"{name}={CANARY}", f"{name} {CANARY}", f"{name}:{CANARY}", f"confobjects.{name}={CANARY}")
            yield from (f"{name}=\\\n {CANARY}", f"{name}=\n{CANARY}", f"{name}={CANARY}\\u00zz", f"{name}x={CANARY}")
            yield from (
                f"{name}:file={CANARY}",
                f"{name}:env={CANARY}",
                f"--{name}={CANARY}",
                f"confobject.{name}={CANARY}",
            )
            yield f"{name}={CANARY}\n{name}=x{CANARY}"
            yield f"{name}\\u00zz={CANARY}"
    yield f"define=token={CANARY}"
    yield f"w={CANARY}"
    yield f"auth-password={CANARY}"


@pytest.mark.parametrize("line", list(in_a_file()), ids=lambda line: line.replace(CANARY, "SECRET"))
def test_a_secret_in_a_properties_file_is_not_shown(line: str, tmp_path: Path) -> None:
    path = tmp_path / "tools.properties"
    path.write_text(line + "\n")
    given = ["--propertiesFilePath", str(path)]
    for words in (
        ["list-mail-servers"],
        [*SET, "--set", "use-ssl:true"],
        [*SET, "--set", "enabled:false", "--displayCommand"],
    ):
        without_canary(*words, *given)
        without_canary(*words, *given, "--output", "json")
    assert CANARY not in run("history", "--output", "json").out
