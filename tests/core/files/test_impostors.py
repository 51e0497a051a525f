"""Files that are something else are called what they are, whoever reads them."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import struct
import tarfile
from pathlib import Path

import numpy as np
import pytest
from broken_maps import map_bytes
from broken_structures import atom_line, cif, pdb, saved

from cryotools.core.errors import DataError
from cryotools.core.files.impostors import impostor, wide_text
from cryotools.core.maps.mapfile import read_map
from cryotools.core.structures.structurefile import read_structure
from cryotools.view.describe import describe_file


def tar(content: bytes) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        entry = tarfile.TarInfo("model.pdb")
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


def spider(order: str, shape: tuple[int, int, int] = (8, 10, 12)) -> bytes:
    """A SPIDER volume as its manual lays it down: a header of whole records, then float32 values."""
    slices, rows, columns = shape
    records = -(-1024 // (4 * columns))
    words = np.zeros(records * columns, dtype=f"{order}f4")
    words[[0, 1, 2, 4, 11, 12]] = slices, rows, rows * slices + records, 3, columns, records
    words[[21, 22]] = records * columns * 4, columns * 4
    return words.tobytes() + bytes(4 * slices * rows * columns)


NUMPY = io.BytesIO()
np.save(NUMPY, np.zeros((3, 4, 5), dtype=np.float32))
MOL2 = b"# made by hand\n@<TRIPOS>MOLECULE\nx\n 1 0 0\nSMALL\n@<TRIPOS>ATOM\n 1 C1 1.0 2.0 3.0 C.3 1 UNL 0.0\n"
SDF = b"x\n  program\n\n  1  0  0  0  0  0  0  0  0  0999 V2000\n    1.0000    2.0000    3.0000 C   0  0\nM  END\n"
GRO = b"water\n    1\n    1SOL     OW    1   0.126   1.624   1.679\n   1.86206   1.86206   1.86206\n"
EMPTY_HED = struct.pack("<14i", 1, 0, 0, 1, *[0] * 8, 64, 64) + b"REAL" + bytes(964)
IMPOSTORS = {
    "xz": (lzma.compress(pdb(atom_line())), "an xz file; unpack it first"),
    "Zstandard": (b"\x28\xb5\x2f\xfd\x24" + bytes(300), "a Zstandard file; unpack it first"),
    "lz4": (b"\x04\x22\x4d\x18" + bytes(300), "an lz4 file"),
    "compress": (b"\x1f\x9d\x90" + bytes(300), "a file packed by compress"),
    "tar": (tar(pdb(atom_line())), "a tar archive; unpack it first"),
    "tar.gz": (gzip.compress(tar(pdb(atom_line()))), "a tar archive; unpack it first"),
    "gzip twice": (gzip.compress(gzip.compress(pdb(atom_line()))), "a gzip file; unpack it first"),
    "bzip2 in gzip": (gzip.compress(bz2.compress(pdb(atom_line()))), "a bzip2 file; unpack it first"),
    "7z": (b"7z\xbc\xaf\x27\x1c" + bytes(99), "a 7z archive"),
    "HDF5": (b"\x89HDF\r\n\x1a\n" + bytes(2000), "an HDF5 file; convert a map in it to MRC"),
    "NumPy": (NUMPY.getvalue(), "a NumPy array"),
    "TIFF": (b"II*\0" + bytes(2000), "a TIFF image"),
    "PNG": (b"\x89PNG\r\n\x1a\n" + bytes(2000), "a PNG picture"),
    "SPIDER": (spider("<"), "a SPIDER file; convert it to MRC"),
    "SPIDER, big-endian": (spider(">"), "a SPIDER file; convert it to MRC"),
    "IMAGIC": (EMPTY_HED, "an IMAGIC header"),
    "mol2": (MOL2, "a mol2 file; convert it to PDB or mmCIF"),
    "SDF": (SDF, "an SDF or MOL file; convert it to PDB or mmCIF"),
    "XYZ": (b"2\n\nC 1.0 2.0 3.0\nO -1.5 2.0 1e-3\n", "an XYZ file; convert it to PDB or mmCIF"),
    "gro": (GRO, "a GROMACS .gro file; convert it to PDB or mmCIF"),
    "mmJSON": (b'{"data_1ABC": {"entry": {}}}', "an mmJSON file"),
    "PSF": (b"PSF EXT\n\n  1 !NTITLE\n", "a PSF topology"),
}


@pytest.mark.slow
@pytest.mark.parametrize("what", IMPOSTORS)
@pytest.mark.parametrize("read", [read_structure, read_map, lambda path: describe_file(str(path))])
def test_whoever_reads_it_says_what_it_is(tmp_path: Path, read: object, what: str) -> None:
    content, message = IMPOSTORS[what]
    path = saved(tmp_path, content, "file.pdb")
    with pytest.raises(DataError, match=f"{path}: looks like {message}"):
        read(path)


def test_maps_and_models_are_what_they_are() -> None:
    sound = [
        map_bytes(),
        map_bytes(order=">"),
        map_bytes(mode=0),
        pdb(atom_line()),
        cif(),
        b"data_x\n",
        b"1\n2\n3\n",
        b"",
    ]
    for content in sound:
        assert impostor(content[:4096]) is None
        assert wide_text(content) is None


def test_text_of_two_bytes_a_letter_is_no_map(tmp_path: Path) -> None:
    for codec in ("utf-16", "utf-16-le"):
        path = saved(tmp_path, (pdb(atom_line()).decode() * 20).encode(codec))
        with pytest.raises(DataError, match="looks like text in UTF-16, not a map"):
            read_map(path)
        assert "1 atoms" in describe_file(str(saved(tmp_path, pdb(atom_line()).decode().encode(codec))))["what"]
