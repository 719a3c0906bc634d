"""The terminal: the one place of this room that reads and writes.

A question can be ended by Ctrl-D, which leaves the program (:class:`QuitRequest`), or by Ctrl-C, which the interpreter turns
into KeyboardInterrupt: where that would lose what somebody has typed, only the second one leaves. Long lists are searched as the user types; a dumb terminal asks until one entry is left.
"""

from __future__ import annotations

import codecs
import os
import select
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from confobjects.texts.visible import make_block_visible, make_visible
from confobjects.texts.widths import fold

from ..output.messages import Message, show
from .choosing import END, ENTER, ESCAPE, INDENT, KEYS, LONG, Choice, Menu, Search, cut, keys_of, match_places

T = TypeVar("T")

_MOST_SHOWN = 20
_LOWEST = 6
"""The fewest lines that a terminal is taken to have."""
_REST_OF_KEY = 0.05
"""Seconds to wait for the rest of an arrow key's sequence; otherwise its first character is the Escape key."""


class QuitRequest(Exception):  # noqa: N818 - not an error: the user leaves
    """The user wants to leave the program."""


class BackRequest(Exception):  # noqa: N818 - not an error either
    """The user wants to go back."""


class Terminal:
    """Questions and answers on standard input and output."""

    def __init__(self) -> None:
        try:
            import readline

            readline.set_auto_history(False)
            self._readline: Any = readline
        except (ImportError, AttributeError):
            self._readline = None
        self._guards: list[Callable[[], bool]] = []
        self._menu_height = 0
        """The lines of the menu that was printed last."""

    @contextmanager
    def guard(self, loses: Callable[[], bool]) -> Iterator[None]:
        """Ask once more after Ctrl-C, as long as ``loses`` tells that leaving would lose something."""
        self._guards.append(loses)
        try:
            yield
        finally:
            self._guards.pop()

    def _ask_guarded(self, ask: Callable[[], T]) -> T:
        """Ask a question, and again after a Ctrl-C that was not meant so. Raises KeyboardInterrupt if it was."""
        while True:
            try:
                return ask()
            except KeyboardInterrupt:
                if not any(loses() for loses in self._guards):
                    raise
                self.say("\nWhat you have changed is not applied. Ctrl-C again leaves and loses it; Enter goes on.")
                self._read_line("", "")

    @property
    def width(self) -> int:
        """The width of the output in columns."""
        return max(40, shutil.get_terminal_size().columns - 1)

    @property
    def can_move_cursor(self) -> bool:
        """Whether the cursor can be moved."""
        return os.environ.get("TERM", "dumb") not in {"", "dumb"}

    def say(self, text: str = "") -> None:
        """Print lines."""
        sys.stdout.write(f"{make_block_visible(text)}\n")
        sys.stdout.flush()

    def tell(self, message: Message) -> None:
        """Print what is wrong, or may be, as every message is: with its label, folded to the terminal."""
        sys.stdout.write(f"{show(message, sys.stdout)}\n")
        sys.stdout.flush()

    def explain(self, text: str, *, before_menu: bool = True) -> None:
        """Print help. What would scroll away, because it is long or a menu follows, waits to be read; ``q`` leaves the rest out."""
        lines = [part for line in text.split("\n") for part in fold(line, self.width)]
        room = max(_LOWEST, shutil.get_terminal_size().lines) - 1
        follows = self._menu_height if before_menu else 0
        while lines and len(lines) + follows > room and sys.stdin.isatty():
            self.say("\n".join(lines[: room - 1]))
            lines = lines[room - 1 :]
            if self.ask("-- Enter goes on, q leaves the rest out: ").strip().casefold() == "q":
                return
        if lines:
            self.say("\n".join(lines))

    # -- one answer ------------------------------------------------------------------------------------------------

    def ask(self, prompt: str, *, present: str = "") -> str:
        """Ask for a line; ``present`` is offered for editing, if it is one line."""
        return self._ask_guarded(lambda: self._read_line(prompt, present))

    def _read_line(self, prompt: str, present: str) -> str:
        sys.stdout.flush()
        if self._readline is not None and present and present.isprintable():
            self._readline.set_startup_hook(lambda: self._readline.insert_text(present))
        try:
            return input(make_block_visible(prompt))
        except EOFError:
            self.say()
            raise QuitRequest from None
        finally:
            if self._readline is not None:
                self._readline.set_startup_hook(None)

    def ask_secret(self, name: str, typed: str = "") -> str:
        """Ask for a text that is not shown, twice; an empty one is no answer. Ask again until both are the same.

        ``typed`` is a first answer that was given already.
        """
        while True:
            first = typed or self._ask_unseen(f"{name} (not shown): ")
            if not first or self._ask_unseen(f"{name} again: ") == first:
                return first
            typed = ""
            self.say("The two entries differ. Please type both again.")

    def _ask_unseen(self, prompt: str) -> str:
        return self._ask_guarded(lambda: self._read_unseen(prompt))

    def _read_unseen(self, prompt: str) -> str:
        from getpass import getpass

        try:
            return getpass(prompt)
        except EOFError:
            self.say()
            raise QuitRequest from None

    def confirm(self, question: str, *, default: bool) -> bool:
        """Ask for yes or no."""
        while True:
            answer = self.ask(f"{question} (yes / no) [{'yes' if default else 'no'}]: ").strip().casefold()
            if not answer:
                return default
            if answer in {"y", "yes", "n", "no"}:
                return answer.startswith("y")
            self.say('Please answer "yes" or "no".')

    # -- menus and lists ---------------------------------------------------------------------------------------------

    def choose(self, menu: Menu) -> Choice:
        """Print a menu and return what was chosen."""
        lines = menu.lines(self.width)
        self._menu_height = len(lines) + 1  # the question comes below it
        self.say("\n".join(lines))
        while True:
            answer = self.ask(menu.prompt)
            choice = menu.find_choice(answer)
            if choice is not None:
                return choice
            about = menu.find_help_topic(answer)
            if about is not None:
                return about
            if answer.strip():
                self.say(f'"{answer.strip()}" is not one of the choices.')

    def choose_unseen(self, menu: Menu) -> Choice | str:
        """Print a menu and read the answer without showing it; return what was chosen, or a text that is no choice."""
        self.say("\n".join(menu.lines(self.width)))
        answer = self._ask_unseen(menu.prompt)
        choice = menu.find_choice(answer)
        return answer if choice is None else choice

    def pick(self, question: str, labels: Sequence[str], heading: str = "") -> int:
        """Ask for one entry of a long list, with a search, and return its place. Raises BackRequest."""
        if self.can_move_cursor:
            self.say(f"\n{question}")
            return self._ask_guarded(lambda: self._pick_by_search(Search(tuple(labels), heading=heading)))
        return self._pick_by_narrowing(question, labels, heading)

    def _pick_by_narrowing(self, question: str, labels: Sequence[str], heading: str) -> int:
        places = list(range(len(labels)))
        while True:
            self.say(f"\n{question}\n")
            if heading:
                self.say(cut(f"{INDENT}{heading}", self.width))
            for place in places[:_MOST_SHOWN]:
                self.say(cut(f"{place + 1:>4})  {labels[place]}", self.width))
            if len(places) > _MOST_SHOWN:
                self.say(f"      … and {len(places) - _MOST_SHOWN} more")
            answer = self.ask("\nA number, a part of a name, or empty to go back: ")
            if not answer.strip():
                raise BackRequest
            found = match_places(labels, answer)
            if len(found) == 1:
                return found[0]
            if not found:
                self.say(f'Nothing matches "{answer.strip()}".')
            places = found or list(range(len(labels)))

    def _pick_by_search(self, search: Search) -> int:
        height = max(3, min(LONG, shutil.get_terminal_size().lines - 5))
        drawn = 0
        with _open_keyboard() as keys:
            while True:
                drawn = self._draw(search.lines(height, self.width), drawn)
                key = next(keys)
                if key == END:
                    raise QuitRequest
                if key == ESCAPE:
                    raise BackRequest
                if key in ENTER and search.marked_place is not None:
                    self._draw([f"> {search.labels[search.marked_place]}"], drawn)
                    return search.marked_place
                if key in KEYS:
                    search = KEYS[key](search)
                elif key.isprintable():
                    search = search.extend_query(key)

    @staticmethod
    def _draw(lines: Sequence[str], before: int) -> int:
        """Draw lines over those drawn before; return their number."""
        up = f"\x1b[{before}A\r\x1b[J" if before else ""
        sys.stdout.write(up + "".join(f"{make_visible(line)}\n" for line in lines))
        sys.stdout.flush()
        return len(lines)


@contextmanager
def _open_keyboard() -> Iterator[Iterator[str]]:
    """Read key by key, not shown; the terminal is as it was afterwards, whatever happens."""
    import termios
    import tty

    number = sys.stdin.fileno()
    before = termios.tcgetattr(number)
    tty.setcbreak(number)
    try:
        yield _read_keys(number)
    finally:
        termios.tcsetattr(number, termios.TCSADRAIN, before)


def _read_keys(number: int) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    while True:
        data = os.read(number, 1024)
        if not data:
            yield END
        if data.endswith(b"\x1b") and select.select([number], [], [], _REST_OF_KEY)[0]:
            data += os.read(number, 1024)
        yield from keys_of(decoder.decode(data))
