"""Keep prepared atlases in the user's cache: an atlas of half a gigabyte takes minutes to prepare, the same every time.

An entry goes by everything that its content comes from: the atlas' files, the registration's settings, and the source
of the code that cuts and registers. A change of any of them makes another entry.
"""

from __future__ import annotations

import hashlib
import logging
import shutil
from pathlib import Path

from chiomics.anatomy.atlases.atlas import Atlas, read_atlas
from chiomics.anatomy.atlases.prepare import prepare_atlas
from chiomics.anatomy.registration.settings import Settings
from chiomics.core.files import remove_left, temporary_name

log = logging.getLogger(__name__)

#: Folder of the prepared atlases within the cache of the fetched ones.
FOLDER = ".prepared"


def prepare_once(folder: str | Path, out_dir: str | Path, *, settings: Settings, cache_dir: str | Path | None) -> Atlas:
    """Prepare an atlas as `prepare_atlas` does, or copy what an earlier run prepared.

    Parameters
    ----------
    folder, out_dir, settings
        As for `prepare_atlas`.
    cache_dir : path-like, optional
        The cache; made where it is not there. Without it, or where it cannot be written to, nothing is kept.

    Returns
    -------
    Atlas
        The one in `out_dir`.
    """
    if cache_dir is None:
        return prepare_atlas(folder, out_dir, settings=settings)
    entry = Path(cache_dir) / FOLDER / _digest(Path(folder), settings)
    if entry.is_dir():
        log.info("%s: prepared before, taken from %s", folder, entry)
        shutil.copytree(entry, out_dir, dirs_exist_ok=True)
        return read_atlas(out_dir)
    atlas = prepare_atlas(folder, out_dir, settings=settings)
    temporary = temporary_name(entry)
    try:
        remove_left(entry.parent)
        shutil.copytree(out_dir, temporary)
        temporary.replace(entry)
    except OSError as error:
        log.warning("the prepared atlas is not kept for other runs: %s", error)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return atlas


def _digest(folder: Path, settings: Settings) -> str:
    digest = hashlib.sha256(repr(settings).encode())
    package = Path(__file__).parents[2]
    code = [
        path for part in ("anatomy/atlases", "anatomy/registration", "core") for path in package.glob(f"{part}/*.py")
    ]
    code += package.glob("core/space/*.py")
    for root, paths in ((folder, folder.rglob("*")), (package, code)):
        for path in sorted(path for path in paths if path.is_file()):
            digest.update(f"{path.relative_to(root)}\0".encode())
            with path.open("rb") as stream:
                digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()[:32]
