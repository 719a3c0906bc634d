"""What replies of mail servers mean, as data: by their enhanced status code and their text, and only then by the stage.

Servers say the same thing in different places: Postfix answers what it holds against the client, the EHLO name or the
sender only to RCPT, and large providers check the sender only after the content. So the rows that know a meaning hold
for every stage in which it can be said. The rows at the end, which know only the stage, are for the rest.

Sources: RFC 5321 (codes), RFC 3463, RFC 4954, RFC 7372 and RFC 7505 (enhanced codes); for the texts, the sources of
Postfix and Exim, and the published lists of error messages of Exchange Online, Gmail, Yahoo, Amazon SES, SendGrid,
Mailgun and others.
"""

from __future__ import annotations

from typing import Final

from confobjects.records import Record


class ReplyRule(Record):
    """One row: a reply of these stages and codes with this enhanced code and text means ``code``.

    ``codes``, ``enhanced`` and ``text`` are regular expressions; the first for the three digits, the second for the
    last two parts of the enhanced code (``7.8``; empty: any code or none), the third for a part of the text without
    addresses, ignoring case (empty: any text). ``when`` is what must hold of the session: ``tls`` or ``clear``,
    ``login`` or ``no-login``; empty: anything.
    """

    stages: str
    codes: str
    enhanced: str
    text: str
    code: str
    when: str = ""


_MAIL: Final = "mail rcpt data"
_OPEN: Final = "banner ehlo ehlo-tls"
_ANY: Final = f"{_OPEN} auth {_MAIL}"
_NO: Final = "[45].."
_PERMANENT: Final = "5.."
_UNPLACED: Final = "[45](?!03).."  # not 503, which is about the order of commands


def _any_of(*patterns: str) -> str:
    return "|".join(f"(?:{pattern})" for pattern in patterns)


_GREYLISTING: Final = r"gr[ae]y-?\s?list|temporarily deferred by greylist|new sender.{0,40}try again"

_TLS_FIRST: Final = _any_of(
    r"\b(must|need|require\w*|please|first|issue|mandatory|only|use)\b.{0,60}\b(starttls|tls|ssl|encrypt\w*)\b",
    r"\b(starttls|tls|ssl|encryption|secure connection)\b.{0,40}\b(required?|needed|mandatory|first|necessary|must)\b",
    r"\b(without|not|non|un)[ -]?(tls|ssl|encrypt\w+|secured?)\b",
    r"(plain ?text|clear ?text).{0,40}(disallow|not allow|not permitted|disabled|refus|forbid)",
)

_LOGIN_FIRST: Final = _any_of(
    r"\bauth\w*\b.{0,30}\b(required|needed|first|before|mandatory|necessary)\b",
    r"\b(must|need to|please|have to|should|require\w*)\b.{0,25}\b(auth(enticat\w*)?|log ?-?in|sign ?-?in|smtp auth)\b",
    r"\bnot (been )?(logged|signed) ?-?in\b",
    r"\b(log|sign) ?-?in\b.{0,20}\b(required|first|before)\b",
    r"\bnot (been )?authenticated\b|\bun-?authenticated (client|sender|user|connection|relay|smtp)",
    r"\banonymous (mail|sender|user|client|access|relay)",
    r"\b(pop|imap) before smtp\b|\bcheck (for |your )+(new )?mail (first|before)",
)

_DOMAIN_POLICY: Final = _any_of(
    r"\b(dmarc|spf|dkim|arc)\b",
    r"openspf|sender policy framework|sender id\b|domainkeys",
    r"authentication (level|checks|results)|(email|sender|domain) authentication (fail|requirement|is required|required)",
    r"not .{0,20}permitted sender",
)

_MAILBOX_FULL: Final = _any_of(
    r"\b(mailbox|inbox|user|recipient|account|maildir)\b.{0,60}\b(over ?-?quota|full|out of (space|storage))\b",
    r"\b(over|exceed\w*|out of)\b.{0,20}\b(disk |mailbox |storage |mail |its |his |the |your )*(quota|storage)\b",
    r"\b(mailbox|storage|disk|mail)\b.{0,20}\b(quota|allocation|limit)\b.{0,20}\bexceed",
    r"\bquota exceeded\b.{0,20}\bmailbox\b|\bover ?-?quota\b|\bexceeded storage allocation\b",
    r"\bmailbox (is )?full\b|\bfull mailbox\b",
)

_TOO_LARGE: Final = _any_of(
    r"\b(message|mail|e-?mail|data|content|attachments?|body|header)\b.{0,40}\btoo (large|big)\b",
    r"\b(message|mail|maximum|max|fixed|allowed|size)\b.{0,40}\bsize\b.{0,40}\b(exceed\w*|limit\w*|maximum|larger|too)\b",
    r"\bsize (limit|of the message)\b.{0,30}\bexceed|\bexceed\w*\b.{0,60}\b(size|maximum length)\b",
    r"\b(maximum|max\.?) (message |mail |allowed )*(size|length)\b|\btoo (large|big) message\b",
    r"\blarger than\b|\bmessage (is )?too long\b",
)

_TOO_MANY_RECIPIENTS: Final = _any_of(
    r"\btoo many (\w+ ){0,2}(recipients|rcpts?|addresses|addressees|envelopes)\b(?!.{0,20}\b(hour|day|minute)\b)",
    r"\b(recipients?|rcpt)\b.{0,20}\b(per|in (one|a|each))\b.{0,12}\b(message|transaction|mail|session)\b",
    r"\b(maximum|max|limit)\b.{0,20}\b(number of )?recipients\b(?!.{0,20}\b(hour|day|minute)\b)",
)

_QUOTA_WORDS: Final = r"(limit|quota|credits?|allowance|allotment|threshold)"
_PERIOD_LIMIT: Final = _any_of(
    rf"\b(daily|hourly|monthly|weekly|per (day|hour|month)|24.?hours?)\b.{{0,60}}\b{_QUOTA_WORDS}\b",
    rf"\b{_QUOTA_WORDS}\b.{{0,60}}\b(daily|hourly|monthly|(per|for the|each|a|in (the|an?)) (day|hour|month)|24.?hours?)\b",
)
_SENDING_LIMIT: Final = _any_of(
    _PERIOD_LIMIT,
    rf"\b(exceed\w*|reach\w*|over|hit|used up|exhausted)\b.{{0,60}}\b(send\w*|messag\w*|email\w*|mail\w*|plan|free|account|"
    rf"submission)\b.{{0,25}}\b{_QUOTA_WORDS}s?\b",
    rf"\b(send\w*|messag\w*|emails?|mails?|plan|free|submission|recipient|account)\b.{{0,25}}\b{_QUOTA_WORDS}s?\b.{{0,30}}"
    r"\b(exceed\w*|reach\w*|hit|exhausted|used up)\b",
    r"\bmaximum credits exceeded\b|\b(no|insufficient|out of|not enough) (\w+ ){0,2}credits?\b|submissionquotaexceeded",
    r"\b(messages?|emails?|mails?|recipients?)\b.{0,10}\b(per|an?|/)\s?(hour|day|month)\b.{0,30}\b(exceed|reach|allowed)",
    r"\bexceed\w*\b.{0,50}\b(messages?|emails?|mails?|recipients?)\b.{0,6}(\bper\b|\ban?\b|/)\s?(hour|day|month)\b",
)

_RATE: Final = _any_of(
    r"\brate\b.{0,20}\b(limit\w*|exceed\w*)|\brate-?limit|\b(exceed\w*|maximum|sending|unusual|high|message)\b.{0,20}\brate\b",
    r"\bthrottl",
    r"\btoo (much|fast|quickly|frequent\w*|often)\b",
    r"\btoo many\b(?!.{0,20}\b(hops|received|recipients|rcpts?)\b)",
    r"\b(connection|connections|concurren\w+|sessions?|requests?|threads?)\b.{0,30}\b(limit\w*|exceed\w*)\b",
    r"\b(mail|message) flood|\bslow down\b|\bserver busy\b.{0,40}\bAS\d",
    r"\breduce (the |your )?(rate|speed|number)",
)

_LOOP: Final = (
    r"\btoo many (hops|received)|\b(mail|routing|routeing|message|forwarding) loop|\bloops? (back|detected)|hop count"
)

_NO_REVERSE: Final = _any_of(
    r"\bptr\b|\brdns\b|\bfcrdns\b|\breverse[- ](dns|name|host|lookup|address|record|mapping|resolution|client)",
    r"\bcannot find your (reverse )?host ?name\b|\b(unable|cannot|could not|failed) to resolve (your|client|the) (ip|host|addr)",
    r"\b(no|missing|without( an?)?|lacks an?|invalid|unknown) (dns (name|record)|host ?name) (for|of) (your|the|client|sending)",
    r"\bclient host rejected: (cannot find|unknown)|\b(dynamic|generic) (ip|rdns|hostname|address|host)\b",
)

_CONTENT: Final = _any_of(
    r"\b(url|uri|link|surbl|uribl|attachment|virus|malware|phish\w*|infected|malicious|trojan|worm|executable)s?\b",
    r"\bmessage (content|body|text|headers?|subject)\b|\bcontent (rejected|filter|of (the|your))|\bmessage contains\b",
    r"\b(message|mail|email|this) (\w+ ){0,6}(spam|unsolicited|junk|bulk)\b|\blikely (unsolicited|spam|suspicious)",
)

_LINE_TOO_LONG: Final = r"\blines? .{0,20}too long\b|\blong lines?\b|\bline length\b"

_BLOCKED: Final = (
    r"(block\w*|ban+ed|black-? ?list\w*|deny-? ?list\w*|den(y|ied)|reject\w*|refus\w*|listed|reputation|not (allowed|accept\w*|"
    r"authori[sz]ed|permitted)|suspicious|unacceptable|bad|poor|restricted|prohibited)"
)
_PLACE: Final = (
    r"\b(client (host|ip|address)|(your|sending|source|sender'?s?|client|remote|this|the|connecting|originating|smtp) "
    r"((mail|smtp|email|ip|mta|remote|sending) ){0,2}(ip|ips|address range|server|host|network|mta|machine|system|"
    r"connection)( address)?|your (address|isp)|ips?|ip address(es)?|host|connections?|messages? from \[address\])\b"
)
_BLOCKED_CLIENT: Final = _any_of(
    rf"{_PLACE}.{{0,80}}\b{_BLOCKED}\b",
    rf"\b{_BLOCKED}\b.{{0,50}}{_PLACE}",
    rf"\[address\]\W{{0,3}}(is |was |has been )?{_BLOCKED}\b",
    r"\b(blocked|listed|rejected|refused|found|denied)\b.{0,12}\b(by|using|in|on|at|from|via|because of)\b.{0,30}"
    r"(\b\w*(rbl|dnsbl|bl|list|lists)\b|spamhaus|spamcop|barracuda|sorbs|uceprotect|abuseat|abusix|proofpoint|cloudmark|"
    r"mailspike|psbl|invaluement|spfbl|trendmicro|senderbase|talos|hostkarma)",
    r"\b(dnsbl|dnswl|rbl|spamhaus|spamcop|barracudacentral|uceprotect|abusix|black-? ?list\w*|block-? ?list\w*)\b",
    r"\bunfortunately,? messages from\b|\bbanned sending ip\b|\b(low|poor|bad) (\w+ ){0,3}reputation\b",
    r"\bconnections? (will )?not (be )?accepted\b|\bno (smtp |mail )?service (here )?for you\b",
)

_RELAY: Final = _any_of(
    r"\brela(y|ys|ying|yed)\b",
    r"\brcpthosts\b|\bnon-accepted domain\b|\bnot (a |one of )?(our|my|local|hosted) (domain|host|customer)",
    r"\bwe (do not|don.t|cannot) (accept|handle|host|receive) (mail|e-?mail|this domain)",
    r"\b(not|isn.t) (a )?(local|hosted here|in my (domain|list))\b|\bno such domain (here|at this)",
)
_RELAY_FOR_CLIENT: Final = _any_of(
    r"\bcredentials for relay\b|\bmail relay denied\b|\brelay access denied\b|\bunable to relay\b|\brelay not permitted\b",
)

_SENDER_UNVERIFIED: Final = _any_of(
    r"\b(address|addresses|identit(y|ies)|sender|senders|domain|domains|from)\b.{0,40}"
    r"\b(is|are|was|has|have|isn.t|aren.t|be)\b.{0,12}\b(not|un|isn.t|aren.t|yet)\b.{0,10}"
    r"\b(verified|validated|confirmed|activated|registered|approved|configured|set ?up)\b",
    r"\bverified (sender|identity|domain|address|email)|\bsender (signature|identity)\b|\bunverified (sender|domain|from|email)",
    r"\b(unconfigured|unregistered|unconfirmed|unvalidated) (sending )?(domain|sender)\b|\bsandbox\b",
    r"\bsender\b.{0,20}\bnot (yet )?(been )?(valid(ated)?|verified|confirmed|approved|registered)\b",
    r"\bverify (your|the|this) (sender|sending|from|domain|email|identity)",
)

_SENDER_INCOMPLETE: Final = r"\bsender address rejected: need fully"

_SENDER: Final = _any_of(
    r"\bsend ?as\b|\bsendasdenied\b|\bsend (mail |messages? |e-?mail )*(as|on behalf of)\b|\brelaying disallowed as\b",
    r"\bnot (allowed|authori[sz]ed|permitted) to (send|use)\b.{0,60}\b(as|from|sender|address|domain|behalf)\b",
    r"\bnot owned\b|\bnot (one of )?yours?\b|\b(address|sender|from)\b.{0,40}\b(does not|doesn.t|not|must) (belong|match)",
    r"\b(envelope |header |mail )?(sender|from|return.?path)\b.{0,8}\b(address|domain|header|name|user)?\b.{0,50}"
    r"\b(reject\w*|refus\w*|denied|not (allowed|permitted|valid|accepted|authori\w+|exist\w*|found)|unknown|invalid|"
    r"mismatch\w*|block\w*|forbidden|does not (exist|resolve|have)|restricted|bad|black-? ?listed|banned)\b",
    r"\b(invalid|unknown|bad|unauthori[sz]ed|forged|spoofed|banned|blocked|illegal|improper) ((envelope|mail|return) )?"
    r"(sender|from|path)\b",
    r"\bsender (verify|verification|callout|id)\b|\b(verification|callback|callout) (failed )?(for|of) (the )?sender\b",
    r"\bdomain of (the )?sender\b|\b(sender'?s?|from|envelope|mail) domain\b|\bbad outbound sender\b",
)

_NO_RECIPIENT: Final = _any_of(
    r"\b(user|recipient|mailbox|account|alias|person|addressee|local part|inbox|customer)\b.{0,60}"
    r"\b(unknown|not (found|known|listed|exist\w*|here)|does ?n.?t (exist|have)|does not (exist|have)|unrouteable)\b",
    r"\b(unknown|no such|non-?existent|nonexisting|no|undeliverable) (\w+ ){0,2}(user|recipient|mailbox|account|address|"
    r"person|local part|destination|alias|addressee|customer)\b",
    r"\baddress\b.{0,30}\b(does not exist|doesn.t exist|unknown|not (found|exist))\b",
    r"\bunrout(e?)able address\b|\bno mailbox\b|\buser doesn.t have\b|\bnot our customer\b|\brecipient not found\b",
    r"\brecipient address rejected: (user|undeliverable|domain not found|unverified)",
)

_RECIPIENT: Final = r"\brecipient (address|domain)?\b.{0,12}\b(reject\w*|refus\w*|denied)|\bno (valid )?recipients\b"

_CLIENT_CERTIFICATE: Final = _any_of(
    r"\bno (tls |valid )?client certificate\b",
    r"\bclient certificate\b.{0,20}\b(required|needed|missing|not (trusted|verified|accepted|provided|presented|allowed)|untrusted)\b",
)

_NO_SPACE: Final = r"\b(insufficient|out of|no|not enough|low) (\w+ )?(storage|space|disk)\b|\bdisk full\b"

_APP_PASSWORD: Final = _any_of(
    r"\bapp(lication)?[- ](specific )?(password|pass ?code)|\bapp(lication)?-specific\b|\bauthori[sz]ation code\b|授权码",
    r"\b(client|third.party|device|generated) (specific )?password\b",
)
_BROWSER: Final = _any_of(
    r"\b(web ?)?browser\b|\bwebmail\b|\bweb (interface|site|login)\b|continuesignin|/signin/|\bcaptcha\b",
)
_LOGIN_DISABLED: Final = _any_of(
    r"\bsmtpclientauthentication is disabled\b|\bsecurity defaults\b|\bless secure\b|smtp_auth_disabled",
    r"\bbasic auth\w*\b.{0,30}\b(disabled|blocked|not|no longer|retired|turned off)\b",
    r"\b(smtp|pop3?|imap|client|legacy|password|plain ?text)\b.{0,10}\b(auth\w*|access|submission|log ?-?ins?|service|client)\b"
    r".{0,30}\b(disabled|blocked|not (enabled|allowed|permitted|available|activated)|no longer|turned off|switched off)\b",
    r"\b(not|isn.t) (enabled|allowed|permitted|authori[sz]ed|activated)\b.{0,20}\b(smtp|pop|imap|send|to use)\b",
    r"\b(smtp|service)\b.{0,20}\b(is )?(not (enabled|activated|open)|disabled)\b|\buser has no permission\b",
)
_LOGIN_POLICY: Final = _any_of(
    r"\bdid not meet the criteria\b|\bconditional access\b|\b(multi|two|2)[- ]?(factor|step)\b|\b(mfa|2fa|otp)\b",
    r"\b(access|login|log-?in|sign-?in|authentication)\b.{0,30}\b(blocked|denied|refused|restricted)\b.{0,20}"
    r"\b(by|policy|location|country|region|ip|address)\b|\b(country|location|ip address|network) (is )?not (allowed|permitted)\b",
)
_LOCKED: Final = _any_of(
    r"\b(user|account|mailbox|domain|login)\b.{0,40}\b(locked|suspended|disabled|deactivated|inactive|blocked|closed|"
    r"terminated|banned|frozen|not active)\b",
    r"\b(locked|suspended|disabled|deactivated|inactive|blocked|banned) (out|user|account|mailbox)\b|\block(ed)? ?out\b",
    r"\b(account|user) is temporarily (un)?(available|locked|blocked)\b",
)
_PASSWORD_EXPIRED: Final = _any_of(
    r"\bpass(word|phrase)\b.{0,40}\b(expired|must be (changed|reset)|needs? to be (changed|reset)|has to be changed)\b",
    r"\bexpired pass(word|phrase)\b|\b(change|reset|renew) (your|the) (expired )?password\b",
)
_MECHANISM: Final = _any_of(
    r"\b(mechanism|auth\w* (type|method)|sasl)\b.{0,40}\b(not|un\w+|invalid|disabled|too weak|weak|fail.{0,10}support)\b",
    r"\b(un(recogni[sz]ed|supported|known|implemented)|invalid|weak)\b.{0,20}\b(mechanism|auth\w* (type|method))\b|\btoo weak\b",
)
_CREDENTIALS: Final = _any_of(
    r"\b(user ?names?|usernames?|passwords?|credentials?|logins?|log ?-?in|auth\w*|sign ?-?in|user|account|identity)\b.{0,60}"
    r"\b(fail\w*|unsuccessful|reject\w*|incorrect|invalid|bad|wrong|not (accepted|match\w*|correct|valid|found|recogni[sz]ed)|"
    r"unknown|mismatch\w*|denied|error)\b",
    r"\b(fail\w*|unsuccessful|reject\w*|incorrect|invalid|bad|wrong|unknown|mismatch\w*)\b.{0,30}"
    r"\b(user ?name|username|password|credentials?|login|auth\w*|user|account)\b",
)

_RULES: Final[tuple[tuple[str, ...], ...]] = (
    # -- login: what is wrong with it, before anything that could be wrong with the account's mail ---------------------
    ("auth", "432", r"7\.12", "", "auth-password-transition"),
    ("auth", _NO, "", _APP_PASSWORD, "auth-app-password"),
    ("auth", _NO, r"7\.14", "", "auth-browser"),
    ("auth", _NO, "", _BROWSER, "auth-browser"),
    ("auth", _PERMANENT, "", _LOGIN_DISABLED, "auth-disabled"),
    ("auth", _PERMANENT, "", _LOGIN_POLICY, "auth-policy"),
    ("auth", _NO, "", _PASSWORD_EXPIRED, "auth-password-expired"),
    ("auth", "538", "", "", "auth-needs-tls", "clear"),
    ("auth", _PERMANENT, r"7\.(10|11)", "", "auth-needs-tls", "clear"),
    ("auth", "530|538", "", _TLS_FIRST, "tls-not-seen", "tls"),
    ("auth", _NO, "", _SENDING_LIMIT, "sending-limit"),
    ("auth", _NO, "", _RATE, "auth-too-many"),
    ("auth", "5..", "", _LOCKED, "auth-locked"),
    ("auth", "525", "", "", "auth-locked"),
    ("auth", _PERMANENT, r"7\.13", "", "auth-locked"),
    ("auth", _PERMANENT, "", _BLOCKED_CLIENT, "client-blocked"),
    ("auth", _PERMANENT, "", _MECHANISM, "auth-mechanism-refused"),
    ("auth", "5(?!30|38)..", "", _TLS_FIRST, "auth-needs-tls", "clear"),
    ("auth", "530|538", "", "", "auth-needs-tls", "clear"),
    ("auth", "530|538", "", "", "login-otherwise", "tls"),
    ("auth", "534", r"7\.9", "", "auth-mechanism-refused"),
    ("auth", "421", r"3\.2", "", "closing"),
    ("auth", "421", "", "", "auth-too-many"),
    ("auth", "4..", "", "", "auth-temporary"),
    ("auth", "500|501|504", "", "", "auth-mechanism-refused"),
    ("auth", "535", "", "", "auth-rejected"),
    ("auth", _PERMANENT, r"7\.(3|8|139)", "", "auth-rejected"),
    ("auth", "5(?!03)..", "", _CREDENTIALS, "auth-rejected"),
    ("auth", _PERMANENT, "", "", "auth-refused"),
    # -- what a server wants before it takes mail ----------------------------------------------------------------------
    (_MAIL, "4..", "", _GREYLISTING, "recipient-temporary"),
    (_MAIL, _NO, r"7\.2[0-46-9]|7\.9|7\.509|7\.515", _DOMAIN_POLICY, "policy-refused"),
    (_MAIL, _NO, r"7\.(2[0-46]|29|9|509|515)", "", "policy-refused"),
    (_MAIL, _NO, "", _DOMAIN_POLICY, "policy-refused"),
    (_MAIL, "530", "", "starttls|encrypt|tls", "tls-required", "clear"),
    (_MAIL, "530", "", "starttls|encrypt|tls", "tls-not-seen", "tls"),
    (_MAIL, _NO, r"7\.10", "", "tls-required", "clear"),
    (_MAIL, _PERMANENT, "", _TLS_FIRST, "tls-required", "clear"),
    (_MAIL, "530", "", "", "login-required", "no-login"),
    (_MAIL, _NO, r"7\.57", "", "login-required", "no-login"),
    (_MAIL, _NO, "", _LOGIN_FIRST, "login-required", "no-login"),
    (_MAIL, "530", "", "", "login-otherwise", "login"),
    (_MAIL, _NO, r"7\.57", "", "login-otherwise", "login"),
    # -- size and number -----------------------------------------------------------------------------------------------
    (_MAIL, _NO, "", _LOOP, "mail-loop"),
    (_MAIL, _PERMANENT, r"4\.(6|14)", "", "mail-loop"),
    (_MAIL, _NO, r"4\.5|1\.90|7\.(232|233|705)", _SENDING_LIMIT, "sending-limit"),
    (_MAIL, _NO, "", _PERIOD_LIMIT, "sending-limit"),
    (_MAIL, _NO, r"3\.2", _RATE, "rate-limited"),
    (_MAIL, _NO, r"5\.3", "", "too-many-recipients"),
    (_MAIL, _NO, "", _TOO_MANY_RECIPIENTS, "too-many-recipients"),
    (_MAIL, _PERMANENT, r"[23]\.[34]", _TOO_LARGE, "message-too-large"),
    (_MAIL, _PERMANENT, r"3\.4|2\.3", "", "message-too-large"),
    ("data", _PERMANENT, "", _LINE_TOO_LONG, "content-refused"),
    (_MAIL, _PERMANENT, r"4\.5|1\.90|7\.(232|233|705)", "", "sending-limit"),
    (_MAIL, _NO, r"2\.2", "", "quota-exceeded"),
    (_MAIL, _NO, "", _MAILBOX_FULL, "quota-exceeded"),
    (_MAIL, "5[25].", "", _TOO_LARGE, "message-too-large"),
    (_ANY, _NO, "", _SENDING_LIMIT, "sending-limit"),
    ("ehlo ehlo-tls mail rcpt data", _NO, r"7\.(28|65.)|2\.25[135]", "", "rate-limited"),
    ("ehlo ehlo-tls mail rcpt data", _NO, "", _RATE, "rate-limited"),
    (_MAIL, _NO, r"3\.1", "", "server-full"),
    (_MAIL, _NO, "", _NO_SPACE, "server-full"),
    # -- this machine --------------------------------------------------------------------------------------------------
    (f"{_OPEN} {_MAIL}", _NO, r"7\.25", "", "no-reverse-name"),
    (f"{_OPEN} {_MAIL}", _NO, "", _NO_REVERSE, "no-reverse-name"),
    (_MAIL, _NO, "", _RELAY_FOR_CLIENT, "relay-denied"),
    (_MAIL, _UNPLACED, "", r"\b(helo|ehlo)\b|\bneed fully-qualified hostname\b", "ehlo-refused"),
    (_MAIL, _NO, "", r"\bsender (address|domain) ?(rejected|\[address\]|<>)? ?.{0,20}blocked using", "sender-refused"),
    (_MAIL, _NO, "", r"\brecipient address ?(\[address\]|<>)? ?.{0,20}blocked using", "recipient-refused"),
    (_MAIL, _NO, "", r"\bclient host ?(rejected|.{0,20}blocked using)", "client-blocked"),
    # -- the sender ----------------------------------------------------------------------------------------------------
    (_MAIL, _NO, "", _SENDER_INCOMPLETE, "sender-syntax"),
    (_MAIL, _NO, "", r"\brecipient address rejected: need fully", "recipient-syntax"),
    (_MAIL, _NO, r"1\.7", "", "sender-syntax"),
    (_MAIL, _PERMANENT, "", r"\brecipient address rejected: (user|undeliverable|domain|unverified)", "no-such-recipient"),
    (_MAIL, _PERMANENT, r"4\.1", r"\brecipient address rejected", "no-such-recipient"),
    ("rcpt", "4..", "", r"\brecipient address rejected", "recipient-temporary"),
    (_MAIL, _NO, r"1\.8|7\.27|2\.252|7\.60|7\.51[01]|7\.50[1-3]", "", "sender-refused"),
    (_MAIL, _PERMANENT, "", _SENDER_UNVERIFIED, "sender-not-verified"),
    (_MAIL, _NO, "", r"\bsender address rejected", "sender-refused"),
    ("data", _PERMANENT, "", _CONTENT, "content-refused"),
    (f"{_OPEN} {_MAIL}", _NO, r"7\.(60[6-9]|6[1-4].|708)", "", "client-blocked"),
    (f"{_OPEN} {_MAIL}", _NO, "", _BLOCKED_CLIENT, "client-blocked"),
    (_MAIL, _NO, "", _SENDER, "sender-refused"),
    # -- the recipient -------------------------------------------------------------------------------------------------
    (_MAIL, _PERMANENT, r"7\.(54|64)", "", "relay-denied"),
    (_MAIL, _PERMANENT, "", _RELAY, "relay-denied"),
    ("rcpt data", _PERMANENT, r"1\.(1|2|6|10)", "", "no-such-recipient"),
    ("rcpt", _PERMANENT, r"1\.0", "", "no-such-recipient"),
    ("rcpt data", _PERMANENT, r"1\.3", "", "recipient-syntax"),
    ("rcpt data", _PERMANENT, "", _NO_RECIPIENT, "no-such-recipient"),
    ("rcpt data", _PERMANENT, "", _RECIPIENT, "recipient-refused"),
    ("mail rcpt", "555", "", "", "mail-parameter"),
    ("mail rcpt", _PERMANENT, r"5\.4", "", "mail-parameter"),
    (f"{_OPEN} {_MAIL}", _PERMANENT, "", r"\bpipelin|\bsynchroni[sz]ation\b", "pipelining-refused"),
    (f"{_OPEN} {_MAIL}", _NO, "", _CLIENT_CERTIFICATE, "tls-client-certificate"),
    # -- only the stage says what it may be ----------------------------------------------------------------------------
    ("banner", "4..", "", "", "banner-busy"),
    ("banner", _PERMANENT, "", "", "banner-refused"),
    ("ehlo ehlo-tls", "421", r"3\.2", "", "ehlo-temporary"),
    ("ehlo ehlo-tls", "421", "", "", "ehlo-closing"),
    ("ehlo ehlo-tls", "4..", "", "", "ehlo-temporary"),
    ("ehlo ehlo-tls", _PERMANENT, "", "", "ehlo-refused"),
    ("starttls", "4..", "", "", "starttls-unavailable"),
    ("starttls", _PERMANENT, "", "", "starttls-refused"),
    (_MAIL, "421", "", "", "closing"),
    (_MAIL, "50[023]", r"(5\.\d+)?", "", "refused"),
    ("mail", "552", "", "", "message-too-large"),
    ("mail", "4..", "", "", "mail-temporary"),
    ("mail", "501", "", "", "sender-syntax"),
    ("mail", _PERMANENT, "", "", "sender-refused"),
    ("rcpt", "4..", "", "", "recipient-temporary"),
    ("rcpt", "501", "", "", "recipient-syntax"),
    ("rcpt", _PERMANENT, "", r"\bsender\b", "sender-refused"),
    ("rcpt", _PERMANENT, r"7\.[0-9]+", "", "relay-denied", "no-login"),
    ("rcpt", _PERMANENT, "", "", "recipient-refused"),
    ("data", "50[0-4]", r"(5\.\d+)?", "", "refused"),
    ("data", "552", "", "", "quota-exceeded"),
    ("data", "4..", "", "", "data-temporary"),
    ("data", _PERMANENT, "", "", "content-refused"),
)  # fmt: skip

REPLY_RULES: Final = tuple(ReplyRule(*rule) for rule in _RULES)
"""What a reply means; the first row that matches counts."""
