"""The guide says what happens: its commands are run; and every link leads somewhere."""

from __future__ import annotations

import ast
import fcntl
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from confobjects import __version__
from confobjects.definitions.metaschema import build_metaschema
from tests.docs import pages
from tests.docs.pages import ROOT

GUIDE = ROOT / "docs" / "guide"
WITHOUT_A_SERVER = [
    GUIDE / "alerts.md",
    GUIDE / "tutorial-python.md",
    GUIDE / "documents.md",
    GUIDE / "sealing.md",
    GUIDE / "dsconfig-scripts.md",
    GUIDE / "configure-mail.md",
    GUIDE / "watch.md",
]
LONGER = {
    "coming-from-dsconfig.md": 350,  # one table and one session beside another tool
    "ldap-servers.md": 290,  # one session with one server
    "python.md": 290,  # one session with one program, and the tables of its options
    "services.md": 375,  # one session with one program
}
"""Pages that may have more than 250 lines, and how many."""
MARKDOWN = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
_PATH = re.compile(r"`((?:benchmarks|cli|confobjects|docs|schemas|tests|\.ci)/[\w./*-]*)")
_PLACE = re.compile(r"`(\w+)`(?: \([^)]*\))? of `([\w/.]+\.py)`")
_DEFINED = r"(?m)^\s*(?:def |self\.)?%s\b(?:\(|:| =)"
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")


def _name(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", WITHOUT_A_SERVER, ids=_name)
def test_a_page_says_what_happens(page: Path, tmp_path: Path) -> None:
    assert pages.differences(page, tmp_path) == []


def test_the_commands_of_every_page_are_run_somewhere() -> None:
    """By the test above, or by one of its own that starts servers and names the page."""
    tests = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    shown = [page for page in MARKDOWN if any(block.language in ("console", "python") for block in pages.blocks(page))]
    assert len(shown) >= len(WITHOUT_A_SERVER)
    run = {page for page in shown if page in WITHOUT_A_SERVER or f'"{page.name}"' in tests}
    run |= {before for page in run for before in pages.pages_before(page)}
    assert [_name(page) for page in shown if page not in run] == []


def test_a_page_that_goes_on_from_another_is_typed_after_it(tmp_path: Path) -> None:
    one, two = tmp_path / "one.md", tmp_path / "two.md"
    one.write_text("```console\n$ NAME=ann\n$ echo $NAME\nbob\n```\n")
    two.write_text("This page goes on where [One](one.md) ends.\n\n```console\n$ echo Hello $NAME\nHello ann\n```\n")
    (wrong,) = pages.differences(two, tmp_path)
    assert wrong.startswith("one.md:3: ")
    assert pages.rewritten(two, tmp_path) == two.read_text()


@pytest.mark.parametrize("page", sorted(GUIDE.glob("*.md")), ids=_name)
def test_a_page_of_the_guide_is_short(page: Path) -> None:
    assert page.read_text(encoding="utf-8").count("\n") <= LONGER.get(page.name, 250)


def test_a_page_that_says_something_else_is_found_out(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```console\n$ echo one two\none …\n$ false\n$ echo $?\n0\n```\n\n```python\nprint(1)\n```\n")
    wrong = pages.differences(page, tmp_path)
    assert [line.split(" ", 1)[0] for line in wrong] == ["page.md:5:", "page.md:9:"]


STAYS = """\
import fcntl, signal
with open("held", "w") as file:
    fcntl.flock(file, fcntl.LOCK_EX)
    print("holds it", flush=True)
    signal.pause()
"""


def test_a_page_may_write_files_and_leave_programs_running(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        f"```json some.json\n{{}}\n```\n\n```python stays.py\n{STAYS}```\n\n"
        "```python\nimport confobjects\nprint(confobjects.__name__)\n```\n\n```text\nconfobjects\n```\n\n"
        "```console\n$ cat some.json\n{}\n$ python stays.py > log &\n"
        "$ until grep -s holds log; do sleep 0.1; done\nholds it\n```\n"
    )
    assert pages.differences(page, tmp_path) == []
    with (tmp_path / "held").open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # which waits for the end of the program that holds it


def test_a_page_that_waits_in_vain_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "PATIENCE", 0)
    page = tmp_path / "page.md"
    page.write_text("```console\n$ tail -f /dev/null\n$ echo done\ndone\n```\n")
    with pytest.raises(AssertionError, match="waits in vain"):
        pages.differences(page, tmp_path)


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", MARKDOWN, ids=_name)
def test_every_link_leads_somewhere(page: Path) -> None:
    broken = []
    for link in _LINK.findall(page.read_text(encoding="utf-8")):
        if "://" in link or link.startswith("mailto:"):
            continue
        file, _, anchor = link.partition("#")
        target = (page.parent / file).resolve() if file else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


@pytest.mark.parametrize("folder", ["guide", "decisions"])
def test_every_page_is_in_its_index(folder: str) -> None:
    place = ROOT / "docs" / folder
    (index,) = [page for name in ("index.md", "README.md") if (page := place / name).exists()]
    listed = set(_LINK.findall(index.read_text(encoding="utf-8")))
    assert [page.name for page in sorted(place.glob("*.md")) if page != index and page.name not in listed] == []


@pytest.mark.parametrize("page", MARKDOWN, ids=_name)
def test_every_path_that_is_named_is_there(page: Path) -> None:
    named = _PATH.findall(page.read_text(encoding="utf-8"))
    assert [path for path in named if not any(ROOT.glob(path.rstrip("/")))] == []


def test_every_table_that_the_recipes_name_is_there() -> None:
    recipes = _PLACE.findall((ROOT / "docs" / "contributing.md").read_text(encoding="utf-8"))
    assert len(recipes) > 10
    missing = [
        f"{name} of {file}" for name, file in recipes if not re.search(_DEFINED % name, (ROOT / file).read_text())
    ]
    assert missing == []


def test_the_change_log_has_a_place_for_what_is_not_released() -> None:
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(r"^## Unreleased$(?:\n(?!## ).*)*\n(?:- |Nothing yet\.$)", changes, re.MULTILINE)


def test_this_version_has_its_notes_and_the_newest_comes_first() -> None:
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    versions = re.findall(r"^## (\d+)\.(\d+)\.(\d+) \((\d{4}-\d\d-\d\d)\)$", changes, re.MULTILINE)
    assert len(versions) == len(re.findall("^## ", changes, re.MULTILINE)) - 1
    assert versions == sorted(versions, key=lambda one: (one[3], *map(int, one[:3])), reverse=True)
    assert ".".join(versions[0][:3]) == __version__
    notes = (ROOT / "docs" / "releases" / f"{__version__}.md").read_text(encoding="utf-8")
    assert notes.startswith(f"# confobjects {__version__}\n")
    assert versions[0][3] in notes
    assert f"(docs/releases/{__version__}.md)" in changes


def test_the_glossary_is_in_order_and_has_the_words_of_definitions() -> None:
    text = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    explained = re.findall(r"^\| \*\*(.+?)\*\*", text, re.MULTILINE)
    assert explained == sorted(set(explained), key=str.lower)
    known = build_metaschema()["$defs"]
    kinds = {kind for what in ("relation", "admin-action") for kind in known[what]["properties"]["kind"]["enum"]}
    flags = {name for name, rule in known["property"]["else"]["properties"].items() if rule.get("type") == "boolean"}
    assert len(kinds | flags) > 10
    assert sorted(word for word in kinds | flags if word not in explained and f"`{word}`" not in text) == []


def test_every_test_that_the_conformance_page_names_is_there() -> None:
    """Only pytest knows which cases a test has: it lists those of the files whose cases are named."""
    named = set(re.findall(r"`(tests/[^`]+::[^`]+)`", (ROOT / "docs" / "conformance.md").read_text(encoding="utf-8")))
    files = {node.partition("::")[0] for node in named}
    there = {f"{file}::{name}" for file in files for name in _find_tests(ROOT / file)}
    with_cases = sorted({node.partition("::")[0] for node in named if "[" in node})
    pytest_of = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", *with_cases]
    listed = subprocess.run(pytest_of, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    assert len(named) > 50
    assert sorted(named - there - set(listed)) == []


def _find_tests(file: Path) -> set[str]:
    """Return the tests that a file defines: its functions, and classes and their methods."""
    found: set[str] = set()
    for node in ast.parse(file.read_bytes()).body:
        names = [node.name] if isinstance(node, ast.FunctionDef | ast.ClassDef) else []
        if isinstance(node, ast.Assign):  # the test case of a state machine
            names = [target.id for target in node.targets if isinstance(target, ast.Name)]
        if isinstance(node, ast.ClassDef):
            names.extend(f"{node.name}::{one.name}" for one in node.body if isinstance(one, ast.FunctionDef))
        found.update(name for name in names if name.rpartition("::")[2].lower().startswith("test"))
    return found


def test_every_property_of_the_mail_server_is_on_the_conformance_page() -> None:
    text = (ROOT / "docs" / "conformance.md").read_text(encoding="utf-8")
    data = json.loads((ROOT / "schemas" / "mail-server.json").read_text(encoding="utf-8"))
    assert [name for name in data["properties"] if f"\n| {name} |" not in text] == []
