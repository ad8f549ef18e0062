"""Parity that an attacker made: it restores what they like, and that is trusted as little as any other bytes.

The attacker changes a block, makes checksums and parity fit, and then damages the changed place. So a reader
restores the attacker's bytes by itself, and nothing but signature or encryption stands in the way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import skimage.data

import pgic_core
from pgic_core import PgiAuthenticationError, PgiFormatError, PgiWarning, open_file
from pgic_core.container import PgiReader, rewrite
from pgic_core.security.signatures.signature_making import signed

from ..container.forge import EXTENSION, IMAGE, METADATA, PARITY, SECURITY, Block, forge
from .conftest import Keys, sealed
from .people import Person, make_person

if TYPE_CHECKING:
    from pathlib import Path

SECTORS = 3


@pytest.fixture(scope="module")
def drone(tmp_path_factory: pytest.TempPathFactory) -> Person:
    return make_person(tmp_path_factory.mktemp("people") / "drone", "UAV-7")


@pytest.fixture(scope="module")
def plain() -> bytes:
    data = pgic_core.encode(
        skimage.data.astronaut()[:256, :384],
        codec="learned",
        metadata={"device_id": "UAV-7", "sensor_params": {f"k{n}": "v" * 60 for n in range(12)}},
        extension={"acme.raw": np.random.default_rng(3).bytes(3000)},
    )
    return b"".join(rewrite(data, compress_metadata=False))


@pytest.fixture(scope="module")
def files(plain: bytes, drone: Person, keys: Keys) -> dict[str, bytes]:
    with PgiReader(plain) as reader:
        by_drone = b"".join(signed(reader, drone.signer()))
    return {"signed": by_drone, "encrypted": sealed(plain, keys.full.public)}


def blocks_of(data: bytes) -> list[Block]:
    with PgiReader(data) as reader:
        return [
            Block(each.type, reader.read_block(each), each.flags)
            for each in reader.blocks
            if each.type != PARITY
        ]


def with_parity(folder: Path, blocks: list[Block]) -> tuple[bytes, PgiReader]:
    path = folder / "forged.pgi"
    path.write_bytes(forge(blocks, version=0x0101))
    pgic_core.protect(path, 0.2)
    data = path.read_bytes()
    return data, PgiReader(data)


@pytest.mark.attack("parity forgery")
@pytest.mark.filterwarnings("ignore::pgic_core.errors.PgiWarning")
@pytest.mark.parametrize("sector", range(SECTORS))
@pytest.mark.parametrize("kind", [METADATA, EXTENSION, IMAGE, SECURITY])
@pytest.mark.parametrize("state", ["signed", "encrypted"])
def test_what_forged_parity_restores_is_refused(
    state: str, kind: int, sector: int, files: dict[str, bytes], drone: Person, keys: Keys, tmp_path: Path
) -> None:
    blocks = blocks_of(files[state])
    block = next(each for each in blocks if each.type == kind)
    at = (2 * sector + 1) * len(block.content) // (2 * SECTORS)
    block.content = block.content[:at] + bytes([block.content[at] ^ 1]) + block.content[at + 1 :]
    data, reader = with_parity(tmp_path, blocks)
    entry = reader.header.find(kind)
    assert entry is not None
    place = entry.offset + at
    damaged = (
        data[: place - 2] + bytes(byte ^ 0xFF for byte in data[place - 2 : place + 2]) + data[place + 2 :]
    )
    (tmp_path / "forged.pgi").write_bytes(damaged)
    pgic_core.repair(tmp_path / "forged.pgi")
    assert (tmp_path / "forged.pgi").read_bytes() == data  # the attacker's bytes come back
    with pytest.raises(PgiFormatError) as caught, open_file(data, keys=keys.full) as file:
        file.verify(drone.root if state == "signed" else None)
    # A record or an envelope that no longer parses is called that.
    assert type(caught.value) is PgiAuthenticationError or kind == SECURITY, caught.value
    # The same while it is restored as it is read: nothing of it is taken for what was signed or encrypted.
    if state == "signed":
        assert not proven(damaged, drone)
    else:
        with pytest.raises(PgiFormatError), open_file(damaged, keys=keys.full) as file:
            _ = file.metadata, file.extension, file.decode()


def proven(data: bytes, drone: Person) -> bool:
    try:
        with open_file(data) as file:
            return any(each.state == "holds" for each in file.check_signatures(drone.root))
    except PgiFormatError:
        return False


@pytest.mark.attack("parity forgery")
@pytest.mark.parametrize("state", ["signed", "encrypted"])
def test_parity_of_another_file_restores_nothing(
    state: str, files: dict[str, bytes], tmp_path: Path, keys: Keys
) -> None:
    """It names the file that it is of, so a sound file is read as if it had none."""
    other = blocks_of(files[state])
    for block in other:
        if block.type == IMAGE:
            block.content = block.content[:-1] + bytes([block.content[-1] ^ 1])
    stale, _ = with_parity(tmp_path, other)
    with PgiReader(stale) as reader:
        entry = reader.header.find(PARITY)
        assert entry is not None
        parity = Block(PARITY, reader.read_block(entry), entry.flags)
    own = blocks_of(files[state])
    mixed = forge([*own[:-1], parity, own[-1]], version=0x0101)
    with open_file(mixed, keys=keys.full) as file:
        assert (file.decode() == pgic_core.decode(files[state], keys=keys.full)).all()
    with pytest.raises(PgiFormatError, match="another state"):
        pgic_core.verify(mixed, keys=keys.full)


def test_parity_that_nobody_forged_still_restores(
    files: dict[str, bytes], drone: Person, tmp_path: Path
) -> None:
    """The tests above would prove nothing if the parity did not work."""
    data, reader = with_parity(tmp_path, blocks_of(files["signed"]))
    entry = reader.header.find(IMAGE)
    assert entry is not None
    place = entry.offset + 1000
    damaged = data[:place] + bytes(40) + data[place + 40 :]
    with pytest.warns(PgiWarning):
        assert proven(damaged, drone)
