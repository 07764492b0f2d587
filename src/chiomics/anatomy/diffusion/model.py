"""Models of the diffusion signal: the tensor, and fibre orientations by constrained spherical deconvolution.

Tensor: Basser et al. (1994, Biophys J 66:259), weighted least squares. Orientations: Tournier et al. (2007, NeuroImage
35:1459) in the form with several tissues (Jeurissen et al. 2014, NeuroImage 103:411): with one shell and b = 0, white
matter and fluid; with more shells also grey matter. Responses of the tissues come from the subject (Dhollander et al.
2016, ISMRM Workshop Breaking the Barriers of Diffusion MRI); where that finds none, white matter's alone after
Tournier et al. (2013, NMR Biomed 26:1775).
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np

from chiomics.anatomy.diffusion.gradients import Gradients
from chiomics.anatomy.diffusion.preprocessing import PreparedDiffusion
from chiomics.anatomy.diffusion.programs import ProgramError, mrtrix3, run_program
from chiomics.core.images import voxel_size
from chiomics.core.space.volume import Volume

#: Highest harmonic order asked for; the angular contrast of b up to 3000 s/mm² holds no more (Tournier 2013).
MAX_ORDER = 8
#: Order from which on crossing fibres can be told apart; below it the tensor is tracked.
MIN_ORDER = 4

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class FibreModel:
    """What streamlines follow.

    Parameters
    ----------
    algorithm : str
        Of ``tckgen``: ``iFOD2`` or ``Tensor_Prob``.
    image : Path
        Orientation distributions, or for the tensor the series itself.
    table : Path
        Gradients of the series.
    description : dict of str to object
        For a sidecar.
    """

    algorithm: str
    image: Path
    table: Path
    description: dict[str, object]


def fit_tensor(prepared: PreparedDiffusion, *, mask: Volume, scratch: Path) -> tuple[Volume, Volume]:
    """Fit the tensor and give its fractional anisotropy, 0 to 1, and its main direction along the voxel axes.

    Parameters
    ----------
    prepared : PreparedDiffusion
        The series.
    mask : Volume
        Where to fit.
    scratch : Path
        Folder for intermediate images.

    Returns
    -------
    anisotropy, directions : Volume
        Of shape (x, y, z) and (x, y, z, 3).
    """
    tensor, anisotropy = scratch / "tensor.nii", scratch / "fa.nii"
    run_program(mrtrix3.FitTensor(
        in_file=str(prepared.image), grad_file=str(prepared.table), in_mask=_written(mask, scratch / "fit_mask.nii"),
        out_file=str(tensor),
    ))  # fmt: skip
    main = scratch / "main_direction.nii"
    run_program(mrtrix3.TensorMetrics(
        in_file=str(tensor), out_fa=str(anisotropy), out_evec=str(main), component=[1], modulate="none"
    ))  # fmt: skip
    # Where noise has pushed the signal to 0 there is no tensor, and MRtrix3 writes NaN.
    shares, world = (
        np.nan_to_num(np.asanyarray(nib.load(path).dataobj).astype(np.float32)) for path in (anisotropy, main)
    )
    affine = nib.load(anisotropy).affine
    left, _, right = np.linalg.svd(affine[:3, :3] / voxel_size(affine))
    return Volume(shares, affine), Volume(world @ (left @ right).astype(np.float32), affine)


def fit_orientations(prepared: PreparedDiffusion, *, brain: Volume, region: Volume, scratch: Path) -> FibreModel:
    """Fit what the number of directions allows.

    Parameters
    ----------
    prepared : PreparedDiffusion
        The series.
    brain : Volume
        Where responses are looked for.
    region : Volume
        Where orientations are estimated.
    scratch : Path
        Folder for intermediate images.

    Returns
    -------
    FibreModel
        Deconvolution of the order that the directions of the richest shell determine, or the tensor where that order
        is below `MIN_ORDER`.
    """
    shells = prepared.gradients.shells()
    order = highest_order(prepared.gradients)
    said = {"Shells": {f"{b:g}": count for b, count in shells.items()}}
    if order < MIN_ORDER:
        said["Model"] = f"tensor: {max(shells.values())} directions do not tell crossing fibres apart, 15 do"
        log.warning("%s", said["Model"])
        return FibreModel("Tensor_Prob", prepared.image, prepared.table, said)
    tissues = ("wm", "gm", "csf") if len(shells) > 1 else ("wm", "csf")
    responses = _tissue_responses(prepared, brain, scratch)
    if responses is None:
        tissues = ("wm",)
        responses = {"wm": scratch / "response.txt"}
        run_program(mrtrix3.ResponseSD(
            algorithm="tournier", in_file=str(prepared.image), grad_file=str(prepared.table),
            in_mask=str(scratch / "brain.nii"), wm_file=str(responses["wm"]),
            args=f"-scratch {scratch} -shells {list(shells)[-1]:g}",
        ))  # fmt: skip
    image = scratch / "wm_fod.nii"
    fod = mrtrix3.ConstrainedSphericalDeconvolution(
        algorithm="csd" if tissues == ("wm",) else "msmt_csd", in_file=str(prepared.image),
        grad_file=str(prepared.table), mask_file=_written(region, scratch / "region.nii"),
        wm_txt=str(responses["wm"]), wm_odf=str(image), max_sh=[order, *(0 for _ in tissues[1:])],
    )  # fmt: skip
    for tissue in tissues[1:]:
        setattr(fod.inputs, f"{tissue}_txt", str(responses[tissue]))
        setattr(fod.inputs, f"{tissue}_odf", str(scratch / f"{tissue}_fod.nii"))
    if tissues == ("wm",):
        fod.inputs.shell = [list(shells)[-1]]
    run_program(fod)
    said |= {
        "Model": "constrained spherical deconvolution",
        "ResponseAlgorithm": "tournier" if tissues == ("wm",) else "dhollander",
        "Tissues": list(tissues),
        "HarmonicOrder": order,
    }
    return FibreModel("iFOD2", image, prepared.table, said)


def highest_order(gradients: Gradients) -> int:
    """Return the largest even harmonic order whose (l + 1)(l + 2) / 2 terms the richest shell determines."""
    directions = max(gradients.shells().values())
    return max(order for order in range(0, MAX_ORDER + 1, 2) if (order + 1) * (order + 2) // 2 <= directions)


def _tissue_responses(prepared: PreparedDiffusion, brain: Volume, scratch: Path) -> dict[str, Path] | None:
    """Estimate the responses of three tissues, or None where the image does not hold enough of each."""
    files = {tissue: scratch / f"response_{tissue}.txt" for tissue in ("wm", "gm", "csf")}
    try:
        run_program(mrtrix3.ResponseSD(
            algorithm="dhollander", in_file=str(prepared.image), grad_file=str(prepared.table),
            in_mask=_written(brain, scratch / "brain.nii"), wm_file=str(files["wm"]), gm_file=str(files["gm"]),
            csf_file=str(files["csf"]), args=f"-scratch {scratch}",
        ))  # fmt: skip
    except ProgramError as error:
        log.warning("no responses of three tissues, white matter's alone instead: %s", error)
        return None
    return files


def _written(mask: Volume, path: Path) -> str:
    Volume(mask.voxels > 0, mask.affine).write(path)
    return str(path)
