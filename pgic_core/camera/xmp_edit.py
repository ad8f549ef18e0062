"""Taking private or stale properties out of an XMP packet, and noting one; all else stays as written."""

from __future__ import annotations

import re

from ..errors import PgiUnsupportedError
from .xmp import packet_bytes, packet_text, scan_xmp

__all__ = [
    "xmp_with_synthesised",
    "xmp_without_device",
    "xmp_without_location",
    "xmp_without_size",
    "xmp_without_thumbnail",
]

# Names are those of any vendor: a position is called much the same everywhere. The time of a satellite
# receiver, and heights above the start of the flight, tell no place.
_LOCATION = re.compile(
    r"(?!.*gps(?:time|date)stamp).*:.*(?:gps|latitude|longt?itude|absolutealtitude).*"
    r"|.*:lrftarget(?:lat|lon|lng|alt|absalt)"
    r"|(?:photoshop|Iptc4xmpCore|Iptc4xmpExt):(?:city|state|provincestate|country.*|.*location.*)",
    re.IGNORECASE,
)
_LOCATION_LEFT = re.compile(r"(?:latitude|longt?itude)[\w:.-]{0,64}+\s{0,64}+[=>]", re.IGNORECASE)
_DEVICE = re.compile(
    r".*:(?:.*serial.*|make|model|(?:drone|camera|uniquecamera)model(?:name)?|.*ownername|imageuniqueid)",
    re.IGNORECASE,
)
_DEVICE_LEFT = re.compile(r"serialnumber[\w:.-]{0,64}+\s{0,64}+[=>]", re.IGNORECASE)
_THUMBNAIL = re.compile(r".*:thumbnails?|xmpGImg:image|G(?:Image|Depth):data", re.IGNORECASE)
_THUMBNAIL_LEFT = re.compile(r"/9j/[\w+/]{40}")  # how a JPEG picture starts in base64
_SIZE = re.compile(r"exif:pixel[xy]dimension|tiff:image(?:width|length)", re.IGNORECASE)
_SOURCE_TYPE = re.compile(r".*:DigitalSourceType", re.IGNORECASE)
_SYNTHESISED = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
_NOTE = (
    '<rdf:Description xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"'
    ' xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" rdf:about="">'
    f"<Iptc4xmpExt:DigitalSourceType>{_SYNTHESISED}</Iptc4xmpExt:DigitalSourceType>"
    "</rdf:Description>"
)
_END = re.compile(r"</[^\s<>/:]+:RDF\s*>")
_PACKET = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
    f'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">{_NOTE}</rdf:RDF>'
    '</x:xmpmeta><?xpacket end="w"?>'
)
_MAX_PACKET = 16 << 20
_MAX_NAME = 200


def xmp_without_location(xmp: bytes) -> bytes:
    """Take out positions, heights above the sea and names of places.

    Args:
        xmp: XMP packet.

    Raises:
        PgiUnsupportedError: the packet is too broken for that.
    """
    return _without(xmp, _LOCATION, _LOCATION_LEFT, "position")


def xmp_without_device(xmp: bytes) -> bytes:
    """Take out maker, model, owner and serial numbers.

    Args:
        xmp: XMP packet.

    Raises:
        PgiUnsupportedError: as :func:`xmp_without_location`.
    """
    return _without(xmp, _DEVICE, _DEVICE_LEFT, "device")


def xmp_without_thumbnail(xmp: bytes) -> bytes:
    """Take out pictures.

    Args:
        xmp: XMP packet.

    Raises:
        PgiUnsupportedError: as :func:`xmp_without_location`.
    """
    return _without(xmp, _THUMBNAIL, _THUMBNAIL_LEFT, "picture")


def xmp_without_size(xmp: bytes) -> bytes:
    """Take out the size of the picture in pixels.

    Args:
        xmp: XMP packet.

    Raises:
        PgiUnsupportedError: as :func:`xmp_without_location`.
    """
    return _without(xmp, _SIZE, None, "size")


def xmp_with_synthesised(xmp: bytes | None) -> bytes:
    """Note that a trained model synthesised pixels of the picture.

    That is the IPTC property ``DigitalSourceType`` of ``compositeWithTrainedAlgorithmicMedia``. It takes the
    place of one that is there.

    Args:
        xmp: XMP packet, or None for a new one.

    Raises:
        PgiUnsupportedError: the packet is too broken for that.
    """
    if not xmp:
        return _PACKET.encode()
    text, codec = packet_text(_without(xmp, _SOURCE_TYPE, None, "source type"))
    ends = list(_END.finditer(text))
    if not ends or "<!DOCTYPE" in text:
        raise PgiUnsupportedError("The XMP packet is too broken for a note on synthesised pixels.")
    at = ends[-1].start()
    return packet_bytes(text[:at] + _NOTE + text[at:], codec)


def _without(packet: bytes, names: re.Pattern[str], left: re.Pattern[str] | None, what: str) -> bytes:
    if len(packet) > _MAX_PACKET:
        raise PgiUnsupportedError(f"The XMP packet is too large for its {what} to be taken out.")
    text, codec = packet_text(packet)
    ranges = sorted(
        (item.start, item.end)
        for item in scan_xmp(text)
        if len(item.name) <= _MAX_NAME and not item.name.startswith("xmlns:") and names.fullmatch(item.name)
    )
    pieces, at = [], 0
    for start, end in ranges:
        if start >= at:  # else it goes with the element around it
            pieces.append(text[at:start])
            at = end
    text = "".join((*pieces, text[at:]))
    if left is not None and left.search(text):
        raise PgiUnsupportedError(f"The XMP packet is written so that its {what} cannot be taken out alone.")
    return packet_bytes(text, codec) if ranges else packet
