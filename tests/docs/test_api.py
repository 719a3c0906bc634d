"""The reference of the Python API names all that a program may use, says what it is, and says its types."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterator
from typing import Any

import pytest

import confobjects
from confobjects import errors
from tests.docs import api

ITEMS = [
    (f"{part.module}.{name}", getattr(importlib.import_module(part.module), name), part.members)
    for part in api.list_parts()
    for name in part.names
]


def list_described() -> Iterator[tuple[str, Any]]:
    for name, described, members in ITEMS:
        yield name, described
        for member, found in api.list_members(described, members):
            yield f"{name}.{member}", found


def test_every_public_name_is_on_the_page() -> None:
    text = api.render()
    assert [name for name in confobjects.__all__ if name[0] != "_" and f"\n### {name}\n" not in text] == []


def test_what_is_listed_is_there() -> None:
    for part in api.list_parts():
        for name in part.names:
            described = getattr(importlib.import_module(part.module), name)
            missing = set(part.members or ()) - {member for member, _ in api.list_members(described, part.members)}
            assert missing == set(), (part.module, name)


@pytest.mark.parametrize(("name", "described"), list(list_described()))
def test_it_says_what_it_is(name: str, described: Any) -> None:
    own: str = (vars(described).get("__doc__") if isinstance(described, type) else described.__doc__) or ""
    first = own.strip().split("\n\n")[0].rstrip(":")
    assert first.endswith((".", "…")), f"{name}: {first!r}"
    assert ":class:" not in api.as_markdown(own), name
    assert "``" not in api.as_markdown(own), name


@pytest.mark.parametrize(("name", "described"), list(list_described()))
def test_it_says_its_types(name: str, described: Any) -> None:
    function: Any = described.fget if isinstance(described, property) else getattr(described, "__func__", described)
    if isinstance(described, type) and (issubclass(described, Exception) or not api.is_made_by_users(described)):
        return
    signature = inspect.signature(function)
    given = [one for one in signature.parameters.values() if one.name not in {"self", "cls"}]
    assert [one.name for one in given if one.annotation is one.empty] == [], name
    assert isinstance(described, type) or signature.return_annotation is not signature.empty, name


def test_every_error_that_a_docstring_promises_is_one() -> None:
    promised = {
        word.strip(".,;:`~()")
        for _, described in list_described()
        for word in api.as_markdown(inspect.getdoc(described) or "").split()
        if word.strip(".,;:`~()").endswith("Error")
    }
    assert promised - set(dir(errors)) - {"Error"} == set()
    assert len(promised) > 5
