"""What lies in the voxels is undone or refused with its cause, and clean data pass untouched.

Real images (CONTRIBUTING.md says how to lay them out; skipped without them): `gre-crop` from
korbinian90/MriResearchTools.jl; `real-bids` from neurolabusc/dcm_qa_philips_enh; `siemens-fieldmap` from
neurolabusc/dcm_qa_me; `siemens-xa30` from neurolabusc/dcm_qa_xa30.
"""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest

from chiomics.core.errors import InputError
from chiomics.core.images import read_image, write_image
from chiomics.core.units import radians_per_ppm
from chiomics.qsm.chain import estimate_total_fields
from chiomics.qsm.echo_files import EchoFiles
from chiomics.qsm.echo_inputs import field_map_as_echo
from chiomics.qsm.input_checks import (
    check_magnitude,
    check_mirrored,
    check_phase_echoes,
    check_planes,
    doubt_parts,
    mend_slices,
)
from chiomics.qsm.phase.bipolar import find_bipolar
from chiomics.qsm.phase.phase_scale import phase_to_radians
from tests.qsm.heads import ECHO_TIMES, FIELD_STRENGTH, VOXEL_SIZE, Head

PLANES = np.arange(48)
RANDOM = np.random.default_rng(4).uniform(-np.pi, np.pi, 48)


@pytest.fixture(scope="module")
def head() -> Head:
    return Head()


def turned(phase: np.ndarray, angle: np.ndarray) -> np.ndarray:
    return np.angle(np.exp(1j * (phase + angle))).astype(np.float32)


def circular(angle: np.ndarray) -> np.ndarray:
    return np.angle(np.exp(1j * angle))


def real_data(shared_data) -> list[tuple[np.ndarray, np.ndarray, list[float] | None]]:
    """Magnitude, phase in rad and echo times of every real data set at hand."""
    crop = [
        np.moveaxis(read_image(shared_data / "gre-crop" / name)[0], -1, 0) for name in ("Mag.nii.gz", "Phase.nii.gz")
    ]
    anat = shared_data / "real-bids/sub-philips3t/anat"
    philips = [
        np.stack([read_image(anat / f"sub-philips3t_echo-{e}_part-{part}_MEGRE.nii.gz")[0] for e in (1, 2)])
        for part in ("mag", "phase")
    ]
    sets = [(*crop, [0.004, 0.008, 0.012]), (*philips, [0.0046, 0.0069])]
    for magnitude, phase in (
        ("siemens-fieldmap/echo-1_part-mag.nii.gz", "siemens-fieldmap/phasediff.nii.gz"),
        ("siemens-xa30/sub-01/fmap/sub-01_magnitude1.nii.gz", "siemens-xa30/sub-01/fmap/sub-01_phasediff.nii.gz"),
    ):
        sets.append((read_image(shared_data / magnitude)[0][None], read_image(shared_data / phase)[0][None], None))
    return [(magnitude, phase_to_radians(phase)[0], times) for magnitude, phase, times in sets]


def test_clean_data_raise_no_alarm(head: Head, shared_data) -> None:
    for magnitude, phase, times in [(head.magnitude, head.phase, ECHO_TIMES), *real_data(shared_data)]:
        check_planes(magnitude, "magnitude")
        check_planes(phase, "phase")
        check_magnitude(magnitude)
        check_phase_echoes(magnitude, phase)
        check_mirrored(magnitude[0], phase[0])
        if times is not None:  # a phase difference has no real and imaginary part
            assert doubt_parts(magnitude, phase) is None
        same, found = mend_slices(magnitude, phase, echo_times=times)
        assert same is phase
        assert found == []
        if times is not None:
            bright = magnitude[0] > 0.3 * np.percentile(magnitude[0], 99)
            assert not find_bipolar(magnitude, phase, bright, echo_times=times, voxel_size=(1, 1, 1)).found


@pytest.mark.parametrize(
    ("angles", "words"),
    [
        (np.pi * (PLANES % 2), "sign alternated along axis z"),
        (np.pi * (PLANES == 20), "turned by half a turn"),
        (np.pi * (PLANES > 20), "turned by half a turn"),
        (np.pi * np.random.default_rng(8).integers(0, 2, 48), "turned by half a turn"),
    ],
    ids=["alternating", "one plane", "a block", "at random"],
)
def test_half_turns_of_planes_are_undone_exactly(head: Head, angles: np.ndarray, words: str) -> None:
    mended, found = mend_slices(head.magnitude, turned(head.phase, angles), echo_times=ECHO_TIMES)
    assert words in found[0]
    # A half turn of all planes alike may remain: one constant in all echoes, which the phase offset takes.
    # Planes beside the head, without signal, cannot be told; those of its top and base, with a few voxels, can.
    rest = circular(mended - head.phase)[:, head.mask]
    assert np.abs(circular(rest - rest[0, 0])).max() < 1e-3


def test_alternating_sign_along_other_axes_and_in_one_echo(head: Head) -> None:
    columns = np.pi * (np.arange(head.phase.shape[2]) % 2)[:, None]
    mended, found = mend_slices(head.magnitude, turned(head.phase, columns), echo_times=ECHO_TIMES)
    assert "along axis y" in found[0]
    assert np.abs(circular(mended - head.phase)).max() < 1e-3
    phase = head.phase.copy()
    phase[2] = turned(phase[2], np.pi * (PLANES % 2))
    mended, found = mend_slices(head.magnitude, phase, echo_times=ECHO_TIMES)
    assert found[0].startswith("echo 3: ")
    assert np.abs(circular(mended - head.phase)).max() < 1e-3


def test_offsets_that_all_echoes_share_are_removed(head: Head) -> None:
    mended, found = mend_slices(head.magnitude, turned(head.phase, RANDOM), echo_times=ECHO_TIMES)
    assert "phase offsets that all echoes share" in found[0]
    rest = np.exp(1j * (mended - head.phase))
    # What is left goes with the plane alone, is the same in all echoes, and is smooth: less than .2 rad per plane
    # where offsets of up to π were.
    assert np.abs(rest - rest[:1, :1, :1]).max() < 1e-3
    assert np.abs(circular(np.diff(np.angle(rest[0, 0, 0, 8:40])))).max() < 0.2


def test_what_is_not_certain_is_refused(head: Head) -> None:
    with pytest.raises(InputError, match="jumps from plane to plane along axis z"):
        mend_slices(head.magnitude[:1], turned(head.phase[:1], RANDOM))
    phase = head.phase.copy()
    phase[1] = turned(phase[1], RANDOM)
    with pytest.raises(InputError, match=r"jumps from plane to plane .* in echo 2"):
        mend_slices(head.magnitude, phase, echo_times=ECHO_TIMES)
    for planes in (slice(None, None, 2), slice(20, 21), slice(24, None)):
        phase = head.phase.copy()
        phase[..., planes] *= -1
        with pytest.raises(InputError, match="runs backwards"):
            mend_slices(head.magnitude, phase, echo_times=ECHO_TIMES)


def test_echoes_that_are_constant_or_copies(head: Head) -> None:
    phase, magnitude = head.phase.copy(), head.magnitude.copy()
    phase[3] = 0
    with pytest.raises(InputError, match=r"four.nii: the phase is constant"):
        check_phase_echoes(head.magnitude, phase, ["one.nii", "two.nii", "three.nii", "four.nii"])
    for sign, words in ((1, "echo 3 is a copy of echo 1"), (-1, "echo 3 is a copy of echo 1, sign turned")):
        phase = head.phase.copy()
        phase[2] = sign * phase[0]
        with pytest.raises(InputError, match=words):
            check_phase_echoes(head.magnitude, phase)
    magnitude[1] = magnitude[0]
    with pytest.raises(InputError, match="the magnitude of echo 2 is a copy of echo 1"):
        check_magnitude(magnitude)
    with pytest.raises(InputError, match="the magnitude is constant"):
        check_magnitude(np.ones_like(magnitude))


@pytest.mark.parametrize("order", [[1, 0, 2, 3], [0, 1, 3, 2], [3, 2, 1, 0]])
def test_echoes_in_another_order_than_their_times(head: Head, order: list[int]) -> None:
    with pytest.raises(InputError, match=r"\.nii: the magnitude rises from echo .* in the order of their echo times"):
        check_magnitude(head.magnitude[order], ["one.nii", "two.nii", "three.nii", "four.nii"])


def test_an_echo_on_another_scale(head: Head) -> None:
    for factor in (1.5, 10):  # a copy of the first echo with another scale; an echo that was scaled by itself
        magnitude = head.magnitude.copy()
        magnitude[2] = factor * magnitude[0]
        with pytest.raises(InputError, match="rises from echo 2 to echo 3; found"):
            check_magnitude(magnitude)


def test_magnitude_that_wrapped(head: Head) -> None:
    stored = head.magnitude / head.magnitude.max() * 60000
    with pytest.raises(InputError, match="negative voxels"):
        check_magnitude(stored.astype(np.uint16).view(np.int16).astype(np.float32))
    # Values above 65,535 begin again at zero.
    stored = head.magnitude / np.median(head.magnitude[0][head.mask]) * 65536
    with pytest.raises(InputError, match="the magnitude wrapped"):
        check_magnitude(np.mod(stored, 65536).astype(np.float32))
    check_magnitude(np.minimum(stored, 65535).astype(np.float32))
    # Most of two echoes cut off at the end of the range is no copy.
    varied = stored * np.linspace(0.5, 1.5, stored.shape[1])[:, None, None]
    check_magnitude(np.minimum(varied, 0.9 * 65535).astype(np.float32)[:2])


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_planes_that_are_empty_or_repeated(head: Head, axis: int) -> None:
    for volumes in (head.magnitude, head.phase):
        empty, repeated = np.moveaxis(volumes.copy(), axis + 1, 1), np.moveaxis(volumes.copy(), axis + 1, 1)
        empty[1, 20] = 0
        with pytest.raises(InputError, match=rf"is empty.*plane 20 of axis {'xyz'[axis]}"):
            check_planes(np.moveaxis(empty, 1, axis + 1), "image")
        repeated[2, 21] = repeated[2, 20]
        with pytest.raises(InputError, match=rf"repeats the one before.*plane 21 of axis {'xyz'[axis]}"):
            check_planes(np.moveaxis(repeated, 1, axis + 1), "image")
        padded = np.moveaxis(volumes.copy(), axis + 1, 1)
        padded[:, :3] = padded[:, -2:] = 0
        check_planes(np.moveaxis(padded, 1, axis + 1), "image")


def test_bipolar_read_out_is_found(head: Head) -> None:
    ramp = np.linspace(-1, 1, head.phase.shape[1])[:, None, None]
    signs = np.array([1, -1, 1, -1])[:, None, None, None]
    for echoes in (3, 4):
        options = {"echo_times": ECHO_TIMES[:echoes], "voxel_size": VOXEL_SIZE}
        clean = find_bipolar(head.magnitude[:echoes], head.phase[:echoes], head.mask, **options)
        assert not clean.found
        assert clean.alternation < 0.06
        for size in (0.25, 0.8, 2.0):
            phase = turned(head.phase, signs * size * ramp)[:echoes]
            assert find_bipolar(head.magnitude[:echoes], phase, head.mask, **options).found
    # A phase that bends over time, as several pools in a voxel give, does not alternate.
    bent = turned(head.phase, 0.3 * (np.arange(4) ** 2)[:, None, None, None])
    assert not find_bipolar(head.magnitude, bent, head.mask, echo_times=ECHO_TIMES, voxel_size=VOXEL_SIZE).found
    two = find_bipolar(head.magnitude[:2], head.phase[:2], head.mask, echo_times=ECHO_TIMES[:2], voxel_size=VOXEL_SIZE)
    assert two.alternation is None


def test_field_map_and_stacked_echoes_give_the_same_field(head: Head, tmp_path) -> None:
    affine = np.diag([*VOXEL_SIZE, 1.0])
    frequency = 42.577478 * FIELD_STRENGTH * head.total_field  # Hz
    write_image(tmp_path / "field.nii.gz", frequency.astype(np.float32), affine)
    write_image(tmp_path / "mag.nii.gz", head.magnitude[0], affine)
    files = EchoFiles("field_map", [], FIELD_STRENGTH, [str(tmp_path / "mag.nii.gz")], [str(tmp_path / "field.nii.gz")])
    echoes = files.read()
    assert np.abs(echoes.phase).max() <= np.pi / 2 + 1e-6  # nothing wraps
    total = estimate_total_fields(
        echoes.magnitude, echoes.phase, head.mask, echo_times=echoes.echo_times, field_strength=FIELD_STRENGTH,
        voxel_size=VOXEL_SIZE, echo_sets={"all": [1]},
    )  # fmt: skip
    # The file holds single precision, and so does the phase: 1e-6 of some ppm.
    assert np.abs(total["fields"][0] - head.total_field)[total["mask"]].max() < 1e-4

    for name, volumes in (("mag", head.magnitude), ("phase", head.phase)):
        write_image(tmp_path / f"{name}s.nii.gz", np.moveaxis(volumes, 0, -1), affine)
    stacked = [[str(tmp_path / f"{name}s.nii.gz")] for name in ("mag", "phase")]
    echoes = EchoFiles("magnitude_phase", ECHO_TIMES, FIELD_STRENGTH, *stacked, phase_scale="radians").read()
    assert np.array_equal(echoes.phase, head.phase)
    assert np.array_equal(echoes.magnitude, head.magnitude)


def test_field_map_that_is_none() -> None:
    for field in (np.zeros((1, 4, 4, 4)), np.linspace(0, 20000, 64).reshape(1, 4, 4, 4)):
        with pytest.raises(InputError, match="does not hold a field in Hz"):
            field_map_as_echo(field)
    phase, times = field_map_as_echo(np.linspace(-200, 100, 64).reshape(1, 4, 4, 4))
    assert phase.min() == pytest.approx(2 * np.pi * -200 * times[0], rel=1e-6)  # float32


def test_b0_follows_the_form_of_the_scanner(head: Head, tmp_path) -> None:
    affine, turn = np.diag([*VOXEL_SIZE, 1.0]), np.eye(4)
    turn[1:3, 1:3] = [[np.cos(0.4), -np.sin(0.4)], [np.sin(0.4), np.cos(0.4)]]
    for codes, direction in (((2, 1), [0, 0, 1]), ((1, 2), [0, np.sin(0.4), np.cos(0.4)])):
        paths = []
        for name, volume in (("mag", head.magnitude[0]), ("phase", head.phase[0])):
            image = nib.Nifti1Image(volume, None)
            image.set_sform(turn @ affine, codes[0])
            image.set_qform(affine, codes[1])
            nib.save(image, tmp_path / f"{name}.nii")
            paths.append([str(tmp_path / f"{name}.nii")])
        echoes = EchoFiles("magnitude_phase", [0.006], FIELD_STRENGTH, *paths, phase_scale="radians").read()
        assert echoes.b0_direction == pytest.approx(direction, abs=1e-6)  # the header's single precision


def test_an_echo_that_does_not_follow_the_others(head: Head) -> None:
    def total(phase: np.ndarray) -> dict:
        return estimate_total_fields(
            head.magnitude, phase, head.mask, echo_times=ECHO_TIMES, field_strength=FIELD_STRENGTH,
            voxel_size=VOXEL_SIZE, echo_sets={"all": [1, 2, 3, 4]},
        )  # fmt: skip

    clean = total(head.phase)
    assert np.median(clean["quality"][head.mask]) > 0.98
    noise = np.random.default_rng(6).uniform(-np.pi, np.pi, head.phase[1].shape).astype(np.float32)
    for echo in (0, 1):
        phase = head.phase.copy()
        phase[echo] = noise
        with pytest.raises(InputError, match="do not rise evenly with the echo time"):
            total(phase)


@pytest.mark.parametrize("kind", ["clean", "halved", "turned sign", "mirrored", "swapped", "copy with noise", "time"])
def test_an_echo_that_departs_from_the_line_of_the_others(head: Head, kind: str) -> None:
    times = list(ECHO_TIMES)
    # The field of a head beside air and bone; the made-up one is weaker.
    rate = 5 * radians_per_ppm(3.0, 1.0) * head.total_field
    noise = np.random.default_rng(2).normal(0, 0.05, head.phase.shape)
    phase = circular(rate * np.reshape(times, (4, 1, 1, 1)) + noise)
    if kind == "halved":
        phase[3] /= 2
    elif kind == "turned sign":
        phase[3] *= -1
    elif kind == "mirrored":
        phase[1] = phase[1, ::-1].copy()
    elif kind == "swapped":
        phase = phase[[0, 1, 3, 2]]
    elif kind == "copy with noise":
        phase[2] = circular(phase[1] + noise[2])
    elif kind == "time":
        times[1] = 0.009

    def total() -> dict:
        return estimate_total_fields(
            head.magnitude, phase.astype(np.float32), head.mask,
            echo_times=times, field_strength=3.0, voxel_size=VOXEL_SIZE, echo_sets={"all": [1, 2, 3, 4]},
        )  # fmt: skip

    if kind == "clean":
        total()
    else:
        with pytest.raises(InputError, match=r"departs from what the other|do not rise evenly"):
            total()


@pytest.mark.parametrize(("axes", "name"), [((0,), "x"), ((1,), "y"), ((2,), "z"), ((0, 2), "x and z")])
def test_phase_that_is_mirrored_against_its_magnitude(shared_data, axes: tuple[int, ...], name: str) -> None:
    for magnitude, phase, _ in real_data(shared_data)[1:]:  # the first is a crop without air, which tells nothing
        with pytest.raises(InputError, match=f"mirrored along {name} against the magnitude"):
            check_mirrored(magnitude[0], np.flip(phase[0], axes), ["phase.nii.gz"])


def test_what_has_no_air_or_is_symmetric_is_not_called_mirrored(head: Head, shared_data) -> None:
    crop, *_ = real_data(shared_data)
    for magnitude, phase in ((head.magnitude, head.phase), crop[:2]):
        check_mirrored(magnitude[0], np.flip(phase[0], 0))
    same = np.zeros(head.mask.shape, np.float32)
    check_mirrored(same + 1, same)


def test_a_real_part_on_another_scale_is_doubted(head: Head, shared_data) -> None:
    for magnitude, phase, times in [(head.magnitude, head.phase, ECHO_TIMES), *real_data(shared_data)]:
        if times is not None:
            signal = magnitude * (1.5 * np.cos(phase) + 1j * np.sin(phase))
            assert "another scale" in (doubt_parts(np.abs(signal), np.angle(signal)) or "")


@pytest.mark.parametrize(("echo", "factor"), [(None, 1), (1, 1.05), (2, 1.05), (3, 0.95)])
def test_an_echo_time_that_is_some_percent_off_is_doubted(head: Head, echo: int | None, factor: float) -> None:
    times = list(ECHO_TIMES)
    if echo is not None:
        times[echo] *= factor
    found = estimate_total_fields(
        head.magnitude, head.phase, head.mask, echo_times=times, field_strength=FIELD_STRENGTH,
        voxel_size=VOXEL_SIZE, echo_sets={"all": [1, 2, 3, 4]},
    )["info"]["EchoTimeWarning"]  # fmt: skip
    assert (found is None) is (echo is None)
