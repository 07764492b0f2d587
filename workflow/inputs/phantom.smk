"""What the simulated cohort consists of."""


def phantom_files(participant):
    """Name the files of one simulated subject, which are the same for all but the participant."""
    return [
        f"{COHORT}/{path}".replace(subject.participant_id, participant)
        for subject in SUBJECTS[:1]
        for path in (*subject.files, *subject.truth_files)
    ]


def phantom_targets():
    """Return the files of the simulated cohort."""
    of_subjects = [path for subject in SUBJECTS for path in phantom_files(subject.participant_id)]
    return of_subjects + [f"{COHORT}/participants.tsv"] if SIMULATED else []


def finest_megavoxels():
    """Count the voxels of the grid on which a subject's field is simulated, in millions."""
    size = 1e-6
    for length, factor in zip(RECIPE["acquisition"]["shape"], RECIPE["acquisition"]["oversampling"]):
        size *= length * factor
    return size
