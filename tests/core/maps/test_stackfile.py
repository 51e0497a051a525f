"""Image stacks against mrcfile: the same images, without reading the file whole."""

from __future__ import annotations

import gzip
from pathlib import Path

import mrcfile
import numpy as np
import pytest

from cryotools.core.errors import CryotoolsWarning, DataError
from cryotools.core.maps.stackfile import open_stack, write_stack

IMAGES = np.random.default_rng(0).normal(size=(7, 10, 12)).astype(np.float32)


def _stack(path: Path, images: np.ndarray = IMAGES) -> Path:
    with mrcfile.new(path) as file:
        file.set_data(images)
        file.set_image_stack()
        file.voxel_size = 1.5
    return path


@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.int16, np.uint16, np.int8])
def test_images_are_those_that_mrcfile_wrote_in_every_mode(tmp_path: Path, dtype: type) -> None:
    images = (20 + 10 * IMAGES).astype(dtype)
    stack = open_stack(_stack(tmp_path / "a.mrcs", images))
    assert (len(stack), stack.shape, stack.pixel_size) == (7, (10, 12), 1.5)
    assert np.array_equal(stack.read(slice(None)), images.astype(np.float32))
    assert stack.read(slice(0, 1)).dtype == np.float32


def test_images_come_in_the_order_asked_for(tmp_path: Path) -> None:
    stack = open_stack(_stack(tmp_path / "a.mrcs"))
    assert np.array_equal(stack.read(np.array([5, 0, 5])), IMAGES[[5, 0, 5]])


def test_a_plain_stack_is_mapped_and_not_read(tmp_path: Path) -> None:
    stored = open_stack(_stack(tmp_path / "a.mrcs")).stored
    assert isinstance(stored, np.memmap)
    assert not stored.flags.writeable


def test_a_compressed_stack_holds_the_same_images(tmp_path: Path) -> None:
    packed = tmp_path / "a.mrcs.gz"
    packed.write_bytes(gzip.compress(_stack(tmp_path / "a.mrcs").read_bytes()))
    assert np.array_equal(open_stack(packed).read(slice(None)), IMAGES)


def test_a_single_image_is_a_stack_of_one(tmp_path: Path) -> None:
    with mrcfile.new(tmp_path / "one.mrc") as file:
        file.set_data(IMAGES[0])
    assert np.array_equal(open_stack(tmp_path / "one.mrc").read(np.array([0])), IMAGES[:1])


@pytest.mark.parametrize("which", [[7], [-1], [0, 700]])
def test_an_image_that_is_not_there_is_named(tmp_path: Path, which: list[int]) -> None:
    with pytest.raises(DataError, match="the stack has 7"):
        open_stack(_stack(tmp_path / "a.mrcs")).read(np.array(which))


@pytest.mark.parametrize("packed", [False, True])
def test_a_header_that_claims_too_many_images_is_corrected_with_a_warning(tmp_path: Path, packed: bool) -> None:
    content = _stack(tmp_path / "a.mrcs").read_bytes()[: 1024 + 3 * 480 + 100]
    path = tmp_path / ("cut.mrcs.gz" if packed else "cut.mrcs")
    path.write_bytes(gzip.compress(content) if packed else content)
    with pytest.warns(CryotoolsWarning, match="claims 7 images but the file contains 3"):
        stack = open_stack(path)
    assert np.array_equal(stack.read(slice(None)), IMAGES[:3])


def test_a_file_without_one_whole_image_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "cut.mrcs"
    path.write_bytes(_stack(tmp_path / "a.mrcs").read_bytes()[:1100])
    with pytest.raises(DataError, match="not even the first of 7 images is complete"):
        open_stack(path)


def test_an_extended_header_is_skipped(tmp_path: Path) -> None:
    path = _stack(tmp_path / "a.mrcs")
    with mrcfile.open(path, "r+") as file:
        file.set_extended_header(np.zeros(64, dtype=np.uint8))
    assert np.array_equal(open_stack(path).read(slice(None)), IMAGES)


def test_what_is_written_is_an_image_stack_for_mrcfile(tmp_path: Path) -> None:
    path = tmp_path / "out.mrcs"
    assert write_stack(path, [IMAGES[:3], IMAGES[3], IMAGES[4:]], 2.5, label="test") == 7
    with mrcfile.open(path) as file:
        assert file.is_image_stack()
        assert np.array_equal(file.data, IMAGES)
        assert float(file.voxel_size.x) == 2.5
        assert float(file.header.dmean) == pytest.approx(IMAGES.mean(), abs=1e-6)
        assert float(file.header.rms) == pytest.approx(IMAGES.std(), rel=1e-5)
    assert mrcfile.validate(path)


@pytest.mark.parametrize(
    ("images", "words"),
    [
        ([], "no images"),
        ([IMAGES[0], IMAGES[1, :5]], "image 2 measures"),
        ([IMAGES[0] * np.nan], "not finite"),
    ],
)
def test_a_stack_that_cannot_be_written_leaves_no_file(tmp_path: Path, images: list, words: str) -> None:
    with pytest.raises(DataError, match=words):
        write_stack(tmp_path / "out.mrcs", images, 1.0, label="test")
    assert not list(tmp_path.iterdir())
