"""What is fuzzed: every reader of text or bytes that comes from outside, with samples and its own errors."""

from __future__ import annotations

import contextlib
import tempfile
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from confobjects.cli.batch import dialect
from confobjects.cli.batch.variables import read_variables
from confobjects.cli.output import followers
from confobjects.cli.output.json import dumps
from confobjects.cli.output.script import format_lines
from confobjects.cli.verifications import describe_standing
from confobjects.cli.watching.program import split_command
from confobjects.cli.words.properties_file import read as read_options
from confobjects.conversion.opendj import convert
from confobjects.conversion.opendj_xml import read_facts
from confobjects.definitions.checking import check
from confobjects.definitions.checking import parse as parse_definition
from confobjects.definitions_loading import load_registry
from confobjects.dn import DN, DNSyntaxError
from confobjects.effect.world import EvaluatedWorld
from confobjects.errors import ConfobjectsError, UsageError
from confobjects.expressions import Failed, Found, Need, NotFound, Provide
from confobjects.expressions.evaluation import provide_nothing
from confobjects.mail.domains import Answer
from confobjects.mail.domains.judging import Relay, judge_domain
from confobjects.mail.expiry import read_token_limits
from confobjects.mail.replies import ProtocolViolation, ReplyParser
from confobjects.mail.templates import (
    LONGEST_SUBJECT,
    LONGEST_VALUE,
    MOST_PLACEHOLDERS,
    Vocabulary,
    check_body,
    check_subject,
    fill_body,
    fill_subject,
    parse_body,
    parse_subject,
)
from confobjects.management.documents.json import ConfigurationDocument
from confobjects.management.followers import AskedChange, judge_followers
from confobjects.management.history.records import record_of
from confobjects.management.verifying import Standing
from confobjects.mapping import ldif
from confobjects.mapping.entry import Entry
from confobjects.mapping.followers import FollowerReport, read_report, write_report
from confobjects.mapping.journal import NotedChange
from confobjects.mapping.verifications import read_record, write_record
from confobjects.objects.evaluating import make_evaluator
from confobjects.objects.model import ManagedObject
from confobjects.objects.reading import PropertyReader
from confobjects.objects.sealing import Unsealer, seal_text
from confobjects.resolvers.files import ExpressionFiles, read_env_file
from confobjects.sealing import RingSealer
from confobjects.sealing.ring import Key, Ring, RingError
from confobjects.storage.history import HistoryLines
from confobjects.storage.ldap import address, ber, plans
from confobjects.storage.ldap.truth import StoredRecord
from confobjects.texts.properties import EscapeError, read_entries
from confobjects.texts.visible import make_visible
from confobjects.tls import keystores, stores
from confobjects.web.addresses import read_address
from confobjects.web.api.bodies import parse_json
from confobjects.web.api.lists import read_cursor
from confobjects.web.api.patching import json_patch, merge_patch
from confobjects.web.api.resources import (
    leads_to_secret,
    read_patched,
    read_replacement,
    read_wanted,
    write_document,
)

TESTS = Path(__file__).parent.parent
MOST_SAMPLES = 12
"""Files of samples for a target; more of them make the first round longer, not the search better."""


class Target(NamedTuple):
    """A reader of bytes, samples of what it reads, pieces that mean something to it, and the errors it may raise."""

    read: Callable[[bytes], Any]
    samples: tuple[bytes, ...]
    pieces: tuple[bytes, ...]
    errors: tuple[type[Exception], ...]


def read_sealed(data: bytes) -> None:
    """Read a text as a secret of an object, with keys."""
    evaluate = make_evaluator(provide_nothing, Unsealer(lambda: RingSealer(Ring.of(KEY))))
    reader = PropertyReader(load_registry(), EvaluatedWorld(load_registry()), evaluate)
    obj = SEALED_FOR.replace(values={"auth-password": (as_text(data),), "smtp-property": (as_text(data),)})
    for name in obj.values:
        reader.read(obj, obj.definition.properties[name])


def files(pattern: str) -> tuple[bytes, ...]:
    """Return the content of some files of the tests."""
    found = sorted(TESTS.glob(pattern), key=lambda path: (path.stat().st_size, path.name))
    return tuple(path.read_bytes() for path in found[:MOST_SAMPLES])


def as_text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def read_rest_body(data: bytes) -> None:
    """Read a body of the REST API as an object, and as both patches of one; read it as a cursor, and as names in an address."""
    with contextlib.suppress(ConfobjectsError):
        read_address(as_text(data))
    with contextlib.suppress(ConfobjectsError):
        read_cursor(as_text(data), ())
    body = parse_json(data)
    definition, document = REST_OBJECT.definition, write_document(REST_OBJECT, load_registry())
    with contextlib.suppress(ConfobjectsError):
        read_replacement(read_wanted(body), REST_OBJECT, definition)
    with contextlib.suppress(ConfobjectsError):
        merged = read_wanted(merge_patch(document, body))
        read_patched(merged, document["properties"], definition)
    patched = read_wanted(json_patch(document, body, lambda at: leads_to_secret(at, definition)))
    read_patched(patched, document["properties"], definition)


def read_server_definitions(data: bytes) -> None:
    """Read a file as one of a server's definitions, and convert what it says."""
    facts, _ = read_facts([("fuzz.xml", data)], "1.0.0")
    with contextlib.suppress(KeyError, TypeError, ValueError):  # as whoever calls it does
        convert(facts)


def read_expression(data: bytes) -> None:
    """Evaluate a text as at write time, and as at startup when no source has a value."""
    show_value(as_text(data), provide_nothing)
    show_value(as_text(data), lambda need: NotFound((str(need),)))


def read_domain(data: bytes) -> None:
    """Judge a domain whose every record is one of some texts."""
    texts = tuple(as_text(data).split("\n"))
    judge_domain(
        "a@b.example", "s", lambda _name, _kind: Answer("found", texts[:20]), Relay("relay.example", ("192.0.2.1",))
    )


def read_with_sources(data: bytes) -> None:
    """Evaluate a text as at startup, when all tokens but ``y.z`` have values of one kind."""
    for answer in ANSWERS:
        show_value(as_text(data), partial(answer_with, answer))


def answer_with(answer: Found | Failed, need: Need) -> Found | NotFound | Failed:
    return NotFound() if need.argument == "y.z" else answer


ANSWERS: tuple[Found | Failed, ...] = (
    Failed("it cannot be read"),
    Found(("a",), "a variable"),
    Found(("&{y.z|x}",), "a file", literal=False),
    Found(("&{y.z}" * 5,), "a file", literal=False),
)


def show_value(text: str, provide: Provide) -> None:
    result = make_evaluator(provide)(text, multi_valued=True, secret=False)
    for problem in result.problems:
        assert problem.render()
        assert problem.as_json()


def read_properties(data: bytes) -> None:
    for entry in read_entries(as_text(data)):
        assert isinstance(entry.key + entry.value, str)


def read_definition(data: bytes) -> None:
    document, _ = parse_definition("fuzz.json", as_text(data))
    if document is not None:
        check([document])


def read_replies(data: bytes) -> None:
    parser = ReplyParser()
    for at in range(0, len(data), 7):
        for reply in parser.feed(data[at : at + 7]):
            assert reply.text is not None


def read_ber(data: bytes) -> None:
    """Read bytes as a message and as each of its parts, whether they are complete or not."""
    with contextlib.suppress(ber.MessageError):
        ber.size_of(data, 0)
    at = 0
    with contextlib.suppress(ber.MessageError):
        _, _, at = ber.decode_head(data)
    for value in (ber.decode_parts, ber.decode_sync_state, ber.decode_sync_info, ber.decode_entry_change):
        with contextlib.suppress(ber.MessageError):
            value(data)
    for decode in (ber.decode_entry, ber.decode_result, ber.decode_cookie, ber.decode_controls, ber.decode_info):
        for place in {0, at}:
            with contextlib.suppress(ber.MessageError):
                decode(data, place)


def read_options_from(data: bytes) -> None:
    with tempfile.NamedTemporaryFile(suffix=".properties") as file:
        file.write(data)
        file.flush()
        read_options(file.name)


def read_variables_from(data: bytes) -> None:
    """Read profile variables, and fill a word with each of them."""
    with tempfile.NamedTemporaryFile(suffix=".properties") as file:
        file.write(data)
        file.flush()
        variables = read_variables(file.name)
    for name in variables.values:
        with contextlib.suppress(UsageError):
            variables.fill(f"x:${{{name}}}.$${{{name}}}")


def read_any_store(data: bytes) -> None:
    stores.read_store(data, stores.detect_type(data), "password")


def read_a_report(data: bytes) -> None:
    report = read_report(as_text(data))
    if report is not None:
        assert read_report(write_report(report)) is not None
        show_report(report)


def show_report(report: FollowerReport) -> None:
    """Judge a report, and show it in each form."""
    verdict = judge_followers([report], AskedChange(2), 3, "2026-11-28T12:00:00Z")
    assert all(map(str.isprintable, followers.format_followers(verdict).split("\n")))
    assert "\n" not in format_lines(followers.script_rows(verdict))
    dumps(followers.followers_as_json(verdict))


def read_a_test(data: bytes) -> None:
    """Read bytes as the record of a test, write it again, and show it."""
    record = read_record(as_text(data))
    if record is not None:
        assert read_record(write_record(record) or "") == record
        standing = Standing("passed" if record.passed else "failed", record)
        assert make_visible(describe_standing(standing)).isprintable()
        dumps(standing.as_json())


def read_lines(data: bytes) -> None:
    HistoryLines(data, "fuzz").resolve_states("now")


def read_note(data: bytes) -> None:
    """Read bytes as a note of a change, and as what is kept of it apart."""
    for text, secret in ((as_text(data), ""), (NOTE, as_text(data))):
        assert record_of(NotedChange(1, "done", text, secret)).number == 1


def read_plan(data: bytes) -> None:
    """Read bytes as a step of a record, as a plan, and as the value that holds one."""
    StoredRecord(1, "done", (as_text(data),), Entry(DN.parse("cn=x"), {})).parse_steps()
    for read in (lambda: plans.from_text(as_text(data)), lambda: plans.unpack_text([data])):
        with contextlib.suppress(ValueError):
            read()


def read_tokens(data: bytes) -> None:
    """Read bytes as an expression file of each kind, and as a file of variables."""
    with tempfile.TemporaryDirectory() as directory:
        for name in ("a.json", "a.properties"):
            path = Path(directory, name)
            path.write_bytes(data)
            with contextlib.suppress(ConfobjectsError):
                ExpressionFiles([directory])("a.b")
            path.unlink()
        path = Path(directory, "env")
        path.write_bytes(data)
        read_env_file(str(path))


BATCH = b"create-mail-server --server-name 'a b' --set \"enabled:true\" \\\n  --set smtp-server:h\n# note\n\nlist-mail-servers\n"
REPLIES = b"220 ready\r\n250-host\r\n250-SIZE 10\r\n250 AUTH PLAIN\r\n535 5.7.8 no\r\n"
ENTRY = bytes.fromhex("3025020101642004096f753d782c633d79301330110402636e310b04096d61696c20736572")
RESULT = bytes.fromhex("300c02010161070a010004000400")
CHANGE = bytes.fromhex(
    "304a020101640804046f753d783000a03b30390418312e332e362e312e342e312e343230332e312e392e312e320101ff041a"
    "30180a0102041031313131313131313131313131313131040163"
)
INFO = bytes.fromhex(
    "303a02010179358018312e332e362e312e342e312e343230332e312e392e312e348119a3170101ff31120410313131313131"
    "31313131313131313131"
)
PEM = b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
EXPRESSIONS = (b"&{a.b}", b"${a|&{b}}", b"$<base64:eA==>x\\&{", b"&{a.&{b}.c|d}", b"$<a.b> x ", b"&{A}", b"&{no:x}")
NOTE = '{"time":"t","actor":"a","command":"c","changes":[],"undoes":[1]}'
NOTES = (
    NOTE.encode(),
    b'{"time":"t","actor":"a","command":"c","changes":[{"action":"modify","type":"mail-server","path":[["mail-server","x"]],'
    b'"before":{"enabled":["true"]},"after":{},"secrets":["auth-password"]}]}',
    b'[{"auth-password":["x"]}]',
)
TESTED = tuple(
    b'{"path":"/mail-server/one","time":"2026-01-02T03:04:05Z","depth":"auth",%s,"who":"ann","machine":"web-1",'
    b'"made_with":{"plain":"%s","key":"ab","keyed":"%s"}}' % (result, b"0" * 64, b"1" * 64)
    for result in (b'"code":"passed","stage":""', b'"code":"reply","stage":"auth"')
)
REPORT = (
    b'{"name":"n","host":"h","process":1,"time":"t","number":2,"waiting":[["/mail-server/x","modify",["enabled"],["none"]]],'
    b'"problems":["p"],"more":0}'
)
SEALED_FOR = ManagedObject(load_registry().path_of("mail-server", "x"), load_registry().definition("mail-server"), {})
KEY = Key(b"k" * 32, "2026-11-28")
KEYS = Ring.of(KEY).as_text().encode()
SEALED = seal_text(
    RingSealer(Ring.of(KEY)), SEALED_FOR, SEALED_FOR.definition.properties["auth-password"], "x", "secret"
).encode()
PLANS = (
    b'["modify", 1, "cn=x,cn=config"]',
    b'["rename", 1, "cn=x,cn=config", "cn=y,cn=config"]',
    b'[[{"add":{"dn":"cn=x","attributes":{"cn":["x",{"base64":"eA=="}]}}},null]]',
    b'[[{"modify":"cn=x","steps":[["add","cn",["y"]]]},{"dn":"cn=x","attributes":{}}]]',
    b"0000:" + b"[]",
    b"0000z" + zlib.compress(b"[]"),
)
LINES = b'{"format":1}\n{"number":1,"before":"a","after":"b","record":{}}\n{"number":1,"state":"done"}\n{"edited":"t","after":"c"}\n'
REST_OBJECT = ManagedObject(
    load_registry().path_of("mail-server", "one"),
    load_registry().definition("mail-server"),
    {"enabled": ("true",), "auth-password": ("secret",), "smtp-property": ("mail.smtp.ehlo=true",)},
)
REST = (
    b'{"type": "generic", "properties": {"enabled": true, "smtp-property": ["a=b"], "auth-password": null}}',
    b'[{"op": "add", "path": "/properties/smtp-property/-", "value": "a=b"}, {"op": "copy", "from": "/type", "path": "/properties/auth-username"}]',
    b'[{"op": "test", "path": "/properties/enabled", "value": true}, {"op": "move", "from": "/properties/enabled", "path": "/properties/use-ssl"}]',
    b"W1tdLFtbMSwwLCJvbmUiXV1d",
    b"mail-servers/a~1b/%2e%2e",
)
JSON = (b"{", b"}", b"[", b"]", b'"', b":", b",", b"null", b"1e999", b"\\ud800", b'"objects"', b'"/mail-server/one"')


def fill_templates(data: bytes) -> None:
    """Check and fill a text as a template, into which its beginning is put: all of it in each place were too much work."""
    text = as_text(data)
    value = text[:50]
    words = Vocabulary(frozenset("a"), frozenset("b"))
    subject = fill_subject(parse_subject(text), lambda _: (value, value))
    assert subject.isprintable()
    assert len(subject) <= LONGEST_SUBJECT
    is_right = not list(check_body(text, words))
    body = fill_body(parse_body(text), lambda _: (value,))
    assert not is_right or len(body) <= len(text) + MOST_PLACEHOLDERS * LONGEST_VALUE + 1
    list(check_subject(text, words))


TARGETS = {
    "ldif": Target(lambda data: ldif.parse(ldif.decode(data)), files("bad/ldif/*.ldif"), (b"dn: ", b"cn: x\n", b":: ", b":< ", b"\n ", b"\n\n", b"#", b"version: 1\n"), (ConfobjectsError,)),
    "domains": Target(read_domain, (b"v=spf1 include:a.example mx -all", b"v=DKIM1; k=rsa; p=eA==", b"v=DMARC1; p=reject; sp=none; psd=y"), (b"v=spf1 ", b"include:", b"redirect=", b"a/24//64 ", b"exists:%{ir}.", b"ip6:::/0 ", b"v=DMARC1;", b"v=DKIM1;", b"p=", b";", b"\n"), ()),
    "templates": Target(fill_templates, (b"%%a%%: %%b:name%%\\n%%%% \\\\", b"%%a%%%%b:c%%"), (b"%%", b"%", b"%%a%%", b"%%b:", b":", b"\\n", b"\\", b"\r\n", "\u202e".encode()), ()),
    "dn": Target(lambda data: DN.parse(as_text(data)).normal, (b"cn=one,cn=Mail Servers,dc=x", b"a=\\2c+b=#0401", b'cn="x,y"'), (b",", b"+", b"=", b"\\", b"\\2c", b"#04", b'"', b" ", "é\u0301".encode()), (DNSyntaxError,)),
    "batch": Target(lambda data: dialect.parse(as_text(data)), (BATCH, *files("bad/batch/*.batch")), (b"'", b'"', b"\\\n", b"\\", b"<<E", b"\nE\n", b"#", b" "), ()),
    "commands": Target(lambda data: split_command(as_text(data)), (b"systemctl reload 'mail gateway'", b'sh -c "a \\"b\\" | c"'), (b"'", b'"', b"\\", b" ", b"\n", b"\0", b"#", b"$"), (UsageError,)),
    "expressions": Target(read_expression, EXPRESSIONS, (b"&{", b"}", b"${", b"$<", b">", b"|", b"a.b", b"base64:", b"\\"), ()),
    "sources": Target(read_with_sources, EXPRESSIONS, (b"&{", b"}", b"|", b"a.b", b"y.z", b"\\&{"), ()),
    "properties": Target(read_properties, (b"a=b\n", b"! c\na\\ b : c\\\n  d\\u0041\n"), (b"=", b":", b"\\", b"\\u00", b"\n", b"\r", b"#", b" ", b"\f"), (EscapeError,)),
    "profile variables": Target(read_variables_from, (b"HOST=mail.example.com\nport.submission : 587\n", *files("bad/batch/*.properties")), (b"=", b":", b"\\", b"\\u00e9", b"\n", b"${A}", b"&{a}", b"A", b"#"), (ConfobjectsError,)),
    "options": Target(read_options_from, (b"bindDN=cn=admin\nport=389\ndsconfig.verbose=true\n",), (b"=", b"port", b"\\", b"\n", b"define", b".", b"useSsl"), (ConfobjectsError,)),
    "documents": Target(lambda data: ConfigurationDocument(as_text(data), "fuzz.json", load_registry()), files("bad/documents/*.json"), JSON, (ConfobjectsError,)),
    "definitions": Target(read_definition, files("bad/definitions/*.json"), JSON, (ConfobjectsError,)),
    "server definitions": Target(read_server_definitions, files("conversion/opendj/*.xml"), (b"<adm:syntax>", b"</adm:syntax>", b"<adm:property name='a'>", b"<adm:contains property='a' value='b'/>", b"&x;", b"<!DOCTYPE a [<!ENTITY x 'y'>]>", b"<!--", b"-->", b"<![CDATA[", b"]]>", b"extends='oven'"), (ConfobjectsError,)),
    "rest": Target(read_rest_body, REST, (*JSON, b'"properties"', b'"op":"copy"', b'"path":"/properties/', b'"from":""', b"~1", b"/-", b"%2F", b"********"), (ConfobjectsError,)),
    "replies": Target(read_replies, (REPLIES, b"250 x\n", b"2500\r\n"), (b"\r\n", b"\n", b"250-", b"250 ", b"999 ", b"\xff", b"250\n", b"250-a\n"), (ProtocolViolation,)),
    "ber": Target(read_ber, (ENTRY, RESULT, CHANGE, INFO), (b"\x30", b"\x84\xff\xff\xff\xff", b"\x80", b"\x04\x00", b"\x02\x01\x01", b"\x31"), ()),
    "reports": Target(read_a_report, (REPORT,), (*JSON, b'"number"', b"-1", b"[[1,2,3,4]]"), ()),
    "tests": Target(read_a_test, TESTED, (*JSON, b'"made_with"', b'"code":""', b"2026-02-30T03:04:05Z", b'"who":7'), ()),
    "history": Target(read_lines, (LINES,), (*JSON, b"\n", b'"after"', b'"number"', b"1e999"), (ConfobjectsError,)),
    "notes": Target(read_note, NOTES, (*JSON, b'"changes"', b'"undoes"', b"[1e999]", b"Infinity"), ()),
    "plans": Target(read_plan, PLANS, (*JSON, b"1e999", b"cn=x", b'"add"', b"0000z", b"0001:"), ()),
    "tokens": Target(read_tokens, (b'{"a": {"b": "x"}}', b"a.b=x\n", b"A=b\nexport C='d'\n"), (*JSON, b"=", b"\\u00", b"\n"), (ConfobjectsError,)),
    "web tokens": Target(lambda data: read_token_limits(as_text(data)), (b"eyJhbGciOiJub25lIn0.eyJleHAiOjV9.c2ln",), (b".", b"eyJ", b"=", b"-_", b"eyJleHAiOjFlOTk5fQ"), ()),
    "addresses": Target(lambda data: address.parse(as_text(data)), (b"ldap://h:1/cn=x ldaps://[::1]/cn=x", b"ldapi://%2frun%2fldapi/cn=x"), (b"://", b"/", b"%2", b" ldap://h", b":", b"[", b"@", b"?"), (ConfobjectsError,)),
    "keys": Target(Ring.parse, (KEYS,), (b"\n", b" ", b"end ", b"rotating", b"#", b"=", b"2026"), (RingError,)),
    "sealed": Target(read_sealed, (SEALED,), (b"&{sealed:", b"}", b":", b",", b"_", b"-", b"destination"), ()),
    "stores": Target(read_any_store, (PEM, b"\xfe\xed\xfe\xed\0\0\0\2\0\0\0\1", b"0\x82\x01\x00"), (b"-----BEGIN CERTIFICATE-----", b"-----END CERTIFICATE-----", b"\xfe\xed\xfe\xed", b"\0\0\0\2", b"\x30\x82", b"\xff\xff\xff\xff"), (stores.StoreProblem,)),
    "key stores": Target(lambda data: keystores.open_key_store(data, "", "changeit", "one"), (*files("transport/stores/key*.*"), *files("transport/stores/own-key.jks")), (b"-----BEGIN PRIVATE KEY-----", b"-----END PRIVATE KEY-----", b"-----BEGIN ENCRYPTED PRIVATE KEY-----", b"\xfe\xed\xfe\xed", b"\0\0\0\1", b"\x30\x82", b"\x04\x84\xff\xff"), (stores.StoreProblem,)),
}  # fmt: skip
"""Every reader by name. A new reader of foreign text belongs here."""
