"""Tests of mail servers and mail senders, saved ones and ones with values that are not saved.

With ``Accept: text/event-stream`` each stage is told as it happens, and the result is the last event.

Laws of this module:

1. Nothing is saved. Only the result of a test of what is stored is kept, as the command line keeps it.
2. A stored secret is never tried with another target, nor what the role of the person does not permit.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Protocol

from anyio import create_memory_object_stream, create_task_group, from_thread, to_thread
from starlette.responses import Response, StreamingResponse

from confobjects.cli.mail_servers import limit_to_login
from confobjects.errors import ConfobjectsError, error_for
from confobjects.mail.senders import find_server
from confobjects.management.changing.operations import Operation
from confobjects.management.judging import judge_one
from confobjects.management.verifying import Outcome, find_fingerprints, note_verification
from confobjects.records import Record
from confobjects.web.api.answers import NO_STORE, Query, answer_json, dump_json
from confobjects.web.api.bodies import read_members
from confobjects.web.api.changing import SOURCE
from confobjects.web.api.patching import merge_patch
from confobjects.web.api.resources import Wanted, choose_definition, read_patched, read_wanted, write_document
from confobjects.web.api.words import say
from confobjects.web.endpoints import Call, Endpoint
from confobjects.web.hiding import hide_evaluated
from confobjects.web.problems import UnsuitableBodyError, describe_error

if TYPE_CHECKING:
    from anyio.streams.memory import MemoryObjectSendStream

    from confobjects.mail.report import StageTime
    from confobjects.management.context import ManagementContext
    from confobjects.mapping.verifications import Fingerprint
    from confobjects.oauth.checking import ProviderTestResult
    from confobjects.objects.effective import EffectiveObject
    from confobjects.objects.protocols import World
    from confobjects.paths import ManagedObjectPath
    from confobjects.transport.check import TestResult

EVENTS: Final = "text/event-stream"
_NEEDED: Final = {"path": str}
_OPTIONAL: Final = {"depth": str, "to": list, "from": str, "type": str, "properties": dict}
_MOST_RECIPIENTS: Final = 10
_CHECKS: Final = ("delivery", "token")
"""The checks of definitions that are made here."""
_WAITING: Final = 64


class _Asked(Record):
    """What a request asks to be tested, and how far; ``wanted`` are values that are not saved, None for what is saved."""

    path: str
    depth: str
    to: tuple[str, ...] = ()
    from_: str | None = None
    wanted: Wanted | None = None


class _Prepared(Record):
    """An object that is tested, evaluated as a start would. ``made_with`` says of what a result is kept."""

    object: EffectiveObject
    made_with: dict[ManagedObjectPath, Fingerprint]
    check: str


class _Progress(Protocol):
    def begin(self, stage: str) -> None: ...

    def end(self, time: StageTime) -> None: ...


async def _read_asked(call: Call) -> _Asked:
    from confobjects.transport.check import DEFAULT_DEPTH, DEPTHS

    body = await read_members(call.request, _NEEDED, _OPTIONAL)
    to, depth = body.get("to", []), body.get("depth", DEFAULT_DEPTH)
    if not all(isinstance(one, str) for one in to) or len(to) > _MOST_RECIPIENTS:
        raise UnsuitableBodyError(f'"to" is a list of at most {_MOST_RECIPIENTS} addresses')
    if depth not in DEPTHS:
        raise UnsuitableBodyError(f'"depth" is one of {", ".join(DEPTHS)}')
    if depth in ("envelope", "send") and not to:
        raise UnsuitableBodyError(f'the depth {depth} needs a recipient in "to"')
    unsaved = {name: body[name] for name in ("type", "properties") if name in body}
    wanted = read_wanted(unsaved) if unsaved else None
    return _Asked(body["path"], depth, tuple(to), body.get("from"), wanted)


async def _test(call: Call) -> Response:
    Query(call.request, ())
    asked = await _read_asked(call)
    call.begin_test()
    sources = call.web.sources
    evaluate = sources.make_evaluator()

    def prepare(context: ManagementContext) -> _Prepared:
        path = context.registry.parse_path(asked.path)
        relation = context.registry.relation(path.relation)
        verification = context.registry.definition(relation.target).verification
        if verification is None or verification.check not in _CHECKS:
            raise UnsuitableBodyError(f"there is no test of {relation.indefinite}")
        made_with = find_fingerprints(context.site, path) if asked.wanted is None else {}
        world = context.world() if asked.wanted is None else _try(context, path, asked.wanted)
        site = context.site.replace(evaluate=evaluate)
        obj = world.find(path) or context.get(path.relation, path.names)
        found, problems = judge_one(site, obj, sources.instance_directory, world)
        if problems:
            raise error_for(hide_evaluated(problems, context.registry, world))
        return _Prepared(found, made_with, verification.check)

    prepared = await call.web.served.change(call.caller, SOURCE, prepare)
    if prepared.check == "token":
        return answer_json((await _fetch_token(call, asked, prepared)).as_json(say))
    if EVENTS in call.request.headers.get("accept", ""):
        return StreamingResponse(_stream(call, asked, prepared), 200, NO_STORE, EVENTS)
    return answer_json((await _carry_out(call, asked, prepared, None)).as_json(say))


def _try(context: ManagementContext, path: ManagedObjectPath, wanted: Wanted) -> World:
    """Return the world as it would be with values that are not saved, of an object that need not be there."""
    from confobjects.management.changing.trying import try_operations

    obj, relation = context.world().find(path), context.registry.relation(path.relation)
    definition = choose_definition(wanted, obj, relation, context.registry, path.names)
    document = {"properties": {}} if obj is None else write_document(obj, context.registry)
    patched = Wanted(wanted.type, merge_patch(document["properties"], wanted.properties))
    changes = None if definition is None else read_patched(patched, document["properties"], definition)
    action: Any = "create" if obj is None else "modify"
    operation = Operation(action, relation.name, path.names, wanted.type)
    if changes is not None:
        operation = operation.replace(changes=changes.changes, unstated=changes.unstated)
    return try_operations(context.site, [operation])


async def _carry_out(call: Call, asked: _Asked, prepared: _Prepared, progress: _Progress | None) -> TestResult:
    """Make the test in a thread, and keep its result if it is one of what is stored."""
    from confobjects.service.tokens import find_tokens
    from confobjects.transport.check import check_server

    networks = call.networks

    def check() -> TestResult:
        server, sender = find_server(prepared.object)
        return check_server(
            server,
            depth=asked.depth,
            to=asked.to,
            from_=asked.from_,
            sender=sender,
            unsaved=asked.wanted is not None,
            tokens=partial(find_tokens, network=networks.tokens),
            network=networks.mail,
            progress=progress,
        )

    result = await to_thread.run_sync(check, limiter=call.web.testers)
    if prepared.made_with and result.code not in ("recipient-syntax", "sender-syntax"):
        await call.web.served.change(call.caller, SOURCE, lambda context: _keep(context, prepared, result))
    return result


async def _fetch_token(call: Call, asked: _Asked, prepared: _Prepared) -> ProviderTestResult:
    """Get a token from a provider in a thread, and keep what came of it if the provider is stored so."""
    from confobjects.oauth.checking import check_provider
    from confobjects.service.tokens import find_tokens

    provider, network = prepared.object, call.networks.tokens

    def check() -> ProviderTestResult:
        return check_provider(
            provider.path, lambda: find_tokens(provider, network=network), unsaved=asked.wanted is not None
        )

    result = await to_thread.run_sync(check, limiter=call.web.testers)
    outcome = Outcome("token", result.code, "token" if result.code else "")

    def keep(context: ManagementContext) -> None:
        path = context.registry.parse_path(provider.path)
        if path in prepared.made_with:
            note_verification(context.site, path, outcome, prepared.made_with[path])

    if prepared.made_with:
        await call.web.served.change(call.caller, SOURCE, keep)
    return result


def _keep(context: ManagementContext, prepared: _Prepared, result: TestResult) -> None:
    outcome = Outcome(result.depth, result.code, result.stage)
    kept = {result.server: limit_to_login(outcome)} if result.sender else {result.server: outcome}
    if result.sender:
        kept[result.sender] = outcome
    for text, one in kept.items():
        path = context.registry.parse_path(text)
        if path in prepared.made_with:
            note_verification(context.site, path, one, prepared.made_with[path])


# -- stages as they happen -----------------------------------------------------------------------------------------------


class _Teller:
    """Tells of the stages of a test, from the thread that makes it."""

    def __init__(self, send: MemoryObjectSendStream[bytes]) -> None:
        self._send = send

    def begin(self, stage: str) -> None:
        """A stage begins."""
        self._tell("begin", {"stage": stage})

    def end(self, time: StageTime) -> None:
        """A stage is over."""
        self._tell("end", {"stage": time.stage, "ms": round(time.milliseconds, 3), "ok": time.ok})

    def _tell(self, name: str, document: Any) -> None:
        from_thread.run_sync(self._send.send_nowait, _write_event(name, document))


def _write_event(name: str, document: Any) -> bytes:
    return f"event: {name}\ndata: {dump_json(document)}\n\n".encode()


async def _stream(call: Call, asked: _Asked, prepared: _Prepared) -> AsyncIterator[bytes]:
    send, receive = create_memory_object_stream[bytes](_WAITING)

    async def test() -> None:
        async with send:
            try:
                result = await _carry_out(call, asked, prepared, _Teller(send))
                last = _write_event("result", result.as_json(say))
            except ConfobjectsError as error:
                last = _write_event("problem", describe_error(error, say))
            await send.send(last)

    async with create_task_group() as group:
        group.start_soon(test)
        async with receive:
            async for event in receive:
                yield event


ENDPOINTS: Final = (
    Endpoint("POST", "/tests", "test", _test, "Test a mail server or a mail sender, saved or with unsaved values."),
)
