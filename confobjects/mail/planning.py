"""From a mail server object to the plan of a delivery: where to, how protected, who logs in, what limits hold.

A plan is data and complete: whoever carries it out decides nothing more. It is made from effective values (evaluated,
typed, with origins); ``smtp-property`` settings come after the normal properties and override them. Everything
that is wrong is reported in one :class:`~confobjects.errors.MailError`, before anything is connected.
"""

from __future__ import annotations

from typing import Any, Final

from confobjects.diagnostics import MASK, Collector, Diagnostic
from confobjects.errors import MailError
from confobjects.mail.plan import (
    BLIND,
    RUNTIME_TRUST,
    DeliveryPlan,
    Login,
    Options,
    Origins,
    PoolLimits,
    Proxy,
    Security,
    Timeouts,
    TlsSettings,
    TransportSetting,
    TrustSource,
    address_literal,
    trust_source,
)
from confobjects.mail.properties import ALLOW_INSECURE, not_allowed, read_settings
from confobjects.mail.property_table import PROPERTY, shown

DEFAULT_TIMEOUTS: Final = {
    "connectiontimeout": 10_000,
    "timeout": 60_000,
    "writetimeout": 60_000,
    "confobjects.total-timeout": 300_000,
}
"""Milliseconds. Where the Java family waits for ever, every step has an end here."""


def plan_delivery(server: Origins, *, token: str = "", local_host: str = "") -> DeliveryPlan:
    """Return the plan of deliveries through a mail server object.

    ``token`` is an OAuth 2.0 access token to log in with instead of the password. ``local_host`` is the name of this
    machine: a name with a dot in it is what EHLO gives when no setting says otherwise. Raises
    :class:`~confobjects.errors.MailError` of stage plan (or auth, where a login would go without TLS) with every
    problem found.
    """
    return _Planner(server, token, local_host).plan()


def transport_settings(server: Origins) -> tuple[list[tuple[str, str, str]], tuple[Diagnostic, ...]]:
    """Return the transport settings that a mail server comes to, each with its origin, and what is wrong with them.

    This is the view that ``mail-server.json`` names. The name of this machine, which EHLO may use, is not known here.
    """
    planner = _Planner(server, "", "")
    plan, problems = planner.work_out()
    return [(one.name, one.value, one.origin) for one in plan.settings], problems


class _Planner:
    """Works out one plan; each part notes where its value came from and what is wrong with it."""

    def __init__(self, server: Origins, token: str, local_host: str) -> None:
        self.server = server
        self.token = token
        self.local_host = local_host
        self.problems = Collector()
        self.noted: list[TransportSetting] = []
        self.smtp, found = read_settings(server[PROPERTY] or ())
        for problem in found:
            # Warnings about settings were given when they were set; a plan repeats only the dangerous ones.
            if problem.severity == "error" or problem.constraint == ALLOW_INSECURE:
                self.problems.add(problem.replace(path=server.path))

    def plan(self) -> DeliveryPlan:
        plan, problems = self.work_out()
        errors = tuple(problem for problem in problems if problem.severity == "error")
        if errors:
            raise MailError(_as_mail_problems(errors))
        return plan

    def work_out(self) -> tuple[DeliveryPlan, tuple[Diagnostic, ...]]:
        """Return the plan as far as there is one, and everything that is wrong with it."""
        if self.server["enabled"] is False:
            self.error("the mail server is disabled", "enabled", "Set enabled:true.")
        security = self.security()
        host, port = self.address()
        plan = DeliveryPlan(
            server=self.server.path,
            host=host,
            port=port,
            security=security,
            timeouts=self.timeouts(),
            login=self.login(security),
            trust=self.trust(security),
            tls=self.tls(),
            sender=self.sender(),
            ehlo_name=self.ehlo_name(),
            options=self.options(security),
            pool=self.pool(),
            proxy=self.proxy(),
            local_address=self.smtp.value("localaddress", ""),
            local_port=self.smtp.value("localport", 0),
            settings=tuple(self.noted + self.rest()),
            warnings=self.problems.warnings,
        )
        return plan, (*self.problems.errors, *self.problems.warnings)

    # -- noting --------------------------------------------------------------------------------------------------

    def error(self, summary: str, name: str, remedy: str, code: str = "mail-plan") -> None:
        self.problems.error(code, summary, path=self.server.path, property=name, remedy=remedy)

    def note(self, name: str, value: Any, origin: str) -> None:
        self.noted.append(TransportSetting(name, str(value), origin))

    def origin(self, name: str) -> str:
        return f"{name} ({self.server.origin(name)})"

    def rest(self) -> list[TransportSetting]:
        """Settings that stand for themselves: given as smtp-property and not noted under another name."""
        said = {setting.origin for setting in self.noted}
        found = []
        for key in self.smtp:
            setting = self.smtp.get(key)
            if setting is not None and f"{PROPERTY} {setting.name}" not in said:
                found.append(TransportSetting(key, shown(setting.name, setting.text), f"{PROPERTY} {setting.name}"))
        return found

    # -- parts ---------------------------------------------------------------------------------------------------

    def address(self) -> tuple[str, int]:
        where = self.server["smtp-server"]
        host, port = (where.host, where.port) if where is not None else ("", 0)
        host_origin = port_origin = self.origin("smtp-server")
        if setting := self.smtp.get("host", "mail.host"):
            host, host_origin = setting.value, f"{PROPERTY} {setting.name}"
        factory_port = self._factory_port()
        if setting := factory_port or self.smtp.get("port"):
            port, port_origin = setting.value, f"{PROPERTY} {setting.name}"
        self.note("host", host, host_origin)
        self.note("port", port, port_origin)
        return host, port

    def _factory_port(self) -> Any:
        for prefix in ("ssl.socketFactory", "socketFactory"):
            if f"{prefix}.class" in self.smtp and f"{prefix}.port" in self.smtp:
                return self.smtp.get(f"{prefix}.port")
        return None

    def security(self) -> Security:
        mode, origin = self._wanted_security()
        implicit = self._implicit_setting()
        if implicit is not None:
            mode, origin = "implicit-tls", f"{PROPERTY} {implicit.name}"
        elif mode != "implicit-tls":
            mode, origin = self._starttls(mode, origin)
        off = self._switched_off(mode)
        if off is not None:
            if self.smtp.allows("no-tls"):
                mode, origin = "none", f"{PROPERTY} {off.name}"
            else:
                self.problems.add(
                    not_allowed(f"{off.name}={off.text} beside {origin}", "no-tls", off.text).replace(
                        path=self.server.path
                    )
                )
        self.note("security", mode, origin)
        return mode

    def _wanted_security(self) -> tuple[Security, str]:
        if self.server["use-ssl"] and self.server["use-start-tls"]:
            self.error(
                "use-ssl and use-start-tls are both true, and they exclude each other",
                "use-ssl",
                "Set one of them to false.",
            )
        if self.server["use-ssl"]:
            return "implicit-tls", self.origin("use-ssl")
        return ("starttls-required" if self.server["use-start-tls"] else "none"), self.origin("use-start-tls")

    def _implicit_setting(self) -> Any:
        for key, value in (
            ("ssl.enable", True),
            ("mail.transport.protocol", "smtps"),
            ("mail.transport.protocol.rfc822", "smtps"),
            ("socketFactory.class", "tls"),
            ("ssl.socketFactory.class", "tls"),
        ):
            setting = self.smtp.get(key)
            if setting is not None and setting.value == value:
                return setting
        return None

    def _starttls(self, mode: Security, origin: str) -> tuple[Security, str]:
        required = self.smtp.get("starttls.required")
        enable = self.smtp.get("starttls.enable")
        if required is not None and required.value:
            return "starttls-required", f"{PROPERTY} {required.name}"
        if mode == "none" and (enable is None or not enable.value):
            return mode, origin
        if required is not None and self.smtp.allows("opportunistic-starttls"):
            return "starttls-if-offered", f"{PROPERTY} {required.name}"
        if mode == "none" and enable is not None:
            return "starttls-required", f"{PROPERTY} {enable.name}"
        return mode, origin

    def _switched_off(self, mode: Security) -> Any:
        key = {"implicit-tls": "ssl.enable", "starttls-required": "starttls.enable"}.get(mode, "")
        setting = self.smtp.get(key)
        return setting if setting is not None and setting.value is False else None

    def timeouts(self) -> Timeouts:
        return Timeouts(*(self._seconds(key) for key in DEFAULT_TIMEOUTS))

    def _seconds(self, key: str) -> float:
        setting = self.smtp.get(key)
        milliseconds = DEFAULT_TIMEOUTS[key] if setting is None else setting.value
        self.note(key, f"{milliseconds} ms", "default" if setting is None else f"{PROPERTY} {setting.name}")
        return float(milliseconds / 1000)

    def login(self, security: Security) -> Login | None:
        username, origin = self.server["auth-username"] or "", self.origin("auth-username")
        if setting := self.smtp.get("user", "mail.user"):
            username, origin = setting.value, f"{PROPERTY} {setting.name}"
        password = self.server["auth-password"] or ""
        auth = self.smtp.get("auth")
        if auth is not None and not auth.value:
            self.note("login", "none", f"{PROPERTY} {auth.name}")
            return None
        external = "EXTERNAL" in self.smtp.value("auth.mechanisms", ())
        if not (username and (password or self.token)) and not external:
            self._no_login(username, password, auth)
            return None
        self.note("login", f"{username} ({'access token' if self.token else MASK})", origin)
        if security == "none" and not self.smtp.allows("login-in-clear"):
            self._clear_login()
        return self._login(username, password)

    def _no_login(self, username: str, password: str, auth: Any) -> None:
        if password and not username:
            self.error("auth-password is set without auth-username", "auth-username", "Set auth-username.")
        elif auth is not None:
            missing = "auth-password" if username else "auth-username"
            self.error(f"{auth.name} demands a login, but there is no {missing}", missing, f"Set {missing}.")
        self.note("login", "none", self.origin("auth-username"))

    def _clear_login(self) -> None:
        self.error(
            "a login is configured, and the connection would not use TLS: the password would cross the network in clear",
            "use-start-tls",
            "Set use-start-tls:true (or use-ssl:true with the TLS port); or, for tests only, add "
            "smtp-property:confobjects.allow-insecure=login-in-clear",
            code="mail-auth",
        )

    def _login(self, username: str, password: str) -> Login:
        disabled = {name.upper() for name in ("login", "plain", "xoauth2") if self.smtp.value(f"auth.{name}.disable")}
        setting = self.smtp.get("auth.mechanisms", "sasl.mechanisms")
        mechanisms = () if setting is None else setting.value
        # As in the Java family, a mechanism for tokens that is asked for by name takes the password for the token.
        as_token = password if not self.token and not {"XOAUTH2", "OAUTHBEARER"}.isdisjoint(mechanisms) else ""
        return Login(
            username=username,
            password=password,
            token=self.token or as_token,
            mechanisms=mechanisms,
            disabled=frozenset(disabled),
            authorization_id=self.smtp.value("sasl.authorizationid", ""),
            in_clear=self.smtp.allows("login-in-clear"),
            optional=self.smtp.allows("login-optional"),
        )

    def trust(self, security: Security) -> TrustSource:
        provider = self.server.reference("trust-manager-provider")
        if provider is None:
            if security != "none":
                self.note("trust", "the authorities the runtime trusts", self.origin("trust-manager-provider"))
            return RUNTIME_TRUST
        if security != "none" and provider["enabled"] is False:
            self.error(
                f'the trust manager provider "{provider.name}" is disabled',
                "trust-manager-provider",
                f"Enable {provider.path}, or name another one.",
            )
        source = trust_source(provider)
        if security != "none" and source.type == BLIND:
            self.problems.warning(
                "constraint-violated",
                f'the trust manager provider "{provider.name}" accepts any certificate: anyone can pose as the server',
                path=self.server.path,
                property="trust-manager-provider",
                remedy="Use it for tests only; name a provider that holds the server's authority.",
            )
        if security != "none":
            self.note("trust", source.description, self.origin("trust-manager-provider"))
        return source

    def tls(self) -> TlsSettings:
        usual = TlsSettings()
        return TlsSettings(
            versions=self.smtp.value("ssl.protocols", usual.versions),
            suites=self.smtp.value("ssl.ciphersuites", ()),
            check_name=self.smtp.value("ssl.checkserveridentity", True),
            unchecked_hosts=self.smtp.value("ssl.trust", ()),
        )

    def sender(self) -> str | None:
        sender: str | None
        if setting := self.smtp.get("from", "mail.from"):
            sender, origin = setting.value, f"{PROPERTY} {setting.name}"
        elif _is_address(self.server["auth-username"] or ""):
            sender, origin = self.server["auth-username"], self.origin("auth-username")
        else:
            self.note("sender", "postmaster at the EHLO name", "default")
            return None
        self.note("sender", sender or "<>", origin)
        return sender

    def ehlo_name(self) -> str | None:
        if setting := self.smtp.get("localhost"):
            self.note("ehlo", setting.value, f"{PROPERTY} {setting.name}")
            return str(setting.value)
        if setting := self.smtp.get("localaddress"):
            literal = address_literal(setting.value)
            self.note("ehlo", literal, f"{PROPERTY} {setting.name}")
            return literal
        if _is_full_name(self.local_host):
            self.note("ehlo", self.local_host, "name of this machine")
            return self.local_host
        self.note("ehlo", "the address of this end of the connection", "default")
        return None

    def options(self, security: Security) -> Options:
        value = self.smtp.value
        return Options(
            use_ehlo=value("ehlo", True),
            send_partial=value("sendpartial", False),
            notify=value("dsn.notify", ""),
            ret=value("dsn.ret", ""),
            submitter=value("submitter", ""),
            extension=value("mailextension", ""),
            keep_8bit=value("allow8bitmime", False),
            utf8_headers=value("mail.mime.allowutf8", False),
            chunk_size=value("chunksize", -1),
            wait_for_quit=value("quitwait", True),
            quit_on_reject=value("quitonsessionreject", False),
            probe_with_rset=value("userset", False),
            strict_noop=value("noop.strict", True),
            fall_back_to_clear=value("socketFactory.fallback", False) and security == "implicit-tls",
        )

    def pool(self) -> PoolLimits:
        usual = PoolLimits()
        return PoolLimits(
            connections=self.smtp.value("confobjects.pool.max-connections", usual.connections),
            messages=self.smtp.value("confobjects.pool.messages-per-connection", usual.messages),
            idle=self.smtp.value("confobjects.pool.idle-timeout", usual.idle * 1000) / 1000,
        )

    def proxy(self) -> Proxy | None:
        if host := self.smtp.value("proxy.host"):
            name, port = _host_and_port(host, self.smtp.value("proxy.port", 80))
            user = self.smtp.value("proxy.user", "")
            return Proxy("http", name, port, user, self.smtp.value("proxy.password", ""))
        if host := self.smtp.value("socks.host"):
            name, port = _host_and_port(host, self.smtp.value("socks.port", 1080))
            return Proxy("socks5", name, port)
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


def _host_and_port(text: str, port: int) -> tuple[str, int]:
    host, colon, digits = text.rpartition(":")
    if colon and digits.isdecimal() and "]" not in digits and ":" not in host.removeprefix("["):
        return host, int(digits)
    return text.removeprefix("[").removesuffix("]"), port


def _as_mail_problems(problems: tuple[Diagnostic, ...]) -> list[Diagnostic]:
    """Give every problem a code of stage plan, except those of another stage; the plan's come first."""
    mail = [problem if problem.code.startswith("mail-") else problem.replace(code="mail-plan") for problem in problems]
    return sorted(mail, key=lambda problem: problem.code != "mail-plan")
