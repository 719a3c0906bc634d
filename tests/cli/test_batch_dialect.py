r"""The language of batch files, as the tools of both families read it."""

from __future__ import annotations

import subprocess
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from confobjects.cli.batch.dialect import Piece, Script, parse
from confobjects.cli.words.quoting import quote_word
from confobjects.diagnostics import MASK

WORDS: dict[str, tuple[str, list[list[str]]]] = {
    "nothing": ("", []),
    "blank lines": ("\n  \n\t\n", []),
    "one command": ("list-mail-servers", [["list-mail-servers"]]),
    "with the program before it": ("dsconfig list-xs\nconfobjects list-ys", [["list-xs"], ["list-ys"]]),
    "with the program's path": (
        "/opt/ds/bin/dsconfig list-xs\nC:\\\\ds\\\\bat\\\\dsconfig.bat list-ys",
        [["list-xs"], ["list-ys"]],
    ),
    "the program is a value elsewhere": ("set-x --x-name dsconfig", [["set-x", "--x-name", "dsconfig"]]),
    "comments": ("# one\n  # two\n\t# three\nlist-xs\n#", [["list-xs"]]),
    "a hash in a line is a word": ("set-x --x-name #1", [["set-x", "--x-name", "#1"]]),
    "runs of blanks, tabs": ("  set-x \t --x-name\t\tone   ", [["set-x", "--x-name", "one"]]),
    "carriage returns": ("set-x --a b\r\nset-x --c d\r\n", [["set-x", "--a", "b"], ["set-x", "--c", "d"]]),
    "some carriage returns": ("set-x --a \\\r\n  b\nset-x --c d\r\n", [["set-x", "--a", "b"], ["set-x", "--c", "d"]]),
    "double quotes": ('set-x "a  b"', [["set-x", "a  b"]]),
    "single quotes": ("set-x 'a  \"b\\n'", [["set-x", 'a  "b\\n']]),
    "quotes in double quotes": ('set-x "it\'s \\"b\\""', [["set-x", 'it\'s "b"']]),
    "quotes open in mid-word": (
        'set-x --set trust-manager-provider:"PEM Trust Manager" --set "a:b c"',
        [["set-x", "--set", "trust-manager-provider:PEM Trust Manager", "--set", "a:b c"]],
    ),
    "quotes close in mid-word": ("set-x \"a\"b'c d'e", [["set-x", "abc de"]]),
    "empty quotes are a word": ("set-x \"\" ''", [["set-x", "", ""]]),
    "a name that ends in a blank": ('set-x --x-name "one "', [["set-x", "--x-name", "one "]]),
    "a backslash takes the next character": (
        "set-x a\\ b \\\"c\\\" \\'d\\' \\\\",
        [["set-x", "a b", '"c"', "'d'", "\\"]],
    ),
    "also in double quotes": ('set-x "a\\b\\\\c"', [["set-x", "ab\\c"]]),
    "other signs mean themselves": ("set-x a=b;c|d&e>f(g)*?~!{h}", [["set-x", "a=b;c|d&e>f(g)*?~!{h}"]]),
    "a line goes on": ("set-x \\\n  --a b \\\n\t--c d\nlist-xs", [["set-x", "--a", "b", "--c", "d"], ["list-xs"]]),
    "inside a word": ("set-x --a b\\\nc", [["set-x", "--a", "bc"]]),
    "inside double quotes": ('set-x "a \\\nb"', [["set-x", "a b"]]),
    "the verb after the program": ("dsconfig \\\nset-x \\\n --a b", [["set-x", "--a", "b"]]),
    "the verb after the program's path": ("/opt/ds/bin/dsconfig \\\r\n  create-x a\r\n", [["create-x", "a"]]),
    "the verb after the program and its options": (
        "dsconfig -h localhost \\\n -p 4444 \\\n# why\n\nset-x a",
        [["-h", "localhost", "-p", "4444", "set-x", "a"]],
    ),
    "several such commands": (
        "dsconfig \\\ncreate-x a\n\ndsconfig \\\n    delete-x \\\n    --b c\n",
        [["create-x", "a"], ["delete-x", "--b", "c"]],
    ),
    "past comments and blank lines": ("set-x \\\n# why\n\n  # that\n  --a b", [["set-x", "--a", "b"]]),
    "two backslashes are one, and the line ends": ("set-x a\\\\\nlist-xs", [["set-x", "a\\"], ["list-xs"]]),
    "a value of several lines": ("set-x 'a\n # b\n\n c' d", [["set-x", "a\n # b\n\n c", "d"]]),
    "also in double quotes, over lines": ('set-x "a\n b"', [["set-x", "a\n b"]]),
    "an expression": ("set-x a:&{b.c} d:${e} f:$<g>", [["set-x", "a:&{b.c}", "d:${e}", "f:$<g>"]]),
    "an expression behind a backslash": ("set-x a:\\&{b} c:\\${d} e:\\$<f>", [["set-x", "a:&{b}", "c:${d}", "e:$<f>"]]),
    "in double quotes": ('set-x "a:\\&{b|c d}"', [["set-x", "a:&{b|c d}"]]),
    "in single quotes": ("set-x 'a:\\&{b}' 'c:\\${d}' 'e:\\$<f>'", [["set-x", "a:&{b}", "c:${d}", "e:$<f>"]]),
    "two backslashes keep it literal": (
        "set-x a:\\\\&{b} \"c:\\\\&{d}\" 'e:\\\\&{f}'",
        [["set-x", "a:\\&{b}", "c:\\&{d}", "e:\\&{f}"]],
    ),
    "a value from a file": ('set-x --set "pin<my file"', [["set-x", "--set", "pin<my file"]]),
}


def texts(script: Script) -> list[list[str]]:
    return [command.texts for command in script.commands]


@pytest.mark.parametrize("name", WORDS)
def test_a_text_is_read_as(name: str) -> None:
    text, expected = WORDS[name]
    script = parse(text)
    assert script.mistakes == ()
    assert texts(script) == expected


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("set-x  a", [[Piece(0, 0, 5)], [Piece(0, 7, 8)]]),
        ("\n\tset-x 'a b'c", [[Piece(1, 1, 6)], [Piece(1, 7, 13)]]),
        ("dsconfig set-x", [[Piece(0, 9, 14)]]),
        ("set-x \\\n  a\\\nb", [[Piece(0, 0, 5)], [Piece(1, 2, 3), Piece(2, 0, 1)]]),
        ('set-x "a\nb" c', [[Piece(0, 0, 5)], [Piece(0, 6, 8), Piece(1, 0, 2)], [Piece(1, 3, 4)]]),
    ],
)
def test_every_word_has_its_place(text: str, pieces: list[list[Piece]]) -> None:
    [command] = parse(text).commands
    assert [list(word.pieces) for word in command.words] == pieces


MISTAKES = {
    "open double quote": ('set-x "a b\nlist-xs', "the quote that opens here is not closed", Piece(0, 6, 7)),
    "open single quote": ("set-x --a it's fine", "the quote that opens here is not closed", Piece(0, 12, 13)),
    "open quote, last line": ('list-xs\nset-x "a\n', "the quote that opens here is not closed", Piece(1, 6, 7)),
    "a quote closed too late": ('set-x "a b\nset-y "c"\n', "the quote that opens here is not closed", Piece(0, 6, 7)),
    "a joined line in a quote": (
        'set-x "a \\\n b\ndsconfig list-xs',
        "the quote that opens here is not closed",
        Piece(0, 6, 7),
    ),
    "the program twice": (
        "dsconfig \\\n dsconfig list-xs",
        "the backslash continues the line, but the next line begins another command",
        Piece(0, 9, 10),
    ),
    "a command after the verb": (
        "dsconfig \\\nset-x \\\ncreate-y b",
        "the backslash continues the line, but the next line begins another command",
        Piece(1, 6, 7),
    ),
    "the verb after a bare option": (
        "--no-prompt \\\ncreate-y b",
        "the backslash continues the line, but the next line begins another command",
        Piece(0, 12, 13),
    ),
    "the next line is a command": (
        "set-x a \\\n\ncreate-y b",
        "the backslash continues the line, but the next line begins another command",
        Piece(0, 8, 9),
    ),
    "blanks behind the backslash": (
        "set-x a \\  \n b",
        "blanks follow the backslash at the end of the line",
        Piece(0, 8, 9),
    ),
    "the program alone": ("list-xs\ndsconfig", "the command after dsconfig is missing", Piece(1, 0, 8)),
    "a no-break space": ("set-x\u00a0--a b", "the character U+00A0 does not separate words", Piece(0, 5, 6)),
    "a byte order mark inside": ("set-x \ufeffa", "the character U+FEFF does not separate words", Piece(0, 6, 7)),
    "a control character": ("set-x a\x00b", "the character U+0000 is not allowed in a command", Piece(0, 7, 8)),
    "a long dash": ("set-x \u2013a b", "the dash U+2013 does not begin an option", Piece(0, 6, 7)),
    "a here-document": (
        "set-x a<<EOF\nb 'c\n EOF",
        "a here-document (<<) works in a shell, but not in a batch",
        Piece(0, 7, 9),
    ),
}


@pytest.mark.parametrize(
    ("text", "words", "piece"),
    [
        ("set-x a \\", ["set-x", "a"], Piece(0, 8, 9)),
        ("set-x a\\", ["set-x", "a"], Piece(0, 7, 8)),
        ("set-x a \\\n", ["set-x", "a"], Piece(0, 8, 9)),
        ("dsconfig \\\nset-x \\\r\n\n# end\n", ["set-x"], Piece(1, 6, 7)),
    ],
)
def test_a_backslash_at_the_end_does_no_harm(text: str, words: list[str], piece: Piece) -> None:
    script = parse(text)
    assert (texts(script), script.mistakes, script.commands[0].broken) == ([words], (), False)
    assert [(odd.summary, odd.piece) for odd in script.oddities] == [
        ("the backslash continues the line, but there is no next line", piece)
    ]


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_has_its_place(name: str) -> None:
    text, summary, piece = MISTAKES[name]
    [mistake] = parse(text).mistakes
    assert (mistake.summary, mistake.piece) == (summary, piece)
    assert mistake.remedy


def test_the_lines_of_a_here_document_are_no_commands() -> None:
    script = parse("set-a <<-'EO F' b\n\tset-c d\n\tEO F\nset-e <<f\nset-g")
    assert [command.texts[0] for command in script.commands] == ["set-a", "set-e", "set-g"]
    assert [mistake.piece for mistake in script.mistakes] == [Piece(0, 6, 8), Piece(3, 6, 8)]


def test_a_mistake_hides_no_other_and_no_command() -> None:
    script = parse("set-a 'b\nset-c d\nset-e \\\nset-f \u2014g\nlist-h")
    assert [mistake.piece.row for mistake in script.mistakes] == [0, 2, 3]
    assert [(command.texts[0], command.broken) for command in script.commands] == [
        ("set-a", True),
        ("set-c", False),
        ("set-e", True),
        ("set-f", True),
        ("list-h", False),
    ]


ANY_WORD = st.text(
    st.one_of(
        st.sampled_from(list(" \t\n\\'\"&{}$<>|#%-=:ab")), st.characters(codec="utf-8", exclude_characters="\r\x00")
    )
)
COMMAND = st.tuples(st.just("set-x"), st.lists(ANY_WORD)).map(lambda both: [both[0], *both[1]])


@given(st.lists(COMMAND))
def test_what_is_quoted_is_read_back(commands: list[list[str]]) -> None:
    script = parse("# a remark\n" + "\n".join(" ".join(map(quote_word, command)) for command in commands))
    assert script.mistakes == ()
    assert texts(script) == commands


@settings(max_examples=30, deadline=None)
@given(st.lists(ANY_WORD.filter(lambda word: not word.endswith(MASK)), min_size=1))
@example(["\\&{a}`$b\"'c"])
@example(["*", "a*", "?", "[a]", "~", "!"])
def test_a_shell_reads_the_same(words: list[str]) -> None:
    line = "printf '%s\\0' " + " ".join(map(quote_word, words))
    printed = subprocess.run(["sh", "-c", line], capture_output=True, check=True).stdout
    assert printed.decode().split("\0")[:-1] == words


@given(st.text(st.sampled_from(list(" \t\r\n\\'\"&{}$<#ab-set\u00a0\u2013"))))
def test_every_text_is_read_to_its_end_and_every_place_is_in_it(text: str) -> None:
    script = parse(text)
    for command in script.commands:
        places = [piece for word in command.words for piece in word.pieces]
        assert all(place.start <= place.end <= len(script.lines[place.row]) for place in places)
        assert all((a.row, a.start) <= (b.row, b.start) for a, b in pairwise(places))
    for mistake in script.mistakes:
        assert 0 <= mistake.piece.start < len(script.lines[mistake.piece.row])
