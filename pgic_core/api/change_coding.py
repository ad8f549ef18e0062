"""Whether a frame of a sequence is a key frame or a change of the last, decided in one place."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ..container import Compression, PgiReader
from ..errors import PgiUnsupportedError, PgiWarning
from ..options import DEFAULT_QUALITY
from ..photos.conversion_losses import callers_level
from ..security.tier_keys import Tier
from .coded_image_opening import open_coded, payload_of
from .frame_openers import openers_of
from .picture_coding import regions_of

if TYPE_CHECKING:
    from ..codec.base import CodedImage
    from ..codec.sequence.scene import CodedChange, Scene
    from ..limits import Limits
    from ..roi import RoiLike
    from .encode_request import EncodeRequest
    from .frame_openers import Openers
    from .picture_coding import CodingOptions
    from .preparing import Prepared

__all__ = ["CodedFrame", "FrameCoder"]


@dataclass(frozen=True, slots=True)
class CodedFrame:
    """A frame that was coded and is not stored yet.

    Attributes:
        data: its file.
        plain: the same before it was signed or encrypted.
        change: what it changes, of a change frame.
    """

    data: bytes
    plain: bytes
    change: CodedChange | None


class FrameCoder:
    """Codes one frame after the other, and knows the last.

    A frame is a key frame if the one before cannot be changed to it: that was not coded by the learned codec,
    has another quality, model or region of interest, or shows something else almost everywhere. So is every
    frame that is coded without loss, has opacity or a bound on its bytes or error, or is encrypted for people
    who get its preview or regions, which a change frame does not have, or who cannot open the frame before.

    Args:
        limits: of frames.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._scene: Scene | None = None
        self._roi: RoiLike | None = None
        self._any_roi = False
        self._openers: Openers = None
        self._warned = False

    def start(self, frame: CodedImage, threads: int, openers: Openers) -> None:
        """Go on from the last frame of a file.

        Args:
            frame: its picture.
            threads: for decoding it.
            openers: who can open it.

        Raises:
            PgiError: it is damaged.
        """
        # Not imported for key frames.
        from ..codec.sequence.scene import Scene

        try:
            self._scene = Scene.of_frame(frame, threads, self._limits)
        except PgiUnsupportedError:  # of another codec
            self._scene = None
        self._any_roi = True
        self._openers = openers

    def forget(self) -> None:
        """Make the next frame a key frame: what is in the file is not known."""
        self._scene = None

    def code(self, prepared: Prepared, request: EncodeRequest, most_depth: int) -> CodedFrame:
        """Code a frame.

        Args:
            prepared: its picture.
            request: how it is coded.
            most_depth: the most change frames between it and its key frame.

        Raises:
            PgiError: as :func:`.encoding.encode`.
        """
        if self._may_change(prepared, request, most_depth):
            how, scene = request.how, self._scene
            assert scene is not None
            exact = regions_of(prepared, how, roi=False).exact
            rgb = prepared.picture.pixels
            change = scene.code(rgb, effort=how.effort, threads=how.threads, exact=exact)
            if change is not None:
                if how.progress is not None:
                    how.progress(1.0)
                plain = request.wrap(prepared, Compression.CHANGE, change.payload)
                return CodedFrame(request.secure(plain), plain, change)
        # Its map would hold for all its frames, wherever their details are.
        key = replace(request, how=replace(request.how, keep_details=False))
        plain = key.plain_of(prepared)
        return CodedFrame(key.secure(plain), plain, None)

    def stored(self, prepared: Prepared, request: EncodeRequest, coded: CodedFrame) -> None:
        """Go on from a frame that was stored.

        Args:
            prepared: as given to :meth:`code`, like the next.
            request: likewise.
            coded: what came of it.
        """
        self._openers = openers_of(request.recipients)
        with PgiReader(coded.plain, self._limits, quiet=True) as reader:
            if coded.change is not None:
                assert self._scene is not None
                self._scene.advance(coded.change, payload_of(reader, self._limits))
                return
            self._scene, self._roi, self._any_roi = None, request.how.roi, False
            if reader.fields.compression_type != Compression.LEARNED:
                return
            # Not imported for pictures that the learned codec does not take.
            from ..codec.sequence.scene import Scene

            try:
                rgb = prepared.picture.pixels[:, :, :3]
                self._scene = Scene(open_coded(reader, self._limits), rgb, self._limits)
            except PgiUnsupportedError:  # it has opacity
                return

    def _may_change(self, prepared: Prepared, request: EncodeRequest, most_depth: int) -> bool:
        """Whether the frame may change the last."""
        scene, how, picture = self._scene, request.how, prepared.picture
        if scene is None or scene.depth >= most_depth:
            return False
        rate = how.rate
        bounded = rate.lossless or rate.byte_budget(prepared.pixels) is not None or rate.min_psnr is not None
        if bounded or not picture.learnable or picture.channels.has_alpha or request.mark is not None:
            return False
        quality = DEFAULT_QUALITY if rate.quality is None else rate.quality
        same = quality == scene.canvas.header.quality and self._same_roi(how.roi) and _has_model(how, scene)
        if not same:
            return False
        if any(each.tier in (Tier.PREVIEW, Tier.REGIONS) for each in request.recipients or ()):
            self._warn_of_size()
            return False
        openers = openers_of(request.recipients)
        return self._openers is None or (openers is not None and openers <= self._openers)

    def _same_roi(self, roi: RoiLike | None) -> bool:
        """Whether what was asked for the key frame is asked for again: its map holds for all its frames."""
        if roi is None and self._any_roi:
            return True
        return roi is self._roi or (isinstance(roi, str) and roi == self._roi)

    def _warn_of_size(self) -> None:
        if not self._warned:
            self._warned = True
            text = (
                "Frames whose preview or regions somebody gets are key frames, which take more bytes than "
                "changes."
            )
            warnings.warn(PgiWarning(text), stacklevel=callers_level())


def _has_model(how: CodingOptions, scene: Scene) -> bool:
    """Whether the model that is asked for is that of the last frame."""
    from ..models import default_model, find_model

    model = find_model(how.model) if isinstance(how.model, str) else how.model or default_model()
    return model.digest == scene.canvas.model.digest
