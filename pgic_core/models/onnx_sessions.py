"""ONNX Runtime sessions: one per network and process, shared by all threads (A-9.2.1, A-9.2.3)."""

from __future__ import annotations

import hashlib
import os
import threading
from typing import TYPE_CHECKING, Any

from ..errors import PgiModelError, PgiOptionError
from ..options import default_threads

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["Network", "default_providers", "engine_description", "read_checked"]

# Sessions have threads of their own: a program that tries every number of threads must not keep all of them.
_KEPT_COUNTS = 3
_lock = threading.Lock()
_sessions: dict[tuple[Any, ...], Any] = {}
_of_parent: list[dict[tuple[Any, ...], Any]] = []


def _forget_sessions() -> None:
    """A forked child has the session objects of its parent but not their threads: it makes its own.

    Those of the parent are kept: freeing one would wait for its threads for ever.
    """
    global _lock, _sessions
    _lock = threading.Lock()
    _of_parent.append(_sessions)
    _sessions = {}


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_sessions)


def default_providers() -> tuple[str, ...]:
    """``PGIC_PROVIDERS`` (comma-separated ONNX Runtime names, best first), or the CPU."""
    text = os.environ.get("PGIC_PROVIDERS", "")
    return tuple(part.strip() for part in text.split(",") if part.strip()) or ("CPUExecutionProvider",)


def engine_description() -> str:
    """Name, version and providers of the engine, for ``pgic --version``."""
    import onnxruntime

    return f"ONNX Runtime {onnxruntime.__version__} ({', '.join(onnxruntime.get_available_providers())})"


def read_checked(path: Path, sha256: str | None) -> bytes:
    """The bytes of a model's file.

    Args:
        path: of the file.
        sha256: that it must have, in hex; None for any.

    Raises:
        PgiModelError: it cannot be read, or is another one.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise PgiModelError(f"The model file {path.name} cannot be read: {error.strerror}.") from error
    if sha256 is not None and hashlib.sha256(data).hexdigest() != sha256:
        raise PgiModelError(
            f"The model file {path} was changed or is damaged: its SHA-256 is not the one in the manifest."
        )
    return data


def _open_session(path: Path, sha256: str | None, threads: int, providers: tuple[str, ...]) -> Any:
    import onnxruntime

    unknown = set(providers) - set(onnxruntime.get_available_providers())
    if unknown:
        raise PgiOptionError(
            f"This ONNX Runtime has no provider {', '.join(sorted(unknown))}; "
            f"it has {', '.join(onnxruntime.get_available_providers())}."
        )
    # What is run are the bytes that were checked.
    data = read_checked(path, sha256)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Threads that spin while they wait would slow down everything else on a small machine.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    # Sizes differ from picture to picture: a plan kept for each would only fill memory.
    options.enable_mem_pattern = False
    try:
        return onnxruntime.InferenceSession(data, options, providers=list(providers))
    except Exception as error:  # ONNX Runtime has no common base class for its errors.
        raise PgiModelError(f"The network {path.name} cannot be loaded: {error}") from error


def _session(path: Path, sha256: str | None, threads: int, providers: tuple[str, ...]) -> Any:
    """The session for these, which a caller who holds the lock gets from those kept, or which is made."""
    key = (path, threads, providers, sha256)
    session = _sessions.pop(key, None) or _open_session(path, sha256, threads, providers)
    _sessions[key] = session  # at the end: the one used last
    counts = list(dict.fromkeys(threads for _, threads, *_ in reversed(_sessions)))
    for rare in [key for key in _sessions if key[1] in counts[_KEPT_COUNTS:]]:
        del _sessions[rare]
    return session


class Network:
    """One network of a model.

    Args:
        path: its ONNX file.
        sha256: that the file must have, in hex; None for any.
    """

    def __init__(self, path: Path, sha256: str | None = None) -> None:
        self._path = path
        self._sha256 = sha256

    def input_names(self, *, threads: int | None = None) -> frozenset[str]:
        """Names of what it takes. The session is the one that :meth:`run` with as many threads uses."""
        return frozenset(value.name for value in self._session(threads, None).get_inputs())

    def read(self) -> bytes:
        """The bytes of its ONNX file, for another engine.

        Raises:
            PgiModelError: it cannot be read, or was changed.
        """
        return read_checked(self._path, self._sha256)

    def _session(self, threads: int | None, providers: Sequence[str] | None) -> Any:
        count, chosen = threads or default_threads(), tuple(providers or default_providers())
        with _lock:
            return _session(self._path, self._sha256, count, chosen)

    def __call__(
        self,
        inputs: Mapping[str, NDArray[Any]],
        *,
        threads: int | None = None,
        providers: Sequence[str] | None = None,
    ) -> NDArray[Any]:
        """As :meth:`run`, of a network with one output."""
        return self.run(inputs, threads=threads, providers=providers)[0]

    def run(
        self,
        inputs: Mapping[str, NDArray[Any]],
        outputs: Sequence[str] | None = None,
        *,
        threads: int | None = None,
        providers: Sequence[str] | None = None,
    ) -> list[NDArray[Any]]:
        """Run it; the GIL is free meanwhile.

        Args:
            inputs: by name.
            outputs: names of those wanted; ``None`` for all.
            threads: of this network; ``None`` for :func:`default_threads`.
            providers: ONNX Runtime's; ``None`` for :func:`default_providers`.

        Returns:
            Its outputs.

        Raises:
            PgiModelError: the network cannot be loaded or run, or has other outputs.
        """
        session = self._session(threads, providers)
        try:
            return session.run(outputs, dict(inputs))  # type: ignore[no-any-return]
        except Exception as error:  # As above.
            raise PgiModelError(f"The network {self._path.name} failed: {error}") from error
