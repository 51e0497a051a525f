"""`make bench-drgn SETS=FOLDER`: reconstructions of simulated particle sets, measured against their truth.

SETS holds NAME.star and NAME_truth of `cryotools simulate-particles` for every set. Each program is run on one thread
in a process of its own, on every set, with latent spaces of 8 dimensions, networks of three hidden layers of 256, and
batches of 16 images; its volumes and latent space are scored as `cryotools score-drgn` does. Runs are kept in the
folder WORK and not repeated. `--peer CRYODRGN` names cryoDRGN's command, to be measured beside, with its own defaults;
`--shorter 2,5,10` adds shorter runs of cryotools' network, which show how soon it is as good. Everything is printed as
Markdown, for docs/heterogeneity-accuracy.md.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

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
    options.add_argument("--width", type=int, default=256)
    options.add_argument("--images", type=int, default=100, help="volumes that are compared with the truth")
    chosen = options.parse_args(arguments)
    names = chosen.only.split(",") if chosen.only else sorted(path.stem for path in chosen.sets.glob("*.star"))
    shorter = [int(each) for each in chosen.shorter.split(",") if each]
    wanted = [(LINEAR, 0), *((NETWORK, epochs) for epochs in (*shorter, chosen.epochs))]
    wanted += [(PEER, chosen.peer_epochs)] if chosen.peer else []
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
