"""The guided set-up of mail: it asks for what is missing, tests, offers the remedies of a failure, and saves."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from confobjects.errors import ConfobjectsError
from confobjects.mail.presets import PRESETS
from confobjects.mail.saving import SERVICE_KIND
from confobjects.mail.setup import ADDRESS, FROM_NAME, PASSWORD, SENDER_KIND, SERVER_KIND, SetupRemedy
from confobjects.mail.token_hosts import HOSTS
from confobjects.objects.changes import to_canonical
from confobjects.syntaxes import ValueSyntaxError

from ..mail_setup import SetupPlan, find_stored, make_operations, require_test, try_plan
from .asking import Aside, ValuePrompt
from .editing import ObjectEditor
from .session import InteractiveSession
from .terminal import BackRequest, QuitRequest, Terminal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from confobjects.definitions import PropertyDefinition
    from confobjects.mail.presets import MailPreset
    from confobjects.mail.setup import Login

    from ..invocation import Invocation

_OTHER = "another mail server"
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
        self.status = 0

    def lead(self) -> int:
        """Ask, test and save. Raises BackRequest and QuitRequest if it is given up."""
        self._choose_provider()
        self._choose_names()
        self._choose_login()
        self._ask_questions()
        self._choose_use()
        if self.tests:
            self._test_until_good()
            require_test(self.session.invocation, passed=not self.status)
        failed = " The last test failed." if self.status else ""
        done = f'The sender "{self.plan.sender}" and its mail server are saved.{failed}'
        if not self.session.finish(make_operations(self.session.context, self._complete_plan()), done):
            raise BackRequest
        if not self.session.invocation.dry_run:
            self.terminal.say(f'To send a test mail: send-test-email --sender-name "{self.plan.sender}" --to ADDRESS')
        return 0

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
                self.terminal.say(str(error.as_masked() if prop.sensitive else error))
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
        from ..commands.test_mail_server import print_result

        self._tell_summary()
        try:
            result = try_plan(self.session.invocation, self.session.context, self._complete_plan())
        except ConfobjectsError as error:
            self.session.tell_refusal(error)
            self.status, last = error.exit_code, _RENAME
            remedies = list(self._find_mending(error))
        else:
            print_result(self.session.invocation, result)
            self.status, last = result.exit_code, _SAVE
            remedies = list(self.plan.setup.remedies(result.stage, result.property))
            if result.ok:
                return True
        labels = [remedy.label for remedy in remedies]
        at = self.session.choose_one("What now?", labels, [last, "give up"])
        if at > len(remedies):
            raise QuitRequest
        if at == len(remedies) and last == _SAVE:
            return True
        with suppress(BackRequest):
            if at == len(remedies):
                self._ask_name()
            else:
                self._follow(remedies[at])
        return False

    def _follow(self, remedy: SetupRemedy) -> None:
        """Change what a remedy says, and ask what it asks for. Raises BackRequest; then nothing is changed."""
        before = self.plan
        self.plan = self.plan.replace(setup=remedy.setup)
        try:
            for name in remedy.ask:
                self._ask(name)
        except BackRequest:
            self.plan = before
            raise

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
