"""Mail providers, as data: what each documents about sending through it, so that nobody has to look it up.

A preset says where to connect, how to log in, and what the provider allows. To add a provider is to add a row to
:data:`PRESETS`. The figures are those of the page named in ``source``; a provider may change them.
"""

from __future__ import annotations

from typing import Any, Final, Literal

from confobjects.records import Record

Security = Literal["start-tls", "ssl"]
START_TLS_PORTS: Final = (25, 587, 2525)
"""The ports on which a connection begins in clear and is secured by STARTTLS; on all others TLS comes first."""

REGION: Final = "{region}"
"""What stands for the region in a host."""


class MailPreset(Record):
    """One mail provider.

    ``host`` may have a ``{region}``, which the user chooses. ``username`` is the user name that everybody gives; where it
    is empty, ``login`` says what to give. ``password`` says what the password is, empty if none is accepted. ``grants`` are
    the OAuth 2.0 grants with which the provider lets a program send, ``scope`` and ``endpoint``, where tokens are fetched, are for them; the
    endpoint may have a ``{tenant}``. ``include`` is the domain to include in SPF where a mail keeps its envelope
    sender, empty if none is documented. ``limits`` are those that it documents, ``source`` is the page that does.
    """

    name: str
    title: str
    host: str
    port: int
    password: str
    source: str
    other_ports: tuple[int, ...] = ()
    username: str = ""
    login: str = "your whole mail address"
    grants: tuple[str, ...] = ()
    scope: str = ""
    endpoint: str = ""
    include: str = ""
    limits: str = ""
    note: str = ""

    @property
    def has_regions(self) -> bool:
        """Whether the host depends on the region of the account."""
        return REGION in self.host

    @property
    def security(self) -> Security:
        """How the connection is secured, which follows from the port."""
        return security_of(self.port)

    def as_json(self) -> dict[str, Any]:
        """Return the preset for a program."""
        return {
            "name": self.name,
            "title": self.title,
            "host": self.host,
            "port": self.port,
            "security": self.security,
            "other_ports": [{"port": port, "security": security_of(port)} for port in self.other_ports],
            "login": self.username or self.login,
            "password": self.password,
            "grants": list(self.grants),
            "scope": self.scope,
            "endpoint": self.endpoint,
            "include": self.include,
            "limits": self.limits,
            "note": self.note,
            "source": self.source,
        }


def security_of(port: int) -> Security:
    """Return how a connection to a port is usually secured."""
    return "start-tls" if port in START_TLS_PORTS else "ssl"


PRESETS: Final = {
    preset.name: preset
    for preset in (
        MailPreset(
            "amazon-ses",
            "Amazon Simple Email Service",
            "email-smtp.{region}.amazonaws.com",
            587,
            "the SMTP password that Amazon SES makes for you; it is not your secret access key",
            "https://docs.aws.amazon.com/ses/latest/dg/smtp-connect.html",
            other_ports=(25, 465, 2465),
            login="the SMTP user name that Amazon SES makes for you",
            limits="In the sandbox 200 mails in 24 hours, 1 a second, to verified addresses only.",
            note="The sender's address or domain has to be verified in the same region.",
        ),
        MailPreset(
            "brevo",
            "Brevo",
            "smtp-relay.brevo.com",
            587,
            "an SMTP key",
            "https://developers.brevo.com/docs/smtp-integration",
            other_ports=(465, 2525),
            login="the login shown beside the SMTP keys",
            limits="300 mails a day without a paid plan.",
        ),
        MailPreset(
            "fastmail",
            "Fastmail",
            "smtp.fastmail.com",
            465,
            "an app password",
            "https://www.fastmail.help/hc/en-us/articles/1500000278342",
            other_ports=(587,),
            include="spf.messagingengine.com",
        ),
        MailPreset(
            "google",
            "Gmail and Google Workspace",
            "smtp.gmail.com",
            465,
            "an app password, which needs 2-Step Verification",
            "https://support.google.com/a/answer/176600",
            other_ports=(587,),
            grants=("authorization-code", "refresh-token", "jwt-bearer"),
            scope="https://mail.google.com/",
            endpoint="https://oauth2.googleapis.com/token",
            limits="2,000 mails a day with Google Workspace, 500 with a personal account.",
            note="The password of the account itself is refused. Mail from an address that is not the account's or an alias of it "
            "gets the account's address.",
            include="_spf.google.com",
        ),
        MailPreset(
            "google-relay",
            "Google Workspace SMTP relay",
            "smtp-relay.gmail.com",
            587,
            "an app password",
            "https://support.google.com/a/answer/2956491",
            other_ports=(25, 465),
            limits="10,000 recipients a day for each user.",
            note="An administrator has to switch on the SMTP relay service; it can relay for other addresses of the domain.",
            include="_spf.google.com",
        ),
        MailPreset(
            "icloud",
            "iCloud Mail",
            "smtp.mail.me.com",
            587,
            "an app-specific password",
            "https://support.apple.com/en-us/102525",
            limits="1,000 mails a day, 500 recipients a mail.",
            include="icloud.com",
        ),
        MailPreset(
            "mailgun",
            "Mailgun",
            "smtp.mailgun.org",
            587,
            "the password of the SMTP user of your domain",
            "https://documentation.mailgun.com/docs/mailgun/user-manual/sending-messages/send-smtp",
            other_ports=(25, 2525, 465),
            login="the SMTP user of your domain, such as postmaster@mg.example.com",
            note="A domain in the European region sends through smtp.eu.mailgun.org.",
        ),
        MailPreset(
            "mailjet",
            "Mailjet",
            "in-v3.mailjet.com",
            587,
            "the secret key",
            "https://dev.mailjet.com/smtp-relay/configuration/",
            other_ports=(25, 2525, 465),
            login="the API key",
        ),
        MailPreset(
            "microsoft-365",
            "Microsoft 365",
            "smtp.office365.com",
            587,
            "the password of the mailbox, as long as your organization still allows it",
            "https://learn.microsoft.com/en-us/exchange/clients-and-mobile-in-exchange-online/"
            "authenticated-client-smtp-submission",
            other_ports=(25,),
            grants=("authorization-code", "refresh-token", "device-code", "client-credentials"),
            scope="https://outlook.office.com/SMTP.Send offline_access",
            endpoint="https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token",
            limits="30 mails a minute, 10,000 recipients a day, 3 connections at once.",
            note="Authenticated SMTP has to be enabled for the mailbox, and another address needs the right to send as it. Client credentials take the scope "
            "https://outlook.office365.com/.default instead.",
            include="spf.protection.outlook.com",
        ),
        MailPreset(
            "outlook",
            "Outlook.com",
            "smtp-mail.outlook.com",
            587,
            "",
            "https://support.microsoft.com/en-us/office/d088b986-291d-42b8-9564-9c414e2aa040",
            grants=("authorization-code", "refresh-token", "device-code"),
            scope="https://outlook.office.com/SMTP.Send offline_access",
            endpoint="https://login.microsoftonline.com/consumers/oauth2/v2.0/token",
            note="No password is accepted.",
        ),
        MailPreset(
            "postmark",
            "Postmark",
            "smtp.postmarkapp.com",
            587,
            "the server API token again",
            "https://postmarkapp.com/developer/user-guide/send-email-with-smtp",
            other_ports=(25, 2525),
            login="the server API token",
            note="The sender's address or domain has to be verified.",
        ),
        MailPreset(
            "proton",
            "Proton Mail",
            "smtp.protonmail.ch",
            587,
            "an SMTP token of that address",
            "https://proton.me/support/smtp-submission",
            note="It needs a plan for business and a domain of your own.",
            include="_spf.protonmail.ch",
        ),
        MailPreset(
            "resend",
            "Resend",
            "smtp.resend.com",
            465,
            "an API key",
            "https://resend.com/docs/send-with-smtp",
            other_ports=(25, 587, 2465),
            username="resend",
        ),
        MailPreset(
            "sendgrid",
            "Twilio SendGrid",
            "smtp.sendgrid.net",
            587,
            "an API key that may send mail",
            "https://www.twilio.com/docs/sendgrid/for-developers/sending-email/integrating-with-the-smtp-api",
            other_ports=(25, 2525, 465),
            username="apikey",
            limits="5,000 mails through one connection.",
        ),
        MailPreset(
            "yahoo",
            "Yahoo Mail",
            "smtp.mail.yahoo.com",
            465,
            "an app password",
            "https://help.yahoo.com/kb/SLN4724.html",
            other_ports=(587,),
            limits="500 mails a day.",
        ),
        MailPreset(
            "zoho",
            "Zoho Mail",
            "smtp.zoho.com",
            465,
            "the password, or an application-specific one with two-factor authentication",
            "https://www.zoho.com/mail/help/zoho-smtp.html",
            other_ports=(587,),
            note="Accounts of an organization use smtppro.zoho.com; in Europe the hosts end in .eu.",
        ),
    )
}
"""The providers by name, in alphabetical order."""


def find_include(host: str) -> str:
    """Return the domain to include in SPF for mails that leave at a host, empty if that is not known."""
    return next((one.include for one in PRESETS.values() if one.host == host.lower().rstrip(".")), "")
