"""The reference of the Python API, made from signatures and docstrings: ``docs/reference/python.md``.

``python -m tests.docs_check --write`` writes it, as all that is generated.
"""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import confobjects
from confobjects import errors, testing
from confobjects.records import Record

HEAD: Final = """\
<!-- generated from the docstrings by `python -m tests.docs_check --write`; do not edit -->
# Python API

What a program may use, and what it gets. [From Python](../guide/python.md) shows it at work. Names that are not on this page may change
in any version.
"""


class Part(NamedTuple):
    """A part of the page: its heading, the module, the names; of a class all public members, or only the given ones."""

    heading: str
    module: str
    names: tuple[str, ...]
    members: tuple[str, ...] | None = None


def list_parts() -> list[Part]:
    """Return the parts of the page, in order."""
    found = [name for name in confobjects.__all__ if name[0] != "_"]
    functions = tuple(name for name in found if name[0].islower())
    classes = tuple(name for name in found if name[0].isupper())
    changing = ("create", "set", "reset", "modify", "delete", "rename", "problems")
    return [
        Part("Functions of `confobjects`", "confobjects", functions),
        Part("Classes of `confobjects`", "confobjects", classes),
        Part("A change", "confobjects.management.changing.transaction", ("Transaction",), changing),
        Part("What a change did", "confobjects.objects.changes", ("ChangeReport", "ObjectChange", "RequiredAction")),
        Part("A stored object", "confobjects.objects.model", ("ManagedObject",)),
        Part("A live configuration", "confobjects.following", ("Live", "LiveEvent", "Listener"), None),
        Part("A delivery", "confobjects.mail.report", ("DeliveryReport", "RecipientResult")),
        Part("A result of many", "confobjects.transport.outgoing", ("SendResult",)),
        Part("The mail service", "confobjects.service.serving", ("MailService",)),
        Part("Values", "confobjects.syntaxes", ("HostPort", "NameValue", "Unlimited")),
        Part("`confobjects.testing`", "confobjects.testing", tuple(testing.__all__)),
        Part("`confobjects.errors`", "confobjects.errors", tuple(one.__name__ for one in _list_errors())),
    ]


def _list_errors() -> list[type]:
    return [one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, errors.ConfobjectsError)]


def list_members(described: Any, only: tuple[str, ...] | None) -> Iterator[tuple[str, Any]]:
    """Yield the public methods and properties of a class, in order: those that it defines, or the given ones."""
    if not isinstance(described, type) or issubclass(described, errors.ConfobjectsError):
        return
    own = [cls for cls in described.__mro__ if cls.__module__.startswith("confobjects.") and cls is not Record]
    for cls in reversed(own):
        for name, member in vars(cls).items():
            wanted = name in only if only is not None else name[0] != "_" or (name == "__getitem__" and member.__doc__)
            if wanted and (inspect.isfunction(member) or isinstance(member, property | classmethod | staticmethod)):
                yield name, member


def render() -> str:
    """Return the page."""
    lines = [HEAD]
    for part in list_parts():
        lines += [f"## {part.heading}", ""]
        for name in part.names:
            described = getattr(importlib.import_module(part.module), name)
            lines += _render_item(name, described)
            for member_name, member in list_members(described, part.members):
                lines += _render_member(member_name, member)
    return "\n".join(lines).rstrip("\n") + "\n"


def _render_item(name: str, described: Any) -> Iterator[str]:
    is_error = isinstance(described, type) and issubclass(described, errors.ConfobjectsError)
    yield from (f"### {name}", "")
    if is_error:
        bases = described.__bases__[0].__name__
        yield from (f"A kind of `{bases}`." if bases != "Exception" else "The base of all errors.", "")
    elif not isinstance(described, type) or is_made_by_users(described):
        yield from ("```py", write_signature(name, described), "```", "")
    yield from (as_markdown(inspect.getdoc(described) or ""), "")


def is_made_by_users(cls: type) -> bool:
    """Tell whether programs make objects of a class: then its signature is shown."""
    return issubclass(cls, Record) or cls.__name__ in {"Mailer", "DictResolver", "MemoryStorage"}


def _render_member(name: str, member: Any) -> Iterator[str]:
    text = as_markdown(inspect.getdoc(member) or "")
    if isinstance(member, property):
        kind = inspect.signature(member.fget).return_annotation if member.fget else ""
        yield from (f"#### `{name}`", "", "```py", f"{name}: {_write_type(kind)}", "```", "", text, "")
        return
    function = getattr(member, "__func__", member)
    prefix = "async " if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function) else ""
    yield from (f"#### `{name}`", "", "```py", prefix + write_signature(name, function), "```", "", text, "")


def write_signature(name: str, described: Any) -> str:
    """Return a call as it is declared, with types: in one line, or with one line for each parameter."""
    signature = inspect.signature(described)
    parameters = [_write_parameter(one) for one in signature.parameters.values() if one.name not in {"self", "cls"}]
    kinds = [one.kind for one in signature.parameters.values() if one.name not in {"self", "cls"}]
    if inspect.Parameter.KEYWORD_ONLY in kinds and inspect.Parameter.VAR_POSITIONAL not in kinds:
        parameters.insert(kinds.index(inspect.Parameter.KEYWORD_ONLY), "*")
    result = "" if isinstance(described, type) else f" -> {_write_type(signature.return_annotation)}"
    line = f"{name}({', '.join(parameters)}){result}"
    return line if len(line) <= 100 else f"{name}(\n" + "".join(f"    {one},\n" for one in parameters) + f"){result}"


def _write_parameter(one: inspect.Parameter) -> str:
    stars = "*" if one.kind is one.VAR_POSITIONAL else "**" if one.kind is one.VAR_KEYWORD else ""
    typed = f"{stars}{one.name}" + ("" if one.annotation is one.empty else f": {_write_type(one.annotation)}")
    if one.default is one.empty:
        return typed
    plain = one.default is None or isinstance(one.default, (str, int, float, tuple))
    return f"{typed} = {one.default!r}" if plain else f"{typed} = …"


def _write_type(annotation: Any) -> str:
    text = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", str(annotation))
    for typed, public in (("TypedContext", "ManagementContext"), ("TypedConfiguration", "EffectiveConfiguration")):
        text = text.replace(typed, public)
    return text.replace("TypedLive", "Live")


_ROLE: Final = re.compile(r":\w+:`~?([^`]+)`")


def as_markdown(docstring: str) -> str:
    """Return a docstring in Markdown: names of Python in their short form, literals as code."""
    short = _ROLE.sub(lambda match: f"`{match[1].rpartition('.')[2]}`", docstring)
    return re.sub(r"``([^`]+)``", r"`\1`", short).replace("::\n", ":\n")
