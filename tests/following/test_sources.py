"""Values follow the files that they come from."""

from __future__ import annotations

from pathlib import Path

from tests.following.services import LONG, ONE, File, Told


def swap(link: Path, target: str) -> None:
    other = link.with_name("other-link")
    other.symlink_to(target)
    other.rename(link)


def test_a_secret_that_is_rotated_by_a_swapped_link_is_a_change(tmp_path: Path) -> None:
    for name, word in (("v1", "old"), ("v2", "new")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "password").write_text(f"{word}\n", encoding="utf-8")
    (tmp_path / "data").symlink_to("v1")
    file, told = File(tmp_path, **{"auth-username": "me", "auth-password": "&{file:data/password}"}), Told()
    with file.live() as live:
        live.listen()(told)
        assert live[ONE]["auth-password"] == "old"
        swap(tmp_path / "data", "v2")
        (event,) = told.wait(1)
        assert (event.properties, event.number) == (("auth-password",), None)
        assert live[ONE]["auth-password"] == "new"


def test_a_file_that_is_gone_leaves_the_value_until_it_is_back(tmp_path: Path) -> None:
    host = tmp_path / "host"
    host.write_text("one.example.com", encoding="utf-8")
    file, told = File(tmp_path, **{"smtp-server": "&{file:host}"}), Told()
    with file.live() as live:
        live.listen()(told)
        host.unlink()
        assert live.wait_until(lambda: live.problems, LONG)
        assert live[ONE]["smtp-server"].host == "one.example.com"
        host.write_text("two.example.com", encoding="utf-8")
        assert live.wait_until(lambda: not live.problems, LONG)
        assert live[ONE]["smtp-server"].host == "two.example.com"


def test_directories_of_expression_files_are_heard(tmp_path: Path) -> None:
    words = tmp_path / "words"
    words.mkdir()
    (words / "a.properties").write_text("mail.host=one.example.com\n", encoding="utf-8")
    file, told = File(tmp_path, **{"smtp-server": "&{mail.host}"}), Told()
    with file.live(expression_directories=[str(words)]) as live:
        live.listen()(told)
        other = tmp_path / "new"
        other.write_text("mail.host=two.example.com\n", encoding="utf-8")
        other.rename(words / "a.properties")
        (event,) = told.wait(1)
        assert event.properties == ("smtp-server",)
        file.set(smtp_server="three.example.com")
        assert live.wait_for(2, LONG)
        assert [one.number for one in told.events] == [None, 2]


def test_a_trust_store_that_is_replaced_is_told_once_for_the_object_that_names_it(tmp_path: Path) -> None:
    store, folder = tmp_path / "store.p12", tmp_path / "authorities"
    store.write_bytes(b"first")
    folder.mkdir()
    file, told = File(tmp_path), Told()
    with file.change() as tx:
        kind = "trust-manager-provider"
        tx.create(kind, "f", {"enabled": True, "trust-store-file": "store.p12"}, type="file-based")
        tx.create(kind, "p", {"enabled": True, "pem-directory": "authorities"}, type="pem")
    with file.live() as live:
        live.listen()(told)
        (tmp_path / "new.p12").write_bytes(b"second")
        (tmp_path / "new.p12").rename(store)
        (event,) = told.wait(1)
        assert (event.kind, str(event.path)) == ("changed", "/trust-manager-provider/f")
        assert (event.properties, event.number) == (("trust-store-file",), None)
        (folder / "ca.pem").write_text("one", encoding="utf-8")
        told.wait_until(lambda: {str(one.path) for one in told.events[1:]} == {"/trust-manager-provider/p"})
        with file.change() as tx:
            tx.set(kind, "f", {"trust-store-file": "other.p12"})
        assert live.wait_for(3, LONG)
        assert 3 in [one.number for one in told.events]
        at = len(told.events)
        (tmp_path / "other.p12").write_bytes(b"third")
        told.wait_until(lambda: ("trust-store-file",) in [one.properties for one in told.events[at:]])
