"""What each key opens of a file, and what it costs to read."""

from __future__ import annotations

import io
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
import pytest

import pgic_core
from pgic_core import PgiKeyError, PgiOptionError, SecretKey, open_file
from pgic_core.container import IMAGE_FIELDS_SIZE, BlockType, PgiReader
from pgic_core.security.reader_unlocking import open_reader, opened_content

from .conftest import SEGMENT, Counting, Keys, exif_with_thumbnail, sealed

if TYPE_CHECKING:
    from pathlib import Path


def test_decrypting_gives_the_plain_file_byte_for_byte(
    learned: bytes, sealed_learned: bytes, keys: Keys, tmp_path: Path
) -> None:
    pgic_core.decrypt(sealed_learned, tmp_path / "a.pgi", keys=keys.full)
    assert (tmp_path / "a.pgi").read_bytes() == learned


def test_no_content_of_the_plain_file_is_left_in_the_encrypted_one(
    learned: bytes, sealed_learned: bytes
) -> None:
    for needle in (b"UAV-7", b"crack", b"acme", SEGMENT[4:], b"L-7", exif_with_thumbnail()[60:90]):
        assert needle not in sealed_learned
    for start in range(0, len(learned) - 16, 499):
        assert learned[start : start + 16] not in sealed_learned[300:] or start < 250


def test_full_opens_everything(learned: bytes, sealed_learned: bytes, keys: Keys) -> None:
    with open_file(learned) as plain, open_file(sealed_learned, keys=keys.full) as file:
        assert file.tier == "full"
        assert (file.decode() == plain.decode()).all()
        assert (file.decode(level="preview") == plain.decode(level="preview")).all()
        for name in ("metadata", "exif", "segments", "annotations", "extension", "orientation"):
            assert getattr(file, name) == getattr(plain, name)
        assert [strip.shape for strip in file.strips()] == [strip.shape for strip in plain.strips()]
        file.verify()


def test_preview_shows_the_preview_and_hides_exact_blocks(
    learned: bytes, sealed_learned: bytes, keys: Keys
) -> None:
    with open_file(learned) as plain, open_file(sealed_learned, keys=keys.preview) as file:
        shown, whole = file.decode(level="preview"), plain.decode(level="preview")
        assert shown.shape == whole.shape
        differs = (shown != whole).any(axis=2)
        # The exact blocks asked for lie at (600, 100), and stand in the preview at (75, 12).
        assert differs[12:17, 75:83].any()
        assert not differs[:10, :70].any()
        assert (shown[:, :, 3] == whole[:, :, 3]).all()
        with pytest.raises(PgiKeyError, match=f"tier full, which key {keys.full.key_id.hex()} opens"):
            file.decode()
        with pytest.raises(PgiKeyError):
            next(file.strips())
        assert file.exif == exif_with_thumbnail()
        assert file.segments is None
        file.verify()


def test_regions_show_their_tiles_and_the_rest_coarsely(
    learned: bytes, sealed_learned: bytes, keys: Keys
) -> None:
    with open_file(learned) as plain, open_file(sealed_learned, keys=keys.regions) as file:
        whole, shown = plain.decode(), file.decode()
        assert shown.shape == whole.shape
        assert (shown[:300, :300] == whole[:300, :300]).all()
        assert (shown[600:, 600:] != whole[600:, 600:]).any()
        _, mask = file.decode_with_mask()
        assert mask[600:, 600:].all()
        assert not mask[:300, :300].any()
        file.verify()


def test_metadata_opens_no_pixel_and_no_small_picture(sealed_learned: bytes, keys: Keys) -> None:
    with open_file(sealed_learned, keys=keys.metadata) as file:
        assert file.metadata.device_id == "UAV-7"
        assert file.metadata.location is not None
        assert file.metadata.location.lon == 116.39123
        assert [each.label for each in file.annotations] == ["crack"]
        assert file.extension == {"acme.line": "L-7"}
        assert file.exif is not None
        assert b"\xff\xd8\xff" not in file.exif
        for level in ("fast", "preview"):
            with pytest.raises(PgiKeyError):
                file.decode(level=level)
        file.verify()
        assert file.info().codec == "learned"


def test_without_a_key_a_file_says_what_shows(sealed_learned: bytes, keys: Keys) -> None:
    facts = pgic_core.inspect(sealed_learned)
    assert (facts.width, facts.height, facts.codec, facts.image_type) == (1100, 700, "learned", "visible")
    assert facts.security is not None
    assert facts.security.tier is None
    assert {each.key_id for each in facts.security.recipients} >= {keys.full.key_id.hex()}
    assert facts.metadata == pgic_core.Metadata()
    pgic_core.verify(sealed_learned)
    with open_file(sealed_learned) as file:
        for name in ("metadata", "exif", "annotations", "extension", "orientation"):
            with pytest.raises(PgiKeyError, match=keys.full.key_id.hex()):
                getattr(file, name)


def test_verify_without_a_key_finds_damage(sealed_learned: bytes) -> None:
    with PgiReader(sealed_learned) as reader:
        at = reader.header.image.offset + 5000
    damaged = sealed_learned[:at] + bytes([sealed_learned[at] ^ 1]) + sealed_learned[at + 1 :]
    with pytest.raises(pgic_core.PgiChecksumError, match="image data block"):
        pgic_core.verify(damaged)


def stored(data: bytes, key: SecretKey, *layers: int) -> int:
    """Bytes of the messages of some layers."""
    with open_reader(data, pgic_core.Limits(), key) as reader:
        opened = opened_content(reader)
        assert opened is not None
        return sum(part.stored for group in opened.groups for part in group.parts if part.layer in layers)


def test_a_preview_reads_its_messages_and_nothing_else(sealed_learned: bytes, keys: Keys) -> None:
    source = Counting(sealed_learned)
    with open_file(source, keys=keys.preview) as file:
        file.decode(level="preview")
        image = file.reader.header.image
    needed = stored(sealed_learned, keys.preview, 1, 2, 3)
    table = int.from_bytes(sealed_learned[image.offset + 7 : image.offset + 11], "little")
    assert source.within(image.offset, image.end) == IMAGE_FIELDS_SIZE + 4 + table + needed


def test_a_window_reads_the_tiles_that_it_touches(sealed_learned: bytes, learned: bytes, keys: Keys) -> None:
    source = Counting(sealed_learned)
    with open_file(source, keys=keys.full) as file, open_file(learned) as plain:
        window = (1040, 20, 32, 32)
        assert (file.decode(window=window) == plain.decode(window=window)).all()
        image = file.reader.header.image
    detail = stored(sealed_learned, keys.full, 5)
    beside = stored(sealed_learned, keys.full, 1, 2, 3, 4)
    assert source.within(image.offset, image.end) < beside + 0.75 * detail + 500


def test_lossless_pictures(lossless: bytes, keys: Keys) -> None:
    with pytest.raises(PgiOptionError, match="regions"):
        sealed(lossless, (keys.full.public, "regions"))
    data = sealed(lossless, keys.full.public, (keys.metadata.public, "metadata"))
    assert (pgic_core.decode(data, keys=keys.full) == pgic_core.decode(lossless)).all()
    assert open_file(data, keys=keys.metadata).metadata.device_id == "IR-1"
    source = Counting(data)
    with open_file(source, keys=keys.full) as file:
        file.decode(window=(0, 0, 8, 8))
        image = file.reader.header.image
    assert source.within(image.offset, image.end) < 0.7 * image.length


def test_the_preview_of_a_lossless_picture_is_stored(lossless: bytes, keys: Keys, tmp_path: Path) -> None:
    path = tmp_path / "a.pgi"
    path.write_bytes(sealed(lossless, keys.full.public, (keys.preview.public, "preview")))
    pgic_core.set_metadata(path, metadata={"device_id": "IR-2"}, keys=keys.full)
    data = path.read_bytes()
    with open_file(data, keys=keys.preview) as file:
        assert (file.decode(level="preview") == pgic_core.decode(lossless, level="preview")).all()
        for window in ((0, 0, 8, 8), (333, 77, 100, 99), (699, 599, 1, 1), (0, 0, 700, 600)):
            part = pgic_core.decode(lossless, level="preview", window=window)
            assert (file.decode(level="preview", window=window) == part).all()
        for read in (file.decode, lambda: next(file.strips())):
            with pytest.raises(PgiKeyError, match="full"):
                read()
        facts = file.info()
        assert (facts.codec, facts.sample_format, facts.channels) == ("lossless", "uint16", "grey")
        assert file.extension == {}
        assert file.metadata.device_id == "IR-2"
        file.verify()
        shown, mask = file.decode_with_mask(level="preview")
        assert shown.shape == mask.shape == (75, 88)
    assert (pgic_core.decode(data, keys=keys.full) == pgic_core.decode(lossless)).all()
    pgic_core.add_recipients(path, keys.regions.public, keys=keys.full, tier="preview")
    assert open_file(path.read_bytes(), keys=keys.regions).tier == "preview"
    pgic_core.decrypt(
        sealed(lossless, (keys.preview.public, "preview"), keys.full.public), path, keys=keys.full
    )
    assert path.read_bytes() == lossless


def test_a_lossless_file_without_a_stored_preview_gets_none(
    lossless: bytes, keys: Keys, tmp_path: Path
) -> None:
    path = tmp_path / "a.pgi"
    path.write_bytes(sealed(lossless, keys.full.public))
    with pytest.raises(PgiOptionError, match="does not have the tier preview"):
        pgic_core.add_recipients(path, keys.preview.public, keys=keys.full, tier="preview")
    pgic_core.rekey(path, path, [keys.full.public, (keys.preview.public, "preview")], keys=keys.full)
    with open_file(path, keys=keys.preview) as file:
        assert file.decode(level="preview").shape == (75, 88)


def test_a_learned_picture_without_regions_has_no_tier_for_them(small: bytes, keys: Keys) -> None:
    with pytest.raises(PgiOptionError, match="regions"):
        sealed(small, (keys.full.public, "regions"))


def test_raw_pictures_and_those_of_other_codecs(keys: Keys) -> None:
    from pgic_core.codec.lossless.encoder import encode_lossless
    from pgic_core.container import ImageFields, build_file

    pixels = np.arange(64 * 48 * 3, dtype=np.uint8).reshape(48, 64, 3)
    raw = build_file(ImageFields(0, 64, 48, 8, 0), encode_lossless(pixels, plain=True))
    data = sealed(raw, keys.full.public, (keys.preview.public, "preview"))
    assert (pgic_core.decode(data, keys=keys.full) == pixels).all()
    shown = pgic_core.decode(data, keys=keys.preview, level="preview")
    assert (shown == pgic_core.decode(raw, level="preview")).all()
    payload = bytes(range(256)) * 9000
    other = build_file(ImageFields(0, 64, 48, 8, 200), payload)
    with pytest.raises(PgiOptionError, match="another codec"):
        sealed(other, (keys.preview.public, "preview"))
    with open_reader(sealed(other, keys.full.public), pgic_core.Limits(), keys.full) as reader:
        assert reader.read_payload(0, reader.payload_length) == payload
        assert reader.read_payload(1_048_570, 20) == payload[1_048_570:1_048_590]


def test_features_are_for_those_who_may_see_everything(small: bytes, keys: Keys) -> None:
    from pgic_core.features import attach_features, encode_features, read_features

    stream = encode_features({"conv": np.zeros((4, 8, 8), np.float32)})
    data = sealed(attach_features(small, stream), keys.full.public, (keys.preview.public, "preview"))
    assert open_file(data, keys=keys.full).reader.extension["pgic.features"] == stream
    assert read_features(data, keys=keys.full) == stream
    with pytest.raises(PgiKeyError, match="full"):
        read_features(data, keys=keys.preview)
    again = attach_features(data, stream, keys=keys.full)
    assert read_features(again, keys=keys.full) == stream
    with pytest.raises(PgiKeyError):
        attach_features(data, stream, keys=keys.preview)
    assert "pgic.features" not in open_file(data, keys=keys.preview).reader.extension
    assert stream[:32] not in data


def test_damage_is_concealed_in_an_encrypted_file_too(
    sealed_learned: bytes, learned: bytes, keys: Keys
) -> None:
    with open_reader(sealed_learned, pgic_core.Limits(), keys.full) as reader:
        opened = opened_content(reader)
        assert opened is not None
        (group,) = opened.groups
        last = reader.header.image.offset + group.stored[-1]
    damaged = bytearray(sealed_learned)
    damaged[last + 3] ^= 255
    with pytest.raises(pgic_core.PgiAuthenticationError):
        pgic_core.decode(bytes(damaged), keys=keys.full)
    shown, mask = pgic_core.decode_with_mask(bytes(damaged), keys=keys.full)
    assert mask.any()
    assert not mask.all()
    assert (shown == pgic_core.decode(learned))[~mask].all()


def test_padding_hides_sizes(small: bytes, keys: Keys, tmp_path: Path) -> None:
    data = sealed(small, keys.full.public, pad=True)
    assert (pgic_core.decode(data, keys=keys.full) == pgic_core.decode(small)).all()
    pgic_core.verify(data, keys=keys.full)
    other = pgic_core.encode(pgic_core.decode(small), codec="learned", metadata={"device_id": "UAV-77"})
    longer = sealed(other, keys.full.public, pad=True)
    lengths = [PgiReader(each).header.find(BlockType.METADATA) for each in (data, longer)]
    assert lengths[0] is not None
    assert lengths[1] is not None
    assert lengths[0].length == lengths[1].length
    path = tmp_path / "a.pgi"
    path.write_bytes(data)
    pgic_core.set_metadata(path, metadata={"device_id": "UAV-9999"}, keys=keys.full)
    edited = PgiReader(path.read_bytes()).header.find(BlockType.METADATA)
    assert edited is not None
    assert edited.length == lengths[0].length  # an edit keeps what was padded so


def test_a_stream_that_cannot_seek(sealed_learned: bytes, learned: bytes, keys: Keys) -> None:
    class Pipe(io.RawIOBase):
        def __init__(self) -> None:
            self._data = io.BytesIO(sealed_learned)

        def readable(self) -> bool:
            return True

        def read(self, size: int = -1) -> bytes:
            return self._data.read(size)

    shown = pgic_core.decode(Pipe(), keys=keys.full, level="preview")  # type: ignore[arg-type]
    assert (shown == pgic_core.decode(learned, level="preview")).all()


def test_encoding_for_recipients_keeps_to_the_budget(keys: Keys) -> None:
    import skimage.data

    data = pgic_core.encode(
        skimage.data.astronaut(),
        max_bytes=24_000,
        recipients=[(keys.preview.public, "preview"), keys.full.public],
    )
    assert len(data) <= 24_000
    assert pgic_core.decode(data, keys=keys.full).shape == (512, 512, 3)
    assert pgic_core.decode(data, keys=keys.preview, level="preview").shape == (64, 64, 3)


def test_threads_that_ask_for_one_message_read_it_once(sealed_learned: bytes, keys: Keys) -> None:
    """Tiles share messages, and threads read tiles."""

    class Slow(Counting):
        def read_up_to(self, offset: int, length: int) -> bytes:
            found = super().read_up_to(offset, length)
            time.sleep(0.002)  # long enough for all threads to ask
            return found

    source = Slow(sealed_learned)
    with open_reader(source, pgic_core.Limits(), keys.full) as reader:
        length = reader.payload_length
        source.ranges.clear()
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(lambda _: reader.read_payload(0, length), range(8)))
    assert len(set(found)) == 1
    assert len(source.ranges) == len(set(source.ranges)) > 10
