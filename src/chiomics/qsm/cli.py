"""`chiomics qsm field`, `background`, `invert`, `run`: one step of the chain, or all, on plain NIfTI images."""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path

from chiomics.core.command_line import add_command, count, number, whole_number
from chiomics.core.units import MAX_FIELD_STRENGTH

#: Width of the progress bar in characters.
BAR = 30
#: Steps of each command, as their bar counts them.
STEPS = {"field": 3, "background": 3, "invert": 3, "run": 6}
UNITS = "Phase is in rad, fields and susceptibility in ppm (of B0), echo times in s."
SCALES = ("radians", "radians 0..2pi", "degrees", "degrees 0..360", "integers 0..4095", "integers -4096..4095",
          "unsigned", "symmetric", "auto")  # fmt: skip
#: What each step may write; the same option is read by another step.
OUTPUTS = {
    "field": ("output", "quality", "inverse_sd", "reliable_mask"),
    "background": ("output", "output_mask", "weights"),
    "invert": ("output",),
    "run": ("output", "total_field", "local_field", "output_mask"),
}
#: What may be read.
INPUTS = ("phase", "magnitude", "mask", "field", "quality", "inverse_sd", "weights", "r2star", "params")
INVERSIONS = ("tv", "star", "ilsqr", "medi", "l1", "tkd", "l2")

EXAMPLES = {
    "field": (
        "chiomics qsm field --phase ph_e*.nii.gz --magnitude mag_e*.nii.gz --te 0.006 0.012 0.018 --field-strength 3 "
        "--mask brain.nii.gz -o total.nii.gz --quality quality.nii.gz --inverse-sd sd.nii.gz --reliable-mask in.nii.gz",
        "chiomics qsm field --phase ph4d.nii.gz --magnitude mag4d.nii.gz --params params.json --mask mask.nii.gz "
        "-o total.nii.gz",
    ),
    "background": (
        "chiomics qsm background total.nii.gz --mask in.nii.gz --quality quality.nii.gz --inverse-sd sd.nii.gz "
        "-o local.nii.gz --weights weights.nii.gz",
        "chiomics qsm background total.nii.gz --mask mask.nii.gz --method vsharp -o local.nii.gz --output-mask m.nii",
    ),
    "invert": (
        "chiomics qsm invert local.nii.gz --mask in.nii.gz --weights weights.nii.gz -o chi.nii.gz",
        "chiomics qsm invert local.nii.gz --mask mask.nii.gz --inversion star --b0-direction 0 0.1 0.995 -o chi.nii.gz",
        "chiomics qsm invert local.nii.gz --mask mask.nii.gz --set regularisation=2e-4 --reference whole_brain "
        "-o chi.nii.gz",
    ),
    "run": (
        "chiomics qsm run --phase ph_e*.nii.gz --magnitude mag_e*.nii.gz --te 0.006 0.012 0.018 --field-strength 3 "
        "-o chi.nii.gz",
        "chiomics qsm run --phase phasediff.nii.gz --phase-difference --phase-scale auto --magnitude mag_e*.nii.gz "
        "--te 0.00492 0.00738 --field-strength 3 -o chi.nii.gz",
        "chiomics qsm run --phase ph4d.nii.gz --magnitude mag4d.nii.gz --params params.json --mask mask.nii.gz "
        "--preset published -o chi.nii.gz --local-field local.nii.gz",
    ),
}
HELP = {
    "field": ("phase of the echoes to the total field", "estimate_field"),
    "background": ("total field to the local field", "remove_background"),
    "invert": ("local field to the susceptibility", "invert_field"),
    "run": ("phase of the echoes to the susceptibility", "run_chain"),
}


def register(subparsers: argparse._SubParsersAction) -> None:
    """Add the steps below `chiomics qsm`, which with two folders in their place makes the maps of a BIDS folder."""
    parser = subparsers.choices["qsm"]
    steps = parser.add_subparsers(
        metavar="STEP", prog=parser.prog, title="single steps on plain NIfTI, in place of BIDS and OUT"
    )
    for name, (text, _) in HELP.items():
        step = add_command(
            steps, name, summary=text, about=f"{text[0].upper()}{text[1:]}. {UNITS}", example=EXAMPLES[name]
        )
        _add_inputs(step, name)
        _add_outputs(step, name)
        _add_acquisition(step, name)
        step.set_defaults(command=run, step=name)


def run(arguments: argparse.Namespace) -> None:
    """Take the step that was asked for, with a bar on a terminal."""
    from chiomics.qsm.alone import single_steps
    from chiomics.qsm.alone.outputs import check_outputs

    given = vars(arguments)
    written = OUTPUTS[arguments.step]
    read = [given[name] for name in INPUTS if name not in written and given.get(name) is not None]
    check_outputs(
        [given[name] for name in written if given[name] is not None],
        [path for one in read for path in (one if isinstance(one, list) else [one])],
    )
    if arguments.step in ("invert", "run"):
        single_steps.check_inversion(arguments)
    bar = _Bar(STEPS[arguments.step], shown=not arguments.no_progress and sys.stderr.isatty())
    logging.getLogger("chiomics").setLevel(logging.WARNING if bar.shown else logging.INFO)
    try:
        getattr(single_steps, HELP[arguments.step][1])(arguments, bar.begin)
    except BaseException:
        bar.leave()
        raise
    bar.end()


def _add_inputs(parser: argparse.ArgumentParser, step: str) -> None:
    if step in ("field", "run"):
        files = {"type": Path, "nargs": "+", "metavar": "FILE"}
        parser.add_argument("--phase", required=True, help="wrapped phase: a file per echo, or one in 4-D", **files)
        parser.add_argument("--magnitude", required=True, help="magnitude of the same echoes", **files)
        parser.add_argument(
            "--phase-scale", choices=SCALES, default="radians", metavar="SCALE",
            help=f"scale of the stored phase: {', '.join(SCALES)} (default radians; auto tells it from the range)",
        )  # fmt: skip
        parser.add_argument(
            "--phase-sign",
            type=whole_number,
            choices=(1, -1),
            default=1,
            help="-1 where the phase falls with the field",
        )
        parser.add_argument(
            "--phase-difference", action="store_true",
            help="the one phase image is the second echo's less the first's; --te names both times",
        )  # fmt: skip
        mask = "brain; found on the magnitude where it is not given" if step == "run" else "brain"
    else:
        kind = "total" if step == "background" else "local"
        parser.add_argument("field", type=Path, metavar="FIELD", help=f"{kind} field in ppm")
        mask = "brain" if step == "background" else "voxels with a field"
    parser.add_argument("--mask", type=Path, required=step != "run", metavar="FILE", help=mask)
    if step == "background":
        parser.add_argument("--quality", type=Path, metavar="FILE", help="agreement of the echoes, from `field`")
        parser.add_argument("--inverse-sd", type=Path, metavar="FILE", help="inverse SD of the field, from `field`")
        parser.add_argument(
            "--method", choices=("pdf", "vsharp"),
            help="projection onto dipole fields (default), or V-SHARP (default for the field of one echo)",
        )  # fmt: skip
    if step == "invert":
        parser.add_argument(
            "--weights", type=Path, metavar="FILE", help="trust in each voxel, from `background`; needed in practice"
        )
        parser.add_argument("--magnitude", type=Path, nargs="+", metavar="FILE", help="for medi, which takes its edges")
        parser.add_argument("--r2star", type=Path, metavar="FILE", help="R2* in 1/s, for --reference csf")


def _add_outputs(parser: argparse.ArgumentParser, step: str) -> None:
    what = {"field": "total field", "background": "local field"}.get(step, "susceptibility map")
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="FILE", help=f"{what} in ppm to write, and its JSON beside"
    )
    also = {
        "field": {
            "--quality": "agreement of the echoes, 0 to 1",
            "--inverse-sd": "inverse SD of the field",
            "--reliable-mask": "brain without unreliable voxels at its edge",
        },
        "background": {
            "--output-mask": "voxels where the local field is valid",
            "--weights": "weights for the inversion",
        },
        "run": {
            "--total-field": "total field in ppm (preset default)",
            "--local-field": "local field in ppm",
            "--output-mask": "voxels where the map is valid",
        },
    }
    for option, text in also.get(step, {}).items():
        parser.add_argument(option, type=Path, metavar="FILE", help=f"also write: {text}")
    if step in ("invert", "run"):
        if step == "run":
            parser.add_argument("--preset", choices=("default", "published"), default="default", help="see docs/qsm.md")
        parser.add_argument(
            "--inversion", choices=INVERSIONS, default="tv" if step == "invert" else None,
            help="default tv" if step == "invert" else "default tv, of the preset `published` ilsqr",
        )  # fmt: skip
        parser.add_argument(
            "--set",
            action="append",
            type=_setting,
            metavar="NAME=VALUE",
            help="a parameter of the inversion; repeatable",
        )
        default = "none" if step == "invert" else "csf"
        parser.add_argument(
            "--reference", choices=("csf", "whole_brain", "none"), default=default,
            help=f"what becomes 0 ppm (default {default}; csf needs three echoes)",
        )  # fmt: skip


def _add_acquisition(parser: argparse.ArgumentParser, step: str) -> None:
    group = parser.add_argument_group("acquisition")
    if step in ("field", "run"):
        group.add_argument("--te", type=_positive, nargs="+", metavar="S", help="echo times in s")
    if step != "background":
        group.add_argument("--field-strength", type=_tesla, metavar="T", help="in T")
    group.add_argument(
        "--b0-direction", type=number, nargs=3, metavar=("X", "Y", "Z"), help="in voxel axes; default: from the affine"
    )
    group.add_argument(
        "--params", type=Path, metavar="FILE", help="JSON with TE (s), B0 (T), B0_dir, voxel_size, as QSM-CI has it"
    )
    parser.set_defaults(te=None, field_strength=None)
    parser.add_argument("--threads", type=count, default=1, metavar="N", help="default 1")
    parser.add_argument("--backend", choices=("numpy", "torch", "cupy"), default="numpy", help="default numpy")
    parser.add_argument("--no-progress", action="store_true", help="no progress bar")


def _setting(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not (name and sign and value):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    return name, value


def _positive(text: str) -> float:
    value = number(text)
    if value <= 0:
        raise argparse.ArgumentTypeError(f"{text} is not a number above 0")
    return value


def _tesla(text: str) -> float:
    value = _positive(text)
    if value > MAX_FIELD_STRENGTH:
        raise argparse.ArgumentTypeError(f"{text} is not a field strength in T: at most {MAX_FIELD_STRENGTH:g}")
    return value


class _Bar:
    """A line on the terminal: which step is under way, and how many are done."""

    def __init__(self, total: int, *, shown: bool) -> None:
        self.total, self.shown, self.done = total, shown, -1

    def begin(self, what: str) -> None:
        """Count the step before as done and name the next."""
        self.done += 1
        self._draw(what)

    def end(self) -> None:
        """Count the last step as done."""
        self.done = self.total
        self._draw("done")
        self.leave()

    def leave(self) -> None:
        """Go to the next line."""
        if self.shown and self.done >= 0:
            print(file=sys.stderr)

    def _draw(self, what: str) -> None:
        if self.shown:
            filled = BAR * self.done // self.total
            line = f"\r[{'#' * filled}{'.' * (BAR - filled)}] {self.done}/{self.total} {what:<24}"
            print(line, end="", file=sys.stderr, flush=True)
