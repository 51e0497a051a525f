"""Maps of structures from Python are what the commands write, from files and from objects alike."""

from __future__ import annotations

import numpy as np
import pytest

import cryotools as ct

SITE = "residue 16-40"  # of trypsin; small enough for networks


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
