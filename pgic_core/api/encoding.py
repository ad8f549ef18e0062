"""Pictures to ``.pgi`` files: prepare, code, wrap."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from ..audit import audited
from ..audit.logged_facts import facts_of_coded, path_of
from ..container import atomic_write
from .encode_request import EncodeOptions, EncodeRequest

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence
    from typing import Unpack

    from ..limits import Limits
    from ..models import Model
    from ..options import Progress
    from ..photos.side_data import SideData
    from ..roi import ExactLike, RoiLike
    from ..security.recipients import RecipientsLike
    from ..security.signatures import SigningKey
    from ..security.watermark import Watermark
    from .image_type import ImageTypeLike
    from .metadata_arguments import AnnotationsLike, ExifLike, MetadataLike
    from .preparing import ImageLike

__all__ = ["EncodeOptions", "encode", "encode_to"]


def encode(
    image: ImageLike,
    *,
    quality: int | None = None,
    effort: int | None = None,
    lossless: bool = False,
    codec: str | None = None,
    max_bytes: int | None = None,
    ratio: float | None = None,
    bpp: float | None = None,
    min_psnr: float | None = None,
    preprocess: Sequence[str] | str | None = None,
    roi: RoiLike | None = None,
    exact: ExactLike | None = None,
    metadata: MetadataLike | None = None,
    annotations: AnnotationsLike | str | None = None,
    exif: ExifLike | None = None,
    icc_profile: bytes | None = None,
    xmp: bytes | str | None = None,
    dpi: tuple[float, float] | None = None,
    segments: bytes | None = None,
    side_data: SideData | None = None,
    extension: Mapping[str, object] | None = None,
    image_type: ImageTypeLike | None = None,
    model: Model | str | None = None,
    source_bytes: int | None = None,
    protect: float | None = None,
    watermark: Watermark | None = None,
    threads: int | None = None,
    limits: Limits | None = None,
    progress: Progress | None = None,
    recipients: RecipientsLike | None = None,
    sign: SigningKey | None = None,
) -> bytes:
    """Encode a picture as a ``.pgi`` file (A-6.3.1).

    The learned codec takes 8-bit RGB of visible light; an alpha plane is stored losslessly beside it. Such a
    picture is stored losslessly where that takes fewer bytes, as with drawings and screenshots, or meets the
    target better (:mod:`pgic_core.api.codec_choice`). Blocks that the model would show badly, such as fine
    stripes and small lamps, are stored nearly losslessly. Everything else is stored losslessly, whatever the
    quality (A-6.1a, A-6.1c): grey, more than 8 bits, infrared. Give at most one of ``quality``, ``lossless``,
    ``max_bytes``, ``ratio``, ``bpp`` and ``min_psnr``. On one machine, the same input and options give the
    same bytes.

    Args:
        image: a Pillow image, or an array (H, W) or (H, W, C) with C from 1 to 4: grey, grey and alpha, RGB,
            RGB and alpha; of uint8, uint16, uint32, int16, int32, float16, float32, float64 or bool. Sides
            from 1 to 65535 pixels. Of a Pillow image with several frames, the current one is taken.
        quality: 1 to 100. The default is 50 if no other target is given.
        effort: 1 is fast, 2 (the default) makes smaller files. 3 is tens of times slower, for pictures that
            are encoded once and kept: at the same quality, the file has about the same size and is closer
            to the picture. Decoding takes the same time for all.
        lossless: keep every pixel.
        codec: "learned" or "lossless" forces one. "auto" chooses the better one for this picture; it is the
            default unless a ``model`` is given.
        max_bytes: largest size of the file in bytes, metadata included; the best quality that fits is used.
        ratio: likewise, with ``source_bytes / ratio`` bytes.
        bpp: likewise, with ``bpp * width * height / 8`` bytes.
        min_psnr: least PSNR over RGB in dB; the file is as small as that allows. If the learned codec cannot
            reach it, the picture is stored losslessly.
        preprocess: a step or a sequence of steps, by name, that change the picture first, in this order
            (A-6.2.1); ``pgic plugins`` lists them. The changed picture is what is stored, also losslessly.
            The file records the names of the steps.
        roi: regions that keep more detail (A-6.4.1b): boxes (x, y, w, h), annotations or a mask (H, W), all
            in pixels of the upright picture; "annotations" for those of this picture; the name of a model
            such as "saliency"; or a :class:`~pgic_core.Roi` with a strength. An int8 map of the stream is
            used as it is (:func:`~pgic_core.roi.resolve_roi`). At most 4,096 boxes and annotations; a mask
            tells any number. It has no effect on a lossless picture.
        exact: regions to keep bit for bit, such as meters, plates and seals: boxes (x, y, w, h), annotations
            or a mask (H, W), all in pixels of the upright picture; "annotations" for those of this picture;
            or the name of a region-of-interest model (:func:`~pgic_core.roi.resolve_exact`). At most 4,096
            boxes and annotations; a mask tells any number. They grow to blocks of 8 x 8 pixels. They have no
            effect on a lossless picture.
        metadata: A.3 fields. A mapping gives some of them. The rest comes from EXIF and drone XMP
            (:func:`~pgic_core.api.metadata_arguments.merge_metadata`). ``location`` None removes the position
            from EXIF and XMP too.
        annotations: faults, in pixels of the upright picture (A-6.3.1c), or the name of a recogniser that
            finds them; ``pgic plugins`` lists recognisers.
        exif: EXIF. By default it comes from a Pillow image, and so do ``icc_profile``, ``xmp``, ``dpi`` and
            ``segments``. ``b""`` means none; then A.3 takes nothing from it either. Pixels are stored as
            they come: EXIF orientation is kept and not applied. It is also kept where an opened image is
            stored without the rest of its EXIF. If the pixels of a Pillow image were cropped or otherwise
            changed, thumbnails in EXIF and XMP are removed, and EXIF gets the new size.
        icc_profile: ICC profile.
        xmp: XMP packet.
        dpi: pixels per inch, horizontal and vertical.
        segments: APPn segments of a JPEG that nothing else here holds, such as the raw temperatures of a
            thermal camera (:func:`~pgic_core.container.pack_segments`); they are kept byte for byte.
        side_data: IPTC, comments and texts; taken from a Pillow image unless given, ``SideData()`` for none.
        extension: vendor fields (``vendor.name``) to values (A.4); installed plugins may add theirs
            (:mod:`pgic_core.hooks`).
        image_type: "visible", "infrared", "ultraviolet", "depth", "other", or the number of A.2. If not
            given, a picture is infrared that came from an infrared camera, as its XMP says, or that brings
            raw temperatures along; all others are visible.
        model: model of the learned codec, its id or its digest; the default model if not given.
        source_bytes: bytes of the file that the picture came from, for ``ratio``; known of a Pillow image
            that was opened from a path.
        protect: bytes of parity for each byte of the file, such as 0.05, from which lost bytes are restored
            (:func:`~pgic_core.repair`). They count for ``max_bytes``, ``ratio`` and ``bpp``.
        watermark: an invisible id to put into the pixels (:mod:`pgic_core.security.watermark`). The file
            records it among the steps of ``preprocess``. It contradicts ``lossless`` and ``exact``.
        threads: 1 or more; ``PGIC_THREADS`` or all processors if not given.
        limits: those that a reader would check of the picture; the defaults and the environment if not given.
        progress: called with the share done, 0 to 1.
        recipients: encrypt the file for these (:func:`~pgic_core.encrypt`): public keys, paths of ``.pub``
            files, a :class:`~pgic_core.Passphrase`, or pairs of one of these and a tier. Two such files of
            one picture differ in all of their content.
        sign: sign the file with this key (:func:`~pgic_core.sign`), as a camera or drone does with a key of
            its own. It counts for ``max_bytes``, ``ratio`` and ``bpp``.

    Returns:
        The file.

    Warns:
        PgiWarning: the image has more than a ``.pgi`` file holds, such as further frames, or other samples
            than are coded; one for each image.

    Raises:
        PgiOptionError: an argument is out of range, or two contradict each other.
        PgiTargetError: the picture cannot be as small as it should be.
        PgiInputError: the Pillow image cannot be read to its end.
        PgiLimitError: the picture is larger than the limits allow.
        PgiModelError: the model is not there.
        PgiUnsupportedError: there are recipients, or a key that signs, and the extra "security" is missing.
    """
    given = {name: value for name, value in locals().items() if name != "image"}
    # Before the long work, so that a wrong key shows at once.
    request = EncodeRequest.of(image, cast("EncodeOptions", given))
    with audited("encode", file=path_of(image)) as event:
        data = request.file_of(request.prepare(image))
        event.facts |= facts_of_coded(data)
    return data


def encode_to(path: str | os.PathLike[str], image: ImageLike, **options: Unpack[EncodeOptions]) -> int:
    """Code a picture into a file, which is replaced in one step or left as it was.

    Args:
        path: the file to make or replace.
        image: as for :func:`encode`.
        options: as for :func:`encode`.

    Returns:
        Bytes of the file.

    Raises:
        PgiError: as :func:`encode`; PgiInputError also where the file cannot be written.
    """
    data = encode(image, **options)
    atomic_write(path, data)
    return len(data)
