from __future__ import annotations

import csv
import io
from dataclasses import dataclass, field

import pytest
from small_structures import A, dozen, write_pdb

from cryotools.core.errors import CryotoolsNote, CryotoolsWarning, DataError, UsageError
from cryotools.simulate.batch import FAILED, MADE, SKIPPED, check_distinct, plan, run_jobs, summary_csv_text
from cryotools.simulate.classical.formulas import MapOptions
from cryotools.simulate.struc2map import GridChoice, Simulation, struc2map

BASE = Simulation(MapOptions(6.0), "molmap", grid=GridChoice(apix=2.0))


@dataclass
class Kept:
    """A writer that keeps what it is given."""

    made: dict = field(default_factory=dict)
    companions: tuple[str, ...] = ()

    def outputs(self, job):
        return [job.output, *(job.output.replace(".mrc", word + ".mrc") for word in self.companions)]

    def check(self, job):
        if "forbidden" in job.output:
            raise UsageError(f"{job.output}: no")

    def write(self, job, made):
        if "full" in job.output:
            raise OSError(28, "No space left on device")
        if "odd" in job.output:
            raise RuntimeError("oops")
        self.made[job.output] = made


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Three structures in the current folder: a of two chains, b with a water, c that is broken."""
    monkeypatch.chdir(tmp_path)
    write_pdb(tmp_path / "a.pdb", [*dozen(), A("C", (20, -30, 5), chain="B", number=40, b_factor=50)])
    write_pdb(tmp_path / "b.pdb", [*dozen(seed=1), A("O", (20, -30, 5), residue="HOH", number=50, hetero=True)])
    (tmp_path / "c.pdb").write_text("no structure")
    return tmp_path


def listed(folder, text):
    (folder / "list.csv").write_text(text)
    return "list.csv"


def test_a_folder_becomes_jobs_named_after_the_structures(folder):
    jobs = plan(".", "out", BASE)
    assert [(job.structure, job.output) for job in jobs] == [(f"{x}.pdb", f"out/{x}.mrc") for x in "abc"]
    assert all(job.simulation.options == BASE.options for job in jobs)


COLUMNS = {
    "method": ("pdb2mrc", lambda s: s.method),
    "res": (5.0, lambda s: s.options.resolution),
    "resolution": (5.0, lambda s: s.options.resolution),
    "network": ("own.safetensors", lambda s: s.options.network),
    "weights": ("electron", lambda s: s.options.weights),
    "sharpen": (-40.0, lambda s: s.options.sharpness),
    "apix": (1.5, lambda s: s.grid.apix),
    "box": ("24", lambda s: s.grid.box),
    "like": ("sub/a.mrc", lambda s: s.grid.like),
    "match": ("sub/a.mrc", lambda s: s.match),
    "select": ("not water", lambda s: s.atoms.selection),
    "model": ("2", lambda s: s.atoms.model),
    "assembly": ("1", lambda s: s.atoms.assembly),
    "altloc": ("B", lambda s: s.atoms.altloc),
    "noise": (0.5, lambda s: s.noise),
    "seed": (7, lambda s: s.seed),
}
SWITCHES = {
    "center": lambda s: s.grid.center,
    "hydrogens": lambda s: s.atoms.hydrogens,
    "waters": lambda s: s.atoms.waters,
    "skip-unknown": lambda s: s.atoms.skip_unknown,
    "occupancy": lambda s: s.options.occupancy,
    "bfactor": lambda s: s.options.b_factors,
}


@pytest.mark.parametrize("column", COLUMNS)
def test_a_column_changes_its_option_for_its_line_alone(folder, column):
    value, read = COLUMNS[column]
    extra = ",method\na.pdb,{},gan\nb.pdb,,molmap\n" if column == "network" else "\na.pdb,{}\nb.pdb,\n"
    first, second = plan(listed(folder, f"file,{column}" + extra.format(value)), "out", BASE)
    assert read(first.simulation) == value
    if column != "seed":
        assert read(second.simulation) == read(BASE)


@pytest.mark.parametrize("column", SWITCHES)
def test_a_switch_is_yes_or_no(folder, column):
    jobs = plan(listed(folder, f"file,out,{column}\na.pdb,1,yes\na.pdb,2,no\na.pdb,3,True\na.pdb,4,0\n"), "out", BASE)
    assert [SWITCHES[column](job.simulation) for job in jobs] == [True, False, True, False]


def test_chains_and_the_noise_of_half_maps_are_read(folder):
    first, second = plan(listed(folder, 'file,chains,noise\na.pdb,"A,B",auto\nb.pdb,A,\n'), "out", BASE)
    assert (first.simulation.atoms.chains, first.simulation.half_maps) == (("A", "B"), True)
    assert (second.simulation.atoms.chains, second.simulation.half_maps) == (("A",), False)


@pytest.mark.parametrize(
    ("out", "output"),
    [("x", "x.mrc"), ("x.map.gz", "x.map.gz"), ("x.v2", "x.v2.mrc"), ("sub/x.mrc", "sub/x.mrc"), ("", "a.mrc")],
)
def test_outputs_can_be_named(folder, out, output):
    (job,) = plan(listed(folder, f"file,out\na.pdb,{out}\n"), "out", BASE)
    assert job.output == f"out/{output}"


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        ("file,res\na.pdb,3\nb.pdb,fine\n", DataError, "line 3: column res: fine is not a number"),
        ("file;res\na.pdb;3,5\n", DataError, "column res: 3,5 is not a number; write 3.5, with a point"),
        ("file,apix\na.pdb,-1\n", DataError, "line 2: column apix: -1 is not a positive number"),
        ("file,method\na.pdb,molmpa\n", DataError, "column method: molmpa is none of molmap, pdb2mrc, gan, vae-gan"),
        ("file,waters\na.pdb,maybe\n", DataError, "column waters: maybe is neither yes nor no"),
        ("file,seed\na.pdb,1.5\n", DataError, "column seed: 1.5 is not a whole number"),
        ("file,noise\na.pdb,much\n", DataError, "column noise: much is not a number"),
        ("file,res,resolution\na.pdb,3,4\n", DataError, "line 2: columns res and resolution both give the resolution"),
        ("file,noise\na.pdb,-1\n", UsageError, "line 2: `noise` -1"),
        ("file,box\na.pdb,many\n", UsageError, "line 2: `box` many"),
        ("file,method,weights\na.pdb,gan,electron\n", UsageError, "line 2: `weights` are for the classical methods"),
    ],
)
def test_a_wrong_value_is_named_before_anything_is_made(folder, text, error, words):
    with pytest.raises(error, match=words):
        plan(listed(folder, text), "out", BASE)


def test_a_column_that_is_no_option_is_told(folder):
    with pytest.warns(CryotoolsWarning, match="unknown columns are ignored: resoltion, remark"):
        plan(listed(folder, "file,resoltion,remark\na.pdb,3,nice\n"), "out", BASE)


def test_seeds_differ_between_structures_and_depend_on_nothing_but_name_and_seed(folder):
    seeds = {job.output: job.simulation.seed for job in plan(".", "out", BASE)}
    assert len(set(seeds.values())) == 3
    (alone,) = plan(listed(folder, "file\nb.pdb\n"), "elsewhere", BASE)
    assert alone.simulation.seed == seeds["out/b.mrc"]
    (other,) = plan("list.csv", "out", Simulation(MapOptions(6.0), "molmap", seed=1))
    assert other.simulation.seed != alone.simulation.seed


def test_two_maps_of_one_name_are_refused(folder):
    same = plan(listed(folder, "file,out\na.pdb,x\nb.pdb,y/../x.mrc\n"), "out", BASE)
    with pytest.raises(DataError, match=r"a\.pdb and b\.pdb would both be written to out/y/\.\./x\.mrc"):
        check_distinct(same, Kept())
    twice = plan(listed(folder, "file\na.pdb\na.pdb\n"), "out", BASE)
    with pytest.raises(DataError, match=r"a\.pdb and a\.pdb would both be written to out/a\.mrc"):
        check_distinct(twice, Kept())
    half = plan(listed(folder, "file,out\na.pdb,x\nb.pdb,x_half1\n"), "out", BASE)
    check_distinct(half, Kept())
    with pytest.raises(DataError, match=r"would both be written to out/x_half1\.mrc"):
        check_distinct(half, Kept(companions=("_half1", "_half2")))


def test_maps_are_those_of_each_structure_alone(folder):
    writer = Kept()
    jobs = plan(listed(folder, "file,out,res,chains\na.pdb,x,,B\nb.pdb,y,5,\n"), "out", BASE)
    outcomes = list(run_jobs(jobs, writer))
    assert [each.status for each in outcomes] == [MADE, MADE]
    for job, outcome in zip(jobs, outcomes, strict=True):
        alone = struc2map(job.structure, job.simulation)
        assert (writer.made[job.output].volume.data == alone.volume.data).all()
        assert (outcome.atoms, outcome.voxels) == (len(alone.atoms), alone.volume.data.size)
    assert [each.atoms for each in outcomes] == [1, 12]


def test_what_fails_does_not_stop_the_rest(folder):
    names = ["forbidden", "full", "odd", "good"]
    table = "file,out\nc.pdb,\ngone.pdb,\n" + "".join(f"a.pdb,{name}\n" for name in names)
    outcomes = list(run_jobs(plan(listed(folder, table), "out", BASE), Kept()))
    assert [each.status for each in outcomes] == [FAILED] * 5 + [MADE]
    errors = [
        "c.pdb: is neither",
        "gone.pdb: no such file",
        "out/forbidden.mrc: no",
        "No space left",
        "RuntimeError: oops",
    ]
    assert all(word in each.error for word, each in zip(errors, outcomes, strict=False))
    assert outcomes[-1].error == ""


def test_outputs_that_exist_are_skipped_on_request(folder):
    (folder / "a.mrc").touch()
    jobs = plan(".", ".", BASE)
    assert [each.status for each in run_jobs(jobs, Kept(), no_clobber=True)] == [SKIPPED, MADE, FAILED]
    assert [each.status for each in run_jobs(jobs, Kept())] == [MADE, MADE, FAILED]


def test_warnings_of_a_structure_are_in_its_outcome_and_nowhere_else(folder, monkeypatch):
    def with_words_on_the_machine(path, simulation):
        import warnings

        warnings.warn("no GPU found", CryotoolsNote, stacklevel=1)
        warnings.warn("not ours", RuntimeWarning, stacklevel=1)
        return struc2map(path, simulation)

    monkeypatch.setattr("cryotools.simulate.batch.struc2map", with_words_on_the_machine)
    jobs = plan(listed(folder, "file,apix\na.pdb,\nb.pdb,4\n"), "out", BASE)
    with pytest.warns(CryotoolsNote) as told:
        plain, odd = run_jobs(jobs, Kept())
    assert {str(each.message) for each in told} == {"no GPU found"}
    assert plain.warnings == ()
    assert [text.split(";")[0] for text in odd.warnings] == [
        "b.pdb: 1 water atoms are left out",
        "voxels of 4 A are too large for a resolution of 6 A",
    ]


def test_the_summary_has_a_line_for_each_structure(folder):
    jobs = plan(listed(folder, "file,seed\na.pdb,1\nb.pdb,2\nc.pdb,3\n"), "out", BASE)
    rows = list(csv.DictReader(io.StringIO(summary_csv_text(run_jobs(jobs, Kept())))))
    assert list(rows[0]) == ["structure", "status", "output", "atoms", "voxels", "seconds", "seed", "warnings", "error"]
    assert [(row["structure"], row["status"], row["atoms"], row["seed"]) for row in rows] == [
        ("a.pdb", "made", "13", "1"),
        ("b.pdb", "made", "12", "2"),
        ("c.pdb", "failed", "", "3"),
    ]
    assert "water atoms are left out" in rows[1]["warnings"]
    assert rows[2]["error"].startswith("c.pdb: ")
    assert float(rows[0]["seconds"]) >= 0
