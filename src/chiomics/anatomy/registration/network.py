"""Brain of a T1w by a network whose weights lie in its package: deepbet.

Fisch et al. (2024, Hum Brain Mapp 45:e26692): two 3-D networks, one for the box that holds the brain and one for the
brain in it, trained on 7837 T1w images of 191 studies. Needs torch and deepbet in the environment; both are imported
only here. One thread, so that reruns agree.
"""

from __future__ import annotations

import logging
from importlib.util import find_spec

import nibabel as nib
import numpy as np

from chiomics.core.errors import InputError, SettingError
from chiomics.core.space.volume import Volume

#: Probability from which on a voxel is brain: the package's default.
THRESHOLD = 0.5

log = logging.getLogger(__name__)


def is_available() -> bool:
    """Tell whether torch and deepbet are in the environment; neither is imported."""
    return find_spec("torch") is not None and find_spec("deepbet") is not None


def extract_by_network(image: Volume) -> Volume:
    """Find the brain of a T1w.

    Parameters
    ----------
    image : Volume
        T1w with or without its skull, any orientation and unit.

    Returns
    -------
    Volume
        Booleans on the image's grid: brain with its ventricles and the fluid of the sulci.

    Raises
    ------
    SettingError
        Where torch or deepbet is not in the environment.
    InputError
        Where the network finds nothing.
    """
    if not is_available():
        raise SettingError(
            "brain_extraction: deepbet needs torch and deepbet, which this environment lacks",
            expected="`make install`, or brain_extraction: template",
        )
    import torch
    from deepbet.bet import BrainExtraction

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        network = BrainExtraction(no_gpu=True)
        header = nib.Nifti1Image(image.voxels.astype(np.float32, copy=False), image.affine)
        _, mask, _ = network.run(header, threshold=THRESHOLD)
    except (AssertionError, ValueError) as error:  # how the package says that it found nothing
        raise InputError("brain extraction: the network finds no brain in the T1w", found=str(error)) from error
    finally:
        torch.set_num_threads(threads)
    return image.like(np.asarray(mask.dataobj) > 0)
