"""Command line of the stage: ``chiomics phantom OUT --recipe recipe.yaml``."""

from __future__ import annotations

import argparse
from pathlib import Path

from chiomics.core.command_line import add_command, count
from chiomics.phantom.recipe import list_sessions, load_recipe


def register(subparsers: argparse._SubParsersAction) -> None:
    """Add the sub-command ``phantom``."""
    parser = add_command(
        subparsers,
        "phantom",
        summary="simulate a cohort as a BIDS folder with its truth",
        about="Simulate subjects whose susceptibility, lesions and group effects are known, as a BIDS folder.",
        example="chiomics phantom /data/simulated --participant sub-MS01",
    )
    parser.add_argument("out", type=Path, metavar="OUT", help="BIDS folder to write")
    parser.add_argument("--recipe", type=Path, metavar="YAML", help="recipe; default: the demonstration cohort")
    parser.add_argument("--participant", action="append", metavar="ID", help="simulate this subject only; repeatable")
    parser.add_argument("--threads", type=count, default=1, metavar="N", help="threads of the FFTs (default 1)")
    parser.add_argument(
        "--atlas",
        action="store_true",
        help="write the phantom's own atlas of nuclei and tracts to OUT, and no subjects",
    )
    real = parser.add_argument_group("a real head instead of the cohort, in MNI space unless --to-mni is given")
    real.add_argument("--anatomy", type=Path, metavar="T1W", help="T1w image that gives the tissue")
    real.add_argument(
        "--labels", type=Path, metavar="IMAGE",
        help="deep grey nuclei: 11 HCN, 12 PUT, 13 GP, 14 THA, 15 RN, 16 SN, 17 DN; right + 100",
    )  # fmt: skip
    real.add_argument("--lesions", type=Path, metavar="MASK", help="lesion mask")
    real.add_argument("--brain", type=Path, metavar="MASK", help="brain mask")
    real.add_argument("--tracts", type=Path, metavar="DIR", help="folder of *hemi-<L|R>_label-<tract>_mask.nii.gz")
    real.add_argument("--to-mni", type=Path, metavar="TXT", help="4 x 4 matrix from the images' world to MNI mm")
    parser.set_defaults(command=run)


def run(arguments: argparse.Namespace) -> None:
    """Simulate what was asked for, with a line per subject."""
    from chiomics.phantom.bids_output import simulate_subject
    from chiomics.phantom.dataset import refuse_other_data, write_dataset_files

    if arguments.atlas:
        from chiomics.phantom.atlas_output import write_phantom_atlas

        print(*write_phantom_atlas(arguments.out), sep="\n")
        return
    recipe = load_recipe(arguments.recipe)
    refuse_other_data(arguments.out)
    if arguments.anatomy:
        _run_real(arguments, recipe)
        return
    participants = arguments.participant or [session.participant_id for session in list_sessions(recipe)]
    write_dataset_files(recipe, arguments.out)
    for number, participant_id in enumerate(participants, start=1):
        files = simulate_subject(recipe, participant_id, arguments.out, workers=arguments.threads)
        print(f"{number}/{len(participants)} {participant_id}: {len(files)} files", flush=True)


def _run_real(arguments: argparse.Namespace, recipe: dict) -> None:
    """Simulate on a real head."""
    import numpy as np

    from chiomics.phantom.head.real_anatomy import simulate_on_anatomy

    (participant_id,) = arguments.participant or ["sub-real01"]
    files = simulate_on_anatomy(
        arguments.anatomy,
        arguments.out,
        labels=arguments.labels,
        lesions=arguments.lesions,
        brain=arguments.brain,
        tracts=arguments.tracts,
        to_mni=np.loadtxt(arguments.to_mni) if arguments.to_mni else None,
        recipe=recipe,
        participant_id=participant_id,
        workers=arguments.threads,
    )
    print(f"{participant_id}: {len(files)} files", flush=True)
