"""From a diffusion series to images that a model can be fitted to: noise, ringing, distortion, motion, brain.

The order of Fiscone et al. (2023): noise by Marchenko–Pastur PCA (Veraart et al. 2016, NeuroImage 142:394; first,
since anything else changes the noise), optionally Gibbs ringing (Kellner et al. 2016, Magn Reson Med 76:1574), then
FSL's topup (Andersson et al. 2003, NeuroImage 20:870) where an image of reversed phase encoding is given, and eddy
(Andersson and Sotiropoulos 2016, NeuroImage 125:1063). What was left out, and why, is part of the result.
"""

from __future__ import annotations

import logging
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from chiomics.anatomy.diffusion.gradients import Gradients, read_gradients
from chiomics.anatomy.diffusion.programs import command_of, fsl, missing_programs, mrtrix3, run_program
from chiomics.core.errors import InputError
from chiomics.core.files import read_sidecar
from chiomics.core.images import read_image, write_image
from chiomics.core.space.grids import check_same_grid
from chiomics.core.space.volume import Volume

#: Phase-encoding directions of BIDS as FSL writes them.
ENCODING = {f"{axis}{sign}": np.eye(3)[n] * (-1 if sign else 1) for n, axis in enumerate("ijk") for sign in ("", "-")}
ENCODING_KEYS = ("PhaseEncodingDirection", "TotalReadoutTime")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class DiffusionSeries:
    """Files of one series.

    Parameters
    ----------
    image, bval, bvec : path-like
        The volumes, and FSL's tables.
    sidecar : path-like, optional
        JSON with the phase encoding, which topup and eddy need.
    reverse_image, reverse_sidecar : path-like, optional
        An unweighted image with the opposite phase encoding.
    """

    image: str | Path
    bval: str | Path
    bvec: str | Path
    sidecar: str | Path | None = None
    reverse_image: str | Path | None = None
    reverse_sidecar: str | Path | None = None

    @classmethod
    def with_sidecar(cls, image: str | Path, bval: str | Path, bvec: str | Path) -> DiffusionSeries:
        """Take the JSON of the image's own name, where there is one."""
        sidecar = Path(str(image).removesuffix(".gz").removesuffix(".nii") + ".json")
        return cls(image, bval, bvec, sidecar if sidecar.is_file() else None)


@dataclass(frozen=True, eq=False)
class PreparedDiffusion:
    """A series that models are fitted to.

    Parameters
    ----------
    image : Path
        4-D image.
    table : Path
        Its gradients for MRtrix3.
    gradients : Gradients
        The same.
    unweighted : Volume
        Mean of the unweighted volumes.
    mask : Volume
        The brain, roughly.
    steps : dict of str to str
        For a sidecar: what was done, what was not and why.
    """

    image: Path
    table: Path
    gradients: Gradients
    unweighted: Volume
    mask: Volume
    steps: dict[str, str] = field(default_factory=dict)


def prepare_diffusion(
    series: DiffusionSeries, *, scratch: Path, denoise: bool = True, unring: bool = False
) -> PreparedDiffusion:
    """Clean a diffusion series.

    Parameters
    ----------
    series : DiffusionSeries
        The files.
    scratch : Path
        Folder for intermediate images.
    denoise, unring : bool
        Whether to take away noise and Gibbs ringing; the latter is meant for images without partial Fourier sampling.

    Returns
    -------
    PreparedDiffusion
        On the grid of the series; it is not resampled unless eddy runs.

    Raises
    ------
    InputError
        Where the files do not fit together, see `chiomics.anatomy.diffusion.gradients`.
    ProgramError
        Where a program stops.
    """
    voxels, affine = read_image(series.image)
    if voxels.ndim != 4:
        raise InputError("not a diffusion series", file=series.image, found=f"shape {voxels.shape}", expected="4-D")
    gradients = read_gradients(series.bval, series.bvec, affine=affine, volumes=voxels.shape[3])
    image, table, mask = scratch / "dwi.nii", scratch / "gradients.b", scratch / "mask.nii"
    write_image(image, voxels, affine)
    gradients.write(table)
    run_program(mrtrix3.BrainMask(in_file=str(image), grad_file=str(table), out_file=str(mask)))
    steps = {"Denoising": "none: by the settings", "GibbsUnringing": "none: by the settings"}
    if denoise:
        denoised = scratch / "denoised.nii"
        run_program(mrtrix3.DWIDenoise(
            in_file=str(image), mask=str(mask), noise=str(scratch / "noise.nii"), out_file=str(denoised)
        ))  # fmt: skip
        image, steps["Denoising"] = denoised, "dwidenoise (MRtrix3)"
    if unring:
        unrung = scratch / "unrung.nii"
        run_program(mrtrix3.MRDeGibbs(in_file=str(image), out_file=str(unrung)))
        image, steps["GibbsUnringing"] = unrung, "mrdegibbs (MRtrix3)"
    image, gradients, corrections = _correct_distortion(series, image, mask, gradients, scratch)
    gradients.write(table)
    steps.update(corrections)
    for step, done in steps.items():
        log.info("%s: %s", step, done)
    voxels, affine = read_image(image)
    unweighted = Volume(voxels[..., gradients.unweighted].mean(axis=-1), affine)
    return PreparedDiffusion(image, table, gradients, unweighted, Volume.read(mask, dtype=bool), steps)


def _correct_distortion(
    series: DiffusionSeries, image: Path, mask: Path, gradients: Gradients, scratch: Path
) -> tuple[Path, Gradients, dict[str, str]]:
    """Run topup and eddy where programs and files allow it, and say what was done."""
    encoding = _encoding(series.sidecar)
    steps, topup = {}, {}
    if reason := _why_not("topup", encoding):
        steps["SusceptibilityCorrection"] = f"none: {reason}"
    elif series.reverse_image is None:
        steps["SusceptibilityCorrection"] = "none: no image with reversed phase encoding"
    elif reason := _why_not("topup", reverse := _encoding(series.reverse_sidecar or "")):
        steps["SusceptibilityCorrection"] = f"none: of the reversed image, {reason}"
    else:
        topup = _run_topup(series, image, gradients, [encoding, reverse], scratch)
        steps["SusceptibilityCorrection"] = "topup (FSL)"
    if reason := _why_not("eddy", encoding):
        return image, gradients, {**steps, "MotionAndEddyCorrection": f"none: {reason}"}

    lines, index, base = scratch / "acquisition.txt", scratch / "index.txt", scratch / "eddy"
    if not topup:
        np.savetxt(lines, [encoding], fmt="%.9g")
    np.savetxt(index, np.ones((1, gradients.b_values.size)), fmt="%d")
    # nipype does not quote names, and the user's may hold spaces.
    tables = {name: shutil.copyfile(getattr(series, name), scratch / f"eddy.{name}") for name in ("bval", "bvec")}
    eddy = fsl.Eddy(
        in_file=str(image), in_mask=str(mask), in_index=str(index), in_acqp=str(lines), in_bvec=str(tables["bvec"]),
        in_bval=str(tables["bval"]), out_base=str(base), output_type="NIFTI_GZ", **topup,
    )  # fmt: skip
    # nipype knows the program by its older name.
    eddy._cmd = command_of("eddy")
    run_program(eddy)
    corrected = base.with_suffix(".nii.gz")
    voxels, affine = read_image(corrected)
    # The head's rotation between volumes turns the directions too; eddy has written them anew.
    rotated = read_gradients(
        series.bval, scratch / "eddy.eddy_rotated_bvecs", affine=affine, volumes=voxels.shape[3]
    )  # fmt: skip
    return corrected, rotated, {**steps, "MotionAndEddyCorrection": "eddy (FSL), gradient directions rotated"}


def _run_topup(
    series: DiffusionSeries, image: Path, gradients: Gradients, encodings: list[np.ndarray], scratch: Path
) -> dict[str, str]:
    """Estimate the susceptibility field from one unweighted volume of each phase encoding; eddy's inputs come back."""
    voxels, affine = read_image(image)
    forward = voxels[..., int(np.flatnonzero(gradients.unweighted)[0])]
    reverse, reverse_affine = read_image(series.reverse_image)
    if reverse.ndim == 4:
        reverse = reverse[..., 0]
    check_same_grid(
        Volume(forward, affine), Volume(reverse, reverse_affine), file=series.reverse_image,
        what="images with opposite phase encoding",
    )  # fmt: skip
    pair, lines = scratch / "pair.nii", scratch / "acquisition.txt"
    write_image(pair, np.stack([forward, reverse], axis=-1), affine)
    np.savetxt(lines, encodings, fmt="%.9g")
    base = scratch / "topup"
    run_program(fsl.TOPUP(
        in_file=str(pair), encoding_file=str(lines), out_base=str(base), out_field=str(scratch / "field.nii.gz"),
        out_corrected=str(scratch / "pair_corrected.nii.gz"), out_logfile=str(scratch / "topup.log"),
        output_type="NIFTI_GZ",
    ), folder=scratch)  # fmt: skip
    return {"in_topup_fieldcoef": f"{base}_fieldcoef.nii.gz", "in_topup_movpar": f"{base}_movpar.txt"}


def _encoding(sidecar: str | Path | None) -> np.ndarray | str:
    """Read a line of FSL's acquisition table, or say what the sidecar lacks."""
    if not sidecar:
        return "no sidecar"
    fields = read_sidecar(sidecar)
    if lacking := [key for key in ENCODING_KEYS if key not in fields]:
        return "its sidecar lacks " + " and ".join(lacking)
    if fields["PhaseEncodingDirection"] not in ENCODING:
        raise InputError(
            "unknown PhaseEncodingDirection",
            file=sidecar,
            found=repr(fields["PhaseEncodingDirection"]),
            expected=", ".join(ENCODING),
        )
    return np.append(ENCODING[fields["PhaseEncodingDirection"]], float(fields["TotalReadoutTime"]))


def _why_not(program: str, encoding: np.ndarray | str) -> str:
    """Say why a program of FSL cannot run; empty where it can."""
    if missing_programs(program):
        return f"{program} (FSL) is not on this machine"
    return encoding if isinstance(encoding, str) else ""
