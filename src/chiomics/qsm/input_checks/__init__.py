"""Find in the voxels of a gradient-echo run what its files do not say: planes, echoes and scales that lie.

Each check has a statistic whose values on clean data are known (simulated cohorts and real heads; the limits stand
beside the checks), corrects what is certain and says so, and stops with the cause otherwise. Nothing that passes is
changed.
"""

from chiomics.qsm.input_checks.echoes import check_agreement, check_departures, check_magnitude, check_phase_echoes
from chiomics.qsm.input_checks.phase_and_magnitude import check_mirrored, doubt_parts
from chiomics.qsm.input_checks.planes import check_planes
from chiomics.qsm.input_checks.slices import mend_slices

__all__ = [
    "check_agreement", "check_departures", "check_magnitude", "check_mirrored", "check_phase_echoes", "check_planes",
    "doubt_parts", "mend_slices",
]  # fmt: skip
