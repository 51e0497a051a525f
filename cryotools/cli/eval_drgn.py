"""`cryotools eval-drgn`: volumes of a trained reconstruction at places in its latent space."""

from __future__ import annotations

from typing import Annotated

import typer

from cryotools.cli import options as opt
from cryotools.cli import particleset as of
from cryotools.cli.console import note, print_json, skip_existing
from cryotools.core.errors import UsageError

NAME = "eval-drgn"
EPILOG = """RUN is the folder of train-drgn. --z gives the place of one volume, --particle that of a particle, by its
row in the metadata file, from 0; without them the volume is that at 0, the middle of the latent space, or the only one
of --zdim 0. With --to, --steps volumes are made on the way from the one place to the other, and OUT.mrc becomes
OUT_001.mrc, OUT_002.mrc and so on.

RUN may also be a run of cryoDRGN (config.yaml, weights.pkl, z.pkl): the volumes are those of its eval_vol, with the
voxel size of the CTF parameters that the run names; where these are not found, --apix gives it.

Examples:

cryotools eval-drgn latent volume.mrc --particle 3

cryotools eval-drgn latent path.mrc --z 0.5,-1,0,0,0,0,0,0 --to 1.5,1,0,0,0,0,0,0 --steps 10 --json
"""


def command(
    folder: of.Run,
    out: Annotated[str, typer.Argument(metavar="OUT", help="Map to write.")],
    z: Annotated[str | None, opt.main("--z", metavar="Z,Z", help="Place in the latent space.")] = None,
    particle: Annotated[int | None, opt.main("--particle", min=0, metavar="N", help="Place of this particle.")] = None,
    to: Annotated[str | None, opt.main("--to", metavar="Z,Z", help="Also volumes on the way to this place.")] = None,
    steps: Annotated[int, opt.main("--steps", min=2, metavar="N", help="Volumes on the way, both ends included.")] = 10,
    no_clobber: opt.NoClobber = False,
    json: opt.Json = False,
    quiet: opt.Quiet = False,
    voxel_size: of.RunVoxelSize = None,
    debug: opt.Debug = False,
) -> None:
    """Make volumes of a trained reconstruction."""
    if z is not None and particle is not None:
        raise UsageError("--z and --particle both give the place; leave one out")
    if skip_existing(out, no_clobber):
        return
    import numpy as np

    from cryotools.core.files.output import check_output, output_set
    from cryotools.core.maps.mapwrite import write_map
    from cryotools.heterogeneity.runs import open_run

    found = open_run(folder, voxel_size=voxel_size)
    place = found.latent_of(particle) if particle is not None else found.place(z)
    places = [place] if to is None else list(np.linspace(place, found.place(to), steps))
    stem, suffix = out[: -len(_suffix(out))], _suffix(out)
    names = [out] if to is None else [f"{stem}_{number:03d}{suffix}" for number in range(1, steps + 1)]
    for name in names:
        check_output(name, [str(found.file)])
    with output_set():
        for name, at in zip(names, places, strict=True):
            write_map(name, found.volume(at), label="cryotools eval-drgn")
    if json:
        print_json({"folder": folder, "z": [[float(each) for each in at] for at in places], "outputs": names})
    note(f"{folder}: {len(names)} volume{'s' if len(names) > 1 else ''} written: {names[0]}{', …' * (len(names) > 1)}")


def _suffix(path: str) -> str:
    for end in (".mrc", ".map", ".mrc.gz", ".map.gz"):
        if path.lower().endswith(end):
            return path[-len(end) :]
    raise UsageError(f"{path}: the name must end in .mrc or .map (.gz may follow)")
