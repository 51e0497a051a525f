"""`cryotools filter-particles`: a part of a particle set, as a file that RELION or cryoSPARC takes back."""

from __future__ import annotations

from typing import Annotated

import typer

from cryotools.cli import options as opt
from cryotools.cli.console import note, print_json, skip_existing

NAME = "filter-particles"
EPILOG = """OUT has the format of PARTICLES, with all its columns, optics groups and uids, in the same order; only rows
are left out. The images are not opened, so that it works on the original file of particles that were binned elsewhere.

--index takes cryoDRGN's pickles of numbers (read without executing anything), NumPy's .npy, or text with a number per
line. --rows takes a CSV table with a column index or, for .cs files, uid, or the folder of a run: its particles are
kept, and --where can use its columns, such as z_1 of a latent space or the cluster of analyze-drgn. Numbers count
particles from 0.

--where takes COLUMN=LOW:HIGH (both included; either may be left out), COLUMN=VALUE or several, as COLUMN=3,5:7;
FIELD[0] is the first of several numbers in a field of a .cs file. --rows and --where may be repeated. Particles must
meet all criteria; --exclude keeps all others instead.

Examples:

cryotools filter-particles particles.star good.star --where rlnDefocusU=5000:20000 --where rlnClassNumber=1

cryotools filter-particles particles.star some.star --rows latent --where z_1=-10:10

cryotools filter-particles particles.cs rest.cs --index junk.txt --exclude --json
"""


def command(
    particles: Annotated[str, typer.Argument(metavar="PARTICLES", help="RELION's .star or cryoSPARC's .cs file.")],
    output: Annotated[str, typer.Argument(metavar="OUT", help="File of the same format to write.")],
    index: Annotated[
        str | None, opt.main("--index", "--ind", metavar="FILE", help="Keep the particles numbered in this file.")
    ] = None,
    tables: Annotated[
        list[str] | None, opt.main("--rows", metavar="CSV", help="Keep the particles in this table or run.")
    ] = None,
    where: Annotated[
        list[str] | None, opt.main("--where", metavar="RANGE", help="Keep particles with a column in this range.")
    ] = None,
    exclude: Annotated[bool, opt.main("--exclude", metavar="", help="Keep the others instead.")] = False,
    passthrough: Annotated[
        str | None,
        opt.main("--passthrough", metavar="CS", help="The job's file of passed fields, which are written, too."),
    ] = None,
    no_clobber: opt.NoClobber = False,
    json: opt.Json = False,
    quiet: opt.Quiet = False,
    debug: opt.Debug = False,
) -> None:
    """Write a part of a particle set for RELION or cryoSPARC."""
    if skip_existing(output, no_clobber):
        return
    from cryotools.core.errors import UsageError
    from cryotools.core.files.output import check_output
    from cryotools.heterogeneity.particles import write_rows
    from cryotools.heterogeneity.selection import ColumnRange, read_rows, select_particles

    if not (index or tables or where):
        raise UsageError("nothing says which particles to keep; give --index, --rows or --where")
    ranges = tuple(ColumnRange.parse(text) for text in where or ())
    check_output(output, [name for name in (particles, index, *(tables or ()), passthrough) if name])
    rows = read_rows(particles, passthrough)
    kept = select_particles(rows, index=index, tables=tables or (), where=ranges, exclude=exclude)
    write_rows(output, rows, kept, particles)
    if json:
        print_json({"particles": particles, "n_particles": len(rows), "n_kept": len(kept), "outputs": [output]})
    note(f"{particles}: {len(kept)} of {len(rows)} particles kept; written: {output}")
