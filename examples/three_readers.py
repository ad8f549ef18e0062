"""One .pgi file, three readers: a preview, a window, and the whole picture at its best (A-6.5.2b).

    python examples/three_readers.py
    python examples/three_readers.py photo.pgi --window 800,400,512,512

A server on this machine gives ranges of the file over HTTP, as object stores do. Each reader asks for the
bytes that it needs and no others. A phone shows the preview from a prefix, an inspector looks at a part, and
a machine in the cloud decodes everything with the larger network. The script prints bytes, requests and time
of each. A photo that is no .pgi file is coded first.
"""

from __future__ import annotations

import argparse
import http.client
import io
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from PIL import Image

import pgic_core

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy as np

TOWER = Path(__file__).with_name("tower.jpg")
BLOCK = 4096
"""Bytes are fetched in blocks of this size: a request costs more than a few thousand bytes."""


class RangeFile(io.RawIOBase):
    """A file on an HTTP server, fetched in ranges as it is read.

    Args:
        host, port, path: of the file.

    Attributes:
        moved: bytes fetched so far.
        requests: how many requests that took.
    """

    def __init__(self, host: str, port: int, path: str) -> None:
        super().__init__()
        self._server = http.client.HTTPConnection(host, port)
        self._path = path
        self._at = 0
        self._blocks: dict[int, bytes] = {}
        self.moved = self.requests = 0
        self._size: int | None = None
        self.fetch(0, BLOCK)

    def fetch(self, start: int, end: int) -> None:
        """Have the bytes from ``start`` to ``end``: one request for each stretch that is not here yet."""
        wanted = range(start // BLOCK, -(-end // BLOCK))
        missing = [block for block in wanted if block not in self._blocks]
        while missing:
            run = [missing.pop(0)]
            while missing and missing[0] == run[-1] + 1:
                run.append(missing.pop(0))
            data = self._range(run[0] * BLOCK, (run[-1] + 1) * BLOCK)
            for number, block in enumerate(run):
                self._blocks[block] = data[number * BLOCK : (number + 1) * BLOCK]

    def _range(self, start: int, end: int) -> bytes:
        self._server.request("GET", self._path, headers={"Range": f"bytes={start}-{end - 1}"})
        answer = self._server.getresponse()
        data = answer.read()
        if answer.status != http.client.PARTIAL_CONTENT:
            raise OSError(f"The server answered {answer.status} instead of a range.")
        self._size = int(answer.headers["Content-Range"].rpartition("/")[2])
        self.moved += len(data)
        self.requests += 1
        return data

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """Where the next byte is read."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go there."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size or 0}[whence]
        self._at = base + offset
        return self._at

    def read(self, size: int = -1) -> bytes:
        """The next bytes."""
        rest = max(0, (self._size or 0) - self._at)
        length = rest if size < 0 else min(size, rest)
        if not length:
            return b""
        end = self._at + length
        self.fetch(self._at, end)
        first = self._at // BLOCK
        data = b"".join(self._blocks[block] for block in range(first, -(-end // BLOCK)))
        start = self._at - first * BLOCK
        self._at = end
        return data[start : start + length]

    def close(self) -> None:
        """Close the connection."""
        self._server.close()
        super().close()


@contextmanager
def served(data: bytes) -> Iterator[tuple[str, int]]:
    """A server on this machine that gives ranges of ``data``; its host and port."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            unit, _, span = self.headers.get("Range", "").partition("=")
            start, _, last = span.partition("-")
            if unit != "bytes" or not start.isdigit() or int(start) >= len(data):
                self.send_error(416)
                return
            part = data[int(start) : int(last or len(data)) + 1]
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{int(start) + len(part) - 1}/{len(data)}")
            self.send_header("Content-Length", str(len(part)))
            self.end_headers()
            self.wfile.write(part)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield "127.0.0.1", server.server_port
        server.shutdown()


def preview(file: pgic_core.PgiFile, source: RangeFile) -> np.ndarray:
    """The preview. The file says how long the prefix is that it needs: one request more."""
    source.fetch(0, file.preview_bytes)
    return file.decode(level="preview")


def best_level(file: pgic_core.PgiFile) -> str:
    """The best level at which the pixels are evidence: "fine" where the model has it."""
    there = {renderer.level for renderer in file.info().renderers}
    return "fine" if "fine" in there else "fast"


class Reading(NamedTuple):
    """What a reader did.

    Attributes:
        name: of the reader.
        moved: bytes.
        requests: for them.
        seconds: from the first request to the pixels.
        pixels: (h, w, 3).
    """

    name: str
    moved: int
    requests: int
    seconds: float
    pixels: np.ndarray


def read_three(data: bytes, window: tuple[int, int, int, int]) -> list[Reading]:
    """Let each reader read the file ``data`` from a server."""

    def whole(file: pgic_core.PgiFile, source: RangeFile) -> np.ndarray:
        source.fetch(0, len(data))
        return file.decode(level=best_level(file))

    readers: dict[str, Callable[[pgic_core.PgiFile, RangeFile], np.ndarray]] = {
        "preview": preview,
        "window": lambda file, source: file.decode(window=window),
        "whole": whole,
    }
    found = []
    with served(data) as (host, port):
        for name, read in readers.items():
            start = time.perf_counter()
            with RangeFile(host, port, "/photo.pgi") as source, pgic_core.open_file(source) as file:
                pixels = read(file, source)
                label = f"{name}, level {best_level(file)}" if name == "whole" else name
            seconds = time.perf_counter() - start
            found.append(Reading(label, source.moved, source.requests, seconds, pixels))
    return found


def main(arguments: list[str] | None = None) -> None:
    """Read the command line and print what each reader moved."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("photo", nargs="?", default=str(TOWER), help="a .pgi file, or a photo to code first")
    parser.add_argument("--window", help="x,y,width,height; by default 320 x 240 in the middle")
    given = parser.parse_args(arguments)
    data = Path(given.photo).read_bytes()
    if Path(given.photo).suffix.lower() != ".pgi":
        with Image.open(io.BytesIO(data)) as image:
            data = pgic_core.encode(image)
    info = pgic_core.inspect(data)
    across, down = min(320, info.width), min(240, info.height)
    window = (info.width - across) // 2, (info.height - down) // 2, across, down
    if given.window:
        try:
            x, y, w, h = map(int, given.window.split(","))
        except ValueError:
            parser.error("--window must be four whole numbers: x,y,width,height")
        window = x, y, w, h
    read_three(data, window)  # once, so that networks are loaded
    print(f"{info.width} x {info.height}, {len(data):,} bytes")
    for done in read_three(data, window):
        size = f"{done.pixels.shape[1]} x {done.pixels.shape[0]}"
        moved = f"{done.moved:>9,} bytes  {done.requests:>2} requests"
        print(f"{done.name:<18} {size:>11}  {moved}  {1000 * done.seconds:>6.0f} ms")


if __name__ == "__main__":
    main()
