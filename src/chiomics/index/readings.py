"""Remember what was read of each participant, so that a large cohort is indexed again in seconds.

A participant is read again when the name, size or time of change of any of its files, of a file that the cohort
shares, an option or this package's source differs.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Callable, Iterable
from pathlib import Path

from chiomics.index.manifest import NO_INPUT
from chiomics.index.participant import Participant
from chiomics.index.walk import WalkedFile


class Readings:
    """What earlier runs read, by participant: a digest of its files, and the result.

    Parameters
    ----------
    path : path-like, optional
        The file of readings; without it nothing is remembered.
    bids_dir : str
        The BIDS folder.
    shared : list of WalkedFile
        Sidecars beside the participants' folders.
    choice : object
        What the operator chose among several images, and other settings that a result depends on.
    """

    def __init__(self, path: str | Path | None, bids_dir: str, shared: list[WalkedFile], choice: object) -> None:
        self._path = path
        self._known: dict[str, list] = {}
        self._used: dict[str, list] = {}
        if path is None:
            return
        self._source = _digest([_source_digest(), str(Path(bids_dir).absolute()), repr(choice), *map(repr, shared)])
        try:
            stored = json.loads(Path(path).read_bytes())
            if stored["source"] == self._source:
                self._known = stored["participants"]
        except (OSError, ValueError, KeyError, TypeError):
            self._known = {}

    def get(self, name: str, files: list[WalkedFile]) -> Participant | None:
        """Return the result of a participant whose files have not changed, else None."""
        if self._path is None:
            return None
        digest = _digest([f"{path}\0{size}\0{mtime_ns}" for path, size, mtime_ns in files])
        stored = self._known.get(name)
        if stored is not None and stored[0] == digest:
            self._used[name] = stored
            return Participant(**stored[1])
        self._used[name] = [digest, None]
        return None

    def keep(self, name: str, result: Participant) -> None:
        """Remember a result, unless a session of it failed: the cure may leave no trace in size or time."""
        if self._path is None:
            return
        if any(row["status"] == "excluded" and not row["reason"].startswith(NO_INPUT) for row in result.rows):
            del self._used[name]
        else:
            self._used[name][1] = vars(result)

    def save(self) -> None:
        """Write what was read, where it is not what the file holds."""
        self.prepare()()

    def prepare(self) -> Callable[[], None]:
        """Take down what was read, before verdicts and failures change its rows; the result writes it."""
        path = self._path
        if path is None or self._used == self._known:
            return lambda: None
        text = json.dumps({"source": self._source, "participants": self._used}, ensure_ascii=False)

        def write() -> None:
            from chiomics.core.files import write_text

            write_text(path, text)

        return write


def _digest(lines: Iterable[str]) -> str:
    return hashlib.blake2b("\n".join(lines).encode("utf-8", "surrogateescape"), digest_size=16).hexdigest()


@functools.cache
def _source_digest() -> str:
    """Digest of this package's source, so that a change of the checks is never hidden by old readings."""
    return _digest(path.read_text(encoding="utf-8") for path in sorted(Path(__file__).parent.glob("*.py")))
