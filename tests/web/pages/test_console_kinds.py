"""Whatever has a definition has its pages, without a line of Python."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from confobjects.definitions.installed import InstalledText, digest_of
from confobjects.management.installing import install
from confobjects.syntaxes import REGISTRY
from confobjects.web.addresses import Addresses
from confobjects.web.pages.controls import CONTROLS
from tests.opening import open_any
from tests.web.console import Console, make_console, url_of
from tests.web.kinds import LIGHTHOUSE


@pytest.fixture
def console(tmp_path: Path) -> Console:
    return make_console(tmp_path)


def test_every_syntax_has_a_control() -> None:
    assert set(CONTROLS) == set(REGISTRY)


def test_a_new_kind_has_its_pages_without_a_line_of_python(console: Console, tmp_path: Path) -> None:
    text = json.dumps(LIGHTHOUSE)
    with open_any(url_of(tmp_path)) as context, context.change() as tx:
        install(tx, [InstalledText("lighthouse", "here", text, digest_of(text))])
    console.web.served.renew()
    console.visit("/")
    page = console.follow("Lighthouses")
    assert "A light for ships." in page.text
    page = console.follow("New Lighthouse")
    assert "green: Starboard." in page.text
    page = console.press("Save", {"name": "north", "value:colour": "green", "value:height": "12"})
    assert page.address.path == "/objects/lighthouses/north"
    with open_any(url_of(tmp_path)) as context:
        assert context.get("lighthouse", "north").values == {"colour": ("green",), "height": ("12",)}


def test_every_kind_and_type_has_its_pages(console: Console, tmp_path: Path) -> None:
    with open_any(url_of(tmp_path)) as context:
        registry = context.registry
    addresses = Addresses.of(registry)
    for relation in registry.children("root"):
        here = addresses.write_list(relation)
        assert console.visit(f"/objects/{here}").status == 200, here
        for short in registry.types_of(relation) if relation.named else ():
            page = console.visit(f"/new/{here}?type={short}")
            assert page.status == 200, (here, short)
            assert "Review" in page.form("Save").buttons
