"""The library speaks of parameters, the commands of their options."""

from __future__ import annotations

import copy
import pickle
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from small_structures import A, write_pdb

import cryotools
from cryotools.cli.registry import load
from cryotools.cli.spelling import spelled
from cryotools.core.errors import ArgumentError, UsageError, check_choice

PACKAGE = Path(cryotools.__file__).parent
OPTION = re.compile(r"(?<![-\w])--[A-Za-z]")

# a report that says how to go on, and its style sheet, whose variables look alike
REPORT = {PACKAGE / "heterogeneity/analysis" / name for name in ("page.py", "pagestyle.py")}

OTHER_PROGRAMS = {PACKAGE / "homologs/search/engines/programs.py"}  # whose options are spelled there


def test_only_the_commands_speak_of_options() -> None:
    library = {path for path in PACKAGE.rglob("*.py") if path.parent != PACKAGE / "cli"} - REPORT - OTHER_PROGRAMS
    lines = [
        f"{path.relative_to(PACKAGE)}:{number}: {line.strip()}"
        for path in sorted(library)
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if OPTION.search(line)
    ]
    assert not lines


@pytest.mark.parametrize(
    ("command", "text", "shown"),
    [
        ("struc2map", "`resolution` -1: give a positive number", "--res -1: give a positive number"),
        ("molmap", "`resolution` -1: give a positive number", "RESOLUTION -1: give a positive number"),
        ("molmap", "`centre` a: give three numbers", "--centerPoint a: give three numbers"),
        (
            "annotate-sse",
            "odd voxels; correct the header, or give `voxel_size`",
            "odd voxels; correct the header, or give --apix",
        ),
        ("struc2map", "odd voxels; correct the header, or give `voxel_size`", "odd voxels; correct the header"),
        ("info", "odd voxels; give `voxel_size`, or correct the header", "odd voxels; correct the header"),
        ("info", "odd voxels; give `voxel_size`", "odd voxels"),
        ("info", "`voxel_size` 0: give more", "voxel size 0: give more"),
        ("struc2map", "no occupancy; give `occupancy=False`", "no occupancy; give --no-occupancy"),
        ("struc2map", "only waters; give `waters=True`", "only waters; give --waters"),
        ("struc2map", "no latent; add `method='vae-gan'`", "no latent; add --method vae-gan"),
        ("train-gan", "no fold 3; train with `fold=None`", "no fold 3; train with --fold none"),
        ("eval-disc", "unknown on others (give `structure`)", "unknown on others (give --structure)"),
        ("info", "unknown on others (give `structure`)", "unknown on others"),
        ("info", "see `cryotools doctor`; or ask", "see `cryotools doctor`; or ask"),
    ],
)
def test_a_parameter_becomes_the_option_of_the_command_or_its_advice_is_left_out(
    command: str, text: str, shown: str
) -> None:
    assert spelled(text, load(command).params) == shown


def test_a_wrong_choice_is_told_the_right_ones() -> None:
    check_choice("method", "gan", ("gan", "molmap"))
    with pytest.raises(ArgumentError, match=r"^`method` moplap: give gan, molmap or pdb2mrc$") as caught:
        check_choice("method", "moplap", ("gan", "molmap", "pdb2mrc"))
    assert (caught.value.name, caught.value.value, caught.value.exit_code) == ("method", "moplap", 2)
    for again in (copy.copy(caught.value), pickle.loads(pickle.dumps(caught.value))):
        assert isinstance(again, UsageError)
        assert str(again) == str(caught.value)


def test_wrong_names_in_python_are_argument_errors(trypsin: Path) -> None:
    from cryotools.core.maps.mapwrite import write_map
    from cryotools.core.maps.resample import resample
    from cryotools.core.structures.structurefile import read_structure
    from cryotools.simulate.classical.formulas import MapOptions
    from cryotools.simulate.classical.gaussians import atoms_as_gaussians
    from cryotools.simulate.learned.tasks import SimulatorOptions, make_simulator_task
    from cryotools.simulate.struc2map import GridChoice, Simulation, struc2map

    options, grid = MapOptions(resolution=6.0), GridChoice(apix=2.0)
    volume = struc2map(str(trypsin), Simulation(options, "molmap", grid=grid)).volume
    wrong: dict[str, Callable[[], object]] = {
        "`method` moplap: give molmap, pdb2mrc, gan or vae-gan": lambda: struc2map(
            str(trypsin), Simulation(options, "moplap", grid=grid)
        ),
        "`weights` mass: give number or electron": lambda: atoms_as_gaussians(
            read_structure(trypsin), 6.0, weights="mass"
        ),
        "`method` nearest: give fourier, cubic or linear": lambda: resample(volume, volume.grid, "nearest"),
        "`mode` 1: give 2 or 12": lambda: write_map("/dev/null", volume, label="", mode=1),
        "`arch` resnet: give unet, unetpp or vae-gan": lambda: make_simulator_task([], [], SimulatorOptions("resnet")),
    }
    for message, call in wrong.items():
        with pytest.raises(ArgumentError, match=re.escape(message)):
            call()


def test_errors_and_notes_of_a_list_are_in_options_on_the_terminal_and_in_the_summary(
    run: Callable, tmp_path: Path
) -> None:
    (tmp_path / "models").mkdir()
    write_pdb(tmp_path / "models/wet.pdb", [A("O", (0, 0, 0), residue="HOH")])
    done = run("struc2map", "--list", tmp_path / "models", tmp_path / "maps", "--method", "molmap")
    advice = "none of its 1 atoms is selected; include waters with --waters"
    assert done.code == 1
    assert advice in done.err
    assert advice in (tmp_path / "maps/summary.csv").read_text()
