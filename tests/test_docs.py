from __future__ import annotations

import csv
import gzip
import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from mutated_structures import backbone, mutated
from particle_files import cryosparc, relion31

from cryotools.cli.registry import COMMANDS, load
from cryotools.core.maps.mapfile import read_map
from cryotools.core.maps.volume import Volume
from cryotools.core.structures.write import cif_text
from cryotools.heterogeneity.fourier import map_grid
from cryotools.heterogeneity.truth import write_truth

ROOT = Path(__file__).parents[1]
PROGRAM = Path(sys.executable).with_name("cryotools")


def _generator():
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _environment() -> dict[str, str]:
    return {**os.environ, "PATH": f"{PROGRAM.parent}{os.pathsep}{os.environ['PATH']}"}


@pytest.fixture
def checkout(tmp_path):
    """A folder with the examples, as commands in help and README expect to be run from the repository's root."""
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    return tmp_path


def test_the_command_reference_is_current(monkeypatch):
    for name in ("COLUMNS", "TERMINAL_WIDTH", "NO_COLOR", "TERM"):
        monkeypatch.setenv(name, "")  # undone afterwards; the generator sets its own
    generator = _generator()
    assert generator.REFERENCE.read_text(encoding="utf-8") == generator.reference(), "run `make docs`"


def test_every_command_is_in_the_reference_and_the_readme():
    reference = (ROOT / "docs/commands.md").read_text(encoding="utf-8")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for name in COMMANDS:
        assert f"## cryotools {name}\n" in reference
        assert f"`{name}`" in readme


def test_links_between_pages_lead_somewhere():
    for page in [
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        *(ROOT / "docs").glob("*.md"),
        ROOT / "examples/README.md",
    ]:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_the_index_leads_to_every_page():
    linked = re.findall(r"\]\(([a-z-]+\.md)\)", (ROOT / "docs/index.md").read_text(encoding="utf-8"))
    assert {*linked, "index.md"} == {page.name for page in (ROOT / "docs").glob("*.md")}


@pytest.mark.parametrize("page", sorted(path.name for path in (ROOT / "docs").glob("*.md") if "notes" not in path.stem))
def test_aims_and_history_stand_in_development_notes_only(page):
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    assert not re.findall(r"\b(?:[Tt]he aim|[Aa]ims?:|was missed|were missed|issue \d+)\b", text)


def _command_lines() -> list[str]:
    """The lines of shell blocks in README and docs that begin with the program's name."""
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    blocks = [block for page in pages for block in re.findall(r"```(?:ba)?sh\n(.*?)```", page.read_text(), re.DOTALL)]
    return [
        line for block in blocks for line in block.replace("\\\n", "").splitlines() if line.startswith("cryotools ")
    ]


@pytest.mark.parametrize("line", _command_lines())
def test_commands_in_the_pages_have_the_options_that_the_pages_give_them(line):
    _, command, *words = shlex.split(line, comments=True)
    names = {name for option in load(command).params for name in option.opts + option.secondary_opts}
    assert {word.partition("=")[0] for word in words if re.match(r"--?[A-Za-z]", word)} <= names


def _help_examples() -> list[list[str]]:
    epilogs = "\x00".join((load(name).epilog or "").replace("\n\n", "\x00") for name in COMMANDS)
    lines = [part.replace("\n", " ").strip() for part in epilogs.split("\x00")]
    return [shlex.split(line) for line in lines if line.startswith("cryotools ")]


def write_proteins_and_structures(folder: Path) -> None:
    """What examples of find-homologs search with, and where."""
    (folder / "proteins.fasta").write_text(">part\nIVGGYTCGANTVPYQVSLNSGYHFCGGSLINSQWVVSAAHCYKSGIQVRLGEDNIN\n")
    (folder / "structures").mkdir()
    near = mutated(backbone(folder / "examples/1gbt.cif"), 0.3)
    (folder / "structures/near.cif").write_text(cif_text(near))


@pytest.mark.slow
def test_every_command_gives_two_examples_and_they_run(checkout, run, monkeypatch):
    monkeypatch.chdir(checkout)
    run("struc2map", "examples/1gbt.cif", "map.mrc", "--method", "molmap", "--quiet")
    run("struc2map", "examples/1gbt.cif", "other.mrc", "--method", "molmap", "--res", "4", "--apix", "1.5", "--quiet")
    (checkout / "pairs.csv").write_text(
        "id,map,model,resolution,family\n1gbt,map.mrc,examples/1gbt.cif,3,trypsin\n2gbt,other.mrc,examples/1gbt.cif,4,trypsin\n"
    )
    relion31(checkout)
    cryosparc(checkout, np.zeros((6, 3)))
    (checkout / "proteins.fasta").write_text(
        ">part\nIVGGYTCGANTVPYQVSLNSGYHFCGGSLINSQWVVSAAHCYKSGIQVRLGEDNINVVEGNEQF\n"
    )
    shutil.copytree(checkout / "examples", checkout / "structures")
    (checkout / "junk.txt").write_text("0\n3\n")
    states = np.array([0, 1, 0, 1, 0, 1])
    volumes = [np.random.default_rng(seed).normal(size=(8, 8, 8)).astype(np.float32) for seed in (0, 1)]
    write_truth(checkout / "truth", states, [Volume.on(map_grid(8, 2.0), volume) for volume in volumes])
    np.savetxt(checkout / "labels.txt", states, fmt="%d")
    examples = _help_examples()
    assert all([words[1] for words in examples].count(name) >= 2 for name in COMMANDS)
    for _, *arguments in examples:
        done = run(*arguments)
        assert done.code == 0, f"{' '.join(arguments)}\n{done.err}"


@pytest.mark.slow
def test_the_lines_of_the_readme_run(checkout, run, monkeypatch):
    monkeypatch.chdir(checkout)
    block = re.search(r"## Use it\n+```sh\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)[1]
    lines = [line for line in block.splitlines() if line.startswith("cryotools ")]
    assert len(lines) >= 6
    for line in lines:
        done = run(*shlex.split(line)[1:])
        assert done.code == 0, f"{line}\n{done.err}"


def _blocks(page: str, kind: str) -> list[str]:
    """The fenced blocks of a kind in a page of docs."""
    return re.findall(rf"```{kind}\n(.*?)```", (ROOT / "docs" / page).read_text(encoding="utf-8"), re.DOTALL)


@pytest.fixture
def listed(checkout, monkeypatch):
    """The files that the examples on many structures name: two models, a list and a table of them."""
    monkeypatch.chdir(checkout)
    models = checkout / "models"
    models.mkdir()
    shutil.copy(ROOT / "examples/1gbt.cif", models / "trypsin.cif")
    (models / "other.cif.gz").write_bytes(gzip.compress((ROOT / "examples/1gbt.cif").read_bytes()))
    (checkout / "structures.txt").write_text("models/trypsin.cif\nmodels/other.cif.gz\n")
    (table,) = _blocks("simulation.md", "csv")
    (checkout / "structures.csv").write_text(table.replace('"A,B"', "A"))
    return checkout


def test_the_examples_on_many_structures_run(listed, run):
    (block,) = (block for block in _blocks("simulation.md", "sh") if "--list" in block)
    counts = []
    for line in block.splitlines():
        done = run(*shlex.split(line)[1:])
        assert done.code == 0, f"{line}\n{done.err}"
        counts.append(done)
    assert '"made": 3, "skipped": 0, "failed": 0' in counts[-1].out
    assert {path.stem for path in (listed / "maps").glob("*.mrc")} == {"trypsin", "other", "trypsin_4A", "trypsin_8A"}


@pytest.mark.slow
def test_the_array_job_makes_all_maps_once(listed):
    (script,) = (block for block in _blocks("hpc.md", "sh") if "--array" in block)
    script = script.replace("--res 3 --apix 1", "--res 6 --apix 2")
    for task in "1234":
        slurm = {"SLURM_ARRAY_TASK_ID": task, "SLURM_ARRAY_TASK_MIN": "1", "SLURM_ARRAY_TASK_COUNT": "4"}
        done = subprocess.run(
            ["sh", "-c", script], cwd=listed, env=_environment() | slurm, capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stderr) == (0, "")
    summaries = [path.read_text().splitlines()[1:] for path in sorted((listed / "maps").glob("summary-*-of-4.csv"))]
    assert [len(lines) for lines in summaries] == [1, 1, 1, 0]
    assert {path.stem for path in (listed / "maps").glob("*.mrc")} == {"trypsin_4A", "trypsin_8A", "other"}


def run_python(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    path = f"{ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env=_environment() | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_the_blocks_of_the_page_on_python_run_one_after_another(checkout):
    blocks = _blocks("python.md", "python")
    assert len(blocks) >= 6
    done = run_python("\n".join(blocks), checkout)
    assert done.returncode == 0, done.stderr
    promised = re.findall(r"# (<(?:Structure|Volume).*>)", blocks[0])
    assert done.stdout.splitlines() == promised


@pytest.mark.slow
def test_the_python_lines_of_the_page_on_homologs_run(checkout):
    write_proteins_and_structures(checkout)
    done = run_python("\n".join(_blocks("homologs.md", "python")), checkout)
    assert done.returncode == 0, done.stderr
    assert (checkout / "homologs/part.a3m").exists()


@pytest.mark.slow
def test_the_python_lines_of_the_readme_run(checkout):
    (block,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    done = run_python(block, checkout)
    assert done.returncode == 0, done.stderr
    assert read_map(checkout / "trypsin.mrc").voxel_size == (1.0, 1.0, 1.0)


@pytest.mark.slow
def test_the_notebook_runs_and_finds_the_helices_of_trypsin(checkout):
    done = run_python((ROOT / "examples/notebook.py").read_text(encoding="utf-8"), checkout)
    assert (done.returncode, done.stderr) == (0, "")
    share = {name: int(percent) for name, percent in re.findall(r"(\w+): (\d+)% of the voxels", done.stdout)}
    assert share["learned"] > share["classical"]
    assert int(re.search(r"(\d+)% of the residues", done.stdout)[1]) > 60


NEEDS_TRAINING_DATA = "realism.sh"
TRAINS_LONG = "heterogeneity.sh"


@pytest.mark.learning
def test_learning_from_maps_runs_from_curation_to_verdict_in_miniature(checkout):
    """On part of a real map; twice, so that there is a fold to hold out."""
    data, header = ROOT / "tests/data", "id,map,model,resolution,family,fold\n"
    lines = [f"{fold},{data}/emd_3488_crop.mrc.gz,{data}/5ni1_crop.pdb.gz,3.2,globin,{fold}\n" for fold in (0, 1)]
    (checkout / "pairs.csv").write_text(header + "".join(lines))
    done = run_script(checkout, NEEDS_TRAINING_DATA, "pairs.csv", "12", TRAINING="--width 4 --batch 4 --cube 16")
    assert done.returncode == 0, done.stderr
    out = checkout / "out"
    assert {"report.html", "0.npz", "1.npz"} <= {path.name for path in (out / "set").iterdir()}
    for name in ("generator", "discriminator"):
        assert {"model.safetensors", "metrics.csv", "config.json"} <= {path.name for path in (out / name).iterdir()}
    for method in ("gan", "molmap"):
        (row,) = csv.DictReader((out / f"{method}.csv").read_text().splitlines())
        assert int(row["n_voxels"]) > 1000
        assert read_map(out / f"{method}_real.mrc").same_grid_as(read_map(out / f"{method}.mrc"))
        assert len((out / f"{method}_residues.csv").read_text().splitlines()) > 200


@pytest.mark.learning
def test_a_motion_is_simulated_learned_and_scored_in_miniature(checkout):
    done = run_script(checkout, TRAINS_LONG, "300", "1")
    assert done.returncode == 0, done.stderr
    out = checkout / "out"
    for run in ("linear", "network"):
        assert {"model.safetensors", "latent.csv", "particles.csv"} <= {path.name for path in (out / run).iterdir()}
        assert len((out / run / "latent.csv").read_text().splitlines()) == 301
        measured = list(csv.DictReader((out / f"{run}.csv").read_text().splitlines()))
        assert {row["measured"] for row in measured} == {"image", "state"}
        assert (out / f"{run}_report" / "report.html").stat().st_size > 50_000
    assert read_map(out / "particle.mrc").same_grid_as(read_map(out / "mean.mrc"))


@pytest.mark.slow
@pytest.mark.parametrize(
    "script", sorted({path.name for path in (ROOT / "examples").glob("*.sh")} - {NEEDS_TRAINING_DATA, TRAINS_LONG})
)
def test_the_example_scripts_run(checkout, script):
    done = run_script(checkout, script)
    assert done.returncode == 0, done.stderr
    assert any((checkout / "out").iterdir())


def run_script(checkout, script, *arguments, **environment):
    return subprocess.run(
        ["sh", f"examples/{script}", "out", *arguments],
        cwd=checkout,
        env=_environment() | environment,
        capture_output=True,
        text=True,
        check=False,
    )
