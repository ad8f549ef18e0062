"""Facts about a file that are known without decoding its pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .metadata_arguments import metadata_to_dict

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..container import Annotation, Metadata, Strategy
    from ..photos.side_data import SideData
    from ..security.signatures.stated_signatures import StatedSignature
    from .encrypt_rekey_decrypt import SecurityInfo

__all__ = ["BlockInfo", "FileInfo", "RendererInfo", "SequenceInfo"]


@dataclass(frozen=True, slots=True)
class BlockInfo:
    """One block of a file.

    Attributes:
        name: "metadata block", "image data block" and so on.
        offset: first byte, from the start of the file.
        length: bytes.
        compressed: whether it is deflated.
        encrypted: whether it is encrypted.
    """

    name: str
    offset: int
    length: int
    compressed: bool
    encrypted: bool

    def to_dict(self) -> dict[str, object]:
        """The same as JSON holds it."""
        return {name: getattr(self, name) for name in ("name", "offset", "length", "compressed", "encrypted")}


@dataclass(frozen=True, slots=True)
class RendererInfo:
    """What can draw a learned picture here.

    Attributes:
        level: that it draws.
        scale: pixels of the picture along one side of a pixel that it gives.
        digest: in hex, of the renderer alone. A better one may come later for the same files.
        synthesised: whether it makes up detail that was not coded. Such pixels are no evidence.
    """

    level: str
    scale: int
    digest: str
    synthesised: bool

    def to_dict(self) -> dict[str, object]:
        """The same as JSON holds it."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class SequenceInfo:
    """What the records of a sequence say.

    Attributes:
        frames: number of frames.
        key_frames: how many of them need no other.
        duration_ms: for how long all of them are shown, in milliseconds; None if that is not known of one.
        key_distance: the most change frames between any frame and its key frame.
        unfinished_bytes: of a frame that was not finished, behind the last.
        signatures: what those of the last frame state, which also sign all frames before; none is verified.
    """

    frames: int
    key_frames: int
    duration_ms: int | None
    key_distance: int
    unfinished_bytes: int
    signatures: tuple[StatedSignature, ...] = ()

    def to_dict(self) -> dict[str, object]:
        """The same as JSON holds it."""
        plain: dict[str, object] = {name: getattr(self, name) for name in self.__slots__}
        return plain | {"signatures": [signature.to_dict() for signature in self.signatures]}


@dataclass(frozen=True, slots=True)
class FileInfo:
    """What header, metadata and stream header of a ``.pgi`` file say.

    Attributes:
        format_version: major and minor.
        file_bytes: of the whole file.
        width: pixels, as stored, before EXIF orientation.
        height: likewise.
        image_type: name of the A.2 value, or its number as text.
        channels: "grey", "grey+alpha", "rgb" or "rgb+alpha".
        sample_format: "uint8", "uint16", "uint32", "int16", "int32", "float16", "float32" or "float64".
        codec: "learned", "lossless" or "raw", or the package of another codec, or "unknown (compression_type
            N)"; then what only the codec knows is empty, 0 or None. An alpha plane beside
            "learned" is lossless.
        quality: 1 to 100 of the learned codec, else None.
        model_digest: in hex, of the learned codec, else None.
        model: name of that model; None where it is not installed, or is not needed.
        model_released: whether files of it decode for ever; None likewise.
        renderers: what can draw it here; none where its model is not installed, or is not needed.
        roi_octaves: by how much finer than the quality's own the quantisation steps are where they are
            coarsest and where they are finest, in octaves; None without an ROI map.
        filter_bytes: bytes of the post-filter; 0 if there is none.
        exact_blocks: blocks of 8 x 8 pixels of a learned picture that are kept bit for bit.
        exact_share: their share of all blocks, 0 to 1.
        exact_bytes: bytes that their pixels take.
        near_blocks: blocks that are kept nearly exact because the model would show them badly.
        tile_size: width and height of a tile in pixels.
        tiles: number of tiles.
        preview_bytes: length of the prefix of the file that is enough for a preview.
        bpp: bits of the whole file for each pixel; of a sequence, for each pixel of all frames.
        blocks: the directory.
        metadata: A.3.
        annotations: faults.
        exif_bytes: bytes of EXIF; 0 if there is none, as for the next two.
        icc_bytes: bytes of the ICC profile.
        xmp_bytes: bytes of the XMP packet.
        segment_bytes: bytes of other APPn segments of the JPEG that the picture came from.
        radiometric: whose raw temperatures are among them: "FLIR", "DJI", "InfiRay", "Parrot", "unknown
            maker", or None.
        dpi: pixels per inch, or None.
        orientation: EXIF orientation, 1 to 8.
        contradictions: sentences on where A.3 says something else on time and place than EXIF and XMP do, or
            is silent.
        side_data: IPTC, comments and the like.
        preprocess: names of the steps that changed the picture before it was coded.
        strategy: how quantisation and rate were adapted to the picture.
        extension: fields of vendors.
        signatures: what records of signatures state, none of it verified.
        security: what an encrypted file says of its encryption; None of a plain one. What no key opens is
            empty, 0 or None above.
        sequence: of a sequence, whose first frame is what else is said here; None of a picture.
    """

    format_version: tuple[int, int]
    file_bytes: int
    width: int
    height: int
    image_type: str
    channels: str
    sample_format: str
    codec: str
    quality: int | None
    model_digest: str | None
    model: str | None
    model_released: bool | None
    renderers: tuple[RendererInfo, ...]
    roi_octaves: tuple[float, float] | None
    filter_bytes: int
    exact_blocks: int
    exact_share: float
    exact_bytes: int
    near_blocks: int
    tile_size: tuple[int, int]
    tiles: int
    preview_bytes: int
    bpp: float
    blocks: tuple[BlockInfo, ...]
    metadata: Metadata
    annotations: tuple[Annotation, ...]
    exif_bytes: int
    icc_bytes: int
    xmp_bytes: int
    segment_bytes: int
    radiometric: str | None
    dpi: tuple[float, float] | None
    orientation: int
    contradictions: tuple[str, ...]
    side_data: SideData
    preprocess: tuple[str, ...]
    strategy: Strategy
    extension: Mapping[str, object]
    signatures: tuple[StatedSignature, ...] = ()
    security: SecurityInfo | None = None
    sequence: SequenceInfo | None = None

    def to_dict(self) -> dict[str, object]:
        """The same in types that JSON holds; byte strings of vendors become their length."""
        result: dict[str, object] = {name: getattr(self, name) for name in self.__slots__}
        result["format_version"] = ".".join(map(str, self.format_version))
        result["tile_size"] = list(self.tile_size)
        result["roi_octaves"] = list(self.roi_octaves) if self.roi_octaves else None
        result["dpi"] = list(self.dpi) if self.dpi else None
        result["renderers"] = [renderer.to_dict() for renderer in self.renderers]
        result["blocks"] = [block.to_dict() for block in self.blocks]
        result["metadata"] = metadata_to_dict(self.metadata)
        result["annotations"] = [annotation.to_map() for annotation in self.annotations]
        result["contradictions"] = list(self.contradictions)
        result["side_data"] = _side_data(self.side_data)
        result["preprocess"] = list(self.preprocess)
        result["strategy"] = self.strategy.to_map()
        result["extension"] = _plain(self.extension)
        result["sequence"] = None if self.sequence is None else self.sequence.to_dict()
        result["signatures"] = [signature.to_dict() for signature in self.signatures]
        result["security"] = None if self.security is None else self.security.to_dict()
        return result


def _side_data(side: SideData) -> dict[str, object]:
    """What is there, as JSON holds it: byte strings as their length, comments as text."""
    found: dict[str, object] = {
        f"{name}_bytes": len(getattr(side, name))
        for name in ("xmp_extended", "iptc", "photoshop")
        if getattr(side, name)
    }
    if side.comments:
        found["comments"] = [comment.decode("utf-8", "replace") for comment in side.comments]
    if side.texts:
        found["texts"] = [
            {name: value for name, value in text._asdict().items() if value} for text in side.texts
        ]
    return found


def _plain(value: object) -> object:
    if isinstance(value, bytes):
        return f"<{len(value)} bytes>"
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float) and value - value != 0:
        return str(value)  # JSON has no infinity and no NaN
    return value
