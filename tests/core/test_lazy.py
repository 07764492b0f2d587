import importlib
import subprocess
import sys

import pytest

STAGES = ("qsm", "anatomy", "robustness", "diagnosis", "radiomics", "rims", "flair")


@pytest.mark.parametrize("stage", STAGES)
def test_every_public_name_can_be_imported_and_hides_no_module(stage):
    if stage in ("rims", "flair"):
        pytest.importorskip("torch")
    package = importlib.import_module(f"chiomics.{stage}")
    for name in package.__all__:
        public = getattr(package, name)
        assert not isinstance(public, type(sys)), name
        assert importlib.util.find_spec(f"chiomics.{stage}.{name}") is None or stage == "radiomics", name
    with pytest.raises(AttributeError, match="nothing_of_the_kind"):
        getattr(package, "nothing_of_the_kind")  # noqa: B009


def test_the_faces_alone_load_no_numerics():
    packages = ", ".join(f"chiomics.{stage}" for stage in STAGES)
    code = f"import sys, {packages}; print({{'numpy', 'pandas'}} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
