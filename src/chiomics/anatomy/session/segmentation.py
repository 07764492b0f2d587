"""Structural images of a session: corrected, extracted, registered and segmented, and the chains to GRE and template.

The anatomical image is the T1w; a session without one is read from its magnitude, whose tissue is the template's. The
result is a folder of images and chains, named in `chiomics.anatomy.files`.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from chiomics.anatomy import files as kept
from chiomics.anatomy.atlases.atlas import read_atlas
from chiomics.anatomy.files import SessionFiles
from chiomics.anatomy.registration.ants import Chain, register, resample
from chiomics.anatomy.registration.bias_field import correct_bias
from chiomics.anatomy.registration.brain_extraction import extract_brain
from chiomics.anatomy.registration.quality import assess
from chiomics.anatomy.registration.settings import Settings
from chiomics.anatomy.registration.settings import settings as registration_settings
from chiomics.anatomy.registration.template import template_brain, template_mask, template_priors
from chiomics.anatomy.session.gre_to_template import register_gre_to_template, template_chi
from chiomics.anatomy.tissue.label_maps import tissue_from_labels
from chiomics.anatomy.tissue.lesion_split import split_lesions
from chiomics.anatomy.tissue.lesions import LesionSettings, segment_lesions
from chiomics.anatomy.tissue.tissue import FLUID, GREY, WHITE, TissueSettings, segment_tissue
from chiomics.anatomy.tissue.ventricles import mark_ventricles, template_ventricles
from chiomics.core.errors import InputError
from chiomics.core.files import write_sidecar
from chiomics.core.settings import read_settings
from chiomics.core.space.grids import same_grid
from chiomics.core.space.volume import Volume

log = logging.getLogger(__name__)


def segment_session(
    files: SessionFiles,
    out_dir: str | Path,
    *,
    settings: Mapping,
    scratch: str | Path,
    nuclei_atlas: str | Path | None = None,
) -> None:
    """Segment a session and register it to its GRE and to the template.

    Parameters
    ----------
    files : SessionFiles
        The session's inputs.
    out_dir : path-like
        Folder that is made and filled.
    settings : mapping
        The section ``anatomy`` of the configuration.
    scratch : path-like
        Folder for what nobody needs afterwards.
    nuclei_atlas : path-like, optional
        Prepared atlas of the nuclei, by which χ helps the registration of a session without T1w.

    Raises
    ------
    InputError
        Where an image cannot be used or a registration failed.
    """
    out_dir, scratch = Path(out_dir), Path(scratch)
    chosen = settings["registration"]
    registering = registration_settings(chosen["preset"], {"program": chosen["program"], **chosen["parameters"]})
    session = _Session(files, out_dir, scratch, registering)
    anatomy, brain, to_gre = session.with_t1w() if files.T1w else session.with_magnitude()
    to_template = session.onto_template(anatomy, brain, nuclei_atlas)
    to_gre.inverse().then(to_template).write(out_dir / kept.GRE_TO_TEMPLATE)
    priors = {
        name: resample(prior, anatomy, to_template.inverse()) for name, prior in template_priors(PRIOR_MM).items()
    }
    flair, from_flair = session.flair(anatomy, brain) if files.FLAIR else (None, None)
    spaces = {"anatomy": (anatomy, Chain()), "GRE": (session.gre, to_gre.inverse())}
    spaces |= {"FLAIR": (flair, from_flair)} if flair else {}
    probability, lesions, onto_anatomy = session.lesions(
        brain, spaces, to_template, read_settings(LesionSettings, settings["lesions"], where="anatomy.lesions")
    )
    onto_anatomy.then(to_gre).write(out_dir / kept.LESIONS_TO_GRE)
    on_anatomy = lesions if lesions is None else _carry_mask(lesions, anatomy, onto_anatomy)
    tissue = session.tissue(brain, spaces, priors, on_anatomy, TissueSettings(**settings["tissue"]))
    ventricles = template_ventricles(template_priors(PRIOR_MM)["CSF"])
    region = resample(ventricles, anatomy, to_template.inverse(), interpolation="label")
    tissue = mark_ventricles(tissue, region)

    for name, image in (
        (kept.ANATOMY, anatomy), (kept.BRAIN, brain), (kept.FLAIR, flair), (kept.TISSUE, tissue),
        (kept.PROBABILITY, probability), (kept.LESIONS, lesions),
    ):  # fmt: skip
        if image is not None:
            image.write(out_dir / name)
    write_sidecar(out_dir / kept.SIDECAR, session.notes)


#: Resolution in mm at which the template's tissue maps are carried to a session: they are as smooth as that.
PRIOR_MM = 1.5


@dataclass
class _Session:
    """What the steps share; `notes` becomes the sidecar."""

    files: SessionFiles
    out_dir: Path
    scratch: Path
    registering: Settings

    def __post_init__(self) -> None:
        self.notes: dict = {"Registrations": {}}
        self.affine: Chain | None = None
        self.gre = self.files.read_magnitude()
        self.gre_brain = self.files.read_brain(self.gre)

    def with_t1w(self) -> tuple[Volume, Volume, Chain]:
        """Correct and extract the T1w and register it to the GRE."""
        raw = Volume.read(self.files.T1w)
        given = Volume.read(self.files.T1w_mask) if self.files.T1w_mask else None
        roughly = correct_bias(raw, settings=self.registering.bias)
        found = extract_brain(roughly, settings=self.registering, out_dir=self.scratch / "brain", given=given)
        self.affine = found.to_template
        anatomy = correct_bias(raw, settings=self.registering.bias, mask=found.mask)
        self.notes |= {"AnatomicalImage": "T1w", "BrainExtraction": found.method}
        magnitude = correct_bias(self.gre, settings=self.registering.bias, mask=self.gre_brain)
        to_gre = register(
            anatomy, magnitude, settings=self.registering, kind="rigid", moving_mask=found.mask,
            fixed_mask=self.gre_brain, out_dir=self.out_dir / kept.TO_GRE,
        )  # fmt: skip
        self.check("T1w to GRE", anatomy, magnitude, to_gre, found.mask, self.gre_brain)
        return anatomy, found.mask, to_gre

    def with_magnitude(self) -> tuple[Volume, Volume, Chain]:
        """Correct the magnitude, which stands for the T1w: both are on the GRE's grid."""
        self.notes |= {"AnatomicalImage": "magnitude of the gradient echo", "BrainExtraction": "mask of the GRE"}
        anatomy = correct_bias(self.gre, settings=self.registering.bias, mask=self.gre_brain)
        return anatomy, self.gre_brain, Chain().write(self.out_dir / kept.TO_GRE)

    def onto_template(self, anatomy: Volume, brain: Volume, nuclei_atlas: str | Path | None) -> Chain:
        """Register the T1w to the template, or without one the magnitude and χ."""
        out_dir, target = self.out_dir / kept.TO_TEMPLATE, template_brain(1.0)
        inside = anatomy.like(np.where(brain.voxels, anatomy.voxels, 0).astype(np.float32))
        if self.files.T1w:
            kind = "nonlinear" if self.affine is None else "deformable"  # the extraction has the affine part
            chain = register(inside, target, settings=self.registering, kind=kind, initial=self.affine, out_dir=out_dir)
        else:
            chi = Volume.read(self.files.chi) if self.files.chi else None
            atlas = read_atlas(nuclei_atlas) if nuclei_atlas else None
            nuclei = template_chi(atlas.structures(), atlas.to_template()) if atlas else None
            self.notes["TemplateContrasts"] = ["magnitude"] + ["χ of the deep nuclei"] * (None not in (chi, nuclei))
            chain = register_gre_to_template(
                anatomy, brain, settings=self.registering, out_dir=out_dir, chi=chi, nuclei_chi=nuclei
            )
        self.check("to template", inside, target, chain, brain, template_mask(1.0))
        return chain

    def flair(self, anatomy: Volume, brain: Volume) -> tuple[Volume, Chain]:
        """Correct the FLAIR on its own grid, and find its way to the anatomical image."""
        raw = Volume.read(self.files.FLAIR)
        chain = register(
            raw, anatomy, settings=self.registering, kind="rigid", fixed_mask=brain,
            out_dir=self.out_dir / kept.FLAIR_TO_ANATOMY,
        )  # fmt: skip
        self.check("FLAIR to anatomical image", raw, anatomy, chain, None, brain)
        inside = _carry_mask(brain, raw, chain.inverse())
        return correct_bias(raw, settings=self.registering.bias, mask=inside), chain

    def lesions(
        self, brain: Volume, spaces: dict[str, tuple[Volume, Chain]], to_template: Chain, settings: LesionSettings
    ) -> tuple[Volume | None, Volume, Chain]:
        """Take the user's lesions, or find them on the FLAIR's own grid.

        Gives the probability where there is one, the labels, and the way from their grid to the anatomical image.
        """
        anatomy, _ = spaces["anatomy"]
        given = self.files.lesion_labels or self.files.lesion_mask
        if given is not None:
            self.notes["Lesions"] = {"Source": given.name}
            labels = Volume.read(given, dtype=np.int32)
            if self.files.lesion_labels is None:
                labels = split_lesions(labels.like((labels.voxels > 0).astype(np.float32)), settings=settings)
            return None, labels, self.space_of(labels, spaces, given)
        if "FLAIR" not in spaces or self.files.T1w is None:
            lacking = "T1w" if "FLAIR" in spaces else "FLAIR"
            self.notes["Lesions"] = {"Source": "none", "Reason": f"no {lacking} and no mask: lesions are not known"}
            log.warning("lesions are not known: no %s", lacking)
            return None, anatomy.like(np.zeros(anatomy.voxels.shape, np.int32)), Chain()
        flair, from_flair = spaces["FLAIR"]
        back = to_template.inverse().then(from_flair.inverse())
        priors = {name: resample(prior, flair, back) for name, prior in template_priors(PRIOR_MM).items()}
        t1w, inside = resample(anatomy, flair, from_flair.inverse()), _carry_mask(brain, flair, from_flair.inverse())
        found = segment_lesions(flair, t1w, inside, priors, settings=settings)
        self.notes["Lesions"] = {"Source": "automatic, from FLAIR and T1w", "Settings": vars(settings)}
        return found.probability, found.labels, from_flair

    def tissue(
        self,
        brain: Volume,
        spaces: dict[str, tuple[Volume, Chain]],
        priors: dict,
        lesions: Volume,
        settings: TissueSettings,
    ) -> Volume:
        """Take the user's tissue, or tell it apart on the T1w, or take the template's."""
        anatomy, _ = spaces["anatomy"]
        if self.files.tissue_labels is not None:
            labels = Volume.read(self.files.tissue_labels, dtype=np.int32)
            chain = self.space_of(labels, spaces, self.files.tissue_labels)
            labels = resample(labels, anatomy, chain, interpolation="nearest")
            labels.write(self.out_dir / kept.LABELS)
            self.notes["Tissue"] = {"Source": self.files.tissue_labels.name}
            return tissue_from_labels(labels)
        if self.files.T1w is not None:
            self.notes["Tissue"] = {"Source": "T1w", "Settings": vars(settings)}
            return segment_tissue(anatomy, brain, priors, settings=settings, lesions=lesions)
        self.notes["Tissue"] = {"Source": "the template's tissue maps alone, for there is no T1w"}
        shares = np.stack([priors[name].voxels for name in ("CSF", "GM", "WM")])
        classes = np.array([FLUID, GREY, WHITE], np.uint8)[shares.argmax(axis=0)]
        return anatomy.like(np.where(brain.voxels & (shares.sum(axis=0) > 0), classes, 0).astype(np.uint8))

    @staticmethod
    def space_of(drawn: Volume, spaces: dict[str, tuple[Volume, Chain]], path: Path) -> Chain:
        """Find the grid that labels were drawn on, and give the way from there to the anatomical image."""
        for image, chain in spaces.values():
            if same_grid(drawn, image):
                return chain
        raise InputError(
            "labels lie on the grid of none of the session's images", file=path, expected=", ".join(spaces)
        )

    def check(
        self, name: str, moving: Volume, fixed: Volume, chain: Chain, moving_mask: Volume | None, fixed_mask: Volume
    ) -> None:
        """Stop at a registration that failed."""
        if moving_mask is None:  # the fixed image's, carried back: the overlap then says nothing, the rest does
            moving_mask = _carry_mask(fixed_mask, moving, chain.inverse())
        quality = assess(moving, fixed, chain, (moving_mask, fixed_mask))
        self.notes["Registrations"][name] = asdict(quality) | {"failed": quality.reason}
        if quality.failed:
            raise InputError(f"the registration {name} failed", found=quality.reason)


def _carry_mask(mask: Volume, onto: Volume, chain: Chain) -> Volume:
    """Carry what is not 0, keeping its volume."""
    share = resample(mask.like((mask.voxels > 0).astype(np.float32)), onto, chain)
    return share.like(share.voxels > 0.5)
