"""Work is bounded by the size of its input: twice the input takes twice the steps, and nothing waits forever.

A step is a line of Python that is executed, not a moment of the clock. What runs inside C code is bounded by a limit that
has its own test here: a text that would take such code too long is refused.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import Any
from unicodedata import normalize

import pytest

import confobjects
from confobjects.cli.batch.dialect import parse as parse_batch
from confobjects.conversion import xml_tree
from confobjects.conversion.grammar import check_grammar
from confobjects.conversion.opendj_xml import read_facts
from confobjects.definitions_loading import load_registry
from confobjects.diagnostics import LONGEST_EXCERPT, Diagnostic
from confobjects.dn import DN
from confobjects.errors import ConfobjectsError, DefinitionError
from confobjects.expressions import ExpressionSyntaxError, Failed, Found, Need, NotFound, evaluate, parse
from confobjects.expressions.evaluation import MAX_SIZE
from confobjects.mail.planning import plan_delivery, transport_settings
from confobjects.mail.properties import read_settings
from confobjects.mail.replies import ReplyParser
from confobjects.management import Site
from confobjects.management.judging import judge_all
from confobjects.mapping.ldif import NEW_DOCUMENT
from confobjects.mapping.ldif import parse as parse_ldif
from confobjects.objects.changes import PropertyChanges
from confobjects.objects.evaluating import evaluate_defaults
from confobjects.resolvers import ExpressionFiles
from confobjects.storage.memory import MemoryStorage
from confobjects.syntaxes.base import ValueSyntaxError
from confobjects.syntaxes.text import String
from confobjects.texts.names import normal_name
from confobjects.texts.patterns import Pattern
from confobjects.texts.properties import read_entries
from confobjects.tls import der
from confobjects.tls.stores import StoreProblem, read_store, read_store_file
from tests.opening import open_any

REGISTRY = load_registry()


def count_steps(run: Callable[[], Any]) -> int:
    """Return how many lines of Python a call executes, whatever it raises of ours."""
    steps = 0

    def trace(_: FrameType, event: str, __: Any) -> Any:
        nonlocal steps
        steps += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        run()
    except (ValueError, StoreProblem, ConfobjectsError):
        pass
    finally:
        sys.settrace(before)
    return steps


def site_of(text: str) -> Site:
    document = parse_ldif(NEW_DOCUMENT + "\n" + text)
    storage = MemoryStorage(document.entries.values())
    return Site.of(load_registry(), storage, evaluate_defaults)


def ldif_of_servers(number: int) -> str:
    """Mail servers, each with a stray beside it and one below it."""
    classes = "objectClass: top\nobjectClass: ds-cfg-mail-server\n"
    values = "ds-cfg-smtp-server: mx.example.com\nds-cfg-enabled: true\n"
    return "\n".join(
        f"dn: cn=m{i},cn=Mail Servers,cn=config\n{classes}cn: m{i}\n{values}\n"
        f"dn: cn=s{i},cn=Mail Servers,cn=config\nobjectClass: device\ncn: s{i}\n\n"
        f"dn: cn=x,cn=m{i},cn=Mail Servers,cn=config\nobjectClass: device\ncn: x\n"
        for i in range(number)
    )


def ldif_of_depth(number: int) -> str:
    """An entry far below the base."""
    return f"dn: {'cn=a,' * number}cn=Mail Servers,cn=config\nobjectClass: device\ncn: a\n"


def parse_wrong(text: str) -> None:
    with suppress(ExpressionSyntaxError):
        parse(text)


def write_value(prop: str, text: str) -> None:
    with open_any("memory:", definitions=REGISTRY) as context:
        context.create("mail-server", "one", {"smtp-server": ["mail.example.com"], "enabled": ["true"], prop: [text]})


def rows(number: int) -> list[str]:
    """Return rows that are valid, and have a warning each."""
    return [f"mail.imap.x{at}=1" for at in range(number)]


def change_rows(how: str, before: Sequence[str], texts: Sequence[str]) -> None:
    changes: dict[str, Any] = {how: {"smtp-property": texts}}
    with open_any("memory:", definitions=REGISTRY) as context:
        values = {"smtp-server": ["mail.example.com"], "enabled": ["true"], "smtp-property": before}
        context.create("mail-server", "one", values)
        context.modify("mail-server", "one", PropertyChanges(**changes))


def plan_rows(texts: Sequence[str]) -> None:
    with TemporaryDirectory() as directory:
        url = f"ldif:{directory}/config.ldif"
        with open_any(url, definitions=REGISTRY) as context:
            context.create(
                "mail-server", "one", {"smtp-server": ["mail.example.com"], "enabled": ["true"], "smtp-property": texts}
            )
        server: Any = confobjects.load(url, definitions=REGISTRY)["mail-server", "one"]
    plan_delivery(server)
    rows, _ = transport_settings(server)
    assert rows


def read_wrong_xml(data: bytes) -> None:
    with pytest.raises(DefinitionError):
        check_grammar(xml_tree.parse("a.xml", data.replace(b"<a>", _TOP).replace(b"</a>", b"</managed-object>")))


_TOP = b'<managed-object xmlns="http://opendj.forgerock.org/admin" name="a" plural-name="as">'


def kind_of_xml(number: int, above: int | None) -> bytes:
    extends = "" if above is None else f' extends="k{above}"'
    top = _TOP.decode().replace('name="a"', f'name="k{number}"{extends}')
    return f"{top}<synopsis>One.</synopsis></managed-object>".encode()


LINEAR: dict[str, tuple[Callable[[int], Any], Callable[[Any], Any]]] = {
    "a DN of escapes": (lambda n: "cn=" + r"\," * n, DN.parse),
    "the parent of a DN of escapes": (lambda n: DN.parse("cn=" + r"\," * n + ",cn=x"), lambda dn: dn.parent),
    "a DN of many parts": (lambda n: ",".join(["cn=a\\,b"] * n), DN.parse),
    "expressions in a row": (lambda n: "&{a}" * n, lambda text: evaluate(parse(text), lambda _: NotFound())),
    "expressions in a refused value": (lambda n: "&{A}" * n, lambda text: write_value("auth-username", text)),
    "expressions in a value that is written": (
        lambda n: "&{a.b|c}" * n,
        lambda text: write_value("auth-username", text),
    ),
    "expressions in an SMTP property": (
        lambda n: "a.b=" + "x&{a.b}" * n,
        lambda text: write_value("smtp-property", text),
    ),
    "openers of expressions": (lambda n: "&{" * n, parse_wrong),
    "a long default of an expression": (lambda n: "&{a.b|" + "x" * n + "}", parse),
    "begins of certificates": (lambda n: b"-----BEGIN CERTIFICATE-----\n" * n, lambda data: read_store(data, "", "")),
    "wrong elements of XML": (lambda n: b"<a>" + b"<b/>\n" * n + b"</a>", read_wrong_xml),
    "kinds that extend each other in a row": (
        lambda n: [(f"{at}.xml", kind_of_xml(at, at - 1 if at % 30 else None)) for at in range(n // 10)],
        lambda files: read_facts(files, "1.0.0"),
    ),
    "elements of DER": (lambda n: b"\x05\x00" * n, lambda data: list(der.elements(data))),
    "lines of properties": (lambda n: "a=b\\\n" * n, lambda text: [entry.value for entry in read_entries(text)]),
    "commands of a batch": (lambda n: "create-mail-server --set a:b\n" * n, parse_batch),
    "a command of a batch": (lambda n: "x " + "--set a:\\&{b} " * n, parse_batch),
    "objects and strays": (ldif_of_servers, lambda text: judge_all(site_of(text), "/")),
    "a stray far below the base": (ldif_of_depth, lambda text: judge_all(site_of(text), "/")),
    "rows of smtp-property that are written": (rows, lambda texts: change_rows("set", (), texts)),
    "rows of smtp-property that are added": (rows, lambda texts: change_rows("add", rows(9), texts)),
    "rows of smtp-property that are removed": (rows, lambda texts: change_rows("remove", texts, texts[1:])),
    "rows of smtp-property that are removed in another spelling": (
        rows,
        lambda texts: change_rows("remove", texts, [f" {text} " for text in texts[1:]]),
    ),
    "rows of smtp-property that are not there": (
        rows,
        lambda texts: change_rows("remove", texts, rows(900)[800:] * (len(texts) // 100)),
    ),
    "rows of smtp-property that are wrong": (
        lambda n: [text.replace("imap", "smtp") for text in rows(n)],
        lambda texts: change_rows("set", (), texts),
    ),
    "rows of smtp-property without values": (
        lambda n: [f"{text}&{{a.b}}" for text in rows(n)],
        lambda texts: change_rows("set", (), texts),
    ),
    "rows of smtp-property that are planned": (rows, plan_rows),
    "words in an SMTP property": (
        lambda n: "TLSv1 SSLv3 " * n,
        lambda text: read_settings([("mail.smtp.ssl.protocols", text)]),
    ),
    "lines of SMTP replies": (lambda n: b"250\n250-a\n250 b\r\n" * n, lambda data: list(ReplyParser().feed(data))),
    "rows of smtp-property": (
        lambda n: [(f"mail.smtp.x{number}", "1") for number in range(n)],
        read_settings,
    ),
}


@pytest.mark.parametrize("case", LINEAR)
def test_twice_the_input_takes_twice_the_steps(case: str) -> None:
    make, run = LINEAR[case]
    count_steps(lambda: run(make(10)))  # what is imported or made only once
    small, large = make(200), make(800)
    assert count_steps(lambda: run(large)) <= 4.5 * count_steps(lambda: run(small))


class Copied(bytes):
    """Bytes that count how many of them are copied."""

    copied = 0

    def __getitem__(self, key: Any) -> Any:
        taken = super().__getitem__(key)
        return taken if isinstance(taken, int) else Copied.take(taken)

    def __add__(self, other: Any) -> Any:
        return Copied.take(super().__add__(other))

    def __radd__(self, other: Any) -> Any:
        return Copied.take(other.__add__(bytes(self)))

    @classmethod
    def take(cls, data: bytes) -> Copied:
        cls.copied += len(data)
        return cls(data)


@pytest.mark.parametrize("line", [b"250\n", b"250-a\n250 b\n", b"250 \r\n250\n"])
@pytest.mark.parametrize("size", [1, 1000, 1 << 20])
def test_the_bytes_of_replies_are_copied_a_few_times(line: bytes, size: int) -> None:
    parser, data, found = ReplyParser(), Copied(line * 500), 0
    Copied.copied = 0
    for at in range(0, len(data), size):
        found += len(list(parser.feed(data[at : at + size])))
    assert found >= 500
    assert parser.empty
    assert parser.pending == b""
    assert Copied.copied <= 12 * len(data)  # of a piece of one byte also the line before it


# -- expressions -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "make",
    [
        lambda n: "&{a.b}" * n,
        lambda n: "&{a.b|" + "<${c.d|e}>" * n + "}",
        lambda n: "x&{file:a.pin}" * n,
        lambda n: "&{in.file}" * n,
        lambda n: "&{env:HOME}" * n,
    ],
    ids=["without values", "in a default", "files", "expression files", "variables"],
)
def test_twice_the_text_takes_twice_the_steps_at_startup(tmp_path: Path, make: Callable[[int], str]) -> None:
    (tmp_path / "a.pin").write_text("x")
    (tmp_path / "values.properties").write_text("in.file = <&{c.d}&{c.d|x}>")
    url = f"ldif:{tmp_path / 'config.ldif'}"

    def load(number: int) -> int:
        values = {"smtp-server": ["mail.example.com"], "enabled": ["true"], "auth-username": [make(number)]}
        with open_any(url, definitions=REGISTRY) as context:
            context.create("mail-server", f"n{number}", values)
        sources: dict[str, Any] = {"environment": {"HOME": "h"}, "expression_directories": [str(tmp_path)]}
        steps = count_steps(lambda: confobjects.load(url, definitions=REGISTRY, **sources))
        with open_any(url, definitions=REGISTRY) as context:
            context.delete("mail-server", f"n{number}")
        return steps

    load(10)
    small = load(200)
    assert load(800) <= 4.5 * small


Answer = Found | NotFound | Failed


def doubled(levels: int, last: Answer) -> tuple[Callable[[Need], Answer], list[Need]]:
    """Return a provider whose tokens each name the next one twice, and the list of what it was asked for."""
    asked: list[Need] = []

    def provide(need: Need) -> Answer:
        asked.append(need)
        level = int(need.argument.removeprefix("t."))
        return last if level == levels else Found((f"&{{t.{level + 1}}}&{{t.{level + 1}}}",), "file", literal=False)

    return provide, asked


@pytest.mark.parametrize(
    "last", [Found(("x",), "file", literal=False), NotFound(), Failed("broken"), Found(("y" * 600_000,), "file")]
)
def test_sources_that_name_each_other_twice_are_evaluated_once(last: Answer) -> None:
    provide, asked = doubled(30, last)
    evaluate(parse("&{t.0}"), provide)
    assert len(asked) <= 2 * 31


def test_a_text_grows_to_a_limit_and_not_beyond() -> None:
    provide, _ = doubled(10, Found(("x",), "file", literal=False))
    assert evaluate(parse("&{t.0}"), provide).values == ("x" * 1024,)
    provide, _ = doubled(25, Found(("x",), "file", literal=False))
    [problem] = evaluate(parse("&{t.0}"), provide).problems
    assert problem.message == f"the value comes to more than {MAX_SIZE:,} characters"


def expression_file(tmp_path: Path, text: str) -> ExpressionFiles:
    (tmp_path / "values.json").write_text(text)
    return ExpressionFiles([str(tmp_path)])


def test_the_keys_of_a_json_object_are_read_once(tmp_path: Path) -> None:
    def read(count: int) -> int:
        files = expression_file(tmp_path, json.dumps({f"k{number}": "v" for number in range(count)}))
        return count_steps(lambda: files("k0"))

    read(10)
    assert read(800) <= 4.5 * read(200)


@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_json_that_is_nested_too_deeply_is_refused(tmp_path: Path, opening: str) -> None:
    answer = expression_file(tmp_path, opening * 100_000)("a")
    assert answer == Failed(
        f"{tmp_path / 'values.json'} is nested too deeply",
        "correct the file; nothing of its directory is used until then",
    )


def test_a_long_excerpt_is_shown_around_its_span() -> None:
    text = "".join(f"{number:05}" for number in range(1000))
    for start in (0, 1, 30, 61, 2500, 4800, 4999):
        for size in (1, 5, 5000):
            span = (start, min(start + size, len(text)))
            problem = Diagnostic("usage", "wrong", excerpt=text, span=span)
            _, excerpt, carets = problem.render().splitlines()
            shown = problem.as_json()
            assert excerpt == f"  {shown['excerpt']}"
            first, last = shown["span"]
            assert carets == "  " + " " * first + "^" * (last - first)
            assert text[slice(*span)].startswith(shown["excerpt"][first:last].rstrip("…"))
            assert first < last <= len(shown["excerpt"]) <= LONGEST_EXCERPT + 2
            assert shown["excerpt"].strip("…") in text
            assert shown["excerpt"].startswith("…") is not shown["excerpt"].startswith(text[:5])


@pytest.mark.parametrize("span", [None, (3, 4), (0, LONGEST_EXCERPT)])
def test_a_short_excerpt_is_shown_as_a_whole(span: tuple[int, int] | None) -> None:
    text = "x" * LONGEST_EXCERPT
    shown = Diagnostic("usage", "wrong", excerpt=text, span=span).as_json()
    assert (shown["excerpt"], shown["span"]) == (text, list(span) if span else None)


# -- names -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("marks", ["\u0301", "\u0301\u0323", "\u0344"])
def test_a_name_with_any_number_of_combining_marks_is_compared(marks: str) -> None:
    name = "a" + marks * 100_000
    assert DN.parse(f"cn={name}") == DN.parse(f"cn={name.upper()}")
    assert DN.parse(f"cn={name}") != DN.parse(f"cn={name[:-1]}")
    runs = normal_name(name).split("\u034f")
    assert max(map(len, runs)) <= 32


def test_usual_names_have_the_form_of_unicode() -> None:
    for name in ("e\u0301" * 1000, "Stra\u00dfe" * 100, "\ufb01" * 40):
        assert normal_name(name) == normalize("NFKC", normalize("NFKC", name).casefold())


# -- patterns ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("regex", ["(a+)+$", "(a|a)*", "(a*)*", "(.*a){20}b"])
def test_a_pattern_is_matched_in_linear_time(regex: str) -> None:
    assert not Pattern(regex).matches("a" * 50_000 + "!")


@pytest.mark.parametrize(
    ("regex", "message"),
    [("(", "missing ): ("), ("(?!a)b", "invalid perl operator: (?!"), ("a{2000}", "invalid repetition size: {2000}")],
)
def test_a_pattern_that_is_not_understood_is_refused(regex: str, message: str) -> None:
    with pytest.raises(ValueError) as refused:  # noqa: PT011 - the text is compared below
        Pattern(regex)
    assert str(refused.value) == message


def test_the_pattern_of_a_definition_is_matched_in_linear_time() -> None:
    syntax = String(pattern={"regex": "(a+)+", "usage": "AS", "synopsis": "Letters."})
    assert syntax.parse("a" * 50_000)
    with pytest.raises(ValueSyntaxError):
        syntax.parse("a" * 50_000 + "!")


# -- trust stores ------------------------------------------------------------------------------------------------------


def test_a_pipe_or_a_device_is_no_store(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.p12"
    os.mkfifo(pipe)
    for path in (str(pipe), "/dev/zero", str(tmp_path)):
        with pytest.raises(OSError, match=r"regular file|directory"):
            read_store_file(path)


def element(tag: int, *parts: bytes) -> bytes:
    """Return a DER element."""
    content = b"".join(parts)
    size = len(content)
    return bytes([tag]) + (bytes([size]) if size < 128 else b"\x82" + size.to_bytes(2, "big")) + content


def number(value: int) -> bytes:
    return element(der.INTEGER, value.to_bytes(value.bit_length() // 8 + 1, "big"))


SALT = element(der.OCTETS, bytes(8))
DATA = element(der.OID, bytes.fromhex("2a864886f70d010701"))
ENCRYPTED = element(der.OID, bytes.fromhex("2a864886f70d010706"))
PBES2 = element(der.OID, bytes.fromhex("2a864886f70d01050d"))
PBKDF2 = element(der.OID, bytes.fromhex("2a864886f70d01050c"))
SCRYPT = element(der.OID, bytes.fromhex("2b06010401da47040b"))
PKCS12_RC2 = element(der.OID, bytes.fromhex("2a864886f70d010c0106"))
KEY_BAG = element(der.OID, bytes.fromhex("2a864886f70d010c0a0102"))


def pbes2(rounds: int) -> bytes:
    derivation = element(der.SEQUENCE, PBKDF2, element(der.SEQUENCE, SALT, number(rounds)))
    return element(der.SEQUENCE, PBES2, element(der.SEQUENCE, derivation))


def scrypt(cost: int, block: int, lanes: int) -> bytes:
    """Return the algorithm scrypt with its parameters (RFC 7914)."""
    return element(der.SEQUENCE, SCRYPT, element(der.SEQUENCE, SALT, number(cost), number(block), number(lanes)))


def pbes2_scrypt(*numbers: int) -> bytes:
    return element(der.SEQUENCE, PBES2, element(der.SEQUENCE, scrypt(*numbers)))


def bcfks_of(derivation: bytes) -> bytes:
    """Return a BCFKS store whose integrity is checked with a key of some derivation."""
    name = element(der.SEQUENCE, element(der.OID, bytes.fromhex("2a864886f70d020b")))
    stored = element(der.SEQUENCE, element(der.SEQUENCE, PBES2), SALT)
    return element(der.SEQUENCE, stored, element(der.SEQUENCE, name, derivation, SALT))


def pkcs12_rc2(rounds: int) -> bytes:
    return element(der.SEQUENCE, PKCS12_RC2, element(der.SEQUENCE, SALT, number(rounds)))


def encrypted(algorithm: bytes) -> bytes:
    content = element(der.SEQUENCE, DATA, algorithm, element(0x80, bytes(16)))
    return element(der.SEQUENCE, ENCRYPTED, element(0xA0, element(der.SEQUENCE, number(0), content)))


def shrouded_key(algorithm: bytes) -> bytes:
    bag = element(der.SEQUENCE, KEY_BAG, element(0xA0, element(der.SEQUENCE, algorithm, SALT)))
    return element(der.SEQUENCE, DATA, element(0xA0, element(der.OCTETS, element(der.SEQUENCE, bag))))


def store_of(*contents: bytes, check_rounds: int = 1) -> bytes:
    """Return a PKCS #12 store (RFC 7292) of some contents."""
    safe = element(der.OCTETS, element(der.SEQUENCE, *contents))
    check = element(der.SEQUENCE, element(der.SEQUENCE, SALT, SALT), SALT, number(check_rounds))
    return element(der.SEQUENCE, number(3), element(der.SEQUENCE, DATA, element(0xA0, safe)), check)


@pytest.mark.parametrize(
    "data",
    [
        store_of(check_rounds=2**31 - 1),
        store_of(encrypted(pbes2(2**31 - 1))),
        store_of(encrypted(pkcs12_rc2(2**31 - 1))),
        store_of(shrouded_key(pbes2(2**31 - 1))),
        store_of(shrouded_key(pkcs12_rc2(2**31 - 1))),
        store_of(*[encrypted(pbes2(1_000_000))] * 11),
        store_of(encrypted(pbes2_scrypt(2, 1, 2**29))),
        store_of(shrouded_key(pbes2_scrypt(2**14, 8, 2**20))),
    ],
    ids=["check", "pbes2", "pkcs12", "key-pbes2", "key-pkcs12", "many", "scrypt", "key-scrypt"],
)
def test_a_store_whose_derivation_takes_too_long_is_refused(data: bytes) -> None:
    with pytest.raises(StoreProblem, match="more than 10,000,000 rounds of hashing"):
        read_store(data, "", "secret")


@pytest.mark.parametrize("numbers", [(2**17, 8, 2**16), (2, 1, 2**29), (2**14, 8, 2**20), (2**40, 1, 1), (2, 0, 1)])
def test_a_bcfks_store_whose_derivation_takes_too_long_is_refused(numbers: tuple[int, int, int]) -> None:
    with pytest.raises(StoreProblem) as caught:
        read_store(bcfks_of(scrypt(*numbers)), "", "secret")
    assert caught.value.kind == "damaged"


def test_a_bcfks_store_with_a_usual_derivation_is_only_refused_for_its_password() -> None:
    with pytest.raises(StoreProblem) as caught:
        read_store(bcfks_of(scrypt(2**10, 8, 1)), "", "secret")
    assert caught.value.kind == "wrong-password"
