"""The manual pages, made from the commands and their options: ``python -m confobjects.cli.manual DIRECTORY`` writes them.

``confobjects(1)`` has the commands and the global options, ``confobjects-COMMAND(1)`` what a command's help says. The
markup is that of groff's man macros.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator

import click

from confobjects import __version__
from confobjects.definitions import Registry
from confobjects.definitions_loading import load_registry

from .command import HELP
from .commands import command_names, resolve
from .words.options import OPTIONS, Option
from .words.splitting import take_apart

_PROGRAM = "confobjects"


def render_pages(registry: Registry) -> Iterator[tuple[str, str]]:
    """Yield the name of each file and its text."""
    commands = {name: resolve(take_apart([name, HELP[-1]]), registry) for name in sorted(set(command_names(registry)))}
    yield f"{_PROGRAM}.1", _render_program(commands)
    for name, command in commands.items():
        yield f"{_PROGRAM}-{name}.1", _render_command(command)


def _render_program(commands: dict[str, click.Command]) -> str:
    lines = _begin(_PROGRAM, "configuration objects", f"{_PROGRAM} [OPTIONS] COMMAND [OPTIONS]")
    lines += [".SH COMMANDS"]
    for name, command in commands.items():
        lines += _item(name, _summarise(command), see=f"{_PROGRAM}-{name}")
    lines += [".SH GLOBAL OPTIONS", "They may come before or after the command."]
    for option in OPTIONS:
        lines += _item(*_explain(option)) if option.help else []
    return "\n".join(lines) + "\n"


def _render_command(command: click.Command) -> str:
    name = str(command.name)
    context = click.Context(command, info_name=f"{_PROGRAM} {name}")
    usage = " ".join([_PROGRAM, name, *command.collect_usage_pieces(context)])
    lines = _begin(f"{_PROGRAM}-{name}", _summarise(command), usage)
    lines += [".SH DESCRIPTION", *_render_text(command.help or "")]
    lines += [".SH OPTIONS"]
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        lines += _item(*record) if record else []
    return "\n".join([*lines, ".SH SEE ALSO", f".BR {_PROGRAM} (1)"]) + "\n"


def _begin(name: str, summary: str, usage: str) -> list[str]:
    title = f'.TH "{name.upper()}" 1 "" "confobjects {__version__}" "confobjects"'
    about = f"{_escape(name)} \\- {_escape(summary.removesuffix('.'))}"
    return [title, ".nh", ".ad l", ".SH NAME", about, ".SH SYNOPSIS", _escape(usage)]


def _item(term: str, text: str, *, see: str = "") -> list[str]:
    return [".TP", f"\\fB{_escape(term)}\\fR", _escape(text), *([f"See {_escape(see)}(1)."] if see else [])]


def _explain(option: Option) -> tuple[str, str]:
    spellings = ", ".join(option.usual_spellings)
    return f"{spellings} {option.value}" if option.value else spellings, option.help


def _summarise(command: click.Command) -> str:
    return " ".join((command.help or "").split("\n\n")[0].split())


def _render_text(text: str) -> Iterator[str]:
    """Yield the lines of a help text; a paragraph that begins with a backspace keeps its lines, as in click."""
    for paragraph in re.split(r"\n\s*\n", text.strip("\n")):
        lines = paragraph.splitlines()
        as_typed = lines[0].strip() == "\b"
        kept = [_escape(line) for line in lines[as_typed:]]
        yield ".PP"
        yield from [".nf", *kept, ".fi"] if as_typed else [_escape(" ".join(paragraph.split()))]


def _escape(text: str) -> str:
    """Return a text as one line of roff that prints it: no escape, no request, letters beyond ASCII by their code."""
    plain = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq").replace("`", "\\(ga")
    coded = "".join(one if one.isascii() else f"\\[u{ord(one):04X}]" for one in plain.replace("\n", " "))
    return f"\\&{coded}" if coded.startswith((".", "'")) else coded


def main(directory: str) -> None:
    """Write the pages into a directory, which is made."""
    os.makedirs(directory, exist_ok=True)
    for name, text in render_pages(load_registry()):
        with open(os.path.join(directory, name), "w", encoding="ascii") as file:
            file.write(text)


if __name__ == "__main__":
    main(sys.argv[1])
