"""Whatever the bytes, a reader returns or raises DataError: no other exception, no hang."""

from __future__ import annotations

import bz2
import gzip
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from broken_maps import density, map_bytes
from broken_structures import atom_line, cif, cif_atom, pdb
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cryotools.core.errors import CryotoolsWarning, DataError
from cryotools.core.maps.mapfile import read_map
from cryotools.core.maps.mapwrite import write_map
from cryotools.core.structures.structurefile import read_structure
from cryotools.view.describe import describe_file

SMALL = density((3, 4, 5))
MAPS = {
    "float32": map_bytes(SMALL),
    "float16, big-endian": map_bytes(SMALL, 12, ">"),
    "bytes": map_bytes(SMALL, 0),
    "gzip": gzip.compress(map_bytes(SMALL)),
    "bzip2": bz2.compress(map_bytes(SMALL)),
}
ROWS = [cif_atom(id=str(i), Cartn_x=f"{i}.5", label_atom_id=name) for i, name in enumerate(["N", "CA", "C", "O"])]
MODELS = {
    "PDB": pdb("MODEL        1", *(atom_line(f" {n:<3}", x=float(i)) for i, n in enumerate("NCO")), "TER", "ENDMDL"),
    "PDB, ligand": pdb("HEADER", atom_line("FE  ", record="HETATM", residue="HEM", altloc="A"), "CONECT    1    2"),
    "PDB, joined": pdb(atom_line(), "END", "HEADER", "MODEL        1", atom_line(), "END") + pdb(atom_line(chain="B")),
    "PDB, long names": pdb(*(atom_line(residue="POP", chain=c).replace("POP ", "POPC") for c in " AB"), "ANISOU    1"),
    "mmCIF": cif(ROWS),
    "mmCIF, joined": cif(ROWS) * 2,
    "mmCIF, no altlocs": cif(ROWS).replace(b"label_alt_id", b"something"),
    "mmCIF, gzip": gzip.compress(cif(ROWS)),
}
TOKENS = ["ATOM  ", "HETATM", "MODEL ", "ENDMDL", "END\n", "data_x\n", "loop_\n", "_atom_site.Cartn_x\n", "\n", "1.0 "]
EDITS = st.lists(
    st.tuples(st.floats(0, 1, exclude_max=True), st.binary(min_size=1, max_size=8)), min_size=1, max_size=6
)


def fuzz(examples: int) -> Callable:
    checks = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
    return settings(max_examples=examples, deadline=None, derandomize=True, suppress_health_check=checks)


def mutated(content: bytes, edits: list[tuple[float, bytes]], cut: float | None) -> bytes:
    changed = bytearray(content)
    for where, replacement in edits:
        at = int(where * len(changed))
        changed[at : at + len(replacement)] = replacement
    return bytes(changed if cut is None else changed[: int(cut * len(changed))])


def survives(read: Callable[[], object]) -> object | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CryotoolsWarning)  # all others are errors here
        try:
            return read()
        except DataError:
            return None


@pytest.mark.slow
@fuzz(100)
@given(content=st.binary(max_size=3000))
def test_any_bytes_as_a_map(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzz.mrc"
    path.write_bytes(content)
    survives(lambda: read_map(path))


@pytest.mark.slow
@fuzz(250)
@given(kind=st.sampled_from(sorted(MAPS)), edits=EDITS, cut=st.none() | st.floats(0, 1), header_only=st.booleans())
def test_a_sound_map_with_bytes_changed(
    tmp_path: Path, kind: str, edits: list[tuple[float, bytes]], cut: float | None, header_only: bool
) -> None:
    if header_only:  # where nearly all meaning lies
        edits = [(at * 256 / len(MAPS[kind]), content) for at, content in edits]
    path = tmp_path / "fuzz.mrc"
    path.write_bytes(mutated(MAPS[kind], edits, cut))
    volume = survives(lambda: read_map(path))
    if volume is not None:
        assert np.isfinite(volume.data).all()
        assert min(volume.voxel_size) > 0
        survives(lambda: write_map(tmp_path / "out.mrc", volume, label="fuzz"))
    survives(lambda: read_map(path, voxel_size=1.0, replace_non_finite=0.0))


FIELDS = st.one_of(
    st.tuples(st.sampled_from(["nx", "my", "nzstart", "mapc", "mode", "ispg", "nsymbt", "nlabl"]), st.integers(-9, 99)),
    st.tuples(st.sampled_from(["nx", "mz", "nystart", "maps", "mode", "nsymbt"]), st.integers(-(2**31), 2**31 - 1)),
    st.tuples(st.sampled_from(["cella", "origin", "cellb"]), st.tuples(*[st.floats(width=32)] * 3)),
)


@pytest.mark.slow
@fuzz(250)
@given(fields=st.lists(FIELDS, min_size=1, max_size=3), order=st.sampled_from("<>"))
def test_a_map_with_any_header_fields(tmp_path: Path, fields: list, order: str) -> None:
    path = tmp_path / "fuzz.mrc"
    path.write_bytes(map_bytes(SMALL, **{"order": order, **dict(fields)}))
    volume = survives(lambda: read_map(path))
    if volume is not None:
        survives(lambda: write_map(tmp_path / "out.mrc", volume, label="fuzz"))
    survives(lambda: describe_file(str(path)))


@pytest.mark.slow
@fuzz(150)
@given(content=st.binary(max_size=400) | st.lists(st.sampled_from(TOKENS) | st.text(max_size=80)).map("".join))
def test_any_text_as_a_model(tmp_path: Path, content: bytes | str) -> None:
    path = tmp_path / "fuzz.pdb"
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass"))
    survives(lambda: read_structure(path))


@pytest.mark.slow
@fuzz(400)
@given(kind=st.sampled_from(sorted(MODELS)), edits=EDITS, cut=st.none() | st.floats(0, 1), skip=st.booleans())
def test_a_sound_model_with_bytes_changed(
    tmp_path: Path, kind: str, edits: list[tuple[float, bytes]], cut: float | None, skip: bool
) -> None:
    path = tmp_path / "fuzz.pdb"
    path.write_bytes(mutated(MODELS[kind], edits, cut))
    structure = survives(lambda: read_structure(path, model="all", skip_unknown=skip))
    if structure is not None:
        assert len(structure) > 0
        assert np.isfinite(structure.xyz).all()
        assert np.isfinite(structure.b_factor).all()
        assert all("".join(column) is not None for column in (structure.altloc, structure.chain))
    survives(lambda: describe_file(str(path)))


@pytest.mark.slow
@fuzz(400)
@given(field=st.text(" -.05", min_size=8, max_size=8) | st.text(" +-.0123456789e", min_size=8, max_size=8))
def test_a_coordinate_is_read_as_python_reads_it_or_not_at_all(tmp_path: Path, field: str) -> None:
    path = tmp_path / "fuzz.pdb"
    path.write_bytes(pdb(atom_line(x=field)))
    structure = survives(lambda: read_structure(path))
    try:
        expected = float(field)
    except ValueError:
        expected = np.inf
    if "e" in field or abs(expected) >= 1e6:  # PDB has no exponents, and no model is so large
        assert structure is None
    else:
        assert structure.xyz[0, 0] == pytest.approx(expected, abs=1e-9)
