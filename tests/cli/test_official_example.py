"""The vendors' example of a mail server, typed as for dsconfig: the connection by options, one command after the other."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from confobjects.cli.main import main
from tests.cli.sessions import fresh
from tests.servers import slapd as openldap
from tests.servers.certificates import Authority
from tests.servers.fixtures import GUARDED
from tests.servers.slapd import Slapd

NUMBERS = count()
EXAMPLE = [
    "create-mail-server",
    *("--server-name", "SMTP server"),
    *("--set", "enabled:true"),
    *("--set", "auth-username:mail.user"),
    *("--set", "auth-password:password"),
    *("--set", "smtp-server:smtp.example.com:587"),
    *("--set", "trust-manager-provider:JVM Trust Manager"),
    *("--set", "use-start-tls:true"),
]


@pytest.fixture
def connection(slapd: Slapd, ldap_authority: Authority, tmp_path: Path) -> list[str]:
    (tmp_path / "truststore.p12").write_bytes(ldap_authority.pkcs12("pin"))
    (tmp_path / "truststore.pin").write_text("pin\n")
    place = urlsplit(slapd.tls_url)
    return [
        *("--hostname", "localhost", "--port", str(place.port), "--useSsl"),
        *("--bindDN", openldap.ROOT_DN, "--bindPassword", openldap.PASSWORD),
        *("--usePkcs12TrustStore", str(tmp_path / "truststore.p12")),
        *("--trustStorePassword:file", str(tmp_path / "truststore.pin")),
        *("--baseDN", f"cn=official {next(NUMBERS)},{GUARDED}"),
        "--no-prompt",
    ]


def test_it_works_as_typed(connection: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trust = ["create-trust-manager-provider", "--provider-name", "JVM Trust Manager", "--type", "system"]
    with fresh(tmp_path):
        for command in ([*trust, "--set", "enabled:true"], EXAMPLE):
            assert main([*command, *connection]) == 0, capsys.readouterr().err
        capsys.readouterr()
        assert main(["get-mail-server-prop", "--server-name", "SMTP server", "-s", *connection]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "auth-password\t********",
        "auth-username\tmail.user",
        "enabled\ttrue",
        "smtp-server\tsmtp.example.com:587",
        "trust-manager-provider\tJVM Trust Manager",
        "use-ssl\tfalse",
        "use-start-tls\ttrue",
    ]
