"""The result of ``make audit``: a package that no service checked is never told as a good one."""

import json
from typing import Any

import pytest

from tests.audit import Audit, Verdict, merge, read_report

GOOD = {"name": "click", "version": "8.3.3", "vulns": []}
BAD = {"name": "idna", "version": "3.6", "vulns": [{"id": "PYSEC-2024-60", "fix_versions": ["3.7"], "aliases": []}]}
SKIPPED = {"name": "ldap3", "skip_reason": "Dependency not found on PyPI and could not be audited: ldap3 (2.9.1)"}
OURS = {"name": "confobjects", "skip_reason": "Dependency not found on PyPI"}


def report(*rows: dict[str, Any]) -> str:
    return json.dumps({"dependencies": rows, "fixes": []})


@pytest.mark.parametrize(
    ("text", "verdict", "lines"),
    [
        (report(GOOD), Verdict.CLEAN, ["packages checked: 1, no known defect"]),
        (report(GOOD, OURS), Verdict.CLEAN, ["packages checked: 1, no known defect"]),
        (report(BAD, GOOD), Verdict.DEFECTS, ["idna 3.6: PYSEC-2024-60 (mended in 3.7)"]),
        (report(BAD, SKIPPED), Verdict.DEFECTS, ["idna 3.6: PYSEC-2024-60 (mended in 3.7)", "not checked: ldap3"]),
        (report(GOOD, SKIPPED), Verdict.NOT_CHECKED, ["not checked: ldap3"]),
        (
            report(SKIPPED),
            Verdict.NOT_CHECKED,
            ["not checked: ldap3", "not checked: no advisory service answered"],
        ),
        (report(), Verdict.NOT_CHECKED, ["not checked: no advisory service answered"]),
        ("", Verdict.NOT_CHECKED, ["not checked: no advisory service answered"]),
        ("ConnectionError: no route", Verdict.NOT_CHECKED, ["not checked: no advisory service answered"]),
        ("[]", Verdict.NOT_CHECKED, ["not checked: no advisory service answered"]),
    ],
)
def test_the_verdict_of_a_report(text: str, verdict: Verdict, lines: list[str]) -> None:
    audit = read_report(text)
    assert (audit.verdict, list(audit.describe())) == (verdict, lines)


def test_one_service_fills_what_another_leaves_open() -> None:
    first, second = (
        read_report(report(GOOD, SKIPPED)),
        read_report(report({**SKIPPED, "version": "2.9.1", "vulns": []})),
    )
    assert first.verdict is Verdict.NOT_CHECKED
    assert merge((first, second)).verdict is Verdict.CLEAN
    assert merge((first, Audit())).verdict is Verdict.NOT_CHECKED
    assert merge((first, second, read_report(report(BAD)))).verdict is Verdict.DEFECTS


def test_a_defect_that_two_services_know_is_told_once() -> None:
    assert len(merge((read_report(report(BAD)), read_report(report(BAD)))).defects) == 1
