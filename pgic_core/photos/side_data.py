"""What photos carry beside EXIF, ICC profile and XMP packet: IPTC, Photoshop resources, comments, texts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, NamedTuple, cast

from ..container import ExtensionKey

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["PngText", "SideData"]


class PngText(NamedTuple):
    """A text chunk of a PNG.

    Attributes:
        keyword: what it is about, 1 to 79 characters of Latin-1.
        text: of any language.
        language: RFC 3066 tag of the text's language, or nothing.
        translated: the keyword in that language, or nothing.
    """

    keyword: str
    text: str
    language: str = ""
    translated: str = ""


@dataclass(frozen=True, slots=True)
class SideData:
    """What a photo carries beside EXIF, ICC profile and XMP packet; empty where it has none.

    Attributes:
        xmp_extended: the extended XMP of a JPEG, its parts joined.
        iptc: IPTC-IIM data sets.
        photoshop: Photoshop image resources other than IPTC.
        comments: of JPEG and GIF, as their bytes.
        texts: of PNG.
    """

    KEYS: ClassVar[tuple[ExtensionKey, ...]] = (
        ExtensionKey.XMP_EXTENDED,
        ExtensionKey.IPTC,
        ExtensionKey.PHOTOSHOP,
        ExtensionKey.COMMENTS,
        ExtensionKey.TEXT,
    )
    """The extension fields that hold it."""

    xmp_extended: bytes = b""
    iptc: bytes = b""
    photoshop: bytes = b""
    comments: tuple[bytes, ...] = field(default=())
    texts: tuple[PngText, ...] = field(default=())

    def __bool__(self) -> bool:
        """Whether there is anything."""
        return any((self.xmp_extended, self.iptc, self.photoshop, self.comments, self.texts))

    @classmethod
    def from_fields(cls, fields: Mapping[str, object]) -> SideData:
        """What the extension fields of a file hold."""
        texts = cast("list[dict[str, str]]", fields.get(ExtensionKey.TEXT, []))
        return cls(
            xmp_extended=cast("bytes", fields.get(ExtensionKey.XMP_EXTENDED, b"")),
            iptc=cast("bytes", fields.get(ExtensionKey.IPTC, b"")),
            photoshop=cast("bytes", fields.get(ExtensionKey.PHOTOSHOP, b"")),
            comments=tuple(cast("list[bytes]", fields.get(ExtensionKey.COMMENTS, []))),
            texts=tuple(PngText(*(item.get(name, "") for name in PngText._fields)) for item in texts),
        )

    def to_fields(self) -> dict[str, object]:
        """The extension fields that hold it."""
        texts = []
        for item in self.texts:
            named = {name: value for name, value in item._asdict().items() if value}
            texts.append({"text": ""} | named)
        values: dict[ExtensionKey, object] = {
            ExtensionKey.XMP_EXTENDED: self.xmp_extended,
            ExtensionKey.IPTC: self.iptc,
            ExtensionKey.PHOTOSHOP: self.photoshop,
            ExtensionKey.COMMENTS: list(self.comments),
            ExtensionKey.TEXT: texts,
        }
        return {key.value: value for key, value in values.items() if value}
