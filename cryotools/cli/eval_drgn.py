"""`cryotools eval-drgn`: volumes of a trained reconstruction at places in its latent space."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from cryotools.cli import options as opt
from cryotools.cli import particleset as of
from cryotools.cli.console import label, note, print_json, progress, set_threads, skip_existing
from cryotools.core.errors import UsageError

if TYPE_CHECKING:
    import numpy as np

    from cryotools.heterogeneity.ensemble import EnsembleRun

NAME = "eval-drgn"
EPILOG = """RUN is the folder of train-drgn. --z gives the place of one volume, --particle that of a particle, by its
row in the metadata file, from 0; without them the volume is that at 0, the middle of the latent space, or the only one
of --zdim 0. With --to, --steps volumes are made on the way from the one place to the other.

--particles takes numbers from 0 (text with one per line, .npy, cryoDRGN's .pkl, or the column index of a CSV table) and
makes the volume of each; --zfile rows of z (text, .npy, cryoDRGN's z.pkl, or the columns z_1, z_2, ... of a CSV table,
as analyze-drgn writes them). For several volumes, OUT.mrc becomes OUT_001.mrc, OUT_002.mrc and so on.

--from-images PARTICLES reconstructs the volume from the images near the place instead of from what the run has learned:
OUT.mrc, OUT_half1.mrc and OUT_half2.mrc of the even and odd images, and OUT_fsc.csv. PARTICLES and their options are
those that the run was trained on.

RUN may also be a run of cryoDRGN (config.yaml, weights.pkl, z.pkl): the volumes are those of its eval_vol, with the
voxel size of the CTF parameters that the run names; where these are not found, --apix gives it.

Examples:

cryotools eval-drgn latent volume.mrc --particle 3

cryotools eval-drgn latent path.mrc --z 0.5,-1,0,0,0,0,0,0 --to 1.5,1,0,0,0,0,0,0 --steps 10 --json

cryotools eval-drgn latent near.mrc --particle 3 --from-images particles.star
"""


def command(
    folder: of.Run,
    out: Annotated[str, typer.Argument(metavar="OUT", help="Map to write.")],
    z: Annotated[str | None, opt.main("--z", metavar="Z,Z", help="Place in the latent space.")] = None,
    particle: Annotated[int | None, opt.main("--particle", min=0, metavar="N", help="Place of this particle.")] = None,
    particles: Annotated[
        str | None, opt.main("--particles", metavar="FILE", help="Places of the particles numbered in this file.")
    ] = None,
    zfile: Annotated[str | None, opt.main("--zfile", metavar="FILE", help="Places in this file, one per row.")] = None,
    to: Annotated[str | None, opt.main("--to", metavar="Z,Z", help="Also volumes on the way to this place.")] = None,
    steps: Annotated[int, opt.main("--steps", min=2, metavar="N", help="Volumes on the way, both ends included.")] = 10,
    from_images: Annotated[
        str | None, opt.main("--from-images", metavar="PARTICLES", help="Reconstruct from the images near the place.")
    ] = None,
    poses: of.Poses = None,
    ctf: of.Ctf = None,
    passthrough: of.Passthrough = None,
    datadir: of.Datadir = None,
    box: Annotated[
        int | None, opt.main("--box", "-B", min=2, metavar="N", help="Voxels of smaller volumes, a Fourier crop.")
    ] = None,
    low_pass: Annotated[
        float | None, opt.main("--low-pass", min=0, metavar="RES", help="Leave out detail finer than this, Å.")
    ] = None,
    flip: Annotated[bool, opt.main("--flip", metavar="", help="Mirror the volumes: the other hand.")] = False,
    invert: Annotated[bool, opt.main("--invert", metavar="", help="Negate the volumes.")] = False,
    no_clobber: opt.NoClobber = False,
    json: opt.Json = False,
    quiet: opt.Quiet = False,
    device: opt.Device = "auto",
    precision: opt.ResultPrecision = opt.Precision.fp32,
    threads: opt.Threads = None,
    voxel_size: of.RunVoxelSize = None,
    debug: opt.Debug = False,
) -> None:
    """Make volumes of a trained reconstruction."""
    given = {"--z": z, "--particle": particle, "--particles": particles, "--zfile": zfile}
    named = [name for name, value in given.items() if value is not None]
    if len(named) > 1:
        raise UsageError(f"{named[0]} and {named[1]} both give the place; leave one out")
    several = particles is not None or zfile is not None
    if several and to is not None:
        raise UsageError(f"--to leads from one place to another; give --z or --particle instead of {named[0]}")
    formed = {"--box": box, "--low-pass": low_pass, "--flip": flip, "--invert": invert}
    files = {"--poses": poses, "--ctf": ctf, "--passthrough": passthrough, "--datadir": datadir}
    idle = [name for name, value in (formed if from_images else files).items() if value]
    if idle:
        why = "is of volumes that the run has learned" if from_images else "is of images"
        raise UsageError(f"{idle[0]} {why}; leave it out, or {'leave out' if from_images else 'give'} --from-images")
    set_threads(threads)
    if skip_existing(out, no_clobber):
        return
    import numpy as np

    from cryotools.core.compute.device import in_precision, resolve_device
    from cryotools.core.files.output import check_output, output_set
    from cryotools.core.maps.mapwrite import write_map
    from cryotools.heterogeneity.evaluate import VolumeForm, read_particle_numbers, read_places
    from cryotools.heterogeneity.runs import open_run

    where = resolve_device(device)
    networks = in_precision(precision.value, where)
    found, form = open_run(folder, where, voxel_size), VolumeForm(box, low_pass, flip, invert)
    form.check(found)
    if particles is not None:
        places = list(found.latent_of(read_particle_numbers(particles)))
    elif zfile is not None:
        places = list(read_places(zfile, found.zdim))
    else:
        place = found.latent_of(particle) if particle is not None else found.place(z)
        places = [place] if to is None else list(np.linspace(place, found.place(to), steps))
    stem, suffix = out[: -len(_suffix(out))], _suffix(out)
    numbered = [f"{stem}_{number:03d}{suffix}" for number in range(1, len(places) + 1)]
    names = numbered if several or to is not None else [out]
    for name in names:
        check_output(name, [source for source in (str(found.file), particles, zfile, from_images) if source])
    if from_images:
        sources = {"poses": of.pose_files(poses), "ctf": ctf, "passthrough": passthrough, "datadir": datadir}
        made = _from_images(found, np.stack(places), names, from_images, sources)
        if json:
            print_json({"folder": folder, "z": [[float(each) for each in at] for at in places], **made})
        return
    with output_set(), networks:
        for name, at in zip(names, places, strict=True):
            write_map(name, form.volume(found, at), label="cryotools eval-drgn")
    if json:
        print_json({"folder": folder, "z": [[float(each) for each in at] for at in places], "outputs": names})
    note(f"{folder}: {len(names)} volume{'s' if len(names) > 1 else ''} written: {names[0]}{', …' * (len(names) > 1)}")


def _from_images(
    run: EnsembleRun, places: np.ndarray, names: list[str], particles_file: str, sources: dict[str, Any]
) -> dict[str, Any]:
    """Reconstruct at `places`, write and say what was found."""
    from cryotools.core.files.output import output_set
    from cryotools.heterogeneity.nearby import particles_of_run, reconstruct_nearby
    from cryotools.heterogeneity.output import write_reconstruction

    particles = particles_of_run(run, particles_file, **sources)
    with progress() as reporter:
        found = reconstruct_nearby(particles, run.latent(), places, progress=reporter)
    outputs, figures = [], []
    with output_set():
        for name, each in zip(names, found, strict=True):
            outputs += write_reconstruction(name, each.reconstruction, label(f"of {particles_file}"))
            resolution = each.reconstruction.fsc.resolution_at(0.143)
            figures.append({"resolution_0.143_A": resolution, "images": each.images.tolist()})
            said = f"{resolution:.2f} A" if resolution else "not reached"
            note(
                f"{name}: {each.images[0]} of {len(particles)} images at low and {each.images[-1]} at high "
                f"frequencies; FSC of the halves falls below 0.143: {said}"
            )
    return {"volumes": figures, "outputs": outputs}


def _suffix(path: str) -> str:
    for end in (".mrc", ".map", ".mrc.gz", ".map.gz"):
        if path.lower().endswith(end):
            return path[-len(end) :]
    raise UsageError(f"{path}: the name must end in .mrc or .map (.gz may follow)")
