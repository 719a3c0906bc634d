"""The site: every page has its place and its title, every link leads to a page of it, and nothing comes from elsewhere.

Sphinx is not needed here: ``make docs`` runs it, and then the same look for faults.
"""

from __future__ import annotations

import posixpath
import re
from collections import Counter
from pathlib import Path

import pytest

from tests.docs import site
from tests.docs.test_pages import anchors

PAGES = site.list_pages()


@pytest.fixture(scope="module")
def assembled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pages")
    site.assemble(folder)
    return folder


def test_every_page_stands_in_the_navigation_once() -> None:
    listed = Counter(page for sections in site.list_sections().values() for one in sections for page in one.pages)
    assert sorted(listed) == [page for page in PAGES if page != "README.md"]
    assert {page for page, times in listed.items() if times > 1} == set()


def test_what_is_navigated_from_is_in_the_navigation() -> None:
    sections = site.list_sections()
    home = {page for one in sections["README.md"] for page in one.pages}
    assert set(sections) - {"README.md"} <= home


@pytest.mark.parametrize("page", PAGES)
def test_every_page_has_one_title(page: str) -> None:
    text = re.sub(r"^```.*?^```$", "", site.read(page), flags=re.MULTILINE | re.DOTALL)
    assert len(re.findall(r"^# \S", text, re.MULTILINE)) == 1


@pytest.mark.parametrize("folder", ["guide", "reference", "decisions"])
def test_titles_tell_the_pages_of_a_folder_apart(folder: str) -> None:
    titles = Counter(site.read(page).split("\n# ")[-1].splitlines()[0] for page in PAGES if f"docs/{folder}/" in page)
    assert [title for title, times in titles.items() if times > 1] == []


@pytest.mark.parametrize("page", PAGES)
def test_every_link_of_the_site_leads_to_a_file_of_it(page: str, assembled: Path) -> None:
    place = assembled / site.place_of(page)
    text = re.sub(r"^```.*?^```$", "", place.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    for link in re.findall(r"\[[^\]]*\]\(([^)\s]+)\)", text):
        file, _, anchor = link.partition("#")
        if "://" in link or link.startswith("mailto:"):
            continue
        target = Path(posixpath.normpath(place.parent / file)) if file else place
        assert target.is_file(), link
        assert target.is_relative_to(assembled), link
        assert not anchor or anchor in anchors(target), link


def test_places_are_told_apart() -> None:
    assert len({site.place_of(page) for page in PAGES}) == len(PAGES)
    assert site.place_of("docs/guide/mail.md") == "guide/mail.md"


def test_a_link_to_what_is_no_file_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(site, "read", lambda _: "# A\n\n[x](guide)\n")
    with pytest.raises(site.SiteError, match=r"docs/a\.md links to guide, which is no file"):
        site.rewrite("docs/a.md")


def test_links_follow_their_pages_and_blocks_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    written = "[a](../../README.md#why) [b](mail.md) [c](https://example.com/) [d](#here)\n\n```sh\n[e](mail.md)\n```\n"
    monkeypatch.setattr(site, "read", lambda _: written)
    text, needed = site.rewrite("docs/guide/index.md")
    assert text == written.replace("../../README.md", "../index.md")
    assert needed == set()


SOUND = '<html><head><title>t</title><link href="s.css"></head><body id="top"><a href="#top">x</a></body></html>'


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (SOUND, None),
        (SOUND.replace("<title>t</title>", ""), "a.html: no title"),
        (SOUND.replace("#top", "#else"), "a.html: #else leads nowhere"),
        (SOUND.replace("#top", "b.html"), "a.html: b.html leads nowhere"),
        (SOUND.replace("#top", "https://example.com/"), None),
        (SOUND.replace("s.css", "https://example.com/s.css"), "a.html: loads https://example.com/s.css"),
        (SOUND.replace("</head>", '<script src="//example.com/a.js"></script>'), "a.html: loads //example.com/a.js"),
        (SOUND.replace("</body>", '<img src="gone.png">'), "a.html: loads gone.png"),
    ],
)
def test_faults_of_a_site_are_found(text: str, fault: str | None, tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(text)
    (tmp_path / "s.css").write_text("body { background: url(data:image/png;base64,AAAA) }")
    assert site.find_faults(tmp_path) == ([] if fault is None else [fault])


@pytest.mark.parametrize("style", ["@import 'x.css';", "a { b: url(https://example.com/f.woff) }", "a{b:url('//h/f')}"])
def test_a_style_that_loads_from_elsewhere_is_found(style: str, tmp_path: Path) -> None:
    (tmp_path / "s.css").write_text(style)
    assert site.find_faults(tmp_path) == ["s.css: loads something from elsewhere"]
