"""From a mail server object to the plan of a delivery: the server, the protection, the login, the limits.

A plan is data and complete: the code that carries it out decides nothing more. It is made from effective values
(evaluated, typed, with origins). ``smtp-property`` settings override the other properties. All problems are reported
in one :class:`~confobjects.errors.MailError`, before any connection is made.
"""

from __future__ import annotations

from typing import Any, Final

from confobjects.actions import Remedy, RemedyAction
from confobjects.diagnostics import MASK, Collector, Diagnostic
from confobjects.errors import MailError
from confobjects.mail.choices import (
    Choice,
    choose_host,
    choose_own_security,
    choose_port,
    choose_security,
    choose_username,
)
from confobjects.mail.diagnosis import DeliveryError, Trouble, diagnose
from confobjects.mail.kinds import GENERIC, kind_of
from confobjects.mail.mechanisms import TOKEN
from confobjects.mail.plan import (
    BLIND,
    RUNTIME_TRUST,
    DeliveryPlan,
    EffectiveObjectLike,
    Options,
    PoolLimits,
    Proxy,
    Security,
    SmtpLogin,
    Timeouts,
    TlsSettings,
    TokenSources,
    TransportSetting,
    TrustSource,
    address_literal,
    trust_source_of,
)
from confobjects.mail.properties import ALLOW_INSECURE, allow_weakness, read_settings
from confobjects.mail.property_table import KEYS, PROPERTY, mask_secret_value
from confobjects.mail.token_hosts import HOSTS, is_allowed, refuse_host

DEFAULT_TIMEOUTS: Final = {
    "connectiontimeout": 10_000,
    "timeout": 60_000,
    "writetimeout": 60_000,
    "confobjects.total-timeout": 300_000,
}
"""Milliseconds. JavaMail waits without a limit by default; here every step has a limit."""


def plan_delivery(
    server: EffectiveObjectLike, *, token: str = "", tokens: TokenSources | None = None, local_host: str = ""
) -> DeliveryPlan:
    """Return the plan of deliveries through a mail server object.

    ``token`` is an OAuth 2.0 access token, used for the login instead of the password. ``tokens`` gives the source of
    tokens for the provider that the object names. ``local_host`` is the name of
    this machine. If it contains a dot and no setting names another, EHLO gives this name. Raises
    :class:`~confobjects.errors.MailError` of stage plan (or auth, if a login would go without TLS) with every problem
    found, and of stage token if the provider cannot be used.
    """
    planner = _DeliveryPlanner(server, token, local_host)
    plan = planner.make_plan()
    login, provider = plan.login, planner.provider
    if login is None or login.token or provider is None:
        return plan
    if tokens is None:
        remedy = "Give the mailer a source of tokens (tokens=…), or a token."
        summary = f"the login takes access tokens of {provider.path}, and this program has no source of them"
        raise MailError(Diagnostic("mail-plan", summary, path=server.path, property="oauth2-provider", remedy=remedy))
    try:
        return plan.replace(login=login.replace(tokens=tokens(provider)))
    except Trouble as trouble:
        raise DeliveryError(diagnose(trouble, {}), provider.path, trouble=trouble) from None


def transport_settings(server: EffectiveObjectLike) -> tuple[list[tuple[str, str, str]], tuple[Diagnostic, ...]]:
    """Return the effective transport settings of a mail server, each with its origin, and the problems found.

    This is the view that ``mail-server.json`` names. The name of this machine, which EHLO may use, is not known here.
    """
    planner = _DeliveryPlanner(server, "", "")
    plan, problems = planner.work_out()
    return [(one.name, one.value, one.origin) for one in plan.settings], problems


class ServerView:
    """What the choices see of an effective object: called with a property's name, it returns the typed values."""

    __slots__ = ("_server",)

    def __init__(self, server: EffectiveObjectLike) -> None:
        self._server = server

    @property
    def types(self) -> tuple[str, ...]:
        """The type of the object, and those that it extends, its own first."""
        return self._server.types

    def __call__(self, name: str) -> tuple[Any, ...]:
        value = self._server[name]
        return value if isinstance(value, tuple) else () if value is None else (value,)


class _DeliveryPlanner:
    """Makes one plan. Each part notes the origin of its value and what is wrong with it."""

    def __init__(self, server: EffectiveObjectLike, token: str, local_host: str) -> None:
        self.server = server
        self.token = token
        self.local_host = local_host
        self.provider: EffectiveObjectLike | None = None
        """The OAuth 2.0 provider whose tokens the login takes."""
        self.problems = Collector()
        self.noted: list[TransportSetting] = []
        self.overrides: dict[str, str] = {}
        self.kind = kind_of(server.types)
        self.view = ServerView(server)
        self.smtp, found = read_settings(server[PROPERTY] or (), self.kind.never)
        for problem in found:
            # Other warnings were given when the settings were made; a plan repeats only those about insecure ones.
            if problem.severity == "error" or problem.constraint == ALLOW_INSECURE:
                self.problems.add(problem.replace(path=server.path))

    def make_plan(self) -> DeliveryPlan:
        plan, problems = self.work_out()
        errors = tuple(problem for problem in problems if problem.severity == "error")
        if errors:
            raise MailError(_as_mail_problems(errors))
        return plan

    def work_out(self) -> tuple[DeliveryPlan, tuple[Diagnostic, ...]]:
        """Return the plan, complete or not, and every problem with it."""
        if self.server["enabled"] is False:
            self.report_error(
                "the mail server is disabled", "enabled", ("Set ", RemedyAction("assign", "enabled", "true"), ".")
            )
        security = self.plan_security()
        host, port = self.plan_address()
        plan = DeliveryPlan(
            server=self.server.path,
            host=host,
            port=port,
            security=security,
            timeouts=self.plan_timeouts(),
            login=self.plan_login(security, host),
            trust=self.plan_trust(security),
            tls=self.plan_tls(),
            keys=self.plan_keys(security),
            sender=self.plan_sender(),
            ehlo_name=self.plan_ehlo_name(),
            options=self.plan_options(security),
            pool=self.plan_pool(),
            proxy=self.plan_proxy(),
            local_address=self.smtp.value_of("localaddress", ""),
            local_port=self.smtp.value_of("localport", 0),
            overrides=self.overrides,
            kind=self.kind.name,
            settings=tuple(self.noted + self.other_settings()),
            warnings=self.problems.warnings,
        )
        return plan, (*self.problems.errors, *self.problems.warnings)

    # -- noting --------------------------------------------------------------------------------------------------

    def report_error(self, summary: str, name: str, remedy: Remedy, code: str = "mail-plan") -> None:
        self.problems.error(code, summary, path=self.server.path, property=name, remedy=remedy)

    def note(self, name: str, value: Any, origin: str) -> None:
        self.noted.append(TransportSetting(name, str(value), origin))

    def origin_of(self, name: str) -> str:
        return f"{name} ({self.server.origin(name)})"

    def follow(self, part: str, choice: Choice) -> str:
        """Return the origin of a choice, and remember the row that decided it."""
        if choice.setting is None:
            return self.origin_of(choice.name)
        self.overrides[part] = choice.setting.name
        return f"{PROPERTY} {choice.setting.name}"

    def other_settings(self) -> list[TransportSetting]:
        """The settings given as smtp-property that are not noted under another name."""
        said = {setting.origin for setting in self.noted}
        found = []
        for key in self.smtp:
            setting = self.smtp.get(key)
            if setting is not None and f"{PROPERTY} {setting.name}" not in said:
                found.append(
                    TransportSetting(key, mask_secret_value(setting.name, setting.text), f"{PROPERTY} {setting.name}")
                )
        return found

    # -- parts ---------------------------------------------------------------------------------------------------

    def plan_address(self) -> tuple[str, int]:
        nothing = Choice("", "smtp-server"), Choice(0, "smtp-server")
        host = choose_host(self.view, self.smtp) or nothing[0]
        port = choose_port(self.view, self.smtp) or nothing[1]
        self.note("host", host.value, self.follow("host", host))
        self.note("port", port.value, self.follow("port", port))
        return host.value, port.value

    def plan_security(self) -> Security:
        if self.server["use-ssl"] and self.server["use-start-tls"]:
            self.report_error(
                "use-ssl and use-start-tls are both true, but only one of them can be used",
                "use-ssl",
                "Set one of them to false.",
            )
        own, found = choose_own_security(self.view), choose_security(self.view, self.smtp)
        assert own is not None and found is not None  # noqa: S101, PT018 - the values of an effective object are known
        choice, problem = found
        if problem is not None:
            self.problems.add(problem.replace(path=self.server.path))
        self.note("security", choice.value, self.follow("security", choice))
        if choice.value == own.value and self.server.origin(own.name) == "stored":
            self.overrides.pop("security", None)  # both ask for the same, and the property was typed as well
        mode: Security = choice.value
        return mode

    def plan_timeouts(self) -> Timeouts:
        return Timeouts(*(self._read_seconds(key) for key in DEFAULT_TIMEOUTS))

    def _read_seconds(self, key: str) -> float:
        setting = self.smtp.get(key)
        milliseconds = DEFAULT_TIMEOUTS[key] if setting is None else setting.value
        self.note(key, f"{milliseconds} ms", "default" if setting is None else f"{PROPERTY} {setting.name}")
        return float(milliseconds / 1000)

    def plan_login(self, security: Security, host: str) -> SmtpLogin | None:
        choice = choose_username(self.view, self.smtp) or Choice("", "auth-username")
        username, origin = choice.value, self.follow("username", choice)
        takes_tokens = self._find_provider(host)
        password = "" if takes_tokens else self.server["auth-password"] or ""
        auth = self.smtp.get("auth")
        if auth is not None and not auth.value:
            self.note("login", "none", f"{PROPERTY} {auth.name}")
            return None
        external = "EXTERNAL" in self.smtp.value_of("auth.mechanisms", ())
        if not (username and (password or self.token or takes_tokens)) and not external:
            self._note_no_login(username, password, auth)
            return None
        shown = "access token" if self.token else MASK
        if self.provider is not None and not self.token:
            shown = f"access token of {self.provider.path}"
        self.note("login", f"{username} ({shown})", origin)
        if security == "none" and not self.smtp.allows("login-in-clear"):
            self._refuse_clear_login()
        return self._make_login(username, password)

    def _find_provider(self, host: str) -> bool:
        """Find the provider whose access tokens the login takes, and which this host may get. Tell whether it takes any."""
        if "authentication" not in tuple(self.server) or self.server["authentication"] != "oauth2":
            return False
        provider = self.server.reference("oauth2-provider")
        if provider is None:
            summary = "the login takes access tokens, but there is no oauth2-provider to get them from"
            self.report_error(summary, "oauth2-provider", "Set oauth2-provider.")
        elif provider["enabled"] is False:
            self.report_error(
                f'the OAuth 2.0 provider "{provider.name}" is disabled',
                "oauth2-provider",
                f"Enable {provider.path}, or name another provider.",
            )
        elif (allowed := provider[HOSTS]) and not is_allowed(host, allowed):
            self.problems.add(refuse_host(host, allowed, provider.name).replace(path=self.server.path))
        self.provider = provider
        return True

    def _note_no_login(self, username: str, password: str, auth: Any) -> None:
        if password and not username:
            self.report_error("auth-password is set without auth-username", "auth-username", "Set auth-username.")
        elif auth is not None:
            missing = "auth-password" if username else "auth-username"
            self.report_error(f"{auth.name} requires a login, but there is no {missing}", missing, f"Set {missing}.")
        self.note("login", "none", self.origin_of("auth-username"))

    def _refuse_clear_login(self) -> None:
        row = self.overrides.get("security")
        generic = (
            "Set ",
            RemedyAction("assign", "use-start-tls", "true"),
            " (or ",
            RemedyAction("assign", "use-ssl", "true"),
            " with the TLS port); or, for tests only, add ",
            allow_weakness("login-in-clear"),
        )
        allowed = () if self.kind.never else (" Or, for tests only, add ", allow_weakness("login-in-clear"))
        self.report_error(
            "a login is configured, but the connection does not use TLS: the password would be sent in clear text",
            "use-start-tls" if row is None else PROPERTY,
            (
                *(() if row is None else ("Remove ", RemedyAction("setting", PROPERTY, row), ". ")),
                *(generic if self.kind.name == GENERIC else (*self.kind.to_tls, *allowed)),
            ),
            code="mail-auth",
        )

    def _make_login(self, username: str, password: str) -> SmtpLogin:
        disabled = {
            name.upper() for name in ("login", "plain", "xoauth2") if self.smtp.value_of(f"auth.{name}.disable")
        }
        setting = self.smtp.get("auth.mechanisms", "sasl.mechanisms")
        mechanisms = () if setting is None else setting.value
        if self.provider is not None:
            mechanisms = self._leave_token_mechanisms(mechanisms)
        # As in JavaMail, a token mechanism that is named in the settings uses the password as the token.
        as_token = password if not self.token and not {"XOAUTH2", "OAUTHBEARER"}.isdisjoint(mechanisms) else ""
        return SmtpLogin(
            username=username,
            password=password,
            token=self.token or as_token,
            mechanisms=mechanisms,
            disabled=frozenset(disabled),
            authorization_id=self.smtp.value_of("sasl.authorizationid", ""),
            provider="" if self.provider is None else self.provider.path,
            in_clear=self.smtp.allows("login-in-clear"),
            optional=self.smtp.allows("login-optional"),
        )

    def _leave_token_mechanisms(self, mechanisms: tuple[str, ...]) -> tuple[str, ...]:
        """Return the mechanisms that take an access token: those named, or all if none is named."""
        left = tuple(name for name in mechanisms if name in TOKEN)
        if mechanisms and not left:
            self.report_error(
                f"the login takes access tokens, and mail.smtp.auth.mechanisms names none of {' and '.join(TOKEN)}",
                PROPERTY,
                (
                    "Remove ",
                    RemedyAction("setting", PROPERTY, "mail.smtp.auth.mechanisms"),
                    ", or add one of them to it.",
                ),
            )
        return left or TOKEN

    def plan_trust(self, security: Security) -> TrustSource:
        provider = self.server.reference("trust-manager-provider")
        if provider is None:
            if security != "none":
                self.note("trust", "the authorities that the runtime trusts", self.origin_of("trust-manager-provider"))
            return RUNTIME_TRUST
        if security != "none" and provider["enabled"] is False:
            self.report_error(
                f'the trust manager provider "{provider.name}" is disabled',
                "trust-manager-provider",
                f"Enable {provider.path}, or name another provider.",
            )
        source = trust_source_of(provider)
        if security != "none" and source.type == BLIND:
            self.problems.warning(
                "constraint-violated",
                f'the trust manager provider "{provider.name}" accepts any certificate: anyone can pose as the server',
                path=self.server.path,
                property="trust-manager-provider",
                remedy="Name a provider that trusts the server's certificate authority; use this one for tests only.",
            )
        if security != "none":
            self.note("trust", source.description, self.origin_of("trust-manager-provider"))
        return source

    def plan_keys(self, security: Security) -> TrustSource | None:
        """Return the key manager provider whose certificate the server may ask for, None without one."""
        setting = self.smtp.get(KEYS)
        provider = None if setting is None or security == "none" else self.server.reference(PROPERTY, KEYS)
        if setting is None or provider is None:
            return None
        if provider["enabled"] is False:
            self.report_error(
                f'the key manager provider "{provider.name}" is disabled',
                PROPERTY,
                f"Enable {provider.path}, or name another provider.",
            )
        source = trust_source_of(provider)
        self.note(KEYS, source.description, f"{PROPERTY} {setting.name}")
        return source

    def plan_tls(self) -> TlsSettings:
        usual = TlsSettings()
        return TlsSettings(
            versions=self.smtp.value_of("ssl.protocols", usual.versions),
            suites=self.smtp.value_of("ssl.ciphersuites", ()),
            check_name=self.smtp.value_of("ssl.checkserveridentity", True),
            unchecked_hosts=self.smtp.value_of("ssl.trust", ()),
        )

    def plan_sender(self) -> str | None:
        sender: str | None
        if setting := self.smtp.get("from", "mail.from"):
            sender, origin = setting.value, f"{PROPERTY} {setting.name}"
        elif _is_address(self.server["auth-username"] or ""):
            sender, origin = self.server["auth-username"], self.origin_of("auth-username")
        else:
            self.note("sender", "postmaster at the EHLO name", "default")
            return None
        self.note("sender", sender or "<>", origin)
        return sender

    def plan_ehlo_name(self) -> str | None:
        from confobjects.syntaxes.hosts import ascii_host

        if setting := self.smtp.get("localhost"):
            name = ascii_host(setting.value)
            self.note("ehlo", name, f"{PROPERTY} {setting.name}")
            return name
        if setting := self.smtp.get("localaddress"):
            literal = address_literal(setting.value)
            self.note("ehlo", literal, f"{PROPERTY} {setting.name}")
            return literal
        if _is_full_name(self.local_host):
            self.note("ehlo", self.local_host, "name of this machine")
            return self.local_host
        self.note("ehlo", "the address of this end of the connection", "default")
        return None

    def plan_options(self, security: Security) -> Options:
        value = self.smtp.value_of
        return Options(
            use_ehlo=value("ehlo", True),
            send_partial=value("sendpartial", False),
            notify=value("dsn.notify", ""),
            ret=value("dsn.ret", ""),
            submitter=value("submitter", ""),
            extension=value("mailextension", ""),
            keep_8bit=value("allow8bitmime", False),
            utf8_headers=value("mail.mime.allowutf8", False),
            chunk_size=value("chunksize"),
            ignored_extensions=frozenset(value("confobjects.ignore-extensions", ())),
            wait_for_quit=value("quitwait", True),
            quit_on_reject=value("quitonsessionreject", False),
            probe_with_rset=value("userset", False),
            strict_noop=value("noop.strict", True),
            fall_back_to_clear=security == "implicit-tls" and self.plan_fallback(),
        )

    def plan_fallback(self) -> bool:
        """Return whether mail goes in clear text if TLS from the first byte fails."""
        if setting := self.smtp.get("socketFactory.fallback"):
            return bool(setting.value)
        if not self.kind.factory:
            return False
        asked, allowed = bool(self.server["socket-factory-fallback"]), self.smtp.allows("socket-fallback")
        why = "" if allowed or not asked else ": smtp-property does not allow socket-fallback"
        word = "clear text" if asked and allowed else "none"
        self.note("fallback", f"{word}{why}", self.origin_of("socket-factory-fallback"))
        return asked and allowed

    def plan_pool(self) -> PoolLimits:
        usual = PoolLimits()
        return PoolLimits(
            connections=self.smtp.value_of("confobjects.pool.max-connections", usual.connections),
            messages=self.smtp.value_of("confobjects.pool.messages-per-connection", usual.messages),
            idle=self.smtp.value_of("confobjects.pool.idle-timeout", usual.idle * 1000) / 1000,
        )

    def plan_proxy(self) -> Proxy | None:
        if found := self.smtp.value_of("proxy.host"):
            host, port = found
            user, password = self.smtp.value_of("proxy.user", ""), self.smtp.value_of("proxy.password", "")
            return Proxy("http", host, port or self.smtp.value_of("proxy.port", 80), user, password)
        if found := self.smtp.value_of("socks.host"):
            host, port = found
            return Proxy("socks5", host, port or self.smtp.value_of("socks.port", 1080))
        return None


def _is_address(text: str) -> bool:
    from confobjects.syntaxes.base import ValueSyntaxError
    from confobjects.syntaxes.mailaddress import MailAddress

    try:
        MailAddress().parse(text)
    except ValueSyntaxError:
        return False
    return True


def _is_full_name(name: str) -> bool:
    from confobjects.syntaxes.hosts import host_problem

    return "." in name and name.isascii() and not host_problem(name) and not name.startswith("localhost.")


def _as_mail_problems(problems: tuple[Diagnostic, ...]) -> list[Diagnostic]:
    """Give every problem that names no mail stage the code of stage plan. Problems of stage plan come first."""
    mail = [problem if problem.code.startswith("mail-") else problem.replace(code="mail-plan") for problem in problems]
    return sorted(mail, key=lambda problem: problem.code != "mail-plan")
