"""The Python API: what it returns is what the commands write, from files and from objects alike, and it is silent."""

from __future__ import annotations

import inspect
import subprocess
import sys
import warnings

import numpy as np
import pytest

import cryotools as ct
from cryotools.core.errors import UsageError

SITE = "residue 16-40"  # of trypsin; small enough for networks


@pytest.fixture(scope="module")
def structure(trypsin):
    return ct.read_structure(trypsin)


@pytest.fixture(scope="module")
def map_file(structure, tmp_path_factory):
    path = tmp_path_factory.mktemp("api") / "trypsin.mrc"
    ct.write_map(path, ct.molmap(structure, 4, grid_spacing=1.5))
    return path


def _modules_after(code: str) -> set[str]:
    code = f"import sys; before = set(sys.modules); {code}; print(*sorted(set(sys.modules) - before))"
    return set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())


def test_importing_the_package_imports_nothing_else():
    assert _modules_after("import cryotools") == {"cryotools"}


def test_maps_and_classical_simulation_do_not_wait_for_torch():
    there = _modules_after("import cryotools as ct; ct.molmap; ct.read_map; ct.write_map; ct.compare_maps")
    assert "cryotools.api" in there
    assert "torch" not in there


def test_every_stable_name_is_there_documented_and_listed():
    assert set(ct.__all__) <= set(dir(ct))
    for name in ct.__all__:
        assert inspect.getdoc(getattr(ct, name)), name
    assert not hasattr(ct, "read_maps")


def test_further_arguments_go_by_keyword():
    for name in ("read_map", "write_map", "read_structure", "simulate_map", "molmap", "pdb2mrc", "compare_maps"):
        kinds = [p.kind for p in inspect.signature(getattr(ct, name)).parameters.values()]
        assert sum(kind is inspect.Parameter.POSITIONAL_OR_KEYWORD for kind in kinds) <= 2, name


@pytest.mark.parametrize(
    ("words", "make"),
    [
        (
            ["molmap", "{}", "5", "--gridSpacing", "2", "--cube", "40"],
            lambda s: ct.molmap(s, 5, grid_spacing=2, cube=40),
        ),
        (
            ["molmap", "{}", "5", "--symmetry", "C2", "--centerPoint", "10,0,2.5", "--chains", "A"],
            lambda s: ct.molmap(s, 5, symmetry="C2", center=(10, 0, 2.5), chains=["A"]),
        ),
        (
            ["pdb2mrc", "{}", "--res", "5", "--apix", "2", "--box", "50,48,46", "--het", "--trans", "1,2,-3"],
            lambda s: ct.pdb2mrc(s, 5, apix=2, box=(50, 48, 46), het=True, trans=(1, 2, -3)),
        ),
        (
            ["pdb2mrc", "{}", "--center", "--chains", "A", "--omit", "20", "--seed", "3", "--addpdbbfactor"],
            lambda s: ct.pdb2mrc(s, center=True, chains="A", omit=20, seed=3, b_factors=True),
        ),
        (
            ["struc2map", "{}", "--method", "molmap", "--res", "4", "--apix", "1.5", "--weights", "electron"],
            lambda s: ct.simulate_map(s, 4, method="molmap", apix=1.5, weights="electron"),
        ),
        (
            ["struc2map", "{}", "--method", "pdb2mrc", "--box", "40", "--waters", "--noise", "0.1", "--seed", "7"],
            lambda s: ct.simulate_map(s, method="pdb2mrc", box=40, waters=True, noise=0.1, seed=7),
        ),
    ],
)
@pytest.mark.filterwarnings("ignore::cryotools.CryotoolsWarning")
def test_maps_are_those_that_commands_write_from_a_file_and_from_an_object(
    words, make, structure, trypsin, tmp_path, run
):
    verb, _, *options = words
    position = [options.pop(0)] if verb == "molmap" else []
    out = tmp_path / "out.mrc"
    assert run(verb, trypsin, *position, out, *options).code == 0
    written = ct.read_map(out)
    for given in (trypsin, str(trypsin), structure):
        made = make(given)
        assert made.same_grid_as(written)
        assert np.array_equal(made.data, written.data)


def test_a_map_may_lie_on_the_grid_of_a_file_a_volume_or_a_grid(structure, map_file):
    like = ct.read_map(map_file)
    maps = [ct.molmap(structure, 6, on_grid=given) for given in (map_file, like, like.grid)]
    maps += [ct.simulate_map(structure, 6, method="molmap", like=given, waters=True) for given in (map_file, like)]
    assert all(made.same_grid_as(like) for made in maps)
    assert maps[0] == maps[1] == maps[2]
    assert maps[3] == maps[4]


@pytest.mark.slow
def test_learned_maps_take_a_structure_a_network_and_a_map_to_match(structure, trypsin, map_file, tmp_path, run):
    out = tmp_path / "out.mrc"
    words = ["--res", "4", "--apix", "2", "--select", SITE, "--match", map_file]
    assert run("struc2map", trypsin, out, *words).code == 0
    made = ct.simulate_map(structure, 4, apix=2, selection=SITE, match=ct.read_map(map_file))
    assert np.array_equal(made.data, ct.read_map(out).data)


def test_scores_are_the_same_of_files_volumes_and_arrays(structure, map_file):
    other = ct.molmap(structure, 6, on_grid=map_file)
    a = ct.read_map(map_file)
    scores = ct.compare_maps(map_file, other).scores()
    assert 0.5 < scores["correlation_about_mean"] < 1
    assert ct.compare_maps(a, other).scores() == scores
    assert ct.compare_maps(a.data, other.data, voxel_size=1.5).scores() == scores
    near = ct.compare_maps(a, other, around=structure, radius=2.5).scores()
    assert near["n_voxels"] < scores["n_voxels"]


@pytest.mark.slow
def test_annotation_and_verdict_are_those_of_the_commands(structure, trypsin, map_file, tmp_path, run):
    assert run("annotate-sse", map_file, tmp_path / "sse", "--res", "4").code == 0
    annotation = ct.annotate_sse(ct.read_map(map_file), 4)
    assert np.array_equal(annotation.labels, ct.read_map(tmp_path / "sse_labels.mrc").data)
    assert run("eval-disc", map_file, tmp_path / "real.mrc", "--structure", trypsin).code == 0
    verdict = ct.judge_realism(map_file, structure)
    assert verdict.probability == ct.read_map(tmp_path / "real.mrc")


def test_written_arrays_and_volumes_come_back_with_a_line_of_provenance(tmp_path):
    values = np.random.default_rng(0).normal(size=(4, 5, 6)).astype(np.float32)
    ct.write_map(tmp_path / "array.mrc", values, voxel_size=1.5)
    ct.write_map(tmp_path / "volume.mrc", ct.Volume(values, (1.5, 1.5, 1.5)), label="mine")
    array, volume = (ct.read_map(tmp_path / name) for name in ("array.mrc", "volume.mrc"))
    assert array == volume == ct.Volume(values, (1.5, 1.5, 1.5))
    assert b"cryotools" in (tmp_path / "array.mrc").read_bytes()[224:304]
    assert (tmp_path / "volume.mrc").read_bytes()[224:304].startswith(b"mine")


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda s, m: ct.write_map("never.mrc", m.data), "voxel_size"),
        (lambda s, m: ct.compare_maps(m.data[0], m, voxel_size=1.0), "three axes"),
        (lambda s, m: ct.compare_maps(m, m, mask=m, around=s), "mask.*around"),
        (lambda s, m: ct.compare_maps(m, m, interpolation="spline"), "fourier"),
        (lambda s, m: ct.simulate_map(s, method="gauss"), "molmap"),
        (lambda s, m: ct.simulate_map(s, assembly="1"), "read_structure"),
        (lambda s, m: ct.pdb2mrc(s, full=True), "read_structure"),
        (lambda s, m: ct.molmap(s, 4, symmetry="biomt"), "read_structure"),
    ],
)
def test_what_makes_no_sense_is_refused_in_words_of_python(call, words, structure, map_file):
    with pytest.raises(UsageError, match=words):
        call(structure, ct.read_map(map_file))


def test_nothing_is_printed_and_notes_can_be_told_from_warnings(structure, capfd):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        ct.simulate_map(structure, 4, method="molmap", apix=2)
    assert [each.category for each in caught] == [ct.CryotoolsNote]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", category=ct.CryotoolsNote)
        ct.simulate_map(structure, 4, method="molmap", apix=2)
    assert capfd.readouterr() == ("", "")


@pytest.mark.filterwarnings("ignore::cryotools.CryotoolsNote")
def test_simulated_particles_are_those_that_the_command_writes(structure, trypsin, tmp_path, run):
    words = ("--rotate", "residue 16-120", "--hinge", "20,10,20", "--states", 2, "--n", 6, "--box", 16, "--seed", 3)
    assert run("simulate-particles", trypsin, tmp_path / "a.star", *words).code == 0
    turn = {"rotate": "residue 16-120", "hinge": (20, 10, 20), "states": 2}
    made = ct.simulate_particles(structure, tmp_path / "b.star", **turn, n=6, box=16, seed=3)
    written = ct.read_particles(tmp_path / "a.star")
    assert np.array_equal(made.images.read(slice(0, 6)), written.images.read(slice(0, 6)))
    assert np.array_equal(made.poses.rotations, written.poses.rotations)


@pytest.mark.learning
@pytest.mark.filterwarnings("ignore::cryotools.CryotoolsWarning")
def test_a_continuum_of_volumes_is_learned_from_python(structure, tmp_path):
    turn = {"rotate": "residue 16-120", "hinge": (20, 10, 20), "states": 2}
    particles = ct.simulate_particles(structure, tmp_path / "a.star", **turn, n=40, box=16, snr=1)
    for decoder in ("network", "linear"):
        run = ct.train_drgn(particles, tmp_path / decoder, zdim=2, decoder=decoder, epochs=2, width=16)
        assert run.latent().shape == (40, 2)
        assert run.volume(run.latent()[0]).data.shape == (16, 16, 16)
    with pytest.raises(ct.CryotoolsError, match="contains a training run"):
        ct.train_drgn(particles, tmp_path / "network", zdim=2)
    with pytest.raises(ct.CryotoolsError, match="decoder"):
        ct.train_drgn(particles, tmp_path / "other", decoder="cubic")
