"""Structural images of a session: corrected, extracted, registered and segmented, and the chains to GRE and template.

The anatomical image is the T1w; a session without one is read from its magnitude, whose tissue is the template's, and
one without GRE stays on the grid of its T1w. The result is a folder of images and chains, named in
`chiomics.anatomy.files`. All images are worked on with their axes to the right, anterior and superior, and written in
the order in which they came: how an image is stored must not change its labels.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from chiomics.anatomy import files as kept
from chiomics.anatomy.atlases.atlas import read_atlas
from chiomics.anatomy.diffusion.unweighted import read_unweighted
from chiomics.anatomy.files import SessionFiles
from chiomics.anatomy.registration.ants import SEED, Chain, register, resample
from chiomics.anatomy.registration.bias_field import correct_bias
from chiomics.anatomy.registration.brain_extraction import extract_brain
from chiomics.anatomy.registration.mirror import compare_with_mirror_image
from chiomics.anatomy.registration.settings import Settings, configured
from chiomics.anatomy.session.carry import check_kept, lesions_on_gre
from chiomics.anatomy.session.checks import Checks
from chiomics.anatomy.session.coverage import seen_by
from chiomics.anatomy.session.drawn import TISSUE_ORDER, check_lesions, place, read_lesions
from chiomics.anatomy.session.gre_to_template import register_gre_to_template, template_chi
from chiomics.anatomy.tissue.label_maps import tissue_from_labels
from chiomics.anatomy.tissue.lesion_prior import flair_caps, lesion_density
from chiomics.anatomy.tissue.lesions import DOUBTFUL_NOISE, LesionSettings, segment_lesions
from chiomics.anatomy.tissue.tissue import FLUID, GREY, WHITE, TissueSettings, segment_tissue
from chiomics.anatomy.tissue.ventricles import mark_ventricles, template_ventricles
from chiomics.core.errors import InputError, SettingError
from chiomics.core.files import write_sidecar
from chiomics.core.provenance import path_in_dataset
from chiomics.core.settings import read_settings
from chiomics.core.space.grids import same_voxels
from chiomics.core.space.masks import read_labels, read_mask
from chiomics.core.space.orientation import closest_canonical, in_order_of
from chiomics.core.space.structural import read_structural
from chiomics.core.space.template import template_brain, template_mask, template_priors
from chiomics.core.space.volume import Volume

log = logging.getLogger(__name__)


def segment_session(
    files: SessionFiles,
    out_dir: str | Path,
    *,
    settings: Mapping,
    scratch: str | Path,
    nuclei_atlas: str | Path | None = None,
    accepted: Sequence[str] = (),
    picture: str | Path | None = None,
    simulated: bool = False,
) -> dict[str, str]:
    """Segment a session and register it to its GRE and to the template.

    Parameters
    ----------
    files : SessionFiles
        The session's inputs.
    out_dir : path-like
        Folder that is made and filled.
    settings : mapping
        The section ``anatomy`` of the configuration; ``refused_lesions`` gives the reason where the index could use
        none of the user's own, so that no others take their place.
    scratch : path-like
        Folder for what nobody needs afterwards.
    nuclei_atlas : path-like, optional
        Prepared atlas of the nuclei, by which χ helps the registration of a session without T1w.
    accepted : sequence of str
        Steps whose failed check the operator has seen and accepts, or ``all``; noted in the sidecar.
    picture : path-like, optional
        PNG that shows what was found where a check stops the session.
    simulated : bool
        Whether that picture is marked as of a simulated subject.

    Returns
    -------
    dict of str to str
        What the session was mapped without although it was given, ``T1w``, ``FLAIR``, ``lesions`` or ``DWI``, with the
        reason.

    Raises
    ------
    InputError
        Where an image cannot be used, or the check of the brain extraction or of a registration failed.
    """
    out_dir, scratch = Path(out_dir), Path(scratch)
    session = _Session(
        files, out_dir, scratch, configured(settings), settings,
        Checks(settings.get("checks", {}), accepted, picture, simulated=simulated),
    )  # fmt: skip
    anatomy, brain, to_gre = session.with_t1w() if session.has_t1w else session.with_magnitude()
    to_template = session.onto_template(anatomy, brain, nuclei_atlas)
    to_gre.inverse().then(to_template).write(out_dir / kept.GRE_TO_TEMPLATE)
    priors = {
        name: resample(prior, anatomy, to_template.inverse()) for name, prior in template_priors(PRIOR_MM).items()
    }
    spaces = {"T1w": (anatomy, Chain())} if session.has_t1w else {}
    spaces |= session.flair(anatomy, brain)
    if session.gre is not None:
        spaces |= {"GRE": (session.gre, to_gre.inverse())}
    probability, lesions, searched, onto_anatomy = session.lesions(anatomy, brain, spaces, to_template, priors)
    onto_anatomy.then(to_gre).write(out_dir / kept.LESIONS_TO_GRE)
    on_anatomy = _carry_mask(lesions, anatomy, onto_anatomy)
    unweighted = session.diffusion(anatomy, brain)
    tissue = session.tissue(anatomy, brain, spaces, priors, on_anatomy)
    ventricles = template_ventricles(template_priors(PRIOR_MM)["CSF"])
    region = resample(ventricles, anatomy, to_template.inverse(), interpolation="label")
    tissue = mark_ventricles(tissue, region)

    for name, image in (
        (kept.ANATOMY, anatomy), (kept.BRAIN, brain), (kept.FLAIR, spaces.get("FLAIR", (None,))[0]),
        (kept.TISSUE, tissue), (kept.PROBABILITY, probability), (kept.LESIONS, lesions), (kept.SEARCHED, searched),
        (kept.DWI, unweighted),
    ):  # fmt: skip
        if image is not None:
            session.as_stored(image).write(out_dir / name)
    write_sidecar(out_dir / kept.SIDECAR, session.notes)
    refused = {name: session.notes.get(name, {}).get("Refused") for name in ("T1w", "FLAIR", "Lesions", "DWI")}
    return {NAMES_OF_LOSSES.get(name, name): reason for name, reason in refused.items() if reason}


#: Resolution in mm at which the template's tissue maps are carried to a session: they are as smooth as that.
PRIOR_MM = 1.5
#: What the manifest calls what was lost, where the sidecar's word is another.
NAMES_OF_LOSSES = {"Lesions": "lesions"}
#: What else there is where a magnitude, often a slab, does not find its way to the template.
WITHOUT_T1W = (
    "a T1w of the whole head, by which a slab is placed; or regions of yours on the gradient echo "
    "(derivatives/NAME/.../..._desc-voi_dseg.nii.gz), which radiomics reads without the anatomy stage"
)
#: Registrations within one head, of which the mirror image is tried too.
MIRROR_TESTED = ("T1w to GRE", "FLAIR to anatomical image")


@dataclass
class _Session:
    """What the steps share; `notes` becomes the sidecar."""

    files: SessionFiles
    out_dir: Path
    scratch: Path
    registering: Settings
    settings: Mapping
    checks: Checks

    def __post_init__(self) -> None:
        self.notes: dict = {"Registrations": {}, "Warnings": [], "Accepted": self.checks.accepted_failures}
        self.notes["RegistrationSettings"] = asdict(self.registering) | {"seed": SEED}
        self.stored: list[Volume] = []
        self.t1w = self._read("T1w", self.files.T1w)
        self.affine: Chain | None = None
        self.gre = self.gre_brain = None
        if self.files.has_gre or not self.has_t1w:
            magnitude = self.files.read_magnitude()
            self.gre_brain = closest_canonical(self.files.read_brain(magnitude))
            self.gre = self.canonical(magnitude)

    @property
    def has_t1w(self) -> bool:
        """Whether there is a T1w that can be read."""
        return self.t1w is not None

    def canonical(self, image: Volume) -> Volume:
        """Bring an image of the session to the order of axes that it is worked on in, and remember its own."""
        self.stored.append(image)
        return closest_canonical(image)

    def as_stored(self, image: Volume) -> Volume:
        """Bring a result to the order of axes of the session's image on the same voxels, where there is one."""
        for stored in self.stored:
            if same_voxels(image, stored):
                return stored.like(in_order_of(image, stored.affine).voxels)
        return image

    def warn(self, text: str) -> None:
        """Say something in the log, the sidecar and on the page."""
        log.warning("%s", text)
        self.notes["Warnings"].append(text)

    def _read(self, name: str, path: Path | None) -> Volume | None:
        """Read a structural image; one that cannot be used is left out by name, for that image alone."""
        if path is None:
            return None
        try:
            image, notes = read_structural(path)
        except InputError as error:
            if name == "T1w" and not self.files.has_gre:
                raise
            self.notes[name] = {"File": path_in_dataset(path), "Refused": _worded(error)}
            self.warn(f"the {name} is not used: {_worded(error)}")
            return None
        self.notes[name] = {"File": path_in_dataset(path), **notes}
        return self.canonical(image)

    def with_t1w(self) -> tuple[Volume, Volume, Chain]:
        """Correct and extract the T1w and register it to the GRE, where there is one."""
        raw, given = self.t1w, None
        if self.files.T1w_mask:
            try:
                given = closest_canonical(read_mask(self.files.T1w_mask, role="brain").volume)
            except InputError as error:
                self.warn(f"the brain mask of the T1w is not used: {_worded(error)}")
        roughly = correct_bias(raw, settings=self.registering.bias)
        found = extract_brain(roughly, settings=self.registering, out_dir=self.scratch / "brain", given=given)
        self.checks.brain_extraction(roughly, found)
        self.affine = found.to_template
        anatomy = correct_bias(raw, settings=self.registering.bias, mask=found.mask)
        self.notes |= {"AnatomicalImage": "T1w", "BrainExtraction": found.method, "BrainVolume": found.check.litres}
        if self.gre is None:
            return anatomy, found.mask, Chain().write(self.out_dir / kept.TO_GRE)
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
        if self.has_t1w:
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

    def flair(self, anatomy: Volume, brain: Volume) -> dict[str, tuple[Volume, Chain]]:
        """Correct the FLAIR on its own grid, and find its way to the anatomical image; a bad one costs itself alone."""
        raw, folder = self._read("FLAIR", self.files.FLAIR), self.out_dir / kept.FLAIR_TO_ANATOMY
        if raw is None:
            return {}
        try:
            chain = register(
                raw, anatomy, settings=self.registering, kind="rigid", fixed_mask=brain, out_dir=folder
            )  # fmt: skip
            self.check("FLAIR to anatomical image", raw, anatomy, chain, None, brain)
            inside = _carry_mask(brain, raw, chain.inverse())
            return {"FLAIR": (correct_bias(raw, settings=self.registering.bias, mask=inside), chain)}
        except SettingError:
            raise
        except Exception as error:
            # The FLAIR is optional: whatever went wrong with it must not take the T1w, the nuclei and the maps along.
            log.exception("the FLAIR %s cannot be used", self.files.FLAIR)
            self.notes["FLAIR"]["Refused"] = f"the FLAIR is not used: {_worded(error)}"
            self.warn(self.notes["FLAIR"]["Refused"])
            shutil.rmtree(folder, ignore_errors=True)
            return {}

    def diffusion(self, anatomy: Volume, brain: Volume) -> Volume | None:
        """Find the way of the diffusion images to the anatomical image, for what they saw; bad ones cost nothing else.

        Gives their mean without weighting.
        """
        path, table, folder = self.files.dwi, self.files.bval, self.out_dir / kept.DWI_TO_ANATOMY
        if path is None or table is None:
            return None
        self.notes["DWI"] = {"File": path_in_dataset(path)}
        try:
            image = self.canonical(read_unweighted(path, table))
            chain = register(
                image, anatomy, settings=self.registering, kind="rigid", fixed_mask=brain, out_dir=folder
            )  # fmt: skip
            self.check("DWI to anatomical image", image, anatomy, chain, None, brain)
            return image
        except SettingError:
            raise
        except Exception as error:
            log.exception("the DWI %s cannot be used", path)
            self.notes["DWI"]["Refused"] = f"what the DWI saw is not known: {_worded(error)}"
            self.warn(self.notes["DWI"]["Refused"])
            shutil.rmtree(folder, ignore_errors=True)
            return None

    def lesions(
        self,
        anatomy: Volume,
        brain: Volume,
        spaces: dict[str, tuple[Volume, Chain]],
        to_template: Chain,
        priors: Mapping[str, Volume],
    ) -> tuple[Volume | None, Volume, Volume, Chain]:
        """Take the user's lesions, or find them on the FLAIR's own grid.

        Gives the probability where there is one, the labels, where lesions were looked for, and the way from their grid
        to the anatomical image.
        """
        settings = read_settings(LesionSettings, self.settings["lesions"], where="anatomy.lesions")
        given = self.files.lesion_labels or self.files.lesion_mask
        nothing = anatomy.like(np.zeros(anatomy.voxels.shape, np.int32))
        if given is not None:
            try:
                return self._given_lesions(given, brain, spaces, priors, settings)
            except InputError as error:
                return self._without_lesions(f"the given lesions are refused: {_worded(error)}", nothing, given.name)
        if reason := self.settings.get("refused_lesions"):
            return self._without_lesions(reason, nothing)
        if "FLAIR" not in spaces or not self.has_t1w:
            lacking = "T1w" if "FLAIR" in spaces else "FLAIR"
            refused = "Refused" in self.notes.get(lacking, {})
            why = f"the {lacking} is refused" if refused else f"no {lacking}"
            self.notes["Lesions"] = {"Source": "none", "Reason": f"{why} and no mask: lesions are not known"}
            log.warning("lesions are not known: %s", why)
            return None, nothing, nothing.like(nothing.voxels == 0), Chain()
        flair, from_flair = spaces["FLAIR"]
        back = to_template.inverse().then(from_flair.inverse())
        priors = {name: resample(prior, flair, back) for name, prior in template_priors(PRIOR_MM).items()}
        places = {"lesions": lesion_density(), "caps": flair_caps()}
        priors |= {name: resample(place, flair, back) for name, place in places.items()}
        t1w, inside = resample(anatomy, flair, from_flair.inverse()), _carry_mask(brain, flair, from_flair.inverse())
        try:
            found = segment_lesions(flair, t1w, inside, priors, settings=settings)
        except InputError as error:
            return self._without_lesions(f"lesions are not looked for: {_worded(error)}", nothing)
        self.notes["Lesions"] = {
            "Source": "automatic, from FLAIR and T1w", "Settings": vars(settings),
            "Lesions": int(found.labels.voxels.max(initial=0)), "NoiseOfFLAIR": round(found.noise, 4),
        }  # fmt: skip
        if found.noise > DOUBTFUL_NOISE:
            self.warn(
                f"the FLAIR is noisy ({found.noise:.0%} of white matter's contrast to fluid): its lesions are in doubt"
            )
        return found.probability, found.labels, seen_by(flair), from_flair

    def _without_lesions(
        self, reason: str, nothing: Volume, file: str | None = None
    ) -> tuple[None, Volume, Volume, Chain]:
        """Leave lesions unknown, and looked for nowhere, where the user's own cannot be used."""
        named = {"File": file} if file else {}
        self.notes["Lesions"] = {"Source": "none", **named, "Refused": reason, "Reason": reason}
        self.warn(f"{reason}; lesions are not known, and no white matter counts as normal-appearing")
        return None, nothing, nothing.like(nothing.voxels > 0), Chain()

    def _given_lesions(
        self, path: Path, brain: Volume, spaces: dict, priors: Mapping[str, Volume], settings: LesionSettings
    ) -> tuple[None, Volume, Volume, Chain]:
        """Read the user's lesions, and check that they can be and that the gradient echo keeps them."""
        placed = read_lesions(
            path, spaces, numbered=path == self.files.lesion_labels, settings=settings,
            drawn_on=self.settings["drawn_on"],
        )  # fmt: skip
        space = placed.notes["DrawnOn"]
        flair = spaces["FLAIR"][0] if space == "FLAIR" else None
        notes, warnings = check_lesions(placed, path, brain=brain, priors=priors, flair=flair)
        gre, from_gre = spaces["GRE" if "GRE" in spaces else "T1w"]
        check_kept(lesions_on_gre(placed.labels, gre, placed.chain.then(from_gre.inverse()))[1], path)
        self.notes["Lesions"] = placed.notes | notes
        for text in [*placed.warnings, *warnings]:
            self.warn(text)
        return None, placed.labels, _carry_mask(seen_by(spaces[space][0]), placed.labels, Chain()), placed.chain

    def tissue(self, anatomy: Volume, brain: Volume, spaces: dict, priors: dict, lesions: Volume) -> Volume:
        """Take the user's tissue, or tell it apart on the T1w, or take the template's."""
        settings, path = TissueSettings(**self.settings["tissue"]), self.files.tissue_labels
        if path is not None:
            try:
                drawn = read_labels(path)
                volume = closest_canonical(drawn.volume)
                space, chain, notes, warnings = place(volume, path, spaces, order=TISSUE_ORDER)
                labels = resample(volume, anatomy, chain, interpolation="nearest")
                tissue = tissue_from_labels(labels)
            except InputError as error:
                self.warn(f"the tissue labels are not used: {_worded(error)}")
            else:
                self.as_stored(labels).write(self.out_dir / kept.LABELS)
                self.notes["Tissue"] = {"Source": path.name, "DrawnOn": space, **notes, **drawn.notes}
                for text in warnings:
                    self.warn(text)
                return tissue
        if self.has_t1w:
            self.notes["Tissue"] = {"Source": "T1w", "Settings": vars(settings)}
            return segment_tissue(anatomy, brain, priors, settings=settings, lesions=lesions)
        self.notes["Tissue"] = {"Source": "the template's tissue maps alone, for there is no T1w"}
        shares = np.stack([priors[name].voxels for name in ("CSF", "GM", "WM")])
        classes = np.array([FLUID, GREY, WHITE], np.uint8)[shares.argmax(axis=0)]
        return anatomy.like(np.where(brain.voxels & (shares.sum(axis=0) > 0), classes, 0).astype(np.uint8))

    def check(
        self, name: str, moving: Volume, fixed: Volume, chain: Chain, moving_mask: Volume | None, fixed_mask: Volume
    ) -> None:
        """Stop at a registration that failed."""
        if moving_mask is None:  # the fixed image's, carried back: the overlap then says nothing, the rest does
            moving_mask = _carry_mask(fixed_mask, moving, chain.inverse())
        other = "" if self.has_t1w else WITHOUT_T1W
        quality = self.checks.registration(name, moving, fixed, chain, (moving_mask, fixed_mask), other=other)
        self.notes["Registrations"][name] = asdict(quality) | {"failed": quality.reason}
        if name in MIRROR_TESTED and self.registering.program == "ants":
            test = compare_with_mirror_image(
                moving, fixed, chain, fixed_mask, settings=self.registering, out_dir=self.scratch / "mirror"
            )
            self.notes["Registrations"][name]["mirror_image"] = asdict(test)
            if test.mirror_fits_better:
                self.warn(
                    f"{name}: the mirror image fits better than the image (mutual information above 1 of "
                    f"{test.mirrored:.3f} and {test.own:.3f}): left and right may be swapped in one of the headers"
                )


def _worded(error: Exception) -> str:
    """Word an error for a sidecar, which names files as the data set does, on any machine."""
    text, file = str(error) or type(error).__name__, getattr(error, "file", None)
    return text.replace(file, path_in_dataset(file)) if file else text


def _carry_mask(mask: Volume, onto: Volume, chain: Chain) -> Volume:
    """Carry what is not 0, keeping its volume."""
    share = resample(mask.like((mask.voxels > 0).astype(np.float32)), onto, chain)
    return share.like(share.voxels > 0.5)
