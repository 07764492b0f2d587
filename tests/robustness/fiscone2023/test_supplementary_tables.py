"""Tables S1 to S8: every feature in the table of its class, and the acquisition beside the printed one."""

from __future__ import annotations

import json

import pandas as pd

from chiomics.robustness.fiscone2023.published_values import read_published
from chiomics.robustness.fiscone2023.tables import FEATURE_TABLES, list_features, list_protocols

#: How many features of each class the paper's text names as robust in every region.
NAMED_IN_TEXT = {"firstorder": 9, "glcm": 19, "glrlm": 10, "glszm": 4, "ngtdm": 4, "gldm": 9}


def stage_tables():
    printed = read_published("whitelist").assign(image_type="original", sides="all", published=True)
    other = [("firstorder", "Range"), ("glszm", "ZoneVariance")]
    more = pd.DataFrame(other, columns=["feature_class", "feature"])
    more = more.assign(image_type="original", sides="all", published=False)
    whitelist = pd.concat([printed, more], ignore_index=True).assign(robust=lambda t: t["feature"] != "Mean")
    shape = pd.DataFrame(
        {"feature_class": ["shape"] * 2, "feature": ["Sphericity", "MeshVolume"], "image_type": "original"}
    )
    filtered = whitelist.assign(image_type="wavelet-LLL")
    icc = pd.concat([whitelist, whitelist, filtered, shape], ignore_index=True).sample(frac=1, random_state=1)
    return icc, pd.concat([whitelist, filtered, whitelist.assign(sides="merged", robust=False)], ignore_index=True)


def test_every_feature_stands_once_in_the_table_of_its_class():
    icc, whitelist = stage_tables()
    tables = list_features(icc, whitelist)
    for name, feature_class in FEATURE_TABLES.items():
        expected = sorted(set(icc.loc[icc["feature_class"] == feature_class, "feature"]))
        assert list(tables[name]["feature"]) == expected
        if feature_class != "shape":
            assert tables[name]["published"].sum() == NAMED_IN_TEXT[feature_class]
    first = tables["tableS2"].set_index("feature")
    assert not first.loc["Mean", "robust_in_every_region"] and first.loc["Mean", "published"]
    assert first.loc["Range", "robust_in_every_region"] and not first.loc["Range", "published"]
    assert list(tables["tableS3"]) == ["feature"], "shape does not change between maps: no verdict"


def test_every_acquisition_has_a_column_beside_the_printed_one():
    one = json.dumps(["Maker", 3.0, 2, [0.00942, 0.01884], [0.5, 0.5, 1.5], [384, 512, 96]])
    other = json.dumps(["", None, None, None, None, None])  # of a map of the user's own nothing is known
    table = list_protocols([(one, 5), (other, 2)]).set_index("property")
    assert list(table) == ["protocol_1_of_5_sessions", "protocol_2_of_2_sessions", "published"]
    assert list(table["protocol_1_of_5_sessions"]) == [
        *("Maker", "3", "2", "9.42, 18.84", "0.5 x 0.5 x 1.5", "384 x 512 x 96")
    ]
    assert set(table["protocol_2_of_2_sessions"]) == {""}
    assert list(list_protocols([])) == ["property", "published"]
