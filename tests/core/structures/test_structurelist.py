from __future__ import annotations

import gzip

import pytest

from cryotools.core.errors import DataError
from cryotools.core.structures.structurelist import list_structures, stem


def files(source, columns=()):
    return [row.values["file"] for row in list_structures(source, columns)]


def test_a_folder_gives_what_is_named_like_a_structure_in_order(tmp_path):
    for name in ("b.cif.gz", "a.pdb", "C.ENT", "d.mmcif.bz2", "._a.pdb", "map.mrc", "notes.txt", "e.cif.txt"):
        (tmp_path / name).touch()
    (tmp_path / "sub").mkdir()
    assert files(tmp_path) == [str(tmp_path / name) for name in ("C.ENT", "a.pdb", "b.cif.gz", "d.mmcif.bz2")]


LISTS = {
    "paths": "one.pdb\nsub/two.cif\n",
    "paths with comments and blanks": "# all of them\n\n one.pdb\r\nsub/two.cif  \n\n",
    "a path with a comma": "sub,three.pdb\none.pdb\n",
    "a table": "file\none.pdb\nsub/two.cif\n",
    "a table in another order": "res,File\n3,one.pdb\n4,sub/two.cif\n",
    "a table with semicolons": "file;res\none.pdb;3\nsub/two.cif;4\n",
    "compressed": gzip.compress(b"one.pdb\nsub/two.cif\n"),
    "of Windows": "one.pdb\nsub/two.cif\n".encode("utf-16"),
}


@pytest.mark.parametrize("what", LISTS)
def test_a_list_gives_its_files_relative_to_itself(tmp_path, what):
    content = LISTS[what]
    listed = tmp_path / "list.txt"
    listed.write_bytes(content.encode() if isinstance(content, str) else content)
    (tmp_path / "sub,three.pdb").touch()  # a path may look like a header
    names = ["sub,three.pdb", "one.pdb"] if "comma" in what else ["one.pdb", "sub/two.cif"]
    assert files(listed, ["res"]) == [str(tmp_path / name) for name in names]


def test_absolute_paths_stay(tmp_path):
    listed = tmp_path / "list.txt"
    listed.write_text("/data/one.pdb\n")
    assert files(listed) == ["/data/one.pdb"]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("list.csv", "structure,res\na.pdb,3\n", "line 1: column file is missing"),
        ("list.csv", "file,res\na.pdb,3\n,4\n", "line 3: column file is empty"),
        ("list.csv", "file,res\n", "has no structures"),
        ("list.csv", "file\n", "has no structures"),
        ("list.txt", "# nothing\n", "column file is missing"),
        ("model.cif", "data_1abc\n", "has the name of a structure, not of a list"),
        ("list.txt", "Präparat.pdb\n".encode("latin-1"), "line 1: is not UTF-8 text"),
    ],
)
def test_what_is_no_list_is_named(tmp_path, name, content, words):
    (tmp_path / name).write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(DataError, match=words):
        list_structures(tmp_path / name, ["res"])


def test_an_empty_folder_and_an_absent_list_are_named(tmp_path):
    with pytest.raises(DataError, match="has no structures"):
        list_structures(tmp_path)
    with pytest.raises(DataError, match=r"gone\.txt: no such file"):
        list_structures(tmp_path / "gone.txt")


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("a/1abc.pdb", "1abc"),
        ("1abc.cif.gz", "1abc"),
        ("1abc.PDB.BZ2", "1abc"),
        ("1abc.v2.pdb", "1abc.v2"),
        ("1abc.pdb1.gz", "1abc"),
        ("1abc", "1abc"),
    ],
)
def test_a_stem_has_no_endings_of_formats(path, name):
    assert stem(path) == name
