"""Every known failure ends in its diagnosis: code, stage, property, exit status, the server's line, and the words.

``python -m tests.transport.test_diagnoses`` writes the words again; read the difference before you commit it.
"""

from __future__ import annotations

import base64
import contextlib
import json
import re
import ssl
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

from confobjects.cli.words.actions import render
from confobjects.errors import MAIL_STAGES
from confobjects.mail.failures import KEY_REASONS, TABLE, TRUST_REASONS
from confobjects.transport.check import TestResult, check_server
from tests.servers import Given, key_provider, mail_server, provider
from tests.servers.certificates import Authority, Certificate
from tests.servers.fake_smtp import FakeSmtp
from tests.transport.cases import CASES, LOGIN, TOKEN, Case

GOLDEN = Path(__file__).parent.parent / "golden" / "mail" / "diagnoses.txt"
STORES = Path(__file__).parent / "stores"

OTHERS = {
    "certificate-revoked",  # no provider loads revocation lists
    "certificate-refused",  # whatever else OpenSSL may find
    "tls-failed",  # as above
    "resolve-timeout",  # tests/transport/test_faults.py, as are the next two
    "8bit-not-offered",
    "wire",
    "connection-lost",
    "pool-exhausted",  # tests/transport/test_pool.py
    "withdrawn",  # tests/transport/test_witness.py
    "refused",  # an answer for which there is no rule: tests/mail/test_diagnosis.py
    *(code for code in TABLE if code.startswith("token-")),  # tests/oauth/test_failures.py
}
"""Codes that no case here leads to, and why."""


class Bench:
    """What the cases need: certificates, the contexts of servers, the providers of trust."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.authority = Authority()
        self.expired = Authority("Old Authority", expired=True)
        self.between = Authority("Between", above=self.authority)
        self._contexts: dict[str, ssl.SSLContext] = {}

    def provider(self, name: str) -> Given:
        """Return a trust manager provider: a good one, or one with a fault."""
        store = self.directory / f"{name}.pem"
        stores: dict[str, Callable[[], bytes]] = {
            "authority": lambda: self.authority.pem,
            "expired": lambda: self.expired.pem,
            "one-server": lambda: self.authority.issue("localhost", self_signed=True).pem,
            "empty": lambda: b"",
            "damaged": lambda: b"neither certificates nor a store",
        }
        if name == "custom":
            return provider("custom", provider_class="no_such_module:Trust")
        if name == "pin":
            store = STORES / "ca.p12"
            return provider("file-based", trust_store_file=str(store), trust_store_pin="canary-Zq81")
        if name in stores:
            store.write_bytes(stores[name]())
        return provider("file-based", trust_store_file=str(store))

    def keys(self, name: str) -> Given:
        """Return a key manager provider: a good one, or one with a fault."""
        own = self.certificate(
            "stranger" if name == "stranger" else name if name in {"expired", "early", "weak"} else "good"
        )
        other = self.certificate("good")
        pin = {"pin": "canary-Zq81", "wrong-pin": "canary-Zq81"}.get(name, "")
        locked = other.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"another"))
        content = {
            "pin": own.key_store(pin),
            "wrong-pin": own.pem + locked,
            "damaged": b"neither keys nor a store",
            "no-key": own.pem,
            "no-certificate": own.key_pem,
            "mismatch": own.pem + other.key_pem,
            "alias": own.key_store(""),
        }.get(name, own.pem + own.key_pem)
        store = self.directory / f"{name}.keys"
        if name != "missing":
            store.write_bytes(content)
            store.chmod(0o644 if name == "exposed" else 0o600)
        values: dict[str, Any] = {
            "wrong-pin": {"key_store_pin": pin},
            "type": {"key_store_type": "JKS"},
            "alias": {"key_alias": "other"},
        }.get(name, {})
        return key_provider(key_store_file=str(store), **values)

    def context(self, name: str) -> ssl.SSLContext:
        """Return a server's TLS context with a certificate."""
        if name not in self._contexts:
            path, key = self.certificate(name).write(self.directory, name)
            made = self._contexts[name] = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            if name == "weak":
                made.set_ciphers("DEFAULT:@SECLEVEL=0")
            if name.startswith("wants-certificate"):
                made.verify_mode = ssl.CERT_REQUIRED
                made.load_verify_locations(cadata=self.authority.pem.decode())
            if name.endswith("1.2"):
                made.maximum_version = ssl.TLSVersion.TLSv1_2
            if name == "only-1.1":
                made.set_ciphers("DEFAULT:@SECLEVEL=0")
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # that it is old is the point
                    made.minimum_version = made.maximum_version = ssl.TLSVersion.TLSv1_1
            if name == "refuses-name":
                made.sni_callback = lambda *_: ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
            if name == "weak-dh":
                made.maximum_version = ssl.TLSVersion.TLSv1_2
                made.set_ciphers("DHE-RSA-AES256-GCM-SHA384:@SECLEVEL=0")
                made.load_dh_params(str(small_group(self.directory)))
            made.load_cert_chain(path, key)
        return self._contexts[name]

    def certificate(self, name: str) -> Certificate:
        from datetime import timedelta

        from cryptography.x509.oid import ExtendedKeyUsageOID

        day, of = timedelta(days=1), self.authority
        kinds: dict[str, Callable[[], Certificate]] = {
            "expired": lambda: of.issue("localhost", begin=-30 * day, end=-10 * day),
            "early": lambda: of.issue("localhost", begin=10 * day, end=30 * day),
            "wrong-name": lambda: of.issue("other.test", "third.test"),
            "no-names": lambda: of.issue(common_name="localhost"),
            "stranger": lambda: Authority("Nobody Knows").issue("localhost"),
            "self-signed": lambda: of.issue("localhost", self_signed=True),
            "client": lambda: of.issue("localhost", purpose=ExtendedKeyUsageOID.CLIENT_AUTH),
            "of-expired": lambda: self.expired.issue("localhost"),
            "with-unknown-root": lambda: with_root(Authority("Unknown Root")),
            "without-intermediate": lambda: alone(self.between.issue("localhost")),
            "weak": lambda: of.issue("localhost", key=rsa.generate_private_key(65537, 1024)),
            "weak-dh": lambda: of.issue("localhost", key=rsa.generate_private_key(65537, 2048)),
        }
        return kinds.get(name, lambda: of.issue("localhost"))()


def with_root(root: Authority) -> Certificate:
    """Return a certificate that is sent along with its self-signed root."""
    issued = root.issue("localhost")
    return Certificate(issued.certificate, issued.key, (root.certificate,))


OAKLEY_2 = int(
    "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DDEF9519B3CD3A431B302B0A6D"
    "F25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7EDEE386BFB5A899FA5AE9F24117C4B1FE649286651ECE65381"
    "FFFFFFFFFFFFFFFF",
    16,
)
"""A prime of 1024 bits (RFC 2409, section 6.2)."""


def small_group(directory: Path) -> Path:
    """Write Diffie-Hellman parameters of 1024 bits to a file, and return it."""
    path = directory / "dh.pem"
    der = bytes.fromhex("308187028181") + OAKLEY_2.to_bytes(129) + bytes.fromhex("020102")  # PKCS #3
    body = base64.encodebytes(der).decode()
    path.write_text(f"-----BEGIN DH PARAMETERS-----\n{body}-----END DH PARAMETERS-----\n")
    return path


def alone(issued: Certificate) -> Certificate:
    """Return a certificate without those that should be sent behind it."""
    return Certificate(issued.certificate, issued.key)


@contextlib.contextmanager
def server_of(case: Case, bench: Bench) -> Iterator[tuple[Given, int]]:
    """Start what a case needs, and yield the mail server object and its port."""
    with contextlib.ExitStack() as stack:
        if case.port is not None:
            port = stack.enter_context(case.port())
        else:
            tls = bench.context(case.tls) if case.tls else None
            port = stack.enter_context(FakeSmtp(case.script, tls=tls, implicit=case.implicit)).port
        settings = [one.replace("{port}", str(port)) for one in case.settings]
        away = case.values.get("host") == "mail.example" and bool(case.settings)  # beyond a proxy
        values = {"trust": bench.provider(case.trust), **case.values}
        if case.keys:
            values["keys"] = bench.keys(case.keys)
        yield mail_server(2525 if away else port, "mail.smtp.localhost=client.example", *settings, **values), port


def result_of(case: Case, bench: Bench) -> tuple[TestResult, str]:
    """Run a case; return the result, and its words with what differs between runs taken out."""
    with server_of(case, bench) as (server, port):
        result = check_server(server, depth=case.depth, to=case.to, token=case.token, network=case.network)
    words = "\n".join(render(one) for one in result.diagnostics)
    for what, name in ((f":{port}", ":{port}"), (f"port {port}", "port {port}"), (str(bench.directory), "{dir}")):
        words = words.replace(what, name)
    words = words.replace(str(STORES), "{stores}")
    words = re.sub(r"\b[0-9a-f]{64}\b", "{sha256}", words)
    words = re.sub(r"has \d+ bytes", "has {size} bytes", words)
    return result, re.sub(r"\b20\d\d-\d\d-\d\d\b", "{date}", words)


def told(case: Case, result: TestResult, words: str) -> str:
    """Return a case as it stands in the golden file."""
    head = f"{result.code}, stage {result.stage}, exit {result.exit_code}"
    change = f", change {result.property}" if result.property else ""
    return f"== {case.number} {case.title}\n{head}{change}\n{words}\n"


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(tmp_path_factory.mktemp("bench"))


@pytest.fixture(scope="module")
def golden() -> dict[str, str]:
    parts = re.split(r"^(?=== )", GOLDEN.read_text(), flags=re.MULTILINE)
    return {part.split()[1]: part for part in parts if part}


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.number}-{case.code}")
def test_a_failure_has_its_diagnosis(case: Case, bench: Bench, golden: dict[str, str]) -> None:
    result, words = result_of(case, bench)
    exit_stage = {"ehlo-tls": "ehlo", "quit": "data"}.get(case.stage, case.stage)
    assert (result.ok, result.code, result.stage, result.property) == (False, case.code, case.stage, case.property)
    assert result.exit_code == MAIL_STAGES[exit_stage]
    assert told(case, result, words) == golden[case.number]
    refusal = case.refusal()
    if refusal and result.code not in ("not-smtp", "protocol", "proxy-refused", "auth-protocol", "closing"):
        assert result.reply == refusal
        assert f"S: {refusal}" in result.transcript
    shown = json.dumps(result.as_json()) + words + "\n".join(result.format_timeline())
    assert LOGIN["auth_password"] not in shown
    assert TOKEN not in shown
    # What is wrong with the addresses themselves is found before the server is asked.
    asked = bool(case.script) or case.code != "recipient-syntax"
    gone_through = [one.stage for one in result.stages]
    assert len(gone_through) == len(set(gone_through)), "each stands once"
    failed = [one.stage for one in result.stages if not one.ok]
    assert failed == ([case.stage] if result.stages and asked else [])
    assert [stage for stage in gone_through if stage != "quit"][-1:] == failed or not asked


def test_every_code_has_a_case() -> None:
    reached = {case.code for case in CASES}
    assert {*TABLE, *TRUST_REASONS, *KEY_REASONS} - reached == OTHERS
    assert len({case.number for case in CASES}) == len(CASES)


def test_the_golden_file_holds_the_cases_and_no_more(golden: dict[str, str]) -> None:
    assert list(golden) == [case.number for case in CASES]


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        ours = Bench(Path(folder))
        GOLDEN.write_text("".join(told(case, *result_of(case, ours)) for case in CASES))
