from __future__ import annotations

import numpy as np

from cryotools.core.maps.volume import Volume
from cryotools.view.chimerax import ChimeraxScript, MapSource, colour_residues


def test_models_are_numbered_as_they_are_opened_and_named_from_the_script_s_folder(tmp_path):
    (tmp_path / "results").mkdir()
    script = ChimeraxScript(tmp_path / "results" / "show.cxc")
    assert script.open(tmp_path / "the map.mrc") == "#1"
    assert script.open(tmp_path / "results" / "a.pdb") == "#2"
    assert script.open(tmp_path / 'the "best".mrc') == "#3"
    assert script.text().splitlines() == [
        'open "../the map.mrc"',
        'open "a.pdb"',
        "open '../the \"best\".mrc'",
    ]


def test_a_map_is_shown_as_it_was_read():
    volume = Volume(np.zeros((2, 2, 2)), (1.5, 1.5, 1.5), (12.0, -9.0, 0.25))
    script = ChimeraxScript("show.cxc")
    assert script.open_map(MapSource("map.mrc"), volume, 0.5, "grey") == "#1"
    assert script.open_map(MapSource("map.mrc", inverted=True, placed=True), volume, 0.5, "grey") == "#2"
    assert script.text().splitlines() == [
        'open "map.mrc"',
        "volume #1 style surface step 1 level 0.5 color grey",
        'open "map.mrc"',
        "volume #2 voxelSize 1.5,1.5,1.5 origin 12,-9,0.25",
        "volume #2 style surface step 1 level -0.5 color grey",
    ]


def test_commands_are_those_of_chimerax():
    script = ChimeraxScript("show.cxc")
    script.add("# three ways to look")
    script.place("#1", Volume(np.zeros((2, 2, 2)), (1.5, 1.5, 1.0625), (12.0, -9.0, 0.25)))
    script.surface("#1", 0.0123456789, "red")
    script.points("#2", {"H": "red", "S": "#0000ff"})
    script.cartoon("#3", "grey")
    assert script.text() == (
        "# three ways to look\n"
        "volume #1 voxelSize 1.5,1.5,1.0625 origin 12,-9,0.25\n"
        "volume #1 style surface step 1 level 0.0123457 color red\n"
        "style #2 ball\nsize #2 atomRadius 0.6\nshow #2 atoms\ncolor #2/H red\ncolor #2/S #0000ff\n"
        "hide #3 atoms\ncartoon #3\ncolor #3 grey\n"
    )


def test_residues_are_coloured_by_chain_in_ranges_that_hold_no_others():
    chain = np.array(["A"] * 7 + ["", "Long"])
    number = np.array([1, 2, 3, 5, 6, 6, 7, 4, 9])
    code = np.array(["", "", "", "", "", "B", "", "", ""])
    red = np.array([True, True, True, True, True, True, True, True, False])
    red[0] = False
    lines = list(colour_residues("#6", chain, number, code, {"red": red, "blue": ~red}))
    assert lines == [
        "color #6/A:2-3,5,6,6B,7 red",
        "color #6/A:1 blue",
        "color #6:4 red",
        "color #6/Long:9 blue",
    ]


def test_nothing_to_colour_is_no_command():
    nothing = np.zeros(0, dtype=int)
    assert not list(colour_residues("#1", nothing.astype(str), nothing, nothing.astype(str), {"red": nothing > 0}))
