"""The definitions of a bakery, written for these tests in the XML of the server: they use every word of the grammar."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from confobjects.conversion.opendj import convert
from confobjects.conversion.opendj_xml import read_facts
from confobjects.families.adding import check_documents

BAKERY = Path(__file__).resolve().parent / "opendj"
EXPECTED = Path(__file__).resolve().parent / "opendj.json"

_STATED = os.environ.get("CONFOBJECTS_OPENDJ_DEFINITIONS")
SERVER_SET = Path(_STATED) if _STATED else Path(__file__).resolve().parents[3] / "opendj-definitions"
"""The XML files of a whole server, which are not ours to keep: beside the checkout, or where the variable says."""


def read_folder(folder: Path) -> list[tuple[str, bytes]]:
    """Return the XML files in a folder by name, with their content."""
    return [(path.name, path.read_bytes()) for path in sorted(folder.glob("*.xml"))]


def convert_files(files: list[tuple[str, bytes]]) -> dict[str, dict[str, Any]]:
    """Return the definitions in files, checked as ``family add`` checks them."""
    facts, places = read_facts(files, "1.0.0")
    documents = convert(facts)
    check_documents(documents, places)
    return documents
