"""The start-up hook: ``Image.open("x.pgi")`` and ``imageio`` read ``.pgi`` files with no import.

Two files at the root of the wheel, ``pgic_autoload.pth`` and, from Python 3.15 on, ``pgic_autoload.start``
(PEP 829), call :func:`install` when the interpreter starts. It puts one finder on ``sys.meta_path`` that
waits for ``PIL.Image``, ``imageio.config`` and ``mimetypes``, and tells each about ``.pgi`` right after it
was loaded, or loaded again; the plugin itself is imported when the first ``.pgi`` turns up. Until then
nothing is imported, and a program that uses none of these pays well under a millisecond.

Off switch: ``PGIC_AUTOLOAD=0`` in the environment (also ``no``, ``off``, ``false``). For good: delete the
two files from ``site-packages``; nothing else depends on them, and ``import pgic_plugins.pillow`` or
``import pgic_plugins.imageio`` still registers by hand. ``pip uninstall pgic`` removes them as well. The
hook does not run under ``python -S``, from a folder on ``PYTHONPATH``, nor in frozen applications: import the
plugins there.

Adapters that are installed by a call (:mod:`pgic_plugins.opencv`, :mod:`pgic_plugins.ultralytics`) name
themselves in ``PGIC_INSTALL``, which child processes inherit: there the hook waits for those libraries too.

Any fault leaves the program as if pgic were not installed, without a word; ``python -v`` prints it.
"""

from __future__ import annotations

import os
import sys
from _thread import get_ident

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import IO, Any

    from PIL import Image, ImageFile

__all__ = [
    "ask_children",
    "forget_children",
    "install",
    "register_imageio",
    "register_mimetypes",
    "register_pillow",
    "suffixes_of",
]

_SWITCH = "PGIC_AUTOLOAD"
_OFF = {"0", "no", "off", "false"}
_INSTALL = "PGIC_INSTALL"
_TYPE = "image/x-pgi"


def install() -> None:
    """Wait for the libraries that pgic has plugins for. Harmless when called again."""
    try:
        if os.environ.get(_SWITCH, "").strip().lower() in _OFF:
            return
        for adapter in _asked():
            _finder.waiting.update(_ON_DEMAND.get(adapter, {}))
        for name in list(_finder.waiting):
            if name in sys.modules:
                _finder.loaded(sys.modules[name])
        if _finder not in sys.meta_path:
            sys.meta_path.insert(0, _finder)
    except Exception as error:
        _tell(error)


def register_pillow(image: ModuleType) -> None:
    """Make ``.pgi`` known to Pillow; the plugin is imported when it is first needed.

    Nothing of Pillow is imported here: another thread may be importing it, waiting for this one.

    Args:
        image: the module ``PIL.Image``.
    """

    def accept(prefix: bytes) -> bool | str:
        try:
            from pgic_core.magic import MAGIC  # loads nothing else

            if not prefix.startswith(MAGIC):
                return False
            from .pillow import _accept
        except Exception as error:  # a broken NumPy raises whatever it likes when it is imported
            return f"image file could not be identified because the PGI plugin cannot be imported: {error}"
        return _accept(prefix)

    def open_file(fp: IO[bytes], filename: str | bytes) -> ImageFile.ImageFile:
        from .pillow import PgiImageFile

        return PgiImageFile(fp, filename)

    def save(picture: Image.Image, fp: IO[bytes], filename: str | bytes) -> None:
        from .pillow import _save

        _save(picture, fp, filename)

    def save_all(picture: Image.Image, fp: IO[bytes], filename: str | bytes) -> None:
        from .pillow import _save_all

        _save_all(picture, fp, filename)

    keep_file_until_saved(image)
    if "PGI" in image.OPEN:  # a program that imported the plugin itself may have set options
        return
    image.register_open("PGI", open_file, accept)
    image.register_save("PGI", save)
    image.register_save_all("PGI", save_all)
    image.register_extension("PGI", ".pgi")
    image.register_mime("PGI", _TYPE)


def keep_file_until_saved(image: ModuleType) -> None:
    """Have ``save("x.pgi")`` replace the file in one step, as all of pgic writes files.

    Pillow itself empties a file before it asks a plugin to write it, so that an option out of range, an
    interrupt or a full disk would cost the old picture. Saving under another name or format goes on to
    Pillow's own method as it came.

    Args:
        image: the module ``PIL.Image``.
    """
    from functools import wraps

    plain: Any = image.Image.save
    if hasattr(plain, "pgic_saves_whole"):
        return

    @wraps(plain)
    def save(
        self: Image.Image,
        fp: str | bytes | os.PathLike[str] | os.PathLike[bytes] | IO[bytes],
        format: str | None = None,
        **params: Any,
    ) -> None:
        if isinstance(fp, (str, bytes, os.PathLike)):
            name = os.fsdecode(fp)
            if (format or os.path.splitext(name)[1]).upper() in (".PGI", "PGI"):
                from .pillow import save_to_path

                save_to_path(plain, self, name, params)
                return
        plain(self, fp, format, **params)

    save.pgic_saves_whole = True  # type: ignore[attr-defined]
    image.Image.save = save


def register_imageio(config: ModuleType) -> None:
    """Make ``.pgi`` known to imageio; the plugin is imported when it is first needed.

    imageio asks its plugins in the order of ``known_plugins``, and PyAV takes any bytes: so ``pgi-content``
    goes first, which takes what is known to be a ``.pgi``. ``pgi`` is what users name.

    Args:
        config: the module ``imageio.config``.
    """
    plugins = config.known_plugins
    if "pgi" in plugins:
        return
    others = dict(plugins)
    plugins.clear()
    plugins["pgi-content"] = config.PluginConfig(
        name="pgi-content", class_name="ContentPgiPlugin", module_name="pgic_plugins.imageio"
    )
    plugins.update(others)
    plugins["pgi"] = config.PluginConfig(
        name="pgi", class_name="PgiPlugin", module_name="pgic_plugins.imageio"
    )
    kind = config.FileExtension(name="Power-grid image", extension=".pgi", priority=["pgi"])
    config.extension_list.append(kind)
    config.known_extensions[".pgi"] = [kind]


def register_mimetypes(types: ModuleType) -> None:
    """Make ``.pgi`` known to mimetypes, without having it read the system's files of types now.

    Args:
        types: the module ``mimetypes``.
    """
    if types.inited:
        types.add_type(_TYPE, ".pgi")
    else:
        types.types_map.setdefault(".pgi", _TYPE)  # init() starts from this dict


def suffixes_of(utils: ModuleType) -> set[str]:
    """The set of suffixes that Ultralytics takes for pictures, which its modules share.

    Args:
        utils: the module ``ultralytics.data.utils``.
    """
    suffixes: set[str] = utils.IMG_FORMATS
    return suffixes


def ask_children(adapter: str) -> None:
    """Have processes that start from this one install an adapter, too."""
    os.environ[_INSTALL] = ",".join(dict.fromkeys([*_asked(), adapter]))


def forget_children(adapter: str) -> None:
    """Take back what :func:`ask_children` asked."""
    left = [name for name in _asked() if name != adapter]
    if left:
        os.environ[_INSTALL] = ",".join(left)
    else:
        os.environ.pop(_INSTALL, None)


def _asked() -> list[str]:
    return [name for name in os.environ.get(_INSTALL, "").split(",") if name]


def _register_opencv(module: ModuleType) -> None:
    """Have OpenCV's functions read ``.pgi``; those of pgic are imported when the first picture is read."""
    for name in ("imread", "imdecode"):
        _delay(module, name)


def _delay(module: ModuleType, name: str) -> None:
    own = getattr(module, name)

    def first(*arguments: Any, **named: Any) -> Any:
        setattr(module, name, own)
        from .opencv import install as install_opencv

        install_opencv()
        return getattr(module, name)(*arguments, **named)

    setattr(module, name, first)


def _register_ultralytics(utils: ModuleType) -> None:
    suffixes_of(utils).add("pgi")


class _Finder:
    """Finds a module as the finders after it do, and has ``loaded`` called once the module was executed."""

    def __init__(self, waiting: dict[str, Callable[[ModuleType], None]]) -> None:
        self.waiting = waiting
        self._busy: set[tuple[str, int]] = set()

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """As importlib asks for it; None at once for every module that nobody waits for."""
        asked = (name, get_ident())
        if name not in self.waiting or asked in self._busy:
            return None
        # A finder further on may start the search anew, as this one does.
        self._busy.add(asked)
        try:
            spec = self._find(name, path, target)
        finally:
            self._busy.discard(asked)
        if spec is not None:
            try:
                self._follow(spec)
            except Exception as error:
                _tell(error)
        return spec

    def _find(self, name: str, path: Sequence[str] | None, target: ModuleType | None) -> ModuleSpec | None:
        finders: list[Any] = list(sys.meta_path)
        if self in finders:
            del finders[: finders.index(self) + 1]
        for finder in finders:
            find = getattr(finder, "find_spec", None)
            spec: ModuleSpec | None = find(name, path, target) if find is not None else None
            if spec is not None:
                return spec
        return None

    def _follow(self, spec: ModuleSpec) -> None:
        """Have the spec's loader call back. Only that one object is changed, and only until it has run."""
        loader: Any = spec.loader
        # A class (built-in, frozen) or the one loader of a whole zip file is not ours to change.
        if isinstance(loader, type) or getattr(loader, "name", None) != spec.name:
            return
        execute = loader.exec_module

        def exec_module(module: ModuleType) -> None:
            vars(loader).pop("exec_module", None)
            execute(module)
            self.loaded(module)

        loader.exec_module = exec_module

    def loaded(self, module: ModuleType) -> None:
        """Register with a module that has been executed; a reload executes it anew."""
        try:
            self.waiting[module.__name__](module)
        except Exception as error:
            _tell(error)


def _tell(error: Exception) -> None:
    if sys.flags.verbose:
        # As ASCII: what is printed here comes from anywhere, and nothing of pgic is imported to look at it.
        print(f"# pgic start-up hook: {type(error).__name__}: {str(error)!a}", file=sys.stderr)


_finder = _Finder(
    {
        "PIL.Image": register_pillow,
        "imageio.config": register_imageio,
        "mimetypes": register_mimetypes,
    }
)
_ON_DEMAND: dict[str, dict[str, Callable[[ModuleType], None]]] = {
    "opencv": {"cv2": _register_opencv},
    "ultralytics": {"ultralytics.data.utils": _register_ultralytics},
}
