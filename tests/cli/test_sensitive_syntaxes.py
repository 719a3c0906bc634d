"""Wrong values of sensitive properties of every syntax, in every way a value gets in: no output repeats one.

The samples are those of the syntaxes themselves, so that a new syntax is held to this without a new test.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from confobjects.definitions import DefinitionDocument, Registry
from confobjects.errors import ConfobjectsError
from confobjects.expressions.openers import has_opener
from confobjects.mapping.ldif.writing import format_entry
from confobjects.mapping.objects import Mapper
from confobjects.objects.changes import PropertyChanges
from confobjects.objects.model import ManagedObject
from confobjects.paths import ManagedObjectPath
from confobjects.startup import load
from confobjects.storage.memory import BASE
from confobjects.syntaxes import REGISTRY, make_syntax
from tests.cli.sessions import definitions_read_once, fresh, run
from tests.opening import open_any


class Sample(NamedTuple):
    """A wrong value, and the property of the vault that takes it."""

    property: str
    syntax: Mapping[str, Any]
    text: str


def samples() -> Iterator[Sample]:
    """Yield the wrong values that cannot be part of a message by chance."""
    wrong = [
        (f"{name}-{number}", {"type": name, **json.loads(json.dumps(given).replace('"backend"', '"vault"'))}, text)
        for name, cls in REGISTRY.items()
        for number, (given, text, _) in enumerate(cls.samples_bad)
    ]
    said = "".join(json.dumps(syntax) + make_syntax(syntax).expected for _, syntax, _ in wrong)
    for name, syntax, text in wrong:
        typable = text.encode("utf-8", "replace").decode() == text  # no lone surrogates
        if len(text.strip()) > 4 and text not in said and typable and not has_opener(text):
            yield Sample(name, syntax, text)


SAMPLES = tuple(samples())
DEFINITION = {
    "name": "vault",
    "version": 1,
    "synopsis": "A vault.",
    "relation": {"parent": "root", "kind": "instantiable", "branch": "cn=Vaults"},
    "properties": {
        sample.property: {
            "synopsis": "What it keeps.",
            "sensitive": True,
            "multi-valued": index % 2 == 1,
            "syntax": dict(sample.syntax),
        }
        for index, sample in enumerate(SAMPLES)
    },
}
VAULT = ["--vault-name", "one"]
FORMS: list[list[str]] = [[], ["--output", "json"], ["-v", "--displayCommand", "--dry-run"]]


@pytest.fixture(autouse=True, scope="module")
def _definitions_read_once() -> Iterator[None]:
    with definitions_read_once():
        yield


@pytest.fixture(scope="module")
def definitions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("definitions")
    (folder / "vault.json").write_text(json.dumps(DEFINITION))
    return folder


@pytest.fixture
def told(tmp_path: Path, definitions: Path) -> Iterator[Any]:
    """Return what a command of an empty configuration prints, in each form."""

    def tell(*words: str, statuses: tuple[int, ...] = (10,)) -> str:
        outputs = []
        for form in FORMS:
            done = run(*words, *form, "--definitions", str(definitions))
            assert done.status in statuses, (words, done)
            outputs.append(done.out + done.err)
        return "\n".join(outputs)

    with fresh(tmp_path):
        yield tell


def repeated(output: str, chosen: tuple[Sample, ...] = SAMPLES) -> list[Sample]:
    """Return the samples that an output repeats, as they are or as JSON or Python writes them."""
    return [
        sample
        for sample in chosen
        if any(form in output for form in (sample.text, json.dumps(sample.text)[1:-1], repr(sample.text)[1:-1]))
    ]


def store(tmp_path: Path) -> None:
    """Store a vault that was written by other means than ours."""
    registry = Registry([DefinitionDocument("vault.json", DEFINITION)])
    values = {sample.property: (sample.text,) for sample in SAMPLES}
    obj = ManagedObject(ManagedObjectPath([("vault", "one")]), registry.definition("vault"), values)
    entry = Mapper(registry, BASE).encode(obj)
    base = "version: 1\n\ndn: cn=config\nobjectClass: top\nobjectClass: ds-cfg-branch\ncn: config\n\n"
    (tmp_path / "config.ldif").write_text(base + format_entry(entry))


def test_there_are_samples_of_nearly_every_syntax() -> None:
    assert len({sample.syntax["type"] for sample in SAMPLES}) > len(REGISTRY) * 2 // 3


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.property)
def test_a_refused_change_does_not_repeat_the_value(sample: Sample, told: Any) -> None:
    given = f"{sample.property}:{sample.text}"
    output = told("create-vault", *VAULT, "--set", given)
    output += told("create-vault", *VAULT, f"--set={given}", "--set", f"{sample.property}:{sample.text}")
    assert not repeated(output, (sample,))


@pytest.mark.parametrize("option", ["--set", "--add", "--remove"])
def test_a_refused_modification_does_not_repeat_a_value(option: str, told: Any) -> None:
    told("create-vault", *VAULT, statuses=(0, 13))
    words = [word for sample in SAMPLES for word in (option, f"{sample.property}:{sample.text}")]
    assert not repeated(told("set-vault-prop", *VAULT, *words, statuses=(10, 11, 12)))


def test_a_refused_batch_does_not_repeat_a_value(told: Any, tmp_path: Path) -> None:
    lines = []
    for number, sample in enumerate(SAMPLES):
        text = sample.text.replace("'", "'\"'\"'")
        if "\n" not in text and "\r" not in text:
            lines.append(f"create-vault --vault-name n{number} --set '{sample.property}:{text}'")
            lines.append(f"create-vault --vault-name n{number} --set={sample.property}:{json.dumps(text)} --nonsense")
    batch = tmp_path / "a.batch"
    batch.write_text("\n".join(lines) + "\n")
    statuses = (2, 10, 11)
    output = told("-F", str(batch), statuses=statuses)
    output += told("-F", str(batch), "--batch-continue-on-error", statuses=statuses)
    assert not repeated(output)


def test_a_refused_document_does_not_repeat_a_value(told: Any, tmp_path: Path) -> None:
    path = tmp_path / "document.json"
    for part in ("properties", "secrets"):
        for shape in (list, str):
            values = {s.property: [s.text] if shape is list else s.text for s in SAMPLES}
            document = {"confobjects-format": 1, "objects": {"/vault/one": {"type": "vault", part: values}}}
            path.write_text(json.dumps(document, indent=1))
            assert not repeated(told("apply", str(path), statuses=(2, 10, 11, 31)))
    store(tmp_path)
    ldif = (tmp_path / "config.ldif").rename(tmp_path / "document.ldif")
    assert not repeated(told("apply", str(ldif), statuses=(10,)))


def test_what_is_stored_wrong_is_told_without_a_value(told: Any, tmp_path: Path, definitions: Path) -> None:
    store(tmp_path)
    output = told("check") + told("get-vault-prop", *VAULT, statuses=(31,))
    output += told("get-vault-prop", *VAULT, "--effective", statuses=(0, 10, 31)) + told(
        "list-vaults", statuses=(0, 31)
    )
    output += told("export", statuses=(0, 31)) + told("set-vault-prop", *VAULT, "--reset", SAMPLES[0].property)
    assert not repeated(output)
    url = f"ldif:{tmp_path}/config.ldif"
    with pytest.raises(ConfobjectsError) as caught:
        load(url, definitions=[str(definitions)])
    problems = caught.value.diagnostics
    assert {problem.property for problem in problems} == {sample.property for sample in SAMPLES}
    told_to_program = str(caught.value) + repr(caught.value) + str([(p.render(), p.as_json(), p) for p in problems])
    assert not repeated(told_to_program)


def test_a_program_is_told_without_a_value(tmp_path: Path, definitions: Path) -> None:
    with open_any(f"ldif:{tmp_path}/config.ldif", definitions=[str(definitions)]) as context:
        for sample in SAMPLES:
            with pytest.raises(ConfobjectsError) as caught:
                context.create("vault", "one", {sample.property: [sample.text]})
            assert not repeated(str(caught.value) + repr(caught.value), (sample,))
        context.create("vault", "one", {})
        for sample in SAMPLES:
            with pytest.raises(ConfobjectsError) as caught:
                context.modify("vault", "one", PropertyChanges(set={sample.property: [sample.text]}))
            assert not repeated(str(caught.value) + repr(caught.value), (sample,))


@pytest.mark.parametrize("secret", ["&{canary-7}", "${canary-7}", "&{env:canary-7|x}", "a&{canary-7"])
def test_an_effective_secret_that_looks_like_an_expression_is_masked(secret: str, tmp_path: Path) -> None:
    (tmp_path / "pin").write_text(secret)
    values = {
        "auth-username": "u",
        "auth-password": "&{file:pin}",
        "smtp-property": "mail.smtp.proxy.password=&{file:pin}",
    }
    url = f"ldif:{tmp_path / 'config.ldif'}"
    with open_any(url) as context:
        context.create("mail-server", "one", {"enabled": True, "smtp-server": "h", **values})
    shown = run("get-mail-server-prop", "--url", url, "--server-name", "one", "--effective", "--advanced")
    assert (shown.status, shown.err) == (0, "")
    assert "mail.smtp.proxy.password=********" in shown.out
    told = repr(load(url)["mail-server", "one"])
    assert "mail.smtp.proxy.password=********" in told
    assert "canary-7" not in shown.out + told


def test_a_problem_with_an_effective_secret_that_looks_like_an_expression_does_not_repeat_it(tmp_path: Path) -> None:
    for name in ("pin", "same"):
        (tmp_path / name).write_text("&{canary-7}")
    pairs = [f"mail.smtp.proxy.password=&{{file:{name}}}" for name in ("pin", "same")]
    url = f"ldif:{tmp_path / 'config.ldif'}"
    with open_any(url) as context:
        context.create("mail-server", "one", {"enabled": True, "smtp-server": "h", "smtp-property": pairs})
    outcome = run("check", "--url", url)
    assert outcome.status == 10
    assert "canary" not in outcome.err + outcome.out
