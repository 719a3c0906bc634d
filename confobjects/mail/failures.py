"""What failures mean, in words: one row for each code.

Laws: a code is stable, its words are not. A sentence begins with a small letter and has no full stop, because the
object and the property stand before it. A remedy says what to do.
"""

from __future__ import annotations

from typing import Final

from confobjects.actions import Remedy, RemedyAction
from confobjects.mail.property_table import KEYS, PROPERTY
from confobjects.records import Record


class Failure(Record):
    """The words of one failure, and whether to try again."""

    summary: str
    remedy: Remedy
    property: str = ""
    retry: bool = False  # the same delivery may succeed later with no change
    elsewhere: bool = True  # another mail server may succeed


USERNAME_PROPERTY: Final = "{username_property}"
"""Stands in a remedy for the property, or the setting, that gives the user name."""

_RETRY: Final = "Try again later."
_USE_SSL: Final = RemedyAction("assign", "use-ssl", "true")
_NO_SSL: Final = RemedyAction("assign", "use-ssl", "false")
_USE_STARTTLS: Final = RemedyAction("assign", "use-start-tls", "true")
_NO_STARTTLS: Final = RemedyAction("assign", "use-start-tls", "false")
_TLS_BEFORE_LOGIN: Final = ("Set ", _USE_STARTTLS, ", or ", _USE_SSL, " with the server's TLS port.")


def _setting(key: str) -> RemedyAction:
    """Return the mention of a setting of ``smtp-property``."""
    return RemedyAction("setting", PROPERTY, key)


TABLE: Final[dict[str, Failure]] = {
    # resolve
    "name-unknown": Failure(
        "the host name {host} is not known",
        "Check the spelling of the host, and that this machine's DNS knows it.",
        "smtp-server",
    ),
    "name-temporary": Failure(
        "the host name {host} cannot be looked up now: the DNS server does not answer",
        "Check this machine's DNS resolver, or try again later.",
        "smtp-server",
        retry=True,
    ),
    "resolve-timeout": Failure(
        "looking up the host name {host} took longer than {limit} s",
        "Check this machine's DNS resolver.",
        "smtp-server",
        retry=True,
    ),
    "name-unusable": Failure("the host name {host} cannot be looked up: {message}", "Correct the host.", "smtp-server"),
    # connect
    "target-refused": Failure(
        "{address} is not connected to: {message}",
        "Use a port of mail submission, or ask whoever runs this service to name the target.",
        "smtp-server",
    ),
    "connection-refused": Failure(
        "nothing accepts connections at {address}",
        "Check the port, that the mail server runs, and that no firewall rejects the connection.",
        "smtp-server",
        retry=True,
    ),
    "connect-timeout": Failure(
        "no answer from {address} within {limit} s",
        "Check host and port; a firewall may drop the packets (many networks block outgoing connections to port 25).",
        "smtp-server",
        retry=True,
    ),
    "unreachable": Failure(
        "there is no route to {address}: {message}",
        "Check the network; for an IPv6 address, that this machine has IPv6.",
        "smtp-server",
        retry=True,
    ),
    "pool-exhausted": Failure(
        "no connection became free within {limit} s",
        ("Raise ", _setting("confobjects.pool.max-connections"), ", or send less at a time."),
        "smtp-property",
        retry=True,
    ),
    "connect-failed": Failure("the connection to {address} failed: {message}", "Check host and port.", "smtp-server"),
    "local-address": Failure(
        "this machine cannot connect from {source}: {message}",
        "Name an address of this machine in mail.smtp.localaddress, and a free port in mail.smtp.localport, or neither.",
        "smtp-property",
    ),
    "proxy-unknown": Failure(
        "the proxy {proxy} cannot be found: {message}",
        (
            "Check the spelling of the host that ",
            _setting("{setting}"),
            " names, and that this machine's DNS knows it.",
        ),
        "smtp-property",
    ),
    "proxy-unreachable": Failure(
        "the proxy {proxy} cannot be reached: {message}",
        (
            "Check the host and port that ",
            _setting("{setting}"),
            " names, that the name can be looked up here, that the proxy runs, and that no firewall blocks the connection.",
        ),
        "smtp-property",
        retry=True,
    ),
    "proxy-refused": Failure(
        "the proxy {proxy} refused the connection: {message}",
        "Check the proxy, its user name and password (mail.smtp.proxy.…), or mail.smtp.socks.host.",
        "smtp-property",
    ),
    # tls
    "not-a-tls-port": Failure(
        "the server does not speak TLS on port {port}",
        (
            "If this port uses STARTTLS, set ",
            _NO_SSL,
            " and ",
            _USE_STARTTLS,
            "; else use the server's TLS port (465).",
        ),
        "use-ssl",
    ),
    "tls-port-without-tls": Failure(
        "port {port} speaks TLS from the first byte, but this mail server object expects a greeting in clear text",
        ("Set ", _USE_SSL, " and ", _NO_STARTTLS, ", or use the server's STARTTLS port (587)."),
        "use-ssl",
    ),
    "certificate-expired": Failure(
        "the certificate{subject} has expired{expiry}",
        "Ask the operator of the mail server to renew it; check this machine's clock as well.",
        "trust-manager-provider",
    ),
    "anchor-expired": Failure(
        "a trusted certificate has expired: {anchor}",
        "Replace it in the trust manager provider {trust}.",
        "trust-manager-provider",
    ),
    "certificate-not-yet-valid": Failure(
        "the certificate{subject} is not valid yet",
        "Check this machine's clock.",
        "trust-manager-provider",
    ),
    "certificate-self-signed": Failure(
        "the server's certificate{subject} is self-signed, and it is not trusted",
        "If it is the right certificate, add it to the trust manager provider.",
        "trust-manager-provider",
    ),
    "certificate-unknown-authority": Failure(
        "the server's certificate{subject} was issued by {issuer}, which is not trusted",
        "Add the issuer's certificate to a trust manager provider and name that provider in trust-manager-provider; if "
        "the issuer is a public authority, the server may have left out an intermediate certificate.",
        "trust-manager-provider",
    ),
    "certificate-changed": Failure(
        "the server's certificate{subject} is not the one that {trust} trusts",
        "Ask the operator of the mail server whether it was renewed, and compare the SHA-256; then let {trust} trust the "
        "new one. If it was not renewed, somebody may be between this machine and the server.",
        "trust-manager-provider",
    ),
    "certificate-wrong-name": Failure(
        "the server's certificate is not for {host}: it is for {names}",
        "Set smtp-server to a name in the certificate, or have a certificate issued for {host}.",
        "smtp-server",
    ),
    "certificate-wrong-purpose": Failure(
        "the server's certificate{subject} is not meant for servers",
        "Ask the operator of the mail server for a certificate with the purpose serverAuth.",
        "trust-manager-provider",
    ),
    "certificate-weak": Failure(
        "the server's certificate{subject} is too weak: {message}",
        "Ask the operator of the mail server for a certificate with a stronger key and digest.",
        "trust-manager-provider",
    ),
    "certificate-revoked": Failure(
        "the server's certificate{subject} is revoked",
        "Ask the operator of the mail server to replace it.",
        "trust-manager-provider",
    ),
    "certificate-refused": Failure(
        "the server's certificate{subject} is not accepted: {message}",
        "Ask the operator of the mail server to check it.",
        "trust-manager-provider",
    ),
    "host-not-in-trust-list": Failure(
        "mail.smtp.ssl.trust is set and does not name {host}, so {host} is refused",
        "Remove mail.smtp.ssl.trust and use a trust manager provider, or add {host} to it.",
        "smtp-property",
    ),
    "tls-no-common-version": Failure(
        "the server and this client have no TLS version in common (this client speaks {versions})",
        "Check mail.smtp.ssl.protocols. The server may be too old: versions before TLS 1.2 are not safe.",
        "smtp-property",
    ),
    "tls-no-common-cipher": Failure(
        "the server ended the TLS handshake: probably there is no cipher suite in common",
        "Check mail.smtp.ssl.ciphersuites, or ask the operator of the mail server which cipher suites it accepts.",
        "smtp-property",
    ),
    "tls-client-certificate": Failure(
        "the server requires a certificate of the client, and this client has none{alert}",
        (
            "Name a key manager provider with a certificate that the server accepts in ",
            _setting(KEYS),
            ", or use a port or a server that does not require one.",
        ),
        PROPERTY,
    ),
    "tls-own-certificate": Failure(
        "the server does not accept this client's certificate {own_certificate}{alert}",
        (
            "Ask the operator of the mail server which certificates it accepts, by which authority or fingerprint, and put "
            "one of them into the key store of the provider that ",
            _setting(KEYS),
            " names.",
        ),
        PROPERTY,
    ),
    "tls-server-name": Failure(
        "the server has no certificate for the name {host}: it refused this name in the TLS handshake",
        "Set smtp-server to a name that the server is meant to be reached by.",
        "smtp-server",
    ),
    "tls-weak-server": Failure(
        "the server's TLS is too weak for this client: {message}",
        "Ask the operator of the mail server for stronger keys and signatures (RFC 9325). Until then, another cipher suite "
        "(mail.smtp.ssl.ciphersuites, for example of the ECDHE kind) may avoid the weak key.",
        "smtp-property",
    ),
    "tls-failed": Failure(
        "the TLS handshake failed: {message}",
        "Check that the port speaks TLS; the server's own log says more.",
        "smtp-server",
    ),
    "tls-closed": Failure(
        "the server closed the connection during the TLS handshake",
        "Check that the port speaks TLS, and that no firewall blocks the connection.",
        "smtp-server",
        retry=True,
    ),
    "tls-timeout": Failure(
        "the server did not finish the TLS handshake within {limit} s",
        "Check that the port speaks TLS; port 587 usually needs use-start-tls, port 465 use-ssl.",
        "smtp-server",
        retry=True,
    ),
    # banner
    "silent": Failure(
        "{address} accepts the connection and then sends nothing",
        ("Check the port. If it speaks TLS from the first byte, set ", _USE_SSL, " and ", _NO_STARTTLS, "."),
        "smtp-server",
        retry=True,
    ),
    "closed-before-banner": Failure(
        "{address} closed the connection without a greeting",
        (
            "Check whether the server blocks this machine. If the port speaks TLS from the first byte, set ",
            _USE_SSL,
            ".",
        ),
        "smtp-server",
        retry=True,
    ),
    "not-smtp": Failure(
        '{address} does not answer as a mail server: it said "{line}"',
        "Check the port: the ports of mail submission are 587 and 465.",
        "smtp-server",
    ),
    "banner-busy": Failure(
        "the server is busy or accepts no more connections",
        "Try again later: the server refuses for now. Fewer connections at a time may help.",
        "",
        retry=True,
    ),
    "banner-refused": Failure(
        "the server refuses to talk to this machine",
        "Ask its operator whether this machine's address is blocked.",
        "smtp-server",
    ),
    # ehlo
    "ehlo-refused": Failure(
        "the server does not accept the name this machine gives (EHLO {ehlo})",
        (
            "Set ",
            _setting("mail.smtp.localhost"),
            " to a name the server accepts, usually this machine's full DNS name.",
        ),
        "smtp-property",
    ),
    "ehlo-closing": Failure(
        "the server closes the connection after EHLO {ehlo}",
        (
            "Set ",
            _setting("mail.smtp.localhost"),
            " to this machine's full DNS name: some relays, such as smtp-relay.gmail.com, close the connection if they do "
            "not know the name. If the name is right, try again later.",
        ),
        "smtp-property",
        retry=True,
    ),
    "ehlo-temporary": Failure("the server cannot go on after EHLO", _RETRY, "smtp-server", retry=True),
    # starttls
    "starttls-not-offered": Failure(
        "the server does not offer STARTTLS, and nothing is sent without TLS",
        (
            "Check the port (587 usually offers it). If the port speaks TLS from the first byte, set ",
            _USE_SSL,
            " and ",
            _NO_STARTTLS,
            ". If the server offered STARTTLS before, someone may be tampering with the connection.",
        ),
        "use-start-tls",
    ),
    "starttls-unavailable": Failure(
        "the server offers STARTTLS but cannot start TLS now",
        "Ask the operator of the mail server to check its certificate and key.",
        "use-start-tls",
        retry=True,
    ),
    "starttls-refused": Failure("the server refused STARTTLS", "Ask the operator of the mail server.", "use-start-tls"),
    "bytes-before-tls": Failure(
        "{message}",
        "Check the network path to the server; TLS from the first byte (use-ssl) is safer. No mail was sent.",
        "use-ssl",
    ),
    # token
    "token-provider-disabled": Failure(
        "the OAuth 2.0 provider is disabled", "Enable it, or name another provider.", "enabled"
    ),
    "token-trust-disabled": Failure(
        'the trust manager provider "{trust}" is disabled',
        "Enable it, or name another provider.",
        "trust-manager-provider",
    ),
    "token-endpoint-unusable": Failure(
        "{name} is missing, or is no URL that requests can be sent to", "Set {name} to an https URL.", "token-endpoint"
    ),
    "token-not-installed": Failure(
        "access tokens cannot be fetched: the Python packages for OAuth 2.0 are not installed",
        'Install them: pip install "confobjects[oauth]".',
    ),
    "token-key-unusable": Failure(
        "the private key cannot be read, or cannot sign",
        "Set private-key to a private key in PEM without a password: RSA, EC (P-256, P-384, P-521) or Ed25519.",
        "private-key",
    ),
    "token-consent-missing": Failure(
        "there is no refresh token: nobody has consented yet",
        (RemedyAction("authorize", "{provider}"), ", or set refresh-token."),
        "refresh-token",
    ),
    "token-host-unknown": Failure(
        "the host name {host} of the endpoint {endpoint} is not known",
        "Check the spelling of the endpoint, and that this machine's DNS knows it.",
        "token-endpoint",
    ),
    "token-unreachable": Failure(
        "the endpoint {endpoint} cannot be reached: {message}",
        "Check the endpoint, and that no firewall blocks the connection. Requests do not go through a proxy.",
        "token-endpoint",
        retry=True,
    ),
    "token-certificate": Failure(
        "the certificate of the endpoint {endpoint} is not accepted: {message}",
        "If it is the right certificate, name a trust manager provider that trusts its issuer; check the host name and this "
        "machine's clock as well.",
        "trust-manager-provider",
    ),
    "token-tls": Failure(
        "the TLS handshake with the endpoint {endpoint} failed: {message}",
        "Check that the endpoint is an https URL with the right port.",
        "token-endpoint",
    ),
    "token-timeout": Failure(
        "the endpoint {endpoint} did not answer within {limit} s", _RETRY, "token-endpoint", retry=True
    ),
    "token-not-http": Failure(
        "the endpoint {endpoint} ended the connection, or does not answer in HTTP",
        "Check host and port of the endpoint, or try again later.",
        "token-endpoint",
        retry=True,
    ),
    "token-redirected": Failure(
        "the endpoint {endpoint} answers with a redirect, which is not followed: it could lead the secret elsewhere",
        "Set the endpoint to the URL that the provider documents.",
        "token-endpoint",
    ),
    "token-endpoint-unknown": Failure(
        "the server does not know the endpoint {endpoint} (HTTP {status})",
        "Check the path of the endpoint in the provider's documentation.",
        "token-endpoint",
    ),
    "token-unavailable": Failure(
        "the endpoint {endpoint} cannot give a token now (HTTP {status})", _RETRY, "token-endpoint", retry=True
    ),
    "token-not-json": Failure(
        "the endpoint {endpoint} does not answer in JSON (HTTP {status}, {type})",
        "Check the endpoint: it may be the page where people log in.",
        "token-endpoint",
    ),
    "token-too-large": Failure(
        "the answer of the endpoint {endpoint} has more than {limit} KiB",
        "Check the endpoint: it is none for tokens.",
        "token-endpoint",
    ),
    "token-missing": Failure(
        "the answer of the provider contains no access token",
        "Check the endpoint, the grant type and the scope.",
        "token-endpoint",
    ),
    "token-codes-missing": Failure(
        "the answer of the provider contains no codes for another device",
        "Check the endpoint.",
        "device-authorization-endpoint",
    ),
    "token-not-bearer": Failure(
        'the provider gave a token of type "{type}": mail servers take only bearer tokens',
        "Ask the provider for a client that gets bearer tokens.",
        "token-endpoint",
    ),
    "token-invalid-client": Failure(
        'the provider does not accept the client "{client}"{said}',
        "Check client-id, client-authentication, and client-secret or private-key; the secret may have expired.",
        "client-secret",
    ),
    "token-invalid-grant": Failure(
        "the provider does not accept the grant{said}",
        (
            "The consent has ended, was revoked or belongs to another client: ",
            RemedyAction("authorize", "{provider}"),
            ".",
        ),
        "refresh-token",
    ),
    "token-invalid-assertion": Failure(
        "the provider does not accept the assertion of {client}{said}",
        "Check client-id, subject, private-key and private-key-id, and that the client may act for the subject.",
        "private-key",
    ),
    "token-invalid-scope": Failure(
        "the provider does not accept the scope {scope}{said}",
        "Set scope to what the provider documents for mail.",
        "scope",
    ),
    "token-unauthorized-client": Failure(
        'the client "{client}" may not use the grant {grant}{said}',
        "Allow it where the client is registered, or set another grant-type.",
        "grant-type",
    ),
    "token-unsupported-grant": Failure(
        "the provider does not know the grant {grant}{said}", "Set another grant-type.", "grant-type"
    ),
    "token-audience": Failure(
        "the provider says that the assertion is made out to somebody else{said}",
        "Set audience to what the provider documents; without it, it is the token endpoint.",
        "audience",
    ),
    "token-clock": Failure(
        "the clock of this machine and that of the provider differ{difference}{said}",
        "Set this machine's clock.",
        "",
    ),
    "token-denied": Failure(
        "the consent was refused{said}", "Ask again, and accept; an administrator may have to consent.", "scope"
    ),
    "token-codes-expired": Failure("the code has expired before somebody consented", "Begin again.", ""),
    "token-state": Failure(
        "the browser came back with an answer to another question: it is not used",
        "Begin again, in one browser window only.",
        "",
    ),
    "token-consent-timeout": Failure("nobody consented within {limit} s", "Begin again.", ""),
    "token-no-refresh": Failure(
        "the provider gave no refresh token: the consent would end with the access token",
        "Add what the provider wants for this to the scope (Microsoft 365: offline_access).",
        "scope",
    ),
    "token-redirect-port": Failure(
        "the browser cannot come back to port {port} of this machine: {message}",
        "Let the system choose a port, or give a free one.",
        "",
    ),
    "token-refused": Failure(
        "the provider refused to give a token ({error}){said}", "Read the provider's answer.", "token-endpoint"
    ),
    "token-store-busy": Failure("the access token cannot be fetched: {message}", _RETRY, "", retry=True),
    "token-store-away": Failure("tokens cannot be kept now: {message}", _RETRY, "", retry=True),
    "token-store-unusable": Failure(
        "tokens cannot be kept: {message}",
        "Make the directory readable and writable for the user of this process, and for nobody else.",
        "",
    ),
    "token-store-sealed": Failure(
        "the tokens that are kept cannot be read: {message}",
        "Give this process the key. If it is lost, remove what is kept here, and consent again where a person has to.",
        "",
    ),
    # auth
    "auth-not-offered": Failure(
        "a login is configured, but the server does not offer a login",
        "Check the port and TLS: many servers offer a login only inside TLS. For a relay without login, reset "
        f"{USERNAME_PROPERTY} and auth-password.",
        "auth-username",
    ),
    "auth-no-common-mechanism": Failure(
        "there is no login mechanism in common: the server offers {offered}, this client may use {usable}",
        "Correct mail.smtp.auth.mechanisms, or ask the operator of the mail server to offer one of these.",
        "smtp-property",
    ),
    "auth-in-clear": Failure(
        "a login is configured, but the connection is not protected by TLS: the password is not sent",
        _TLS_BEFORE_LOGIN,
        "use-start-tls",
    ),
    "auth-rejected": Failure(
        "the server does not accept the user name or the password ({username}, by {mechanism})",
        f"Check {USERNAME_PROPERTY} and auth-password.",
        "auth-password",
    ),
    "auth-token-rejected": Failure(
        "the server does not accept the access token of {username} (by {mechanism}){challenge}",
        "Get a new token; check its scope and its rights to the mailbox.",
        "auth-username",
    ),
    "auth-disabled": Failure(
        "the provider does not allow {username} to log in by {mechanism}",
        "Ask for SMTP AUTH to be enabled for the mailbox and the organisation; if only passwords are not allowed, log in "
        "with an OAuth 2.0 token.",
        "auth-password",
    ),
    "auth-policy": Failure(
        "a policy of the organisation stops the login of {username}",
        "Ask the administrator: the policy may require another factor, another network, or an OAuth 2.0 token.",
        "auth-username",
    ),
    "auth-browser": Failure(
        "the provider wants {username} to log in with a web browser first",
        "Log in with a web browser and confirm that it is you, or use an application password or an OAuth 2.0 token.",
        "auth-username",
    ),
    "auth-locked": Failure(
        "the account {username} is locked or disabled",
        "Ask the operator of the mail server to unlock it. Do not try again before that: each attempt may prolong the lock.",
        "auth-username",
    ),
    "auth-password-expired": Failure(
        "the password of {username} has expired",
        "Change the password at the provider and set the new one as auth-password.",
        "auth-password",
    ),
    "auth-app-password": Failure(
        "the provider requires an application password instead of the password of the account {username}",
        "Create an application password at the provider and set it as auth-password, or use an OAuth 2.0 token.",
        "auth-password",
    ),
    "auth-needs-tls": Failure(
        "the server requires TLS before a login",
        _TLS_BEFORE_LOGIN,
        "use-start-tls",
    ),
    "tls-not-seen": Failure(
        "the server asks for STARTTLS although the connection is inside TLS",
        (
            "Use the server's STARTTLS port and set ",
            _NO_SSL,
            " and ",
            _USE_STARTTLS,
            ", or ask its operator: TLS may end at a proxy in front of the server.",
        ),
        "use-ssl",
    ),
    "login-otherwise": Failure(
        "the server asks for a login although {username} has logged in",
        (
            "Check that the account may send mail by this server; another mechanism may be needed (",
            _setting("mail.smtp.auth.mechanisms"),
            ").",
        ),
        "auth-username",
    ),
    "auth-password-transition": Failure(
        "the server requires one login with PLAIN, or a new password, before it accepts this mechanism",
        "Log in once with PLAIN (mail.smtp.auth.mechanisms=PLAIN), or change the password.",
        "auth-password",
    ),
    "auth-temporary": Failure(
        "the server cannot check logins now", "Try again later; the server's own log says more.", "", retry=True
    ),
    "auth-too-many": Failure(
        "the server limits logins or connections",
        "Try again later; keep connections open instead of logging in for each mail.",
        "",
        retry=True,
    ),
    "auth-mechanism-refused": Failure(
        "the server offers {mechanism} but does not accept it",
        ("Choose another mechanism with ", _setting("mail.smtp.auth.mechanisms"), "."),
        "smtp-property",
    ),
    "auth-refused": Failure("the server refused the login", "Ask the operator of the mail server.", "auth-username"),
    "auth-protocol": Failure(
        "the login was given up: {message}",
        "Try another mechanism (mail.smtp.auth.mechanisms); the server may not be the one it claims to be.",
        "smtp-property",
    ),
    # mail
    "login-required": Failure(
        "the server accepts mail only after a login",
        "Set auth-username and auth-password.",
        "auth-username",
    ),
    "tls-required": Failure(
        "the server accepts mail only over TLS",
        ("Set ", _USE_STARTTLS, "."),
        "use-start-tls",
    ),
    "sender-refused": Failure(
        "the server does not accept {sender} as the sender for {username}",
        (
            "Use a sender address that the login may use, in a domain that exists: ",
            RemedyAction("give-sender"),
            ", or ",
            _setting("mail.smtp.from"),
            ".",
        ),
        "smtp-property",
    ),
    "sender-not-verified": Failure(
        "the provider has not verified the sender {sender}",
        (
            "Verify the address or its domain at the provider, or use a verified sender (",
            _setting("mail.smtp.from"),
            ", and the From header). A test account may require verified recipients too.",
        ),
        "smtp-property",
    ),
    "sender-syntax": Failure(
        "the server does not accept the sender address {sender}",
        ("Set ", _setting("mail.smtp.from"), " to a full mail address."),
        "smtp-property",
    ),
    "message-too-large": Failure(
        "the message is too large for this server{sizes}",
        "Make the message smaller, or use a server with a higher limit.",
        "",
        elsewhere=True,
    ),
    "mail-parameter": Failure(
        "the server does not know a parameter of MAIL or RCPT",
        (
            "Check mail.smtp.mailextension, mail.smtp.dsn.ret, mail.smtp.dsn.notify and mail.smtp.submitter. If the server "
            "refuses an extension that it offers (SIZE, 8BITMIME, …), switch that off with ",
            _setting("confobjects.ignore-extensions"),
            ".",
        ),
        "smtp-property",
    ),
    "pipelining-refused": Failure(
        "the server offers PIPELINING and does not accept commands that are sent together",
        ("Add ", RemedyAction("add", PROPERTY, "confobjects.ignore-extensions=PIPELINING"), "."),
        "smtp-property",
    ),
    "client-blocked": Failure(
        "the server does not accept mail from the network address of this machine",
        "Ask the operator of the list that the answer names, or of the server, to take the address off; or send through a "
        "server that accepts mail from this machine after a login.",
        "smtp-server",
    ),
    "no-reverse-name": Failure(
        "the network address of this machine has no name in the DNS, or the name does not lead back to the address",
        "Have a PTR record set for the address, and an address record for that name; or send through a server that accepts "
        "mail from this machine after a login.",
        "smtp-server",
    ),
    "rate-limited": Failure(
        "the server limits how fast mail is sent",
        "Send more slowly: fewer connections at a time (confobjects.pool.max-connections), fewer messages over each "
        "(confobjects.pool.messages-per-connection), and try again later.",
        "smtp-property",
        retry=True,
    ),
    "sending-limit": Failure(
        "the account has sent as much as it may for now",
        "Wait until the provider resets the limit, or ask for a higher one.",
        "auth-username",
        retry=True,
    ),
    "mail-loop": Failure(
        "the message has passed through too many servers: there is a mail loop",
        "Check the forwarding rules of {recipients}.",
        "",
        elsewhere=False,
    ),
    "server-full": Failure("the server has no space for mail now", _RETRY, "", retry=True),
    "mail-temporary": Failure("the server accepts no mail from {sender} now", _RETRY, "", retry=True),
    "utf8-not-offered": Failure(
        "an address or header needs SMTPUTF8, which the server does not offer: {address}",
        "Use addresses with only ASCII characters before the @.",
        "",
    ),
    "8bit-not-offered": Failure(
        "the message contains 8-bit text and the server does not offer 8BITMIME",
        "Send an EmailMessage, which is recoded as needed, or encode the parts as quoted-printable or base64. What is signed "
        "or encrypted is not recoded: encode it before.",
        "",
    ),
    # rcpt
    "relay-denied": Failure(
        "the server does not relay mail to {recipients} for {username}",
        "Log in (auth-username, auth-password) with an account that may send mail to other domains, or use a server that is "
        "responsible for the address.",
        "auth-username",
    ),
    "no-such-recipient": Failure(
        "the server does not know the recipient {recipients}", "Check the address.", "", elsewhere=False
    ),
    "recipient-syntax": Failure(
        "the server does not accept the recipient address {recipients}",
        "Check the address.",
        "",
        elsewhere=False,
    ),
    "recipient-temporary": Failure(
        "the server does not accept mail for {recipients} now (greylisting, or a limit)", _RETRY, "", retry=True
    ),
    "too-many-recipients": Failure(
        "the server accepts no more recipients in one message",
        (
            "Send to fewer recipients at a time, or add ",
            RemedyAction("add", PROPERTY, "mail.smtp.sendpartial=true"),
            ".",
        ),
        "smtp-property",
        retry=True,
    ),
    "recipient-refused": Failure("the server refuses the recipient {recipients}", "Check the address.", ""),
    # data
    "policy-refused": Failure(
        "the server refuses the message: the sender's domain does not allow it to be sent this way (DMARC, SPF, DKIM)",
        "Send through a server that the domain of {sender} authorises, or use another sender address.",
        "",
    ),
    "content-refused": Failure(
        "the server refuses the content of the message",
        "Read the server's answer; it may consider the message spam.",
        "",
    ),
    "quota-exceeded": Failure("a limit on storage or size is exceeded", _RETRY, "", retry=True),
    "data-temporary": Failure("the server does not accept the message now", _RETRY, "", retry=True),
    "wire": Failure("{message}", "Remove the character.", "", elsewhere=False),
    "unknown-outcome": Failure(
        "the connection was lost after the message was sent: the server may have accepted it",
        "Ask the recipient or read the server's log before you send it again: it could arrive twice.",
        "",
        elsewhere=False,
    ),
    "withdrawn": Failure(
        "the message was withdrawn before the server had all of it",
        "Send it again, unless somebody else does.",
        "",
        elsewhere=False,
    ),
    # any stage
    "closing": Failure("the server is closing the connection", _RETRY, "", retry=True),
    "timeout": Failure(
        "the server did not answer within {limit} s (stage {stage})",
        ("Try again later; the limit is ", _setting("mail.smtp.timeout"), " (milliseconds)."),
        "smtp-property",
        retry=True,
    ),
    "total-timeout": Failure(
        "the whole delivery took longer than {limit} s (stage {stage})",
        ("Try again later; the limit is ", _setting("confobjects.total-timeout"), " (milliseconds)."),
        "smtp-property",
        retry=True,
    ),
    "closed": Failure("the server closed the connection (stage {stage})", _RETRY, "", retry=True),
    "connection-lost": Failure("the connection was lost (stage {stage}): {message}", _RETRY, "", retry=True),
    "protocol": Failure(
        "the server does not follow SMTP: {message}",
        "Check that host and port are those of a mail server.",
        "smtp-server",
    ),
    "refused": Failure("the server refused the command (stage {stage})", "Read the server's answer.", ""),
}
"""Code -> words. Codes are stable; JSON output and the documentation use them."""

TRUST_REASONS: Final = {
    "trust-store-unreadable": "a file or directory of the trust manager provider is missing or cannot be read",
    "trust-store-pin": "the pin of the trust store is missing or wrong",
    "trust-store-damaged": "the trust store is damaged, or has another format than trust-store-type says",
    "trust-store-empty": "the trust store contains no certificate to trust",
    "trust-unusable": "the trust manager provider cannot be used for another reason",
}
"""Reasons why a trust manager provider cannot be used; they are found before any connection is made."""

KEY_REASONS: Final = {
    "key-store-unreadable": "the key store of the key manager provider is missing or cannot be read",
    "key-store-exposed": "every user of this machine may read or change the key store",
    "key-store-pin": "the pin of the key store, or of the key in it, is missing or wrong",
    "key-store-damaged": "the key store is damaged, or has another format than key-store-type says",
    "key-store-empty": "the key store contains no private key, or no certificate for it",
    "key-store-mismatch": "the private key in the key store does not fit its certificate",
    "key-store-alias": "the key store contains several keys, or none with the alias of key-alias",
    "own-certificate-expired": "the client's own certificate has expired",
    "own-certificate-not-yet-valid": "the client's own certificate is not valid yet",
    "key-unusable": "the key manager provider cannot be used for another reason",
}
"""Reasons why a key manager provider cannot be used; they too are found before any connection is made."""
