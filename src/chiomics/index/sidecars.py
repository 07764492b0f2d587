"""JSON sidecars with BIDS inheritance.

A sidecar applies to every image below its folder that has its suffix and all its entities; a deeper or more specific
one overrides it (BIDS 1.10, "The Inheritance Principle").
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from typing import NamedTuple

from chiomics.core.bids import parse_name
from chiomics.core.errors import InputError, say_cause
from chiomics.index.names import NamedFile

#: Key in the fields of a sidecar that is not UTF-8; its value is a warning.
ENCODING = "\0encoding"
#: Bytes that are read at a time.
_CHUNK = 2**16


class _Sidecar(NamedTuple):
    depth: int
    specificity: int
    path: str
    folder: str
    entities: frozenset[tuple[str, str]]


class Sidecars:
    """The sidecars that can apply to one participant's images.

    Parameters
    ----------
    bids_dir : str
        The BIDS folder.
    paths : iterable of str
        Paths relative to it; those that are not `extension` files are passed over.
    contents : dict, optional
        Contents read so far by path, shared between participants so that files of the whole cohort are read once; those
        of the participants' own folders are not kept there, or memory would grow with the cohort.
    extension : str
        ``.json``, or ``.bval`` and ``.bvec``, which are inherited in the same way.
    """

    def __init__(
        self, bids_dir: str, paths: Iterable[str], contents: dict[str, dict] | None = None, extension: str = ".json"
    ) -> None:
        self._bids_dir = bids_dir
        self._shared = {} if contents is None else contents
        self._own: dict[str, dict] = {}
        self._merged: dict[str, dict] = {}
        self._by_suffix: dict[str, list[_Sidecar]] = {}
        for path in paths:
            if not path.lower().endswith(extension):
                continue
            folder, _, name = path.rpartition("/")
            entities, suffix, _ = parse_name(name)
            if not entities and "_" in name:
                continue
            depth = len(folder.split("/")) if folder else 0
            sidecar = _Sidecar(depth, len(entities), path, folder, frozenset(entities.items()))
            self._by_suffix.setdefault(suffix, []).append(sidecar)
        for sidecars in self._by_suffix.values():
            sidecars.sort()

    def paths(self, image: NamedFile) -> list[str]:
        """Sidecars that apply to an image, the one that overrides the others last."""
        folder, entities = image.folder, image.entities.items()
        return [
            sidecar.path
            for sidecar in self._by_suffix.get(image.suffix, ())
            if (not sidecar.folder or folder == sidecar.folder or folder.startswith(sidecar.folder + "/"))
            and sidecar.entities <= entities
        ]

    def read(self, image: NamedFile) -> dict:
        """Return the fields that apply to an image, merged; they are the reader's own, not to be changed."""
        if image.path not in self._merged:
            fields: dict = {}
            for path in self.paths(image):
                fields.update(self._read(path))
            self._merged[image.path] = fields
        return self._merged[image.path]

    def _read(self, path: str) -> dict:
        contents = self._own if "/" in path else self._shared
        if path not in contents:
            # Not core.images.read_sidecar, whose module costs half a second of imports at every start of the workflow.
            try:
                fields = _decode(_content(f"{self._bids_dir}/{path}"), path)
            except (OSError, ValueError, RecursionError) as error:
                raise InputError(
                    "the sidecar cannot be read", file=path, found=say_cause(error), expected="JSON"
                ) from error
            if not isinstance(fields, dict):
                raise InputError("the sidecar does not hold fields", file=path, expected="a JSON object")
            contents[path] = fields
        return contents[path]


def _content(path: str) -> bytes:
    """Read a small file: a file object would cost as much as its JSON, and there are 100,000 of them."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        parts = [os.read(descriptor, _CHUNK)]
        while len(parts[-1]) == _CHUNK:
            parts.append(os.read(descriptor, _CHUNK))
    finally:
        os.close(descriptor)
    return b"".join(parts)


def _decode(content: bytes, path: str) -> dict:
    """Read JSON, in Latin-1 where it is not Unicode; then the fields say so."""
    try:
        if content[:1] == b"{" and content[1:2] != b"\0":  # what json takes as UTF-8, told at a fifth of its cost
            return json.loads(content.decode(errors="surrogatepass"))
        return json.loads(content)
    except UnicodeDecodeError:
        fields = json.loads(content.decode("latin-1"))
        if isinstance(fields, dict):
            fields[ENCODING] = f"{path}: not in UTF-8, read as Latin-1"
        return fields
