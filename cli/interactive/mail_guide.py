"""The guided set-up of mail: it asks for what is missing, tests, offers the remedies of a failure, and saves."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from confobjects.errors import INTERRUPTED, ConfobjectsError
from confobjects.mail.presets import PRESETS
from confobjects.mail.saving import SERVICE_KIND
from confobjects.mail.setup import ADDRESS, FROM_NAME, PASSWORD, SENDER_KIND, SERVER_KIND, TRUST, SetupRemedy
from confobjects.mail.token_hosts import HOSTS
from confobjects.objects.changes import to_canonical
from confobjects.syntaxes import ValueSyntaxError

from ..mail_setup import SetupPlan, find_stored, make_operations, require_test, try_plan
from ..output.messages import Message
from .asking import Aside, ValuePrompt
from .editing import ObjectEditor
from .session import InteractiveSession
from .terminal import BackRequest, QuitRequest, Terminal
from .trusting import PinnedProvider, choose_anchor, may_be_trusted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from confobjects.definitions import PropertyDefinition
    from confobjects.mail.presets import MailPreset
    from confobjects.mail.setup import Login

    from ..invocation import Invocation
    from ..mail_tests import MailTestRun

Steps = list[tuple[str, Callable[[], bool]]]
"""What can be done after a test, in words, and what does it and tells whether to save."""

_OTHER = "another mail server"
_TRUST = "look at the certificate that the server shows, and trust it"
_SAVE = "save it all the same"
_RENAME = "give another name"
_LOGINS: dict[Login, str] = {
    "password": "a user name and a password",
    "oauth2": "access tokens of an OAuth 2.0 provider",
    "none": "no login",
}


def guide(invocation: Invocation, plan: SetupPlan, *, named: bool, tests: bool) -> int:
    """Lead a person through a set-up, and return the exit status; ``named`` says that the names were given."""
    from ..output.equivalents import Recorder

    recorder = Recorder(invocation, always=True)
    with invocation.open() as context:
        session = InteractiveSession(invocation, context, Terminal(), recorder)
        one = MailGuide(session, plan, named=named, tests=tests)
        try:
            return one.lead()
        except (BackRequest, QuitRequest):
            session.terminal.say("Nothing is saved.")
            return one.status
        except KeyboardInterrupt:
            session.terminal.say()  # the cursor is still behind the question
            raise


class MailGuide:
    """One dialogue; ``status`` is the exit status if it is given up: that of the last test."""

    def __init__(self, session: InteractiveSession, plan: SetupPlan, *, named: bool, tests: bool) -> None:
        self.session = session
        self.terminal = session.terminal
        self.plan = plan
        self.named = named
        self.tests = tests
        self.asides: tuple[Aside, ...] = ()
        self.pinned: list[PinnedProvider] = []
        """The providers of certificates that were chosen to be trusted; each has its file already, for the tests."""
        self.status = 0

    def lead(self) -> int:
        """Ask, test and save. Raises BackRequest and QuitRequest if it is given up."""
        used: Collection[str] = ()
        begun = self.plan
        try:
            with self.terminal.guard(lambda: self.plan != begun):
                self._ask_everything()
                self._save()
            used = [text for texts in self.plan.setup.server.values() for text in texts]
        finally:
            self._drop_files(() if self.session.invocation.dry_run else used)
        return 0

    def _ask_everything(self) -> None:
        self._choose_provider()
        self._choose_names()
        self._choose_login()
        self._ask_questions()
        self._choose_use()
        if self.tests:
            self._test_until_good()
            require_test(self.session.invocation, passed=not self.status)

    def _save(self) -> None:
        """Show the plan, and save it when it is accepted. Raises BackRequest if it is not."""
        failed = " The last test failed." if self.status else ""
        done = f'The sender "{self.plan.sender}" and its mail server are saved.{failed}'
        if not self.session.finish(make_operations(self.session.context, self._complete_plan()), done):
            raise BackRequest
        if not self.session.invocation.dry_run:
            self.terminal.say(f'To send a test mail: send-test-email --sender-name "{self.plan.sender}" --to ADDRESS')

    # -- the questions -------------------------------------------------------------------------------------------------

    def _choose_provider(self) -> None:
        """Ask who takes the mails, unless that was given, and show what the provider documents."""
        setup = self.plan.setup
        if setup.preset is None and ADDRESS not in setup.server:
            presets = list(PRESETS.values())
            at = self.session.choose_one("Who takes your mails?", [one.title for one in presets], [_OTHER])
            if at < len(presets):
                self._put(preset=presets[at])
                if not self.named:
                    self._rename(presets[at].name)
        preset = self.plan.setup.preset
        if preset is not None:
            self._tell_facts(preset)
        if self.plan.setup.needs_region:
            region = self.terminal.ask("The region of your account, such as eu-central-1 (empty to go back): ").strip()
            if not region:
                raise BackRequest
            self._put(region=region)

    def _tell_facts(self, preset: MailPreset) -> None:
        self.terminal.say(f"\n{preset.title}")
        for line in (preset.note, preset.limits, f"Source: {preset.source}"):
            if line:
                self.terminal.say(f"  {line}")

    def _choose_names(self) -> None:
        """Ask for the name of the objects, unless it was given."""
        if not self.named:
            self._ask_name()

    def _ask_name(self) -> None:
        """Ask for the name of the objects; those that are there already can be changed."""
        relation = self.session.registry.relation(SERVER_KIND)
        while True:
            name = self.terminal.ask(f"\nName of the {relation.friendly} and its sender [{self.plan.server}]: ").strip()
            if name:
                self._rename(name)
            path = self.session.registry.path_of(SERVER_KIND, self.plan.server)
            if self.session.context.world().find(path) is None:
                return
            question = f'There is {relation.indefinite} "{self.plan.server}" already.'
            if self.session.choose_one(question, ["change it", "give another name"]) == 0:
                return

    def _choose_login(self) -> None:
        """Ask how to log in, where there is a choice that was not made."""
        setup = self.plan.setup
        preset = setup.preset
        logins: list[Login] = ["password", "oauth2", "none"]
        if preset is not None:
            logins = [*(["password"] if preset.password else []), *(["oauth2"] if preset.grants else [])]  # type: ignore[list-item]  # as the literals are
        if setup.login in logins and (len(logins) == 1 or setup.login != "password" or PASSWORD in setup.server):
            return
        if len(logins) > 1:
            at = self.session.choose_one("How do you log in?", [_LOGINS[one] for one in logins])
        else:
            at = 0
        self._put(login=logins[at])
        if logins[at] == "oauth2" and preset is not None:
            facts = (
                ("grants", ", ".join(preset.grants)),
                ("scope", preset.scope),
                ("token endpoint", preset.endpoint),
                (HOSTS, preset.host),
            )
            for name, text in facts:
                self.terminal.say(f"  {name}: {text}")

    def _ask_questions(self) -> None:
        """Ask for every value that is missing: an answer may change what else is."""
        stored = find_stored(self.session.context, self.plan)
        while (question := next(self.plan.setup.questions(stored), None)) is not None:
            self._ask(question.property)
        setup = self.plan.setup
        if FROM_NAME not in setup.sender and FROM_NAME not in stored:
            name = self.terminal.ask("\nThe name that mail programs show for it (empty for none): ").strip()
            if name:
                self.plan = self.plan.replace(setup=setup.with_value(SENDER_KIND, FROM_NAME, name))

    def _choose_use(self) -> None:
        relation = self.session.registry.relation(SERVICE_KIND)
        if not self.plan.for_service:
            question = f"\nIs all mail of the {relation.friendly} to come from this sender?"
            self.plan = self.plan.replace(for_service=self.terminal.confirm(question, default=False))

    def _ask(self, name: str) -> None:
        """Ask for a value until it is valid."""
        question = self.plan.setup.question(name)
        prop = self._find_property(question.kind, name)
        self.terminal.say(f"\n{name}: {question.about}")
        prompt = ValuePrompt(
            self.session, ObjectEditor(self.session, self.plan.setup.begin_with()).make_aside, self.asides
        )
        while True:
            answer = prompt.ask_value(prop)
            try:
                text = to_canonical(prop, answer.text)
            except ValueSyntaxError as error:
                self.terminal.tell(Message(str(error.as_masked() if prop.sensitive else error), "error"))
                continue
            if answer.operations:
                self.asides = (*self.asides, Aside(answer.text, answer.operations))
            self.plan = self.plan.replace(setup=self.plan.setup.with_value(question.kind, name, text))
            return

    def _find_property(self, kind: str, name: str) -> PropertyDefinition:
        """Return a property of the kind of mail server that it is so far, or of any type if that has none."""
        registry = self.session.registry
        types = registry.types_of(registry.relation(kind))
        wanted = self.plan.setup.server_type if kind == SERVER_KIND else ""
        several = [*([types[wanted]] if wanted in types else []), *types.values()]
        return next(one.properties[name] for one in several if name in one.properties)

    # -- testing -------------------------------------------------------------------------------------------------------

    def _test_until_good(self) -> None:
        """Test, and change what was given, until the test passes or the user saves all the same."""
        while not self._is_good():
            pass

    def _is_good(self) -> bool:
        """Test, and ask what to do after a failure; tell whether to save."""
        self._tell_summary()
        steps = self._test()
        if steps is None:
            return True
        at = self.session.choose_one("What now?", [label for label, _ in steps], ["give up"])
        if at == len(steps):
            raise QuitRequest
        with suppress(BackRequest):
            return steps[at][1]()
        return False

    def _test(self) -> Steps | None:
        """Test, and return what can be done after a failure; None if there was none."""
        from ..commands.test_mail_server import print_result

        setup = self.plan.setup
        try:
            run = try_plan(self.session.invocation, self.session.context, self._complete_plan())
        except KeyboardInterrupt:
            self.terminal.say("\nThe test was stopped.")
            self.status = INTERRUPTED
            return [*self._as_steps(setup.remedies("", "")), (_SAVE, lambda: True)]
        except ConfobjectsError as error:
            self.session.tell_refusal(error)
            self.status = error.exit_code
            return [*self._as_steps(self._find_mending(error)), (_RENAME, self._give_other_name)]
        result = run.result
        print_result(self.session.invocation, result)
        self.status = result.exit_code
        steps = self._as_steps(setup.remedies(result.stage, result.property))
        if may_be_trusted(result):
            steps.insert(1, (_TRUST, lambda: self._trust(run)))
        return None if result.ok else [*steps, (_SAVE, lambda: True)]

    def _as_steps(self, remedies: Iterable[SetupRemedy]) -> Steps:
        return [(remedy.label, partial(self._follow, remedy)) for remedy in remedies]

    def _give_other_name(self) -> bool:
        self._ask_name()
        return False

    def _trust(self, run: MailTestRun) -> bool:
        """Have the certificate that was shown confirmed, and trust it from the next test on. Raises BackRequest."""
        anchor = choose_anchor(self.session, run.server, run.result)
        provider = PinnedProvider(self.session, self.plan.server, anchor, [aside.target for aside in self.asides])
        provider.write()
        self.pinned.append(provider)
        self.asides = (*self.asides, Aside(provider.name, (provider.creation,)))
        self.plan = self.plan.replace(setup=self.plan.setup.with_value(SERVER_KIND, TRUST, provider.name))
        return False

    def _drop_files(self, used: Collection[str] = ()) -> None:
        """Remove the certificates of the providers that are not used after all."""
        for provider in self.pinned:
            if provider.name not in used:
                provider.file.drop()

    def _follow(self, remedy: SetupRemedy) -> bool:
        """Change what a remedy says, and ask what it asks for. Raises BackRequest; then nothing is changed."""
        before = self.plan
        self.plan = self.plan.replace(setup=remedy.setup)
        try:
            for name in remedy.ask:
                self._ask(name)
        except BackRequest:
            self.plan = before
            raise
        return False

    def _find_mending(self, error: ConfobjectsError) -> Iterator[SetupRemedy]:
        """Yield what can be given again because it was refused."""
        for problem in error.diagnostics:
            with suppress(StopIteration, KeyError):
                if problem.property:
                    question = self.plan.setup.question(problem.property)
                    self._find_property(question.kind, problem.property)
                    yield SetupRemedy(f"give {problem.property} again", self.plan.setup, (problem.property,))

    def _tell_summary(self) -> None:
        """Say what there will be."""
        setup = self.plan.setup
        registry = self.session.registry
        server, sender = registry.relation(SERVER_KIND), registry.relation(SENDER_KIND)
        whence = setup.sender_address(self.plan.server)
        self.terminal.say(f'\n{server.friendly} "{self.plan.server}" ({setup.server_type}): {setup.describe()}')
        self.terminal.say(f'{sender.friendly} "{self.plan.sender}": {whence}\n')

    # -- the plan ------------------------------------------------------------------------------------------------------

    def _put(self, **changes: object) -> None:
        self.plan = self.plan.replace(setup=self.plan.setup.replace(**changes))

    def _rename(self, name: str) -> None:
        same = self.plan.sender == self.plan.server
        self.plan = self.plan.replace(server=name, sender=name if same else self.plan.sender)

    def _complete_plan(self) -> SetupPlan:
        """Return the plan with the operations that its references need, and no others."""
        named = {text for texts in self.plan.setup.server.values() for text in texts}
        needed = [operation for aside in self.asides if aside.target in named for operation in aside.operations]
        before = tuple(one for place, one in enumerate(needed) if one not in needed[:place])
        return self.plan.replace(before=before)
