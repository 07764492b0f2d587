"""The public face of a package whose parts are imported when they are first asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module


def lazy_face(
    package: str, homes: Mapping[str, str]
) -> tuple[Callable[[str], object], Callable[[], list[str]], list[str]]:
    """Make ``__getattr__``, ``__dir__`` and ``__all__`` of a package.

    Parameters
    ----------
    package : str
        Its ``__name__``.
    homes : mapping of str to str
        Module below the package that holds each public name. No module directly in the package may have such a name.

    Returns
    -------
    tuple
        What the package assigns to ``__getattr__``, ``__dir__`` and ``__all__``: a command line that only prints its
        help does not pay for the numerics.
    """
    names = sorted(homes)

    def find(name: str) -> object:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(f"{package}.{homes[name]}"), name)

    def listed() -> list[str]:
        return names

    return find, listed, names
