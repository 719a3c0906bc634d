"""A reply is understood by what it means, wherever the server says it.

Each row is a reply that a server or provider is known to send, with addresses of example networks. The stages are those
in which it can come: the meaning is the same in all of them.
"""

from __future__ import annotations

import re
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from confobjects.mail.diagnosis import STAGES
from confobjects.mail.meanings import REPLY_RULES
from confobjects.mail.replies import Reply
from confobjects.mail.signals import code_for, comparable_text, enhanced_detail

MAIL: Final = "mail rcpt data"
IN_TLS: Final = {"tls": True}
LOGGED_IN: Final = {"tls": True, "logged_in": True}
WITH_TOKEN: Final = {"tls": True, "token": True}

# code, stages, reply, and what holds of the session
MEANINGS: Final[tuple[tuple[str, str, str, dict[str, Any]], ...]] = (
    # -- logins: Exchange Online
    ("auth-rejected", "auth", "535 5.7.3 Authentication unsuccessful [AM0PR01CA0001.eurprd01.prod.outlook.com]", IN_TLS),
    ("auth-rejected", "auth", "535 5.7.139 Authentication unsuccessful, the user credentials were incorrect. [X]", IN_TLS),
    ("auth-disabled", "auth", "535 5.7.139 Authentication unsuccessful, user is locked by your organization's security"
     " defaults policy. Contact your administrator. [X]", IN_TLS),
    ("auth-disabled", "auth", "535 5.7.139 Authentication unsuccessful, basic authentication is disabled. [X]", IN_TLS),
    ("auth-disabled", "auth", "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the"
     " Tenant. Visit https://aka.ms/smtp_auth_disabled for more information. [X]", IN_TLS),
    ("auth-disabled", "auth", "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the"
     " Mailbox.", WITH_TOKEN),
    ("auth-policy", "auth", "535 5.7.139 Authentication unsuccessful, the request did not meet the criteria to be"
     " authenticated successfully. Contact your administrator.", IN_TLS),
    ("auth-locked", "auth", "535 5.7.139 Authentication unsuccessful, the user account is locked.", IN_TLS),
    ("auth-locked", "auth", "535 5.7.139 Authentication unsuccessful, account is temporarily locked", IN_TLS),
    ("auth-password-expired", "auth", "535 5.7.139 Authentication unsuccessful, the user password has expired.", IN_TLS),
    ("auth-token-rejected", "auth", "535 5.7.3 Authentication unsuccessful", WITH_TOKEN),
    ("auth-token-rejected", "auth", "535 5.7.139 Authentication unsuccessful, the user credentials were incorrect.",
     WITH_TOKEN),
    ("auth-mechanism-refused", "auth", "504 5.7.4 Unrecognized authentication type", IN_TLS),
    ("auth-too-many", "auth", "432 4.3.2 Concurrent connections limit exceeded. Visit https://aka.ms/concurrent_sending",
     IN_TLS),
    ("auth-temporary", "auth", "451 4.7.0 Temporary server error. Please try again later. PRX4", IN_TLS),
    ("auth-temporary", "auth", "454 4.7.0 Temporary authentication failure: connection lost to authentication server",
     IN_TLS),
    # -- a certificate of the client: Postfix
    ("tls-client-certificate", "banner ehlo ehlo-tls", "421 4.7.1 mx.test Error: No client certificate presented", IN_TLS),
    ("tls-own-certificate", "banner ehlo ehlo-tls", "421 4.7.1 mx.test Error: Client certificate not trusted",
     {"tls": True, "own_certificate": "CN=client"}),
    ("tls-client-certificate", MAIL, "550 5.7.1 client certificate required", IN_TLS),
    # -- logins: Gmail
    ("auth-rejected", "auth", "535 5.7.8 Username and Password not accepted. Learn more at"
     " https://support.google.com/mail/?p=BadCredentials x-20020a05.12 - gsmtp", IN_TLS),
    ("auth-app-password", "auth", "534 5.7.9 Application-specific password required. Learn more at"
     " https://support.google.com/mail/?p=InvalidSecondFactor - gsmtp", IN_TLS),
    ("auth-browser", "auth", "534 5.7.14 <https://accounts.google.com/signin/continue?sarp=1> Please log in via your web"
     " browser and then try again. - gsmtp", IN_TLS),
    ("auth-browser", "auth", "534 5.7.9 Please log in with your web browser and then try again. Learn more at x", IN_TLS),
    ("auth-too-many", "auth", "454 4.7.0 Too many login attempts, please try again later. - gsmtp", IN_TLS),
    ("auth-token-rejected", "auth", "535 5.7.8 Username and Password not accepted. - gsmtp", WITH_TOKEN),
    # -- logins: others
    ("auth-rejected", "auth", "535 5.7.8 Error: authentication failed: UGFzc3dvcmQ6", IN_TLS),
    ("auth-rejected", "auth", "535 5.7.8 Error: authentication failed: (reason unavailable)", IN_TLS),
    ("auth-rejected", "auth", "535 Incorrect authentication data", IN_TLS),
    ("auth-rejected", "auth", "535 Authentication Credentials Invalid", IN_TLS),
    ("auth-rejected", "auth", "535 Authentication failed: Bad username / password", IN_TLS),
    ("auth-rejected", "auth", "535 5.7.0 (#MBR1212) Incorrect username or password", IN_TLS),
    ("auth-rejected", "auth", "550 5.7.1 Invalid credentials", IN_TLS),
    ("auth-rejected", "auth", "554 5.7.0 Authentication failed", IN_TLS),
    ("auth-app-password", "auth", "535 Login Fail. Please enter your authorization code to login. More information in"
     " http://service.mail.qq.com", IN_TLS),
    ("auth-app-password", "auth", "535 5.7.8 Error: authentication failed: use an app-specific password", IN_TLS),
    ("auth-app-password", "auth", "535 5.7.0 You need to create an app password to use this service", IN_TLS),
    ("auth-disabled", "auth", "535 SMTP authentication is not enabled for this account", IN_TLS),
    ("auth-disabled", "auth", "550 User has no permission", IN_TLS),
    ("auth-locked", "auth", "525 5.7.13 User account disabled", IN_TLS),
    ("auth-locked", "auth", "535 5.7.8 account has been suspended", IN_TLS),
    ("auth-locked", "auth", "535 Account blocked, contact support", IN_TLS),
    ("auth-too-many", "auth", "535 5.7.0 (#AUTH005) Too many bad auth attempts.", IN_TLS),
    ("auth-too-many", "auth", "421 4.7.0 Too many failed logins, closing", IN_TLS),
    ("sending-limit", "auth", "451 Authentication failed: Maximum credits exceeded", IN_TLS),
    ("sending-limit", "auth", "451 Authentication failed: You've exceeded your messaging limits", IN_TLS),
    ("auth-mechanism-refused", "auth", "534 5.7.9 Authentication mechanism is too weak", IN_TLS),
    ("auth-mechanism-refused", "auth", "535 5.7.8 Error: authentication failed: Invalid authentication mechanism", IN_TLS),
    ("auth-needs-tls", "auth", "530 5.7.0 Must issue a STARTTLS command first", {}),
    ("auth-needs-tls", "auth", "535 5.7.8 Plaintext authentication disallowed on non-secure (SSL/TLS) connections", {}),
    ("tls-not-seen", "auth", "530 5.7.0 Must issue a STARTTLS command first", IN_TLS),
    ("login-otherwise", "auth", "530 5.7.0 Authentication required", IN_TLS),
    ("login-otherwise", "auth", "530 5.7.1 Client was not authenticated", IN_TLS),
    ("closing", "auth", "421 4.3.2 Service shutting down", IN_TLS),
    # -- what is wanted before mail
    ("tls-required", MAIL, "530 5.7.0 Must issue a STARTTLS command first", {}),
    ("tls-required", MAIL, "550 5.7.10 Encryption needed", {}),
    ("tls-required", MAIL, "554 5.7.1 Session encryption is required", {}),
    ("tls-not-seen", MAIL, "530 5.7.0 Must issue a STARTTLS command first. - gsmtp", IN_TLS),
    ("login-required", MAIL, "530 5.7.0 Authentication Required. Learn more at https://support.google.com/mail/?p=Want"
     "AuthError - gsmtp", IN_TLS),
    ("login-required", MAIL, "530 5.7.57 Client not authenticated to send mail. [X]", IN_TLS),
    ("login-required", MAIL, "530 5.7.57 SMTP; Client was not authenticated to send anonymous mail during MAIL FROM",
     IN_TLS),
    ("login-required", MAIL, "553 5.7.1 <ann@example.com>: Sender address rejected: not logged in", IN_TLS),
    ("login-required", MAIL, "550 5.7.60 you must authenticate first", IN_TLS),
    ("login-required", MAIL, "503 5.5.4 Error: send AUTH command first", IN_TLS),
    ("login-required", MAIL, "550 SMTP AUTH is required for message submission on port 587", IN_TLS),
    ("login-required", MAIL, "530 Access denied. Please log in", IN_TLS),
    ("login-otherwise", MAIL, "530 5.7.57 Client not authenticated to send mail", LOGGED_IN),
    # -- this machine: its name
    ("ehlo-refused", MAIL, "504 5.5.2 <localhost>: Helo command rejected: need fully-qualified hostname", LOGGED_IN),
    ("ehlo-refused", MAIL, "450 4.7.1 <box.local>: Helo command rejected: Host not found", {}),
    ("ehlo-refused", MAIL, "550 5.7.1 <x>: Helo command rejected: Access denied", {}),
    ("ehlo-refused", MAIL, "501 5.5.2 <[10.0.0.1>: Helo command rejected: Invalid name", {}),
    ("ehlo-refused", MAIL, "550 Access denied - Invalid HELO name (See RFC2821 4.1.1.1)", {}),
    ("ehlo-refused", MAIL, "550 Bad HELO - Host impersonating domain name [example.com]", {}),
    ("ehlo-refused", MAIL, "504 5.5.2 <x>: need fully-qualified hostname", {}),
    ("ehlo-refused", "ehlo ehlo-tls", "501 Syntactically invalid EHLO argument(s)", {}),
    ("ehlo-closing", "ehlo ehlo-tls", "421 4.7.0 Try again later, closing connection. (EHLO) x1-20020a05 - gsmtp", {}),
    ("ehlo-closing", "ehlo ehlo-tls", "421 Try again later, closing connection.", {}),
    ("ehlo-temporary", "ehlo", "421 4.3.2 Service not available", {}),
    # -- this machine: its address
    ("client-blocked", MAIL, "554 5.7.1 Service unavailable; Client host [192.0.2.7] blocked using zen.spamhaus.org;"
     " https://www.spamhaus.org/query/ip/192.0.2.7", LOGGED_IN),
    ("client-blocked", f"banner ehlo {MAIL}", "554 5.7.1 <unknown[192.0.2.7]>: Client host rejected: Access denied", {}),
    ("client-blocked", f"banner ehlo {MAIL}", "550 5.7.606 Access denied, banned sending IP [192.0.2.7]. To request removal"
     " from this list please visit https://sender.office.com/", {}),
    ("client-blocked", f"banner {MAIL}", "550 5.7.1 Unfortunately, messages from [192.0.2.7] weren't sent. Please contact"
     " your Internet service provider since part of their network is on our block list (S3140).", {}),
    ("client-blocked", f"banner {MAIL}", "553 5.7.1 [BL21] Connections will not be accepted from 192.0.2.7, because the ip is"
     " in Spamhaus's list", {}),
    ("client-blocked", f"banner {MAIL}", "421 4.7.0 [192.0.2.7] Our system has detected that this message is suspicious due"
     " to the very low reputation of the sending IP address.", {}),
    ("client-blocked", MAIL, "550 5.7.1 [192.0.2.7] The IP you're using to send mail is not authorized to send email"
     " directly to our servers. Please use the SMTP relay at your service provider instead.", {}),
    ("client-blocked", f"banner {MAIL}", "554 Your IP address 192.0.2.7 is blacklisted", {}),
    ("client-blocked", f"banner {MAIL}", '550 "JunkMail rejected - host [192.0.2.7] is in an RBL on rbl.example.com', {}),
    ("client-blocked", f"banner {MAIL}", "554-mx.example.com 192.0.2.7 is listed at bl.spamcop.net", {}),
    ("client-blocked", f"banner {MAIL}", "554 5.7.1 Your access to this mail system has been rejected due to the sending"
     " MTA's poor reputation.", {}),
    ("no-reverse-name", f"banner {MAIL}", "550 5.7.25 [192.0.2.7] The IP address sending this message does not have a PTR"
     " record setup, or the corresponding forward DNS entry does not point to the sending IP.", {}),
    ("no-reverse-name", MAIL, "450 4.7.25 Client host rejected: cannot find your hostname, [192.0.2.7]", {}),
    ("no-reverse-name", MAIL, "450 4.7.1 Client host rejected: cannot find your reverse hostname, [192.0.2.7]", {}),
    ("no-reverse-name", f"banner {MAIL}", "554 5.7.1 Connection refused. Reverse DNS lookup failed for 192.0.2.7", {}),
    ("no-reverse-name", MAIL, "550 No rDNS for your host", {}),
    # -- how much is sent
    ("rate-limited", MAIL, "550 5.7.28 [192.0.2.7] Our system has detected an unusual rate of unsolicited mail", LOGGED_IN),
    ("rate-limited", MAIL, "421 4.7.28 Gmail has detected an unusual rate of mail", {}),
    ("rate-limited", MAIL, "451 4.7.650 The mail server [192.0.2.7] has been temporarily rate limited due to IP"
     " reputation.", {}),
    ("rate-limited", MAIL, "450 4.7.1 Error: too much mail from 192.0.2.7", {}),
    ("rate-limited", MAIL, "454 Throttling failure: Maximum sending rate exceeded.", {}),
    ("rate-limited", MAIL, "432 4.3.2 STOREDRV.ClientSubmit; sender thread limit exceeded", LOGGED_IN),
    ("rate-limited", MAIL, "421 too many messages in this connection", {}),
    ("sending-limit", MAIL, "550 5.4.5 Daily user sending limit exceeded. For more information on Gmail sending limits go"
     " to https://support.google.com/a/answer/166852 - gsmtp", LOGGED_IN),
    ("sending-limit", MAIL, "550 5.4.5 Daily sending quota exceeded.", LOGGED_IN),
    ("sending-limit", MAIL, "454 Throttling failure: Daily message quota exceeded.", LOGGED_IN),
    ("sending-limit", MAIL, "550 5.1.90 Your message can't be sent because you've reached your daily limit for message"
     " recipients", LOGGED_IN),
    ("sending-limit", MAIL, "550 Domain example.com has exceeded the max emails per hour (200/200 (100%)) allowed. Message"
     " discarded.", LOGGED_IN),
    ("sending-limit", MAIL, "550 Maximum credits exceeded", LOGGED_IN),
    ("too-many-recipients", MAIL, "552 5.5.3 Too many recipients", LOGGED_IN),
    ("too-many-recipients", MAIL, "452 4.5.3 Error: too many recipients", {}),
    ("too-many-recipients", MAIL, "550 Too many recipients in one message", {}),
    ("too-many-recipients", MAIL, "550 5.5.3 Your message has exceeded the limit", {}),
    ("message-too-large", MAIL, "552 5.3.4 Message size exceeds fixed limit", {}),
    ("message-too-large", MAIL, "552 5.2.3 Your message exceeded Google's message size limits. - gsmtp", {}),
    ("message-too-large", MAIL, "552 Message size exceeds maximum permitted", {}),
    ("message-too-large", MAIL, "554 Message rejected: message length is too big. The maximum size is 10485760", {}),
    ("quota-exceeded", MAIL, "552 5.2.2 The email account that you tried to reach is over quota.", {}),
    ("quota-exceeded", MAIL, "452 4.2.2 The recipient's inbox is out of storage space. - gsmtp", {}),
    ("quota-exceeded", MAIL, "552 5.2.2 <bob@example.com> Quota exceeded (mailbox for user is full)", {}),
    ("server-full", MAIL, "452 4.3.1 Insufficient system storage", {}),
    ("server-full", MAIL, "452 4.3.1 Out of disk space", {}),
    ("mail-loop", MAIL, "554 5.4.6 Too many hops", {}),
    ("mail-loop", MAIL, "554 5.4.14 Hop count exceeded - possible mail loop ATTR34", {}),
    # -- the sender
    ("sender-not-verified", MAIL, "554 Message rejected: Email address is not verified. The following identities failed the"
     " check in region US-EAST-1: ann@example.com", LOGGED_IN),
    ("sender-not-verified", MAIL, "550 The from address does not match a verified Sender Identity. Mail cannot be sent until"
     " this error is resolved. Visit https://sendgrid.com/docs/for-developers/sending-email/sender-identity/", LOGGED_IN),
    ("sender-not-verified", MAIL, "550 5.7.1 Unconfigured Sending Domain <example.com>", LOGGED_IN),
    ("sender-not-verified", MAIL, "550 Sandbox subdomains are for test purposes only. Please add your own domain or add the"
     " address to authorized recipients in Account Settings.", LOGGED_IN),
    ("sender-not-verified", MAIL, "550 5.7.1 The 'From' address you supplied is not a Sender Signature on your account.",
     LOGGED_IN),
    ("sender-not-verified", MAIL, "550 Sender domain is not verified", LOGGED_IN),
    ("sender-not-verified", MAIL, "554 5.7.1 sender has not been validated", LOGGED_IN),
    ("sender-refused", MAIL, "450 4.1.8 <ann@nowhere.example>: Sender address rejected: Domain not found", LOGGED_IN),
    ("sender-refused", MAIL, "550 5.1.8 <ann@nowhere.example>: Sender address rejected: Domain not found", {}),
    ("sender-refused", MAIL, "550 <ann@nowhere.example>: Sender address rejected: Domain not found", {}),
    ("sender-refused", MAIL, "553 5.7.1 <ann@example.com>: Sender address rejected: not owned by user bob", LOGGED_IN),
    ("sender-refused", MAIL, "550 5.7.1 <ann@example.com>: Sender address rejected: undeliverable address: unknown user",
     {}),
    ("sender-refused", MAIL, "554 5.7.1 Service unavailable; Sender address [ann@example.com] blocked using"
     " dbl.spamhaus.org", {}),
    ("sender-refused", MAIL, "554 5.2.252 SendAsDenied; ann@example.com not allowed to send as bob@example.com", LOGGED_IN),
    ("sender-refused", MAIL, "550 5.7.60 SMTP; Client does not have permissions to send as this sender", LOGGED_IN),
    ("sender-refused", MAIL, "550 Sender verify failed", {}),
    ("sender-refused", MAIL, "553 Relaying disallowed as ann@example.com", LOGGED_IN),
    ("sender-refused", MAIL, "501 Mail from domain must equal authorized user: sender domain mismatch", LOGGED_IN),
    ("sender-refused", MAIL, "550 5.1.8 Access denied, bad outbound sender AS(42004)", LOGGED_IN),
    ("sender-refused", MAIL, "550 5.7.27 Sender address has null MX", {}),
    ("sender-syntax", MAIL, "504 5.5.2 <ann>: Sender address rejected: need fully-qualified address", {}),
    ("policy-refused", MAIL, "550 5.7.26 This mail has been blocked because the sender is unauthenticated. Gmail requires"
     " all senders to authenticate with either SPF or DKIM.", LOGGED_IN),
    ("policy-refused", MAIL, "550 5.7.26 Unauthenticated email from example.com is not accepted due to domain's DMARC"
     " policy.", {}),
    ("policy-refused", MAIL, "550 5.7.509 Access denied, sending domain example.com does not pass DMARC verification", {}),
    ("policy-refused", MAIL, "550 5.7.515 Access denied, sending domain example.com doesn't meet the required"
     " authentication level.", {}),
    ("policy-refused", MAIL, "550 5.7.23 <bob@example.com>: Recipient address rejected: Message rejected due to: SPF fail -"
     " not authorized", {}),
    ("policy-refused", MAIL, "554 5.7.9 Message not accepted for policy reasons. See https://postmaster.yahooinc.com/", {}),
    # -- the recipient
    ("relay-denied", MAIL, "554 5.7.1 <bob@example.com>: Relay access denied", {}),
    ("relay-denied", MAIL, "554 5.7.1 <bob@example.com>: Recipient address rejected: Relay access denied", {}),
    ("relay-denied", MAIL, "550 relay not permitted", {}),
    ("relay-denied", MAIL, "550 5.7.54 SMTP; Unable to relay recipient in non-accepted domain", {}),
    ("relay-denied", MAIL, "550 5.7.64 TenantAttribution; Relay Access Denied", {}),
    ("relay-denied", MAIL, "553 sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)", {}),
    ("relay-denied", MAIL, "550 5.7.1 Invalid credentials for relay [192.0.2.7]. The IP address you've registered in your"
     " Google Workspace SMTP Relay service doesn't match the domain of the account this email is being sent from. (as"
     " obtained from HELO and MAIL FROM)", {}),
    ("no-such-recipient", "rcpt data", "550 5.1.1 The email account that you tried to reach does not exist. Please try"
     " double-checking the recipient's email address for typos. - gsmtp", {}),
    ("no-such-recipient", "rcpt data", "550 5.1.1 <bob@example.com>: Recipient address rejected: User unknown in virtual"
     " mailbox table", LOGGED_IN),
    ("no-such-recipient", "rcpt data", "550 Unrouteable address", LOGGED_IN),
    ("no-such-recipient", "rcpt data", "550 No such user here", {}),
    ("no-such-recipient", "rcpt data", "554 delivery error: dd This user doesn't have a yahoo.com account", {}),
    ("no-such-recipient", "rcpt data", "550 5.4.1 Recipient address rejected: Access denied. [X]", {}),
    ("no-such-recipient", "rcpt data", "550 #5.1.0 Address rejected: no such recipient", {}),
    ("recipient-syntax", "rcpt data", "504 5.5.2 <bob>: Recipient address rejected: need fully-qualified address", {}),
    ("recipient-temporary", MAIL, "450 4.2.0 <bob@example.com>: Recipient address rejected: Greylisted, see http://x", {}),
    ("recipient-temporary", MAIL, "451 4.7.1 Greylisting in action, please come back later", {}),
    # -- the content
    ("content-refused", "data", "554 5.7.1 Message rejected because it contains a URL listed in surbl", {}),
    ("content-refused", "data", "550 5.7.1 [192.0.2.7] Our system has detected that this message is likely unsolicited mail."
     " To reduce the amount of spam sent to Gmail, this message has been blocked.", {}),
    ("content-refused", "data", "554 5.6.0 Message contains a virus", {}),
    ("content-refused", "data", "552 5.7.0 This message was blocked because its content presents a potential security issue."
     " Please visit the help on attachments", {}),
    ("content-refused", "data", "550 message has lines too long for transport", {}),
    # -- the same in other words
    ("auth-rejected", "auth", "535 5.7.8 Authentication credentials invalid", IN_TLS),
    ("auth-rejected", "auth", "535 5.7.1 Authentication failed", IN_TLS),
    ("auth-rejected", "auth", "535 authorization failed (#5.7.0)", IN_TLS),
    ("auth-rejected", "auth", "535 #5.7.8 Authentication failed", IN_TLS),
    ("auth-rejected", "auth", "535 5.0.0 Username or password not correct", IN_TLS),
    ("auth-rejected", "auth", "535 Authentication failed: account does not exist", IN_TLS),
    ("auth-rejected", "auth", "535 5.7.8 Bad credentials", IN_TLS),
    ("auth-rejected", "auth", "535 5.7.8 Error: authentication failed: authentication failure", IN_TLS),
    ("auth-rejected", "auth", "535 5.7.8 Sorry.", IN_TLS),
    ("auth-rejected", "auth", "535 5.7.0 authentication rejected", IN_TLS),
    ("auth-rejected", "auth", "535 Invalid login or password", IN_TLS),
    ("auth-rejected", "auth", "535 5.7.8 Error: authentication failed: Invalid user or password!", IN_TLS),
    ("auth-rejected", "auth", "550 Authentication failed", IN_TLS),
    ("auth-rejected", "auth", "535 Authentication failed: The provided authorization grant is invalid,"
     " expired, or revoked", IN_TLS),
    ("auth-rejected", "auth", "535 5.7.1 Invalid API key", IN_TLS),
    ("auth-locked", "auth", "535 5.7.8 user account is locked out", IN_TLS),
    ("auth-locked", "auth", "535 5.7.139 Authentication unsuccessful, the account is disabled", IN_TLS),
    ("auth-disabled", "auth", "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled"
     " for the Mailbox", IN_TLS),
    ("auth-disabled", "auth", "535 5.7.8 Basic authentication has been disabled for this tenant", IN_TLS),
    ("auth-disabled", "auth", "535 5.7.139 Basic Authentication is not supported", IN_TLS),
    ("auth-disabled", "auth", "550 5.7.30 Basic authentication is not supported for Client Submission.", IN_TLS),
    ("auth-disabled", "auth", "535 5.7.139 Authentication unsuccessful, organization security defaults block"
     " this sign-in", IN_TLS),
    ("auth-disabled", "auth", "535 5.7.8 SMTP access is disabled for this mailbox", IN_TLS),
    ("auth-app-password", "auth", "535 5.7.8 Error: authentication failed: App password required", IN_TLS),
    ("auth-app-password", "auth", "535 5.7.9 Application password is needed", IN_TLS),
    ("auth-browser", "auth", "534 5.7.14 Please log in via your web browser and then try again.", IN_TLS),
    ("auth-temporary", "auth", "454 4.7.0 Temporary authentication failure", IN_TLS),
    ("login-otherwise", "auth", "530 5.5.1 Authentication Required", IN_TLS),
    ("ehlo-refused", MAIL, "550 5.7.1 Helo command rejected: You are not me", {}),
    ("ehlo-refused", MAIL, "550 HELO argument does not match calling host", {}),
    ("ehlo-refused", MAIL, "504 5.5.2 <client>: Helo command rejected: need fully-qualified hostname", LOGGED_IN),
    ("ehlo-refused", MAIL, "550 5.7.1 Your HELO name is not valid", {}),
    ("ehlo-refused", MAIL, "554 invalid EHLO", {}),
    ("client-blocked", MAIL, "550 5.7.1 Client host [192.0.2.7] blocked using bl.spamcop.net; Blocked", LOGGED_IN),
    ("client-blocked", MAIL, "554 5.7.1 Service unavailable; Client host [192.0.2.7] blocked using"
     " b.barracudacentral.org", {}),
    ("client-blocked", MAIL, "550 192.0.2.7 is not allowed to send mail", {}),
    ("client-blocked", MAIL, "550 Blocked - see https://ipcheck.proofpoint.com/?ip=192.0.2.7", {}),
    ("client-blocked", MAIL, "550 5.7.1 Rejected: 192.0.2.7 listed at dnsbl.example.org", {}),
    ("client-blocked", MAIL, "554 Denied by policy: sending host on blocklist", {}),
    ("sender-refused", MAIL, "550 5.7.511 Access denied, banned sender", {}),
    ("client-blocked", MAIL, "550 5.7.1 Recipient address rejected: IP blacklisted", {}),
    ("sender-refused", MAIL, "550 5.1.8 Domain of sender address ann@example.com does not exist", {}),
    ("sender-refused", MAIL, "553 5.1.8 ann@example.com... Domain of sender address does not exist", {}),
    ("sender-refused", MAIL, "550 Invalid sender domain", {}),
    ("sender-refused", MAIL, "550 5.7.1 Sender address rejected: Access denied", {}),
    ("sender-refused", MAIL, "550 You are not allowed to send mail from that address", {}),
    ("sender-refused", MAIL, "550 5.7.1 From address not authorized", LOGGED_IN),
    ("sender-refused", MAIL, "553 5.7.1 Sender address ann@example.com is not permitted for user bob", LOGGED_IN),
    ("sender-refused", MAIL, "550 5.7.0 From address is not one of your addresses", LOGGED_IN),
    ("sender-syntax", MAIL, "501 5.1.7 Invalid address", {}),
    ("sender-not-verified", MAIL, "554 Message rejected: Email address is not verified.", LOGGED_IN),
    ("sender-not-verified", MAIL, "550 Unverified sender address", LOGGED_IN),
    ("sender-not-verified", MAIL, "550 5.7.1 Sender not verified", LOGGED_IN),
    ("sender-not-verified", MAIL, "550 Your domain is not verified, please verify it first", LOGGED_IN),
    ("sender-not-verified", MAIL, "550 Sending domain has not been verified", LOGGED_IN),
    ("sender-not-verified", MAIL, "554 5.7.1 Sender identity not verified", LOGGED_IN),
    ("sender-not-verified", MAIL, "550 Sender address not confirmed", LOGGED_IN),
    ("too-many-recipients", MAIL, "552 5.5.3 too many recipients", {}),
    ("too-many-recipients", MAIL, "451 Too many recipients", {}),
    ("too-many-recipients", MAIL, "550 5.5.3 RESOLVER.ADR.RecipLimit; too many recipients", {}),
    ("too-many-recipients", MAIL, "452 4.5.3 Recipients belong to multiple regions ATTR38", {}),
    ("sending-limit", MAIL, "550 5.4.5 Daily SMTP relay sending limit exceeded for customer.", LOGGED_IN),
    ("sending-limit", MAIL, "550 5.7.1 User has exceeded its 24-hour sending limit. Messages to 500"
     " recipients out of 500 allowed have been sent.", LOGGED_IN),
    ("sending-limit", MAIL, "450 4.7.1 hourly quota exceeded", LOGGED_IN),
    ("sending-limit", MAIL, "550 Monthly email limit reached", LOGGED_IN),
    ("sending-limit", MAIL, "452 You have exceeded your daily sending limits", LOGGED_IN),
    ("sending-limit", MAIL, "550 5.7.1 quota of messages per day exceeded", LOGGED_IN),
    ("rate-limited", MAIL, "550 5.7.28 Rate limit exceeded", LOGGED_IN),
    ("rate-limited", MAIL, "451 4.3.0 Rate limit exceeded, try later", LOGGED_IN),
    ("rate-limited", MAIL, "450 4.2.1 The user you are trying to contact is receiving mail too quickly."
     " Please resend your message at a later time.", {}),
    ("rate-limited", MAIL, "421 4.7.0 Too many connections from your IP", {}),
    ("no-reverse-name", MAIL, "554 5.7.1 Client host rejected: no PTR record", {}),
    ("no-reverse-name", MAIL, "550 IP has no reverse DNS", {}),
    ("no-reverse-name", MAIL, "550 5.7.1 This message does not meet IPv6 sending guidelines regarding PTR"
     " records and authentication.", {}),
    ("policy-refused", MAIL, "550 5.7.1 Email rejected per DMARC policy for example.com", {}),
    ("policy-refused", MAIL, "550 SPF check failed", {}),
    ("relay-denied", MAIL, "550 5.7.1 Relaying denied", {}),
    ("login-required", MAIL, "550 5.7.1 bob@example.com... Relaying denied. Proper authentication required.", {}),
    ("relay-denied", MAIL, "454 4.7.1 <bob@example.com>: Relay access denied", {}),
    ("login-required", MAIL, "550 Please turn on SMTP Authentication in your mail client. ann is not"
     " permitted to relay through this server without authentication.", {}),
    ("no-such-recipient", "rcpt data", "550 5.1.1 <bob@example.com>: Recipient address rejected: User unknown", {}),
    ("no-such-recipient", "rcpt data", "550 Requested action not taken: mailbox unavailable. user unknown", {}),
    ("no-such-recipient", "rcpt data", "550 5.2.1 User not found", {}),
    ("no-such-recipient", "rcpt data", "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address"
     " lookup", {}),
    ("recipient-refused", "rcpt", "550 5.7.1 Recipient address rejected: Access denied", LOGGED_IN),
    ("recipient-refused", "rcpt", "550 5.7.1 mailbox does not accept mail from you", LOGGED_IN),
    ("recipient-refused", "rcpt", "550 5.2.1 mailbox disabled", LOGGED_IN),
    ("content-refused", "data", "554 5.7.1 Spam message rejected", {}),
    ("content-refused", "data", "550 High probability of spam", {}),
    ("content-refused", "data", "550 5.7.1 Message contains spam or virus", {}),
    ("content-refused", "data", "554 Transaction failed", {}),
    ("quota-exceeded", MAIL, "552 Requested mail action aborted: exceeded storage allocation", {}),
    ("quota-exceeded", MAIL, "452 4.2.2 Mailbox full", {}),
    ("quota-exceeded", MAIL, "552 5.2.2 Over quota", {}),
    ("message-too-large", MAIL, "552 5.3.4 Error: message file too big", {}),
    ("message-too-large", MAIL, "552 Message too large", {}),
    ("message-too-large", MAIL, "552 5.3.4 Message too big for system", {}),
    ("tls-required", MAIL, "554 5.7.1 TLS required", {}),
    ("tls-required", MAIL, "550 5.7.1 You must use TLS", {}),
    ("login-required", MAIL, "554 5.7.1 Authentication required", IN_TLS),
    ("login-required", MAIL, "550 5.7.1 Client was not authenticated", IN_TLS),
    ("login-required", MAIL, "530 Must authenticate before sending", IN_TLS),
    ("login-required", MAIL, "503 5.5.1 Error: need AUTH first", IN_TLS),
    ("login-required", MAIL, "505 authentication required", IN_TLS),
    ("login-required", MAIL, "530 5.7.1 Authentication required", {}),
)  # fmt: skip


def reply_of(line: str) -> Reply:
    return Reply(int(line[:3]), (line[4:].encode(),))


def broken_into_lines(reply: Reply, width: int) -> Reply:
    """Return a reply as a server breaks it: each line begins with the enhanced code."""
    text, enhanced = reply.lines[0].decode(), reply.enhanced
    words = text.removeprefix(enhanced).split()
    lines = [" ".join(words[at : at + width]) for at in range(0, len(words), width)]
    return Reply(reply.code, tuple(f"{enhanced} {line}".strip().encode() for line in lines))


@pytest.mark.parametrize(("code", "stages", "line", "session"), MEANINGS)
def test_a_reply_means_the_same_wherever_it_is_said(code: str, stages: str, line: str, session: dict[str, Any]) -> None:
    reply = reply_of(line)
    assert {stage: code_for(stage, "reply", reply, session) for stage in stages.split()} == dict.fromkeys(
        stages.split(), code
    )


@given(st.sampled_from(MEANINGS), st.integers(1, 9))
def test_line_breaks_do_not_change_the_meaning(meaning: tuple[str, str, str, dict[str, Any]], width: int) -> None:
    code, stages, line, session = meaning
    broken = broken_into_lines(reply_of(line), width)
    assert {code_for(stage, "reply", broken, session) for stage in stages.split()} == {code}


WORDS = ("spf", "helo", "relay", "greylist", "spamhaus", "too-many", "ptr", "dmarc", "verified", "starttls", "quota")


@given(st.sampled_from(WORDS), st.sampled_from(MEANINGS))
def test_words_in_an_address_do_not_change_the_meaning(
    word: str, meaning: tuple[str, str, str, dict[str, Any]]
) -> None:
    code, stages, line, session = meaning
    changed = re.sub(r"[\w.]+@[\w.]+\w", f"{word}@{word}.example", line)
    assert {code_for(stage, "reply", reply_of(changed), session) for stage in stages.split()} == {code}


def test_an_enhanced_code_is_found_behind_other_words() -> None:
    assert enhanced_detail(reply_of("550 #5.1.0 Address rejected")) == "1.0"
    assert enhanced_detail(reply_of("550 Rejected: 5.7.25 no name")) == "7.25"
    assert enhanced_detail(reply_of("550 from 5.7.1.9 by 4.96.1, 4.7.1")) == ""


def test_a_long_reply_is_read_up_to_a_limit() -> None:
    long = Reply(554, tuple(b"x " * 1000 for _ in range(128)))
    assert len(comparable_text(long)) <= 2000


@pytest.mark.parametrize(
    "stage", [stage for stage in STAGES if stage not in ("token", "resolve", "connect", "tls", "quit")]
)
def test_every_stage_has_a_last_row_for_what_no_pattern_knows(stage: str) -> None:
    for code in (450, 550):
        assert code_for(stage, "reply", reply_of(f"{code} qwerty"), {}) != "refused"


def test_the_patterns_of_all_rows_are_regular_expressions() -> None:
    for rule in REPLY_RULES:
        for pattern in (rule.codes, rule.enhanced, rule.text):
            re.compile(pattern)
