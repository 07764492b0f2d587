"""Time `chiomics index` on a synthetic cohort of hard-linked files.

    python benchmarks/index_speed.py [SESSIONS]

10,000 sessions of 21 files (four echoes, magnitude and phase, T1w and FLAIR with their sidecars, a lesion mask) are
210,000 files. The images hold 24 x 22 x 20 zeros and the sidecars 60 fields, so opening and parsing are timed, not the
disk.
"""

from __future__ import annotations

import json
import os
import platform
import sys
import tempfile
import time
from pathlib import Path

import nibabel as nib
import numpy as np

from chiomics.index import index_bids, write_manifest

ECHO_TIMES = (0.004, 0.012, 0.02, 0.028)
#: Below the limit of hard links per file of common file systems (ext4: 65,000).
LINKS_PER_FILE = 30_000


def make_cohort(folder: Path, sessions: int) -> int:
    """Write the cohort and return the number of files."""
    originals = folder / "originals"
    originals.mkdir()
    image = nib.Nifti1Image(np.zeros((24, 22, 20), np.int16), np.diag([1.0, 1.0, 2.0, 1.0]))
    nib.save(image, originals / "image.nii.gz")
    filler = {f"Field{n}": "a value of common length" for n in range(60)}
    for echo, time_s in enumerate(ECHO_TIMES, start=1):
        fields = {**filler, "EchoTime": time_s, "MagneticFieldStrength": 3, "Manufacturer": "none"}
        (originals / f"{echo}.json").write_text(json.dumps(fields))
    links: dict[Path, int] = {}

    def link(name: str, path: str) -> None:
        count = links[Path(name)] = links.get(Path(name), 0) + 1
        source = originals / f"{count // LINKS_PER_FILE}_{name}"
        if not source.exists():
            source.write_bytes((originals / name).read_bytes())
        os.link(source, path)

    for number in range(sessions):
        name = f"sub-{number:05d}"
        anat, lesions = folder / "bids" / name / "anat", folder / "bids/derivatives/lesions" / name / "anat"
        anat.mkdir(parents=True)
        lesions.mkdir(parents=True)
        for echo in range(1, len(ECHO_TIMES) + 1):
            for part in ("mag", "phase"):
                link("image.nii.gz", f"{anat}/{name}_echo-{echo}_part-{part}_MEGRE.nii.gz")
                link(f"{echo}.json", f"{anat}/{name}_echo-{echo}_part-{part}_MEGRE.json")
        for suffix in ("T1w", "FLAIR"):
            link("image.nii.gz", f"{anat}/{name}_{suffix}.nii.gz")
            link("1.json", f"{anat}/{name}_{suffix}.json")
        link("image.nii.gz", f"{lesions}/{name}_desc-lesion_mask.nii.gz")
    return sum(links.values())


def main() -> None:
    """Index twice and print the times."""
    sessions = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    with tempfile.TemporaryDirectory() as folder:
        files = make_cohort(Path(folder), sessions)
        manifest, cache = Path(folder, "manifest.tsv"), Path(folder, "cache.json")
        print(f"{platform.processor() or platform.machine()}, Python {platform.python_version()}")
        print(f"{files} files, {sessions} sessions")
        for turn in ("first", "second"):
            wall, user = time.perf_counter(), time.process_time()
            rows = index_bids(f"{folder}/bids", cache=cache)
            written = write_manifest(rows, manifest)
            wall, user = time.perf_counter() - wall, time.process_time() - user
            included = sum(row["status"] == "included" for row in rows)
            print(f"{turn} index: {wall:.2f} s, {user:.2f} CPU s, {included} included, manifest written: {written}")


if __name__ == "__main__":
    main()
