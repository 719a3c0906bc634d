"""Making a family from what is there of a product: the jars of an installed server, or a folder of XML files."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from importlib import resources
from typing import Any, Final

from confobjects import inputs
from confobjects.actions import RemedyAction
from confobjects.conversion import opendj, opendj_xml
from confobjects.definitions.checking import check
from confobjects.definitions.documents import DefinitionDocument
from confobjects.diagnostics import Diagnostic
from confobjects.errors import DefinitionError, UsageError
from confobjects.families.store import Family, make_family
from confobjects.families.vendors import OPENDJ, short_version

_READER: Final = "OpenDjDefinitions.java"
_JAR: Final = "opendj-config"
_MOST_FILES: Final = 2_000
_SECONDS: Final = 120
"""The time that the reader of jars may take; 2 seconds are usual."""
_OPTIONS: Final = ("-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Djava.net.useSystemProxies=false")
_GIVE_VERSION: Final = ("give it: ", RemedyAction("give-product-version"))


def make_opendj_family(path: str, version: str, environment: Mapping[str, str]) -> Family:
    """Return the family of an installed OpenDJ, or of a folder with the XML files of its definitions.

    ``version`` is that of the product; the jars of a server say it themselves. Raises
    :class:`~confobjects.errors.UsageError` if there is neither, and :class:`~confobjects.errors.DefinitionError` for
    definitions that are wrong.
    """
    places: opendj_xml.Places = {}
    if jars := _find_jars(path):
        facts = _read_jars(jars, environment)
    else:
        facts, places = opendj_xml.read_facts(_read_xml(path), version)
    short = _agree_on_version(path, version, short_version(str(facts.get("version") or "")))
    try:
        documents = opendj.convert(facts)
    except (KeyError, TypeError, ValueError) as error:
        problem = Diagnostic("broken-definition", f"the definitions cannot be converted: {error}", origin=path)
        raise DefinitionError(problem) from error
    check_documents(documents, places)
    return make_family(OPENDJ, short, os.path.abspath(path), documents)


def _agree_on_version(path: str, given: str, found: str) -> str:
    """Return the version that is given, or found. Raises :class:`~confobjects.errors.UsageError` without one, or two."""
    short = short_version(given)
    if given and not short:
        raise UsageError(Diagnostic("usage", f'"{given}" is not a version', remedy="for example 5.0.3"))
    if given and found and short != found:
        raise UsageError(Diagnostic("usage", f"the server has the version {found}, not {given}", origin=path))
    if not (short or found):
        summary = "the definitions do not say their version"
        raise UsageError(Diagnostic("usage", summary, origin=path, remedy=_GIVE_VERSION))
    return short or found


def check_documents(documents: Mapping[str, Any], places: opendj_xml.Places) -> None:
    """Raise :class:`~confobjects.errors.DefinitionError` for converted definitions that are wrong, with their places."""
    problems = check([DefinitionDocument(name, data) for name, data in documents.items()])
    if problems:
        raise DefinitionError([_place(problem, places) for problem in problems])


def _place(problem: Diagnostic, places: opendj_xml.Places) -> Diagnostic:
    """Return a problem with the place of the property, or of the kind, that it is about."""
    parts = problem.pointer.split("/")
    prop = parts[2] if len(parts) > 2 and parts[1] in {"properties", "overrides"} else ""
    found = places.get(f"{problem.origin}/{prop}") or places.get(problem.origin)
    if found is None:
        return problem
    placed = found.place.refuse(problem.summary, "")
    return placed.replace(remedy=problem.remedy, detail=problem.detail)


# -- jars ------------------------------------------------------------------------------------------------------------


def _find_jars(path: str) -> list[str]:
    """Return the jars of a server in a directory, or in its folder ``lib``; none if it is no server."""
    for directory in (os.path.join(path, "lib"), path):
        try:
            names = sorted(name for name in os.listdir(directory) if name.endswith(".jar"))
        except OSError:
            continue
        if any(_JAR in name for name in names):
            return [os.path.join(directory, name) for name in names]
    return []


def _read_jars(jars: list[str], environment: Mapping[str, str]) -> Any:
    """Return what the reader of jars prints. It runs code of theirs, so nobody else may be able to write it."""
    for jar in jars:
        _require_trusted(jar)
    with resources.as_file(resources.files("confobjects.families") / _READER) as reader:
        command = [_find_java(environment), *_OPTIONS, "-cp", os.pathsep.join(jars), str(reader)]
        try:
            done = subprocess.run(  # noqa: S603 - what the user names to be run, and nobody else can write
                command,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_SECONDS,
                check=False,
                env={"PATH": environment.get("PATH", os.defpath), "LC_ALL": "C.UTF-8"},
            )
        except subprocess.TimeoutExpired:
            raise DefinitionError(_jar_problem(jars, f"java did not end within {_SECONDS} seconds")) from None
    if done.returncode or len(done.stdout) > inputs.MEDIUM:
        last = done.stderr.decode("utf-8", "replace").strip().splitlines()[:1]
        raise DefinitionError(_jar_problem(jars, f"java failed: {' '.join(last) or f'exit {done.returncode}'}"))
    try:
        return json.loads(done.stdout)
    except (ValueError, RecursionError):
        raise DefinitionError(_jar_problem(jars, "java printed no JSON")) from None


def _require_trusted(jar: str) -> None:
    """Raise :class:`~confobjects.errors.UsageError` for a jar that others than root and this user can write."""
    status = os.stat(jar)
    if status.st_uid not in {0, os.geteuid()} or status.st_mode & 0o022:
        summary = "others can write this file, so its code is not run"
        remedy = "read the definitions as the user who owns the server, or correct the rights of the file"
        raise UsageError(Diagnostic("usage", summary, origin=jar, remedy=remedy))


def _find_java(environment: Mapping[str, str]) -> str:
    home = environment.get("JAVA_HOME", "")
    found = shutil.which(os.path.join(home, "bin", "java")) if home else None
    found = found or shutil.which("java", path=environment.get("PATH", os.defpath))
    if found is None:
        remedy = "install a JDK, 11 or later, or name its directory in JAVA_HOME"
        raise UsageError(
            Diagnostic("usage", "the jars of a server are read with java, which is not here", remedy=remedy)
        )
    return found


def _jar_problem(jars: list[str], summary: str) -> Diagnostic:
    remedy = "a JDK is needed, 11 or later: java alone does not compile the reader"
    origin = os.path.dirname(jars[0])
    return Diagnostic("broken-definition", f"the definitions cannot be read: {summary}", origin=origin, remedy=remedy)


# -- XML -------------------------------------------------------------------------------------------------------------


def _read_xml(path: str) -> list[tuple[str, bytes]]:
    """Return the XML files of a folder, as (path, content). Raises :class:`~confobjects.errors.UsageError`."""
    try:
        names = sorted(name for name in os.listdir(path) if name.endswith(".xml"))
    except OSError as error:
        raise UsageError(Diagnostic("usage", f"it cannot be read: {error.strerror}", origin=path)) from None
    if not names:
        summary = "there are neither the jars of an OpenDJ server nor XML definitions"
        raise UsageError(Diagnostic("usage", summary, origin=path, remedy="name the directory of an installed server"))
    if len(names) > _MOST_FILES:
        raise UsageError(Diagnostic("usage", f"there are more than {_MOST_FILES:,} XML files", origin=path))
    return [(os.path.join(path, name), _read_file(os.path.join(path, name))) for name in names]


def _read_file(path: str) -> bytes:
    try:
        return inputs.read_regular(path, inputs.SMALL)[0]
    except OSError as error:
        problem = Diagnostic("broken-definition", f"it cannot be read: {error.strerror or error}", origin=path)
        raise DefinitionError(problem) from None
