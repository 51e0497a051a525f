"""`make bench-drgn SETS=FOLDER`: reconstructions of simulated particle sets, measured against their truth.

SETS holds NAME.star and NAME_truth of `cryotools simulate-particles` for every set. Each program is run on one thread
in a process of its own, on every set, with latent spaces of 8 dimensions, networks of three hidden layers of 256, and
batches of 16 images; its volumes and latent space are scored as `cryotools score-drgn` does. Runs are kept in the
folder WORK and not repeated. `--peer CRYODRGN` names cryoDRGN's command, to be measured beside, with its own defaults;
`--shorter 2,5,10` adds shorter runs of cryotools' network, which show how soon it is as good. `--curves 1,2,5,20`
compares losses and volumes of the two networks after equal numbers of epochs instead, `--startup` how soon they begin,
and `--costs FOLDER` draws there how processor time grows with images, box and width. A set may also be NAME.mrcs with
NAME_poses.pkl and NAME_ctf.pkl, as cryoDRGN has them. Everything is printed as Markdown, for
docs/heterogeneity-accuracy.md.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import costs
import curves
import startup
import tables
from measured import Measured, measure
from programs import LINEAR, NETWORK, PEER, ParticleSet, command_of


def main(arguments: Sequence[str] | None = None) -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("sets", type=Path)
    options.add_argument("--work", type=Path, default=Path("drgn-runs"))
    options.add_argument("--only", metavar="NAME,NAME")
    options.add_argument("--peer", metavar="CRYODRGN")
    options.add_argument("--epochs", type=int, default=10)
    options.add_argument("--peer-epochs", type=int, default=20)
    options.add_argument("--shorter", default="", metavar="N,N")
    options.add_argument("--curves", default="", metavar="N,N")
    options.add_argument("--startup", action="store_true")
    options.add_argument("--costs", type=Path, metavar="FOLDER")
    options.add_argument("--width", type=int, default=256)
    options.add_argument("--images", type=int, default=100, help="volumes that are compared with the truth")
    chosen = options.parse_args(arguments)
    names = chosen.only.split(",") if chosen.only else sorted(path.stem for path in chosen.sets.glob("*.mrcs"))
    shorter = [int(each) for each in chosen.shorter.split(",") if each]
    wanted = [(LINEAR, 0), *((NETWORK, epochs) for epochs in (*shorter, chosen.epochs))]
    wanted += [(PEER, chosen.peer_epochs)] if chosen.peer else []
    if chosen.startup:
        for name in names:
            print(startup.startup_table(ParticleSet(name, chosen.sets, chosen.work), chosen.peer))
        return
    if chosen.costs:
        print(costs.all_costs(chosen.costs, chosen.work))
        return
    if chosen.curves:
        counts = sorted(map(int, chosen.curves.split(",")))
        points: list[curves.Point] = []
        for name in names:
            particles = ParticleSet(name, chosen.sets, chosen.work)
            points += curves.curve(particles, counts, chosen.width, chosen.images, chosen.peer, chosen.peer_epochs)
        print(curves.curve_table(points), curves.times_table(points), sep="\n\n")
        return
    found: list[Measured] = []
    for name in names:
        particles = ParticleSet(name, chosen.sets, chosen.work)
        for program, epochs in wanted:
            told = command_of(program, particles, epochs, chosen.width, chosen.peer)
            found.append(measure(program, epochs, particles, told, chosen.images))
            print(f"{name}: {program}, {found[-1].seconds:.0f} s", file=sys.stderr, flush=True)
    print(tables.sets(found), tables.volumes(found), tables.places(found), tables.times(found), sep="\n\n")


if __name__ == "__main__":
    main()
