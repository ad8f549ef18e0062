"""Pillow, imageio and torchvision as hosts: threads, reloads, broken libraries, options of theirs."""

from __future__ import annotations

import io
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import pgic_core
import pgic_plugins.pillow  # noqa: F401 - registers the format
from tests.attacks.running import python

CASES = Path(__file__).resolve().parents[1] / "cases"
GREY = np.arange(64 * 48, dtype=np.uint32).astype(np.uint8).reshape(48, 64)
RGB = np.dstack([GREY, GREY.T.reshape(48, 64), GREY[::-1]])


@pytest.fixture(autouse=True)
def _in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_several_threads_load_one_image() -> None:
    pgic_core.encode_to("a.pgi", np.tile(RGB, (8, 8, 1)), effort=1)
    expected = pgic_core.decode("a.pgi")
    for _ in range(5):
        with Image.open("a.pgi") as image:
            met = threading.Barrier(4)
            found: list[Any] = []

            def load(image: Any = image, met: Any = met, found: Any = found) -> None:
                met.wait()
                try:
                    image.load()
                    found.append(np.asarray(image))
                except Exception as error:
                    found.append(error)

            threads = [threading.Thread(target=load) for _ in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            for pixels in found:
                np.testing.assert_array_equal(pixels, expected)


def test_pickles_and_copies_of_images_need_no_file() -> None:
    import copy
    import pickle

    pgic_core.encode_to("a.pgi", GREY)
    with Image.open("a.pgi") as image:
        for other in (
            pickle.loads(pickle.dumps(image)),
            copy.copy(image),
            copy.deepcopy(image),
            image.copy(),
        ):
            other.load()
            np.testing.assert_array_equal(np.asarray(other), GREY)


BROKEN_NUMPY = """
    import io, sys
    from pathlib import Path
    Path("numpy").mkdir()
    Path("numpy/__init__.py").write_text("raise AttributeError('_ARRAY_API not found')")
    sys.path.insert(0, ".")
    from pgic_plugins import _autoload
    _autoload.install()
    from PIL import Image, UnidentifiedImageError
    for data in (sys.stdin.buffer.read(), b"\\x89PGI nothing"):
        try:
            Image.open(io.BytesIO(data))
        except UnidentifiedImageError as error:
            print("cannot identify" in str(error))
    image = io.BytesIO()
    Image.new("L", (3, 4)).save(image, "PNG")
    print(Image.open(image).size)
"""


def test_a_broken_numpy_does_not_break_pillow() -> None:
    done = python(BROKEN_NUMPY, stdin=pgic_core.encode(GREY)).check(0)
    assert done.stdout.split(b"\n")[:3] == [b"True", b"True", b"(3, 4)"]


def test_a_reload_of_pillow_keeps_the_format() -> None:
    pgic_core.encode_to("a.pgi", GREY)
    done = python(
        """
        import importlib
        from pgic_plugins import _autoload
        _autoload.install()
        from PIL import Image
        for _ in range(3):
            importlib.reload(Image)
            print(Image.open("a.pgi").size)
        """
    ).check(0)
    assert done.stdout.split(b"\n")[:3] == [b"(64, 48)"] * 3


def exif_of(image: Image.Image, **options: Any) -> Image.Exif:
    out = io.BytesIO()
    image.save(out, "PGI", **options)
    with Image.open(out) as saved:
        return saved.getexif()


def test_changes_of_exif_are_saved() -> None:
    with Image.open(CASES / "orient6.jpg") as image:
        before = image.info["exif"]
        assert exif_of(image).tobytes()  # unchanged
        out = io.BytesIO()
        image.getexif().get_ifd(0x8769)  # looked at, and not changed
        image.save(out, "PGI")
        with pgic_core.open_file(out.getvalue()) as file:
            assert file.exif == before
        image.getexif()[0x0112] = 3
        image.getexif().get_ifd(0x8769)[0x9286] = "a comment"
        saved = exif_of(image)
        assert saved[0x0112] == 3
        assert saved.get_ifd(0x8769)[0x9286] == "a comment"
        assert exif_of(image, exif=before)[0x0112] == 6  # what is given stands
        image.getexif().clear()
        assert dict(exif_of(image)) == {0x0112: 6}  # the pixels still lie as they lay in the file
    new = Image.fromarray(RGB)
    assert not exif_of(new)
    new.getexif()[0x010E] = "text"
    assert dict(exif_of(new)) == {0x010E: "text"}


def test_imageio_takes_what_its_users_give() -> None:
    v2 = pytest.importorskip("imageio.v2")
    v3 = pytest.importorskip("imageio.v3")
    import pgic_plugins.imageio  # noqa: F401 - registers the plugin

    v2.imwrite("a.pgi", RGB, lossless=True)
    assert v2.imread("a.pgi", pilmode="L").shape == (48, 64)
    for name in ("pgi", "PGI", ".pgi"):
        np.testing.assert_array_equal(v2.imread("a.pgi", format=name), RGB)
    for write in (
        lambda out: v2.imwrite(out, RGB, format="pgi"),
        lambda out: v3.imwrite(out, RGB, plugin="pgi"),
    ):
        out = io.BytesIO()
        write(out)
        assert v3.imread(out.getvalue(), plugin="pgi").shape == RGB.shape
        assert v2.imread(out.getvalue(), format="pgi").shape == RGB.shape
    assert v3.imwrite("<bytes>", RGB, plugin="pgi")[:4] == b"\x89PGI"
    out = io.BytesIO()
    v2.imwrite(out, RGB, format="png")  # others keep what is theirs
    assert out.getvalue()[:4] == b"\x89PNG"
    with pytest.raises(OSError, match="can not handle"):
        v3.imwrite("a.png", RGB, plugin="pgi")


@pytest.mark.parametrize("orientation", range(1, 9))
def test_torchvision_turns_upright_where_asked(orientation: int) -> None:
    torch = pytest.importorskip("torch")
    pytest.importorskip("torchvision")
    from PIL import ImageOps

    from pgic_plugins.torchvision import decode_pgi

    exif = Image.Exif()
    exif[0x0112] = orientation
    data = pgic_core.encode(RGB, lossless=True, exif=exif.tobytes())
    jpeg = Image.fromarray(RGB)
    jpeg.info["exif"] = exif.tobytes()
    upright = torch.from_numpy(np.array(ImageOps.exif_transpose(jpeg))).permute(2, 0, 1)
    assert torch.equal(decode_pgi(data, apply_exif_orientation=True), upright)
    assert torch.equal(decode_pgi(data), torch.from_numpy(RGB).permute(2, 0, 1))
    window = decode_pgi(data, window=(8, 8, 16, 24), apply_exif_orientation=True)
    assert window.shape[1:] == ((24, 16) if orientation < 5 else (16, 24))


def test_a_file_too_large_is_told_in_bytes_of_the_file() -> None:
    smallest = next(size for size in range(100, 300) if fits(size))
    with pytest.raises(
        pgic_core.errors.PgiOptionError, match=f"a file of {smallest} bytes, more than the 120 "
    ):
        pgic_core.encode(RGB[:1, :1], max_bytes=120)


def fits(size: int) -> bool:
    try:
        return len(pgic_core.encode(RGB[:1, :1], max_bytes=size)) <= size
    except pgic_core.errors.PgiOptionError:
        return False


def test_a_camera_of_102_megapixels_is_let_through() -> None:
    from pgic_core.errors import PgiLimitError
    from pgic_core.limits import DEFAULT_LIMITS

    DEFAULT_LIMITS.check("pixels", 11664 * 8750, "The picture")
    with pytest.raises(PgiLimitError):
        DEFAULT_LIMITS.check("pixels", 110_000_001, "The picture")
