"""Planes without content, and planes that repeat the one before, in the middle of an image."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from chiomics.core.errors import InputError

#: Voxels are thinned out in each plane to about this many along an edge.
EDGE = 48
#: A plane has content where its standard deviation is above this share of the largest one's; fewer voxels, as at the
#: border of a phase that was set to zero outside the head, may well be all alike.
MIN_CONTENT = 0.25


def check_planes(volumes: np.ndarray, name: str, files: Sequence[str] = ()) -> None:
    """Stop at an empty or a repeated plane between planes with content, along any axis.

    Planes of one value at the ends are padding, and are left alone.

    Parameters
    ----------
    volumes : ndarray, shape (e, x, y, z)
        As stored.
    name : str
        What they are, for the message.
    files : sequence of str
        Their names.

    Raises
    ------
    InputError
        At the first such plane.
    """
    for echo, volume in enumerate(volumes):
        file = files[echo] if echo < len(files) else None
        for axis in range(3):
            thin = tuple(
                slice(None) if a == axis else slice(None, None, max(1, n // EDGE)) for a, n in enumerate(volume.shape)
            )
            planes = np.moveaxis(volume[thin], axis, 0).reshape(volume.shape[axis], -1)
            content = planes.std(axis=1)
            content[planes.max(axis=1) == planes.min(axis=1)] = 0
            varied = np.flatnonzero(content > MIN_CONTENT * content.max())
            if len(varied) == 0:
                continue
            missing = varied[0] + np.flatnonzero(content[varied[0] : varied[-1]] == 0)
            if len(missing):
                raise InputError(
                    f"a plane of the {name} is empty", file=file,
                    found=f"one value in plane {', '.join(map(str, missing[:5]))} of axis {'xyz'[axis]}, content on "
                    "both sides",
                    expected="a complete image",
                )  # fmt: skip
            repeated = [k for k in varied[1:] if np.array_equal(planes[k], planes[k - 1])]
            if repeated:
                raise InputError(
                    f"a plane of the {name} repeats the one before", file=file,
                    found=f"plane {', '.join(map(str, repeated[:5]))} of axis {'xyz'[axis]}",
                    expected="its own content",
                )  # fmt: skip
