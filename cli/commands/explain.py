"""``explain TEXT``: how a text with expressions gets its value."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from confobjects.errors import error_for
from confobjects.expressions import ExpressionSyntaxError, find_needs, parse
from confobjects.objects.evaluating import as_diagnostics
from confobjects.texts.visible import make_visible

from ..command import make_command
from ..invocation import Invocation

if TYPE_CHECKING:
    from confobjects.definitions import Registry
    from confobjects.expressions import Template

    from ..words.splitting import Words

_HELP = """Show how a text with expressions gets its value: what it needs, and where each part comes from.

Quote the text for the shell: '&{smtp.password}'. The value itself is shown: do not show a secret to others."""


def build(words: Words, registry: Registry) -> click.Command:
    """Return the command."""
    parameters: list[click.Parameter] = [
        click.Argument(["text"]),
        click.Option(["--secret"], is_flag=True, help="Do not show the value."),
    ]
    return make_command(words, registry, parameters, _run, _HELP)


def _run(invocation: Invocation, text: str, secret: bool) -> int:
    try:
        template = parse(text)
    except ExpressionSyntaxError as error:
        raise error_for(as_diagnostics(text, error.problems, secret=secret)) from None
    result = invocation.make_evaluator()(text, multi_valued=True, secret=secret)
    if result.problems:
        raise error_for(result.problems)
    values = [("********" if secret else value) for value in result.values or ()]
    shown = template.as_masked() if secret else text
    if invocation.form == "json":
        from ..output.json import dumps

        document = {"text": shown, "needs": [str(n) for n in find_needs(template)]}
        invocation.say(dumps({**document, "values": values, "origins": list(result.origins)}))
        return 0
    invocation.say("\n".join(map(make_visible, _lines(template, shown, values, result.origins))))
    for warning in template.warnings:
        invocation.warn_of(make_visible(warning.message + (f"; {warning.remedy}" if warning.remedy else "")))
    return 0


def _lines(template: Template, shown: str, values: list[str], origins: tuple[str, ...]) -> list[str]:
    lines = [f"text:   {shown}"]
    lines.extend(f"needs:  {need}" for need in find_needs(template))
    if template.is_literal:
        lines.append("there is no expression in it: the text is the value")
    for index, value in enumerate(values):
        lines.append(f"value:  {value}")
        if index < len(origins) and origins[index]:
            lines.append(f"from:   {origins[index]}")
    return lines
