"""What is generated from the definitions and from docstrings: written with ``--write``, else compared with what is committed.

Run as ``python -m tests.docs_check``; ``make check`` does.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from confobjects.definitions.metaschema import build_metaschema
from confobjects.definitions_loading import load_registry
from confobjects.mail.pages import pages as mail_pages
from confobjects.mapping.ldap_schema import FORMATS, as_ldif
from confobjects.mapping.ldap_schema import build_schema as ldap_schema
from confobjects.reference.markdown import pages
from confobjects.reference.outputs import schemas
from confobjects.reference.stubs import render_stub
from tests.docs import api

ROOT = Path(__file__).resolve().parent.parent


def generated() -> dict[Path, str]:
    """Return every generated file with the text it has to have."""
    known = load_registry()
    files = {ROOT / "docs" / "reference" / name: text for name, text in {**pages(known), **mail_pages()}.items()}
    files[ROOT / "docs" / "reference" / "python.md"] = api.render()
    files[ROOT / "schemas" / "managed-object.schema.json"] = json.dumps(build_metaschema(), indent=2) + "\n"
    files[ROOT / "confobjects" / "objects" / "typed.pyi"] = render_stub(known)
    for form in FORMATS:
        files[ROOT / "schemas" / f"confobjects-{form}.ldif"] = as_ldif(ldap_schema(known), form)
    for name, schema in schemas().items():
        files[ROOT / "schemas" / "output" / f"{name}.json"] = json.dumps(schema, indent=2) + "\n"
    return files


def stale() -> list[Path]:
    """Return the files that differ from what would be generated, and pages nobody generates any more."""
    files = generated()
    made = [*(ROOT / "docs" / "reference").glob("*.md"), *(ROOT / "schemas" / "output").glob("*.json")]
    differing = [path for path, text in files.items() if not path.exists() or path.read_text() != text]
    return differing + [path for path in made if path not in files]


def main(arguments: list[str]) -> int:
    """Write or compare; return 1 when something differs."""
    if "--write" in arguments:
        for path, text in generated().items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return 0
    for path in stale():
        sys.stderr.write(f"{path.relative_to(ROOT)} is not up to date: python -m tests.docs_check --write\n")
    return 1 if stale() else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
