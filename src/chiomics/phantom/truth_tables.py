"""Tables of the truth: labels with asked and realised susceptibility, and lesions with the raters' calls."""

from __future__ import annotations

import numpy as np

from chiomics.phantom.head import tissue
from chiomics.phantom.head.anatomy import Anatomy
from chiomics.phantom.head.susceptibility import SubjectTissue
from chiomics.phantom.lesions.raters import call_rims
from chiomics.phantom.recipe import Session, random_stream


def label_rows(
    fine: np.ndarray,
    chi: np.ndarray,
    coarse: np.ndarray,
    chi_coarse: np.ndarray,
    properties: SubjectTissue,
    fine_voxel: np.ndarray,
) -> list[dict]:
    """List per label what was asked and what came out on the finer and on the GRE grid.

    Parameters
    ----------
    fine, chi : ndarray
        Labels and susceptibility (ppm) on the finer grid of the simulation.
    coarse, chi_coarse : ndarray
        The same on the GRE grid.
    properties : SubjectTissue
        What was asked.
    fine_voxel : ndarray, shape (3,)
        Voxel size of the finer grid in mm.

    Returns
    -------
    list of dict
        One row per label; None where a label has no voxel.
    """
    rows = []
    for row in tissue.image_labels():
        index = row["index"]
        base = index - tissue.RIGHT if index > tissue.RIGHT else index
        on_fine, on_coarse = chi[fine == index].astype(float), chi_coarse[coarse == index].astype(float)
        rows.append(
            {
                **row,
                "volume_mm3": on_fine.size * float(np.prod(fine_voxel)),
                "n_voxels": on_coarse.size,
                "chi_asked": properties.chi[base],
                "chi_mean": on_fine.mean() if on_fine.size else None,
                "chi_sd": on_fine.std() if on_fine.size else None,
                "chi_mean_voxels": on_coarse.mean() if on_coarse.size else None,
                "chi_sd_voxels": on_coarse.std() if on_coarse.size else None,
                "texture_sd_asked": properties.texture_sd[base],
            }
        )
    return rows


def lesion_rows(
    recipe: dict, session: Session, anatomy: Anatomy, chi: np.ndarray, fine_voxel: np.ndarray
) -> list[dict]:
    """List the lesions with the calls of the raters.

    Parameters
    ----------
    recipe : dict
        Completed recipe.
    session : Session
        The subject.
    anatomy : Anatomy
        Its lesions.
    chi : ndarray
        Susceptibility on the finer grid in ppm.
    fine_voxel : ndarray, shape (3,)
        Voxel size of the finer grid in mm.

    Returns
    -------
    list of dict
        One row per lesion: size, place, susceptibility, rim, and what the raters call.
    """
    if not anatomy.lesions:
        return []
    prevalence = recipe["lesions"][session.participant["group"]]["rim_share"]
    has_rim = np.array([lesion.lesion.rim for lesion in anatomy.lesions])
    calls = call_rims(
        random_stream(recipe, session.participant_id, "raters"), has_rim, prevalence=prevalence, **recipe["raters"]
    )
    return [
        {
            "index": number,
            "name": f"lesion {number}",
            "volume_mm3": len(lesion.voxels[0]) * float(np.prod(fine_voxel)),
            "diameter_mm": lesion.lesion.diameter,
            "location": lesion.lesion.site,
            "x": lesion.centre[0],
            "y": lesion.centre[1],
            "z": lesion.centre[2],
            "chi_core": float(chi[lesion.voxels][~lesion.is_rim].mean()) if (~lesion.is_rim).any() else None,
            "chi_rim": float(chi[lesion.voxels][lesion.is_rim].mean()) if lesion.is_rim.any() else None,
            "rim": int(lesion.lesion.rim),
            "kind": lesion.lesion.appearance.kind,
            "rim_fraction": lesion.lesion.appearance.rim_fraction,
            "rim_contrast": lesion.lesion.appearance.rim_contrast,
            "rim_width_mm": lesion.lesion.appearance.rim_width,
            "vein": lesion.lesion.appearance.vein,
            **{rater: call[number - 1] for rater, call in calls.items()},
        }
        for number, lesion in enumerate(anatomy.lesions, start=1)
    ]
