"""A definition of which only the outline is known says the same, and its text is parsed only for a detail."""

from __future__ import annotations

import json

import pytest

from confobjects.definitions.outlines import OutlinedData, outline_of
from tests.definitions.documents import BUILTIN, FAMILY, METASCHEMA

TEXTS = {
    path.name: path.read_text("utf-8")
    for directory in (BUILTIN, FAMILY)
    for path in sorted(directory.glob("*.json"))
    if path.name != METASCHEMA.name
}


@pytest.mark.parametrize("name", TEXTS)
def test_an_outlined_document_is_equal_to_its_json(name: str) -> None:
    whole = json.loads(TEXTS[name])
    outline = outline_of(whole)
    assert OutlinedData(outline, lambda: TEXTS[name]) == whole
    assert {**OutlinedData(outline, lambda: TEXTS[name])} == whole
    assert str(OutlinedData(outline, lambda: TEXTS[name])) == str(whole)
    assert len(OutlinedData(outline, lambda: TEXTS[name])) == len(whole)
    for key in (*whole, "overrides", "properties", "description", "abstract", "absent"):
        assert OutlinedData(outline, lambda: TEXTS[name]).get(key) == whole.get(key)
        assert (key in OutlinedData(outline, lambda: TEXTS[name])) == (key in whole)


@pytest.mark.parametrize("name", TEXTS)
def test_the_text_is_not_parsed_for_what_the_outline_says(name: str) -> None:
    outline = outline_of(json.loads(TEXTS[name]))
    unread = OutlinedData(outline, lambda: "no JSON")
    assert {key: unread[key] for key in outline} == outline
    assert "relation" in unread or "relation" not in outline
    assert unread.get("extends") == outline.get("extends")
    with pytest.raises(json.JSONDecodeError):
        unread.get("properties")
