"""Loading of definitions: those of the library and those in directories of the user, read, checked and made a registry."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress

from confobjects import inputs
from confobjects.definitions.allowance import ALLOW_CODE_VARIABLE, check_functions, parse_allowed
from confobjects.definitions.documents import DefinitionDocument, remove_replaced
from confobjects.definitions.registry import Registry
from confobjects.diagnostics import Diagnostic
from confobjects.errors import DefinitionError

METASCHEMA_FILE = "managed-object.schema.json"


def builtin_directory() -> str:
    """Return the directory of the library's own definitions."""
    return os.path.join(os.path.dirname(__file__), "schemas")


def load_registry(directories: Iterable[str] = (), *, builtin: bool = True) -> Registry:
    """Return the definitions of the library and of further directories (every ``*.json`` in each).

    A definition (or package) in a directory replaces that of the library with the same name; without ``builtin`` those
    of the library are left out. Definitions of the library are trusted as long as none is replaced, all others are
    checked. The functions that they name must be in modules that ``CONFOBJECTS_ALLOW_CODE`` in the environment of the
    process allows; this is checked each time. Raises :class:`~confobjects.errors.DefinitionError` with every problem.
    """
    allowed = parse_allowed(os.environ.get(ALLOW_CODE_VARIABLE, ""))
    own = _read_builtin() if builtin else []
    texts: list[_Text] = []
    unread = [problem for directory in directories for problem in _read_definitions(directory, texts)]
    if not texts and not unread:
        return Registry(_parse_trusted(own), allowed)
    from confobjects.caching import CheckedContents, cache_directory, digest_of

    cache, digest = CheckedContents(cache_directory(os.environ)), ""
    with suppress(OSError):
        digest = digest_of([*_signs_of_check(), str(len(own)), *(text for _, text in (*own, *texts))])
    if unread or not digest or not cache.knows(digest):
        _check_definitions(own, texts, unread)
        if digest:
            cache.remember(digest)
    documents = _parse_trusted(texts)
    refused = [problem for one in documents for problem in check_functions(one.origin, one.data, allowed)]
    if refused:
        from confobjects.definitions.checking import place_problems

        raise DefinitionError(place_problems(refused, dict(texts)))
    return Registry([*remove_replaced(_parse_trusted(own), documents), *documents], allowed)


_Text = tuple[str, str]
"""The name of a file and its text."""


def _check_definitions(own: Sequence[_Text], texts: Sequence[_Text], unread: Iterable[Diagnostic]) -> None:
    """Check the definitions of the user with those of the library, of which only replaced ones cast doubt on the others.

    Raises :class:`~confobjects.errors.DefinitionError` with every problem.
    """
    from confobjects.definitions.checking import check, parse_documents, place_problems

    documents, problems = parse_documents(texts)
    problems.extend(unread)
    builtin = _parse_trusted(own)
    kept = remove_replaced(builtin, documents)
    trusted, judged = (builtin, documents) if len(kept) == len(builtin) else ([], [*kept, *documents])
    problems.extend(check(judged, trusted, incomplete=bool(problems)))
    if problems:
        raise DefinitionError(place_problems(problems, dict((*own, *texts))))


def _signs_of_check() -> Iterator[str]:
    """Yield what tells one state of the rules from another: the version of Python, size and time of each file with rules.

    Raises OSError if the package is in an archive.
    """
    import sys

    yield sys.version
    here = os.path.dirname(__file__)
    for room in ("definitions", "syntaxes", "expressions"):
        with os.scandir(os.path.join(here, room)) as files:
            for file in sorted(files, key=lambda entry: entry.name):
                status = file.stat()
                yield f"{room}/{file.name} {status.st_size} {status.st_mtime_ns}"


def _read_builtin() -> list[_Text]:
    return [(os.path.basename(path), _read_text(path)) for path in _definition_files(builtin_directory())]


def _parse_trusted(texts: Iterable[_Text]) -> list[DefinitionDocument]:
    """Return the documents in texts that are known to be right."""
    import json

    return [DefinitionDocument(origin, json.loads(text)) for origin, text in texts]


def _read_definitions(directory: str, texts: list[_Text]) -> Iterator[Diagnostic]:
    """Read the definitions of a directory as (path, text). Yield a problem for each that cannot be read."""
    try:
        paths = _definition_files(directory)
    except OSError as error:
        yield _unreadable_problem(directory, error.strerror or str(error))
        return
    if not paths:
        yield _unreadable_problem(directory, "there is no *.json in this directory")
    for path in paths:
        try:
            texts.append((path, _read_text(path)))
        except OSError as error:
            yield _unreadable_problem(path, error.strerror or str(error))
        except UnicodeDecodeError as error:
            yield _unreadable_problem(path, f"it is not UTF-8 text ({error.reason} at byte {error.start})")


def _unreadable_problem(origin: str, reason: str) -> Diagnostic:
    return Diagnostic("broken-definition", f"the definitions cannot be read: {reason}", origin=origin)


def _definition_files(directory: str) -> list[str]:
    names = sorted(os.listdir(directory))
    return [os.path.join(directory, name) for name in names if name.endswith(".json") and name != METASCHEMA_FILE]


def _read_text(path: str) -> str:
    return inputs.read_regular(path, inputs.MEDIUM)[0].decode("utf-8")
