"""What Fiscone et al. (Scientific Reports 13, 2023, doi:10.1038/s41598-023-42914-4) print, and where, as tables.

The values were typed from the paper: Table 1 with the marks as printed, the trends of Table 2 and of the text, the list
of features that are robust in every region, and the numbers of the text. The supplement was not at hand.
"""

from __future__ import annotations

from functools import partial

from chiomics.core import papers

WING = "chiomics.robustness.fiscone2023"
#: Reads one of them. ``numbers``: source, quantity, voi, feature_class, threshold, n_gray_levels, value and a note.
#: ``table1``: first-order feature, region, coefficient, and whether it is in italics, which means not robust.
#: ``trends``: source, feature, mark of correspondence, direction, and the regions it is said of. ``whitelist``:
#: features robust in every region, sides together and apart. ``departures``: what is not as in the paper.
read_published = partial(papers.read_published, WING)
