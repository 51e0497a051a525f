"""Maps that are broken: each is refused in one line that says what is wrong, or read with a warning."""

from __future__ import annotations

import bz2
import gzip
import os
import threading
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from broken_maps import VOXEL, density, imod_bytes, map_bytes, patched, saved

from cryotools.core.errors import CryotoolsWarning, DataError
from cryotools.core.maps import mapdata
from cryotools.core.maps.mapfile import read_grid, read_header, read_map

GOOD = map_bytes()
GZIPPED = gzip.compress(GOOD)
NAN, INF = float("nan"), float("inf")
CELL = 12 * VOXEL
NO_ID = {"map": b"", "machst": (0, 0, 0, 0)}


def with_values(*values: float) -> bytes:
    data = density()
    data.flat[: len(values)] = values
    return map_bytes(data)


def cell_of(voxel: float) -> bytes:
    """A map whose header gives it voxels of `voxel` Å."""
    return map_bytes(cella=(12 * voxel, 10 * voxel, 8 * voxel))


def with_statistics(extra: bytes = b"", **fields: object) -> bytes:
    """A map whose header holds its statistics, with `extra` between header and data."""
    data = density()
    content = map_bytes(data, dmin=data.min(), dmax=data.max(), dmean=data.mean(), rms=data.std(), **fields)
    return content[:1024] + extra + content[1024:]


FEI = np.random.default_rng(5).integers(0, 256, 768, dtype=np.uint8).tobytes()
REFUSED = {
    "empty": (b"", "is an empty file; copy or download it again"),
    "short header": (GOOD[:1000], "has 1000 bytes, less than a map's 1024-byte header"),
    "header alone": (GOOD[:1024], "is truncated: expected 3840 bytes of data, found 0; copy it again"),
    "data cut": (GOOD[:-400], "is truncated: expected 3840 bytes of data, found 3440; copy it again"),
    "text": (b"hello world\n" * 200, "is not an MRC/CCP4 map"),
    "short text": (b"hello world\n", "has 12 bytes, less than"),
    "web page": (b"<!DOCTYPE html><title>404</title>" + b" " * 2000, "looks like a web page"),
    "web page, no doctype": (b"\n<html>404</html>", "looks like a web page"),
    "LFS pointer": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", r"Git LFS pointer.*`git lfs pull`"),
    "zip": (b"PK\x03\x04" + b"\0" * 2000, "zip archive; unpack it first"),
    "zeros": (bytes(5000), "is not an MRC/CCP4 map"),
    "no id and too long": (map_bytes(**NO_ID) + b"\0", "no MAP ID, and longer"),
    "mode 3": (map_bytes(mode=3), "mode 3 is complex, not a density"),
    "mode 4": (map_bytes(mode=4), "mode 4 is complex, not a density"),
    "mode 5": (map_bytes(mode=5), "mode 5 is unknown"),
    "mode 101": (map_bytes(mode=101), "mode 101 holds 4-bit counts of raw movies"),
    "mode -1": (map_bytes(mode=-1), "mode -1 is unknown"),
    "nx 0": (map_bytes(nx=0), "the header gives dimensions of 0 x 10 x 8 voxels"),
    "nz negative": (map_bytes(nz=-8), "the header gives dimensions of 12 x 10 x -8 voxels"),
    "4 TB": (map_bytes(nx=10_000, ny=10_000, nz=10_000), r"expected 4000000000000 bytes of data, found 3840"),
    "overflow": (map_bytes(nx=2**31 - 1, ny=2**31 - 1, nz=2**31 - 1), r"expected \d{29} bytes of data, found 3840"),
    "nsymbt negative": (map_bytes(nsymbt=-80), r"negative size \(nsymbt = -80\)"),
    "nsymbt huge and data cut": (map_bytes(nsymbt=2**31 - 1)[:-4], "is truncated"),
    "nsymbt and data cut": (map_bytes(nsymbt=80)[:-4], "is truncated: expected 3840 bytes of data, found 3756"),
    "nsymbt and half of what it says": (map_bytes(nsymbt=80) + bytes(40), "is truncated"),
    "gzip, nsymbt and data cut": (gzip.compress(map_bytes(nsymbt=80)[:-4]), "is truncated: .* found 3756"),
    "cell in metres": (
        cell_of(1.3e-10),
        r"the voxel size, \(1\.3e-10, .* A, is impossible .*in metres, perhaps\).*give `voxel_size`",
    ),
    "cell in micrometres": (cell_of(1.3e-4), r"the voxel size, .* \(the cell is in micrometres, perhaps\)"),
    "cell of kilometres": (
        cell_of(1.3e13),
        r"the voxel size, \(1\.3e\+13, .* is impossible for a density map; correct",
    ),
    "cell of 1 for 100 voxels": (map_bytes(mx=100, my=100, mz=100, cella=(1, 1, 1)), r"the voxel size, \(0\.01, 0\.01"),
    "one axis in metres": (map_bytes(cella=(CELL, CELL, 1e-9)), "the voxel size, .* is impossible for a density map"),
    "origin beyond reason": (
        map_bytes(origin=(0, -1e30, 0)),
        r"ORIGIN \(0, -1e\+30, 0\) lies more than 1e\+06 A from \(0, 0, 0\)",
    ),
    "nstart beyond reason": (
        map_bytes(nxstart=1065353216),
        r"nstart \(1065353216, 0, 0\) \(= \(1\.385e\+09, 0, 0\) A\) lies",
    ),
    "cell 0": (
        map_bytes(cella=(0, 0, 0)),
        r"the voxel size is undefined \(cell \(0.0, 0.0, 0.0\).*give `voxel_size`",
    ),
    "cell negative": (map_bytes(cella=(-CELL, CELL, CELL)), "the voxel size is undefined"),
    "cell NaN": (map_bytes(cella=(CELL, NAN, CELL)), "the voxel size is undefined"),
    "cell infinite": (map_bytes(cella=(CELL, CELL, INF)), "the voxel size is undefined"),
    "mx 0": (map_bytes(mx=0, my=0, mz=0), r"cell .* over sampling \(0, 0, 0\)"),
    "mx and cell 0": (map_bytes(mx=0, cella=(0, CELL, CELL)), "the voxel size is undefined"),
    "origin NaN": (map_bytes(origin=(NAN, 0, 0)), "ORIGIN .* is not finite; correct the header"),
    "angles 60": (map_bytes(cellb=(90, 90, 60)), r"cell angles \(90.0, 90.0, 60.0\) are not 90 degrees; resample"),
    "angles NaN": (map_bytes(cellb=(90, NAN, 90)), "are not 90 degrees"),
    "axes 1,1,3": (map_bytes(mapr=1), r"\(mapc, mapr, maps = \(1, 1, 3\)\) is not a permutation of 1, 2, 3"),
    "one NaN": (with_values(NAN), "1 voxels are NaN or infinite; .* `replace_non_finite=0`"),
    "infinities": (with_values(INF, -INF, NAN), "3 voxels are NaN or infinite"),
    "all NaN": (with_values(*[NAN] * 960), "960 voxels are NaN or infinite"),
    "image": (map_bytes(density((1, 8, 8))), "contains a 8 x 8 x 1 image, not a volume"),
    "one voxel": (map_bytes(density((1, 1, 1))), "contains a 1 x 1 x 1 image"),
    "one column": (map_bytes(density((8, 8, 1))), "contains a 1 x 8 x 8 image"),
    "image stack": (map_bytes(ispg=0, mz=1, cella=(CELL, CELL, VOXEL)), "is a stack of 8 images, not a volume"),
    "volume stack of the last space group": (map_bytes(ispg=630), "is a stack of volumes"),
    "volume stack": (map_bytes(ispg=401), r"is a stack of volumes \(space group 401\); split it first"),
    "gzip cut": (GZIPPED[:-20], "the compressed data are damaged or truncated"),
    "gzip damaged": (patched(GZIPPED, 40, b"\xff" * 8), "the compressed data are damaged or truncated"),
    "gzip of nothing": (gzip.compress(b""), "has 0 bytes, less than a map's"),
    "gzip of short data": (gzip.compress(GOOD[:-400]), "expected 3840 bytes of data, found 3440"),
    "gzip that cannot hold it": (
        gzip.compress(map_bytes(nx=5000, ny=5000, nz=5000)),
        "expected 500000000000 bytes of data, the compressed file cannot hold them",
    ),
    "bzip2 cut": (bz2.compress(GOOD)[:-20], "the compressed data are damaged or truncated|cannot be read"),
    "bzip2 damaged": (patched(bz2.compress(GOOD), 30, b"\xff" * 8), "cannot be read: Invalid data stream"),
}


@pytest.mark.slow
@pytest.mark.parametrize("what", REFUSED)
def test_a_broken_map_is_refused_in_one_line_that_says_why(tmp_path: Path, what: str) -> None:
    content, message = REFUSED[what]
    path = saved(tmp_path, content)
    with pytest.raises(DataError, match=f"{path}: .*{message}") as caught:
        read_map(path)
    assert "\n" not in str(caught.value)


ODD = {
    "trailing bytes": (GOOD + b"\0" * 100, "bytes after the data are ignored"),
    "no id": (map_bytes(map=b""), "there is no MAP ID"),
    "wrong stamp": (map_bytes(machst=(1, 2, 3, 4)), "the machine stamp is wrong; read as little-endian"),
    "wrong stamp, big-endian": (map_bytes(order=">", machst=(1, 2, 3, 4)), "is wrong; read as big-endian"),
    "little-endian stamp on big-endian": (map_bytes(order=">", machst=(0x44, 0x44, 0, 0)), "read as big-endian"),
    "angles 0": (map_bytes(cellb=(0, 0, 0)), "cell angles are 0; read as 90 degrees"),
    "axes 0": (map_bytes(mapc=0, mapr=0, maps=0), "the axis order is 0,0,0; read as x,y,z"),
    "extended header missing": (map_bytes(nsymbt=768, exttyp=b"FEI1"), "gives an extended header of 768 bytes"),
    "extended header missing, larger than the data": (map_bytes(nsymbt=2**31 - 1), "extended header of 2147483647"),
    "extended header missing, gzip": (gzip.compress(map_bytes(nsymbt=1024)), "read without an extended header"),
    "extended header missing, larger, bzip2": (bz2.compress(map_bytes(nsymbt=81920)), "gives an extended header"),
    "extended header not announced": (
        with_statistics(FEI),
        "768 unexpected bytes lie between header and data .*nsymbt = 0",
    ),
    "extended header not announced, gzip": (gzip.compress(with_statistics(FEI)), "768 unexpected bytes lie between"),
    "extended header longer than announced": (
        with_statistics(FEI, nsymbt=80),
        "688 unexpected bytes lie .*nsymbt = 80",
    ),
    "extended header of odd length": (with_statistics(FEI[:81]), "81 unexpected bytes lie between header and data"),
    "trailing bytes beside statistics": (with_statistics() + FEI, "bytes after the data are ignored"),
    "space group 1.0": (map_bytes(ispg=1065353216), r"\(ISPG\) is 1065353216, the float 1, which is not valid"),
    "space group 1.0, big-endian": (map_bytes(order=">", ispg=1065353216), "the float 1, which is not valid"),
    "space group 999": (map_bytes(ispg=999), "is 999, which is not valid; read as one volume"),
    "space group -1": (map_bytes(ispg=-1), "is -1, which is not valid"),
    "space group byte-swapped": (map_bytes(ispg=16777216), "is 16777216, which is not valid"),
    "label count": (map_bytes(nlabl=99), "the label count is 99; 0 labels contain text"),
}


@pytest.mark.parametrize("what", ODD)
def test_an_odd_map_is_read_right_with_a_warning(tmp_path: Path, what: str) -> None:
    content, message = ODD[what]
    path = saved(tmp_path, content)
    with pytest.warns(CryotoolsWarning, match=f"{path}: .*{message}"):
        volume = read_map(path)
    np.testing.assert_array_equal(volume.data, density())
    np.testing.assert_allclose(volume.voxel_size, VOXEL, rtol=1e-6)


FINE = {
    "big-endian": map_bytes(order=">"),
    "CCP4's other little-endian stamp": map_bytes(machst=(0x44, 0x41, 0, 0)),
    "odd extended header": patched(map_bytes(nsymbt=81), 1024, b"x" * 81 + GOOD[1024:]),
    "known extended header": patched(map_bytes(nsymbt=768, exttyp=b"FEI1"), 1024, b"\1" * 768 + GOOD[1024:]),
    "NaN statistics": map_bytes(dmin=NAN, dmax=INF, dmean=NAN, rms=-1),
    "labels that are not ASCII": patched(map_bytes(nlabl=1), 224, "Ångström".encode("latin-1")),
    "space group 0, a volume": map_bytes(ispg=0),
    "a crystal's space group": map_bytes(ispg=230),
    "statistics of the data": with_statistics(),
    "extended header and statistics": with_statistics(FEI, nsymbt=768),
}


@pytest.mark.parametrize("what", FINE)
def test_an_unusual_map_that_is_sound_is_read_without_a_word(tmp_path: Path, what: str) -> None:
    volume = read_map(saved(tmp_path, FINE[what]))
    np.testing.assert_array_equal(volume.data, density())


def test_bytes_that_imod_stores_unsigned_run_from_0_to_255(tmp_path: Path) -> None:
    stored = np.arange(240, dtype=np.uint8).reshape(4, 6, 10) + np.uint8(16)
    np.testing.assert_array_equal(read_map(saved(tmp_path, imod_bytes(stored, flags=0))).data, stored)


def test_bytes_that_imod_stores_signed_are_shown_from_0_to_255(tmp_path: Path) -> None:
    mask = np.array([0, 1], dtype=np.uint8).repeat(60).reshape(4, 5, 6)
    stored = (mask.astype(np.int16) - 128).astype(np.int8)
    np.testing.assert_array_equal(read_map(saved(tmp_path, imod_bytes(stored, flags=1))).data, mask)


def test_bytes_without_imods_stamp_are_signed(tmp_path: Path) -> None:
    stored = np.array([-128, 127], dtype=np.int8).repeat(60).reshape(4, 5, 6)
    np.testing.assert_array_equal(read_map(saved(tmp_path, map_bytes(stored, mode=0))).data, stored)


@pytest.mark.parametrize("fields", [{"cella": (0, 0, 0)}, {"mx": 0, "my": 0, "mz": 0}], ids=["cell 0", "mx 0"])
def test_a_voxel_size_that_is_given_mends_a_header_without_one(tmp_path: Path, fields: dict) -> None:
    assert read_map(saved(tmp_path, map_bytes(**fields)), voxel_size=1.3).voxel_size == (1.3, 1.3, 1.3)


def test_values_that_are_not_finite_can_be_replaced(tmp_path: Path) -> None:
    path = saved(tmp_path, with_values(NAN, INF))
    with pytest.warns(CryotoolsWarning, match="2 voxels are NaN or infinite; they are replaced with -1"):
        data = read_map(path, replace_non_finite=-1).data
    assert data.flat[:2].tolist() == [-1, -1]
    np.testing.assert_array_equal(data.flat[2:], density().flat[2:])


@pytest.mark.parametrize("content", [with_values(NAN), GOOD[:-400]], ids=["NaN", "cut"])
def test_a_map_that_only_lends_its_grid_need_not_have_sound_values(tmp_path: Path, content: bytes) -> None:
    assert read_grid(saved(tmp_path, content)).shape == (8, 10, 12)


def test_a_stack_by_its_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is a stack of 8 images"):
        read_map(saved(tmp_path, GOOD, "particles.mrcs"))


def test_a_thin_volume_is_read(tmp_path: Path) -> None:
    assert read_map(saved(tmp_path, map_bytes(density((3, 50, 60))))).data.shape == (3, 50, 60)


def test_huge_values_are_read(tmp_path: Path) -> None:
    assert read_map(saved(tmp_path, with_values(1e38, -1e38))).data.max() == np.float32(1e38)


def test_paths_that_are_no_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "link.mrc").symlink_to(tmp_path / "gone.mrc")
    (tmp_path / "loop.mrc").symlink_to(tmp_path / "loop.mrc")
    cases = {
        "gone.mrc": "no such file",
        "link.mrc": "is a link to a file that does not exist",
        "loop.mrc": "is a link|[Tt]oo many levels of symbolic links",
        ".": "is a folder; name a file",
        "a" * 300: "File name too long",
    }
    for name, message in cases.items():
        with pytest.raises(DataError, match=message):
            read_map(tmp_path / name)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path, GOOD)
    path.chmod(0)
    with pytest.raises(DataError, match="no permission to read it"):
        read_map(path)


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_a_map_can_come_through_a_pipe(tmp_path: Path, pack) -> None:
    pipe = tmp_path / "pipe.mrc"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(pack(GOOD),))
    writer.start()
    np.testing.assert_array_equal(read_map(pipe).data, density())
    writer.join()


def peak_of_reading(path: Path) -> int:
    tracemalloc.start()
    try:
        with pytest.raises(DataError):
            read_map(path)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress], ids=["plain", "gzip", "bzip2"])
@pytest.mark.parametrize("fields", [{"nx": 10_000, "ny": 10_000, "nz": 10_000}, {"nsymbt": 2**31 - 1}], ids=str)
def test_a_claim_of_terabytes_allocates_nothing(tmp_path: Path, pack, fields: dict) -> None:
    assert peak_of_reading(saved(tmp_path, pack(map_bytes(**fields)[:-4]))) < 50e6


@pytest.mark.parametrize(
    ("voxel", "words"),
    [
        (0.13, r"\(0\.13, 0\.13, 0\.13\) A, is unusual \(the cell is in nanometres, perhaps\)"),
        (130, "in picometres, perhaps"),
    ],
)
def test_an_unusual_voxel_size_is_taken_with_a_warning(tmp_path: Path, voxel: float, words: str) -> None:
    path = saved(tmp_path, cell_of(voxel))
    with pytest.warns(CryotoolsWarning, match=words):
        volume = read_map(path)
    np.testing.assert_allclose(volume.voxel_size, voxel, rtol=1e-6)
    assert read_map(path, voxel_size=1.3).voxel_size == (1.3, 1.3, 1.3)


@pytest.mark.slow
def test_a_gzip_bomb_behind_a_huge_extended_header_takes_no_memory(tmp_path: Path) -> None:
    bomb = gzip.compress(map_bytes(nsymbt=2**27) + bytes(1 << 27), compresslevel=1)
    path = saved(tmp_path, bomb, "bomb.mrc.gz")
    tracemalloc.start()
    read_map(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 50e6


@pytest.mark.slow
def test_a_gzip_bomb_is_read_no_further_than_the_map(tmp_path: Path) -> None:
    bomb = GZIPPED + gzip.compress(bytes(1 << 28), compresslevel=1)
    path = saved(tmp_path, bomb, "bomb.mrc.gz")
    tracemalloc.start()
    with pytest.warns(CryotoolsWarning, match="bytes after the data"):
        read_map(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 50e6


def test_a_map_larger_than_the_memory_is_refused_before_it_is_read(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(mapdata, "available_bytes", lambda: 3000)
    with pytest.raises(DataError, match=r"needs 0\.0 GiB of memory .* crop or bin the map first"):
        read_map(saved(tmp_path, GOOD))


def test_a_header_can_be_read_without_its_data(tmp_path: Path) -> None:
    assert read_header(saved(tmp_path, GOOD[:1024])).n == (12, 10, 8)
