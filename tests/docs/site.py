"""The documentation as a site: ``python -m tests.docs.site``, which ``make docs`` calls, makes ``build/site``.

The pages are the Markdown files of the repository, which are read on a code host as well. So nothing in them says where a
page stands in the navigation: the index pages do, by their links and headings. Put together, the pages lie below one folder,
with their links rewritten; Sphinx, whose settings are in ``docs/conf.py``, makes the site of them.

The site is refused if Sphinx warns, if a link in it leads nowhere, or if a page of it would load anything from elsewhere.
"""

from __future__ import annotations

import os
import posixpath
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from html.parser import HTMLParser
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import unquote, urlsplit

from tests.docs.pages import ROOT

PLACES: Final = {
    "README.md": "index.md",
    "CHANGELOG.md": "changes.md",
    "SECURITY.md": "reporting.md",
    "docs/decisions/README.md": "decisions/index.md",
    "tests/mutants.md": "mutants.md",
}
"""Where pages stand in the site; the others stand where they are below ``docs``."""

PROJECT: Final = (
    "docs/architecture.md",
    "docs/security.md",
    "SECURITY.md",
    "docs/glossary.md",
    "docs/conformance.md",
    "docs/decisions/README.md",
    "docs/contributing.md",
    "tests/mutants.md",
    "docs/releases/0.2.0.md",
    "CHANGELOG.md",
)
"""The pages about the project, in the order of the navigation."""

GUIDE: Final = "docs/guide/index.md"
REFERENCE: Final = "docs/reference/index.md"

_FENCED: Final = re.compile(r"(^```.*?^```$)", re.MULTILINE | re.DOTALL)
_LINK: Final = re.compile(r"(\[[^\]]*\]\()([^)\s]+)(\))")
_HEADING: Final = re.compile(r"^## (.+)$", re.MULTILINE)


class SiteError(Exception):
    """The site cannot be made; the text says why."""


class Section(NamedTuple):
    """One part of the navigation: its heading, and its pages by their paths in the repository."""

    caption: str
    pages: tuple[str, ...]


def list_pages() -> list[str]:
    """Return the paths of all pages in the repository."""
    below = (path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.md"))
    return sorted({*below, *PLACES})


def place_of(path: str) -> str:
    """Return where a file of the repository stands in the site."""
    return PLACES.get(path, path.removeprefix("docs/"))


def list_sections() -> dict[str, list[Section]]:
    """Return the navigation: the sections of each index page."""
    guide = read(GUIDE)
    captions = [Section("Guide", (GUIDE,)), *(Section(*one) for one in _split_by_heading(guide, GUIDE))]
    return {
        "README.md": [*captions, Section("Reference", (REFERENCE,)), Section("Project", PROJECT)],
        REFERENCE: [Section("", tuple(_list_siblings(read(REFERENCE), REFERENCE)))],
        "docs/decisions/README.md": [
            Section("", tuple(_list_siblings(read("docs/decisions/README.md"), "docs/decisions/README.md")))
        ],
    }


def _split_by_heading(text: str, path: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    _, *parts = _HEADING.split(text)
    for caption, body in zip(parts[::2], parts[1::2], strict=True):
        yield caption, tuple(_list_siblings(body, path))


def _list_siblings(text: str, path: str) -> Iterator[str]:
    """Yield the pages of the same folder that a text links to, in order, each once."""
    linked = (resolve_link(path, link)[0] for _, link, _ in _LINK.findall(_FENCED.sub("", text)))
    folder = posixpath.dirname(path)
    yield from dict.fromkeys(one for one in linked if posixpath.dirname(one) == folder and one.endswith(".md"))


def read(path: str) -> str:
    """Return the text of a page."""
    return (ROOT / path).read_text(encoding="utf-8")


def resolve_link(path: str, link: str) -> tuple[str, str]:
    """Return the file of the repository that a link of a page leads to, and the anchor; no file for an address elsewhere."""
    if urlsplit(link).scheme:
        return "", ""
    file, _, anchor = link.partition("#")
    return (posixpath.normpath(posixpath.join(posixpath.dirname(path), file)) if file else path), anchor


def rewrite(path: str) -> tuple[str, set[str]]:
    """Return the text of a page with its links as they are in the site, and the other files that it needs."""
    needed = set[str]()

    def change(match: re.Match[str]) -> str:
        file, anchor = resolve_link(path, match[2])
        if not file or match[2].startswith("#"):
            return match[0]
        if not (ROOT / file).is_file():
            raise SiteError(f"{path} links to {match[2]}, which is no file")
        if not file.endswith(".md"):
            needed.add(file)
        here = posixpath.dirname(place_of(path)) or "."
        return f"{match[1]}{posixpath.relpath(place_of(file), here)}{'#' if anchor else ''}{anchor}{match[3]}"

    parts = _FENCED.split(read(path))
    return "".join(part if part.startswith("```") else _LINK.sub(change, part) for part in parts), needed


def _as_toctree(section: Section, path: str) -> str:
    here = posixpath.dirname(place_of(path)) or "."
    places = "\n".join(posixpath.relpath(place_of(one), here).removesuffix(".md") for one in section.pages)
    caption = f":caption: {section.caption}\n" if section.caption else ""
    return f"\n```{{toctree}}\n:hidden:\n{caption}\n{places}\n```\n"


def assemble(folder: Path) -> None:
    """Write the pages of the site, and the files that they show, below a folder."""
    sections: Mapping[str, list[Section]] = list_sections()
    for path in list_pages():
        text, needed = rewrite(path)
        target = folder / place_of(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text + "".join(_as_toctree(one, path) for one in sections.get(path, ())), encoding="utf-8")
        for file in needed:
            (folder / place_of(file)).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / file, folder / place_of(file))


# -- what was made ---------------------------------------------------------------------------------------------------------

_LOADS: Final = {"img": "src", "script": "src", "link": "href", "source": "src", "iframe": "src", "video": "src"}
"""The elements that a browser loads something for, and the attribute that says what."""


class _Reader(HTMLParser):
    """What a page has: its anchors, its links, what it loads, whether it has a title."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.anchors = set[str]()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.has_title = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.anchors |= {given[name] for name in ("id", "name") if name in given}
        self.has_title |= tag == "title"
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        elif tag in _LOADS and _LOADS[tag] in given:
            self.loaded.append(given[_LOADS[tag]])


def find_faults(site: Path) -> list[str]:
    """Return what is wrong with a site: links that lead nowhere, what comes from elsewhere, pages without a title."""
    pages = {path: _Reader(path.read_text(encoding="utf-8")) for path in sorted(site.rglob("*.html"))}
    faults = [f"{path.relative_to(site)}: no title" for path, page in pages.items() if not page.has_title]
    for path, page in pages.items():
        here = path.relative_to(site)
        loaded = (address for address in page.loaded if urlsplit(address).scheme != "data")
        faults += [f"{here}: loads {address}" for address in loaded if not _file_of(path, address).is_file()]
        faults += [f"{here}: {link} leads nowhere" for link in page.links if not _leads_somewhere(path, link, pages)]
    styles = (
        path for path in site.rglob("*.css") if re.search(r"""url\(["']?(?:https?:)?//|@import""", path.read_text())
    )
    return [*faults, *(f"{path.relative_to(site)}: loads something from elsewhere" for path in styles)]


def _leads_somewhere(path: Path, link: str, pages: Mapping[Path, _Reader]) -> bool:
    """Tell whether a link of a page is an address elsewhere, or leads to a file of the site, and to an anchor that it has."""
    parts = urlsplit(link)
    if parts.scheme:
        return True
    target, anchor = _file_of(path, link), unquote(parts.fragment)
    return target.is_file() and (not anchor or target not in pages or anchor in pages[target].anchors)


def _file_of(page: Path, address: str) -> Path:
    parts = urlsplit(address)
    if parts.scheme or parts.netloc:
        return Path("/nowhere", parts.netloc)
    return (page.parent / unquote(parts.path)).resolve() if parts.path else page


def build(site: Path) -> None:
    """Make the site in a folder, which is replaced. Raises SiteError."""
    sources = site.with_name(f"{site.name}-pages")
    for folder in (sources, site):
        shutil.rmtree(folder, ignore_errors=True)
    assemble(sources)
    command = [sys.executable, "-m", "sphinx", "-b", "html", "-q", "-W", "--keep-going", "-j", str(os.cpu_count() or 1)]
    command += ["-c", str(ROOT / "docs"), "-d", str(site.with_name(f"{site.name}-doctrees")), str(sources), str(site)]
    if subprocess.run(command, check=False).returncode:
        raise SiteError("Sphinx has warned: see above")
    if faults := find_faults(site):
        raise SiteError("\n".join(faults))


def main() -> int:
    """Make ``build/site``, and say where it is."""
    site = ROOT / "build" / "site"
    try:
        build(site)
    except SiteError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{site / 'index.html'}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
