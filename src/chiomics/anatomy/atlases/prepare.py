"""Make an atlas ready for a cohort: checked, cut to its structures, and with its way to this stage's template.

The MNI152 templates are averages of the same people that were made in different ways, and the same structure lies up to
several mm apart in them. An atlas that ships a brain of its own space is registered to the template by it, once per
cohort; one that does not is taken as it lies, and its sidecar says so. The distances stand in docs/atlases.md.
"""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np

from chiomics.anatomy.atlases.atlas import Atlas, read_atlas
from chiomics.anatomy.atlases.description import TEMPLATE_SPACES, write_description
from chiomics.anatomy.registration.ants import register
from chiomics.anatomy.registration.settings import Settings
from chiomics.core.space.template import template_brain, template_priors
from chiomics.core.space.volume import Volume

log = logging.getLogger(__name__)


def prepare_atlas(folder: str | Path, out_dir: str | Path, *, settings: Settings) -> Atlas:
    """Read an atlas once, find its way to the template, and write what sessions need of it.

    Parameters
    ----------
    folder : path-like
        The atlas, see `chiomics.anatomy.atlases.description`.
    out_dir : path-like
        Gets an atlas folder with one small image per structure and side, on the atlas' own grid, and the chain to the
        template where it took a registration.
    settings : Settings
        Of the registration.

    Returns
    -------
    Atlas
        The one in `out_dir`.
    """
    atlas, out_dir = read_atlas(folder), Path(out_dir)
    description = dict(atlas.description)
    for key in ("image", "template", "split_at_midline"):
        description.pop(key, None)
    description |= {"encoding": "files", "structures": _write_structures(atlas, out_dir)} | _to_template(
        atlas, out_dir, settings
    )
    write_description(out_dir / "atlas.yaml", description)
    log.info("%s: %d structures; lacks %s", description["name"], len(atlas.sources), ", ".join(atlas.missing) or "none")
    return read_atlas(out_dir)


def _write_structures(atlas: Atlas, out_dir: Path) -> dict[str, dict[str, str]]:
    """Write each structure's image and list the files."""
    files: dict[str, dict[str, str]] = {}
    for (name, side), fraction in atlas.structures().items():
        binary = np.isin(fraction.voxels, (0, 1)).all()
        file = f"hemi-{side}_label-{name}_{'mask' if binary else 'probseg'}.nii.gz"
        (fraction.like(fraction.voxels.astype(np.uint8)) if binary else fraction).write(out_dir / file)
        files.setdefault(name, {})[side] = file
    return files


def _to_template(atlas: Atlas, out_dir: Path, settings: Settings) -> dict[str, str]:
    """Register the atlas' own brain to the template where that is needed and possible, and say what was done."""
    description = atlas.description
    if "to_template" in description:
        atlas.to_template().write(out_dir / "to_template")
        return {"to_template": "to_template", "space_note": f"{atlas.space}, by the chain that came with the atlas"}
    if atlas.space in TEMPLATE_SPACES:
        return {"space_note": f"{atlas.space} is the space of the template"}
    template = description.get("template")
    if template is None:
        note = f"{atlas.space} was taken for the template's space, without a registration: structures can be mm off"
        log.warning("%s: %s", description["name"], note)
        return {"space_note": note}
    brain = Volume.read(atlas.folder / template["image"])
    resolution = settings.nonlinear.resolution
    target = template_priors(resolution)["WM"] if template["contrast"] == "WM" else template_brain(resolution)
    log.info("%s: registering %s of %s to the template", description["name"], template["contrast"], atlas.space)
    register(brain, target, settings=settings, out_dir=out_dir / "to_template", kind="nonlinear")
    return {
        "to_template": "to_template",
        "space_note": f"{atlas.space}, registered to the template by its own {template['contrast']} image",
    }
