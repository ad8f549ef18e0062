"""What FORMAT.md prints is what the code does."""

from __future__ import annotations

import re
from importlib import resources

from pgic_core.camera import PARAMETERS
from pgic_core.container import (
    BlockFlag,
    BlockType,
    ExtensionKey,
    ImageFields,
    ImageType,
    Location,
    Metadata,
    PgiReader,
    Severity,
    build_file,
)
from pgic_core.limits import DEFAULT_LIMITS

FORMAT = (resources.files("pgic_core.container") / "FORMAT.md").read_text("utf-8")


def example() -> bytes:
    dump = re.search(r"```hex\n(.*?)```", FORMAT, flags=re.DOTALL)
    assert dump is not None
    data = b""
    for line in dump[1].splitlines():
        assert int(line[:4], 16) == len(data)
        data += bytes.fromhex(line[6:53])
    return data


def test_worked_example_is_what_the_writer_makes() -> None:
    built = build_file(
        ImageFields(image_type=0, width=64, height=48, color_depth=8, compression_type=1),
        b"example",
        metadata=Metadata(1_700_000_000_000, "UAV-7", Location(116.5, 39.75, 50.0), {"iso": "100"}, True),
        extension={"acme.note": "ok", "pgic.dpi": [72, 72]},
        compress_metadata=False,
    )
    assert built == example()


def test_worked_example_reads_as_the_document_says() -> None:
    with PgiReader(example()) as reader:
        reader.verify()
        assert reader.version == (1, 0)
        assert reader.metadata.location == Location(116.5, 39.75, 50.0)
        assert reader.extension == {"acme.note": "ok", "pgic.dpi": [72, 72]}
        assert reader.read_payload(0, 7) == b"example"


def test_every_name_and_number_of_the_code_is_in_the_document() -> None:
    for kind in BlockType:
        assert f"0x{kind:04X}" in FORMAT
    for flag in BlockFlag:
        assert f"| 0x{flag:04X} | {flag.name.lower()} |" in FORMAT
    for image_type in ImageType:
        assert f"{image_type.value} {image_type.name.lower()}" in FORMAT
    for key in (*ExtensionKey, *Severity, *PARAMETERS):
        assert f"`{key}`" in FORMAT
    for limit in (
        DEFAULT_LIMITS.frames,
        DEFAULT_LIMITS.references,
        DEFAULT_LIMITS.pixels,
        DEFAULT_LIMITS.pixels_per_byte,
        DEFAULT_LIMITS.string_bytes,
    ):
        assert f"{limit:,}" in FORMAT
