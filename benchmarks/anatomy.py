"""Anatomy of simulated subjects: overlap with their true regions and CPU time, `python -m benchmarks.anatomy`.

Subjects are simulated here with another seed than those that settings were chosen on. The χ map is the true one with
noise, so that the figures are of registration and segmentation alone; the brain mask is the true one.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from chiomics.anatomy.atlases.prepare import prepare_atlas
from chiomics.anatomy.files import SessionFiles
from chiomics.anatomy.registration.settings import settings as registration_settings
from chiomics.anatomy.session.regions import define_regions
from chiomics.anatomy.session.segmentation import segment_session
from chiomics.core.space.volume import Volume
from chiomics.phantom import load_recipe, simulate_subject
from chiomics.phantom.atlas_output import write_phantom_atlas

RECIPE = {"seed": 4711, "groups": {"HC": 2, "MS": 4, "NMOSD": 2}}
SUBJECTS = ("HC01", "MS01", "MS02", "MS03", "NMOSD01", "NMOSD02")
#: Standard deviation of the noise on the true χ, ppm.
NOISE = 0.01


def settings(preset: str) -> dict:
    """Return the section `anatomy` of the configuration with its defaults."""
    return {
        "registration": {"program": "ants", "preset": preset, "parameters": {}},
        "tissue": {},
        "lesions": {},
        "nuclei": {"refine": True, "parameters": {}},
        "tracts": {"threshold": 0.5},
        "regions": {},
    }


def main() -> None:
    """Print a line per subject, and the means."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", default="fast", choices=("fast", "accurate"))
    parser.add_argument("--gre-only", action="store_true", help="without T1w and FLAIR")
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_phantom_atlas(root / "atlas")
        chosen = registration_settings(options.preset, {})
        atlases = {"nuclei": root / "nuclei", "tracts": root / "tracts"}
        for name, written in (("nuclei", "dgm"), ("tracts", "tracts")):
            prepare_atlas(root / "atlas" / written, atlases[name], settings=chosen)
        for subject in SUBJECTS:
            simulate_subject(load_recipe(RECIPE), subject, root / "bids")
            rows.append(measure(root, f"sub-{subject}", atlases, options.preset, gre_only=options.gre_only))
            print(
                pd.DataFrame(rows[-1:]).to_string(index=False, float_format="%.3f", header=len(rows) == 1), flush=True
            )
    print("\nmean\n" + pd.DataFrame(rows).drop(columns="subject").mean().to_string(float_format="%.3f"))


def measure(root: Path, subject: str, atlases: dict, preset: str, *, gre_only: bool) -> dict:
    """Segment one subject and compare it with its truth."""
    images, truth = root / "bids" / subject / "anat", root / "bids/derivatives/truth" / subject / "anat"
    chi = Volume.read(truth / f"{subject}_Chimap.nii.gz")
    brain = Volume.read(truth / f"{subject}_desc-brain_mask.nii.gz").voxels > 0
    noise = np.random.default_rng(0).normal(0, NOISE, brain.shape)
    chi.like(np.where(brain, chi.voxels + noise, 0).astype(np.float32)).write(root / "chi.nii.gz")
    given = {
        "magnitude": sorted(map(str, images.glob("*part-mag_MEGRE.nii.gz"))),
        "brain_mask": str(truth / f"{subject}_desc-brain_mask.nii.gz"),
        "chi": str(root / "chi.nii.gz"),
    }
    if not gre_only:
        given |= {kind: str(images / f"{subject}_{kind}.nii.gz") for kind in ("T1w", "FLAIR")}
    files, times = SessionFiles.from_lists(given), []
    with tempfile.TemporaryDirectory(dir=root) as folder:
        start = time.process_time()
        segment_session(
            files, Path(folder, "out"), settings=settings(preset), scratch=Path(folder), nuclei_atlas=atlases["nuclei"]
        )
        times.append(time.process_time() - start)
        found = define_regions(files, Path(folder, "out"), atlases=atlases, settings=settings(preset))
        times.append(time.process_time() - start - times[0])
    return (
        {"subject": subject}
        | scores(found.regions, truth, subject)
        | dict(zip(("segment_s", "regions_s"), times, strict=True))
    )


def scores(regions, truth: Path, subject: str) -> dict:
    """Overlap (Dice) with the truth; of lesions the numbers that were found and invented too."""

    def true(name: str) -> np.ndarray:
        return Volume.read(truth / f"{subject}_{name}.nii.gz", dtype=np.int32).voxels

    table = pd.read_csv(truth / f"{subject}_desc-dgm_dseg.tsv", sep="\t")
    labels, found = true("desc-dgm_dseg"), regions.images["desc-dgm_dseg"].voxels
    result = {}
    for name, rows in table.groupby(table["abbreviation"].str.partition("_")[0], sort=False):
        result[name] = np.mean([dice(labels == index, found == index) for index in rows["index"]])
    tracts = [key for key in regions.images if key.startswith("hemi-")]
    result["tracts"] = np.mean([dice(true(key) > 0, regions.images[key].voxels > 0) for key in tracts])
    result["NAWM"] = dice(true("desc-nawm_mask") > 0, regions.images["desc-nawm_dseg"].voxels > 0)
    lesions, ours = true("desc-lesions_dseg"), regions.images["desc-lesions_dseg"].voxels
    result["lesions"] = dice(lesions > 0, ours > 0) if lesions.any() else np.nan
    result["hit"] = (
        np.mean([(ours[lesions == index] > 0).any() for index in np.unique(lesions) if index])
        if lesions.any()
        else np.nan
    )
    result["false"] = sum(not (lesions[ours == index] > 0).any() for index in np.unique(ours) if index)
    return result


def dice(first: np.ndarray, second: np.ndarray) -> float:
    """Overlap of two masks."""
    both = first.sum() + second.sum()
    return float(2 * (first & second).sum() / both) if both else float("nan")


if __name__ == "__main__":
    main()
