"""``completion SHELL``: the script that makes a shell complete words.

The script calls ``confobjects completion SHELL --at N -- WORD…``: what could stand at place N of the command line. Only
object names need the storage; they are looked up only where a name can stand.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Final

import click

from confobjects.errors import ConfobjectsError

from ..command import make_command
from ..invocation import Invocation
from ..words.names import option_of, verbs_of
from ..words.numbers import NumberType
from ..words.options import OPTIONS
from . import command_names, resolve

if TYPE_CHECKING:
    from confobjects.definitions import Registry, Relation

    from ..words.splitting import Words

_BASH = """\
_confobjects() {
    local IFS=$'\\n'
    COMPREPLY=( $(confobjects completion bash --at "$COMP_CWORD" -- "${COMP_WORDS[@]}" 2>/dev/null) )
    if [ "${#COMPREPLY[@]}" -eq 1 ] && [[ "${COMPREPLY[0]}" == *: ]]; then compopt -o nospace; fi
}
COMP_WORDBREAKS=${COMP_WORDBREAKS//:}
complete -F _confobjects confobjects
"""
_ZSH = """\
#compdef confobjects
_confobjects() {
    local -a found
    found=("${(@f)$(confobjects completion zsh --at "$((CURRENT - 1))" -- "${words[@]}" 2>/dev/null)}")
    compadd -Q -S '' -- "${found[@]}"
}
compdef _confobjects confobjects
"""
_FISH = """\
function __confobjects
    set -l words (commandline -opc) (commandline -ct)
    confobjects completion fish --at (math (count $words) - 1) -- $words 2>/dev/null
end
complete -c confobjects -f -a '(__confobjects)'
"""
_SCRIPTS = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH}

_HELP = """Print the completion script for a shell.

Add it to the start file of the shell. For bash: eval "$(confobjects completion bash)". With --install it is written where the
shell looks for it; without SHELL, that is the shell that you use."""
_PLACES: Final = {
    "bash": ("XDG_DATA_HOME", "~/.local/share", "bash-completion/completions/confobjects"),
    "zsh": ("ZDOTDIR", "~", ".zfunc/_confobjects"),
    "fish": ("XDG_CONFIG_HOME", "~/.config", "fish/completions/confobjects.fish"),
}
"""Where a shell looks for completions: the variable that names the folder, the usual folder, and the file in it."""
_NEEDS: Final = {
    "bash": "bash reads it if the package bash-completion is installed",
    "zsh": "add to ~/.zshrc, before compinit: fpath+=~/.zfunc",
}


def build(words: Words, registry: Registry) -> click.Command:
    """Return the command."""
    parameters: list[click.Parameter] = [
        click.Argument(["shell"], metavar="[SHELL]", required=False),
        click.Option(["--install"], is_flag=True, help="Write it where the shell looks for it."),
        click.Option(["--at"], type=NumberType(0), hidden=True),
        click.Argument(["typed"], nargs=-1),
    ]

    def run(invocation: Invocation, shell: str | None, install: bool, at: int | None, typed: Sequence[str]) -> int:
        chosen = shell or os.path.basename(os.environ.get("SHELL", ""))
        if chosen not in _SCRIPTS:
            what = f'there is no completion for the shell "{shell}"' if shell else "the shell is not named"
            raise click.UsageError(f"{what}: one of {', '.join(sorted(_SCRIPTS))}")
        if install:
            return _install(invocation, chosen)
        if at is None:
            invocation.say(_SCRIPTS[chosen])
            return 0
        current = typed[at] if at < len(typed) else ""
        found = sorted(set(_candidates(invocation, list(typed[1:at]), current)))
        if found:
            invocation.say("\n".join(found))
        return 0

    return make_command(words, registry, parameters, run, _HELP)


def _install(invocation: Invocation, shell: str) -> int:
    """Write the script where a shell looks for it, and say what else it needs."""
    variable, usual, name = _PLACES[shell]
    from confobjects.storage.files import translate_errors
    from confobjects.storage.replacing import Replacement

    path = os.path.join(os.environ.get(variable) or os.path.expanduser(usual), name)
    with translate_errors("make the folder", path):
        os.makedirs(os.path.dirname(path), exist_ok=True)
    with Replacement(path, _SCRIPTS[shell].encode()) as file:
        file.take_place()
    invocation.say(f"written: {path}")
    if shell in _NEEDS:
        invocation.note(_NEEDS[shell])
    invocation.note("new shells complete confobjects")
    return 0


def _candidates(invocation: Invocation, before: list[str], current: str) -> Iterator[str]:
    """Yield the words that may come next, given the words before them (without the program's name)."""
    registry = invocation.registry
    command = next((word for word in before if not word.startswith("-")), None)
    if command is None:
        options = (spelling for option in OPTIONS for spelling in option.spellings if option.help)
        return (word for word in (*command_names(registry), *options) if word.startswith(current))
    found = _values(invocation, command, before[-1] if before else "", current)
    if found is None:
        found = _options(command, registry)
    return (word for word in found if word.lower().startswith(current.lower()))


def _options(command: str, registry: Registry) -> Iterator[str]:
    from ..words.splitting import take_apart

    try:
        built = resolve(take_apart([command]), registry)
    except click.UsageError:
        return
    for parameter in built.params:
        if isinstance(parameter, click.Option) and not parameter.hidden:
            yield from (spelling for spelling in parameter.opts if spelling.startswith("--"))
    if command in {"describe", "graph", "json-schema", "rename"}:
        yield from registry.relations()
    yield from (o.spellings[-1] for o in OPTIONS if o.help)


def _values(invocation: Invocation, command: str, option: str, current: str) -> Iterable[str] | None:
    """Return the values an option takes, None if the word before is not an option with known values."""
    registry = invocation.registry
    relation = _find_relation(registry, command)
    if relation is None:
        return _follower_names(invocation) if (command, option) == ("followers", "--forget") else None
    if option in {"--set", "--add", "--remove", "--set-file", "--set-env"}:
        return _assignments(registry, relation, current)
    if option in {"--property", "--reset", "--set-prompt"}:
        properties = [prop for d in registry.concrete_types(relation.target) for prop in d.properties.values()]
        return {prop.name for prop in properties if option == "--property" or not prop.is_fixed}
    if option in {"--type", "-t"}:
        return registry.types_of(relation)
    if option == option_of(relation) and not command.startswith("create-"):
        return _object_names(invocation, relation)
    return None


def _find_relation(registry: Registry, command: str) -> Relation | None:
    return next((r for r in registry.relations().values() if command in verbs_of(r).values()), None)


def _assignments(registry: Registry, relation: Relation, current: str) -> Iterator[str]:
    """Yield ``property:``, or the possible values of a property that is typed already."""
    name, colon, _ = current.partition(":")
    for definition in registry.concrete_types(relation.target):
        for prop in (prop for prop in definition.properties.values() if not prop.is_fixed):
            if not colon:
                yield f"{prop.name}:"
            elif prop.name == name.lower():
                yield from (f"{name}:{value}" for value, _ in prop.syntax.choices())


def _object_names(invocation: Invocation, relation: Relation) -> list[str]:
    try:
        with invocation.open() as context:
            return [obj.name for obj in context.list(relation.name)]
    except ConfobjectsError:
        return []


def _follower_names(invocation: Invocation) -> list[str]:
    try:
        with invocation.open(tolerant=True) as context:
            elsewhere = invocation.open_state()
            with closing(context.storage if elsewhere is None else elsewhere) as storage:
                return [one.name for one in storage.followers()]
    except ConfobjectsError:
        return []
