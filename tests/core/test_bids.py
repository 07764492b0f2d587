import pytest

from chiomics.core.bids import path_in_dataset


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/data/study/sub-01/ses-2/anat/sub-01_ses-2_T1w.nii.gz", "sub-01/ses-2/anat/sub-01_ses-2_T1w.nii.gz"),
        ("bids/derivatives/mine/sub-01/anat/mask.nii.gz", "derivatives/mine/sub-01/anat/mask.nii.gz"),
        ("/derivatives/old/derivatives/new/sub-1/m.nii", "derivatives/new/sub-1/m.nii"),
        ("/home/me/sub-01_mask.nii.gz", "sub-01_mask.nii.gz"),
    ],
)
def test_a_sidecar_names_files_as_the_data_set_does(path, expected):
    assert path_in_dataset(path) == expected
