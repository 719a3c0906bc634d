"""What holds for every syntax and every text, found by Hypothesis."""

from __future__ import annotations

import copy
import pickle
import re
import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from confobjects.dn import DN
from confobjects.syntaxes import REGISTRY, UNLIMITED, HostPort, NameValue, Syntax, ValueSyntaxError, make_syntax

INSTANCES: list[Syntax] = []
"""One instance per distinct set of parameters in the samples of every class."""
for _name, _cls in REGISTRY.items():
    for _sample in (*_cls.samples_good, *_cls.samples_bad):
        _instance = make_syntax({"type": _name, **_sample[0]})
        if _instance not in INSTANCES:
            INSTANCES.append(_instance)

SEEDS = sorted({sample[1] for cls in REGISTRY.values() for sample in (*cls.samples_good, *cls.samples_bad)})

any_syntax = st.sampled_from(INSTANCES)
raw_text = st.text(st.characters(exclude_categories=()), max_size=40)
SIGNS = '1|0|-|+|.|:|@|=|*|/|%|[|]|(|)|"|\\|$|,|::|a| |\n|\0|\udc80|\u202e|é|٣'
WORDS = "s|ms|d|kib|b|unlimited|cn=|smtp.example.com"
pieces = st.sampled_from([*f"{SIGNS}|{WORDS}".split("|"), "1" * 450])
jumble = st.lists(pieces, max_size=8).map("".join)


@st.composite
def damaged(draw: st.DrawFn) -> str:
    """A sample with something put into it, taken out or doubled."""
    text: str = draw(st.sampled_from(SEEDS))
    at = draw(st.integers(0, len(text)))
    cut = draw(st.integers(0, 2))
    return text[:at] + draw(st.one_of(st.just(""), pieces)) + text[at + cut :]


texts = st.one_of(raw_text, jumble, damaged(), st.sampled_from(SEEDS))


def refusal(it: Syntax, text: str) -> ValueSyntaxError | None:
    """Return the error of a text, None when it is a value; any other exception is a broken law."""
    try:
        it.parse(text)
    except ValueSyntaxError as error:
        return error
    return None


@given(any_syntax, texts)
def test_a_refusal_has_words_that_can_be_printed(it: Syntax, text: str) -> None:
    error = refusal(it, text)
    if error is not None:
        assert error.message
        assert error.expected == it.expected
        assert str(error).isprintable()
        assert error.span is None or 0 <= error.span[0] < error.span[1] <= max(1, len(text))


@given(any_syntax, texts)
def test_a_value_survives(it: Syntax, text: str) -> None:
    if refusal(it, text) is not None:
        return
    value = it.parse(text)
    canonical = it.format(value)
    assert it.parse(canonical) == value
    assert it.format(it.parse(canonical)) == canonical
    assert it.format(text) == canonical
    assert it.normal_form(canonical) == it.normal_form(text)
    assert it.parse(it.coerce(it.to_json(value))) == value
    assert it.display(value)
    assert it.display(value, exact=True)


@given(any_syntax, texts, texts)
def test_equal_values_have_equal_normal_forms(it: Syntax, one: str, other: str) -> None:
    assert it.normal_form(one) == it.normal_form(one)
    hash(it.normal_form(one))
    hash(it.key(one))
    try:
        same = it.parse(one) == it.parse(other)
    except ValueSyntaxError:
        return
    if same:
        assert it.normal_form(one) == it.normal_form(other)
        assert it.key(one) == it.key(other)


alien = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.binary(max_size=4),
    st.timedeltas(),
    st.tuples(st.text(max_size=3), st.integers()),
    st.tuples(st.text(max_size=3), st.text(max_size=3)),
    st.lists(st.text(max_size=3), max_size=2),
)


@given(any_syntax, alien)
def test_python_values_become_text_or_are_refused(it: Syntax, value: Any) -> None:
    try:
        text = it.coerce(value)
    except ValueSyntaxError:
        return
    assert isinstance(text, str)
    try:
        canonical = it.format(value)
    except ValueSyntaxError:
        return
    assert it.parse(canonical) == it.parse(text)


@given(st.text(max_size=30), st.sampled_from(["", "\udc80", "\0\udc80"]))
def test_no_message_repeats_a_password(secret: str, tail: str) -> None:
    it = make_syntax("password")
    error = refusal(it, secret + tail)
    if error is None:
        assert it.format(it.parse(secret + tail)) == secret + tail
    else:
        # These two and no other: neither holds anything of the value.
        empty, broken = "the value is empty", "the value is not valid UTF-8"
        assert str(error) in {f"{empty}, expected a secret text", f"{broken}, expected a secret text"}
        assert error.span is None
    assert it.display(secret) == "********"
    assert it.normal_form(secret) == secret


@given(texts)
def test_masked_errors_repeat_nothing(text: str) -> None:
    canary = f"Tr0ub4dor{text}"
    for it in INSTANCES:
        error = refusal(it, canary)
        assert error is None or "Tr0ub4dor" not in str(error.as_masked())


@given(st.integers(-(2**70), 2**70), st.integers(0, 2**40), st.integers(0, 2**40))
def test_limits_are_inclusive(number: int, one: int, other: int) -> None:
    lower, upper = sorted((one, other))
    for spec in (
        {"type": "integer", "lower": lower, "upper": upper},
        {"type": "size", "lower": lower, "upper": upper},
        {"type": "duration", "base-unit": "ms", "lower": lower, "upper": upper},
    ):
        it = make_syntax(spec)
        assert it.parse(it.coerce(lower)) == lower
        assert it.parse(it.coerce(upper)) == upper
        for wrong in (lower - 1, upper + 1):
            with pytest.raises(ValueSyntaxError):
                it.format(wrong)
        if lower <= number <= upper:
            assert it.parse(it.format(number)) == number
        else:
            with pytest.raises(ValueSyntaxError):
                it.format(number)


@given(st.integers(0, 2**63 - 1))
def test_sizes_and_durations_of_any_length_survive(count: int) -> None:
    for spec in ("size", {"type": "duration", "base-unit": "ms"}, "integer"):
        it = make_syntax(spec)
        assert it.parse(it.format(count)) == count
    it = make_syntax({"type": "duration", "base-unit": "ms"})
    assert it.parse(it.display(count)) == count


hosts = st.sampled_from(["localhost", "smtp.example.com", "192.0.2.1", "::1", "fe80::1%eth0", "bücher.example"])


@given(hosts, st.integers(1, 65535), st.none() | st.integers(1, 65535))
def test_host_port_values_survive_every_default(host: str, port: int, default: int | None) -> None:
    it = make_syntax({"type": "host-port"} | ({"default-port": default} if default else {}))
    value = HostPort(host, port)
    assert it.parse(it.format(value)) == value
    assert it.parse(str(value)) == value
    if default is not None:
        bare = it.parse(f"[{host}]" if ":" in host else host)
        assert bare == HostPort(host, default)
        assert ":" not in it.format(bare).rpartition("]")[2]
        elsewhere = make_syntax({"type": "host-port", "default-port": default % 65535 + 1})
        assert elsewhere.parse(elsewhere.format(bare)) == bare


@given(texts)
def test_a_required_port_is_no_default_port(text: str) -> None:
    plain, required = make_syntax("host-port"), make_syntax({"type": "host-port", "port": "required"})
    assert plain == required
    one, other = refusal(plain, text), refusal(required, text)
    assert str(one) == str(other)
    given_ = make_syntax({"type": "host-port", "default-port": 587})
    if one is not None and refusal(given_, text) is None:
        host = text.strip(" \t")
        assert one.remedy == f'add its port: "{host}:PORT"'
    schema = required.json_schema()
    assert schema["pattern"]
    if one is None:
        assert re.search(schema["pattern"], text)
    elif refusal(given_, text) is None:
        assert not re.search(schema["pattern"], text)
    assert "pattern" not in given_.json_schema()


with_parts = st.sampled_from([it for it in INSTANCES if it.parts])


@given(with_parts, texts)
def test_a_part_that_a_value_has_can_be_written_and_equals_itself(it: Syntax, text: str) -> None:
    if refusal(it, text) is not None:
        return
    normal = it.normal_form(text)
    for part in it.parts:
        found = getattr(normal, part)
        if found not in {None, ""}:
            syntax = it.part_syntax(part)
            assert refusal(syntax, str(found)) is None
            assert syntax.normal_form(str(found)) == found


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="="), min_size=1), st.text())
def test_name_value_splits_at_the_first_sign(name: str, value: str) -> None:
    it = make_syntax("name-value")
    error = refusal(it, f"{name}={value}")
    if error is not None:
        assert any(unicodedata.category(character) == "Cc" for character in value)
        return
    parsed = it.parse(f"{name}={value}")
    assert parsed == NameValue(name, value)
    assert tuple(parsed) == (name, value)
    assert str(parsed) == f"{name}={value}"
    assert it.key(f"{name}={value}") == it.key(f"{name}=") == name


@given(st.sampled_from(["cn=a", "OU=People , dc=Example", "cn=a\\,b,dc=c"]))
def test_dn_values_are_names(text: str) -> None:
    it = make_syntax("dn")
    value = it.parse(text)
    assert isinstance(value, DN)
    assert it.format(value) == str(DN.parse(text))


def test_unlimited_is_one_and_the_greatest() -> None:
    assert type(UNLIMITED)() is UNLIMITED
    assert copy.deepcopy(UNLIMITED) is UNLIMITED
    assert copy.copy(UNLIMITED) is UNLIMITED
    assert pickle.loads(pickle.dumps(UNLIMITED)) is UNLIMITED
    assert (str(UNLIMITED), repr(UNLIMITED)) == ("unlimited", "UNLIMITED")
    same = UNLIMITED
    assert 10**30 < UNLIMITED > 5
    assert same >= UNLIMITED >= 5
    assert same <= UNLIMITED
    assert not UNLIMITED < 10**30
    assert not UNLIMITED <= 10**30
    assert not same > UNLIMITED
    assert UNLIMITED != -1
    assert max(UNLIMITED, 3) is UNLIMITED


@pytest.mark.parametrize("name", ["integer", "duration", "size"])
def test_unlimited_only_where_allowed(name: str) -> None:
    allowed = make_syntax({"type": name, "allow-unlimited": True})
    for text in ("unlimited", "Unlimited", "UNLIMITED", " unlimited "):
        assert allowed.parse(text) is UNLIMITED
        with pytest.raises(ValueSyntaxError):
            make_syntax(name).parse(text)
    assert allowed.format(UNLIMITED) == allowed.coerce(UNLIMITED) == allowed.display(UNLIMITED) == "unlimited"
    assert allowed.to_json(UNLIMITED) == "unlimited"
    with pytest.raises(ValueSyntaxError):
        make_syntax(name).format(UNLIMITED)
    assert allowed.python_type == "int | Unlimited"
    assert make_syntax(name).python_type == "int"
