"""`cryotools build-model` as it is called."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

DATA = Path(__file__).parents[1] / "data"
REAL = DATA / "emd_3488_crop.mrc.gz"
ALPHA = (
    "VLSPADKTNVKAAWGKVGAHAGEYGAEALERMFLSFPTTKTYFPHFDLSHGSAQVKGHGKKVADALTNAVAHVDDMPNALSALSDLHAHKLRVDPVNFKLLSHCLLVTLAAHLPAEFTPAVH"
    "ASLDKFLASVSTVLTSKYR"
)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("alpha.fasta").write_text(f">alpha\n{ALPHA}\n")


@pytest.mark.slow
def test_a_model_comes_with_a_table_a_script_and_a_report(run):
    done = run(
        "build-model", REAL, "out.cif", "--sequence", "alpha.fasta", "--res", 3.2, "--report", "out.md", "--json"
    )
    assert done.code == 0, done.err
    figures = json.loads(done.out)
    assert figures["outputs"] == ["out.png", "out.md", "out.csv", "out.cxc", "out.cif"]
    assert all(Path(name).stat().st_size for name in figures["outputs"])
    assert figures["n_residues"] > 30
    assert "residues in" in done.err
    assert "color byattribute bfactor #2" in Path("out.cxc").read_text()


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ((REAL, "out.pdb"), 2, "must end in .cif"),
        ((REAL, "out.cif", "--res", 7), 1, "annotate-sse finds its helices"),
        ((REAL, "out.cif", "--report", "nowhere/out.md"), 1, "does not exist"),
        ((REAL, "out.cif", "--sequence", "missing.fasta"), 1, "missing.fasta"),
        ((REAL, "alpha.fasta.cif", "--mask", "missing.mrc"), 1, "missing.mrc"),
        ((REAL, "out.cif", "--symmetry", "D7"), 1, "does not have the symmetry D7"),
        ((REAL, "out.cif", "--symmetry", "Q"), 2, "Cn, Dn, T, O, I, or a file"),
        ((REAL, "out.cif", "--symmetry", "alpha.fasta"), 1, "no operators"),
    ],
)
def test_mistakes_are_told_in_one_line_and_leave_nothing(run, arguments, code, message):
    done = run("build-model", *arguments)
    assert done.code == code
    errors = [line for line in done.err.splitlines() if "error" in line]
    assert len(errors) == 1
    assert message in errors[0]
    assert not list(Path().glob("*.c*"))


def test_a_mask_on_another_grid_is_refused(run):
    from cryotools.core.maps.mapwrite import write_map
    from cryotools.core.maps.volume import Volume

    write_map("mask.mrc", Volume(np.ones((3, 3, 3), dtype=np.float32), (2.0, 2.0, 2.0)), label="mask")
    done = run("build-model", REAL, "out.cif", "--mask", "mask.mrc")
    assert done.code == 1
    assert "another grid" in done.err
