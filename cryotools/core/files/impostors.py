"""Recognise files of an unexpected type from their first bytes, and say what to do with them."""

from __future__ import annotations

import re
import struct

_BINARY = (  # in lower case
    (b"pk\x03\x04", "a zip archive; unpack it first"),
    (b"\x1f\x8b", "a gzip file; unpack it first (gunzip)"),
    (b"bzh", "a bzip2 file; unpack it first (bunzip2)"),
    (b"\xfd7zxz\0", "an xz file; unpack it first (unxz)"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard file; unpack it first (unzstd)"),
    (b"\x04\x22m\x18", "an lz4 file; unpack it first (unlz4)"),
    (b"\x1f\x9d", "a file packed by compress (.Z); unpack it first (uncompress)"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive; unpack it first"),
    (b"rar!", "a RAR archive; unpack it first"),
    (b"\x89hdf\r\n\x1a\n", "an HDF5 file; convert a map in it to MRC first (e2proc3d.py in.hdf out.mrc)"),
    (b"\x93numpy", "a NumPy array; write it as MRC first"),
    (b"ii*\0", "a TIFF image; convert it to MRC first"),
    (b"mm\0*", "a TIFF image; convert it to MRC first"),
    (b"\x89png", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"mtz ", "an MTZ file of reflections; make a map of it first (gemmi sf2map)"),
)
_TEXT = (
    (b"version https://git-lfs", "a Git LFS pointer, not the file itself; run `git lfs pull`"),
    (b"<!doctype html", "a web page (an error page, perhaps), not data; download it again"),
    (b"<html", "a web page (an error page, perhaps), not data; download it again"),
    (b"<?xml", "an XML file"),
    (b"%pdf", "a PDF document"),
    (b'{"data_', "an mmJSON file; convert it to mmCIF first (gemmi json2cif)"),
    (b"psf ", "a PSF topology, which has no coordinates"),
    (b"%version", "an Amber topology, which has no coordinates"),
)
_TO_PDB = "convert it to PDB or mmCIF first"
_NUMBER = r"\s+[-+]?\d+\.\d*(?:[eE][-+]?\d+)?"
_XYZ_ATOM = re.compile(r"\s*[A-Za-z]{1,3}\d*" + _NUMBER * 3)
_GRO_ATOM = re.compile(r"[ \d]{5}.{10}[ \d]{5}(?:[ \-\d]{4,5}\.\d{3}){3}")


def impostor(start: bytes) -> str | None:
    """Description of a file that starts with `start` if it is clearly not a map, structure or table, else None.

    More bytes allow more types to be recognised; a few hundred are enough for most.
    """
    lowered = start[:64].lower()
    text = start[:256].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    found = next((what for mark, what in _BINARY if lowered.startswith(mark)), None)
    found = found or next((what for mark, what in _TEXT if text.startswith(mark)), None)
    if found:
        return found
    if start[257:262] == b"ustar":
        return "a tar archive; unpack it first (tar -xf)"
    if start[:1] in b"\1\0" and start[56:60] in (b"REAL", b"INTG", b"PACK", b"COMP", b"LONG"):
        return "an IMAGIC header (.hed); convert the pair to MRC first (e2proc3d.py in.hed out.mrc)"
    if any(_is_spider(start, order) for order in "<>"):
        return "a SPIDER file; convert it to MRC first (e2proc3d.py in.spi out.mrc)"
    return _other_coordinates(start)


def wide_text(start: bytes) -> str | None:
    """The codec of a text starting with `start` if it has two or four bytes per character (UTF-16, UTF-32), or None."""
    if start[:4] in (b"\xff\xfe\0\0", b"\0\0\xfe\xff"):
        return "utf-32"
    if start[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16"
    for first, codec in ((0, "utf-16-le"), (1, "utf-16-be")):
        letters, zeros = start[first:64:2], start[1 - first : 64 : 2]
        if len(zeros) > 3 and not any(zeros) and all(letter in b"\t\n\r" or 32 <= letter < 127 for letter in letters):
            return codec
    return None


def _is_spider(start: bytes, order: str) -> bool:
    """A SPIDER header consists of floats: dimensions at 1, 2 and 12, the type at 5, the header size at 13, 22, 23."""
    if len(start) < 92:
        return False
    words = struct.unpack(f"{order}23f", start[:92])
    slices, rows, kind, columns, records, size, record = (words[at] for at in (0, 1, 4, 11, 12, 21, 22))
    sizes = (abs(slices), rows, columns, records)
    whole = all(1 <= value < 1e6 and value == int(value) for value in sizes)
    return whole and kind in (1, 3, -11, -12, -21, -22) and record == 4 * columns and size == records * record


def _other_coordinates(start: bytes) -> str | None:
    """Text formats of coordinates other than PDB and mmCIF."""
    lines = start[:4096].decode("latin-1").splitlines()
    if any(line.startswith("@<TRIPOS>") for line in lines):
        return f"a mol2 file; {_TO_PDB}"
    if len(lines) > 3 and lines[3].rstrip().endswith(("V2000", "V3000")):
        return f"an SDF or MOL file; {_TO_PDB}"
    if len(lines) > 2 and lines[0].strip().isdecimal() and _XYZ_ATOM.match(lines[2]):
        return f"an XYZ file; {_TO_PDB}"
    if len(lines) > 2 and lines[1].strip().isdecimal() and _GRO_ATOM.match(lines[2]):
        return f"a GROMACS .gro file; {_TO_PDB} (gmx editconf -f in.gro -o out.pdb)"
    return None
