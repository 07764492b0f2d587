"""What pyradiomics keeps of its own test images, 3,325 values of five in eight configurations, is found again.

They are part of pyradiomics' source distribution, which its wheel leaves out:
``pip download --no-deps --no-binary :all: pyradiomics==3.0.1``, unpacked; ``PYRADIOMICS_DATA`` names its ``data``.
"""

from __future__ import annotations

import ast
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from chiomics.radiomics import extract

CLASSES = ("shape", "firstorder", "glcm", "gldm", "glrlm", "glszm", "ngtdm")
#: Images, and values that pyradiomics keeps of each.
IMAGES = ("brain1", "brain2", "breast1", "lung1", "lung2")
VALUES = 665
#: pyradiomics 3.0.1 itself gives other values than it keeps of this surface, by up to 9e-4: those are what we equal.
OUTDATED = {("brain1", name) for name in ("Sphericity", "SurfaceVolumeRatio", "MeshVolume", "SurfaceArea")}


@pytest.fixture(scope="module")
def data() -> Path:
    folder = Path(os.environ.get("PYRADIOMICS_DATA", ""))
    if not (folder / "baseline").is_dir():
        pytest.skip("pyradiomics' baseline is not at hand: PYRADIOMICS_DATA is to name the folder data of its source")
    return folder


def configurations(data: Path, image: str):
    """Read class, settings and values of each configuration of an image."""
    for name in CLASSES:
        table = pd.read_csv(data / "baseline" / f"baseline_{name}.csv", index_col=0, dtype=str)
        for column in table.columns[table.loc["diagnostics_Configuration_TestCase"] == image]:
            given = ast.literal_eval(table.loc["diagnostics_Configuration_Settings", column])
            # What is off; pyradiomics itself drops these before it computes.
            setting = {key: value for key, value in given.items() if value is not None}
            prefix = f"original_{name}_"
            kept = table.loc[[row for row in table.index if row.startswith(prefix)], column].astype(float)
            yield name, column, setting, kept.rename(lambda row, prefix=prefix: row.removeprefix(prefix))


@pytest.mark.parametrize("image", IMAGES)
def test_what_pyradiomics_keeps_of_its_own_images_is_found_again(data, tmp_path, image):
    files = [data / f"{image}_{kind}.nrrd" for kind in ("image", "label")]
    off, compared = [], 0
    for name, column, setting, kept in configurations(data, image):
        path = tmp_path / "parameters.yaml"
        path.write_text(yaml.safe_dump({"setting": setting, "featureClass": {name: list(kept.index)}}))
        found = extract(*files, preset=path).set_index("feature")["value"]
        compared += len(kept)
        kept = kept.drop([feature for feature in kept.index if (column, feature) in OUTDATED])
        # Values are kept with 12 digits or more; an entropy of 0 is kept as -3.2e-16.
        close = np.isclose(found[kept.index], kept, rtol=1e-10, atol=1e-14)
        # pyradiomics takes MCC from an unsymmetric matrix, by up to 1e-5 elsewhere (docs/radiomics.md).
        close |= (kept.index == "MCC") & np.isclose(found[kept.index], kept, rtol=1e-7)
        off += [(column, name, feature, found[feature], kept[feature]) for feature in kept.index[~close]]
    assert not off, pd.DataFrame(off, columns=["configuration", "class", "feature", "found", "kept"]).to_string()
    assert compared == VALUES
