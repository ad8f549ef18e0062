"""Each rule of FORMAT.md, section 9.10, has a case here; more of each kind are in ``test_attacks``."""

from __future__ import annotations

import re
import struct
from importlib import resources
from typing import TYPE_CHECKING

import pytest

from pgic_core import Passphrase, PgiError, generate_key

from ..container.forge import IMAGE, METADATA, SECURITY
from .conftest import Keys, sealed
from .test_attacks import Parts, everything, words_stanza

if TYPE_CHECKING:
    from collections.abc import Callable

FORMAT = (resources.files("pgic_core.container") / "FORMAT.md").read_text("utf-8")
RULES = dict(re.findall(r"^\| (S\d+) \| .* \| `(\w+)` \|$", FORMAT, flags=re.MULTILINE))


def _security(content: bytes) -> Callable[[Parts], None]:
    def change(parts: Parts) -> None:
        parts.blocks[SECURITY].content = content

    return change


def _envelope(**values: object) -> Callable[[Parts], None]:
    def change(parts: Parts) -> None:
        parts.envelope = parts.envelope | values

    return change


def _unflagged(parts: Parts) -> None:
    parts.blocks[METADATA].flags = 0


def _more_in_the_extension(parts: Parts) -> None:
    parts.extension = parts.extension | {"acme.note": "mine"}


def _flipped(parts: Parts) -> None:
    content = parts.blocks[IMAGE].content
    parts.blocks[IMAGE].content = content[:-1] + bytes([content[-1] ^ 1])


def _longer(parts: Parts) -> None:
    parts.blocks[IMAGE].content += bytes(30)


CASES: list[tuple[str, Callable[[Parts], None]]] = [
    ("S1", _security(bytes((4 << 20) + 1))),
    ("S1", _security(struct.pack("<HI", 0x8777, 0) * 257)),
    ("S2", _security(struct.pack("<HI", 1, 9) + b"short")),
    ("S2", _security(struct.pack("<HI", 0x8777, 0) + struct.pack("<HI", 1, 0))),
    ("S3", _security(struct.pack("<HI", 9, 0))),
    ("S3", _envelope(suite=9)),
    ("S4", _envelope(id=b"short")),
    ("S4", _envelope(version=0x0102)),
    ("S5", _envelope(recipients=[words_stanza(memory=1 << 20)])),
    ("S5", _envelope(recipients=[words_stanza(passes=17)])),
    ("S6", _envelope(recipients=[words_stanza()] * 5)),
    ("S6", _envelope(recipients=[words_stanza(lanes=0)])),
    ("S7", _envelope(seals=[])),
    ("S7", _unflagged),
    ("S8", _more_in_the_extension),
    ("S9", _envelope(id=bytes(16))),
    ("S9", _flipped),
    ("S11", _longer),
]


@pytest.fixture(scope="module")
def one(small: bytes, keys: Keys) -> bytes:
    return sealed(small, keys.full.public)


@pytest.mark.parametrize(("rule", "change"), CASES, ids=[case[0] for case in CASES])
def test_rules(one: bytes, keys: Keys, rule: str, change: Callable[[Parts], None]) -> None:
    parts = Parts.of(one)
    change(parts)
    with pytest.raises(PgiError) as caught:
        everything(parts.file(), keys.full)
    assert type(caught.value).__name__ == RULES[rule]
    assert str(caught.value)[0].isupper()
    assert str(caught.value).endswith(".")


def test_content_without_a_key(one: bytes, small: bytes) -> None:
    """S10."""
    for data, key in ((one, None), (one, generate_key()), (sealed(small, Passphrase("a")), Passphrase("b"))):
        with pytest.raises(PgiError) as caught:
            everything(data, key)
        assert type(caught.value).__name__ == RULES["S10"]


def test_every_rule_has_a_case() -> None:
    """S12 and S13, of signatures, have theirs in ``test_signature_attacks``."""
    assert {case[0] for case in CASES} | {"S10", "S12", "S13"} == set(RULES)
    assert (RULES["S12"], RULES["S13"]) == ("PgiFormatError", "PgiAuthenticationError")
