"""What cctbx says of structures: Ramachandran, peptide bonds, Cβ deviations, chain_comparison; as CSV.

Run by the Python of an environment with cctbx-base (pip install cctbx-base), which needs nothing of cryotools:

    python cctbx_verdicts.py geometry verdicts.csv FILE...
    python cctbx_verdicts.py chains comparison.csv MODEL TARGET [MODEL TARGET ...]
"""

from __future__ import annotations

import csv
import gzip
import io
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

GEOMETRY = ("file", "chain", "number", "icode", "name", "kind", "a", "b", "verdict", "score")
CHAINS = ("model", "target", "close", "rmsd", "found", "match", "forward", "reverse", "unaligned")


def text_of(path: str) -> str:
    """The text of a file, compressed or not."""
    return gzip.decompress(Path(path).read_bytes()).decode() if path.endswith(".gz") else Path(path).read_text()


def geometry(path: str) -> Iterator[list[object]]:
    """A row for each residue and kind of verdict."""
    import iotbx.pdb
    from mmtbx.validation.cbetadev import cbetadev
    from mmtbx.validation.omegalyze import omegalyze
    from mmtbx.validation.ramalyze import ramalyze

    hierarchy = iotbx.pdb.input(source_info=None, lines=text_of(path)).construct_hierarchy()
    for one in ramalyze(hierarchy, outliers_only=False).results:
        yield [*_residue(path, one), f"rama{one.res_type}", one.phi, one.psi, one.rama_type, one.score]
    for one in omegalyze(hierarchy, nontrans_only=False).results:
        yield [*_residue(path, one), "omega", one.omega, "", "", one.altloc]
    for one in cbetadev(hierarchy, outliers_only=False).results:
        yield [*_residue(path, one), "cbeta", one.deviation, "", int(one.outlier), one.altloc]


def chains(model: str, target: str) -> list[object]:
    """The row of chain_comparison, all copies of a chain counting."""
    from mmtbx.validation.chain_comparison import run

    with tempfile.TemporaryDirectory() as folder:
        names = []
        for number, path in enumerate((target, model)):
            plain = Path(folder, f"{number}{'.cif' if '.cif' in path else '.pdb'}")
            plain.write_text(text_of(path))
            names.append(str(plain))
        done = run(args=[*names, "test_unique_part_of_target_only=False", "max_dist=3"], out=io.StringIO())
    rmsd, close = done.get_values("close")
    figures = [done.get_close_to_target_percent("close"), done.get_match_percent("close")]
    return [model, target, close, rmsd, *figures, done.n_forward, done.n_reverse, done.get_values("unaligned")[1]]


def _residue(path: str, one: object) -> list[object]:
    return [path, one.chain_id.strip(), one.resseq.strip(), one.icode.strip(), one.resname]


def main(what: str, out: str, *paths: str) -> None:
    """Write the table."""
    with Path(out).open("w", newline="", encoding="utf-8") as stream:
        table = csv.writer(stream)
        table.writerow(GEOMETRY if what == "geometry" else CHAINS)
        if what == "chains":
            table.writerows(chains(*pair) for pair in zip(paths[::2], paths[1::2], strict=True))
            return
        for path in paths:
            try:
                table.writerows(list(geometry(path)))
            except (ValueError, RuntimeError) as error:
                print(f"{path}: {error}", file=sys.stderr)


if __name__ == "__main__":
    main(*sys.argv[1:])
