"""Maps that are sound: what goes in comes out, where it belongs, and other readers agree."""

from __future__ import annotations

import bz2
import gzip
import io
from pathlib import Path

import gemmi
import mrcfile
import numpy as np
import pytest
from broken_maps import AXIS_ORDERS, MODES, VOXEL, density, map_bytes, permuted, saved
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from cryotools.core.errors import CryotoolsWarning, DataError
from cryotools.core.maps.mapdata import statistics
from cryotools.core.maps.mapfile import describe_position, read_grid, read_header, read_map
from cryotools.core.maps.mapwrite import write_map
from cryotools.core.maps.volume import Volume

SHAPES = hnp.array_shapes(min_dims=3, max_dims=3, min_side=2, max_side=6)
STEPS = st.floats(0.25, 20)
quick = settings(max_examples=40, deadline=None, derandomize=True)


def finite(width: int) -> st.SearchStrategy[np.ndarray]:
    values = st.floats(width=width, allow_nan=False, allow_infinity=False)
    return hnp.arrays(f"f{width // 8}", SHAPES, elements=values)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("maps")


@pytest.mark.slow
@pytest.mark.parametrize(("mode", "width"), [(2, 32), (12, 16)])
def test_what_is_written_is_read_back(folder: Path, mode: int, width: int) -> None:
    @quick
    @given(data=finite(width), steps=st.tuples(STEPS, STEPS, STEPS), start=st.tuples(*[st.integers(-500, 500)] * 3))
    def check(data: np.ndarray, steps: tuple[float, ...], start: tuple[int, ...]) -> None:
        written = Volume(data, steps, np.multiply(start, steps))
        path = folder / f"round{mode}.mrc"
        write_map(path, written, label="test", mode=mode)
        back = read_map(path)
        np.testing.assert_array_equal(back.data, data.astype(np.float32))
        assert back.same_grid_as(written)
        assert read_grid(path).same_as(written.grid)

    check()


@pytest.mark.slow
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("mode", MODES)
def test_every_mode_in_both_byte_orders_reads_as_float32(folder: Path, mode: int, order: str) -> None:
    values = finite(16) if mode == 12 else finite(32) if mode == 2 else hnp.arrays(MODES[mode], SHAPES)

    @quick
    @given(data=values)
    def check(data: np.ndarray) -> None:
        back = read_map(saved(folder, map_bytes(data, mode, order)))
        assert back.data.dtype == np.float32
        np.testing.assert_array_equal(back.data, data.astype(np.float32))

    check()


@pytest.mark.parametrize("axes", AXIS_ORDERS)
def test_nstart_follows_the_axes(tmp_path: Path, axes: tuple[int, int, int]) -> None:
    volume = read_map(saved(tmp_path, permuted(density(), axes, nstart=(-3, 5, 7))))
    np.testing.assert_array_equal(volume.data, density())
    np.testing.assert_allclose(volume.origin, np.multiply((-3, 5, 7), VOXEL), rtol=1e-6)


@pytest.mark.parametrize("axes", AXIS_ORDERS)
def test_origin_does_not_follow_the_axes(tmp_path: Path, axes: tuple[int, int, int]) -> None:
    content = bytearray(permuted(density(), axes))
    content[196:208] = np.array([1.5, -2.5, 30.25], "<f4").tobytes()
    assert read_map(saved(tmp_path, bytes(content))).origin == (1.5, -2.5, 30.25)


def test_a_crop_takes_its_voxel_size_from_the_sampling(tmp_path: Path) -> None:
    path = saved(tmp_path, map_bytes(mx=100, my=100, mz=100, cella=(100, 120, 150), nxstart=10, nystart=-20, nzstart=3))
    volume = read_map(path)
    np.testing.assert_allclose(volume.voxel_size, (1, 1.2, 1.5))
    np.testing.assert_allclose(volume.origin, (10, -24, 4.5))
    assert describe_position(read_header(path)) == "nstart"


def test_origin_wins_over_nstart_with_a_warning_where_they_disagree(tmp_path: Path) -> None:
    path = saved(tmp_path, map_bytes(origin=(10, 20, 30), nxstart=1))
    with pytest.warns(
        CryotoolsWarning, match=r"ORIGIN \(10, 20, 30\) and nstart \(1, 0, 0\).*disagree; ORIGIN is used"
    ):
        assert read_map(path).origin == (10, 20, 30)


def test_origin_and_nstart_that_agree_bring_no_warning(tmp_path: Path) -> None:
    path = saved(tmp_path, map_bytes(origin=(-2 * VOXEL, 0, 4 * VOXEL), nxstart=-2, nzstart=4))
    np.testing.assert_allclose(read_map(path).origin, (-2 * VOXEL, 0, 4 * VOXEL), rtol=1e-6)


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, bytes], ids=["gzip", "bzip2", "plain"])
@pytest.mark.parametrize("suffix", [".mrc", ".mrc.gz", ".map.bz2", ".ccp4"])
def test_compression_is_told_by_content(tmp_path: Path, pack, suffix: str) -> None:
    path = saved(tmp_path, pack(map_bytes()), "map" + suffix)
    np.testing.assert_array_equal(read_map(path).data, density())


def test_gzip_in_several_members_is_read_whole(tmp_path: Path) -> None:
    whole = map_bytes()
    path = saved(tmp_path, gzip.compress(whole[:2000]) + gzip.compress(whole[2000:]), "map.mrc.gz")
    np.testing.assert_array_equal(read_map(path).data, density())


@pytest.mark.parametrize("suffix", [".mrc", ".mrc.gz", ".mrc.bz2"])
def test_the_suffix_decides_how_a_map_is_packed(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"out{suffix}"
    write_map(path, Volume(density(), (VOXEL,) * 3), label="test")
    magic = {".mrc": b"\x0c\0\0\0", ".mrc.gz": b"\x1f\x8b", ".mrc.bz2": b"BZh"}[suffix]
    assert path.read_bytes().startswith(magic)
    np.testing.assert_array_equal(read_map(path).data, density())


def test_the_same_map_is_written_as_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.mrc.gz", "b.mrc.gz"):
        write_map(tmp_path / name, Volume(density(), (VOXEL,) * 3), label="test")
    assert (tmp_path / "a.mrc.gz").read_bytes() == (tmp_path / "b.mrc.gz").read_bytes()


def test_ten_labels_at_most_are_kept_and_ours_is_last(tmp_path: Path) -> None:
    path = tmp_path / "out.mrc"
    write_map(path, Volume(density(), (1, 1, 1)), label="ours", labels=[f"line {i}" for i in range(12)])
    assert read_header(path).labels == (*(f"line {i}" for i in range(3, 12)), "ours")


def test_labels_become_80_ascii_characters(tmp_path: Path) -> None:
    path = tmp_path / "out.mrc"
    write_map(path, Volume(density(), (1, 1, 1)), label="é" * 100)
    assert read_header(path).labels == ("?" * 80,)


@pytest.mark.parametrize("shape", [(2, 3, 4), (40, 90, 100)])
def test_header_statistics_are_those_of_numpy_in_float64(tmp_path: Path, shape: tuple[int, ...]) -> None:
    data = np.random.default_rng(1).normal(1000, 1, shape).astype(np.float32)
    path = tmp_path / "out.mrc"
    returned = write_map(path, Volume(data, (1, 1, 1)), label="test")
    wide = data.astype(np.float64)
    expected = (wide.min(), wide.max(), wide.mean(), wide.std())
    np.testing.assert_allclose(returned, expected, rtol=1e-9)
    np.testing.assert_allclose(read_header(path).statistics, expected, rtol=1e-6)


def test_statistics_of_huge_values_stay_finite() -> None:
    low, high, mean, deviation = statistics(np.array([[[-1e38, 3e38]]], dtype=np.float32))
    np.testing.assert_allclose((low, high, mean, deviation), (-1e38, 3e38, 1e38, 2e38), rtol=1e-6)


@pytest.mark.parametrize("mode", [2, 12])
@pytest.mark.parametrize("suffix", [".mrc", ".mrc.gz"])
def test_mrcfile_finds_our_maps_valid(tmp_path: Path, mode: int, suffix: str) -> None:
    path = tmp_path / f"out{suffix}"
    data = np.random.default_rng(2).normal(size=(5, 6, 7)).astype(np.float32)
    write_map(path, Volume(data, (1.1, 1.2, 1.3), (2.2, -3.6, 0.1)), label="test", mode=mode)
    report = io.StringIO()
    assert mrcfile.validate(path, print_file=report), report.getvalue()
    with mrcfile.open(path) as seen:
        np.testing.assert_array_equal(seen.data, data.astype(MODES[mode]))
        np.testing.assert_allclose(seen.voxel_size.tolist(), (1.1, 1.2, 1.3), rtol=1e-6)
        np.testing.assert_allclose(seen.header.origin.tolist(), (2.2, -3.6, 0.1), rtol=1e-6)


def test_gemmi_puts_our_maps_where_they_belong(tmp_path: Path) -> None:
    volume = Volume(density((6, 7, 8)), (1.5, 1.25, 2.0), (-4.5, 12.5, 2.0))
    write_map(tmp_path / "out.ccp4", volume, label="test")
    seen = gemmi.read_ccp4_map(str(tmp_path / "out.ccp4"))
    seen.setup(0.0)
    for index in [(0, 0, 0), (7, 6, 5), (3, 1, 4)]:
        at = gemmi.Position(*volume.grid.index_to_world(index))
        assert seen.grid.tricubic_interpolation(at) == pytest.approx(volume.data[index[::-1]], rel=1e-4)


def test_an_origin_between_voxels_is_written_as_origin_alone(tmp_path: Path) -> None:
    write_map(tmp_path / "out.mrc", Volume(density(), (1, 1, 1), (0.5, 2, 3)), label="test")
    header = read_header(tmp_path / "out.mrc")
    assert header.origin == (0.5, 2, 3)
    assert header.nstart == (0, 0, 0)


def test_values_beyond_float16_are_refused_for_mode_12(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"out\.mrc: values beyond 65504 do not fit float16 \(mode 12\); use `mode=2`"):
        write_map(tmp_path / "out.mrc", Volume(density() * 1000, (1, 1, 1)), label="test", mode=12)
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("mode", [2, 12])
@pytest.mark.parametrize("where", ["nowhere", "start", "middle", "end", "scattered"])
def test_long_stretches_of_zeros_are_written_and_read_as_zeros(tmp_path, mode, where):
    data = np.zeros((40, 70, 61), dtype=np.float32)
    flat = data.reshape(-1)
    flat[
        {"nowhere": [], "start": [0], "middle": [80_000], "end": [-1], "scattered": [3, 16_127, 16_128, 99_999]}[where]
    ] = 2
    write_map(tmp_path / "a.mrc", Volume(data, (1.0, 1.0, 1.0)), label="x", mode=mode)
    assert (tmp_path / "a.mrc").stat().st_size == 1024 + data.size * (4 if mode == 2 else 2)
    assert np.array_equal(mrcfile.read(tmp_path / "a.mrc"), data)


def test_minus_zero_stays_what_it_is(tmp_path):
    data = np.full((40, 40, 40), -0.0, dtype=np.float32)
    write_map(tmp_path / "a.mrc", Volume(data, (1.0, 1.0, 1.0)), label="x")
    assert np.signbit(mrcfile.read(tmp_path / "a.mrc")).all()


def test_solvent_takes_no_room_on_the_disk(tmp_path):
    data = np.zeros((100, 100, 100), dtype=np.float32)
    data[50] = 1
    write_map(tmp_path / "a.mrc", Volume(data, (1.0, 1.0, 1.0)), label="x")
    with (tmp_path / "holes").open("wb") as file:
        file.truncate(1 << 22)
    if (tmp_path / "holes").stat().st_blocks:
        pytest.skip("this file system keeps no holes")
    assert (tmp_path / "a.mrc").stat().st_blocks * 512 < data.nbytes / 4
