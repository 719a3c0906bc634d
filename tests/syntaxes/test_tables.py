"""Facts of single syntaxes as tables: what is read, written, shown and said."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from confobjects.dn import DN
from confobjects.syntaxes import (
    REGISTRY,
    UNLIMITED,
    HostPort,
    NameValue,
    SyntaxParameterError,
    ValueSyntaxError,
    make_syntax,
)

MS = {"type": "duration", "base-unit": "ms"}
COLOURS = {"type": "enumeration", "values": {"red": "warm", "blue": "cold"}}


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("1d15m25s", 87_325_000),
        ("1 d 15 m 25 s", 87_325_000),
        ("1D15M25S", 87_325_000),
        ("0.5 d", 43_200_000),
        ("0.5d", 43_200_000),
        ("0.5 days", 43_200_000),
        ("1h60m", 7_200_000),
        ("1w1d1h1m1s1ms", 694_861_001),
        ("1 hours", 3_600_000),
        ("10 milliseconds", 10),
        ("1.9999 ms", 1),
        ("0.0015 s", 1),
        ("00010 s", 10_000),
        ("\t5 m\n", 300_000),
        ("0 w", 0),
        ("9223372036854775807 ms", 2**63 - 1),
    ],
)
def test_duration_is_read(text: str, milliseconds: int) -> None:
    assert make_syntax(MS).parse(text) == milliseconds


@pytest.mark.parametrize(
    "text",
    [
        "1s 1d",
        "1h 1h",
        "5m 3d",
        "1 hour",
        "1.",
        "1. s",
        ".5",
        ".5 s",
        "-1 s",
        "+1 s",
        "1,5 s",
        "1e3 s",
        "1 d 0.5 h",
        "1.5 h 5 m",
        "s",
        "1 s s",
        "1 y",
        "10",
        "1\u0660 s",
        "1_0 s",
        "9223372036854775808 ms",
        "999999999999999999999 w",
    ],
)
def test_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueSyntaxError):
        make_syntax(MS).parse(text)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("512 B", 512),
        ("1 kb", 1000),
        ("1kib", 1024),
        ("1.5 mib", 1_572_864),
        ("1.5", 1),
        ("0.0009765625 mib", 1024),
        ("0.0000000000009094947017729282379150390625 tib", 1),
        ("2 tebibytes", 2 * 2**40),
        ("3 Bytes", 3),
        ("9223372036854775807", 2**63 - 1),
        (" 0 MB ", 0),
    ],
)
def test_size_is_read(text: str, size: int) -> None:
    assert make_syntax("size").parse(text) == size


@pytest.mark.parametrize("text", ["-1", "+1", "1 k", "kb", ".5 kb", "1. kb", "1 kb 1 b", "8388608 tib", "1 kbb", "٣"])
def test_size_is_refused(text: str) -> None:
    with pytest.raises(ValueSyntaxError):
        make_syntax("size").parse(text)


@pytest.mark.parametrize(
    ("size", "written", "shown"),
    [
        (0, "0 b", "0 b"),
        (1, "1 b", "1 b"),
        (999, "999 b", "999 b"),
        (1000, "1 kb", "1 kb"),
        (1024, "1 kib", "1 kib"),
        (1025, "1025 b", "1.02 kb"),
        (1_000_001, "1000001 b", "1 mb"),
        (1_024_000, "1000 kib", "1.02 mb"),
        (2_097_152, "2 mib", "2 mib"),
        (5 * 2**40, "5 tib", "5 tib"),
        (5 * 10**12, "5 tb", "5 tb"),
        (1234 * 10**12, "1234 tb", "1,234 tb"),
    ],
)
def test_size_is_written_and_shown(size: int, written: str, shown: str) -> None:
    it = make_syntax("size")
    assert it.format(size) == it.display(size, exact=True) == written
    assert it.display(size) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0, "0 s"), (1, "1 s"), (3700, "1 h 1 m 40 s"), (604_800, "1 w"), (694_861, "1 w 1 d 1 h 1 m 1 s")],
)
def test_duration_is_shown(seconds: int, shown: str) -> None:
    it = make_syntax("duration")
    assert it.display(seconds) == shown
    assert it.display(seconds, exact=True) == f"{seconds} s"


def test_units_asked_for() -> None:
    assert make_syntax("size").display(1_500_000, unit_size="kb") == "1,500 kb"
    assert make_syntax("size").display(1_500_000, unit_size="Megabytes") == "1.5 mb"
    assert make_syntax("size").display(1_500_000, unit_size="kb", exact=True) == "1500 kb"
    assert make_syntax("size").display(1_500_000, unit_size="mib") == "1.43 mib"
    assert make_syntax("size").display(1_500_000, unit_size="mib", exact=True) == "1.430511475 mib"
    assert make_syntax("duration").display(5_400, unit_time="h") == "1.5 h"
    assert make_syntax("duration").display(5_400_000, unit_time="seconds") == "5,400,000 s"
    assert make_syntax("duration").display(5_400_000, unit_time="s", exact=True) == "5400000 s"
    assert make_syntax("duration").display(5, unit_size="kb") == "5 s"
    assert make_syntax("size").display(1000, unit_time="h") == "1 kb"
    # Half to even, as money is rounded.
    assert make_syntax("size").display(1_125, unit_size="kb") == "1.12 kb"
    assert make_syntax("size").display(1_135, unit_size="kb") == "1.14 kb"
    with pytest.raises(ValueSyntaxError, match=r'^"y" is not a unit of time, expected one of w, d, h, m, s, ms$'):
        make_syntax("duration").display(1, unit_time="y")
    with pytest.raises(ValueSyntaxError, match='"k" is not a unit of size'):
        make_syntax("size").display(1, unit_size="k")


def test_maximum_unit_is_for_people_only() -> None:
    it = make_syntax({"type": "duration", "maximum-unit": "m"})
    assert it.display(7_200) == "120 m"
    assert it.parse("2 h") == 7_200


def test_integers_are_shown_plain() -> None:
    assert make_syntax("integer").display(1_389) == "1389"


@pytest.mark.parametrize(
    ("spec", "usage"),
    [
        ("boolean", "false | true"),
        ("integer", "0 <= INTEGER"),
        ({"type": "integer", "lower": 1, "upper": 65535}, "1 <= INTEGER <= 65535"),
        ({"type": "integer", "allow-unlimited": True}, "0 <= INTEGER | unlimited"),
        ({"type": "integer", "unit-synopsis": "seconds"}, "0 <= INTEGER (seconds)"),
        ("duration", "DURATION (s)"),
        ({"type": "duration", "base-unit": "ms", "lower": "1 s", "upper": "1 h"}, "1 s <= DURATION (ms) <= 1 h"),
        ({"type": "duration", "lower": 90, "allow-unlimited": True}, "1 m 30 s <= DURATION (s) | unlimited"),
        ("size", "SIZE"),
        ({"type": "size", "lower": "512 B", "upper": "1 GB"}, "512 b <= SIZE <= 1 gb"),
        ({"type": "size", "upper": "2147483647b"}, "SIZE < 2 gib"),
        ({"type": "size", "upper": 1025, "allow-unlimited": True}, "SIZE <= 1025 b | unlimited"),
        (COLOURS, "red | blue"),
        ("string", "STRING"),
        (
            {"type": "string", "pattern": {"regex": ".", "usage": "LETTER", "synopsis": "Any one letter."}},
            "LETTER - Any one letter.",
        ),
        ("password", "STRING"),
        ("dn", "DN"),
        ({"type": "dn", "base": "dc=example"}, "DN <= dc=example"),
        ({"type": "aggregation", "relation": "backend"}, "NAME"),
        ("ip-address", "HOST_NAME"),
        ("ip-address-mask", "IP_ADDRESS_MASK"),
        ("aci", "ACI"),
        ("oid", "OID"),
        ("attribute-type", "OID"),
        ("class-name", "CLASS"),
        ({"type": "class-name", "instance-of": ["a.B"]}, "CLASS <= a.B"),
        ("host-port", "HOST:PORT"),
        ({"type": "host-port", "port": "required"}, "HOST:PORT"),
        ({"type": "host-port", "default-port": 587}, "HOST[:PORT] (587)"),
        ("name-value", "NAME=VALUE"),
        ("path", "PATH"),
        ("url", "URL"),
        ({"type": "url", "schemes": ["http", "https"]}, "http:URL | https:URL"),
        ("mail-address", "ADDRESS"),
    ],
)
def test_usage(spec: Any, usage: str) -> None:
    assert make_syntax(spec).usage() == usage


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ("boolean", "True or false."),
        (COLOURS, "One of red, blue."),
        ({"type": "integer", "lower": 1, "upper": 9}, "A whole number from 1 to 9."),
        (
            {"type": "integer", "unit-synopsis": "bytes", "allow-unlimited": True},
            'A whole number, at least 0 (bytes), or "unlimited".',
        ),
        (
            {"type": "duration", "lower": "1 s", "allow-unlimited": True},
            'A duration such as "30 s", "0.5 h" or "1 d 12 h", at least 1 s, or "unlimited".',
        ),
        ({"type": "size", "upper": "1 gib"}, 'A size such as "512 kib" or "1.5 gb", at most 1 gib.'),
        (
            {"type": "host-port", "default-port": 587},
            'A host name or address, optionally followed by ":" and a port (587 when absent). '
            "Write an IPv6 address in brackets.",
        ),
        ("name-value", "A name, an equals sign, and the value that belongs to the name."),
        ({"type": "aggregation", "relation": "backend"}, "The name of an existing backend."),
        ("string", "Any text."),
        (
            {"type": "string", "pattern": {"regex": ".", "usage": "LETTER", "synopsis": "Any one letter."}},
            "LETTER: Any one letter.",
        ),
    ],
)
def test_description(spec: Any, sentence: str) -> None:
    assert make_syntax(spec).describe() == sentence


@pytest.mark.parametrize(
    ("spec", "parameter", "message"),
    [
        ({"type": "integer", "lower": 2, "upper": 1}, "upper", "the upper limit 1 is below the lower limit 2"),
        (
            {"type": "integer", "lower": -1, "allow-unlimited": True},
            "lower",
            "a negative number would mean unlimited; leave out one of lower and allow-unlimited",
        ),
        ({"type": "integer", "lower": True}, "lower", '"lower" must be a whole number'),
        (
            {"type": "integer", "uper": 1},
            "uper",
            'the syntax integer has no parameter "uper"; did you mean "upper"?',
        ),
        ({"type": "boolean", "x": 1}, "x", 'the syntax boolean has no parameter "x"; it has no parameters'),
        (
            {"type": "duration", "upper": "1 h", "allow-unlimited": True},
            "upper",
            "a duration with an upper limit cannot be unlimited; leave out one of the two",
        ),
        ({"type": "duration", "lower": "2 h", "upper": "1 h"}, "upper", "the upper limit is below the lower limit"),
        (
            {"type": "duration", "base-unit": "y"},
            "base-unit",
            '"y" is not a unit of time; the units are w, d, h, m, s, ms',
        ),
        (
            {"type": "duration", "base-unit": "h", "maximum-unit": "s"},
            "maximum-unit",
            "s is smaller than the base unit h",
        ),
        ({"type": "duration", "lower": -1}, "lower", '"-1" is not a duration'),
        ({"type": "duration", "lower": "1 hour"}, "lower", '"hour" is not a unit of time; did you mean "1 h"?'),
        ({"type": "duration", "upper": 10**19}, "upper", '"10000000000000000000 s" is too large'),
        ({"type": "size", "lower": "2 k"}, "lower", '"k" is not a unit of size; did you mean "2 kib"?'),
        ({"type": "size", "lower": 2, "upper": 1}, "upper", "the upper limit is below the lower limit"),
        ({"type": "enumeration"}, "values", 'the syntax enumeration needs the parameter "values"'),
        ({"type": "enumeration", "values": {}}, "values", "an enumeration needs at least one name"),
        (
            {"type": "enumeration", "values": {"a": "", "A": ""}},
            "values",
            'the name "A" is blank, padded or listed twice',
        ),
        ({"type": "enumeration", "values": {"a": 1}}, "values", 'the meaning of "a" must be a text'),
        ({"type": "string", "pattern": {"regex": "a"}}, "pattern", 'a pattern needs the text "usage"'),
        (
            {"type": "string", "pattern": {"regex": "(", "usage": "X", "synopsis": "x"}},
            "pattern",
            "the regular expression is broken: missing ): (",
        ),
        ({"type": "aggregation", "relation": ""}, "relation", "the relation has no name"),
        ({"type": "host-port", "default-port": 0}, "default-port", "0 is not a port; ports go from 1 to 65535"),
        ({"type": "host-port", "port": "given"}, "port", '"given" is unknown; the only word here is "required"'),
        (
            {"type": "host-port", "default-port": 25, "port": "required"},
            "port",
            "a port that is required has no default; leave out one of port and default-port",
        ),
        ({"type": "url", "schemes": [1]}, "schemes", '"schemes" must be a list of texts'),
        ({"type": "class-name", "instance-of": "a.B"}, "instance-of", '"instance-of" must be a list of texts'),
        ({"type": "url", "schemes": ["1x"]}, "schemes", '"1x" is not a scheme'),
    ],
)
def test_contradictory_parameters(spec: dict[str, Any], parameter: str, message: str) -> None:
    with pytest.raises(SyntaxParameterError) as caught:
        make_syntax(spec)
    assert caught.value.parameter == parameter
    assert str(caught.value) == message


def test_broken_base_is_a_parameter_error() -> None:
    with pytest.raises(SyntaxParameterError, match=r"^the base is not a distinguished name: ") as caught:
        make_syntax({"type": "dn", "base": "example"})
    assert caught.value.parameter == "base"


def test_aggregation_keeps_its_conditions_and_leaves_their_meaning_to_the_definitions() -> None:
    spec = {"type": "aggregation", "relation": "r", "target-enabled": {"any": []}, "needed-when": True}
    it: Any = make_syntax(spec)
    assert (it.relation, it.parent) == ("r", "/")
    assert it == make_syntax(spec) != make_syntax({"type": "aggregation", "relation": "r"})
    assert it.normal_form(" JVM  trust\tManager") != it.normal_form("JVM trust Manager")  # a tab is refused, not folded
    assert it.normal_form(" JVM  trust Manager") == it.normal_form("jvm TRUST manager")


@pytest.mark.parametrize(
    ("spec", "value", "text"),
    [
        ("boolean", True, "true"),
        ("boolean", False, "false"),
        ("integer", 587, "587"),
        ("integer", UNLIMITED, "unlimited"),
        ("duration", 90, "90 s"),
        ("duration", timedelta(minutes=2), "120 s"),
        ("duration", timedelta(milliseconds=1), "1 ms"),
        ("duration", timedelta(seconds=-1), "-1 s"),
        ("size", 4096, "4 kib"),
        ("host-port", ("h", 25), "h:25"),
        ("host-port", HostPort("::1", 25), "[::1]:25"),
        ("host-port", "h:25", "h:25"),
        ("name-value", ("a", "b"), "a=b"),
        ("name-value", NameValue("a", "b=c"), "a=b=c"),
        ("path", PurePosixPath("a/b"), "a/b"),
        ("path", Path("x"), "x"),
        ("dn", DN.parse("cn=a"), "cn=a"),
        ("string", "${left.alone}", "${left.alone}"),
    ],
)
def test_python_values(spec: Any, value: Any, text: str) -> None:
    assert make_syntax(spec).coerce(value) == text


@pytest.mark.parametrize(
    ("spec", "value"),
    [("boolean", 1), ("integer", True), ("duration", False), ("size", 1.0), ("host-port", ("h", True)), ("string", 5)],
)
def test_lookalike_python_values_are_refused(spec: str, value: Any) -> None:
    with pytest.raises(ValueSyntaxError, match=f"of the Python type {type(value).__name__} does not fit"):
        make_syntax(spec).coerce(value)


@pytest.mark.parametrize(
    ("spec", "one", "other", "same"),
    [
        ("string", " Text ", "text", True),
        ({"type": "string", "case-insensitive": False}, "Text", "text", False),
        ({"type": "string", "case-insensitive": False}, " text", "text", True),
        ("password", "Secret", "secret", False),
        ("password", "secret ", "secret", False),
        ({"type": "host-port", "default-port": 25}, "HOST", "host:25", True),
        ("host-port", "[2001:db8:0::1]:25", "[2001:DB8::1]:025", True),
        ("ip-address", "2001:db8:0::1", "2001:DB8::1", True),
        ("name-value", "a=1", "a=2", False),
        ("name-value", "a=1", "A=1", False),
        ("duration", "60 s", "1 m", True),
        ("size", "1024", "1 kib", True),
        ("integer", "007", "7", True),
        ("boolean", "TRUE", "true", True),
        ("dn", "CN=A, DC=b", "cn=a,dc=B", True),
        ("attribute-type", "CN", "cn", True),
        ("class-name", "a:B", "a:b", False),
        ("path", "A", "a", False),
        ("url", "HTTP://Host/A", "http://host/A", True),
        ("url", "http://host/A", "http://host/a", False),
        ("mail-address", "Ann@Example.com", "Ann@example.COM", True),
        ("mail-address", "Ann@example.com", "ann@example.com", False),
        ("boolean", "${a}", "${A}", False),
    ],
)
def test_comparison(spec: Any, one: str, other: str, same: bool) -> None:
    it = make_syntax(spec)
    assert (it.normal_form(one) == it.normal_form(other)) is same


@pytest.mark.parametrize(
    ("spec", "text", "span"),
    [
        ("host-port", "h:99999", (2, 7)),
        ("host-port", " a..b :25", None),
        ("duration", "1 hour", (2, 6)),
        ("duration", "1s 1d", (3, 5)),
        ("size", "1 k", (2, 3)),
        ("path", "ab\0", (2, 3)),
        ("name-value", "a=b\r", (3, 4)),
        ("ip-address", "ab\nc", (2, 3)),
        ("aci", "(a))", (3, 4)),
        ("aci", '("', (1, 2)),
        ("string", "ab\udcff", (2, 3)),
        ("dn", "cn=a,b", (5, 6)),
    ],
)
def test_where_the_fault_is(spec: str, text: str, span: tuple[int, int] | None) -> None:
    with pytest.raises(ValueSyntaxError) as caught:
        make_syntax(spec).parse(text)
    if span is not None:
        assert caught.value.span == span


@pytest.mark.parametrize(
    ("spec", "text", "message"),
    [
        ("host-port", "[fe80::1%]:25", '"fe80::1%" is not an IPv6 address'),
        ("host-port", "[::1]25", '"25" cannot follow the address'),
        ("host-port", f"{'a' * 64}:25", f'"{"a" * 59}…" is longer than 63 characters'),
        ("host-port", f"{'ü' * 62}:25", f'"{"ü" * 59}…" is longer than 63 characters'),
        ("host-port", f"{'abc.' * 64}example:25", "the host is longer than 253 characters"),
        ("host-port", f"{'ü.' * 40}example:25", "the host is longer than 253 characters"),
        ("host-port", "☃.example:25", '"☃" is not allowed in a host name'),
        ("host-port", "a/b:25", '"/" is not allowed in a host name'),
        ("ip-address", "example.\u0660", '"\u0660" is not a name that the DNS can hold (IDNA 2008)'),
        ("dn", "   ", "the value is blank"),
        ("integer", "-" + "9" * 500, "-9999999999999999999… (501 characters) is too small"),
        ("integer", "9" * 500, "99999999999999999999… (500 characters) is too large"),
        ("duration", "1" * 500 + " s", f'"{"1" * 59}…" is not a duration'),
        ("size", "1" * 500, f'"{"1" * 59}…" is not a size'),
        ("mail-address", f"{'a' * 64}@{'abc.' * 48}example", "the address is longer than 254 octets"),
        ("mail-address", '"a"b"@c', "a quote within the quoted local part has no backslash before it"),
        ("mail-address", '"a\\"@c', "a quote is not closed"),
        ("mail-address", '"@c', "a quote is not closed"),
        ("mail-address", "a@[::1]", '"[::1]" is not an address literal'),
        ("mail-address", "<a@c>", '"<a@c>" stands in angle brackets'),
        ("string", "", "the value is empty"),
        ("boolean", "\u202etrue", '"\\u202etrue" is neither true nor false'),
        ("path", "x" * 80 + "\0", f'"{"x" * 59}…" holds a NUL character'),
    ],
)
def test_what_is_wrong(spec: str, text: str, message: str) -> None:
    with pytest.raises(ValueSyntaxError) as caught:
        make_syntax(spec).parse(text)
    assert caught.value.message == message


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        ("integer", "0" * 500 + "7"),
        ("host-port", "हिन्दी.example:25"),
        ("host-port", "faß.example:25"),
        ("mail-address", '"a\\"b"@c'),
        ("mail-address", "a@c_d"),
        ("url", "urn:isbn:0451450523"),
    ],
)
def test_unusual_but_right(spec: str, text: str) -> None:
    it = make_syntax(spec)
    assert it.parse(it.format(text)) == it.parse(text)


def test_ldap_syntaxes() -> None:
    rules = {name: cls.ldap_syntax.equality for name, cls in REGISTRY.items()}
    assert {name for name, rule in rules.items() if rule == "octetStringMatch"} == {"password"}
    exact = {"aci", "class-name", "mail-address", "name-value", "path", "string", "url"}
    assert {name for name, rule in rules.items() if rule == "caseExactMatch"} == exact
    assert REGISTRY["string"].ldap_syntax.oid == "1.3.6.1.4.1.1466.115.121.1.15"
    assert REGISTRY["password"].ldap_syntax.oid == "1.3.6.1.4.1.1466.115.121.1.40"


def test_python_types() -> None:
    types = {
        "boolean": "bool",
        "integer": "int",
        "host-port": "HostPort",
        "name-value": "NameValue",
        "dn": "DN",
        "string": "str",
    }
    assert {name: make_syntax(name).python_type for name in types} == types
    assert make_syntax(COLOURS).python_type == 'Literal["red", "blue"]'


def test_only_the_password_is_sensitive() -> None:
    assert [name for name, cls in REGISTRY.items() if cls.sensitive] == ["password"]


def test_credentials_of_a_url_are_not_repeated() -> None:
    it = make_syntax({"type": "url", "schemes": ["https"]})
    for text in (
        "https://u:canary@",
        "ftp://u:canary@h",
        "https://u:canary@h:0",
        "u:canary@h",
        "https://u:canary@h/\n",
    ):
        with pytest.raises(ValueSyntaxError) as caught:
            it.parse(text)
        assert "canary" not in str(caught.value)


def test_a_cold_start_loads_only_what_is_used() -> None:
    program = (
        "import sys\n"
        "from confobjects.syntaxes import make_syntax\n"
        "before = set(sys.modules)\n"
        "make_syntax('boolean').parse('true')\n"
        "make_syntax({'type': 'host-port', 'default-port': 587}).parse('smtp.example.com')\n"
        "make_syntax('password').parse('x')\n"
        "print(*sorted(set(sys.modules) - before))\n"
        "print(*sorted({'dataclasses', 'datetime', 'decimal', 'difflib', 'inspect', 'ipaddress', 'pathlib',"
        " 'unicodedata', 'urllib', 'confobjects.dn'} & set(sys.modules)))\n"
    )
    root = Path(__file__).resolve().parents[2]
    # -S and -I keep a coverage or site hook of the environment from importing things of its own.
    program = f"import sys; sys.path.insert(0, {str(root)!r})\n{program}"
    output = subprocess.run([sys.executable, "-S", "-I", "-c", program], capture_output=True, text=True, check=True)
    loaded, heavy = output.stdout.split("\n")[:2]
    assert [name for name in loaded.split() if "syntaxes" in name] == [
        "confobjects.syntaxes.hosts",
        "confobjects.syntaxes.text",
        "confobjects.syntaxes.words",
    ]
    assert heavy == ""
