"""Write simulated subjects into a BIDS data set, with their truth beside it."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

import numpy as np

from chiomics.core.files import atomic_write, write_sidecar
from chiomics.core.images import voxel_size, write_image
from chiomics.core.provenance import generated_by
from chiomics.phantom.dataset import write_table
from chiomics.phantom.head import tissue
from chiomics.phantom.recipe import Session, find_session, load_recipe
from chiomics.phantom.scanner.diffusion import DiffusionImages
from chiomics.phantom.scanner.signal import PHASE_FLAVOURS, wrapped_phase
from chiomics.phantom.subject import SimulatedSubject, simulate

log = logging.getLogger(__name__)

#: Stored magnitude of a signal of one: integers as scanners give.
MAGNITUDE_SCALE = 20000.0
#: Every n-th voxel of the GRE grid at which the warp is stored; it is smooth on that scale.
WARP_STEP = 4


def simulate_subject(
    recipe: dict | str | Path, participant_id: str, out_dir: str | Path, *, workers: int = 1
) -> list[Path]:
    """Simulate one subject and write all its files, or none.

    Parameters
    ----------
    recipe : dict or path-like
        As `load_recipe` takes it.
    participant_id : str
        With or without ``sub-``.
    out_dir : path-like
        Root of the BIDS data set.
    workers : int
        Threads of the FFTs.

    Returns
    -------
    list of Path
        The files, as `list_sessions` foretells them.
    """
    recipe = load_recipe(recipe)
    session = find_session(recipe, participant_id)
    return write_subject(recipe, session, simulate(recipe, session, workers=workers), out_dir)


def write_subject(recipe: dict, session: Session, subject: SimulatedSubject, out_dir: str | Path) -> list[Path]:
    """Write all files of a simulated subject, or none; see `simulate_subject`."""
    out_dir = Path(out_dir)
    staging = out_dir / f".{session.participant_id}.part"
    shutil.rmtree(staging, ignore_errors=True)
    try:
        _write_images(staging, recipe, session, subject)
        _write_truth(staging, recipe, session, subject)
        expected = [*session.files, *session.truth_files]
        written = {str(path.relative_to(staging)) for path in staging.rglob("*") if path.is_file()}
        if written != set(expected):
            raise RuntimeError(f"files differ from the recipe's: {sorted(written ^ set(expected))}")
        for name in expected:
            (out_dir / name).parent.mkdir(parents=True, exist_ok=True)
            (staging / name).replace(out_dir / name)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    log.info("%s: %d files written", session.participant_id, len(expected))
    return [out_dir / name for name in expected]


def _write_images(root: Path, recipe: dict, session: Session, subject: SimulatedSubject) -> None:
    """Write the echoes and the structural images, named and described as BIDS wants."""
    acquisition = recipe["acquisition"]
    *_, phase_units = PHASE_FLAVOURS[acquisition["phase_flavour"]]
    common = {
        "Manufacturer": acquisition["manufacturer"],
        "MagneticFieldStrength": acquisition["field_strength"],
        "Simulated": True,
        "GeneratedBy": generated_by("chiomics phantom"),
    }
    images = [name for name in session.files if name.endswith(".nii.gz")]
    for name in images:
        path = root / name
        sidecar = path.with_name(path.name.replace(".nii.gz", ".json"))
        if name.endswith("_MEGRE.nii.gz"):
            number = int(path.name.split("_echo-")[1].split("_")[0])
            echo = subject.echoes[number - 1]
            fields = {
                **common,
                "EchoTime": acquisition["echo_times"][number - 1],
                "EchoNumber": number,
                "RepetitionTime": acquisition["repetition_time"],
                "FlipAngle": acquisition["flip_angle"],
                "MRAcquisitionType": "3D",
                "ScanningSequence": "GR",
                "SliceThickness": float(voxel_size(subject.affine)[2]),
            }
            if "_part-phase_" in name:
                voxels = wrapped_phase(echo, flavour=acquisition["phase_flavour"])
                fields["Units"] = phase_units
                fields["PhaseSign"] = recipe["phase"]["sign"]
            else:
                voxels = np.rint(np.minimum(np.abs(echo) * MAGNITUDE_SCALE, 32767)).astype(np.int16)
                fields["Units"] = "arbitrary"
            write_image(path, voxels, subject.affine)
        elif name.endswith("_dwi.nii.gz"):
            fields = {**common, **STRUCTURAL_FIELDS["dwi"]}
            write_image(path, subject.diffusion.volumes, subject.diffusion.affine)
            _write_gradients(path, subject.diffusion)
        else:
            suffix = path.name.removesuffix(".nii.gz").rsplit("_", 1)[1]
            image, affine = subject.structural[suffix]
            fields = {**common, "MRAcquisitionType": "3D", **STRUCTURAL_FIELDS[suffix]}
            write_image(path, image, affine)
        write_sidecar(sidecar, fields)


def _write_gradients(path: Path, diffusion: DiffusionImages) -> None:
    """Write b values and directions beside a diffusion image, in FSL's layout."""
    tables = {".bval": diffusion.b_values[None], ".bvec": diffusion.b_vectors.T}
    for extension, table in tables.items():
        with atomic_write(path.with_name(path.name.replace(".nii.gz", extension))) as temporary:
            np.savetxt(temporary, table, fmt="%.6g")


def _write_truth(root: Path, recipe: dict, session: Session, subject: SimulatedSubject) -> None:
    """Write what is known of a subject, on the GRE grid."""
    folder = root / "derivatives" / "truth" / session.participant_id / "anat"
    sub = session.participant_id
    nuclei = [row for row in subject.label_rows if row["index"] % tissue.RIGHT in tissue.NUCLEUS_LABELS.values()]
    volumes = {
        "Chimap": subject.chi,
        "R2starmap": subject.r2star,
        "desc-total_fieldmap": np.where(subject.brain, subject.total_field, 0),
        "desc-local_fieldmap": np.where(subject.brain, subject.local_field, 0),
        "desc-brain_mask": subject.brain,
        "desc-truth_dseg": subject.labels,
        "desc-dgm_dseg": np.where(np.isin(subject.labels, [row["index"] for row in nuclei]), subject.labels, 0),
        "desc-nawm_mask": subject.labels == tissue.WHITE,
        "desc-lesions_dseg": subject.lesion_index,
        **{f"hemi-{hemi}_label-{tract}_mask": mask for (hemi, tract), mask in subject.tract_masks.items()},
    }
    for name, volume in volumes.items():
        write_image(folder / f"{sub}_{name}.nii.gz", volume, subject.affine)
    coarse = np.moveaxis(subject.coordinates[:, ::WARP_STEP, ::WARP_STEP, ::WARP_STEP], 0, -1)
    write_image(folder / f"{sub}_desc-mni_warp.nii.gz", coarse, subject.affine @ np.diag([*3 * [WARP_STEP], 1]))
    write_table(folder / f"{sub}_desc-truth_dseg.tsv", subject.label_rows, list(subject.label_rows[0]))
    write_table(folder / f"{sub}_desc-dgm_dseg.tsv", nuclei, ["index", "name", "abbreviation"])
    write_table(folder / f"{sub}_desc-lesions_dseg.tsv", subject.lesion_rows, LESION_COLUMNS)
    write_sidecar(
        folder / f"{sub}_truth.json",
        {
            "NoiseStandardDeviation": subject.sigma * MAGNITUDE_SCALE,
            "NoiseStandardDeviationDescription": "of the real and of the imaginary part, in the units of the magnitude",
            "Lesions": len(subject.lesion_rows),
            "Rims": sum(row["rim"] for row in subject.lesion_rows),
            "ChiReference": "water, chi = 0; cerebrospinal fluid is 0.019 ppm",
            "ReferenceAge": tissue.REFERENCE_AGE,
            "Motion": subject.motions,
            "MotionDescription": "rigid matrices in mm from the world of the GRE to the world of the named image",
            "Participant": session.participant,
        },
    )


LESION_COLUMNS = [
    "index",
    "name",
    "volume_mm3",
    "diameter_mm",
    "location",
    "x",
    "y",
    "z",
    "chi_core",
    "chi_rim",
    "rim",
    "kind",
    "rim_fraction",
    "rim_contrast",
    "rim_width_mm",
    "vein",
    "rater1",
    "rater2",
    "rater3",
]

#: Nominal parameters of the structural images; their contrast is tabulated, not computed from these.
STRUCTURAL_FIELDS = {
    "T1w": {"RepetitionTime": 2.3, "EchoTime": 0.0023, "InversionTime": 0.9, "FlipAngle": 8},
    "FLAIR": {"RepetitionTime": 8.5, "EchoTime": 0.391, "InversionTime": 2.5, "FlipAngle": 90},
    "dwi": {"RepetitionTime": 6.0, "EchoTime": 0.08, "FlipAngle": 90, "PhaseEncodingDirection": "j"},
}
