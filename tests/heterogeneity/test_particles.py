"""Particles of every format are the same particles, and mistakes are found before an image is read."""

from __future__ import annotations

import gzip
import pickle
import warnings
from pathlib import Path

import mrcfile
import numpy as np
import particle_files as sets
import pytest
from Bio.PDB.MMCIF2Dict import MMCIF2Dict
from scipy.spatial.transform import Rotation

from cryotools.core.errors import CryotoolsNote, CryotoolsWarning, DataError, UsageError
from cryotools.core.maps.stackfile import write_stack
from cryotools.heterogeneity.metadata.startables import star_rows
from cryotools.heterogeneity.particles import read_particles

EVERY = np.arange(sets.COUNT)
EULER = Rotation.from_euler("ZYZ", sets.ANGLES, degrees=True)  # RELION's matrix is the transpose of this rotation


def _textbook() -> np.ndarray:
    return EULER.as_matrix().transpose(0, 2, 1)


def test_a_file_of_relion_3_1_gives_each_optics_group_its_own_pixel_size_and_voltage(tmp_path: Path) -> None:
    particles = read_particles(sets.relion31(tmp_path))
    assert np.array_equal(particles.images.read(EVERY), sets.IMAGES)
    assert particles.box == sets.BOX
    assert particles.voxel_size.tolist() == [sets.PIXELS[group] for group in sets.GROUPS]
    assert particles.ctf.voltage.tolist() == [{1: 300, 2: 200}[group] for group in sets.GROUPS]
    assert particles.ctf.amplitude_contrast.tolist() == [{1: 0.1, 2: 0.07}[group] for group in sets.GROUPS]
    assert particles.ctf.defocus_u == pytest.approx(sets.DEFOCUS)
    assert particles.optics_group.tolist() == sets.GROUPS.tolist()
    assert np.allclose(particles.poses.rotations, _textbook(), atol=1e-12)
    assert np.allclose(particles.poses.shifts, sets.ORIGINS / particles.voxel_size[:, None] / sets.BOX)


def test_files_of_relion_3_0_and_cryosparc_give_the_same_particles(tmp_path: Path) -> None:
    old = read_particles(sets.relion30(tmp_path))
    sparc = read_particles(sets.cryosparc(tmp_path, EULER.as_rotvec()))
    for particles in (old, sparc):
        assert np.array_equal(particles.images.read(EVERY), sets.IMAGES)
        assert np.allclose(particles.voxel_size, 2.0)
        assert np.allclose(particles.poses.rotations, _textbook(), atol=1e-6)
        assert np.allclose(particles.poses.shifts, sets.ORIGINS / 2 / sets.BOX, atol=1e-7)
        assert np.allclose(particles.ctf.angle, 30, atol=1e-5)
        assert np.allclose(particles.ctf.phase_shift, 90, atol=1e-5)
        assert np.allclose(particles.ctf.defocus_v, sets.DEFOCUS - 50)


@pytest.mark.parametrize("written", [1, -1])
def test_b_factors_damp_whatever_sign_their_program_writes(tmp_path: Path, written: int) -> None:
    exposure = 4.0 * np.arange(sets.COUNT)
    more = {"CtfBfactor": written * exposure, "CtfScalefactor": np.linspace(1, 0.5, sets.COUNT)}
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        particles = read_particles(sets.relion30(tmp_path, more))
    assert particles.ctf.b_factor.tolist() == exposure.tolist()
    assert particles.ctf.scale == pytest.approx(np.linspace(1, 0.5, sets.COUNT))
    assert any("rlnCtfBfactor is negative, as Warp writes it" in str(each.message) for each in told) == (written < 0)


def test_b_factors_of_both_signs_are_taken_as_they_are(tmp_path: Path) -> None:
    factors = np.array([-5.0, 0, 5, 10, 20, 40])
    assert read_particles(sets.relion30(tmp_path, {"CtfBfactor": factors})).ctf.b_factor.tolist() == factors.tolist()


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("data_optics", "data_general\n\n_rlnTomoSubTomosAre2DStacks 1\n\ndata_optics", "tilt series, each a stack"),
        ("_rlnMicrographName", "_rlnTomoVisibleFrames", "tilt series, each a stack"),
        ("_rlnClassNumber", "_rlnImageDimensionality", "subtomograms, volumes instead of images"),
    ],
)
def test_tilt_series_and_subtomograms_are_told_apart_from_images(
    tmp_path: Path, old: str, new: str, words: str
) -> None:
    path = sets.relion31(tmp_path)
    text = path.read_text().replace(old, new).replace(" 30 1 ", " 30 3 ")
    path.write_text(text)
    with pytest.raises(DataError, match=words):
        read_particles(path)
    assert len(star_rows(path)) == sets.COUNT


def test_pickles_of_cryodrgn_replace_what_a_file_says(tmp_path: Path) -> None:
    sets.relion30(tmp_path)
    (tmp_path / "list.txt").write_text("a.mrcs\nb.mrcs\n")
    order = [0, 2, 4, 1, 3, 5]
    shifts = sets.ORIGINS[order] / 16
    (tmp_path / "poses.pkl").write_bytes(pickle.dumps((_textbook()[order], shifts)))
    table = np.zeros((6, 9))
    table[:] = [16, 1.5, 0, 9000, 10, 300, 2.7, 0.1, 0]  # as it was before binning to 8 pixels
    table[:, 2] = sets.DEFOCUS[order]
    (tmp_path / "ctf.pkl").write_bytes(pickle.dumps(table.astype(np.float32)))
    particles = read_particles(tmp_path / "list.txt", poses=tmp_path / "poses.pkl", ctf=tmp_path / "ctf.pkl")
    assert np.array_equal(particles.images.read(EVERY), sets.IMAGES[order])
    assert np.allclose(particles.poses.shifts, shifts)
    assert particles.voxel_size.tolist() == [3.0] * 6
    (tmp_path / "rotations.pkl").write_bytes(pickle.dumps(_textbook()[order]))
    (tmp_path / "shifts.pkl").write_bytes(pickle.dumps(shifts))
    files = (tmp_path / "rotations.pkl", tmp_path / "shifts.pkl")
    again = read_particles(tmp_path / "list.txt", poses=files, ctf=tmp_path / "ctf.pkl").poses
    assert np.array_equal(again.shifts, particles.poses.shifts)
    with pytest.raises(UsageError, match="`poses`"):
        read_particles(tmp_path / "list.txt", poses=(*files, *files), ctf=tmp_path / "ctf.pkl")
    assert np.allclose(particles.ctf.defocus_u, sets.DEFOCUS[order])


def test_a_bare_stack_has_the_pixel_size_of_its_header_and_no_poses(tmp_path: Path) -> None:
    sets.stacks(tmp_path)
    particles = read_particles(tmp_path / "a.mrcs")
    assert (len(particles), particles.poses, particles.ctf) == (3, None, None)
    assert np.allclose(particles.voxel_size, 2.0)
    assert "3 images of 8 px at 2 A" in repr(particles)


def test_a_missing_phase_shift_is_zero_and_a_missing_amplitude_contrast_is_told(tmp_path: Path) -> None:
    path = sets.relion30(tmp_path, PhaseShift=True)
    with pytest.warns(CryotoolsNote, match="no _rlnPhaseShift; it is taken as 0"):
        particles = read_particles(path)
    assert particles.ctf.phase_shift.tolist() == [0.0] * 6
    path = sets.relion30(tmp_path, AmplitudeContrast=True)
    with pytest.warns(CryotoolsWarning, match=r"0\.1 is assumed"):
        assert read_particles(path).ctf.amplitude_contrast.tolist() == [0.1] * 6


def test_images_are_reduced_in_fourier_space_while_reading(tmp_path: Path) -> None:
    x = np.arange(16)
    wave = np.cos(2 * np.pi * 3 * x / 16) + np.cos(2 * np.pi * 6 * x / 16)
    write_stack(tmp_path / "a.mrcs", [np.tile(wave, (16, 1))], 1.5, label="test")
    particles = read_particles(tmp_path / "a.mrcs", downsample=8)
    assert (particles.box, particles.voxel_size.tolist()) == (8, [3.0])
    # the centre, pixel 8 of 16, becomes pixel 4 of 8; the second wave is beyond the new limit
    expected = np.cos(2 * np.pi * 3 * (np.arange(8) - 4) / 8 + np.pi * 3)
    assert np.allclose(particles.images.read(np.array([0]))[0], np.tile(expected, (8, 1)), atol=1e-5)


@pytest.mark.parametrize("box", [7, 0, 18])
def test_a_box_that_images_cannot_be_reduced_to_is_refused(tmp_path: Path, box: int) -> None:
    sets.stacks(tmp_path)
    with pytest.raises(UsageError, match=f"`downsample` {box}: give an even number of pixels, 2 to 8"):
        read_particles(tmp_path / "a.mrcs", downsample=box)


def test_images_kept_in_memory_are_the_same_and_are_read_once(tmp_path: Path) -> None:
    images = read_particles(sets.relion31(tmp_path)).images.kept()
    assert np.array_equal(images.read(np.array([4, 1, 4])), sets.IMAGES[[4, 1, 4]])
    (tmp_path / "a.mrcs").unlink()
    assert np.array_equal(images.read(np.array([4])), sets.IMAGES[[4]])
    with pytest.raises(DataError, match="has changed since it was opened"):
        images.read(np.array([0]))
    assert images.kept(share=0.0) is images


def test_batches_go_through_all_images_in_order(tmp_path: Path) -> None:
    images = read_particles(sets.relion31(tmp_path)).images
    which, read = zip(*images.batches(4), strict=True)
    assert [each.tolist() for each in which] == [[0, 1, 2, 3], [4, 5]]
    assert np.array_equal(np.concatenate(read), sets.IMAGES)


def test_a_selection_written_as_star_keeps_all_columns_and_optics_and_is_read_back(tmp_path: Path) -> None:
    particles = read_particles(sets.relion31(tmp_path))
    chosen = particles[np.array([4, 1])]
    chosen.write(tmp_path / "out.star")
    text = (tmp_path / "out.star").read_text()
    assert text.count("# version 30001") == 2
    second = MMCIF2Dict((tmp_path / "out.star").as_posix())
    assert second["_rlnMicrographName"] == ["mic 4.mrc", "mic 1.mrc"]
    assert second["_rlnImageName"] == ["000003@Extract/a.mrcs", "000001@Extract/b.mrcs"]
    again = read_particles(tmp_path / "out.star")
    assert np.array_equal(again.images.read(np.arange(2)), sets.IMAGES[[4, 1]])
    assert np.array_equal(again.poses.rotations, chosen.poses.rotations)
    assert np.array_equal(again.voxel_size, chosen.voxel_size)
    assert again.source.columns == particles.source.columns


def test_a_selection_written_as_cs_keeps_all_fields_and_uids(tmp_path: Path) -> None:
    path = sets.cryosparc(tmp_path, EULER.as_rotvec())
    read_particles(path)[np.array([5, 0])].write(tmp_path / "out.cs")
    before, after = np.load(path), np.load(tmp_path / "out.cs")
    assert np.array_equal(after, before[[5, 0]])


def test_fields_passed_through_are_matched_by_uid_whatever_their_order(tmp_path: Path) -> None:
    whole = np.load(sets.cryosparc(tmp_path, EULER.as_rotvec()))
    (tmp_path / "whole.cs").write_bytes((tmp_path / "particles.cs").read_bytes())
    names = [name for name in whole.dtype.names if not name.startswith("alignments3D")]
    with (tmp_path / "passed.cs").open("wb") as stream:
        np.save(stream, whole[["uid", *names[1:]]][::-1])
    sets.cryosparc(tmp_path, EULER.as_rotvec(), ("uid", "alignments3D/pose", "alignments3D/shift"))
    with pytest.raises(DataError, match="has no blob/path"):
        read_particles(tmp_path / "particles.cs")
    particles = read_particles(tmp_path / "particles.cs", passthrough=tmp_path / "passed.cs")
    assert np.array_equal(particles.images.read(EVERY), sets.IMAGES)
    assert np.allclose(particles.ctf.defocus_u, sets.DEFOCUS)
    with (tmp_path / "passed.cs").open("wb") as stream:
        np.save(stream, whole[names][:4])
    with pytest.raises(DataError, match=r"2 of the 6 particles .* are not in it \(the first is row 5\)"):
        read_particles(tmp_path / "particles.cs", passthrough=tmp_path / "passed.cs")


def test_the_pose_of_a_heterogeneous_refinement_is_that_of_the_best_class(tmp_path: Path) -> None:
    whole = np.load(sets.cryosparc(tmp_path, EULER.as_rotvec()))
    kinds = [("pose", "<f4", (2, 3)), ("shift", "<f4", (2, 2)), ("class_posterior", "<f4", (2,)), ("psize_A", "<f4")]
    fields = [name for name in whole.dtype.names if not name.startswith("alignments3D")]
    multi = np.zeros(
        len(whole),
        dtype=[*((name, whole.dtype[name]) for name in fields), *((f"alignments3D_multi/{n}", *t) for n, *t in kinds)],
    )
    for name in fields:
        multi[name] = whole[name]
    best = np.array([0, 1, 1, 0, 0, 1])
    multi["alignments3D_multi/pose"][EVERY, best] = whole["alignments3D/pose"]
    multi["alignments3D_multi/class_posterior"][EVERY, best] = 0.9
    multi["alignments3D_multi/psize_A"] = 4.0
    with (tmp_path / "particles.cs").open("wb") as stream:
        np.save(stream, multi)
    assert np.allclose(read_particles(tmp_path / "particles.cs").poses.rotations, _textbook(), atol=1e-6)


def _break(folder: Path, old: str, new: str) -> Path:
    path = sets.relion31(folder)
    path.write_text(path.read_text().replace(old, new))
    return path


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("000003@Extract/b", "000004@Extract/b", r"row 6: asks for image 4 of .*b\.mrcs, which has 3"),
        ("000003@Extract/b", "000000@Extract/b", "row 6: _rlnImageName is .*counted from 1@"),
        ("000003@Extract/b", "Extract/b", "row 6: names .*without saying which"),
        ("000001@Extract/b", "000001@Extract/c", r"row 2: the stack Extract/c\.mrcs is not in .*`datadir`"),
        ("1 300 2.7", "3 300 2.7", "row 1: optics group 1 is not in data_optics"),
        ("_rlnVoltage", "_rlnVolts", "_rlnVoltage is missing"),
        ("data_optics", "data_other", r"the pixel size is missing \(_rlnImagePixelSize of data_optics\)"),
        (f" {sets.BOX}\n", " 16\n", "the images measure 8 pixels, but .* says 16"),
        ("10200.0", "nan", "row 3: _rlnDefocusU is 'nan'"),
        (" 2.5 8", " -1 8", "the pixel size is -1 Å"),
        ("rlnImageName", "rlnPicture", "no table has _rlnImageName"),
    ],
)
def test_a_broken_star_file_is_refused_with_the_place(tmp_path: Path, old: str, new: str, words: str) -> None:
    with pytest.raises(DataError, match=words):
        read_particles(_break(tmp_path, old, new))


def test_stacks_are_found_in_the_folders_around_the_file_and_in_the_data_folder(tmp_path: Path) -> None:
    (tmp_path / "project/Refine3D/job7").mkdir(parents=True)
    (tmp_path / "project/Extract").mkdir()
    (tmp_path / "elsewhere").mkdir()
    path = sets.relion31(tmp_path / "project/Refine3D/job7")
    for name in "ab":
        (path.parent / f"{name}.mrcs").rename(tmp_path / f"project/Extract/{name}.mrcs")
    assert np.array_equal(read_particles(path).images.read(EVERY), sets.IMAGES)
    for name in "ab":
        (tmp_path / f"project/Extract/{name}.mrcs").rename(tmp_path / f"elsewhere/{name}.mrcs")
    with pytest.raises(DataError, match="is not in"):
        read_particles(path)
    assert np.array_equal(read_particles(path, datadir=tmp_path / "elsewhere").images.read(EVERY), sets.IMAGES)


def test_images_that_are_not_numbers_are_refused_when_read(tmp_path: Path) -> None:
    path = sets.relion31(tmp_path)
    with mrcfile.open(tmp_path / "b.mrcs", "r+") as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        file.data[1, 2, 3] = np.nan
    images = read_particles(path).images
    assert np.array_equal(images.read(np.array([1, 2])), sets.IMAGES[[1, 2]])
    with pytest.raises(DataError, match=r"b\.mrcs: image 2 contains NaN"):
        images.read(EVERY)
    with pytest.raises(DataError, match="there is no particle 7; there are 6"):
        images.read(np.array([6]))


@pytest.mark.parametrize(
    ("shape", "words"),
    [((8, 6), "6 x 8 pixels, which is not square"), ((7, 7), "7 x 7 pixels, which is odd"), ((16, 16), "8 x 8")],
)
def test_odd_oblong_and_mixed_boxes_are_refused(tmp_path: Path, shape: tuple[int, int], words: str) -> None:
    path = sets.relion31(tmp_path)
    write_stack(tmp_path / "a.mrcs", np.ones((3, *shape)), 2.0, label="test")
    with pytest.raises(DataError, match=words):
        read_particles(path)


def test_a_header_that_claims_more_images_than_there_are_does_not_hide_that_they_are_missing(tmp_path: Path) -> None:
    path = sets.relion31(tmp_path)
    (tmp_path / "a.mrcs").write_bytes((tmp_path / "a.mrcs").read_bytes()[: 1024 + 2 * 256])
    with pytest.warns(CryotoolsWarning, match="claims 3 images but"), pytest.raises(DataError, match="row 5: asks for"):
        read_particles(path)


def test_what_is_odd_about_many_stacks_is_told_once(tmp_path: Path) -> None:
    path = sets.relion31(tmp_path)
    for name in "ab":
        content = bytearray((tmp_path / f"{name}.mrcs").read_bytes())
        content[208:216] = bytes(8)  # neither MAP ID nor machine stamp
        (tmp_path / f"{name}.mrcs").write_bytes(content)
    with pytest.warns(CryotoolsWarning) as told:
        read_particles(path)
    assert [("(and 1 more stacks): " in str(each.message)) for each in told if each.category is CryotoolsWarning] == [
        True,
        True,
    ]


def test_compressed_stacks_are_found_by_the_name_of_the_plain_ones(tmp_path: Path) -> None:
    path = sets.relion31(tmp_path)
    (tmp_path / "a.mrcs.gz").write_bytes(gzip.compress((tmp_path / "a.mrcs").read_bytes()))
    (tmp_path / "a.mrcs").unlink()
    assert np.array_equal(read_particles(path).images.read(slice(None)), sets.IMAGES)


def test_images_are_chosen_by_masks_and_slices_as_by_numbers(tmp_path: Path) -> None:
    images = read_particles(sets.relion31(tmp_path)).images
    assert np.array_equal(images.read(slice(1, 4)), sets.IMAGES[1:4])
    assert np.array_equal(images.read(sets.GROUPS == 2), sets.IMAGES[sets.GROUPS == 2])
    assert images.read(np.array([], dtype=int)).shape == (0, sets.BOX, sets.BOX)


def test_pickles_of_another_set_are_refused(tmp_path: Path) -> None:
    sets.stacks(tmp_path)
    (tmp_path / "poses.pkl").write_bytes(pickle.dumps(np.tile(np.eye(3), (4, 1, 1))))
    with pytest.raises(DataError, match=r"poses\.pkl: has 4 rows but .*a\.mrcs has 3 particles"):
        read_particles(tmp_path / "a.mrcs", poses=tmp_path / "poses.pkl")
    (tmp_path / "poses.pkl").write_bytes(pickle.dumps(2 * np.tile(np.eye(3), (3, 1, 1))))
    with pytest.raises(DataError, match=r"poses\.pkl: the pose of particle 1 is not a rotation"):
        read_particles(tmp_path / "a.mrcs", poses=tmp_path / "poses.pkl")


def test_a_pixel_size_that_is_nowhere_given_is_asked_for(tmp_path: Path) -> None:
    write_stack(tmp_path / "a.mrcs", sets.IMAGES, 0.0, label="test")
    with pytest.raises(DataError, match="pixel size of image 1 is given nowhere; give `voxel_size`"):
        read_particles(tmp_path / "a.mrcs")
    assert read_particles(tmp_path / "a.mrcs", voxel_size=1.5).voxel_size.tolist() == [1.5] * 6
    with pytest.raises(UsageError, match="give a positive number"):
        read_particles(tmp_path / "a.mrcs", voxel_size=-1.5)


def test_formats_that_do_not_fit_are_usage_errors(tmp_path: Path) -> None:
    path = sets.relion31(tmp_path)
    with pytest.raises(UsageError, match=r"name a \.star file"):
        read_particles(path).write(tmp_path / "out.cs")
    with pytest.raises(UsageError, match="no metadata to write back"):
        read_particles(tmp_path / "a.mrcs").write(tmp_path / "out.star")
    with pytest.raises(UsageError, match="is not a file of particles"):
        read_particles(tmp_path / "a.pdb")
    with pytest.raises(UsageError, match=r"belongs to a \.cs file"):
        read_particles(path, passthrough=tmp_path / "b.cs")
    (tmp_path / "text.cs").write_text("uid,blob\n")
    with pytest.raises(DataError, match=r"is not a \.cs file"):
        read_particles(tmp_path / "text.cs")
