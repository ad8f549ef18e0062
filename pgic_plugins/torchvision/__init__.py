"""torchvision adapter: ``.pgi`` pictures, their previews, windows and latents as tensors to train on.

::

    from pgic_plugins.torchvision import PgiDetection, PgiFolder, RandomWindow, decode_pgi

    image = decode_pgi("tower.pgi")                                     # uint8 (3, H, W)
    dataset = PgiFolder("flight", window=RandomWindow(512))             # decodes only what it needs
    dataset = PgiDetection("flight", level="preview")                   # faults noted in the files themselves
    dataset = PgiSequence("site.pgi")                                   # frames, and maps of what changed

torchvision has no registry of formats, so there is nothing to register: import and use. Needs torch and
torchvision (``pip install 'pgic[torch]'``).

**Levels.** "fast" gives every pixel, "preview" one for each 8 x 8, "latent" what the codec's networks see: a
float tensor with one position for each 16 x 16 pixels, without the time that synthesis takes.

**Coordinates.** Pictures come as they are stored, EXIF orientation not applied, as torchvision's own datasets
do it, and windows are in stored pixels; ``exif_transpose=True`` turns pictures upright, and takes windows and
annotations for upright ones. Boxes are in units of the tensor that is returned.

**Devices.** ``decode_pgi(source, device="cuda")`` reads symbols on the CPU and runs the networks on the
device. In a DataLoader, workers read (``PgiFolder(..., device="cuda")``) and :class:`.DeviceLoader` decodes.

**Processes and threads.** In a worker process of a ``DataLoader`` each decoding takes one thread, so that
workers do not compete; elsewhere it takes what pgic takes (``PGIC_THREADS``, or all processors). Datasets and
transforms can be pickled, so workers may be forked or spawned.
"""

from __future__ import annotations

try:
    import torchvision as _torchvision  # noqa: F401 - asked first, for a sentence instead of a name
except ImportError as error:
    raise ImportError(
        f"pgic_plugins.torchvision needs torch and torchvision (pip install 'pgic[torch]'): {error}"
    ) from error

from .decoding import decode_pgi, decode_pgi_latent
from .detection_dataset import PgiDetection
from .device import PgiSymbols
from .device_loader import DeviceLoader
from .file_loader import PgiLoader, RandomWindow
from .folder_dataset import PgiFolder
from .sequence_dataset import PgiSequence
from .transforms import PgiCompress, ToLatent

__all__ = [
    "DeviceLoader",
    "PgiCompress",
    "PgiDetection",
    "PgiFolder",
    "PgiLoader",
    "PgiSequence",
    "PgiSymbols",
    "RandomWindow",
    "ToLatent",
    "decode_pgi",
    "decode_pgi_latent",
]
