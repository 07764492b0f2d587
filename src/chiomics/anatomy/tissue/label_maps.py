"""Tissue, ventricles and nuclei from a label image of FreeSurfer or SynthSeg, where the user has one.

Both number their labels as FreeSurfer's colour table does (aseg; aparc+aseg and wmparc add 1000 to 14999 for cortex and
white matter by region). Tissue is what MRtrix's 5ttgen takes each label for (Smith et al. 2012, NeuroImage 62:1924),
with two departures: a white matter hypointensity is a class of its own as 5ttgen's pathological tissue, and the
hippocampus and the amygdala are grey matter, not deep nuclei.

FreeSurfer's caudate is the whole of it. The head alone is a nucleus of this project, so the caudate is deep grey matter
and gives no nucleus; neither do the red and the dentate nucleus, which FreeSurfer does not label.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from chiomics.anatomy.atlases.nuclei import label_of
from chiomics.anatomy.tissue.tissue import DEEP_GREY, FLUID, GREY, HYPOINTENSITY, VENTRICLES, WHITE
from chiomics.core.errors import InputError
from chiomics.core.space.volume import Volume

#: Labels of FreeSurferColorLUT.txt by class: left, right or both; those of single structures.
STRUCTURES = {
    WHITE: (2, 41, 7, 46, 16, 28, 60, 85, 192, *range(250, 256), 5001, 5002),
    GREY: (3, 42, 8, 47, 17, 53, 18, 54),
    DEEP_GREY: (9, 48, 10, 49, 11, 50, 12, 51, 13, 52, 26, 58, 27, 59),
    VENTRICLES: (4, 43, 5, 44, 31, 63),
    FLUID: (14, 15, 24, 30, 62, 72),
    HYPOINTENSITY: (25, 57, *range(77, 83)),
}
#: First and last label of a region of cortex or white matter in aparc and wmparc.
PARCELS = {
    GREY: ((1000, 1035), (2000, 2035), (11100, 11175), (12100, 12175)),
    WHITE: ((3000, 3035), (4000, 4035), (13100, 13175), (14100, 14175)),
}
#: Nuclei that have the same extent as a label: label on the left, on the right.
NUCLEI = {"PUT": (12, 51), "GP": (13, 52), "THA": ((9, 10), (48, 49)), "SN": (27, 59)}
#: Labels of the whole caudate, which holds more than the caudate head.
CAUDATE = (11, 50)


def tissue_from_labels(labels: Volume) -> Volume:
    """Turn a label image into tissue.

    Parameters
    ----------
    labels : Volume
        Whole numbers of FreeSurfer's colour table.

    Returns
    -------
    Volume
        Classes of `chiomics.anatomy.tissue.tissue.CLASSES` as uint8.

    Raises
    ------
    InputError
        Where a label is none of those that this file lists.
    """
    present, position = _present(labels)
    classes = np.array([_class_of(int(label)) for label in present])
    if unknown := [int(label) for label, found in zip(present, classes, strict=True) if found < 0]:
        raise InputError(
            "the label image holds labels that no tissue is known for",
            found=", ".join(map(str, unknown[:10])) + (" ..." if len(unknown) > 10 else ""),
            expected="numbers of FreeSurfer's aseg, aparc+aseg or wmparc, or of SynthSeg",
        )
    return labels.like(classes.astype(np.uint8)[position])


def nuclei_from_labels(labels: Volume) -> tuple[Volume, tuple[str, ...]]:
    """Take those nuclei from a label image that it holds.

    Parameters
    ----------
    labels : Volume
        As in `tissue_from_labels`.

    Returns
    -------
    nuclei : Volume
        Labels of `chiomics.anatomy.atlases.nuclei.label_of`, uint8; 0 for the others.
    notes : tuple of str
        What could not be taken and why, for a sidecar.
    """
    present, position = _present(labels)
    table = np.zeros(len(present), np.uint8)
    for nucleus, sides in NUCLEI.items():
        for hemisphere, numbers in zip("LR", sides, strict=True):
            table[np.isin(present, numbers)] = label_of(nucleus, hemisphere)
    found = {nucleus for nucleus in NUCLEI if np.isin(table, [label_of(nucleus, side) for side in "LR"]).any()}
    notes = []
    if np.isin(present, CAUDATE).any():
        notes.append("HCN: the labels hold the whole caudate nucleus, its head is not told apart and not taken")
    lacking = [name for name in ("PUT", "GP", "THA", "SN", "RN", "DN") if name not in found]
    if lacking:
        notes.append(f"{', '.join(lacking)}: not in the labels")
    return labels.like(table[position]), tuple(notes)


def _present(labels: Volume) -> tuple[np.ndarray, np.ndarray]:
    """List the labels of an image, and where in the list each voxel's label is."""
    voxels = labels.voxels
    if voxels.dtype.kind == "f" and not np.array_equal(voxels, np.rint(voxels)):
        raise InputError("not a label image", found="values with decimals", expected="whole numbers")
    present, position = np.unique(voxels, return_inverse=True)
    return present, position.reshape(voxels.shape)


def _class_of(label: int) -> int:
    """Return the class of a label, 0 for background, -1 for an unknown one."""
    if label == 0:
        return 0
    for tissue, numbers in STRUCTURES.items():
        if label in numbers:
            return tissue
    for tissue, ranges in PARCELS.items():
        if _within(label, ranges):
            return tissue
    return -1


def _within(label: int, ranges: Iterable[tuple[int, int]]) -> bool:
    return any(first <= label <= last for first, last in ranges)
