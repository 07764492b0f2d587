"""Disks that are full, files that are damaged or gone, users without a home, terminals without UTF-8."""

from __future__ import annotations

import errno
import os
import resource
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from chiomics.anatomy.atlases.fetch import default_cache
from chiomics.core.errors import InputError
from chiomics.core.failures import read_failures, remembered_failure
from chiomics.core.files import write_sidecar
from chiomics.core.images import load_voxels, write_image
from chiomics.radiomics.image_zyx import read_image_zyx

NOISE = np.random.default_rng(17).integers(-3000, 3000, (24, 20, 16)).astype(np.int16)


@pytest.fixture
def image(tmp_path) -> Path:
    """Return an image that compresses badly, so that most of its bytes matter."""
    path = tmp_path / "image.nii.gz"
    nib.save(nib.Nifti1Image(NOISE, np.eye(4)), path)
    return path


def test_no_flipped_bit_of_a_compressed_image_changes_a_voxel_unsaid(image):
    whole, rng = bytearray(image.read_bytes()), np.random.default_rng(1)
    refused = {load_voxels: 0, read_image_zyx: 0}
    places = rng.integers(0, len(whole), 150)
    for place in places:
        damaged = bytearray(whole)
        damaged[place] ^= 1 << int(rng.integers(8))
        image.write_bytes(damaged)
        for read in refused:
            try:
                found = read(image)
            except InputError as error:
                refused[read] += 1
                assert image.name in str(error)
            else:  # the name or the time in the head of the archive, which are no voxels
                voxels = found[0] if read is load_voxels else found.voxels.T
                np.testing.assert_array_equal(voxels, NOISE)
    assert min(refused.values()) > 0.9 * len(places)


@pytest.mark.parametrize("kept", [0, 1, 17, 200, 0.5, -9, -1])
def test_an_image_that_is_cut_short_is_named(image, kept):
    whole = image.read_bytes()
    image.write_bytes(whole[: int(kept * len(whole)) if isinstance(kept, float) else kept])
    for read in (load_voxels, read_image_zyx):
        with pytest.raises(InputError, match=image.name):
            read(image)


def test_a_file_that_vanished_is_named_and_its_session_is_tried_again_when_it_is_back(image, tmp_path):
    kept = image.rename(tmp_path / "elsewhere.nii.gz")
    with pytest.raises(InputError, match=r"image\.nii\.gz"), remembered_failure(tmp_path, "sub-1", inputs=[image]):
        load_voxels(image)
    assert [failure.session for failure in read_failures(tmp_path)] == ["sub-1"]
    kept.rename(image)
    assert read_failures(tmp_path) == []


@pytest.mark.parametrize("ends_well", [True, False])
def test_a_file_that_changes_under_its_job_fails_the_job_and_leaves_no_record(image, tmp_path, ends_well):
    other = (NOISE + 1)[:, :, :8]
    with pytest.raises(InputError, match=r"image\.nii\.gz.*changed|changed.*image\.nii\.gz") as failed:  # noqa: SIM117
        with remembered_failure(tmp_path, "sub-1", inputs=[image]):
            load_voxels(image)
            nib.save(nib.Nifti1Image(other, np.eye(4)), image)
            if not ends_well:
                raise InputError("the image is cut short", file=image)  # as a file that is half copied
    assert "the same command again" in str(failed.value)
    assert read_failures(tmp_path) == [], "else the whole file would be left out for what the half one held"
    with remembered_failure(tmp_path, "sub-1", inputs=[image]):
        np.testing.assert_array_equal(load_voxels(image)[0], other)


@pytest.fixture
def small_disk(tmp_path):
    """Return a folder on a disk of its own of 128 kB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if (
        os.getuid()
        or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=128k", "none", folder], check=False).returncode
    ):
        pytest.skip("a disk of its own takes a root that may mount")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def test_a_full_disk_keeps_the_old_file_and_blames_no_session(small_disk, tmp_path):
    old, new = NOISE[:8, :8, :8], np.random.default_rng(2).normal(size=(64, 64, 32)).astype(np.float32)
    write_image(small_disk / "map.nii.gz", old, np.eye(4))
    with pytest.raises(OSError) as failed, remembered_failure(tmp_path / "failed", "sub-1", inputs=[]):
        write_image(small_disk / "map.nii.gz", new, np.eye(4))
    assert failed.value.errno == errno.ENOSPC
    np.testing.assert_array_equal(load_voxels(small_disk / "map.nii.gz")[0], old)
    assert [path.name for path in small_disk.iterdir()] == ["map.nii.gz"]
    assert read_failures(tmp_path / "failed") == []


def test_a_program_that_could_not_write_to_a_full_disk_blames_no_session(small_disk, caplog):
    with suppress(OSError), (small_disk / "filler").open("wb") as stream:
        stream.write(bytes(2**20))
    with pytest.raises(RuntimeError), remembered_failure(small_disk / "failed", "sub-1", inputs=[]):
        raise RuntimeError("ITK ERROR: the file could not be written")
    assert read_failures(small_disk / "failed") == []
    assert "the disk is full" in caplog.text


def test_a_limit_on_the_size_of_files_leaves_nothing_half_written(tmp_path):
    before, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, before[1]))
    try:
        with pytest.raises(OSError), remembered_failure(tmp_path / "failed", "sub-1", inputs=[]):
            write_image(tmp_path / "map.nii.gz", NOISE, np.eye(4))
        with pytest.raises(OSError):
            write_sidecar(tmp_path / "map.json", {"text": "x" * 5000})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [errno.EIO, errno.ESTALE, errno.EMFILE, errno.ENOSPC, errno.EDQUOT])
def test_a_disk_that_fails_while_an_image_is_read_blames_no_session(image, tmp_path, monkeypatch, number):
    def fail(*_, **__):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(nib, "load", fail)
    with pytest.raises(InputError), remembered_failure(tmp_path / "failed", "sub-1", inputs=[image]):
        load_voxels(image)
    assert read_failures(tmp_path / "failed") == []


WRITE_AND_DIE = """
import os, signal, sys
from pathlib import Path
from chiomics.core.files import atomic_write
with atomic_write(Path(sys.argv[1])) as temporary:
    temporary.write_text("half")
    if sys.argv[2:]:
        print(temporary.name, flush=True), sys.stdin.read()
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_process_left_half_written_goes_with_the_next_write_and_that_of_a_living_one_stays(tmp_path):
    for name in ("sub-1_T1w.json", "sub-1_Chimap.nii.gz"):
        subprocess.run([sys.executable, "-c", WRITE_AND_DIE, tmp_path / name], check=False)
        (left,) = tmp_path.iterdir()  # not the one before
        assert left.name.startswith(f".{name.partition('.')[0]}.") and left.read_text() == "half"
    call = [sys.executable, "-c", WRITE_AND_DIE, tmp_path / "a.json", "wait"]
    with subprocess.Popen(call, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as alive:
        living = alive.stdout.readline().strip()
        elsewhere = [tmp_path / f".b.chiomics-othernode-1{end}" for end in (".json", "x.json", ".tsv")]
        for path in elsewhere:
            path.write_text("half")
        os.utime(elsewhere[2], (0, 0))  # older than a day
        write_sidecar(tmp_path / "c.json", {})
        assert {path.name for path in tmp_path.iterdir()} == {living, *(path.name for path in elsewhere[:2]), "c.json"}
        alive.kill()


def as_owner(*call: str, **changed: str) -> subprocess.CompletedProcess:
    """Call a program as root who may not do more than others."""
    given_up = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] if os.getuid() == 0 else []
    if given_up and shutil.which("setpriv") is None:
        pytest.skip("no setpriv")
    environment = {key: value for key, value in (os.environ | changed).items() if value}
    return subprocess.run([*given_up, *call], capture_output=True, check=False, env=environment)


def test_results_that_cannot_be_written_are_named(tmp_path):
    (tmp_path / "results").mkdir(mode=0o555)
    code = "from chiomics.core.files import write_sidecar; write_sidecar('results/a.json', {})"
    done = as_owner(sys.executable, "-c", f"import os; os.chdir({str(tmp_path)!r}); {code}")
    assert b"Permission denied" in done.stderr and b"results/" in done.stderr


def test_a_command_that_cannot_write_says_so_in_one_line(tmp_path):
    from tests.bids_trees import make_bids_tree, multi_echo

    make_bids_tree(tmp_path / "bids", multi_echo())
    (tmp_path / "results").mkdir(mode=0o555)
    call = [sys.executable, "-m", "chiomics.cli", "index", str(tmp_path / "bids")]
    done = as_owner(*call, "--output", str(tmp_path / "results/manifest.tsv"))
    assert done.returncode == 2
    last = done.stderr.decode().splitlines()[-1]
    assert last.startswith("chiomics: error: ") and last.endswith(": Permission denied"), done.stderr


def test_a_user_without_a_home_has_a_cache_all_the_same(monkeypatch, tmp_path):
    def nowhere():
        raise RuntimeError("Could not determine home directory.")

    for name in ("XDG_CACHE_HOME", "CHIOMICS_ATLASES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", nowhere)
    assert str(os.getuid()) in str(default_cache())
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_cache() == tmp_path / "chiomics" / "atlases"
    monkeypatch.setenv("CHIOMICS_ATLASES", str(tmp_path / "shared"))
    assert default_cache() == tmp_path / "shared"


def test_every_module_of_the_command_line_is_imported_without_a_home():
    code = "import pathlib; pathlib.Path.home = None; from chiomics.cli import main; main(['--version'])"
    done = as_owner(sys.executable, "-c", code, HOME="")
    assert done.returncode == 0 and done.stdout.startswith(b"chiomics "), done.stderr


@pytest.mark.parametrize("locale", ["C", "POSIX", "en_US.ISO-8859-1"])
def test_help_and_errors_are_shown_whatever_the_locale(tmp_path, locale):
    changed = {"LC_ALL": locale, "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = as_owner(sys.executable, "-m", "chiomics.cli", "--help", **changed)
    assert done.returncode == 0, done.stderr
    assert "χ".encode() in done.stdout or b"? maps" in done.stdout
    done = as_owner(sys.executable, "-m", "chiomics.cli", "index", str(tmp_path / "χ"), **changed)
    assert (done.returncode, b"does not exist" in done.stderr) == (2, True), done.stderr
