"""Single steps on plain NIfTI: together they are the chain, and what does not fit is refused by name."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import yaml

from chiomics.cli import main
from chiomics.core.images import read_image, write_image
from chiomics.qsm.alone.plain_images import SPREADS
from chiomics.qsm.cli import INVERSIONS, SCALES, STEPS
from chiomics.qsm.inversions import invert
from chiomics.qsm.phase.phase_scale import RULES
from tests.qsm.heads import B0, ECHO_TIMES, FIELD_STRENGTH, VOXEL_SIZE, Head, nrmse

CONTRIB = Path(__file__).resolve().parents[2] / "contrib" / "qsm-ci"
TIMES = ["--te", *map(str, ECHO_TIMES), "--field-strength", str(FIELD_STRENGTH)]
DIRECTION = ["--b0-direction", *map(str, B0)]


@pytest.fixture(scope="module")
def head() -> Head:
    return Head()


@pytest.fixture(scope="module")
def folder(head: Head, tmp_path_factory) -> Path:
    """Images as another pipeline would hand them over."""
    path = tmp_path_factory.mktemp("plain")
    affine = np.diag([*VOXEL_SIZE, 1.0])
    for number, (magnitude, phase) in enumerate(zip(head.magnitude, head.phase, strict=True), start=1):
        write_image(path / f"mag{number}.nii.gz", magnitude, affine)
        write_image(path / f"ph{number}.nii.gz", phase, affine)
    write_image(path / "mag.nii.gz", np.moveaxis(head.magnitude, 0, -1), affine)
    write_image(path / "ph.nii.gz", np.moveaxis(head.phase, 0, -1), affine)
    write_image(path / "small.nii.gz", np.moveaxis(head.magnitude[:, 1:], 0, -1), affine)
    aside = affine + np.outer([1, 0, 0, 0], [0, 0, 0, 3.0])
    write_image(path / "aside.nii.gz", np.moveaxis(head.magnitude, 0, -1), aside)
    difference = np.angle(np.exp(1j * (head.phase[1] - head.phase[0])))
    write_image(path / "difference.nii.gz", difference, affine)
    write_image(path / "degrees.nii.gz", np.moveaxis(np.degrees(head.phase), 0, -1), affine)
    write_image(path / "mask.nii.gz", head.mask, affine)
    write_image(path / "shifted.nii.gz", head.mask, aside)
    write_image(path / "empty.nii.gz", np.zeros_like(head.mask), affine)
    write_image(path / "true_local.nii.gz", head.local_field, affine)
    write_image(path / "hertz.nii.gz", 127.7 * head.local_field, affine)
    write_image(path / "total_hertz.nii.gz", 1277 * head.total_field, affine)
    write_image(path / "fraction.nii.gz", 1e-6 * head.local_field, affine)
    write_image(path / "zero.nii.gz", 0 * head.local_field, affine)
    write_image(path / "named.nii.gz", head.local_field, affine)
    (path / "named.json").write_text('{"Units": "Hz"}')
    header = nib.load(path / "true_local.nii.gz").header
    header["qform_code"] = header["sform_code"] = 0
    for name, voxels in (("no_forms", head.local_field), ("no_forms_mask", head.mask.astype(np.float32))):
        nib.save(nib.Nifti1Image(voxels, None, header), path / f"{name}.nii.gz")
    shear, metres = np.eye(4) + 0.1 * np.eye(4, k=1), np.diag([1e-3, 1e-3, 1e-3, 1])
    for name, grid in (("sheared", affine @ shear), ("metres", metres @ affine)):
        for image, voxels in ((name, head.local_field), (f"{name}_mask", head.mask.astype(np.uint8))):
            nib.save(nib.Nifti1Image(voxels.astype(np.float32), grid), path / f"{image}.nii.gz")
    good = {"TE": ECHO_TIMES, "B0": FIELD_STRENGTH, "B0_dir": list(B0), "voxel_size": VOXEL_SIZE}
    (path / "params.json").write_text(json.dumps(good))
    (path / "gauss.json").write_text(json.dumps(good | {"B0": 30000}))
    (path / "other_size.json").write_text(json.dumps(good | {"voxel_size": [1, 1, 1]}))
    (path / "no_numbers.json").write_text(json.dumps(good | {"TE": ["soon"]}))
    return path


def echoes(folder: Path, count: int = len(ECHO_TIMES)) -> list[str]:
    numbers = range(1, count + 1)
    phase, magnitude = ([str(folder / f"{kind}{n}.nii.gz") for n in numbers] for kind in ("ph", "mag"))
    return ["--phase", *phase, "--magnitude", *magnitude]


def stacked(folder: Path) -> list[str]:
    return ["--phase", str(folder / "ph.nii.gz"), "--magnitude", str(folder / "mag.nii.gz")]


def call(*words: object) -> int:
    return main(["qsm", *map(str, words)])


def test_the_steps_one_after_another_are_the_chain(head: Head, folder: Path, tmp_path) -> None:
    names = ("total", "quality", "sd", "reliable", "local", "weights", "chi", "whole", "run_local")
    out = {name: tmp_path / f"{name}.nii.gz" for name in names}
    brain = ["--mask", folder / "mask.nii.gz"]
    assert call("field", *echoes(folder), *TIMES, *DIRECTION, *brain, "-o", out["total"], "--quality", out["quality"],
                "--inverse-sd", out["sd"], "--reliable-mask", out["reliable"]) == 0  # fmt: skip
    assert call("background", out["total"], *DIRECTION, "--mask", out["reliable"], "--quality", out["quality"],
                "--inverse-sd", out["sd"], "-o", out["local"], "--weights", out["weights"]) == 0  # fmt: skip
    assert call("invert", out["local"], *DIRECTION, "--mask", out["reliable"], "--weights", out["weights"],
                "-o", out["chi"]) == 0  # fmt: skip
    # The same in one call, from 4-D images and a file of parameters.
    assert call("run", *stacked(folder), "--params", folder / "params.json", *brain, "--reference", "none",
                "-o", out["whole"], "--local-field", out["run_local"]) == 0  # fmt: skip
    for one, other in (("local", "run_local"), ("chi", "whole")):
        # Passing by float32 images changes nothing but the last digits.
        assert np.abs(read_image(out[one])[0] - read_image(out[other])[0]).max() < 1e-5
    assert nrmse(read_image(out["total"])[0], head.total_field, head.mask) < 0.1
    assert nrmse(read_image(out["chi"])[0], head.chi, head.mask) < 0.6  # tests of the chain hold it to less
    said = json.loads((tmp_path / "chi.json").read_text())
    assert (said["Inversion"], said["BackgroundRemoval"], said["Units"]) == ("tv", "pdf", "ppm")
    assert said["EchoTimes"] == list(ECHO_TIMES)
    assert said["B0Direction"] == pytest.approx(list(B0))


def test_voxels_outside_the_mask_do_not_count(head: Head, folder: Path, tmp_path, capsys) -> None:
    """Programs leave NaN there, in the field and in what goes with it."""
    hidden, affine = tmp_path / "hidden.nii.gz", np.diag([*VOXEL_SIZE, 1])
    write_image(hidden, np.where(head.mask, head.local_field, np.nan), affine)
    weights, holes = tmp_path / "weights.nii.gz", tmp_path / "holes.nii.gz"
    write_image(weights, np.where(head.mask, 1.0, np.inf), affine)
    inputs = [*DIRECTION, "--mask", folder / "mask.nii.gz", "--set", "iterations=2", "--weights", weights]
    maps = []
    for field in (folder / "true_local.nii.gz", hidden):
        assert call("invert", field, *inputs, "-o", tmp_path / "chi.nii.gz") == 0
        maps.append(read_image(tmp_path / "chi.nii.gz")[0])
    np.testing.assert_array_equal(*maps)
    field = head.local_field.copy()
    field[tuple(np.argwhere(head.mask)[0])] = np.nan
    write_image(holes, field, affine)
    assert call("invert", holes, *inputs, "-o", tmp_path / "chi.nii.gz") == 2
    said = capsys.readouterr().err
    assert "holes.nii.gz: the local field is not finite in the mask; found NaN or infinite in 1 of" in said


def test_only_the_ratios_of_weights_count(head: Head, folder: Path, tmp_path) -> None:
    """A magnitude of 0..4095 as weights would else leave the inversion without regularisation."""
    maps = []
    for scale in (1, 400):
        weights, chi = tmp_path / f"w{scale}.nii.gz", tmp_path / f"chi{scale}.nii.gz"
        write_image(weights, scale * head.magnitude[0] / head.magnitude[0][head.mask].mean(), np.diag([*VOXEL_SIZE, 1]))
        assert call("invert", folder / "true_local.nii.gz", *DIRECTION, "--mask", folder / "mask.nii.gz", "--weights",
                    weights, "--set", "iterations=3", "-o", chi) == 0  # fmt: skip
        maps.append(read_image(chi)[0])
    np.testing.assert_allclose(maps[0], maps[1], atol=1e-5)


def test_the_direction_of_b0_comes_from_the_affine_or_the_option(head: Head, folder: Path, tmp_path) -> None:
    inputs = ["--mask", folder / "mask.nii.gz", "--inversion", "tkd"]
    field = folder / "true_local.nii.gz"
    assert call("invert", field, *inputs, "-o", tmp_path / "affine.nii.gz") == 0  # whose z axis is the third
    assert call("invert", field, *inputs, "--b0-direction", 0, 0, 2, "-o", tmp_path / "along.nii.gz") == 0
    assert call("invert", field, *inputs, *DIRECTION, "-o", tmp_path / "true.nii.gz") == 0
    affine, along, true = (read_image(tmp_path / f"{name}.nii.gz")[0] for name in ("affine", "along", "true"))
    assert np.array_equal(affine, along)
    assert nrmse(true, head.chi, head.mask) < nrmse(affine, head.chi, head.mask)


@pytest.mark.parametrize(("units", "scale"), [("degrees", "degrees"), ("ph", "auto")])
def test_a_phase_of_another_scale_is_read_where_it_is_named(folder: Path, tmp_path, units: str, scale: str) -> None:
    words = [*TIMES, "--magnitude", folder / "mag.nii.gz", "--mask", folder / "mask.nii.gz"]
    assert call("field", "--phase", folder / f"{units}.nii.gz", *words, "--phase-scale", scale, "-o",
                tmp_path / "named.nii.gz") == 0  # fmt: skip
    assert call("field", "--phase", folder / "ph.nii.gz", *words, "-o", tmp_path / "rad.nii.gz") == 0
    one, other = (read_image(tmp_path / f"{name}.nii.gz")[0] for name in ("named", "rad"))
    assert np.abs(one - other).max() < 1e-4  # degrees in float32 are rounded to 1e-5


@pytest.mark.parametrize("magnitudes", [("mag1",), ("mag1", "mag2")])
def test_a_phase_difference_holds_no_offset_of_the_coil(head: Head, folder: Path, tmp_path, magnitudes) -> None:
    spacing = [*("--te", *map(str, ECHO_TIMES[:2])), "--field-strength", str(FIELD_STRENGTH)]
    words = ["--magnitude", *(folder / f"{name}.nii.gz" for name in magnitudes), *spacing, "--phase-difference"]
    out = tmp_path / "total.nii.gz"
    assert call("field", "--phase", folder / "difference.nii.gz", *words, "--mask", folder / "mask.nii.gz",
                *DIRECTION, "-o", out, "--reliable-mask", tmp_path / "in.nii.gz") == 0  # fmt: skip
    inside = read_image(tmp_path / "in.nii.gz")[0] > 0
    error = (read_image(out)[0] - head.total_field)[inside]
    # A turn over this spacing is 1.3 ppm; the noise of both phases is a thousandth of that, what unwrapping adds too.
    assert np.median(np.abs(error)) < 0.005
    assert json.loads((tmp_path / "total.json").read_text())["PhaseChainParameters"]["offset_degree"] == 0


REFUSALS = {
    "phase in degrees": ("field --phase {f}/degrees.nii.gz --magnitude {f}/mag.nii.gz TIMES MASK", "named scale"),
    "echo times in ms": ("field STACKED --te 6 12 18 24 --field-strength 3 MASK", "not in seconds"),
    "no echo times": ("field STACKED --field-strength 3 MASK", "the echo times must be given"),
    "no field strength": ("run STACKED --te 0.006 0.012 0.018 0.024", "the field strength must be given"),
    "one time too few": ("field STACKED --te 0.006 0.012 0.018 --field-strength 3 MASK", "differ in number"),
    "a difference of four": ("field STACKED --phase-difference TIMES MASK", "one image between two echoes"),
    "one time of a difference": (
        "run --phase {f}/difference.nii.gz --magnitude {f}/mag1.nii.gz --phase-difference --te .006 --field-strength 3",
        "one image between two echoes",
    ),
    "one magnitude": ("field --phase {f}/ph.nii.gz --magnitude {f}/mag1.nii.gz TIMES MASK", "differ in number"),
    "magnitude of another shape": ("run --phase {f}/ph.nii.gz --magnitude {f}/small.nii.gz TIMES", "differ in shape"),
    "magnitude elsewhere": ("run --phase {f}/ph.nii.gz --magnitude {f}/aside.nii.gz TIMES", "different voxels"),
    "mask elsewhere": ("field STACKED TIMES --mask {f}/shifted.nii.gz", "different voxels"),
    "mask without voxels": ("background {f}/true_local.nii.gz --mask {f}/empty.nii.gz", "mask is empty"),
    "no direction": ("invert {f}/true_local.nii.gz MASK --b0-direction 0 0 0", "no direction"),
    "another voxel size": ("invert {f}/true_local.nii.gz MASK --params {f}/other_size.json", "another voxel size"),
    "parameters without numbers": ("field STACKED --params {f}/no_numbers.json MASK", "no numbers"),
    "no form in the header": ("invert {f}/no_forms.nii.gz --mask {f}/no_forms_mask.nii.gz", "--b0-direction X Y Z"),
    "sheared axes": ("invert {f}/sheared.nii.gz --mask {f}/sheared_mask.nii.gz", "axes are sheared"),
    "a voxel size in m": ("invert {f}/metres.nii.gz --mask {f}/metres_mask.nii.gz", "read in mm"),
    "local field in Hz": ("invert {f}/hertz.nii.gz MASK", "the local field is not in ppm"),
    "total field in Hz": ("background {f}/total_hertz.nii.gz MASK", "the total field is not in ppm"),
    "field as a fraction": ("invert {f}/fraction.nii.gz MASK", "the local field is not in ppm"),
    "field of zeros": ("invert {f}/zero.nii.gz MASK", "constant"),
    "a sidecar says Hz": ("invert {f}/named.nii.gz MASK", "found Units 'Hz'"),
    "all echoes as a field": ("invert {f}/ph.nii.gz MASK", "not 3-D"),
    "quality above 1": ("background {f}/true_local.nii.gz MASK --quality {f}/ph1.nii.gz", "not a share"),
    "weights below 0": ("invert {f}/true_local.nii.gz MASK --weights {f}/hertz.nii.gz", "no weights"),
    "medi without magnitude": ("invert {f}/true_local.nii.gz MASK --inversion medi", "--magnitude FILE"),
    "fluid without R2*": ("invert {f}/true_local.nii.gz MASK --reference csf", "--r2star FILE"),
    "another's parameter": ("invert {f}/true_local.nii.gz MASK --set threshold=0.1", "threshold"),
    "parameter that is no number": ("run STACKED TIMES --set regularisation=abc", "regularisation"),
    "parameter beyond its limits": ("run STACKED TIMES --inversion tkd --set threshold=-1", "a number > 0"),
    "library that is not there": ("run STACKED TIMES --backend cupy", "not installed"),
    "field strength in gauss": ("run STACKED --te 0.006 0.012 0.018 0.024 --params {f}/gauss.json", "at most 25"),
    "over an input": ("run STACKED TIMES -o {f}/mag.nii.gz", "over an input"),
    "over the sidecar of an input": ("invert {f}/named.nii.gz MASK -o {f}/named.nii", "over an input"),
    "over the parameters": ("invert {f}/true_local.nii.gz MASK --params {f}/params.json -o {f}/params.nii", "over an"),
    "twice the same": ("run STACKED TIMES -o {f}/new.nii.gz --local-field {f}/new.nii.gz", "over another output"),
    "no such folder": ("run STACKED TIMES -o {f}/none/chi.nii.gz", "folder does not exist"),
    "no place to write": ("run STACKED TIMES -o /proc/chi.nii.gz", "cannot be written"),
    "a table as output": ("invert {f}/true_local.nii.gz MASK -o {f}/chi.tsv", "ends in .nii.gz"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_what_does_not_fit_is_refused_by_name(folder: Path, tmp_path, capsys, case: str) -> None:
    words, message = REFUSALS[case]
    replaced = {"STACKED": stacked(folder), "TIMES": TIMES, "MASK": ["--mask", str(folder / "mask.nii.gz")]}
    given = [piece for word in words.split() for piece in replaced.get(word, [word.replace("{f}", str(folder))])]
    output = [] if "-o" in given else ["-o", tmp_path / "out.nii.gz"]
    assert call(*given, *output) == 2
    assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_field_strength_on_the_command_line_is_in_tesla(folder: Path, tmp_path, capsys) -> None:
    with pytest.raises(SystemExit):
        call("run", *stacked(folder), *TIMES[:-1], 30000, "-o", tmp_path / "chi.nii.gz")
    assert "not a field strength in T" in capsys.readouterr().err


def test_true_fields_in_ppm_lie_far_within_the_limits(head: Head) -> None:
    for what, field in (("total field", head.total_field), ("local field", head.local_field)):
        values = field[head.mask]
        spread = 1.4826 * np.median(np.abs(values - np.median(values)))
        low, high = SPREADS[what]
        assert 10 * low < spread < high / 3, what


def test_options_name_what_there_is() -> None:
    assert set(SCALES) == {"auto", *RULES}
    assert set(INVERSIONS) == set(invert.INVERSIONS)


@pytest.mark.parametrize("step", STEPS)
def test_help_shows_units_and_examples(step: str, capsys) -> None:
    with pytest.raises(SystemExit):
        call(step, "--help")
    text = capsys.readouterr().out
    assert "ppm" in text
    assert f"chiomics qsm {step} " in text.split("example:")[1]


CONTRACT = {
    "field-mapping": ({"phase", "magnitude", "mask", "params"}, "totalfield"),
    "bfr": ({"totalfield", "mask", "params"}, "localfield"),
    "dipole": ({"localfield", "mask", "params"}, "chimap"),
    "end-to-end": ({"phase", "magnitude", "mask", "params"}, "chimap"),
}


@pytest.mark.parametrize("stage", CONTRACT)
def test_a_folder_for_qsm_ci_keeps_the_contract_of_its_stage(stage: str) -> None:
    specs = {path.parent: yaml.safe_load(path.read_text()) for path in CONTRIB.glob("*/algorithm.yml")}
    ((folder, spec),) = [(path, spec) for path, spec in specs.items() if spec["stage"] == stage]
    inputs, output = CONTRACT[stage]
    script = (folder / "run.sh").read_text()
    assert set(spec["inputs"]) == inputs
    assert spec["slug"] == folder.name
    for name in inputs - {"params"}:
        assert f"$IN/{name}.nii.gz" in script
    assert "$IN/params.json" in script
    assert f'-o "$OUT/{output}.nii.gz"' in script
    for parameter in spec.get("parameters", []):
        assert f"QSMCI_SET_{parameter['name'].upper()}:-{parameter['default']}" in script
    assert subprocess.run(["bash", "-n", folder / "run.sh"], check=False).returncode == 0


@pytest.mark.slow
def test_qsm_ci_runs_and_scores_every_folder(tmp_path, capsys) -> None:
    pytest.importorskip("qsm_ci", reason="pip install qsm-ci")
    from benchmarks.qsm_ci import STAGES, score_stage, write_head

    write_head(tmp_path, field_strength=3.0, edge=3.0, oversampling=2.0)
    for slug in STAGES:
        assert score_stage(slug, tmp_path) == 0
        scores = dict(line.split() for line in capsys.readouterr().out.splitlines() if len(line.split()) == 2)
        # A field or map that has nothing to do with the truth correlates with 0.
        assert float(scores["correlation"]) > 0.7, slug
