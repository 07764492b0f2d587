"""A session as the classifiers' images are made from: FLAIR, brain, lesions, tissue, and the ways to the template.

Real sessions come from the folder that the anatomy stage keeps of a segmentation; simulated heads know their way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import ndimage

from chiomics.core.errors import InputError
from chiomics.core.files import read_sidecar
from chiomics.core.space.grids import same_grid
from chiomics.core.space.transforms import Chain
from chiomics.core.space.volume import Volume

#: Labels of the anatomy stage's tissue image.
WHITE_MATTER, VENTRICLES = 3, 4
#: Where lesions come from: a simulated head's own, an expert's mask, or the anatomy stage.
SOURCES = ("true", "drawn", "automatic")
Points = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Head:
    """One session.

    Parameters
    ----------
    flair : Volume
        Bias-corrected, on its own grid.
    brain, white_matter, ventricles : Volume
        Masks on one grid, the anatomical image's.
    lesions : Volume
        Numbers of lesions, 0 elsewhere.
    flair_to_anatomy, lesions_to_anatomy : callable
        Map points of shape (3, n) in mm from the world of the FLAIR, or of the lesions, to that of the masks.
    anatomy_to_flair, anatomy_to_lesions : callable
        The ways back.
    anatomy_to_template, template_to_anatomy : callable
        To and from template (MNI) coordinates.
    lesion_source : str
        One of `SOURCES`.
    """

    flair: Volume
    brain: Volume
    white_matter: Volume
    ventricles: Volume
    lesions: Volume
    flair_to_anatomy: Points
    anatomy_to_flair: Points
    lesions_to_anatomy: Points
    anatomy_to_lesions: Points
    anatomy_to_template: Points
    template_to_anatomy: Points
    lesion_source: str = "true"

    @classmethod
    def on_one_grid(
        cls,
        flair: Volume,
        masks: tuple[np.ndarray, np.ndarray, np.ndarray],
        lesions: np.ndarray,
        to_template: Points,
        from_template: Points,
    ) -> Head:
        """Take a session whose masks (brain, white matter, ventricles) and lesions lie on the FLAIR's voxels."""
        stays = (_stay,) * 4
        return cls(flair, *map(flair.like, masks), flair.like(lesions), *stays, to_template, from_template)

    def lesions_on_flair(self) -> np.ndarray:
        """Return the lesion numbers on the FLAIR's voxels."""
        if same_grid(self.lesions, self.flair):
            return self.lesions.voxels.astype(np.int32)
        return self.on_flair(
            self.lesions, lambda points: self.anatomy_to_lesions(self.flair_to_anatomy(points)), order=0
        ).astype(np.int32)

    def on_flair(self, volume: Volume, way: Points, *, order: int) -> np.ndarray:
        """Sample an image at the FLAIR's voxels; `way` leads from the FLAIR's world to the image's."""
        if way is _stay and same_grid(volume, self.flair):
            return volume.voxels
        points = grid_points(self.flair)
        return sample(volume, way(points), order=order).reshape(self.flair.voxels.shape)


def read_head(folder: str | Path, names: Mapping[str, str]) -> Head:
    """Read a session from the folder of its segmentation.

    Parameters
    ----------
    folder : path-like
        Of the anatomy stage.
    names : mapping of str to str
        Names in it: ``FLAIR``, ``brain``, ``tissue``, ``lesions``, ``sidecar``, ``to_template``, ``FLAIR_to_anatomy``.

    Returns
    -------
    Head
        The session.

    Raises
    ------
    InputError
        Where there is no FLAIR, or nobody knows the lesions.
    """
    folder = Path(folder)
    if not (folder / names["FLAIR"]).is_file():
        raise InputError("the session has no FLAIR", file=folder, expected=names["FLAIR"])
    flair, brain = (Volume.read(folder / names[kind]) for kind in ("FLAIR", "brain"))
    tissue, lesions = (Volume.read(folder / names[kind], dtype=np.int32) for kind in ("tissue", "lesions"))
    known = read_sidecar(folder / names["sidecar"]).get("Lesions", {})
    if known.get("Source") == "none":
        raise InputError("nothing is known of the session's lesions", file=folder, found=known.get("Reason"))
    flair_way, template_way = (Chain.read(folder / names[kind]) for kind in ("FLAIR_to_anatomy", "to_template"))
    if same_grid(lesions, flair):
        lesion_way = flair_way
    elif same_grid(lesions, brain):
        lesion_way = Chain()
    else:
        lesion_way = Chain.read(folder / names["to_GRE"]).inverse()
    return Head(
        flair,
        brain.like(brain.voxels > 0),
        tissue.like(tissue.voxels == WHITE_MATTER),
        tissue.like(tissue.voxels == VENTRICLES),
        lesions,
        flair_way.map_points,
        flair_way.inverse().map_points,
        lesion_way.map_points,
        lesion_way.inverse().map_points,
        template_way.map_points,
        template_way.inverse().map_points,
        "drawn" if "DrawnOn" in known else "automatic",
    )


def grid_points(volume: Volume) -> np.ndarray:
    """Return the world coordinates of all voxels, shape (3, n) in mm."""
    index = np.indices(volume.voxels.shape[:3], dtype=np.float32).reshape(3, -1)
    return volume.affine[:3, :3] @ index + volume.affine[:3, 3:]


def sample(volume: Volume, points: np.ndarray, *, order: int) -> np.ndarray:
    """Interpolate an image at world points of shape (3, n); 0 outside."""
    onto = np.linalg.inv(volume.affine)
    index = onto[:3, :3] @ points + onto[:3, 3:]
    return ndimage.map_coordinates(volume.voxels.astype(np.float32), index, order=order, output=np.float32)


def _stay(points: np.ndarray) -> np.ndarray:
    return points
