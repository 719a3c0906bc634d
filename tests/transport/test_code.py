"""Configuration does not load code by itself: what it names is checked, and from a directory server also allowed."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from confobjects.definitions.allowance import AllowedCode, load_function, parse_allowed
from confobjects.definitions_loading import load_registry
from confobjects.errors import DefinitionError, UsageError
from confobjects.mail.diagnosis import TrustError
from confobjects.mail.plan import TlsSettings, TrustSource, trust_source_of
from confobjects.management import ManagementContext, Site
from confobjects.management.judging import judge_all
from confobjects.objects.evaluating import evaluate_defaults
from confobjects.storage.memory import MemoryStorage
from confobjects.transport.code import CodeProblem, check_file, load_module
from confobjects.transport.trust import trust_for

CLASS: Final = "import ssl\nclass Trust:\n    def __init__(self, values): pass\n    def __call__(self): return ssl.create_default_context()\n"
NOBODY: Final = 65534


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory of modules: ``one_trust``, and ``two_trust.inner`` in a package."""
    made = tmp_path / "modules"
    (made / "two_trust").mkdir(parents=True)
    (made / "one_trust.py").write_text(CLASS)
    (made / "two_trust" / "__init__.py").write_text("")
    (made / "two_trust" / "inner.py").write_text(CLASS)
    (made / "one.so").write_bytes(b"\x7fELF")
    monkeypatch.syspath_prepend(str(made))
    for name in ("one_trust", "two_trust", "two_trust.inner"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return made


def give_away(path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a file away")
    os.chown(path, NOBODY, NOBODY)


CHANGES: Final[dict[str, Callable[[Path], None]]] = {
    "others can write it": lambda path: path.chmod(path.stat().st_mode | 0o002),
    "a group can write it": lambda path: path.chmod(path.stat().st_mode | 0o020),
    "it belongs to another": give_away,
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize("which", ["two_trust/inner.py", "two_trust/__init__.py", "two_trust", ".", ".."])
def test_a_module_that_others_can_change_is_not_loaded(
    folder: Path, which: str, change: Callable[[Path], None]
) -> None:
    change((folder / which).resolve())
    with pytest.raises(CodeProblem, match=r"others can write|belongs neither"):
        load_module("two_trust.inner")
    assert "two_trust.inner" not in sys.modules
    assert "two_trust" not in sys.modules or which == "two_trust/inner.py"


def test_a_compiled_module_that_others_can_change_is_not_loaded(folder: Path) -> None:
    import py_compile

    compiled = Path(str(py_compile.compile(str(folder / "one_trust.py"))))
    compiled.chmod(0o666)
    with pytest.raises(CodeProblem, match="others can write"):
        load_module("one_trust")


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize("which", ["one.so", ".", ".."])
def test_a_library_that_others_can_change_is_not_loaded(
    folder: Path, which: str, change: Callable[[Path], None]
) -> None:
    assert check_file(str(folder / "one.so")) == str(folder / "one.so")
    change((folder / which).resolve())
    with pytest.raises(CodeProblem):
        check_file(str(folder / "one.so"))


def test_a_link_in_a_directory_of_others_is_not_followed(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "open").mkdir(mode=0o700)
    link = tmp_path / "open" / "one.so"
    link.symlink_to(folder / "one.so")
    assert check_file(str(link)) == str(folder / "one.so")
    (tmp_path / "open").chmod(0o1777)
    with pytest.raises(CodeProblem):
        check_file(str(link))


def test_what_nobody_else_can_change_is_loaded(folder: Path) -> None:
    assert load_module("two_trust.inner").__file__ == str(folder / "two_trust" / "inner.py")
    assert load_module("json").__name__ == "json"
    assert load_module("sys") is sys
    with pytest.raises(ModuleNotFoundError, match="no_such"):
        load_module("no_such.module")


# -- from a directory server -----------------------------------------------------------------------------------------


def source(type_: str, allowed: AllowedCode | None, **values: Any) -> TrustSource:
    named = {name.replace("_", "-"): value for name, value in values.items()}
    return TrustSource(f"{type_}-trust-manager-provider", "/p", named, allowed=allowed)


@pytest.mark.parametrize(
    ("text", "works"),
    [
        ("", False),
        ("module:one_trust", True),
        ("module:one", False),
        ("module:one_trust.inner", False),
        ("type:custom-trust-manager-provider", True),
        ("type:pkcs11-trust-manager-provider", False),
    ],
)
def test_code_that_a_server_names_needs_leave(folder: Path, text: str, works: bool) -> None:
    asked = source("custom", parse_allowed(text), provider_class="one_trust:Trust")
    if works:
        trust_for(asked, TlsSettings())
        assert "one_trust" in sys.modules
    else:
        with pytest.raises(TrustError, match="CONFOBJECTS_ALLOW_CODE=module:one_trust"):
            trust_for(asked, TlsSettings())
        assert "one_trust" not in sys.modules
    assert folder.is_dir()


@pytest.mark.parametrize(("path", "words"), [("/x/one.so", "loads no code by itself"), ("one.so", "loads no code")])
def test_a_library_that_a_server_names_needs_leave(path: str, words: str) -> None:
    pytest.importorskip("pkcs11")
    with pytest.raises(TrustError, match=words):
        trust_for(source("pkcs11", AllowedCode(), pkcs11_provider_arg=path), TlsSettings())


@pytest.mark.parametrize("path", ["one.so", "./one.so", "../one.so"])
def test_a_library_is_named_by_its_whole_path(path: str) -> None:
    pytest.importorskip("pkcs11")
    with pytest.raises(TrustError, match="whole path"):
        trust_for(source("pkcs11", None, pkcs11_provider_arg=path), TlsSettings())


class FarStorage(MemoryStorage):
    """The storage in memory under the URL of a directory server."""

    def __init__(self) -> None:
        super().__init__()
        self.url = "ldaps://directory.example.com/cn=config"


@pytest.mark.parametrize(("storage", "limited"), [(MemoryStorage, False), (FarStorage, True)])
def test_a_provider_knows_whether_a_server_named_its_code(storage: type[MemoryStorage], limited: bool) -> None:
    context = ManagementContext(Site.of(load_registry(), storage(), evaluate_defaults))
    values = {"enabled": "true", "provider-class": "one_trust:Trust"}
    context.create("trust-manager-provider", "own", values, type="custom")
    configuration, _ = judge_all(context.site, ".")
    provider: Any = configuration["trust-manager-provider", "own"]
    allowed = trust_source_of(provider).allowed
    assert (allowed is not None) == limited


# -- what definitions name -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["subprocess:getoutput", "os:system", "confobjects.startup:load", "builtins:eval"])
def test_a_definition_names_no_function_that_is_not_allowed(name: str, tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match="is not allowed"):
        load_function(name, "a view", AllowedCode())
    for key in ("constraints", "views"):
        text = (
            '{"name": "thing", "version": 1, "synopsis": "A thing.", '
            '"relation": {"parent": "root", "kind": "instantiable"}, '
            '"properties": {"word": {"synopsis": "A word.", "syntax": "string"}}, '
            f'"{key}": [{{"name": "own", "synopsis": "Own.", "function": "{name}"}}]}}'
        )
        (tmp_path / "thing.json").write_text(text)
        with pytest.raises(DefinitionError, match=rf"thing\.json.*{name} of a (constraint|view) is not allowed"):
            load_registry([str(tmp_path)])


@pytest.mark.parametrize(
    ("text", "name", "allowed"),
    [
        ("module:a.b", "a.b:f", True),
        ("module:a", "a.b:f", True),
        ("module:a.b", "a:f", False),
        ("module:a", "ab:f", False),
        ("type:x, module:a ,", "a:f", True),
        ("", "confobjects.mail.constraints:smtp_properties", True),
        ("", "confobjects.mail.constraints:re", False),
    ],
)
def test_modules_are_allowed_by_name(text: str, name: str, allowed: bool) -> None:
    assert parse_allowed(text).has_function(name) == allowed


@pytest.mark.parametrize("text", ["subprocess", "module:", "class:x"])
def test_a_word_that_allows_nothing_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="allows nothing"):
        parse_allowed(text)
