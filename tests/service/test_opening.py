"""A configuration says how the mail service works, who mail comes from, and where the ledger is."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import confobjects
from confobjects.errors import LedgerError, NotAcceptedError, UsageError
from confobjects.expressions.seals import KEY_FILE_VARIABLE
from confobjects.sealing.ring import Ring
from confobjects.sealing.ring_file import KeyFile, create_ring, make_key
from confobjects.service.ledger import Ledger, Mail
from confobjects.service.opening import find_ledger_url, open_ledger_of, read_settings
from confobjects.service.rules.settings import DAY, HOUR, MINUTE, SECOND, Settings
from confobjects.startup import SealingKeys
from tests.service.places import make_place

MAIL = Mail(b"Subject: x\r\n\r\nthe canary in the text\r\n", "me@example.com", ("ann@example.com",))


def settings_of(url: str) -> Settings:
    return read_settings(confobjects.load(url)["mail-service"])


def open_it(url: str, environment: dict[str, str] | None = None, **options: Any) -> Ledger:
    return open_ledger_of(confobjects.load(url)["mail-service"], environment or {}, **options)


@pytest.fixture
def keys(tmp_path: Path) -> dict[str, str]:
    """An environment that names keys."""
    path = str(tmp_path / "keys")
    create_ring(KeyFile(path), Ring.of(make_key("2026-11-28")))
    return {KEY_FILE_VARIABLE: path}


def test_the_defaults_are_those_of_the_rules(tmp_path: Path) -> None:
    assert settings_of(make_place(tmp_path)) == Settings()


def test_each_property_is_read_in_its_unit(tmp_path: Path) -> None:
    url = make_place(
        tmp_path,
        sender="news",
        rate_limit=60,
        recipient_limit=5,
        recipient_window="2 h",
        limited_category=["account", "order"],
        suppress_after=7,
        retry=["2 h", "5 s", "1 m"],
        expire="1 d",
        retention="2 d",
    )
    assert settings_of(url) == Settings(
        sender="news",
        rate_limit=60,
        recipient_limit=5,
        recipient_window=2 * HOUR,
        limited_categories=frozenset({"account", "order"}),
        suppress_after=7,
        retry=(5 * SECOND, MINUTE, 2 * HOUR),
        expire=DAY,
        retention=2 * DAY,
    )


def test_unlimited_is_no_limit(tmp_path: Path) -> None:
    settings = settings_of(make_place(tmp_path, recipient_limit="unlimited", suppress_after="unlimited"))
    assert (settings.recipient_limit, settings.suppress_after) == (None, None)


@pytest.mark.parametrize(
    ("values", "sender"),
    [
        ({}, None),
        ({"sender": "own"}, "own"),
        ({"default_sender": "news"}, "news"),
        ({"sender": "own", "default_sender": "news"}, "own"),
        ({"sender": "own", "default_sender": "news", "use_custom_sender": False}, "news"),
        ({"sender": "own", "use_custom_sender": False}, None),
        ({"default_sender": "news", "use_custom_sender": True}, "news"),
    ],
)
def test_the_own_sender_comes_first_if_it_is_used(tmp_path: Path, values: dict[str, Any], sender: str | None) -> None:
    url = make_place(tmp_path, **values)
    assert settings_of(url).sender == sender
    if sender is None:
        with open_it(url, unsealed=True) as ledger, pytest.raises(NotAcceptedError, match="default-sender") as refusal:
            ledger.accept(MAIL, settings_of(url))
        assert "sender" in str(refusal.value)


# -- where the ledger is -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stated", "found"),
    [
        (None, "sqlite:{0}/config.ldif.ledger"),
        ("sqlite:mail.db", "sqlite:{0}/mail.db"),
        ("sqlite:/var/mail.db", "sqlite:/var/mail.db"),
        ("sqlite:my%20mail.db", "sqlite:{0}/my%20mail.db"),
        ("postgresql://u@h/mail", "postgresql://u@h/mail"),
        ("postgresql://u:&{file:pin}@h/mail", "postgresql://u:se%2Fcret@h/mail"),
    ],
)
def test_the_ledger_is_where_it_is_said_to_be_or_beside_the_configuration(
    tmp_path: Path, stated: str | None, found: str
) -> None:
    (tmp_path / "pin").write_text("se%2Fcret\n")
    url = make_place(tmp_path, ledger=stated)
    assert find_ledger_url(confobjects.load(url)["mail-service"], {}) == found.format(tmp_path)


def test_a_file_whose_name_no_url_can_have_is_encoded(tmp_path: Path) -> None:
    place = tmp_path / "a place%20#1"
    place.mkdir()
    with open_it(make_place(place), unsealed=True) as ledger:
        ledger.accept(MAIL, Settings(sender="news"))
    assert (place / "config.ldif.ledger").stat().st_size


def test_a_configuration_in_memory_has_to_say_where() -> None:
    service = confobjects.load("memory:", missing_ok=True)["mail-service"]
    with pytest.raises(UsageError, match="ledger"):
        open_ledger_of(service, {}, unsealed=True)


def test_the_default_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    url = make_place(tmp_path, sender="news")
    for _ in range(2):
        with open_it(url, unsealed=True) as ledger:
            ledger.accept(MAIL, settings_of(url))
    found = [path for path in tmp_path.iterdir() if "ledger" in path.name]
    assert found
    assert {path.stat().st_mode & 0o777 for path in found} == {0o600}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_the_ledger_that_root_makes_belongs_to_the_owner_of_the_configuration(tmp_path: Path) -> None:
    url = make_place(tmp_path)
    os.chown(tmp_path / "config.ldif", 1234, 1234)
    open_it(url, unsealed=True).close()
    assert (tmp_path / "config.ldif.ledger").stat().st_uid == 1234


def test_a_link_in_place_of_the_default_file_is_not_followed(tmp_path: Path) -> None:
    url = make_place(tmp_path)
    (tmp_path / "config.ldif.ledger").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(LedgerError):
        open_it(url, unsealed=True)
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("stated", [None, "sqlite:mail.db"])
def test_a_file_that_everybody_may_read_takes_no_mail(tmp_path: Path, stated: str | None) -> None:
    url = make_place(tmp_path, ledger=stated)
    open_it(url, unsealed=True).close()
    file = tmp_path / (stated or "sqlite:config.ldif.ledger").removeprefix("sqlite:")
    for mode in (0o604, 0o602):
        file.chmod(mode)
        with pytest.raises(LedgerError, match="chmod"):
            open_it(url, unsealed=True)
    file.chmod(0o640)
    open_it(url, unsealed=True).close()


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo, lambda path: path.symlink_to("/dev/null")])
def test_what_is_no_file_takes_no_mail_and_nobody_is_told_to_change_its_rights(
    tmp_path: Path, make: Callable[[Path], None]
) -> None:
    url = make_place(tmp_path, ledger="sqlite:mail.db")
    make(tmp_path / "mail.db")
    with pytest.raises(LedgerError, match="it is not a regular file") as caught:
        open_it(url, unsealed=True)
    assert "chmod" not in str(caught.value)


def test_nobody_is_told_to_change_the_rights_to_what_a_link_leads_to(tmp_path: Path) -> None:
    url = make_place(tmp_path, ledger="sqlite:mail.db")
    other = tmp_path / "passwd"
    other.touch(0o644)
    other.chmod(0o644)
    (tmp_path / "mail.db").symlink_to(other)
    with pytest.raises(LedgerError, match=f"it is a symbolic link, and all users have rights to {other}") as caught:
        open_it(url, unsealed=True)
    assert "chmod" not in str(caught.value)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_file_that_somebody_else_has_put_there_takes_no_mail(tmp_path: Path) -> None:
    url = make_place(tmp_path, ledger="sqlite:mail.db")
    (tmp_path / "mail.db").touch(0o600)
    os.chown(tmp_path / "mail.db", 1234, 1234)
    with pytest.raises(LedgerError, match="1234"):
        open_it(url, unsealed=True)
    os.chown(tmp_path, 1234, 1234)
    open_it(url, unsealed=True).close()


# -- seals -------------------------------------------------------------------------------------------------------------


def test_without_keys_a_ledger_is_opened_only_if_it_may_be_unsealed(tmp_path: Path) -> None:
    url = make_place(tmp_path)
    with pytest.raises(LedgerError, match=KEY_FILE_VARIABLE):
        open_it(url)
    assert not (tmp_path / "config.ldif.ledger").exists()


def test_with_keys_nothing_of_a_mail_can_be_read_beside_the_configuration(tmp_path: Path, keys: dict[str, str]) -> None:
    url = make_place(tmp_path, sender="news")
    with open_it(url, keys) as ledger:
        made = ledger.accept(MAIL, settings_of(url))
        stored = b"".join(path.read_bytes() for path in tmp_path.iterdir() if "ledger" in path.name)
        assert ledger.find(made).parts[0].recipients[0].address == "ann@example.com"
    assert made.encode() in stored
    assert b"canary" not in stored
    assert b"ann@" not in stored


def test_a_ledger_that_is_open_takes_the_keys_of_now(tmp_path: Path, keys: dict[str, str]) -> None:
    url = make_place(tmp_path, sender="news")
    with open_it(url, keys) as ledger:
        path = Path(keys[KEY_FILE_VARIABLE])
        first = SealingKeys(keys)()
        before = Ring.parse(path.read_bytes())
        path.write_text(before.with_first(make_key("2026-11-29")).as_text())
        os.utime(path, (1, 1))  # however coarse the clock of the file system is
        ledger.accept(MAIL, settings_of(url))
        stored = b"".join(path.read_bytes() for path in tmp_path.iterdir() if "ledger" in path.name)
        second = SealingKeys(keys)()
        assert first is not None
        assert second is not None
        assert second.key_id != first.key_id
        assert second.key_id.encode() in stored
        path.unlink()
        with pytest.raises(LedgerError):
            ledger.accept(MAIL, settings_of(url))


def test_a_sealed_ledger_is_not_opened_without_its_keys(tmp_path: Path, keys: dict[str, str]) -> None:
    url = make_place(tmp_path)
    open_it(url, keys).close()
    for environment in ({}, {KEY_FILE_VARIABLE: str(tmp_path / "no such file")}):
        with pytest.raises(LedgerError):
            open_it(url, environment, unsealed=True)
