"""Every registered syntax, by its own samples: a new class is tested without writing a test."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

import jsonschema
import pytest

from confobjects.syntaxes import (
    REGISTRY,
    LdapSyntax,
    Syntax,
    SyntaxParameterError,
    UnknownSyntaxError,
    ValueSyntaxError,
    make_syntax,
)

NAMES = list(REGISTRY)


def make(name: str, parameters: Mapping[str, Any]) -> Syntax:
    return make_syntax({"type": name, **parameters})


def good() -> Iterator[Any]:
    for name, cls in REGISTRY.items():
        for parameters, text, *canonical in cls.samples_good:
            yield pytest.param(name, parameters, text, canonical[0] if canonical else text, id=f"{name}-{text[:30]!r}")


def bad() -> Iterator[Any]:
    for name, cls in REGISTRY.items():
        for parameters, text, message in cls.samples_bad:
            yield pytest.param(name, parameters, text, message, id=f"{name}-{text[:30]!r}")


def examples() -> Iterator[Any]:
    """One instance per distinct set of parameters in the samples."""
    for name, cls in REGISTRY.items():
        seen: list[Any] = []
        for sample in (*cls.samples_good, *cls.samples_bad):
            if sample[0] not in seen:
                seen.append(sample[0])
                yield pytest.param(name, sample[0], id=f"{name}-{len(seen)}")


@pytest.mark.parametrize(("name", "parameters", "text", "canonical"), list(good()))
def test_good_sample(name: str, parameters: Mapping[str, Any], text: str, canonical: str) -> None:
    it = make(name, parameters)
    value = it.parse(text)
    assert it.format(value) == canonical
    assert it.format(text) == canonical
    assert it.format(canonical) == canonical
    assert it.parse(canonical) == value
    assert it.normal_form(text) == it.normal_form(canonical)
    assert it.key(text) == it.key(canonical)


@pytest.mark.parametrize(("name", "parameters", "text", "message"), list(bad()))
def test_bad_sample(name: str, parameters: Mapping[str, Any], text: str, message: str) -> None:
    it = make(name, parameters)
    with pytest.raises(ValueSyntaxError) as caught:
        it.parse(text)
    assert str(caught.value) == message
    assert caught.value.expected, "every refusal says what would be right"
    if caught.value.span is not None:
        start, end = caught.value.span
        assert 0 <= start < end <= max(1, len(text))
    assert it.normal_form(text) == it.normal_form(text)
    assert str(caught.value.as_masked()) == f"the value (not shown) is not acceptable, expected {it.expected}"


@pytest.mark.parametrize(("name", "parameters", "text", "canonical"), list(good()))
def test_typed_json(name: str, parameters: Mapping[str, Any], text: str, canonical: str) -> None:
    it = make(name, parameters)
    schema = it.json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    document = it.to_json(it.parse(text))
    jsonschema.validate(document, schema, jsonschema.Draft202012Validator)
    assert it.parse(it.coerce(document)) == it.parse(canonical)


@pytest.mark.parametrize("name", NAMES)
def test_parameters_are_a_schema_that_the_samples_satisfy(name: str) -> None:
    cls = REGISTRY[name]
    schema = {
        "type": "object",
        "properties": dict(cls.parameters),
        "required": list(cls.required_parameters),
        "additionalProperties": False,
    }
    jsonschema.Draft202012Validator.check_schema(schema)
    for parameters, *_ in (*cls.samples_good, *cls.samples_bad):
        jsonschema.validate(parameters, schema, jsonschema.Draft202012Validator)
    assert all("description" in fragment for fragment in cls.parameters.values())


@pytest.mark.parametrize("name", NAMES)
def test_class_says_everything(name: str) -> None:
    cls = REGISTRY[name]
    assert cls.name == name
    assert cls.samples_good
    assert cls.samples_bad
    assert (cls.__doc__ or "").strip()
    assert cls.placeholder == cls.placeholder.upper()


@pytest.mark.parametrize(("name", "parameters"), list(examples()))
def test_words(name: str, parameters: Mapping[str, Any]) -> None:
    it = make(name, parameters)
    described = it.describe()
    assert described == described.strip()
    assert described.endswith(".")
    assert it.usage().strip() == it.usage() != ""
    assert it.python_type
    assert isinstance(it.as_ldap(), LdapSyntax)
    assert it == make(name, parameters)
    assert hash(it) == hash(make(name, parameters))
    assert repr(it).startswith(type(it).__name__)


@pytest.mark.parametrize(("name", "parameters"), list(examples()))
def test_choices_are_values(name: str, parameters: Mapping[str, Any]) -> None:
    it = make(name, parameters)
    for word, _meaning in it.choices():
        assert it.format(word) == word


@pytest.mark.parametrize(("name", "parameters"), list(examples()))
def test_empty_and_alien_values_are_refused(name: str, parameters: Mapping[str, Any]) -> None:
    it = make(name, parameters)
    with pytest.raises(ValueSyntaxError):
        it.parse("")
    for alien in (None, object(), b"bytes", 1.5, [], {}, ("a",), (1, 2, 3), {1}):
        with pytest.raises(ValueSyntaxError) as caught:
            it.coerce(alien)
        assert type(alien).__name__ in str(caught.value)


@pytest.mark.parametrize("name", NAMES)
def test_unknown_parameter_is_refused(name: str) -> None:
    with pytest.raises(SyntaxParameterError) as caught:
        make(name, {"no-such-parameter": 1})
    assert caught.value.parameter == "no-such-parameter"
    assert f'the syntax {name} has no parameter "no-such-parameter"' in str(caught.value)


@pytest.mark.parametrize("name", NAMES)
def test_parameter_of_the_wrong_json_type_is_refused(name: str) -> None:
    for parameter, fragment in REGISTRY[name].parameters.items():
        if "type" in fragment:
            with pytest.raises(SyntaxParameterError) as caught:
                make(name, {parameter: 1.5})
            assert caught.value.parameter == parameter


@pytest.mark.parametrize("name", NAMES)
def test_missing_parameter_is_refused(name: str) -> None:
    for parameter in REGISTRY[name].required_parameters:
        with pytest.raises(SyntaxParameterError) as caught:
            make(name, {})
        assert caught.value.parameter == parameter


@pytest.mark.parametrize(("name", "parameters", "text", "canonical"), list(good()))
def test_parts_are_in_the_normal_form(name: str, parameters: Mapping[str, Any], text: str, canonical: str) -> None:
    it = make(name, parameters)
    normal = it.normal_form(text)
    for part, meaning in it.parts.items():
        assert "." not in part
        assert meaning.endswith(".")
        if (found := getattr(normal, part)) not in {None, ""}:
            assert it.part_syntax(part).normal_form(str(found)) == found
    assert normal == it.normal_form(canonical)


def test_which_syntaxes_have_parts() -> None:
    assert {name: tuple(cls.parts) for name, cls in REGISTRY.items() if cls.parts} == {
        "host-port": ("host", "port"),
        "name-value": ("name", "value"),
        "url": ("scheme", "host", "port"),
    }


def test_unknown_syntax_names_the_nearest() -> None:
    with pytest.raises(UnknownSyntaxError) as caught:
        make_syntax("host_prot")
    assert str(caught.value) == '"host_prot" is not a syntax; did you mean "host-port"?'
    with pytest.raises(UnknownSyntaxError) as caught:
        make_syntax({"lower": 1})
    assert str(caught.value).startswith("a syntax needs its name; the syntaxes are aci, aggregation, ")


def test_registry_is_a_sorted_mapping() -> None:
    assert sorted(REGISTRY) == NAMES
    assert len(REGISTRY) == len(NAMES) >= 20
    assert "boolean" in REGISTRY
    assert "bool" not in REGISTRY
    assert make_syntax("boolean") == REGISTRY["boolean"]()


@pytest.mark.parametrize(("name", "parameters"), list(examples()))
def test_a_number_of_any_size_is_refused_like_any_wrong_value(name: str, parameters: Mapping[str, Any]) -> None:
    it = make(name, parameters)
    for value in (10**5000, -(10**5000), float("inf"), float("nan"), 1e308, True, -1):
        with suppress(ValueSyntaxError):
            it.parse(it.coerce(value))
    for text in ("9" * 5000, "²", "1e999", "1." + "9" * 5000, "0" * 5000 + "1"):
        for form in ("{}", "{} s", "{} mb", "h:{}", "10.0.0.0/{}", "http://h:{}/", "1.{}"):
            with suppress(ValueSyntaxError):
                it.parse(form.format(text))
