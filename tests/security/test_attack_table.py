"""How many forgeries of each kind the suite has; ``python -m tests.security.attack_table`` prints them."""

from __future__ import annotations

from .attack_table import counted

KINDS = {
    "audit forgery",
    "bit flips",
    "downgrade",
    "forged signature",
    "key confusion",
    "nonce reuse by editing",
    "old directory with new blocks",
    "old signature with other blocks",
    "parity forgery",
    "policy forgery",
    "sequence forgery",
    "stanza removal and substitution",
    "stripped signature",
    "swaps between files",
    "swaps within a file",
    "truncation",
    "wrong tier",
}


def test_there_are_twenty_of_each_kind() -> None:
    table = counted()
    print(table)
    assert set(table) == KINDS
    assert {kind: count for kind, count in table.items() if count < 20} == {}
    assert sum(table.values()) >= 300
