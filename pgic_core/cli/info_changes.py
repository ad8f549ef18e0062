"""``pgic info --changes``: what the frames of sequences change."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING

from ..terminal import json_items, say, show, show_json
from .batch import run_batch
from .drawing_output import write_drawing
from .file_facts_output import show_facts
from .paths import STREAM
from .pipe_inputs import stdin_stream

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from ..api import FrameChanges, PgiFile
    from ..security.keyring import KeyLike
    from .batch import Progress
    from .paths import Source

__all__ = ["draw_changes", "show_each_change"]


def show_each_change(
    sources: Sequence[Source], frame: int | None, as_json: bool, keys: Sequence[KeyLike]
) -> None:
    """Say what frames change; exits with 1 if a file cannot be read.

    Args:
        sources: the files.
        frame: one frame, of which the map is shown too; None for all.
        as_json: one object for one file, a list for several.
        keys: of encrypted frames.
    """
    from ..api import open_file
    from ..api.frame_choice import chosen_frames

    with json_items() if as_json and len(sources) > 1 else nullcontext(show_json) as show_record:

        def work(source: Source, _: Progress) -> None:
            with open_file(stdin_stream() if source.name == STREAM else source.name, keys=keys) as file:
                numbers = chosen_frames(file.n_frames, frame)
                if as_json:
                    records = [_record(file, number, frame is not None) for number in numbers]
                    show_record({"file": source.name, "changes": records})
                    return
                show_facts(source.name, (_described(file, number) for number in numbers))
                if frame is not None:
                    for line in _map_lines(file.changes(frame)):
                        show(line)

        report = run_batch(
            sources, lambda source: source.name, work, jobs=1, verbose=False, show_progress=False
        )
    report.finish()


def draw_changes(name: str, frame: int, path: Path, keys: Sequence[KeyLike]) -> None:
    """Draw a frame, in which what it did not change is darkened.

    Args:
        name: of the sequence.
        frame: which one.
        path: of the drawing.
        keys: of encrypted frames.

    Raises:
        PgiError: the frame cannot be decoded, or the drawing not written.
    """
    import numpy as np

    from ..api import open_file
    from ..roi import draw_roi

    with open_file(stdin_stream() if name == STREAM else name, keys=keys) as file:
        changes = file.changes(frame)
        picture, _ = file.frame(frame).decode_picture()
        write_drawing(path, draw_roi(picture.to_pil(), (changes.blocks > 0).astype(np.int8)))
        say(f"{name} -> {path}: {_described(file, frame % file.n_frames)[1]}")


def _record(file: PgiFile, number: int, with_map: bool) -> dict[str, object]:
    changes = file.changes(number)
    found: dict[str, object] = {
        "frame": number,
        "key_frame": changes.key,
        "reference": changes.reference,
        "changed_blocks": int((changes.blocks > 0).sum()),
        "blocks": changes.blocks.size,
    }
    return found | {"map": changes.blocks.tolist()} if with_map else found


def _described(file: PgiFile, number: int) -> tuple[str, str]:
    changes = file.changes(number)
    if changes.key:
        return f"frame {number}", "key frame"
    changed, total = int((changes.blocks > 0).sum()), changes.blocks.size
    text = f"{changed} of {total} blocks changed ({changes.share:.1%}) against frame {changes.reference}"
    return f"frame {number}", text


def _map_lines(changes: FrameChanges) -> Iterator[str]:
    """A row of blocks on each line, a dot for one that is as it was."""
    for row in changes.blocks.tolist():
        yield "  " + "".join(f"{amount or '.':>4}" for amount in row)
