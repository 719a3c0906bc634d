"""The files of families: one for each product and version, below the user's data directory."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from confobjects.actions import RemedyAction
from confobjects.caching import digest_of
from confobjects.diagnostics import Diagnostic, suggest_name
from confobjects.errors import DefinitionError, UnknownNameError
from confobjects.records import Record, field

FORMAT: Final = 1
_ENDING: Final = ".json"
_NAME: Final = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9.]+)+")
_OPEN: Final = '"definitions": ['
_CLOSE: Final = "]}"


class Family(Record):
    """A family: its name, what it was made of, and its definitions as texts, by name; ``digest`` is that of the texts."""

    name: str
    product: str
    version: str
    source: str
    texts: Mapping[str, str] = field(repr=False)
    digest: str
    path: str = ""

    @property
    def count(self) -> int:
        """The number of types of objects; a package of what they share is none."""
        return sum(not name.startswith("/") for name in self.texts)


def family_directory(environment: Mapping[str, str]) -> str:
    """Return where families are: in the user's data directory (XDG Base Directory Specification)."""
    stated = environment.get("XDG_DATA_HOME", "")
    if os.path.isabs(stated):
        return os.path.join(stated, "confobjects", "families")
    home = environment.get("HOME", "")
    above = home if os.path.isabs(home) else os.path.expanduser("~")
    return os.path.join(above, ".local", "share", "confobjects", "families")


def list_names(environment: Mapping[str, str]) -> list[str]:
    """Return the names of the families that are installed, sorted."""
    with suppress(OSError):
        names = (name.removesuffix(_ENDING) for name in os.listdir(family_directory(environment)) if _is_file(name))
        return sorted(name for name in names if _NAME.fullmatch(name))
    return []


def _is_file(name: str) -> bool:
    return name.endswith(_ENDING) and not name.startswith(".")


def list_families(environment: Mapping[str, str]) -> Iterator[Family | DefinitionError]:
    """Yield the installed families by name; in place of one that cannot be used, the reason."""
    for name in list_names(environment):
        try:
            yield find_family(name, environment)
        except DefinitionError as error:
            yield error


def find_family(name: str, environment: Mapping[str, str]) -> Family:
    """Return the family of a name.

    Raises :class:`~confobjects.errors.UnknownNameError` if it is not installed, and
    :class:`~confobjects.errors.DefinitionError` or :class:`~confobjects.errors.StorageError` if it cannot be used.
    """
    from confobjects.storage.own_files import read_own

    path = _path_of(name, environment)
    content = read_own(path, "") if path else None
    if content is None:
        raise UnknownNameError(_describe_unknown(name, environment))
    return _parse(name, path, content)


def _path_of(name: str, environment: Mapping[str, str]) -> str:
    """Return the path of a family, empty for a name that no family has."""
    return os.path.join(family_directory(environment), f"{name}{_ENDING}") if _NAME.fullmatch(name) else ""


def _describe_unknown(name: str, environment: Mapping[str, str]) -> Diagnostic:
    known = list_names(environment)
    hint = suggest_name(name, known) or (f"installed: {', '.join(known)}" if known else "no family is installed yet")
    return Diagnostic("unknown-name", f'there is no family "{name}"', value=name, remedy=hint)


def _parse(name: str, path: str, content: bytes) -> Family:
    found = _parse_content(name, path, content)
    if found is None or digest_of(_list_content(found.texts)) != found.digest:
        summary = f'the family "{name}" is damaged, or was changed by hand'
        remedy = ("remove it, and add it again: ", RemedyAction("remove-family", name))
        raise DefinitionError(Diagnostic("broken-definition", summary, origin=path, remedy=remedy))
    return found


def _parse_content(name: str, path: str, content: bytes) -> Family | None:
    """Return what a file says; None if it is not the file of this family."""
    import json

    try:
        head, _, rest = content.decode().partition("\n")
        facts = json.loads(f"{head}{_CLOSE}")
        *lines, close = rest.rstrip("\n").split("\n")
        texts = [line.removesuffix(",") for line in lines]
        named = dict(zip(facts["names"], texts, strict=True))
        found = Family(name, facts["product"], facts["version"], facts["source"], named, facts["digest"], path)
        is_whole = close == _CLOSE and facts["confobjects-family"] == FORMAT and facts["name"] == name
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return found if is_whole else None


def _list_content(texts: Mapping[str, str]) -> Iterator[str]:
    for name, text in texts.items():
        yield name
        yield text


def make_family(product: str, version: str, source: str, documents: Mapping[str, Any]) -> Family:
    """Return the family of some definitions as JSON, by name."""
    import json

    texts = {name: json.dumps(data, ensure_ascii=True) for name, data in documents.items()}
    return Family(f"{product}-{version}", product, version, source, texts, digest_of(_list_content(texts)))


def write_family(family: Family, environment: Mapping[str, str]) -> str:
    """Write a family in place of one of the same name, as a whole, and return its path. Raises errors of the storage room."""
    import json

    from confobjects.storage.own_files import make_directory, open_own_directory
    from confobjects.storage.replacing import Replacement, remove_leftover

    directory = family_directory(environment)
    make_directory(os.path.dirname(directory))
    path = os.path.join(directory, f"{family.name}{_ENDING}")
    head = {
        "confobjects-family": FORMAT,
        "name": family.name,
        "product": family.product,
        "version": family.version,
        "source": family.source,
        "digest": family.digest,
        "names": list(family.texts),
    }
    text = f"{json.dumps(head)[:-1]}, {_OPEN}\n{_join(list(family.texts.values()))}\n{_CLOSE}\n"
    with open_own_directory(directory, ""):
        remove_leftover(path)
        with Replacement(path, text.encode()) as replacement:
            replacement.take_place()
    return path


def _join(texts: Sequence[str]) -> str:
    return ",\n".join(texts)


def find_family_path(name: str, environment: Mapping[str, str]) -> str:
    """Return the file of a family. Raises :class:`~confobjects.errors.UnknownNameError` if it is not installed."""
    path = _path_of(name, environment)
    if not path or not os.path.lexists(path):
        raise UnknownNameError(_describe_unknown(name, environment))
    return path


def remove_family(name: str, environment: Mapping[str, str]) -> None:
    """Remove a family. Raises :class:`~confobjects.errors.UnknownNameError` if it is not installed."""
    from confobjects.storage.files import translate_errors

    path = find_family_path(name, environment)
    with translate_errors("remove the family", path):
        os.unlink(path)
