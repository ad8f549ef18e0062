"""The start-up hook, each time in an interpreter of its own."""

from __future__ import annotations

import os
import pkgutil
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import imageio
import numpy as np
import pytest

import pgic_core
import pgic_plugins
from pgic_plugins import _autoload

STARTUP_FILES = Path(pgic_plugins.__file__).parent
START = "from pgic_plugins import _autoload; _autoload.install(); "


def run(code: str, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run code in a fresh interpreter that no installed hook has touched."""
    settings = {"PGIC_AUTOLOAD": "0", **environment}
    code = (
        "import os; os.environ.pop('PGIC_AUTOLOAD'); " + code if "PGIC_AUTOLOAD" not in environment else code
    )
    return subprocess.run(
        [sys.executable, *options, "-c", code],
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        check=False,
    )


def succeed(code: str, *options: str, **environment: str) -> str:
    result = run(code, *options, **environment)
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    return result.stdout.strip()


def test_starting_imports_nothing_but_the_hook():
    heavy = "('pgic_core', 'pgic_plugins', 'PIL', 'numpy', 'imageio', 'onnxruntime', 'torch')"
    code = "import sys; " + START + f"print(*sorted(n for n in sys.modules if n.split('.')[0] in {heavy}))"
    assert succeed(code).split() == ["pgic_plugins", "pgic_plugins._autoload"]


def test_pillow_knows_the_format_once_it_is_loaded_and_imports_nothing_for_it():
    code = START + (
        "import sys; from PIL import Image; "
        "assert 'PGI' in Image.OPEN and Image.EXTENSION['.pgi'] == 'PGI' and 'PGI' in Image.SAVE; "
        "assert Image.MIME['PGI'] == 'image/x-pgi'; "
        "names = ('pgic_core', 'pgic_plugins.pillow', 'numpy', 'PIL.ImageFile'); "
        "print(any(name in sys.modules for name in names))"
    )
    assert succeed(code) == "False"


def test_imageio_asks_pgi_first():
    code = START + (
        "import imageio.v3, imageio.config as c; "
        "print(list(c.known_plugins)[0], c.known_extensions['.pgi'][0].priority, "
        "c.extension_list[-1].extension)"
    )
    assert succeed(code) == "pgi-content ['pgi'] .pgi"


def test_libraries_that_are_loaded_already_are_registered_at_once():
    code = "import sys; from PIL import Image; import imageio; " + START
    code += "print('PGI' in Image.OPEN, 'pgi' in imageio.config.known_plugins, "
    code += "_autoload._finder in sys.meta_path)"
    assert succeed(code) == "True True True"


def test_the_finder_stays_for_a_reload_and_loaders_stay_as_they_were():
    code = START + (
        "import sys; before = _autoload._finder in sys.meta_path; from PIL import Image; import imageio; "
        "print(before, _autoload._finder in sys.meta_path, 'exec_module' in vars(Image.__loader__), "
        "Image.__spec__.loader is Image.__loader__, type(Image.__loader__).__name__)"
    )
    assert succeed(code) == "True True False True SourceFileLoader"


@pytest.mark.parametrize("value", ["0", "off", "False", " no "])
def test_off_switch(value: str):
    code = "import sys; " + START + "from PIL import Image; "
    code += "print('PGI' in Image.OPEN, _autoload._finder in sys.meta_path)"
    assert succeed(code, PGIC_AUTOLOAD=value) == "False False"


def test_installing_twice_leaves_one_finder():
    code = START + START + "import sys; print(sys.meta_path.count(_autoload._finder))"
    assert succeed(code) == "1"


def test_looking_for_a_module_does_not_use_the_hook_up():
    code = START + (
        "import importlib.util; assert importlib.util.find_spec('PIL.Image') is not None; "
        "import importlib.util; assert importlib.util.find_spec('imageio') is not None; "
        "from PIL import Image; print('PGI' in Image.OPEN)"
    )
    assert succeed(code) == "True"


def test_a_failed_import_is_tried_again():
    code = START + (
        "import sys; sys.modules['PIL._imaging'] = None\n"
        "try: import PIL.Image\n"
        "except ImportError: pass\n"
        "del sys.modules['PIL._imaging']\n"
        "from PIL import Image; print('PGI' in Image.OPEN)"
    )
    assert succeed(code) == "True"


def test_reload_works():
    code = START + (
        "import importlib, imageio; from PIL import Image; "
        "importlib.reload(Image); importlib.reload(imageio.config); "
        "print(Image.new('RGB', (2, 3)).size, 'PGI' in Image.OPEN, Image.EXTENSION['.pgi'], "
        "'pgi' in imageio.config.known_plugins)"
    )
    assert succeed(code) == "(2, 3) True PGI True"


def test_lazy_loader_works():
    code = START + (
        "import sys, importlib.util as u, PIL; spec = u.find_spec('PIL.Image'); "
        "spec.loader = u.LazyLoader(spec.loader); Image = u.module_from_spec(spec); "
        "sys.modules['PIL.Image'] = Image; spec.loader.exec_module(Image); "
        "print('PGI' in Image.OPEN)"
    )
    assert succeed(code) == "True"


def test_another_tool_may_replace_meta_path():
    code = START + (
        "import sys; sys.meta_path = [f for f in sys.meta_path if f is not _autoload._finder]; "
        "from PIL import Image; import imageio; print('PGI' in Image.OPEN)"
    )
    assert succeed(code) == "False"


def test_another_finder_may_search_anew():
    """A finder of the same kind, which asks importlib again: neither may call the other for ever."""
    code = START + (
        "import sys, importlib.util\n"
        "class Other:\n"
        "    busy = False\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if self.busy or name != 'PIL.Image': return None\n"
        "        self.busy = True\n"
        "        try: return importlib.util.find_spec(name)\n"
        "        finally: self.busy = False\n"
        "sys.meta_path.insert({place}, Other())\n"
        "from PIL import Image; print('PGI' in Image.OPEN)"
    )
    assert succeed(code.replace("{place}", "0")) == "True"
    assert succeed(code.replace("{place}", "1")) == "True"


def test_a_library_in_a_zip_file_still_imports(tmp_path: Path):
    folder = Path(imageio.__file__).parent
    with zipfile.ZipFile(tmp_path / "lib.zip", "w") as archive:
        for file in folder.rglob("*.py"):
            archive.write(file, file.relative_to(folder.parent))
    code = START + (
        f"import sys; sys.path.insert(0, {str(tmp_path / 'lib.zip')!r}); import imageio.v3; "
        "print('lib.zip' in imageio.__file__)"
    )
    assert succeed(code) == "True"


def test_threads_that_import_parts_of_pillow_at_once():
    code = START + (
        "import threading, importlib\n"
        "names = ['PIL.Image', 'PIL.ImageFile', 'PIL.PngImagePlugin', 'PIL.ImageOps'] * 2\n"
        "threads = [threading.Thread(target=importlib.import_module, args=(name,)) for name in names]\n"
        "[t.start() for t in threads]; [t.join() for t in threads]\n"
        "from PIL import Image; print('PGI' in Image.OPEN)"
    )
    for _ in range(3):
        assert succeed(code) == "True"


def test_a_plugin_imported_by_hand_is_not_replaced():
    code = (
        "import pgic_plugins.pillow as p; "
        + START
        + "from PIL import Image; print(Image.OPEN['PGI'][0] is p.PgiImageFile)"
    )
    assert succeed(code) == "True"


@pytest.mark.parametrize(
    "package", [None, "raise RuntimeError('broken')", "import nothing_of_this_name", "install = None"]
)
def test_startup_file_says_nothing_whatever_is_wrong(tmp_path: Path, package: str | None):
    """Left behind after a removal, or beside a damaged package."""
    shutil.copy(STARTUP_FILES / "pgic_autoload.pth", tmp_path)
    if package is not None:
        (tmp_path / "pgic_plugins").mkdir()
        (tmp_path / "pgic_plugins" / "__init__.py").touch()
        (tmp_path / "pgic_plugins" / "_autoload.py").write_text(package)
    code = f"import site, sys; site.addsitedir({str(tmp_path)!r}); print('pgic_core' in sys.modules)"
    assert succeed(code, "-S", PYTHONPATH="") == "False"


def test_startup_file_starts_the_hook(tmp_path: Path):
    shutil.copy(STARTUP_FILES / "pgic_autoload.pth", tmp_path)
    code = (
        f"import site; site.addsitedir({str(tmp_path)!r}); from PIL import Image; print('PGI' in Image.OPEN)"
    )
    assert succeed(code) == "True"


def test_start_file_names_the_same_function():
    """PEP 829: comments, blank lines and package.module:callable."""
    lines = (STARTUP_FILES / "pgic_autoload.start").read_text(encoding="utf-8").splitlines()
    entries = [line for line in lines if line.strip() and not line.startswith("#")]
    assert [pkgutil.resolve_name(entry) for entry in entries] == [_autoload.install]
    assert all(":" in entry for entry in entries)


def test_a_fault_is_shown_by_verbose_python_only():
    code = START.replace("_autoload.install()", "sys.meta_path = None; _autoload.install()")
    code = "import sys; " + code + "print('on')"
    quiet = run(code)
    assert "start-up hook" not in quiet.stderr
    assert "# pgic start-up hook: " in run(code, "-v").stderr


def test_ultralytics_checks_files_where_the_hook_does_not_run(tmp_path):
    pytest.importorskip("ultralytics")
    path = tmp_path / "a.pgi"
    pgic_core.encode_to(path, np.zeros((40, 40, 3), np.uint8))
    code = (
        "import pgic_plugins.ultralytics as plugin; plugin.install(); "
        "from ultralytics.data.utils import verify_image; "
        f"print(verify_image((({str(path)!r}, 0), ''))[1:])"
    )
    result = run(code, PGIC_AUTOLOAD="0", YOLO_CONFIG_DIR=str(tmp_path))
    assert result.stdout.splitlines()[-1] == "(1, 0, '')", result.stderr
