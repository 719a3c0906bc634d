"""Certificates and tokens are problems before they end, as time goes by, and when their files change."""

from __future__ import annotations

import base64
import json
import os
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

import confobjects
from confobjects.errors import MailError
from confobjects.following import Live
from confobjects.mail.expiry import find_expiring
from confobjects.transport.validity import read_store
from tests.following.services import LONG, File
from tests.opening import load_any
from tests.servers.certificates import Authority
from tests.servers.timing import PassingTime

DAY = 86400.0
KIND = "trust-manager-provider"


class Clock:
    """The time of day, which a test sets."""

    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


def write_certificate(authority: Authority, path: Path, days: float, begin: float = -30) -> float:
    """Write a certificate that ends in some days; return when that is, in seconds since 1970."""
    made = authority.issue("a.example.com", begin=timedelta(days=begin), end=timedelta(days=days))
    other = path.with_name("other")
    other.write_bytes(made.pem)
    other.rename(path)
    return made.certificate.not_valid_after_utc.timestamp()


def tell(live: Live) -> list[tuple[str, str, str]]:
    return [(one.severity, one.path, one.property) for one in live.problems]


def wake(live: Live, file: File, hosts: Any) -> None:
    """Let a service do something: it looks at a change."""
    file.set(smtp_server=f"h{next(hosts)}.example.com")
    number = len([line for line in Path(f"{file.path}.history").read_text().splitlines() if '"record"' in line])
    assert live.wait_for(number, LONG)


def with_store(file: File) -> None:
    with file.change() as tx:
        tx.create(KIND, "f", {"enabled": True, "trust-store-file": "store.pem"}, type="file-based")


STORE = ("/trust-manager-provider/f", "trust-store-file")


def test_a_certificate_is_a_problem_before_it_ends(tmp_path: Path, authority: Authority) -> None:
    file = File(tmp_path)
    with_store(file)
    end = write_certificate(authority, tmp_path / "store.pem", 300)
    clock, hosts = Clock(end - 15 * DAY), iter(range(99))
    with file.live(clock=clock) as live:
        assert tell(live) == []
        for now, severity in (
            (end - 14 * DAY, "warning"),
            (end - 1, "warning"),
            (end, "error"),
            (end - 400 * DAY, "error"),
        ):
            clock.now = now
            wake(live, file, hosts)
            assert tell(live) == [(severity, *STORE)]
        clock.now = end - 15 * DAY
        wake(live, file, hosts)
        assert tell(live) == []


def test_time_that_goes_by_is_enough(tmp_path: Path, authority: Authority) -> None:
    file = File(tmp_path)
    with_store(file)
    end = write_certificate(authority, tmp_path / "store.pem", 300)
    time = PassingTime(speed=20_000.0)  # an hour passes in less than a second
    start = time.now()
    with file.live(timing=time.timing, clock=lambda: end - 14 * DAY - 5 * 3600 + time.now() - start) as live:
        assert tell(live) == []
        assert live.wait_until(lambda: tell(live) == [("warning", *STORE)], LONG)


def test_a_replaced_store_is_read_again(tmp_path: Path, authority: Authority) -> None:
    file = File(tmp_path)
    with_store(file)
    store = tmp_path / "store.pem"
    with file.live() as live:
        assert tell(live) == [("error", *STORE)]  # there is no such file
        write_certificate(authority, store, 300)
        assert live.wait_until(lambda: tell(live) == [], LONG)
        write_certificate(authority, store, 3)
        assert live.wait_until(lambda: tell(live) == [("warning", *STORE)], LONG)
        write_certificate(authority, store, 300, begin=5)
        assert live.wait_until(lambda: "not valid before" in str(live.problems[:1]), LONG)
        other = tmp_path / "broken"
        other.write_bytes(b"no store at all")
        other.rename(store)
        assert live.wait_until(lambda: "cannot be used" in str(live.problems[:1]), LONG)
        with file.change() as tx:
            tx.set(KIND, "f", {"enabled": False})
        assert live.wait_until(lambda: tell(live) == [], LONG)
        with file.change() as tx:
            tx.delete(KIND, "f")
        assert live.wait_for(4, LONG)
        assert live.problems == ()


def test_directories_pins_and_damaged_certificates(tmp_path: Path, authority: Authority) -> None:
    file = File(tmp_path)
    (tmp_path / "authorities").mkdir()
    write_certificate(authority, tmp_path / "authorities" / "ca.pem", 3)
    (tmp_path / "store.p12").write_bytes(authority.pkcs12("right"))
    with file.change() as tx:
        tx.create(KIND, "p", {"enabled": True, "pem-directory": "authorities"}, type="pem")
        tx.create(
            KIND, "f", {"enabled": True, "trust-store-file": "store.p12", "trust-store-pin": "wrong"}, type="file-based"
        )
    with file.live() as live:
        place = "/trust-manager-provider/"
        pin, folder = ("error", f"{place}f", "trust-store-pin"), ("warning", f"{place}p", "pem-directory")
        assert tell(live) == [pin, folder]
        assert "wrong" not in " ".join(
            one.render().partition("remedy")[0].replace("pin is wrong", "") for one in live.problems
        )
        with file.change() as tx:
            tx.set(KIND, "f", {"trust-store-pin": "right"})
        assert live.wait_until(lambda: tell(live) == [folder], LONG)
        write_certificate(authority, tmp_path / "authorities" / "ca.pem", 100)
        assert live.wait_until(lambda: tell(live) == [], LONG)


def token(end: float) -> str:
    parts = (
        base64.urlsafe_b64encode(json.dumps(one).encode()).decode().rstrip("=") for one in ({"alg": "x"}, {"exp": end})
    )
    return ".".join((*parts, "c2ln"))


def test_a_token_in_a_file_is_a_problem_and_is_not_shown(tmp_path: Path) -> None:
    end = 2_000_000_000.0
    (tmp_path / "token").write_text(token(end), encoding="utf-8")
    file = File(tmp_path, **{"auth-username": "me", "auth-password": "&{file:token}"})
    with file.live(clock=Clock(end - DAY)) as live:
        assert tell(live) == [("warning", "/mail-server/one", "auth-password")]
        assert token(end)[:20] not in live.problems[0].render()
        other = tmp_path / "other"
        other.write_text(token(end + 30 * DAY), encoding="utf-8")
        other.rename(tmp_path / "token")
        assert live.wait_until(lambda: tell(live) == [], LONG)


def make_entry(der: bytes) -> str:
    value = base64.b64encode(der).decode()
    head = "dn: cn=authority,cn=config\nobjectClass: top\nobjectClass: extensibleObject\ncn: authority\n"
    return f"\n{head}cACertificate;binary:: {value}\n"


def test_certificates_in_entries_are_read_with_each_look(tmp_path: Path, authority: Authority) -> None:
    file = File(tmp_path)
    with file.change() as tx:
        tx.create(KIND, "l", {"enabled": True, "base-dn": "cn=authority,cn=config"}, type="ldap")
    text = file.path.read_text(encoding="utf-8")
    with file.live() as live:
        for days, expected in ((3, ["warning"]), (300, []), (-3, ["error"])):
            made = authority.issue("a.example.com", begin=timedelta(days=-30), end=timedelta(days=days))
            file.replace(text + make_entry(made.certificate.public_bytes(Encoding.DER)))
            place = ("/trust-manager-provider/l", "base-dn")
            assert live.wait_until(lambda: tell(live) == [(one, *place) for one in expected], LONG)  # noqa: B023 - waited for
        file.replace(text)
        assert live.wait_until(lambda: "contains a certificate" in str(live.problems[:1]), LONG)


def test_a_check_finds_the_same(tmp_path: Path, authority: Authority) -> None:
    file = File(tmp_path)
    with_store(file)
    end = write_certificate(authority, tmp_path / "store.pem", 300)
    configuration = confobjects.load(file.url, definitions=file.registry, environment={})
    for now in (end - 15 * DAY, end - 1, end):
        with file.live(clock=Clock(now)) as live:
            assert tuple(find_expiring(configuration, now, read_store)) == live.problems
    (tmp_path / "store.pem").unlink()
    with file.live() as live:
        assert tuple(find_expiring(configuration, end, read_store)) == live.problems != ()


@pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")
@pytest.mark.parametrize("name", ["store.pem", "store.der", "store.p12"])
def test_a_damaged_store_is_a_problem_of_its_object_and_nothing_worse(
    tmp_path: Path, authority: Authority, name: str
) -> None:
    file, store = File(tmp_path), tmp_path / name
    with file.change() as tx:
        values = {"enabled": True, "trust-store-file": name, "trust-store-pin": "pin"}
        tx.create(KIND, "f", values, type="file-based")
    whole = {".pem": authority.der, ".der": authority.der, ".p12": authority.pkcs12("pin")}[store.suffix]
    obj = load_any(file.url, definitions=file.registry, environment={})[KIND, "f"]
    chance, damaged = Random(5), []
    for number in range(400):
        data = bytearray(whole)
        for _ in range(chance.choice((1, 1, 2, 8))):
            data[chance.randrange(len(data))] = chance.choice((0, 1, 2, 0x30, 0x7F, 0x80, 0xFF, chance.randrange(256)))
        text = base64.encodebytes(bytes(data))
        pem = b"-----BEGIN CERTIFICATE-----\n" + text + b"-----END CERTIFICATE-----\n"
        store.write_bytes(pem if store.suffix == ".pem" else bytes(data))
        os.utime(store, ns=(number, number))
        try:
            read_store(obj)
        except MailError as error:
            damaged.append([(one.path, bool(one.property)) for one in error.diagnostics])
    assert len(damaged) > 20
    assert all(one == [("/trust-manager-provider/f", True)] for one in damaged)
