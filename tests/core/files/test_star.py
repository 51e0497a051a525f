"""STAR tables in the forms that RELION 3.0, 3.1 and 5 write, and what is written read back."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from Bio.PDB.MMCIF2Dict import MMCIF2Dict

from cryotools.core.errors import DataError
from cryotools.core.files.star import StarTable, read_star, write_star

OLD = """
data_

loop_
_rlnImageName #1
_rlnDefocusU #2
_rlnMicrographName #3
000001@Extract/job012/a.mrcs 15301.1 mic.mrc
000002@Extract/job012/a.mrcs 1.53e4 mic.mrc
"""
NEW = """
# version 30001

data_optics

loop_
_rlnOpticsGroup #1
_rlnOpticsGroupName #2
_rlnOddZernike #3
1 opticsGroup1 [0.06,0.09,-1.7]
2 "group two" [0,0,1]


# version 30001

data_particles

loop_
_rlnOpticsGroup #1
_rlnPhaseShift #2
   1   0.0
   2   .
   1   90.5
"""
PAIRS = "data_general\n\n_rlnTomoSubTomosAre2DStacks 1\n_rlnOther 'two words'\n"


def _file(folder: Path, text: str) -> Path:
    path = folder / "a.star"
    path.write_text(text)
    return path


def test_the_nameless_table_of_relion_3_0_is_read(tmp_path: Path) -> None:
    table = read_star(_file(tmp_path, OLD))[""]
    assert list(table.columns) == ["rlnImageName", "rlnDefocusU", "rlnMicrographName"]
    assert table.text("rlnImageName").tolist() == ["000001@Extract/job012/a.mrcs", "000002@Extract/job012/a.mrcs"]
    assert table.numbers("rlnDefocusU").tolist() == [15301.1, 15300.0]


def test_tables_with_names_vectors_and_quoted_values_are_read(tmp_path: Path) -> None:
    tables = read_star(_file(tmp_path, NEW))
    assert {name: len(table) for name, table in tables.items()} == {"optics": 2, "particles": 3}
    assert tables["optics"].text("rlnOddZernike").tolist() == ["[0.06,0.09,-1.7]", "[0,0,1]"]
    assert tables["optics"].text("rlnOpticsGroupName").tolist() == ["opticsGroup1", "group two"]


def test_a_table_of_single_values_has_one_row(tmp_path: Path) -> None:
    table = read_star(_file(tmp_path, PAIRS))["general"]
    assert (len(table), table.text("rlnOther").tolist()) == (1, ["two words"])


def test_line_ends_of_windows_and_compression_do_not_matter(tmp_path: Path) -> None:
    path = tmp_path / "a.star.gz"
    path.write_bytes(gzip.compress(OLD.replace("\n", "\r\n").encode()))
    assert read_star(path)[""].numbers("rlnDefocusU").tolist() == [15301.1, 15300.0]


def test_a_blank_value_and_a_missing_column_take_the_default_only_where_there_is_one(tmp_path: Path) -> None:
    table = read_star(_file(tmp_path, NEW))["particles"]
    assert table.numbers("rlnPhaseShift", default=0.0).tolist() == [0.0, 0.0, 90.5]
    assert table.numbers("rlnVoltage", default=300.0).tolist() == [300.0] * 3
    with pytest.raises(DataError, match=r"row 2: _rlnPhaseShift is '\.', not a number"):
        table.numbers("rlnPhaseShift")
    with pytest.raises(DataError, match="column _rlnVoltage is missing; it has rlnOpticsGroup, rlnPhaseShift"):
        table.numbers("rlnVoltage")


@pytest.mark.parametrize("text", [OLD, NEW, PAIRS])
def test_what_is_written_reads_back_letter_by_letter(tmp_path: Path, text: str) -> None:
    tables = read_star(_file(tmp_path, text))
    write_star(tmp_path / "out.star", tables)
    again = read_star(tmp_path / "out.star")
    assert list(again) == list(tables)
    for name, table in tables.items():
        assert list(again[name].columns) == list(table.columns)
        assert all(np.array_equal(again[name].text(key), table.text(key)) for key in table.columns)


@pytest.mark.parametrize("text", [OLD, NEW, PAIRS])
def test_a_second_reader_finds_the_same_values(tmp_path: Path, text: str) -> None:
    for name, table in read_star(_file(tmp_path, text)).items():
        write_star(tmp_path / "out.star", {name: table})
        second = MMCIF2Dict(tmp_path / "out.star")
        assert [key for key in second if key != "data_"] == [f"_{column}" for column in table.columns]
        for column in table.columns:
            assert second[f"_{column}"] == table.text(column).tolist()


def test_rows_are_picked_and_columns_replaced(tmp_path: Path) -> None:
    table = read_star(_file(tmp_path, OLD))[""][np.array([1])]
    changed = table.with_columns({"rlnDefocusU": np.array([1 / 3]), "rlnNew": np.array(["x"])})
    assert changed.numbers("rlnDefocusU") == pytest.approx([1 / 3], rel=1e-8)
    assert changed.text("rlnImageName").tolist() == ["000002@Extract/job012/a.mrcs"]
    assert changed.text("rlnNew").tolist() == ["x"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("hello there", "cannot be read as a STAR file"),
        ("data_x\nloop_\n_a\n_b\n1 2 3\n", "cannot be read as a STAR file"),
        ("data_x\n", "contains no table"),
        ("version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer"),
    ],
)
def test_what_is_no_star_file_is_refused_in_one_line(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(DataError, match=words) as caught:
        read_star(_file(tmp_path, text))
    assert "\n" not in str(caught.value)


def test_columns_of_different_lengths_make_no_table() -> None:
    with pytest.raises(ValueError, match="one length"):
        StarTable({"a": np.array(["1"]), "b": np.array(["1", "2"])})
