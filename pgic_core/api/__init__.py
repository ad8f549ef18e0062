"""The Python API: encode pictures to files, decode files, and read what they say.

**Encoding** has three steps (``encoding``): prepare, code, wrap. ``preparing`` takes the arguments,
``picture_coding`` codes, and ``codec_choice`` chooses the codec. ``sequence_writing`` takes frame by frame,
and ``change_coding`` says which are key frames.

**Decoding**: ``pgi_file`` is an open file. It builds on ``pgi_file_pixels``, which decodes, and that on
``pgi_file_fields``, which reads what stands beside the pixels.

**Editing**: ``file_editing`` and ``frame_editing`` change what stands beside the pixels of a file or of
frames, under the ``edit_rules``. What photos of other formats are is known to :mod:`pgic_core.photos`.
"""

from ..photos.side_data import PngText, SideData
from .c2pa_sidecar import ProvenanceInfo, check_c2pa, export_c2pa
from .decoding import decode, decode_many, decode_with_mask, inspect, open_file, verify
from .encoding import EncodeOptions, encode, encode_to
from .encrypt_rekey_decrypt import RecipientInfo, SecurityInfo, add_recipients, decrypt, encrypt, rekey
from .file_info import BlockInfo, FileInfo, RendererInfo, SequenceInfo
from .latent_decoding import LATENT_FACTOR, decode_latent
from .metadata_editing import annotate, set_metadata, strip_metadata
from .pgi_file import PgiFile
from .pgi_file_frames import FrameChanges
from .pgi_file_pixels import Decoded
from .protection_and_repair import Repair, protect, repair, replicate
from .sequence_splitting import still_file
from .sequence_writing import SequenceWriter, WrittenFrame, append, encode_sequence
from .signing import add_timestamp, check_proof, sign, timestamp_request

__all__ = [
    "LATENT_FACTOR",
    "BlockInfo",
    "Decoded",
    "EncodeOptions",
    "FileInfo",
    "FrameChanges",
    "PgiFile",
    "PngText",
    "ProvenanceInfo",
    "RecipientInfo",
    "RendererInfo",
    "Repair",
    "SecurityInfo",
    "SequenceInfo",
    "SequenceWriter",
    "SideData",
    "WrittenFrame",
    "add_recipients",
    "add_timestamp",
    "annotate",
    "append",
    "check_c2pa",
    "check_proof",
    "decode",
    "decode_latent",
    "decode_many",
    "decode_with_mask",
    "decrypt",
    "encode",
    "encode_sequence",
    "encode_to",
    "encrypt",
    "export_c2pa",
    "inspect",
    "open_file",
    "protect",
    "rekey",
    "repair",
    "replicate",
    "set_metadata",
    "sign",
    "still_file",
    "strip_metadata",
    "timestamp_request",
    "verify",
]
