"""The form of a sender: what it shows of two objects, and what becomes of what is typed."""

from __future__ import annotations

import pytest

from confobjects.mail.sender_forms import FIELDS, HOST, PORT, join_address, make_values, read_values, split_address


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("mail.example.com:587", "mail.example.com", "587"),
        ("mail.example.com", "mail.example.com", ""),
        ("[2001:db8::1]:25", "[2001:db8::1]", "25"),
        ("[2001:db8::465]", "[2001:db8::465]", ""),
        ("&{mail.host}:587", "&{mail.host}:587", ""),
        ("two words", "two words", ""),
        ("", "", ""),
    ],
)
def test_an_address_is_split_and_joined_again(text: str, host: str, port: str) -> None:
    assert split_address(text) == (host, port)
    assert join_address(host, port) == text


def test_what_is_shown_and_sent_back_is_what_is_stored() -> None:
    server = {"smtp-server": ("mail.example.com:2525",), "auth-username": ("ann",), "trust-manager-provider": ("Ours",)}
    sender = {"from-address": ("ann@example.com",), "from-name": ("Ann",)}
    shown = read_values(server, sender)
    assert (shown[HOST], shown[PORT]) == ("mail.example.com", "2525")
    assert {name: texts for name, texts in make_values(shown, "mail-server").items() if texts} == server
    assert {name: texts for name, texts in make_values(shown, "mail-sender").items() if texts} == sender


def test_the_form_never_shows_a_secret() -> None:
    secrets = {one.name for one in FIELDS if one.secret}
    assert secrets
    assert not secrets & set(read_values({"auth-password": ("secret",)}, {}))
