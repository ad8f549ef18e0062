"""The options of ``encode``, checked, and its three steps, which sequences call one by one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypedDict

from ..container import IMAGE_FIELDS_SIZE, Compression, PgiReader
from ..container.parity import share_of
from ..errors import PgiOptionError
from ..limits import Limits
from ..options import DEFAULT_EFFORT, DEFAULT_QUALITY, RateRequest, thread_count
from ..photos.source_image import source_bytes_of
from ..security.recipients import recipients_of
from .picture_coding import CodingOptions, code
from .preparing import Description, Profiles, prepare

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..models import Model
    from ..options import Progress
    from ..photos.side_data import SideData
    from ..roi import ExactLike, RoiLike
    from ..security.recipients import Recipient, RecipientsLike
    from ..security.signatures import SigningKey
    from ..security.signatures.signed_statement import FramePlace
    from ..security.watermark import Watermark
    from .image_type import ImageTypeLike
    from .metadata_arguments import AnnotationsLike, ExifLike, MetadataLike
    from .picture_coding import CodedPicture
    from .preparing import ImageLike, Prepared

__all__ = ["EncodeOptions", "EncodeRequest"]


class EncodeOptions(TypedDict, total=False):
    """The keywords of :func:`.encoding.encode`, which explains them."""

    quality: int | None
    effort: int | None
    lossless: bool
    codec: str | None
    max_bytes: int | None
    ratio: float | None
    bpp: float | None
    min_psnr: float | None
    preprocess: Sequence[str] | str | None
    roi: RoiLike | None
    exact: ExactLike | None
    metadata: MetadataLike | None
    annotations: AnnotationsLike | str | None
    exif: ExifLike | None
    icc_profile: bytes | None
    xmp: bytes | str | None
    dpi: tuple[float, float] | None
    segments: bytes | None
    side_data: SideData | None
    extension: Mapping[str, object] | None
    image_type: ImageTypeLike | None
    model: Model | str | None
    source_bytes: int | None
    protect: float | None
    watermark: Watermark | None
    threads: int | None
    limits: Limits | None
    progress: Progress | None
    recipients: RecipientsLike | None
    sign: SigningKey | None


@dataclass(frozen=True, slots=True)
class EncodeRequest:
    """The options of :func:`.encoding.encode`, checked and sorted by what they are for.

    Attributes:
        how: to code the picture.
        profiles: that are given in place of what the picture brings.
        description: of the picture.
        preprocess: names of steps that change it first.
        mark: a watermark and the quality that it is made for, or None.
        share: parity in 1/10,000 of the file, or None.
        recipients: to encrypt for, or None.
        sign: what signs the file, or None.
        limits: those that a reader would check.
        of_many: whether the other frames of the image are coded too.
        place: of a frame in its sequence, which is signed with it; its reference counts for a change alone.
    """

    how: CodingOptions
    profiles: Profiles
    description: Description
    preprocess: Sequence[str] | str | None
    mark: tuple[Watermark, int] | None
    share: int | None
    recipients: list[Recipient] | None
    sign: SigningKey | None
    limits: Limits
    of_many: bool = False
    place: FramePlace | None = None

    @classmethod
    def of(cls, image: ImageLike, options: EncodeOptions, *, of_many: bool = False) -> EncodeRequest:
        """Check options.

        Args:
            image: which some of them are about.
            options: of :func:`.encoding.encode`.
            of_many: whether the other frames of the image are coded too.

        Raises:
            PgiOptionError: one is out of range, or two contradict each other.
        """
        recipients, quality, protect = (
            options.get("recipients"),
            options.get("quality"),
            options.get("protect"),
        )
        chosen = None if recipients is None else recipients_of(recipients)
        how = _coding_options(image, options)
        watermark, mark = options.get("watermark"), None
        if watermark is not None:
            how = _with_watermark(how)
            mark = watermark, DEFAULT_QUALITY if quality is None else quality
        return cls(
            how=how,
            profiles=Profiles(
                exif=options.get("exif"),
                icc_profile=options.get("icc_profile"),
                xmp=options.get("xmp"),
                dpi=options.get("dpi"),
                segments=options.get("segments"),
                side_data=options.get("side_data"),
            ),
            description=Description(
                metadata=options.get("metadata"),
                annotations=options.get("annotations"),
                extension=options.get("extension"),
                image_type=options.get("image_type"),
            ),
            preprocess=options.get("preprocess"),
            mark=mark,
            share=None if protect is None else share_of(protect),
            recipients=chosen,
            sign=options.get("sign"),
            limits=options.get("limits") or Limits.from_environment(),
            of_many=of_many,
        )

    @property
    def secured(self) -> bool:
        """Whether the file is to be encrypted or signed."""
        return self.recipients is not None or self.sign is not None

    def prepare(self, image: ImageLike) -> Prepared:
        """First step: the picture to code, and the fields beside it.

        Raises:
            PgiError: as :func:`.preparing.prepare`.
        """
        prepared = prepare(
            image,
            self.profiles,
            self.description,
            self.preprocess,
            self.limits,
            self.mark,
            of_many=self.of_many,
        )
        return prepared if self.secured else replace(prepared, share=self.share)

    def file_of(self, prepared: Prepared) -> bytes:
        """Second and third step: the picture coded by itself, and its file.

        Raises:
            PgiError: as :func:`.encoding.encode`.
        """
        return self.secure(self.plain_of(prepared))

    def plain_of(self, prepared: Prepared) -> bytes:
        """The same, neither signed nor encrypted yet; there is room for both where bytes are bounded.

        Raises:
            PgiError: as :func:`.encoding.encode`.
        """
        if not self.secured:
            return self._wrapped(prepared, code(prepared, self.how))
        # Not imported for plain files.
        from ..security.encrypted_file_writing import overhead
        from ..security.signatures.signature_making import overhead as overhead_of_signature

        reserve = 0 if self.recipients is None else overhead(self.recipients, prepared.tiles)
        if self.sign is not None:
            reserve += overhead_of_signature(self.sign, prepared.tiles)
        room = replace(prepared, share=self.share, reserve=reserve)
        return self._wrapped(prepared, code(room, self.how))

    def wrap(self, prepared: Prepared, compression: Compression, payload: Sequence[bytes]) -> bytes:
        """Third step: the file, which can be read with the same limits.

        Raises:
            PgiLimitError: it cannot.
        """
        size = sum(map(len, payload))
        self.limits.check("block_bytes", size + IMAGE_FIELDS_SIZE, "The coded picture")
        if compression != Compression.CHANGE:
            per_byte = -(-prepared.pixels // size)
            self.limits.check("pixels_per_byte", per_byte, "The coded picture, for each of its bytes,")
        return prepared.wrapped(compression, payload)

    def _wrapped(self, prepared: Prepared, coded: CodedPicture) -> bytes:
        return self.wrap(prepared.with_strategy(coded.strategy), coded.compression, coded.payload)

    def secure(self, data: bytes) -> bytes:
        """A plain file, signed, encrypted or both, as was asked for; parity is that of the whole file.

        Raises:
            PgiError: as :func:`.encoding.encode`.
        """
        recipients, sign, share = self.recipients, self.sign, self.share
        if not self.secured:
            return data
        # Not imported for plain files.
        from ..security.encrypted_file_writing import encrypted
        from ..security.signatures.signature_making import signed

        if sign is not None:
            with PgiReader(data, self.limits) as reader:
                share_now = share if recipients is None else None
                place = self.place
                if place is not None and reader.fields.compression_type != Compression.CHANGE:
                    place = place._replace(reference=None)
                data = b"".join(signed(reader, sign, frame=place, share=share_now))
        if recipients is None:
            return data
        with PgiReader(data, self.limits) as reader:
            return b"".join(encrypted(reader, recipients, share=share))


def _coding_options(image: ImageLike, options: EncodeOptions) -> CodingOptions:
    effort, codec, source_bytes = options.get("effort"), options.get("codec"), options.get("source_bytes")
    rate = RateRequest(
        quality=options.get("quality"),
        lossless=options.get("lossless", False) or codec == "lossless",
        max_bytes=options.get("max_bytes"),
        ratio=options.get("ratio"),
        bpp=options.get("bpp"),
        min_psnr=options.get("min_psnr"),
        source_bytes=source_bytes_of(image) if source_bytes is None else source_bytes,
    )
    return CodingOptions(
        rate=rate,
        codec=codec,
        effort=DEFAULT_EFFORT if effort is None else effort,
        roi=options.get("roi"),
        exact=options.get("exact"),
        model=options.get("model"),
        threads=thread_count(options.get("threads")),
        progress=options.get("progress"),
    )


def _with_watermark(how: CodingOptions) -> CodingOptions:
    """How a picture with a watermark is coded: with loss.

    Raises:
        PgiOptionError: something else is asked for.
    """
    if how.rate.lossless:
        raise PgiOptionError("watermark and lossless contradict each other: a watermark changes pixels.")
    if how.exact is not None:
        raise PgiOptionError("watermark and exact contradict each other: a watermark changes pixels.")
    return replace(how, codec="learned")
