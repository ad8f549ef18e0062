"""What an opened file says about itself, as a :class:`.file_info.FileInfo`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..codec.vendor_codecs import has_vendor, unknown_codec
from ..container import Compression, ImageType, Metadata, Strategy
from ..errors import PgiUnsupportedError
from ..models import ROWS_PER_OCTAVE, find_model
from ..photos.metadata_from_exif import contradictions
from ..photos.side_data import SideData
from ..photos.thermal_detection import radiometric_maker
from ..security.signatures.stated_signatures import stated_signatures
from .encrypt_rekey_decrypt import security_info
from .file_info import BlockInfo, FileInfo, RendererInfo

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..codec.base import CodedFacts
    from ..container import PgiReader
    from .pgi_file_frames import FramedFile

__all__ = ["describe"]


def describe(file: FramedFile) -> FileInfo:
    """What there is to know without decoding pixels.

    Of an encrypted file, what no key opens is empty, 0 or None, as in a file that does not have it. So is
    what only the codec knows, where the codec is not here.

    Raises:
        PgiError: the file is damaged, breaks a rule, or names what is not here.
    """
    reader, whole, sequence = file.reader, file.container, None
    if file.is_sequence:
        sequence = file.sequence_info()
    security = security_info(reader)
    tier = "full" if security is None else security.tier
    shut = tier in (None, "metadata") or not _codec_is_here(reader)
    picture = _unknown_picture(reader) if shut else _picture(file)
    kinds = {kind.value: kind.name.lower() for kind in ImageType}
    return FileInfo(
        format_version=whole.version,
        file_bytes=whole.size,
        width=file.width,
        height=file.height,
        image_type=kinds.get(file.image_type, str(file.image_type)),
        bpp=whole.size * 8 / (file.width * file.height * (sequence.frames if sequence else 1)),
        blocks=tuple(
            BlockInfo(block.name, block.offset, block.length, block.compressed, block.encrypted)
            for block in whole.blocks
        ),
        signatures=stated_signatures(reader),
        security=security,
        sequence=sequence,
        **picture,
        **(_nothing_beside() if tier is None else _beside(file)),
    )


def _codec_is_here(reader: PgiReader) -> bool:
    """Whether this software or an installed package has the picture's codec."""
    number = reader.fields.compression_type
    return number in set(Compression) or has_vendor(number)


def _picture(file: FramedFile) -> Mapping[str, Any]:
    """What the codec says."""
    coded = file.coded
    facts: CodedFacts = coded.facts
    roi_octaves = None
    if facts.roi is not None:
        roi_octaves = float(facts.roi.min()) / ROWS_PER_OCTAVE, float(facts.roi.max()) / ROWS_PER_OCTAVE
    return {
        "channels": coded.channels.label,
        "sample_format": coded.sample_format.name.lower(),
        "codec": coded.codec,
        "quality": facts.quality,
        "model_digest": facts.model_digest,
        **_model(facts.model_digest),
        "roi_octaves": roi_octaves,
        "filter_bytes": facts.filter_bytes,
        "exact_blocks": 0 if facts.exact is None else int(facts.exact.sum()),
        "exact_share": 0.0 if facts.exact is None else float(facts.exact.mean()),
        "exact_bytes": facts.exact_bytes,
        "near_blocks": facts.near_blocks,
        "tile_size": coded.tile_size,
        "tiles": coded.tiles,
        "preview_bytes": file.preview_bytes,
    }


def _model(digest: str | None) -> Mapping[str, Any]:
    """What is known here of a model, and what can draw its pictures."""
    try:
        found = None if digest is None else find_model(digest)
        renderers = () if found is None else found.renderers
    except PgiUnsupportedError:
        found, renderers = None, ()
    return {
        "model": None if found is None else found.id,
        "model_released": None if found is None else not found.provisional,
        "renderers": tuple(RendererInfo(r.level, r.scale, r.digest, r.synthesised) for r in renderers),
    }


def _unknown_picture(reader: PgiReader) -> Mapping[str, Any]:
    """What A.2 says of a picture that no key opens, or whose codec is not here."""
    names = {kind.value: kind.name.lower() for kind in Compression}
    number = reader.fields.compression_type
    return {
        "channels": "",
        "sample_format": "",
        "codec": names.get(number, unknown_codec(number)),
        "quality": None,
        "model_digest": None,
        **_model(None),
        "roi_octaves": None,
        "filter_bytes": 0,
        "exact_blocks": 0,
        "exact_share": 0.0,
        "exact_bytes": 0,
        "near_blocks": 0,
        "tile_size": (0, 0),
        "tiles": 0,
        "preview_bytes": 0,
    }


def _beside(file: FramedFile) -> Mapping[str, Any]:
    """What stands beside the picture."""
    return {
        "metadata": file.metadata,
        "annotations": file.annotations,
        "exif_bytes": len(file.exif or b""),
        "icc_bytes": len(file.icc_profile or b""),
        "xmp_bytes": len(file.xmp or b""),
        "segment_bytes": len(file.segments or b""),
        "radiometric": radiometric_maker(file.exif, file.segments, (file.width, file.height)),
        "dpi": file.dpi,
        "orientation": file.orientation,
        "contradictions": contradictions(file.metadata, file.exif, file.xmp),
        "side_data": file.side_data,
        "preprocess": file.preprocess,
        "strategy": file.strategy,
        "extension": file.extension,
    }


def _nothing_beside() -> Mapping[str, Any]:
    """The same of a file that no key opens."""
    return {
        "metadata": Metadata(),
        "annotations": (),
        "exif_bytes": 0,
        "icc_bytes": 0,
        "xmp_bytes": 0,
        "segment_bytes": 0,
        "radiometric": None,
        "dpi": None,
        "orientation": 1,
        "contradictions": (),
        "side_data": SideData(),
        "preprocess": (),
        "strategy": Strategy(),
        "extension": {},
    }
