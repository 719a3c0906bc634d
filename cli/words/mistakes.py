"""Mistakes in a command line, as click finds them: what is wrong, and what was probably meant."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import click

from confobjects.diagnostics import suggest_name

from ..needed import MissingOptionError
from ..strict_command import ExtraWordsError
from .masking import begins_with_dash
from .numbers import NumberType
from .options import OPTIONS, SECRET_OPTIONS
from .quoting import quote_word

if TYPE_CHECKING:
    from confobjects.definitions import Registry


def explain_mistake(error: click.UsageError, load: Callable[[], Registry]) -> tuple[str, str]:
    """Return what is wrong with a command line, and what was probably meant. ``load`` returns the definitions in use."""
    message = error.format_message().rstrip(".")
    remedy = ""
    if isinstance(error, click.NoSuchOption):
        known = [spelling for option in OPTIONS for spelling in option.spellings]
        known += [o for p in error.ctx.command.params for o in p.opts] if error.ctx else []
        remedy = _suggest_assignment(error, load) or _suggest_naming(error) or suggest_name(error.option_name, known)
        message = f'there is no option "{error.option_name}"'
    elif isinstance(error, click.MissingParameter) and error.param is not None:
        is_option = isinstance(error.param, click.Option)
        name = error.param.opts[-1] if is_option else error.param.human_readable_name
        message = f"the {'option' if is_option else 'argument'} {name} is missing"
        remedy = f"{name} {error.param.metavar or 'VALUE'}{_list_choices(error)}" if is_option else ""
    elif (
        isinstance(error, click.BadParameter) and error.param is not None and (number := _describe_number(error.param))
    ):
        message = number
    elif isinstance(error, ExtraWordsError) and (swallowed := _find_swallowed(error)):
        message, remedy = swallowed
    elif isinstance(error, ExtraWordsError) and _may_be_secret(error):
        message = "some words do not belong to an option; they are not shown, because they may be parts of a password"
        remedy = 'an option begins with "-"; put a value with blanks in quotes'
    elif isinstance(error, ExtraWordsError) and _takes_values(error):
        # The words are not repeated: one may be a password that was typed separately from its property.
        message = "some words do not belong to an option"
        remedy = "a property and its value are one word, --set PROPERTY:VALUE; put a value with blanks in quotes"
    return message, remedy


_FEW: Final = 10
"""Choices that are shown; of more only their number is."""


def _list_choices(error: click.MissingParameter) -> str:
    """Return what a missing option may be, as the end of a sentence."""
    if not isinstance(error, MissingOptionError) or not error.choices:
        return ""
    if len(error.choices) > _FEW:
        return f", one of {len(error.choices)}"
    return f", one of: {', '.join(map(quote_word, error.choices))}"


_NAMING: Final = frozenset(("--name", "--id", "--object", "--object-name"))
"""What people type for the option that names an object."""


def _suggest_naming(error: click.NoSuchOption) -> str:
    """Return the option that names the object of a command, in place of a general word for it."""
    own = [o for p in error.ctx.command.params for o in p.opts if o.endswith("-name")] if error.ctx else []
    return f'did you mean "{own[-1]}"?' if own and error.option_name.lower() in _NAMING else ""


def _suggest_assignment(error: click.NoSuchOption, load: Callable[[], Registry]) -> str:
    """Return how to set a property that was typed as an option."""
    name = error.option_name.lstrip("-").lower()
    known = any(name in definition.properties for definition in load())
    return f"a property is set with --set {name}:VALUE" if known and _takes_values(error) else ""


def _describe_number(parameter: click.Parameter) -> str:
    """Return what a numeric parameter takes; an empty text for others."""
    name = parameter.opts[-1] if isinstance(parameter, click.Option) else parameter.human_readable_name.strip("[]")
    return f"{name} {parameter.type.range.refusal()}" if isinstance(parameter.type, NumberType) else ""


def _find_swallowed(error: click.UsageError) -> tuple[str, str] | None:
    """Return the problem of an option that took the next option as its value."""
    given = error.ctx.params if error.ctx is not None else {}
    known = {spelling.lower() for option in OPTIONS for spelling in option.spellings if spelling.startswith("--")}
    for parameter in error.ctx.command.params if error.ctx is not None else ():
        value = given.get(parameter.name or "")
        if isinstance(value, str) and value.lower() in known:
            name = parameter.opts[0]
            return f"{name} has no value: {value} follows it", f"{name} {parameter.metavar or 'VALUE'}"
    return None


def _may_be_secret(error: ExtraWordsError) -> bool:
    """Tell whether a word may be the rest of a password, or an option that begins with another dash."""
    given = error.ctx.params if error.ctx is not None else {}
    return any(given.get(name) for name in SECRET_OPTIONS) or any(map(begins_with_dash, error.extra))


def _takes_values(error: click.UsageError) -> bool:
    return error.ctx is not None and any("--set" in parameter.opts for parameter in error.ctx.command.params)
