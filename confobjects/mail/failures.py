"""What failures mean, in words: one row for each code.

Laws: a code is stable, its words are not; a sentence begins small and has no full stop, for it follows the object and
the property; a remedy names what to do.
"""

from __future__ import annotations

from typing import Final

from confobjects.actions import Remedy, RemedyAction
from confobjects.records import Record


class Failure(Record):
    """The words of one failure, and whether to try again."""

    summary: str
    remedy: Remedy
    property: str = ""
    retry: bool = False  # the same may succeed later, nothing has to be changed
    elsewhere: bool = True  # another mail server may succeed


_RETRY: Final = "Try again later."

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
    "connection-refused": Failure(
        "nothing accepts connections at {address}",
        "Check the port, that the mail server runs, and that no firewall rejects the connection.",
        "smtp-server",
        retry=True,
    ),
    "connect-timeout": Failure(
        "no answer from {address} within {limit} s",
        "Check host and port; a firewall may drop the packets (many networks block port 25 outwards).",
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
        "Raise smtp-property:confobjects.pool.max-connections, or send less at a time.",
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
        "Check the spelling of the host in smtp-property:{setting}, and that this machine's DNS knows it.",
        "smtp-property",
    ),
    "proxy-unreachable": Failure(
        "the proxy {proxy} cannot be reached: {message}",
        "Check its host and port in smtp-property:{setting}, that its name can be looked up here, that it runs, and that "
        "no firewall stands between.",
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
        "Where the server uses STARTTLS there, set use-ssl:false and use-start-tls:true; else use its TLS port (465).",
        "use-ssl",
    ),
    "tls-port-without-tls": Failure(
        "port {port} speaks TLS from the first byte, and we waited for a greeting in clear",
        "Set use-ssl:true and use-start-tls:false, or use the server's STARTTLS port (587).",
        "use-ssl",
    ),
    "certificate-expired": Failure(
        "the certificate{subject} has expired{expiry}",
        "The operator of the mail server has to renew it; check this machine's clock as well.",
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
        "the server's certificate{subject} is self-signed, and not among the trusted ones",
        "If it is the right one, add it to the trust manager provider.",
        "trust-manager-provider",
    ),
    "certificate-unknown-authority": Failure(
        "the server's certificate{subject} was issued by {issuer}, which is not trusted",
        "Add the issuer's certificate to a trust manager provider and name it in trust-manager-provider; if the issuer "
        "is public, the server may leave out an intermediate certificate.",
        "trust-manager-provider",
    ),
    "certificate-wrong-name": Failure(
        "the server's certificate is not for {host}: it is for {names}",
        "Set smtp-server to a name the certificate holds, or have a certificate issued for {host}.",
        "smtp-server",
    ),
    "certificate-wrong-purpose": Failure(
        "the server's certificate{subject} is not meant for servers",
        "The operator needs a certificate with the purpose serverAuth.",
        "trust-manager-provider",
    ),
    "certificate-weak": Failure(
        "the server's certificate{subject} is too weak: {message}",
        "The operator needs a certificate with a stronger key and digest.",
        "trust-manager-provider",
    ),
    "certificate-revoked": Failure(
        "the server's certificate{subject} is revoked",
        "The operator has to replace it.",
        "trust-manager-provider",
    ),
    "certificate-refused": Failure(
        "the server's certificate{subject} is not accepted: {message}",
        "Have the operator check it.",
        "trust-manager-provider",
    ),
    "host-not-in-trust-list": Failure(
        "{host} is not among the hosts of mail.smtp.ssl.trust, and where that is set all others are refused",
        "Add {host} to mail.smtp.ssl.trust, or better remove the setting and use a trust manager provider.",
        "smtp-property",
    ),
    "tls-no-common-version": Failure(
        "the server and we have no TLS version in common (we speak {versions})",
        "The server may be too old: TLS 1.2 is the least that is safe. Check mail.smtp.ssl.protocols.",
        "smtp-property",
    ),
    "tls-no-common-cipher": Failure(
        "the server broke the TLS handshake off: probably no cipher suite in common",
        "Check mail.smtp.ssl.ciphersuites, or whether the server wants a client certificate.",
        "smtp-property",
    ),
    "tls-failed": Failure("the TLS handshake failed: {message}", "Check that the port speaks TLS.", "smtp-server"),
    "tls-closed": Failure(
        "the server closed the connection during the TLS handshake",
        "Check that the port speaks TLS, and that no firewall stands between.",
        "smtp-server",
        retry=True,
    ),
    "tls-timeout": Failure(
        "the server did not finish the TLS handshake within {limit} s",
        "Check that the port speaks TLS; port 587 mostly wants use-start-tls, port 465 use-ssl.",
        "smtp-server",
        retry=True,
    ),
    # banner
    "silent": Failure(
        "{address} accepts the connection and then says nothing",
        "The port may speak TLS from the first byte: then set use-ssl:true and use-start-tls:false. Else check the port.",
        "smtp-server",
        retry=True,
    ),
    "closed-before-banner": Failure(
        "{address} closed the connection without a word",
        "This machine may be blocked there, or the port may want TLS from the first byte (use-ssl:true).",
        "smtp-server",
        retry=True,
    ),
    "not-smtp": Failure(
        'what answers at {address} is no mail server: it said "{line}"',
        "Check the port: 587 and 465 are those of mail submission.",
        "smtp-server",
    ),
    "banner-busy": Failure(
        "the server is busy or takes no more connections",
        "Try again later; fewer connections at a time may help.",
        "smtp-property",
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
        "Set smtp-property:mail.smtp.localhost=… to a name the server accepts, mostly this machine's full DNS name.",
        "smtp-property",
    ),
    "ehlo-temporary": Failure("the server cannot go on after EHLO", _RETRY, "smtp-server", retry=True),
    # starttls
    "starttls-not-offered": Failure(
        "the server does not offer STARTTLS, and nothing is sent without TLS",
        "Check the port (587 offers it mostly); where TLS begins with the first byte, set use-ssl:true and "
        "use-start-tls:false. If the server did offer it before, someone may be tampering with the connection.",
        "use-start-tls",
    ),
    "starttls-unavailable": Failure(
        "the server offers STARTTLS but cannot do it now",
        "The operator of the mail server has to check its certificate and key.",
        "use-start-tls",
        retry=True,
    ),
    "starttls-refused": Failure("the server refused STARTTLS", "Ask the operator of the mail server.", "use-start-tls"),
    "bytes-before-tls": Failure(
        "{message}",
        "Nothing was sent. Check the network between here and the server; TLS from the first byte (use-ssl) is safer.",
        "use-ssl",
    ),
    # auth
    "auth-not-offered": Failure(
        "a login is configured, but the server offers none",
        "Check the port and TLS: many servers offer it only inside TLS. A relay without login wants auth-username and "
        "auth-password reset.",
        "auth-username",
    ),
    "auth-no-common-mechanism": Failure(
        "there is no login mechanism in common: the server offers {offered}, we may use {usable}",
        "Correct mail.smtp.auth.mechanisms, or have the operator offer one of ours.",
        "smtp-property",
    ),
    "auth-in-clear": Failure(
        "a login is configured, but the connection is not protected by TLS: the password is not sent",
        "Set use-start-tls:true, or use-ssl:true with the server's TLS port.",
        "use-start-tls",
    ),
    "auth-rejected": Failure(
        "the server does not accept user name and password ({username}, by {mechanism})",
        "Check auth-username and auth-password.",
        "auth-password",
    ),
    "auth-token-rejected": Failure(
        "the server does not accept the access token of {username} (by {mechanism}){challenge}",
        "Get a new token; check its scope and the rights to the mailbox.",
        "auth-username",
    ),
    "auth-disabled": Failure(
        "the provider has switched login with a password off for {username}",
        "Have SMTP AUTH enabled for the mailbox and the organisation, or log in with an OAuth 2.0 token.",
        "auth-password",
    ),
    "auth-app-password": Failure(
        "the provider wants an application password, not the password of the account {username}",
        "Make an application password with the provider and set it as auth-password, or use an OAuth 2.0 token.",
        "auth-password",
    ),
    "auth-needs-tls": Failure(
        "the server wants TLS before a login",
        "Set use-start-tls:true, or use-ssl:true with the server's TLS port.",
        "use-start-tls",
    ),
    "auth-password-transition": Failure(
        "the server wants the password to be used once with a plain mechanism, or to be changed",
        "Log in once with PLAIN (mail.smtp.auth.mechanisms=PLAIN), or change the password.",
        "auth-password",
    ),
    "auth-temporary": Failure(
        "the server cannot check logins now", "Try again later; the server's own log says more.", "", retry=True
    ),
    "auth-too-many": Failure(
        "the server limits logins or connections",
        "Try again later; keep connections instead of logging in for each mail.",
        "smtp-property",
        retry=True,
    ),
    "auth-mechanism-refused": Failure(
        "the server offers {mechanism} but does not take it",
        "Name another in smtp-property:mail.smtp.auth.mechanisms=….",
        "smtp-property",
    ),
    "auth-refused": Failure("the server refused the login", "Ask the operator of the mail server.", "auth-username"),
    "auth-protocol": Failure(
        "the login was broken off: {message}",
        "Try another mechanism (mail.smtp.auth.mechanisms); the server may not be what it says it is.",
        "smtp-property",
    ),
    # mail
    "login-required": Failure(
        "the server takes mail only after a login",
        "Set auth-username and auth-password.",
        "auth-username",
    ),
    "tls-required": Failure(
        "the server takes mail only over TLS",
        "Set use-start-tls:true.",
        "use-start-tls",
    ),
    "sender-refused": Failure(
        "the server does not let {username} send as {sender}",
        (
            "Use a sender address that belongs to the login: ",
            RemedyAction("give-sender"),
            ", or smtp-property:mail.smtp.from=….",
        ),
        "smtp-property",
    ),
    "sender-syntax": Failure(
        "the server does not accept the sender address {sender}",
        "Set smtp-property:mail.smtp.from=… to a full mail address.",
        "smtp-property",
    ),
    "message-too-large": Failure(
        "the message is too large for this server{sizes}",
        "Make the message smaller, or use a server with a higher limit.",
        "",
        elsewhere=True,
    ),
    "mail-parameter": Failure(
        "the server does not know a parameter of MAIL",
        "Check mail.smtp.mailextension, mail.smtp.dsn.ret and mail.smtp.submitter.",
        "smtp-property",
    ),
    "server-full": Failure("the server has no room for mail now", _RETRY, "", retry=True),
    "mail-temporary": Failure("the server takes no mail from {sender} now", _RETRY, "", retry=True),
    "utf8-not-offered": Failure(
        "an address or header needs SMTPUTF8, which the server does not offer: {address}",
        "Use addresses whose part before the @ is ASCII.",
        "",
    ),
    "8bit-not-offered": Failure(
        "the message holds 8-bit text and the server does not offer 8BITMIME",
        "Hand in an EmailMessage, which can be recoded, or encode the parts as quoted-printable or base64.",
        "",
    ),
    # rcpt
    "relay-denied": Failure(
        "the server does not relay mail to {recipients} for us",
        "Log in first (auth-username, auth-password), or use a server that is responsible for the address.",
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
        "the server does not take mail for {recipients} now (greylisting, or a limit)", _RETRY, "", retry=True
    ),
    "too-many-recipients": Failure(
        "the server takes no more recipients in one message",
        "Send to fewer recipients at a time, or set smtp-property:mail.smtp.sendpartial=true.",
        "smtp-property",
        retry=True,
    ),
    "recipient-refused": Failure("the server refuses the recipient {recipients}", "Check the address.", ""),
    # data
    "policy-refused": Failure(
        "the server refuses the message: the sender's domain does not allow it to be sent this way (DMARC, SPF, DKIM)",
        "Send through a server that the domain of {sender} authorises, or use another sender address.",
        "smtp-property",
    ),
    "content-refused": Failure(
        "the server refuses the content of the message",
        "Its own words say why; it may take it for spam.",
        "",
    ),
    "quota-exceeded": Failure("a limit of storage or size is exceeded", _RETRY, "", retry=True),
    "data-temporary": Failure("the server does not take the message now", _RETRY, "", retry=True),
    "wire": Failure("{message}", "Remove the character.", "", elsewhere=False),
    "unknown-outcome": Failure(
        "the connection was lost after the message had been sent: the server may have taken it",
        "Ask the recipient, or look into the server's log, before sending again: it could arrive twice.",
        "",
        elsewhere=False,
    ),
    # any stage
    "closing": Failure("the server is closing the connection", _RETRY, "", retry=True),
    "timeout": Failure(
        "the server did not answer within {limit} s (stage {stage})",
        "Try again later; the limit is smtp-property:mail.smtp.timeout (milliseconds).",
        "smtp-property",
        retry=True,
    ),
    "total-timeout": Failure(
        "the delivery took longer than {limit} s in all (stage {stage})",
        "Try again later; the limit is smtp-property:confobjects.total-timeout (milliseconds).",
        "smtp-property",
        retry=True,
    ),
    "closed": Failure("the server closed the connection (stage {stage})", _RETRY, "", retry=True),
    "connection-lost": Failure("the connection was lost (stage {stage}): {message}", _RETRY, "", retry=True),
    "protocol": Failure(
        "the server does not keep to SMTP: {message}",
        "Check that host and port are those of a mail server.",
        "smtp-server",
    ),
    "refused": Failure("the server refused (stage {stage})", "Its own words say why.", ""),
}
"""Code -> words. Codes are stable; they stand in JSON output and in the documentation."""

TRUST_REASONS: Final = {
    "trust-store-unreadable": "a file or directory of the trust manager provider is missing or cannot be read",
    "trust-store-pin": "the pin of the trust store is missing or wrong",
    "trust-store-damaged": "the trust store is damaged, or of another format than was said",
    "trust-store-empty": "the trust store holds no certificate to trust",
    "trust-unusable": "the trust manager provider cannot be used for another reason",
}
"""Codes of failures of a trust manager provider, found before anything is connected."""
