"""The cache of checked definitions: a content is checked once, and nothing else can make it seem checked."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import confobjects
from confobjects import definitions_loading
from confobjects.caching import CheckedContents, cache_directory, digest_of
from confobjects.definitions.installed import InstalledText
from confobjects.definitions.installed import digest_of as digest_of_text
from confobjects.definitions_loading import DefinitionChoice
from confobjects.errors import DefinitionError
from confobjects.management.installing import install
from confobjects.startup import read_configuration
from tests.definitions.documents import FAMILY

DIGEST = digest_of(["a", "b"])
PARTS = [{"name": "bell", "version": 1}, {"name": "gong"}]


@pytest.fixture
def above(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def file_of(above: Path) -> Path:
    return above / "confobjects" / "checked-definitions" / f"{DIGEST}.json"


def test_what_is_remembered_is_known_and_nothing_else(above: Path) -> None:
    cache = CheckedContents(str(above))
    assert cache.recall(DIGEST) is None
    cache.remember(DIGEST, PARTS)
    assert cache.recall(DIGEST) == PARTS
    assert cache.recall(digest_of(["a", "c"])) is None
    assert cache.recall(digest_of(["ab"])) is None
    assert {path.stat().st_mode & 0o777 for path in (above, file_of(above).parent)} == {0o700}
    assert file_of(above).stat().st_mode & 0o777 == 0o600
    head, parts = map(json.loads, file_of(above).read_text("utf-8").split("\n"))
    assert (head["digest"], parts) == (DIGEST, PARTS)
    assert [path.name for path in file_of(above).parent.iterdir()] == [file_of(above).name]


@pytest.mark.parametrize(
    "parts", [True, [], {}, 'é"\\\n', [1, -2.5, 1e300, {"a": [{"b": None}], "": [True, False]}], "\ud800"]
)
def test_what_is_recalled_is_what_was_remembered(parts: Any, above: Path) -> None:
    cache = CheckedContents(str(above))
    cache.remember(DIGEST, parts)
    assert cache.recall(DIGEST) == parts


NO_JSON = ["", "[", "[1]x", '"a', '{"a"', '{"a":}', "nul", '"\n"', '"\\x"', "[1,]", "[" * 100_000]


@pytest.mark.parametrize("text", NO_JSON)
def test_what_is_no_json_counts_for_nothing(text: str, above: Path) -> None:
    """Also with a right digest."""
    cache = CheckedContents(str(above))
    cache.remember(DIGEST, True)
    head = file_of(above).read_text().partition("\n")[0].replace(digest_of(["true"]), digest_of([text]))
    file_of(above).write_text(f"{head}\n{text}")
    assert cache.recall(DIGEST) is None
    file_of(above).write_text(f"{head.replace(digest_of([text]), digest_of(['[1]']))}\n[1]")
    assert cache.recall(DIGEST) == [1]


def make_pipe(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


def make_link(file: Path) -> None:
    file.rename(file.parent / "x")
    file.symlink_to("x")


def replace(file: Path, old: str, new: str) -> None:
    text = file.read_text("utf-8")
    assert text.count(old) == 1
    file.write_text(text.replace(old, new), "utf-8")


DAMAGES: dict[str, Callable[[Path], Any]] = {
    "empty": lambda file: file.write_bytes(b""),
    "cut off": lambda file: file.write_bytes(file.read_bytes()[:-2]),
    "not text": lambda file: file.write_bytes(b"\xff\xfe"),
    "another format": lambda file: replace(file, '"confobjects-checked": 2', '"confobjects-checked": 3'),
    "another digest": lambda file: replace(file, DIGEST, digest_of([])),
    "a changed letter": lambda file: replace(file, "gong", "gonf"),
    "a part less": lambda file: replace(file, ', {"name": "gong"}', ""),
    "no head": lambda file: file.write_text(json.dumps(PARTS), "utf-8"),
    "not an object": lambda file: file.write_text("[1]", "utf-8"),
    "deep": lambda file: file.write_text("[" * 4000, "utf-8"),
    "large": lambda file: file.write_text(file.read_text("utf-8") + " " * 5000, "utf-8"),
    "a link": make_link,
    "linked twice": lambda file: os.link(file, file.parent / "x"),
    "writable by others": lambda file: file.chmod(0o622),
    "a pipe": make_pipe,
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_counts_for_nothing_and_is_written_again(damage: str, above: Path) -> None:
    cache = CheckedContents(str(above))
    cache.remember(DIGEST, PARTS)
    DAMAGES[damage](file_of(above))
    assert cache.recall(DIGEST) is None
    cache.remember(DIGEST, PARTS)
    assert cache.recall(DIGEST) == PARTS


@pytest.mark.parametrize("rights", [0o777, 0o770, 0o755])
def test_a_directory_that_others_may_enter_is_not_used(rights: int, above: Path) -> None:
    cache = CheckedContents(str(above))
    cache.remember(DIGEST, PARTS)
    file_of(above).parent.chmod(rights)
    assert cache.recall(DIGEST) is None
    cache.remember(digest_of(["c"]), PARTS)
    assert len(list(file_of(above).parent.iterdir())) == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
@pytest.mark.parametrize("part", ["above", "between", "directory", "file"])
def test_what_belongs_to_another_user_is_not_used(part: str, above: Path) -> None:
    cache = CheckedContents(str(above))
    cache.remember(DIGEST, PARTS)
    file = file_of(above)
    os.chown({"above": above, "between": file.parents[1], "directory": file.parent, "file": file}[part], 65534, -1)
    assert cache.recall(DIGEST) is None


def test_a_linked_directory_is_not_used(above: Path) -> None:
    cache = CheckedContents(str(above))
    cache.remember(DIGEST, PARTS)
    directory = file_of(above).parent
    directory.rename(above / "elsewhere")
    directory.symlink_to(above / "elsewhere")
    assert cache.recall(DIGEST) is None


def test_the_number_of_files_is_limited(above: Path) -> None:
    cache = CheckedContents(str(above))
    for number in range(210):
        cache.remember(digest_of([str(number)]), PARTS)
    assert len(list(file_of(above).parent.iterdir())) == 200


def test_without_a_place_to_write_nothing_happens(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", "utf-8")
    cache = CheckedContents(str(tmp_path / "file" / "below"))
    cache.remember(DIGEST, PARTS)
    assert cache.recall(DIGEST) is None


@pytest.mark.parametrize(
    ("environment", "directory"),
    [
        ({"XDG_CACHE_HOME": "/c", "HOME": "/h"}, "/c"),
        ({"XDG_CACHE_HOME": "c", "HOME": "/h"}, "/h/.cache"),
        ({"XDG_CACHE_HOME": "", "HOME": "/h"}, "/h/.cache"),
    ],
)
def test_the_directory_is_that_of_the_user(environment: dict[str, str], directory: str) -> None:
    assert cache_directory(environment) == directory


# -- what it is used for ---------------------------------------------------------------------------------------------


def load(*directories: Path, builtin: bool = True) -> bool:
    """Load definitions, and tell whether they were checked."""
    for name in [name for name in sys.modules if name.startswith("confobjects.definitions.checking")]:
        del sys.modules[name]
    definitions_loading.load_registry(list(map(str, directories)), builtin=builtin)
    return "confobjects.definitions.checking" in sys.modules


@pytest.fixture
def family(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    return Path(shutil.copytree(FAMILY, tmp_path / "family"))


def test_definitions_are_checked_once_for_each_content(family: Path, tmp_path: Path) -> None:
    assert load(family)
    assert not load(family)
    assert not load(Path(shutil.copytree(family, tmp_path / "elsewhere")))
    file = family / "store.json"
    text = file.read_text("utf-8")
    file.write_text(text.replace("A place that keeps jobs", "Where jobs are kept"), "utf-8")
    assert load(family)
    file.write_text(text, "utf-8")
    assert not load(family)
    assert load(family, builtin=False)


def test_a_mistake_is_told_each_time(family: Path) -> None:
    assert load(family)
    (family / "store.json").write_text('{\n"name": 1}', "utf-8")
    for _ in range(2):
        with pytest.raises(DefinitionError) as caught:
            load(family)
        problem = next(one for one in caught.value.diagnostics if one.pointer == "/name")
        assert (problem.line, problem.column, problem.excerpt, problem.span) == (2, 9, '"name": 1}', (8, 9))
        assert not any("store" in one.origin and one.line is None for one in caught.value.diagnostics)


def installed(text: str, *names: str) -> tuple[InstalledText, ...]:
    """Return definitions of one text as a configuration holds them."""
    stored = [text.replace("NAME", name) for name in names]
    return tuple(InstalledText(n, f"cn={n}", one, digest_of_text(one)) for n, one in zip(names, stored, strict=True))


def is_checked(several: tuple[InstalledText, ...]) -> bool:
    for name in [name for name in sys.modules if name.startswith("confobjects.definitions.checking")]:
        del sys.modules[name]
    definitions_loading.load_registry(installed=several)
    return "confobjects.definitions.checking" in sys.modules


TEXT = """{"name": "NAME", "version": 1, "synopsis": "One.", "relation":
{"parent": "root", "kind": "instantiable", "branch": "cn=NAME"}}"""


def test_installed_definitions_are_checked_once_for_each_content(family: Path, tmp_path: Path) -> None:
    both = installed(TEXT, "bell", "gong")
    assert is_checked(both)
    assert not is_checked(both)
    assert is_checked(both[:1])
    assert is_checked(installed(TEXT.replace("One.", "Two."), "bell", "gong"))
    assert not is_checked(both)
    for file in (tmp_path / "xdg" / "confobjects" / "checked-definitions").iterdir():
        file.write_text("damaged", "utf-8")
    assert is_checked(both)
    assert not is_checked(both)
    assert family.exists()


def test_what_the_cache_knows_says_nothing_of_a_changed_text(family: Path) -> None:
    (bell,) = installed(TEXT, "bell")
    assert is_checked((bell,))
    changed = bell.replace(text=bell.text.replace("One.", "Another one."))
    registry = definitions_loading.load_registry(installed=(changed,))
    assert [one.reason for one in registry.unusable] == ["broken"]
    assert "bell" not in registry
    assert family.exists()


def test_what_is_loaded_is_the_same_from_the_cache(family: Path) -> None:
    first, second = (definitions_loading.load_registry([str(family)]) for _ in range(2))
    assert {n: d.data for n, d in first.documents.items()} == {n: d.data for n, d in second.documents.items()}
    assert {n: d.origin for n, d in first.documents.items()} == {n: d.origin for n, d in second.documents.items()}


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The texts that were parsed as JSON."""
    texts: list[str] = []
    loads = json.loads

    def note(text: str, **options: Any) -> Any:
        texts.append(text)
        return loads(text, **options)

    monkeypatch.setattr(json, "loads", note)
    return texts


def test_of_what_the_cache_knows_only_what_is_asked_for_is_parsed(family: Path, parsed: list[str]) -> None:
    both = installed(TEXT, "bell", "gong")
    definitions_loading.load_registry(installed=both)
    parsed.clear()
    registry = definitions_loading.load_registry(installed=both)
    assert {"bell", "gong"} <= registry.relations().keys()
    assert not {one.text for one in both} & set(parsed)
    assert registry.definition("bell").synopsis == "One."
    assert [one.name for one in both if one.text in parsed] == ["bell"]
    definitions_loading.load_registry([str(family)])
    parsed.clear()
    registry = definitions_loading.load_registry([str(family)])
    texts = {file.read_text("utf-8") for file in family.iterdir()}
    assert registry.subtypes("store")
    assert not texts & set(parsed)


def test_of_installed_definitions_that_are_known_only_the_outlines_are_parsed(family: Path, parsed: list[str]) -> None:
    both = installed(TEXT, "bell", "gong")
    definitions_loading.load_registry(installed=both)
    registry = definitions_loading.load_registry()
    parsed.clear()
    composed = registry.with_installed(both)
    assert {"bell", "gong"} <= composed.relations().keys()
    assert composed.documents.keys() - {"bell", "gong"} == registry.documents.keys()
    assert len(parsed) == 1
    assert family.exists()


@pytest.mark.parametrize("directory", [False, True])
def test_what_is_installed_is_reviewed_by_its_name_too(
    family: Path, directory: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    (bell,) = installed(TEXT, "bell")
    directories = [str(family)] if directory else []
    monkeypatch.setenv("CONFOBJECTS_ALLOW_CODE", "module:tests.definitions.functions")
    assert not definitions_loading.load_registry(directories, installed=(bell,)).unusable
    renamed = InstalledText("gong", "cn=gong", bell.text, bell.digest)
    for _ in range(2):
        registry = definitions_loading.load_registry(directories, installed=(renamed,))
        assert [one.installed.name for one in registry.unusable] == ["gong"]


def test_what_the_process_allows_is_asked_each_time(family: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = {
        **json.loads(TEXT.replace("NAME", "bell")),
        "constraints": [{"name": "rings", "function": "bells:ring", "synopsis": "It rings."}],
    }
    (bell,) = installed(json.dumps(data), "bell")
    (family / "bell.json").write_text(bell.text, "utf-8")
    allowed = "module:bells,module:tests.definitions.functions"
    for variable in (allowed, "module:gongs", allowed):
        monkeypatch.setenv("CONFOBJECTS_ALLOW_CODE", variable)
        registry = definitions_loading.load_registry(installed=(bell,))
        assert [one.reason for one in registry.unusable] == ([] if variable == allowed else ["code"])
        assert ("bell" in registry) == (variable == allowed)
        if variable == allowed:
            definitions_loading.load_registry([str(family)])
        else:
            with pytest.raises(DefinitionError, match="bells:ring"):
                definitions_loading.load_registry([str(family)])


def test_a_file_that_holds_known_definitions_is_opened_without_reading_them(family: Path, tmp_path: Path) -> None:
    both = installed(TEXT.replace("One.", "One. " * 500), "bell", "gong")
    file = tmp_path / "config.ldif"
    url = f"ldif:{file}"
    with confobjects.open(url) as context, context.change() as transaction:
        install(transaction, both)
    text = file.read_text("utf-8")

    def find_read() -> list[str]:
        """Open the file, and return the definitions in it whose texts were read."""
        with closing((opened := read_configuration(url, DefinitionChoice())).storage):
            assert {"bell", "gong"} <= opened.registry.relations().keys()
            return [one.name for one in opened.registry.installed if not one.is_known]

    assert find_read() == ["bell", "gong"]
    assert find_read() == []
    for cached in (tmp_path / "xdg" / "confobjects" / "checked-definitions").iterdir():
        cached.write_text("damaged", "utf-8")
    assert find_read() == ["bell", "gong"]
    assert find_read() == []
    lines = text.splitlines()
    folded = next(index for index, line in enumerate(lines) if line.startswith("ds-cfg-definition::")) + 10
    lines[folded] = f" {lines[folded][2:3]}{lines[folded][1:2]}{lines[folded][3:]}"
    file.write_text("\n".join(lines) + "\n", "utf-8")
    for _ in range(2):
        with closing((opened := read_configuration(url, DefinitionChoice())).storage):
            assert [one.installed.name for one in opened.registry.unusable] == ["bell"]
            assert "bell" not in opened.registry
            assert "gong" in opened.registry
    file.write_text(text, "utf-8")
    assert find_read() == []
    assert family.exists()
