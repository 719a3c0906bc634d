"""Loading of definitions: those of the library and those in directories of the user, read, checked and made a registry."""

from __future__ import annotations

import os
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cache, cached_property, partial
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

from confobjects import inputs
from confobjects.builtin_definitions import builtin_directory, list_definition_files, parse_builtin
from confobjects.definitions.allowance import ALLOW_CODE_VARIABLE, AllowedCode, check_functions, parse_allowed
from confobjects.definitions.documents import DefinitionDocument, Source, name_of, remove_replaced
from confobjects.definitions.model import HOLDER_KIND
from confobjects.definitions.registry import Registry
from confobjects.diagnostics import Diagnostic
from confobjects.errors import DefinitionError
from confobjects.records import Record

if TYPE_CHECKING:
    from confobjects.caching import CheckedContents
    from confobjects.definitions.installed import InstalledText, Reason, UnusableDefinition
    from confobjects.families import Family

FAMILY_VARIABLE = "CONFOBJECTS_FAMILY"
"""The environment variable with the name of a family of definitions."""
DEFINITIONS_VARIABLE = "CONFOBJECTS_DEFINITIONS"
"""The environment variable with directories of definitions, separated as in a search path."""


def directories_of(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Return the directories of definitions that an environment names."""
    return tuple(part for part in environment.get(DEFINITIONS_VARIABLE, "").split(os.pathsep) if part)


class DefinitionChoice(Record):
    """Which definitions a caller asks for: directories of them, a family by its name, and whether those of the library count.

    A family takes the place of the library's own definitions.
    """

    directories: tuple[str, ...] = ()
    family: str = ""
    builtin: bool = True

    @classmethod
    def of(cls, directories: Iterable[str], family: str | None, environment: Mapping[str, str]) -> DefinitionChoice:
        """Return what a caller chooses, completed by what an environment names."""
        return cls(
            tuple(directories) or directories_of(environment),
            environment.get(FAMILY_VARIABLE, "") if family is None else family,
        )

    @property
    def leaves_family_open(self) -> bool:
        """Whether the server of a configuration may choose the family."""
        return self.builtin and not self.family

    def load(self) -> Registry:
        """Return the definitions, as :func:`load_registry`."""
        return load_registry(self.directories, builtin=self.builtin, family=self.family)


def load_registry(
    directories: Iterable[str] = (),
    *,
    builtin: bool = True,
    family: str = "",
    installed: tuple[InstalledText, ...] = (),
) -> Registry:
    """Return the definitions of the library, of a configuration, and of directories (every ``*.json`` in each).

    Of one name that of a directory wins, then that of the configuration. Without ``builtin``, or with the name of a
    ``family``, whose definitions take their place, those of the library are left out, except the kind of objects that hold
    definitions. Definitions of the library are trusted as long as none is replaced, all others are checked. The functions
    that they name must be in modules that ``CONFOBJECTS_ALLOW_CODE`` in the environment of the process allows; this is
    checked each time.

    An installed definition that cannot be used is left out and named in the registry, with all that is built on it.
    Raises :class:`~confobjects.errors.DefinitionError` with every problem of the directories, or of the family, and
    :class:`~confobjects.errors.UnknownNameError` for a family that is not installed.
    """
    chosen = tuple(directories)
    if family:
        from confobjects.families import find_family

        return _load(chosen, _FamilyDefinitions(find_family(family, os.environ)), installed)
    if chosen or installed:
        return _load(chosen, _OwnDefinitions(all_of_them=builtin), installed)
    return _load_own(_read_allowed(), all_of_them=builtin)


@cache
def _load_own(allowed: AllowedCode, *, all_of_them: bool) -> Registry:
    """Return the definitions of the library, once for all that a process opens: they do not change while it runs."""
    own = _OwnDefinitions(all_of_them=all_of_them)
    return Registry(own.documents, allowed, recompose=partial(_load, (), own))


def _read_allowed() -> AllowedCode:
    """Return the code that the environment allows. Raises :class:`~confobjects.errors.UsageError`."""
    return parse_allowed(os.environ.get(ALLOW_CODE_VARIABLE, ""))


def _load(chosen: tuple[str, ...], own: _Foundation, installed: tuple[InstalledText, ...]) -> Registry:
    allowed = _read_allowed()
    texts: list[_Text] = []
    unread = [problem for directory in chosen for problem in _read_definitions(directory, texts)]

    def recompose(others: tuple[InstalledText, ...]) -> Registry:
        return _load(chosen, own, others)

    if not texts and not unread and not installed:
        return Registry(own.documents, allowed, recompose=recompose, family=own.family)
    loader = _Loader(own, texts, unread, allowed)
    documents = loader.load(installed)
    return Registry(
        documents,
        allowed,
        installed=installed,
        unusable=tuple(loader.unusable.values()),
        replaced=loader.replaced,
        recompose=recompose,
        family=own.family,
    )


_Text = tuple[str, str]
"""The name of a file and its text."""


class _OwnDefinitions:
    """The definitions of the library: all of them, or that of the objects that hold definitions.

    ``sign`` tells them from others in the memory of checked definitions.
    """

    family = ""

    def __init__(self, *, all_of_them: bool) -> None:
        self.all_of_them = all_of_them
        self.sign = "all" if all_of_them else "one"

    @cached_property
    def documents(self) -> list[DefinitionDocument]:
        """What they say, parsed once."""
        if not self.all_of_them:
            return _parse_trusted(self.read(), "built-in")
        return [DefinitionDocument(origin, data, "built-in") for origin, data in parse_builtin().items()]

    def read(self) -> list[_Text]:
        """Return their texts."""
        return _read_builtin() if self.all_of_them else [_read_kind_of_installed()]


class _FamilyDefinitions:
    """The definitions of a family, and the library's kind of objects that hold definitions.

    They are checked once for each content.
    """

    def __init__(self, family: Family) -> None:
        self._family = family
        self.family = family.name
        self.sign = f"family {family.digest}"

    @cached_property
    def documents(self) -> list[DefinitionDocument]:
        """What they say, each parsed as far as something asks for it."""
        from confobjects.definitions.outlines import OutlinedData

        outlines = self._recall_outlines()
        found = [
            DefinitionDocument(origin, OutlinedData(outline, partial(str, text)), "family")
            for (origin, text), outline in zip(self._texts(), outlines, strict=True)
        ]
        return [*_parse_trusted([_read_kind_of_installed()], "built-in"), *found]

    def read(self) -> list[_Text]:
        """Return their texts."""
        return [_read_kind_of_installed(), *self._texts()]

    def _texts(self) -> list[_Text]:
        return [(f"{self.family}/{name}", text) for name, text in self._family.texts.items()]

    def _recall_outlines(self) -> Any:
        memory, content = Memory(*_RULES), (self.sign, *self._family.texts)
        outlines = memory.recall(content)
        if outlines is None:
            texts = self._texts()
            _check_definitions([_read_kind_of_installed()], texts, (), ())
            _refuse_family_code(texts)
            outlines = _outline(texts)
            memory.remember(content, outlines)
        return outlines


_Foundation = _OwnDefinitions | _FamilyDefinitions
"""The definitions that others are built on."""


def _refuse_family_code(texts: Sequence[_Text]) -> None:
    """Raise :class:`~confobjects.errors.DefinitionError` if a family names code: whoever made it has not judged that."""
    documents = _parse_trusted(texts, "family")
    if refused := [problem for one in documents for problem in check_functions(one.origin, one.data, AllowedCode())]:
        raise DefinitionError(refused)


_RULES: Final = ("definitions", "syntaxes", "expressions", "schemas")
"""The rooms whose rules definitions are checked by."""


class _Loader:
    """Takes definitions together: ``own`` are those of the library or of a family, ``texts`` those in directories."""

    def __init__(
        self, own: _Foundation, texts: Sequence[_Text], unread: Sequence[Diagnostic], allowed: AllowedCode
    ) -> None:
        self.own = own
        self.texts = texts
        self.unread = unread
        self.allowed = allowed
        self.unusable: dict[str, UnusableDefinition] = {}
        self.replaced: dict[str, Source] = {}
        self._memory = Memory(*_RULES)

    def load(self, installed: tuple[InstalledText, ...]) -> list[DefinitionDocument]:
        """Return all documents that count. Raises :class:`~confobjects.errors.DefinitionError` for the directories."""
        usable, known = self._select(installed)
        while True:
            try:
                given = self._ensure_checked(usable, known)
                known = None
            except DefinitionError as error:
                named = self._find_culprits(error, usable)
                if not named:
                    raise
                self._leave_out({origin: usable.pop(origin) for origin in named}, error.diagnostics)
                continue
            held = [one for one in given if one.source == "installed"]
            documents = [one for one in given if one.source == "directory"]
            self._refuse_liberties(documents)
            refused = {one.origin: list(check_functions(one.origin, one.data, self.allowed)) for one in held}
            if culprits := {origin: usable.pop(origin) for origin in refused if refused[origin]}:
                self._leave_out(culprits, [problem for several in refused.values() for problem in several], "code")
                continue
            held = remove_replaced(held, documents)
            own = self.own.documents
            names: dict[str, Source] = {name_of(document): document.source for document in own}
            for document in (*held, *documents):
                if name_of(document) in names:
                    self.replaced.setdefault(name_of(document), names[name_of(document)])
            return [*remove_replaced(own, [*held, *documents]), *held, *documents]

    def _select(self, installed: tuple[InstalledText, ...]) -> tuple[dict[str, InstalledText], Any]:
        """Return the installed definitions that can be judged, by origin, and what the memory knows of all definitions.

        The other ones are left out.
        """
        if not installed:
            return {}, None
        from confobjects.definitions.installed import UnusableDefinition, check_digest

        taken = _find_names(self.texts) if self.texts else frozenset()
        usable: dict[str, InstalledText] = {}
        for one in installed:
            if one.name.casefold() in taken:
                self.replaced[one.name] = "installed"
            elif problems := tuple(check_digest(one)):
                self.unusable[one.origin] = UnusableDefinition(one, problems)
            else:
                usable[one.origin] = one
        if (known := self._recall(usable)) is not None:
            return usable, known
        for found in self._review(list(usable.values())):
            self.unusable[found.installed.origin] = found
            del usable[found.installed.origin]
        return usable, None

    def _review(self, several: Sequence[InstalledText]) -> list[UnusableDefinition]:
        """Return the installed definitions that cannot be used by themselves; if all are right, they are not looked at again.

        Their digests are right, and stand for their texts in the memory.
        """
        content = ("review", *(part for one in several for part in (one.name, one.digest)))
        if not several or self._memory.recall(content):
            return []
        from confobjects.definitions.reviewing import review

        found = [wrong for one in several if (wrong := review(one)) is not None]
        if not found:
            self._memory.remember(content, True)
        return found

    def _recall(self, usable: Mapping[str, InstalledText]) -> Any:
        """Return the outlines of the definitions in directories and of installed ones if memory knows them all, else None."""
        if self.unread or not (self.texts or usable):
            return None
        return self._memory.recall(self._list_content(usable))

    def _list_content(self, usable: Mapping[str, InstalledText]) -> Iterator[str]:
        """Yield what the memory knows definitions by. The digests of installed ones are right, and stand for their texts."""
        yield self.own.sign
        yield str(len(self.texts))
        yield from (text for _, text in self.texts)
        for one in usable.values():
            yield one.name
            yield one.digest

    def _ensure_checked(self, usable: Mapping[str, InstalledText], known: Any = None) -> list[DefinitionDocument]:
        """Return the definitions in directories, and reviewed installed ones, checked with those of the library.

        Those of ``known`` outlines are not checked again, and parsed only as far as something asks for them. Raises
        :class:`~confobjects.errors.DefinitionError` with every problem.
        """
        if not self.texts and not usable and not self.unread:
            return []
        outlines = self._recall(usable) if known is None else known
        if outlines is None:
            texts = [*self.texts, *((one.origin, one.text) for one in usable.values())]
            _check_definitions(self.own.read(), texts, self.unread, usable)
            outlines = _outline(texts)
            self._memory.remember(self._list_content(usable), outlines)
        from confobjects.definitions.outlines import OutlinedData

        given = [(origin, partial(str, text)) for origin, text in self.texts]
        held = [(one.origin, partial(getattr, one, "text")) for one in usable.values()]
        return [
            DefinitionDocument(
                origin, OutlinedData(outline, read), "installed" if number >= len(given) else "directory"
            )
            for number, ((origin, read), outline) in enumerate(zip((*given, *held), outlines, strict=True))
        ]

    def _find_culprits(self, error: DefinitionError, usable: Mapping[str, InstalledText]) -> list[str]:
        """Return the origins of the installed definitions to blame for a failed check; empty if the directories are."""
        named = {problem.origin for problem in error.diagnostics}
        if found := [origin for origin in usable if origin in named]:
            return found
        if not usable:
            return []
        try:
            self._ensure_checked({})
        except DefinitionError:
            return []
        return list(usable)

    def _leave_out(
        self, several: Mapping[str, InstalledText], problems: Iterable[Diagnostic], reason: Reason = "broken"
    ) -> None:
        from confobjects.definitions.checking import place_problems
        from confobjects.definitions.installed import UnusableDefinition

        placed = place_problems(problems, {origin: one.text for origin, one in several.items()})
        for origin, one in several.items():
            own = tuple(problem for problem in placed if problem.origin == origin)
            self.unusable[origin] = UnusableDefinition(one, own or tuple(placed), reason)

    def _refuse_liberties(self, documents: Sequence[DefinitionDocument]) -> None:
        refused = [p for one in documents for p in check_functions(one.origin, one.data, self.allowed)]
        for one in documents:
            if one.data.get("name") == HOLDER_KIND:
                summary = f'"{HOLDER_KIND}" is the kind that holds definitions: it cannot be replaced'
                refused.append(Diagnostic("broken-definition", summary, origin=one.origin, pointer="/name"))
        if refused:
            from confobjects.definitions.checking import place_problems

            raise DefinitionError(place_problems(refused, dict(self.texts)))


def refuse_code(registry: Registry) -> None:
    """Raise :class:`~confobjects.errors.DefinitionError` if an installed definition names code that is not allowed."""
    if refused := [problem for one in registry.unusable if one.reason == "code" for problem in one.problems]:
        raise DefinitionError(refused)


def _check_definitions(
    own: Sequence[_Text], texts: Sequence[_Text], unread: Iterable[Diagnostic], reviewed: Container[str]
) -> None:
    """Check the definitions of the user with those of the library, of which only replaced ones cast doubt on the others.

    Raises :class:`~confobjects.errors.DefinitionError` with every problem.
    """
    from confobjects.definitions.checking import check, parse_documents, place_problems

    documents, problems = parse_documents(texts)
    problems.extend(unread)
    builtin = _parse_trusted(own, "built-in")
    kept = remove_replaced(builtin, documents)
    trusted, judged = (builtin, documents) if len(kept) == len(builtin) else ([], [*kept, *documents])
    problems.extend(check(judged, trusted, incomplete=bool(problems), shaped=reviewed))
    if problems:
        raise DefinitionError(place_problems(problems, dict((*own, *texts))))


class Memory:
    """What is known of contents, in parts, that have been found right by the rules of today; see :mod:`confobjects.caching`.

    ``rooms`` are the packages with the rules.
    """

    def __init__(self, *rooms: str) -> None:
        self._rooms = rooms

    def recall(self, content: Iterable[str | memoryview]) -> Any:
        """Return what was remembered of a content, None if it is not known."""
        digest = self._digest_of(content)
        return self._cache.recall(digest) if digest else None

    def remember(self, content: Iterable[str | memoryview], parts: Any) -> None:
        """Remember that a content is right, with what recalling it returns, as JSON."""
        if digest := self._digest_of(content):
            self._cache.remember(digest, parts)

    @cached_property
    def _cache(self) -> CheckedContents:
        from confobjects.caching import CheckedContents, cache_directory

        return CheckedContents(cache_directory(os.environ))

    @cached_property
    def _signs(self) -> list[str]:
        with suppress(OSError):
            return list(_signs_of(self._rooms))
        return []

    def _digest_of(self, content: Iterable[str | memoryview]) -> str:
        from confobjects.caching import digest_of

        return digest_of(chain(self._signs, content)) if self._signs else ""


def _outline(texts: Iterable[_Text]) -> list[dict[str, Any]]:
    import json

    from confobjects.definitions.outlines import outline_of

    return [outline_of(json.loads(text)) for _, text in texts]


def _find_names(texts: Iterable[_Text]) -> frozenset[str]:
    """Return the names of the definitions and packages in texts, in the form that compares equal; broken ones are skipped."""
    import json

    found: set[str] = set()
    for _, text in texts:
        try:
            data = json.loads(text)
        except (ValueError, RecursionError):
            continue
        if isinstance(data, dict):
            found.update(name.casefold() for key in ("name", "package") if isinstance(name := data.get(key), str))
    return frozenset(found)


def _signs_of(rooms: Iterable[str]) -> Iterator[str]:
    """Yield what tells one state of the rules in rooms from another: the version of Python, size and time of each file.

    Raises OSError if the package is in an archive.
    """
    import sys

    yield sys.version
    here = os.path.dirname(__file__)
    for room in rooms:
        with os.scandir(os.path.join(here, room)) as files:
            for file in sorted((entry for entry in files if entry.is_file()), key=lambda entry: entry.name):
                status = file.stat()
                yield f"{room}/{file.name} {status.st_size} {status.st_mtime_ns}"


def _read_builtin() -> list[_Text]:
    """Return the definitions of the library."""
    return [(os.path.basename(path), _read_text(path)) for path in list_definition_files(builtin_directory())]


def _read_kind_of_installed() -> _Text:
    name = f"{HOLDER_KIND}.json"
    return name, _read_text(os.path.join(builtin_directory(), name))


def _parse_trusted(texts: Iterable[_Text], source: Source) -> list[DefinitionDocument]:
    """Return the documents in texts that are known to be right."""
    import json

    return [DefinitionDocument(origin, json.loads(text), source) for origin, text in texts]


def _read_definitions(directory: str, texts: list[_Text]) -> Iterator[Diagnostic]:
    """Read the definitions of a directory as (path, text). Yield a problem for each that cannot be read."""
    try:
        paths = list_definition_files(directory)
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


def _read_text(path: str) -> str:
    return inputs.read_regular(path, inputs.MEDIUM)[0].decode("utf-8")
