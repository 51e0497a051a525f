"""The output files of `locate-sites`: probability maps, centres, residues, and a ChimeraX script that displays them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from cryotools.core.files.output import check_prefix, output_set, write_text
from cryotools.core.files.table import csv_text
from cryotools.core.maps.mapwrite import write_map
from cryotools.core.structures.write import pdb_text
from cryotools.sites.centres import CENTRE_COLUMNS, CENTRE_REMARKS, SITE_CHAINS, centre_rows, centre_structure
from cryotools.sites.labels import INTERFACE_SITE, LIGAND_SITE, NUCLEIC_SITE, SITE_NAMES
from cryotools.sites.predict import LocatedSites
from cryotools.sites.residues import SiteResidues
from cryotools.view.chimerax import ChimeraxScript, MapSource, colour_residues

SITE_COLOURS = {INTERFACE_SITE: "#2ca02c", LIGAND_SITE: "#d62bd6", NUCLEIC_SITE: "#ff8c00"}
_GREY = "#b2b2b2"
_SURFACE = 0.5  # × the molecule density: level of the drawn surface
DRAWN = 0.4  # probability from which a site is drawn


@dataclass(frozen=True)
class SiteFiles:
    """The names of the output files, from a prefix."""

    prefix: str

    @property
    def maps(self) -> list[str]:
        """Probability maps in the order of `SITE_NAMES`; the last is written last: if it exists, so do all others."""
        return [f"{self.prefix}_{name}.mrc" for name in SITE_NAMES]

    @property
    def table(self) -> str:
        """The table of centres."""
        return f"{self.prefix}_sites.csv"

    @property
    def pseudo_atoms(self) -> str:
        """The centres as pseudo-atoms."""
        return f"{self.prefix}_sites.pdb"

    @property
    def residues(self) -> str:
        """The table of a model's residues."""
        return f"{self.prefix}_residues.csv"

    @property
    def script(self) -> str:
        """The script for ChimeraX."""
        return f"{self.prefix}.cxc"

    def all(self, with_model: bool) -> list[str]:
        """Every file, in the order of writing."""
        return [self.table, self.pseudo_atoms, *([self.residues] if with_model else []), self.script, *self.maps]


def site_files(prefix: str) -> SiteFiles:
    """The files whose names begin with `prefix`.

    Raises
    ------
    UsageError
        The prefix has no file name, is standard output, or ends with the suffix of a map.
    """
    check_prefix(prefix)
    return SiteFiles(prefix)


def write_sites(
    files: SiteFiles, located: LocatedSites, residues: SiteResidues | None, *, script: str, label: str
) -> list[str]:
    """Write all files, or none (`core.files.output.output_set`); returns their names, in order.

    Raises
    ------
    DataError
        A file cannot be written, or the positions do not fit a PDB file.
    """
    with output_set():
        write_text(files.table, csv_text(CENTRE_COLUMNS, centre_rows(located.centres)))
        write_text(files.pseudo_atoms, pdb_text(centre_structure(located.centres), CENTRE_REMARKS))
        if residues is not None:
            rows = residues.rows()
            write_text(files.residues, csv_text(list(rows[0]), rows))
        write_text(files.script, script)
        for name, path in zip(SITE_NAMES, files.maps, strict=True):
            write_map(path, located.probability(name), label=f"probability of {_words(name)}, 0 to 1", labels=[label])
    return files.all(residues is not None)


def site_script(
    files: SiteFiles,
    located: LocatedSites,
    residues: SiteResidues | None,
    source: MapSource,
    model_file: str | None = None,
) -> str:
    """Commands for an empty ChimeraX session: the map in grey, sites in their colours, their centres as balls; a model
    is coloured by the most probable site of its residues. File names are relative to the script's folder.
    """
    level = located.levels.background + _SURFACE * located.levels.strength
    script = ChimeraxScript(files.script)
    script.add(
        "# What locate-sites of cryotools sees: interfaces green, ligand sites magenta, nucleic acid contacts orange.",
        "# Meant for an empty session: the models are #1 map, #2 interface, #3 ligand, #4 nucleic, #5 centres.",
    )
    density = script.open_map(source, located.volume, level, _GREY)
    script.add(f"transparency {density} 75")
    for site, name in enumerate(files.maps):
        script.surface(script.open(name), DRAWN, SITE_COLOURS[site])
    script.add("transparency #2-4 50")
    centres = script.open(files.pseudo_atoms)
    if located.centres:
        there = sorted({one.kind for one in located.centres})
        script.points(centres, {SITE_CHAINS[kind]: SITE_COLOURS[kind] for kind in there})
        script.add(f"size {centres} atomRadius 1.5")
    if residues is not None and model_file:
        model = script.open(model_file)
        script.cartoon(model, _GREY)
        script.add(*_residue_colours(model, residues))
    script.add("view")
    return script.text()


def _residue_colours(model: str, found: SiteResidues) -> Iterator[str]:
    """Commands that colour the residues of a model by the most probable of the sites that are drawn."""
    residues, values = found.residues, np.nan_to_num(found.probabilities)
    best, drawn = values.argmax(axis=0), values.max(axis=0) >= DRAWN
    colour_of = {colour: (best == site) & drawn for site, colour in SITE_COLOURS.items()}
    return colour_residues(model, residues.chain, residues.residue_number, residues.insertion_code, colour_of)


def _words(name: str) -> str:
    return {"interface": "an interface with protein", "ligand": "a ligand site", "nucleic": "nucleic acid contact"}[
        name
    ]
