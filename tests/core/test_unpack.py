"""A compressed file is what was packed, or an error: its checksum and its length say so."""

from __future__ import annotations

import gzip
import tracemalloc

import numpy as np
import pytest

from chiomics.core.images import unpack

WHOLE = np.random.default_rng(0).bytes(40_000) + b"\0" * 5_000
PACKED = gzip.compress(WHOLE)


@pytest.mark.parametrize(
    "content",
    [PACKED, gzip.compress(WHOLE[:999]) + gzip.compress(WHOLE[999:]), PACKED + b"\0" * 100],
    ids=["one member", "two members", "zeros behind it, as tar and some archives write"],
)
def test_what_was_packed_comes_back(tmp_path, content):
    (tmp_path / "image.gz").write_bytes(content)
    assert unpack(tmp_path / "image.gz", len(WHOLE)) == WHOLE
    assert unpack(tmp_path / "image.gz", 2 * len(WHOLE)) == WHOLE
    assert unpack(tmp_path / "image.gz", 999) == WHOLE[:999]


@pytest.mark.parametrize(
    "content",
    [
        *(PACKED[:-cut] for cut in (1, 8, 9, 20_000)),
        *(
            PACKED[:place] + bytes([PACKED[place] ^ 1]) + PACKED[place + 1 :]
            for place in (30_000, len(PACKED) - 5, len(PACKED) - 1)
        ),
        b"", b"this was never packed", PACKED + b"xyz", PACKED + PACKED[:-3],
    ],
)  # fmt: skip
def test_damage_is_an_error(tmp_path, content):
    (tmp_path / "image.gz").write_bytes(content)
    with pytest.raises((OSError, EOFError)):
        unpack(tmp_path / "image.gz", len(WHOLE))


def test_what_follows_the_voxels_takes_no_memory(tmp_path):
    """A file of a megabyte may unpack to a gigabyte."""
    (tmp_path / "image.gz").write_bytes(gzip.compress(WHOLE + bytes(200_000_000), 1))
    tracemalloc.start()
    assert unpack(tmp_path / "image.gz", len(WHOLE)) == WHOLE
    held = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert held < 20_000_000  # a few pieces of 1 MiB
