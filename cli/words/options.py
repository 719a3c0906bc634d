"""The global options: one table, every command takes all of them, on either side of the command word.

Spellings and meanings are dsconfig's. An option that has no meaning here is accepted with one remark.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Final

from confobjects.diagnostics import Diagnostic
from confobjects.records import Record


class Option(Record):
    """One global option: spellings, the word for its value (None for a switch), help and group.

    ``unused`` says why an option of dsconfig has no effect here; ``repeat`` that it may be given several times;
    ``secret`` that its value is a secret itself.
    """

    spellings: tuple[str, ...]
    value: str | None
    help: str
    group: str
    unused: str = ""
    repeat: bool = False
    secret: bool = False

    @property
    def name(self) -> str:
        """The parameter name: the long spelling in snake case."""
        return self.spellings[-1].lstrip("-").lower().replace("-", "_").replace(":", "_")

    @property
    def usual_spellings(self) -> tuple[str, ...]:
        """The spellings that the help shows: the short ones and the last of the long ones."""
        return tuple(one for one in self.spellings if len(one) == 2 or one == self.spellings[-1])

    @property
    def absent_value(self) -> bool | tuple[str, ...] | None:
        """The parameter's value when the option is not given."""
        if self.value is None:
            return False
        return () if self.repeat else None


_OTHERS: Final = "the server is not asked about the login"
_ONE_KEY: Final = "the certificate is the one of the only key in the key store"
_BY_CONTENT: Final = "the type of a store is detected from its content"

OPTIONS: Final[tuple[Option, ...]] = (
    Option(("--url",), "URL", "Where the configuration is: ldif:PATH, ldap://host:port/baseDN, …", "Storage"),
    Option(("--offline",), None, "Work on the LDIF file, without a server.", "Storage"),
    Option(("--configFile",), "PATH", "The LDIF file to work on.", "Storage"),
    Option(("--instancePath",), "DIR", "The base directory of relative paths in values.", "Storage"),
    Option(("--definitions",), "DIR", "A directory of additional object definitions.", "Storage", repeat=True),
    Option(("--family",), "NAME", "The family of definitions to use instead of those of confobjects.", "Storage"),
    Option(("--noBuiltinDefinitions",), None, "Leave out the object definitions of confobjects itself.", "Storage"),
    Option(("--define",), "TOKEN=VALUE", "A value for configuration expressions.", "Storage", repeat=True),
    Option(("--env-file",), "FILE", "Variables (NAME=VALUE) instead of the environment.", "Storage"),
    Option(("-h", "--hostname"), "HOST", "The directory server's host name or address.", "LDAP connection"),
    Option(("-p", "--port"), "PORT", "The directory server's port.", "LDAP connection"),
    Option(("-D", "--bindDn"), "DN", "The DN to bind with.", "LDAP connection"),
    Option(("-w", "--bindPassword"), "PASSWORD", "The password to bind with.", "LDAP connection", secret=True),
    Option(
        ("--bindPassword:env",), "VARIABLE", "The variable that holds the password to bind with.", "LDAP connection"
    ),
    Option(("--bindPassword:file",), "PATH", "The file that holds the password to bind with.", "LDAP connection"),
    Option(("-j", "--bindPasswordFile"), "PATH", "As --bindPassword:file.", "LDAP connection"),
    Option(("-Z", "--useSsl"), None, "Connect with TLS (ldaps).", "LDAP connection"),
    Option(("-q", "--useStartTls"), None, "Secure the connection with StartTLS.", "LDAP connection"),
    Option(("-X", "--trustAll"), None, "Accept any server certificate. For tests only.", "LDAP connection"),
    Option(
        ("--usePkcs12TrustStore", "-P", "--trustStorePath"),
        "PATH",
        "Certificates to trust (PEM, PKCS#12, JKS, JCEKS, BCFKS).",
        "LDAP connection",
    ),
    Option(("-T", "--trustStorePassword"), "PIN", "The pin of the trust store.", "LDAP connection", secret=True),
    Option(("--trustStorePassword:env",), "VARIABLE", "The variable that holds that pin.", "LDAP connection"),
    Option(("--trustStorePassword:file",), "PATH", "The file that holds that pin.", "LDAP connection"),
    Option(("-U", "--trustStorePasswordFile"), "PATH", "As --trustStorePassword:file.", "LDAP connection"),
    Option(("-K", "--keyStorePath"), "PATH", "The client's certificate and key.", "LDAP connection"),
    Option(("-W", "--keyStorePassword"), "PIN", "The pin of the key store.", "LDAP connection", secret=True),
    Option(("--keyStorePassword:env",), "VARIABLE", "The variable that holds that pin.", "LDAP connection"),
    Option(("--keyStorePassword:file",), "PATH", "The file that holds that pin.", "LDAP connection"),
    Option(("-u", "--keyStorePasswordFile"), "PATH", "As --keyStorePassword:file.", "LDAP connection"),
    Option(("-o", "--saslOption"), "NAME=VALUE", "A SASL option (mech=EXTERNAL).", "LDAP connection", repeat=True),
    Option(
        ("--allowClearPassword",),
        None,
        "Send the password even over a connection that others can read.",
        "LDAP connection",
    ),
    Option(("--connectTimeout",), "MILLISECONDS", "How long connecting may take.", "LDAP connection"),
    Option(("--baseDN",), "DN", "The base DN of the configuration.", "LDAP connection"),
    Option(
        ("--server-schema",), None, "The server has a schema of its own: keep nothing of ours there.", "LDAP connection"
    ),
    Option(("--test",), None, "Test what is saved first, and save it only if it works.", "Tests"),
    Option(("--no-test",), None, "Save without a test, whatever the mail service says.", "Tests"),
    Option(("--wait",), "SECONDS", "After a change, wait until all followers have it in effect.", "Followers"),
    Option(
        ("--state-url",),
        "URL",
        "Where the followers report, if not beside the configuration. For a server with a schema of its own: where its history lies.",
        "Followers",
    ),
    Option(("-n", "--no-prompt"), None, "Never prompt.", "Input and output"),
    Option(("-s", "--script-friendly"), None, "Output for scripts.", "Input and output"),
    Option(("--output",), "table|json|tsv", "The form of the output.", "Input and output"),
    Option(("--color",), "auto|always|never", "Colours: at a terminal (auto), always or never.", "Input and output"),
    Option(("-v", "--verbose"), None, "Print more details.", "Input and output"),
    Option(("-Q", "--quiet"), None, "Print only problems.", "Input and output"),
    Option(("--advanced",), None, "Show advanced objects and properties as well.", "Input and output"),
    Option(("--dry-run",), None, "Show what would be done, and write nothing.", "Input and output"),
    Option(("--batch",), None, "Read commands from standard input, and make all their changes as one change.", "Batch"),
    Option(("-F", "--batchFilePath"), "PATH", "Read the commands from a file.", "Batch"),
    Option(
        ("--profile-variables",),
        "FILE",
        "Fill each ${NAME} in the commands with the value that a properties file has for it.",
        "Batch",
    ),
    Option(("--batch-continue-on-error",), None, "Make each change by itself; continue after one that fails.", "Batch"),
    Option(("--debug",), None, "Show a traceback when something goes wrong.", "Input and output"),
    Option(("--compat",), "dsconfig", "Print what dsconfig prints, and end with its exit status.", "Input and output"),
    Option(("--displayCommand",), None, "Show the equivalent command of each change.", "Input and output"),
    Option(("--commandFilePath",), "PATH", "Add the equivalent commands to a file.", "Input and output"),
    Option(("--propertiesFilePath",), "PATH", "The properties file with default options.", "Input and output"),
    Option(
        ("--noPropertiesFile",), None, "Read no properties file (~/.confobjects/tools.properties).", "Input and output"
    ),
    Option(("-E", "--reportAuthzId"), None, "", "dsconfig", _OTHERS),
    Option(("--usePasswordPolicyControl",), None, "", "dsconfig", _OTHERS),
    Option(("-N", "--certNickname"), "NAME", "", "dsconfig", _ONE_KEY),
    Option(("--trustStoreType",), "TYPE", "", "dsconfig", _BY_CONTENT),
    Option(("--keyStoreType",), "TYPE", "", "dsconfig", _BY_CONTENT),
    Option(("-V", "--version"), None, "Show the version.", "General"),
    Option(("-H", "-?", "--help"), None, "Show help.", "General"),
)
"""Every global option, in the order of the help."""

_BY_NAME: Final = {option.name: option for option in OPTIONS}

ABSENT: Final[dict[str, bool | tuple[str, ...] | None]] = {name: one.absent_value for name, one in _BY_NAME.items()}
"""The value of each option that is not given, by name."""


class Conflict(Record):
    """Sides that exclude each other, each of one or more options by name, and why."""

    sides: tuple[tuple[str, ...], ...]
    why: str


_ONE_OF_THEM: Final = "each gives the password"
_TRUST_STORE_PASSWORD: Final = (
    "truststorepassword",
    "truststorepassword_env",
    "truststorepassword_file",
    "truststorepasswordfile",
)
_KEY_STORE_PASSWORD: Final = (
    "keystorepassword",
    "keystorepassword_env",
    "keystorepassword_file",
    "keystorepasswordfile",
)

CONFLICTS: Final[tuple[Conflict, ...]] = (
    Conflict((("test",), ("no_test",)), "one asks for a test before a save, the other for none"),
    Conflict((("quiet",), ("verbose",)), "one asks for less output, the other for more"),
    Conflict((("script_friendly",), ("verbose",)), "output for scripts has no remarks"),
    Conflict((("batch",), ("batchfilepath",)), "each says where the commands are"),
    Conflict((("propertiesfilepath",), ("nopropertiesfile",)), "one names the file, the other uses none"),
    Conflict(
        (("url",), ("offline", "configfile"), ("hostname", "port", "usessl")),
        "each says where the configuration is",
    ),
    Conflict((("usessl",), ("usestarttls",)), "TLS starts either at once or after a command"),
    Conflict(
        (("trustall",), ("truststorepath", *_TRUST_STORE_PASSWORD)),
        "if every certificate is trusted, a trust store has no use",
    ),
    Conflict(
        (("bindpassword",), ("bindpassword_env",), ("bindpassword_file",), ("bindpasswordfile",)),
        _ONE_OF_THEM,
    ),
    Conflict(tuple((name,) for name in _TRUST_STORE_PASSWORD), _ONE_OF_THEM),
    Conflict(tuple((name,) for name in _KEY_STORE_PASSWORD), _ONE_OF_THEM),
)
"""Every set of options that exclude each other: dsconfig's, and those of the place of the configuration."""

SECRET_OPTIONS: Final = frozenset(name for name, one in _BY_NAME.items() if one.secret)
"""The options whose value is a secret itself."""


def secret_sources(option: Option) -> tuple[str, ...]:
    """Return the options that take the secret of another one from a file or a variable."""
    names = (f"{option.name}_file", f"{option.name}_env")
    return tuple(other.spellings[-1] for name in names for other in OPTIONS if other.name == name)


def describe_exposure(name: str, others: Sequence[str]) -> str:
    """Return the warning about a secret on the command line. ``others`` are the options that keep it out."""
    *first, last = others
    return (
        f"the value of {name} is on the command line, where other users and the shell's history can see it; "
        f"{', '.join(first)} or {last} keep it out"
    )


def describe_shared(path: str) -> Diagnostic:
    """Return the warning about a file that holds a secret and that other users may read."""
    from shlex import quote

    summary = "this file holds a password, and other users can read it"
    return Diagnostic("usage", summary, origin=path, remedy=f"chmod 600 {quote(path)}", severity="warning")


def rivals(name: str) -> Iterator[str]:
    """Yield the options that an option excludes."""
    for conflict in CONFLICTS:
        if any(name in side for side in conflict.sides):
            yield from (other for side in conflict.sides if name not in side for other in side)


def conflict_among(given: Collection[str]) -> str:
    """Return a sentence on options that were given and exclude each other, an empty text when there are none."""
    for conflict in CONFLICTS:
        meant = [
            next(name for name in side if name in given) for side in conflict.sides if not set(side).isdisjoint(given)
        ]
        if len(meant) > 1:
            spelled = [next(o.spellings[-1] for o in OPTIONS if o.name == name) for name in meant]
            return f"{' and '.join(spelled)} exclude each other: {conflict.why}"
    return ""
