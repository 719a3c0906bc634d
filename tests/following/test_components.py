"""Components are started, changed and stopped as the definitions of their objects say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from confobjects.following import LiveEvent
from confobjects.objects.effective import EffectiveObject
from tests.following.services import LONG, ONE, File, Told


class Mail:
    """A component that writes down what is asked of it."""

    log: list[tuple[str, str]]
    answer: bool = False

    def start(self, obj: EffectiveObject) -> None:
        self.host = obj["smtp-server"].host
        self.log.append(("start", self.host))

    def change(self, event: LiveEvent) -> bool:
        assert event.after is not None
        waits = bool(event.waiting)
        self.log.append(("waits" if waits else "change", event.after["smtp-server"].host))
        return waits and self.answer

    def stop(self) -> None:
        self.log.append(("stop", self.host))


def make(*, answers: bool = False) -> type[Mail]:
    class Found(Mail):
        log: list[tuple[str, str]] = []
        answer = answers

    return Found


def test_a_component_runs_while_its_object_is_enabled(tmp_path: Path) -> None:
    file, mail = File(tmp_path), make()
    with file.live() as live:
        live.component("mail-server", mail)
        assert mail.log == [("start", "first.example.com")]
        steps: list[dict[str, Any]] = [{"smtp_server": "second.example.com"}, {"enabled": False}, {"enabled": True}]
        for number, values in enumerate(steps, start=2):
            file.set(**values)
            assert live.wait_for(number, LONG)
        with file.change() as tx:
            tx.delete(*ONE)
        assert live.wait_for(5, LONG)
    assert [word for word, _ in mail.log] == ["start", "change", "stop", "start", "stop"]


def test_what_waits_for_a_restart_counts_when_the_object_was_disabled_and_enabled(tmp_path: Path) -> None:
    file, mail = File(tmp_path, **{"use-start-tls": False}), make()
    with file.live() as live:
        live.component("mail-server", mail)
        file.set(use_ssl=True)
        assert live.wait_for(2, LONG)
        assert [one.properties for one in live.waiting] == [("use-ssl",)]
        assert live[ONE]["use-ssl"] is False
        file.set(enabled=False)
        file.set(enabled=True)
        assert live.wait_for(4, LONG)
        assert live[ONE]["use-ssl"] is True
        assert live.waiting == ()
        assert [word for word, _ in mail.log] == ["start", "waits", "stop", "start"]
    assert [word for word, _ in mail.log] == ["start", "waits", "stop", "start", "stop"]


def test_a_component_can_ask_to_be_restarted_and_so_can_the_program(tmp_path: Path) -> None:
    file, mail, patient = File(tmp_path, **{"use-start-tls": False}), make(answers=True), make()
    with file.live() as live:
        live.component("mail-server", mail)
        file.set(use_ssl=True)
        assert live.wait_until(lambda: live[ONE]["use-ssl"], LONG)
        assert [word for word, _ in mail.log] == ["start", "waits", "stop", "start"]
        assert live.waiting == ()
    with file.live() as live:
        live.component("mail-server", patient)
        file.set(use_ssl=False)
        assert live.wait_for(3, LONG)
        live.restart(*ONE)
        assert live.wait_until(lambda: not live.waiting, LONG)
        assert live[ONE]["use-ssl"] is False
    assert [word for word, _ in patient.log] == ["start", "waits", "stop", "start", "stop"]


def test_an_object_that_is_disabled_and_enabled_in_one_change_has_its_component_restarted(tmp_path: Path) -> None:
    file, mail, told = File(tmp_path), make(), Told()
    with file.live() as live:
        live.component("mail-server", mail)
        live.listen()(told)
        with file.change() as tx:
            tx.set(*ONE, {"enabled": False})
            tx.set(*ONE, {"enabled": True})
        assert live.wait_for(2, LONG)
        assert [word for word, _ in mail.log] == ["start", "stop", "start"]
        assert [(one.kind, one.properties, one.number, one.restarted) for one in told.events] == [
            ("changed", (), 2, True)
        ]
    assert [word for word, _ in mail.log] == ["start", "stop", "start", "stop"]
