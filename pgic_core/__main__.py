"""``python -m pgic_core``: the ``pgic`` command."""

from .cli import main

if __name__ == "__main__":
    main()
