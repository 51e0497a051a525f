"""The Python API as a whole: its names, what importing it costs, its errors, and that it is silent."""

from __future__ import annotations

import inspect
import subprocess
import sys
import warnings

import pytest

import cryotools as ct
from cryotools.core.errors import UsageError


def _modules_after(code: str) -> set[str]:
    code = f"import sys; before = set(sys.modules); {code}; print(*sorted(set(sys.modules) - before))"
    return set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())


def test_importing_the_package_imports_nothing_else():
    assert _modules_after("import cryotools") == {"cryotools"}


def test_maps_and_classical_simulation_do_not_wait_for_torch():
    there = _modules_after("import cryotools as ct; ct.molmap; ct.read_map; ct.write_map; ct.compare_maps")
    assert "cryotools.api.maps" in there
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
