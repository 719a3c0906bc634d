"""A password in a URL, of every property that is one: stored as an expression only, and never shown."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from confobjects.cli.words.masking import ask_for_secrets, mask_secrets
from confobjects.definitions_loading import load_registry
from confobjects.syntaxes.urls import Url
from confobjects.texts.passwords import find_password
from tests.cli.sessions import Outcome, fresh, run

CANARY = "Kanarienvogel-8!x"
PROVIDER = ["--provider-name", "one"]
GIVEN = {"grant-type": "client-credentials", "client-id": "c", "client-secret": "&{oauth.secret}", "enabled": "true"}
MISWRITTEN = "{scheme}://joe:{secret}/y@h.example/x"
FORMS = (
    "{scheme}://joe:{secret}@h.example/x",
    MISWRITTEN,
    "{scheme}://h.example/x?a=b&password={secret}",
    "{scheme}://joe:{secret}@h.example/x?sslpassword={secret}",
    "&{{a.url|{scheme}://joe:{secret}@h.example/x}}",
)
"""Places of a password; in one the slash is no end of it for SQLAlchemy, although RFC 3986 says so."""


def places() -> list[tuple[str, str, str]]:
    """Return each property whose values are URLs, with its object and a scheme that has a password."""
    return [
        (definition.name, prop.name, next(s for s in reversed(prop.syntax.schemes) if s != "sqlite"))
        for definition in load_registry()
        for prop in definition.properties.values()
        if isinstance(prop.syntax, Url) and prop.declared_by == definition.name
    ]


PLACES = places()
IDS = [f"{kind}-{prop}" for kind, prop, _ in PLACES]


@pytest.fixture(autouse=True)
def _own_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("URL_PIN", CANARY)
    with fresh(tmp_path):
        values = [f"{name}:{value}" for name, value in {**GIVEN, "token-endpoint": "https://h.example/t"}.items()]
        words = ["create-oauth2-provider", *PROVIDER, *(word for value in values for word in ("--set", value))]
        assert run(*words).status == 0
        yield


def without_canary(*words: str) -> Outcome:
    outcome = run(*words)
    assert CANARY not in outcome.out + outcome.err, words
    return outcome


def set_words(kind: str, value: str) -> list[str]:
    return [f"set-{kind}-prop", *(PROVIDER if kind == "oauth2-provider" else []), "--set", value]


def test_there_are_such_properties() -> None:
    assert ("mail-service", "ledger", "postgresql") in PLACES
    assert len(PLACES) > 3


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("kind", "prop", "scheme"), PLACES, ids=IDS)
def test_in_clear_it_is_refused_with_what_to_do(kind: str, prop: str, scheme: str, form: str, tmp_path: Path) -> None:
    before = (tmp_path / "config.ldif").read_bytes()
    done = without_canary(*set_words(kind, f"{prop}:{form.format(scheme=scheme, secret=CANARY)}"))
    assert (done.status, done.out) == (10, "")
    if form is MISWRITTEN:
        assert "write / in a password as %2F" in done.err
    else:
        assert "the password in the URL is a secret, but is given in clear text" in done.err
        assert "&{file:secrets/pin}" in done.err
        assert ("PGPASSFILE, ~/.pgpass and a service file" in done.err) == (scheme == "postgresql" and form[0] != "&")
    assert (tmp_path / "config.ldif").read_bytes() == before


@pytest.mark.parametrize(("kind", "prop", "scheme"), PLACES, ids=IDS)
def test_as_an_expression_it_is_shown_and_its_value_never_is(kind: str, prop: str, scheme: str, tmp_path: Path) -> None:
    stored = f"{scheme}://joe:&{{env:URL_PIN}}@h.example/x"
    assert without_canary(*set_words(kind, f"{prop}:{stored}"), "--displayCommand").status == 0
    get = [f"get-{kind}-prop", *(PROVIDER if kind == "oauth2-provider" else [])]
    assert stored in without_canary(*get, "--advanced", "--property", prop).out
    for form in ("table", "json", "tsv"):
        effective = without_canary(*get, "--effective", "--advanced", "--property", prop, "--output", form)
        assert f"{scheme}://joe:********@h.example/x" in effective.out
    assert stored in without_canary("export").out
    read_all(kind, tmp_path)
    for file in (path for path in tmp_path.rglob("*") if path.is_file()):
        assert CANARY.encode() not in file.read_bytes(), file


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("kind", "prop", "scheme"), PLACES, ids=IDS)
def test_by_hand_in_clear_it_is_masked_and_told(kind: str, prop: str, scheme: str, form: str, tmp_path: Path) -> None:
    assert run(*set_words(kind, f"{prop}:{scheme}://marker.example/x")).status == 0
    file = tmp_path / "config.ldif"
    text = file.read_text().replace(f"{scheme}://marker.example/x", form.format(scheme=scheme, secret=CANARY))
    file.write_text(text)
    get = [f"get-{kind}-prop", *(PROVIDER if kind == "oauth2-provider" else [])]
    assert "********" in without_canary(*get, "--advanced", "--property", prop).out
    checked = without_canary("check")
    told = "is not a port" if form is MISWRITTEN else "is given in clear text"
    assert (checked.status, told in checked.err + checked.out) == (10, True)
    read_all(kind, tmp_path)
    assert run(*set_words(kind, f"{prop}:{scheme}://other.example/x")).status == 0
    read_all(kind, tmp_path)


def read_all(kind: str, tmp_path: Path) -> None:
    """Run every command that shows values."""
    listed = [["list-oauth2-providers"]] if kind == "oauth2-provider" else []
    for words in (
        *listed,
        ["history"],
        ["history", "show", "2"],
        ["export"],
        ["export", "--format", "commands"],
        ["diff", f"ldif:{tmp_path / 'config.ldif'}", f"ldif:{tmp_path / 'none.ldif'}"],
        ["undo", "--dry-run"],
        ["mail-service", "status"],
        ["mail-queue", "list"],
        ["overview"],
    ):
        without_canary(*words)


def test_an_offered_command_has_an_expression_in_its_place() -> None:
    value = f"ledger:postgresql://joe:{CANARY}@h.example/x"
    registry = load_registry()
    masked = mask_secrets(["--set", value], registry.secret_names(), registry.property_names())
    assert masked == ["--set", "ledger:postgresql://joe:********@h.example/x"]
    offer = ask_for_secrets(["--set", value], masked, registry.secret_names())
    assert offer == ["--set", "ledger:postgresql://joe:&{file:PATH}@h.example/x"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://h:8443/a@b", None),
        ("https://h/a:b@c", None),
        ("https://joe:@h/", None),
        ("https://joe@h/", None),
        ("mailto:ann:x@h", None),
        ("a://h/b c://u:pw@h", "a://h/b c://u:*@h"),
        ("x://u:p@ss@h/db", "x://u:*@h/db"),
        ("x://&{env:U:a@b}:pw@h", "x://&{env:U:a@b}:*@h"),
        ("x://u:&{file:/a@b/c}@h/d@e", "x://u:*@h/d@e"),
        ("x://u:&{a.b|${c.d|/@}}@h", "x://u:*@h"),
        ("&{a.b|${c|x://u:pw@h/db}}", "&{a.b|${c|x://u:*@h/db}}"),
    ],
)
def test_where_it_begins_and_ends(text: str, shown: str | None) -> None:
    span = find_password(text)
    assert (None if span is None else f"{text[: span[0]]}*{text[span[1] :]}") == shown
