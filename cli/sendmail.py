"""The program ``sendmail``: what programs that send mail call, in its words, over the command ``send-mail``.

Its options are those of Postfix's sendmail(1). Long options are those of confobjects (``--url=…``, ``--category=account``).
Exit statuses are those of sysexits.h.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from getopt import GetoptError, gnu_getopt
from typing import Final

NAME: Final = "sendmail"

_OPTIONS: Final = "A:B:C:E:F:GIL:N:O:R:TUV:X:b:ce:f:h:imno:p:r:q:tvx"
_MODE: Final = "m"
"""The only mode (``-bm``): a message on standard input is delivered."""

USAGE, UNAVAILABLE, TRY_AGAIN, CONFIGURATION = 64, 69, 75, 78
STATUSES: Final = {
    0: 0,
    2: USAGE,
    20: TRY_AGAIN,
    21: 77,
    22: TRY_AGAIN,
    24: UNAVAILABLE,
    25: TRY_AGAIN,
    70: 70,
    130: 130,
    141: 74,
}
"""Exit statuses of ``send-mail`` as those of sysexits.h. All others say that the configuration is wrong."""


class SendmailUsageError(Exception):
    """Something that this program does not do."""


def translate(arguments: Sequence[str]) -> list[str]:
    """Return the command line of ``send-mail`` for that of ``sendmail``. Raises SendmailUsageError."""
    at = arguments.index("--") if "--" in arguments else len(arguments)
    own = [one for one in arguments[:at] if one.startswith("--")]
    usual = [one for one in arguments[:at] if not one.startswith("--")]
    try:
        options, words = gnu_getopt(usual, _OPTIONS)
    except GetoptError as error:
        raise SendmailUsageError(error.msg) from None
    names = {name for name, _ in options}
    _check(options)
    is_whole = "-i" in names or ("-o", "i") in options
    return [
        "send-mail",
        "--quiet",
        "--no-prompt",
        *own,
        *([] if is_whole else ["--end-at-dot"]),
        *_as_recipients([*words, *arguments[at + 1 :]], reads="-t" in names),
    ]


def _check(options: Sequence[tuple[str, str]]) -> None:
    for name, value in options:
        if name in {"-q", "-I"} or (name == "-b" and value != _MODE):
            text = f"{name}{value if name == '-b' else ''} is not done by this program"
            raise SendmailUsageError(f"{text}: it takes a message on standard input, and run-mail-service delivers it")


def _as_recipients(words: Sequence[str], *, reads: bool) -> Iterator[str]:
    from confobjects.mail.addresses import split_addresses

    given = [address for text in words for address in split_addresses(text)]
    if not given and not reads:
        raise SendmailUsageError("nobody is named: give addresses, or -t to read them from the message")
    yield from (f"--to={address}" for address in given)
    if reads:
        yield "--read-recipients"


def run_as_sendmail(run: Callable[[Sequence[str]], int], arguments: Sequence[str]) -> int:
    """Run a command line of ``sendmail``, and return its exit status. ``run`` runs one of confobjects."""
    try:
        words = translate(arguments)
    except SendmailUsageError as error:
        sys.stderr.write(f"{NAME}: {error}\n")
        return USAGE
    return STATUSES.get(run(words), CONFIGURATION)
