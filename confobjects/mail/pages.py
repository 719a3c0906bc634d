"""The tables of this room as pages of the reference: SMTP properties, and what failures mean."""

from __future__ import annotations

from collections.abc import Iterator

from confobjects.actions import remedy_text
from confobjects.errors import MAIL_STAGES
from confobjects.mail.failures import KEY_REASONS, TABLE, TRUST_REASONS
from confobjects.mail.property_table import HONOURED, NO_EFFECT, REFUSED, WEAKNESSES, rows


def pages() -> dict[str, str]:
    """Return the pages in Markdown by file name."""
    return {
        "smtp-properties.md": "\n".join(_property_lines()) + "\n",
        "mail-diagnoses.md": "\n".join(_diagnosis_lines()) + "\n",
    }


def _property_lines() -> Iterator[str]:
    yield from ("# SMTP properties", "")
    yield "The names that `smtp-property` of a [Mail Server](mail-server.md#smtp-property) accepts. Names that begin"
    yield "with `mail.smtp.` are also accepted with `mail.smtps.` and mean the same."
    headings = {
        HONOURED: "Honoured",
        NO_EFFECT: "Accepted without effect, with a warning",
        REFUSED: "Refused",
    }
    for state, heading in headings.items():
        yield from ("", f"## {heading}", "", "| Name | Value | Meaning |", "| --- | --- | --- |")
        for row in rows():
            if row.state == state:
                kind = row.type.replace("|", " or ")
                yield f"| `{row.name}` | {kind} | {_escape_cell(row.meaning)} |"
    yield from ("", "## Insecure settings that can be allowed", "")
    yield "The words of `confobjects.allow-insecure`, separated by commas. Each use of one gives a warning."
    yield from ("", "| Word | What it allows |", "| --- | --- |")
    yield from (f"| `{word}` | {_escape_cell(meaning)} |" for word, meaning in WEAKNESSES.items())


def _diagnosis_lines() -> Iterator[str]:
    yield from ("# What failures mean", "")
    yield "Codes of diagnoses are stable; their words may change. `{host}` and the like stand for facts of a delivery."
    yield from ("", "| Code | What happened | What to do | Property |", "| --- | --- | --- | --- |")
    for code, row in TABLE.items():
        prop = f"`{row.property}`" if row.property else ""
        yield f"| `{code}` | {_escape_cell(row.summary)} | {_escape_cell(remedy_text(row.remedy))} | {prop} |"
    yield from ("", "## Before any connection is made", "")
    yield from ("| Code | What happened |", "| --- | --- |")
    yield from (f"| `{code}` | {_escape_cell(words)} |" for code, words in {**TRUST_REASONS, **KEY_REASONS}.items())
    yield "| `plan-invalid` | the mail server's own values contradict each other |"
    yield from ("", "## Exit status by stage", "", "| Stage | Exit status |", "| --- | --- |")
    yield from (f"| {stage} | {status} |" for stage, status in MAIL_STAGES.items())


def _escape_cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")
