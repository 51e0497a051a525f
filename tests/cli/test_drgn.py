"""train-drgn and eval-drgn on projections of a few blobs."""

from __future__ import annotations

import csv
import json
import pickle
from pathlib import Path

import cryodrgn_runs as peers
import mrcfile
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from cryotools.core.maps.mapfile import read_map

BOX, N = 16, 40
BLOBS = np.array([[0.0, 0, 0], [3, 0, 1], [-2, 3, 0], [0, -3, -3]])


@pytest.fixture(autouse=True)
def stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Projections, light on dark, with poses as cryoDRGN has them."""
    monkeypatch.chdir(tmp_path)
    rotations = Rotation.random(N, random_state=0).as_matrix()
    projected = np.einsum("nij,bj->nbi", rotations, BLOBS)[..., :2]
    y, x = np.mgrid[:BOX, :BOX] - BOX // 2
    square = (x - projected[..., 0, None, None]) ** 2 + (y - projected[..., 1, None, None]) ** 2
    images = np.exp(-square / 4).sum(axis=1).astype(np.float32)
    with mrcfile.new("stack.mrcs") as file:
        file.set_data(images)
        file.set_image_stack()
        file.voxel_size = 2.5
    Path("poses.pkl").write_bytes(pickle.dumps((rotations, np.zeros((N, 2)))))


@pytest.mark.parametrize("zdim", [0, 2])
def test_volumes_are_learned_and_made(run, zdim):
    options = ("--zdim", zdim, "--width", 16, "--layers", 1, "--epochs", 2, "--batch", 8, "--as-is")
    done = run("train-drgn", "stack.mrcs", "run", "--poses", "poses.pkl", *options, "--json", "--device", "cpu")
    assert done.code == 0, done.err
    figures = json.loads(done.out)
    assert (figures["n_particles"], figures["epoch"]) == (N, 2)
    assert figures["held_out_error"] > 0
    done = run("eval-drgn", "run", "volume.mrc")
    assert done.code == 0, done.err
    volume = read_map("volume.mrc")
    assert volume.data.shape == (BOX,) * 3
    assert volume.voxel_size == pytest.approx((2.5,) * 3)
    if zdim:
        rows = list(csv.DictReader(Path("run/latent.csv").read_text().splitlines()))
        assert [list(rows[0]), len(rows)] == [["index", "z_1", "z_2"], N]
        done = run("eval-drgn", "run", "way.mrc", "--particle", 3, "--to", "1,0", "--steps", 3)
        assert done.code == 0, done.err
        assert sorted(path.name for path in Path().glob("way*")) == ["way_001.mrc", "way_002.mrc", "way_003.mrc"]
    else:
        done = run("eval-drgn", "run", "way.mrc", "--particle", 3)
        assert (done.code, "the run has a single volume" in done.err) == (1, True)
        done = run("analyze-drgn", "run", "way")
        assert (done.code, "the run has a single volume" in done.err) == (1, True)


def test_a_finished_run_goes_on_for_more_epochs(run):
    options = ("--zdim", 2, "--width", 16, "--layers", 1, "--batch", 8, "--as-is", "--refine-angles", 2)
    words = ("train-drgn", "stack.mrcs", "run", "--poses", "poses.pkl", *options, "--device", "cpu")
    assert run(*words, "--epochs", 1).code == 0
    first = Path("run/latent.csv").read_text()
    done = run(*words, "--epochs", 12, "--resume")
    assert done.code == 0, done.err
    epochs = [row.split(",")[1] for row in Path("run/metrics.csv").read_text().splitlines()[1:]]
    assert epochs == [str(epoch) for epoch in range(1, 13)]
    assert Path("run/latent.csv").read_text() != first
    assert json.loads(Path("run/config.json").read_text())["poses_from"] == 1  # poses go on to be corrected
    done = run(*words, "--epochs", 3, "--resume")
    assert (done.code, "--epochs 3: give 12, as the run was started with, or more" in done.err) == (2, True), done.err


def test_a_run_is_looked_at(run):
    options = ("--zdim", 3, "--width", 16, "--layers", 1, "--epochs", 1, "--batch", 8, "--as-is")
    assert run("train-drgn", "stack.mrcs", "run", "--poses", "poses.pkl", *options, "--device", "cpu").code == 0
    small = ("--clusters", 3, "--steps", 3, "--landscape", 5, "--no-umap")
    done = run("analyze-drgn", "run", "seen", *small, "--path", "1,5", "--json")
    assert done.code == 0, done.err
    figures = json.loads(done.out)
    assert (figures["n_particles"], figures["n_clusters"], figures["zdim"]) == (N, 3, 3)
    assert all((Path("seen") / name).exists() for name in figures["files"])
    whole = read_map("seen/volumes/cluster_01.mrc")
    assert whole.data.shape == (BOX,) * 3
    done = run("analyze-drgn", "run", "small", *small, "--box", 8)
    assert done.code == 0, done.err
    cropped = read_map("small/volumes/cluster_01.mrc")
    assert cropped.voxel_size == pytest.approx((5.0,) * 3)
    spectrum, half = (np.fft.rfftn(each.data)[:3, :3, :3] for each in (whole, cropped))
    assert np.allclose(spectrum / 8, half, atol=1e-3 * np.abs(half).max())
    done = run("eval-drgn", "run", "every.mrc", "--zfile", "seen/trajectories.csv", "--flip", "--low-pass", 9)
    assert done.code == 0, done.err
    ways = [name for name in figures["files"] if name.startswith(("volumes/pc", "volumes/path"))]
    assert len(list(Path().glob("every_*.mrc"))) == len(ways)
    Path("some.txt").write_text("5\n1\n")
    done = run("eval-drgn", "run", "some.mrc", "--particles", "some.txt", "--box", 8, "--json")
    assert done.code == 0, done.err
    assert json.loads(done.out)["outputs"] == ["some_001.mrc", "some_002.mrc"]
    assert read_map("some_001.mrc").data.shape == (8, 8, 8)
    for options, words in (
        (("--box", 7), "--box 7"),
        (("--box", 18), "--box 18"),
        (("--path", "a,b"), "--path a,b"),
        (("--precision", "fp16", "--device", "cpu"), "fp16 needs a GPU"),
        (("--path", "1,99"), "particles 0 to 39"),
    ):
        done = run("analyze-drgn", "run", "no", *small, *options)
        assert (done.code, words in done.err) == (2, True), done.err
        assert not Path("no").exists()


def test_a_linear_subspace_is_fitted_and_makes_volumes(run):
    done = run("train-drgn", "stack.mrcs", "run", "--poses", "poses.pkl", "--decoder", "linear", "--zdim", 2, "--json")
    assert done.code == 0, done.err
    figures = json.loads(done.out)
    assert figures["n_particles"] == N
    assert figures["radius"] == BOX / 2
    names = {"config.json", "latent.csv", "losses.png", "metrics.csv", "model.safetensors", "particles.csv"}
    assert {path.name for path in Path("run").iterdir()} == names
    done = run("eval-drgn", "run", "volume.mrc", "--particle", 3)
    assert done.code == 0, done.err
    volume = read_map("volume.mrc")
    assert volume.voxel_size == pytest.approx((2.5,) * 3)
    z, y, x = np.mgrid[:BOX, :BOX, :BOX] - BOX // 2
    truth = sum(np.exp(-((x - a) ** 2 + (y - b) ** 2 + (z - c) ** 2) / 4) for a, b, c in BLOBS)
    assert np.corrcoef(volume.data.ravel(), truth.ravel())[0, 1] > 0.9
    rows = list(csv.DictReader(Path("run/latent.csv").read_text().splitlines()))
    assert [list(rows[0]), len(rows)] == [["index", "z_1", "z_2"], N]
    again = run("train-drgn", "stack.mrcs", "run", "--poses", "poses.pkl", "--decoder", "linear", "--zdim", 2)
    assert (again.code, "contains a training run" in again.err) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("train-drgn", "stack.mrcs", "out"), 2, "stack.mrcs: has no poses"),
        (("train-drgn", "nowhere.star", "out"), 1, "nowhere.star"),
        (("train-drgn", "stack.mrcs", "out", "--zdim", 0, "--beta", 1), 2, "--beta"),
        (("train-drgn", "stack.mrcs", "out", "--decoder", "linear", "--width", 8), 2, "--width is for networks"),
        (("train-drgn", "stack.mrcs", "out", "--decoder", "linear", "--resume"), 2, "--resume is for networks"),
        (
            ("train-drgn", "stack.mrcs", "out", "--poses", "poses.pkl", "--decoder", "linear", "--zdim", 0),
            2,
            "one component",
        ),
        (("eval-drgn", "nowhere", "out.mrc"), 1, "nowhere"),
        (("eval-drgn", "run", "out.mrc", "--z", "1", "--particle", 1), 2, "--z and --particle"),
        (("eval-drgn", "run", "out.mrc", "--zfile", "z.txt", "--particles", "p.txt"), 2, "--particles and --zfile"),
        (("eval-drgn", "run", "out.mrc", "--zfile", "z.txt", "--to", "1"), 2, "--to leads"),
    ],
)
def test_bad_input_is_said_in_one_line_and_leaves_nothing(run, arguments, code, words):
    done = run(*arguments)
    assert done.code == code, done.err
    assert words in done.err
    assert len([line for line in done.err.splitlines() if "error" in line]) == 1
    assert not list(Path().glob("out*"))


def test_runs_of_cryodrgn_are_evaluated_too(run):
    peers.write_run(Path("peer"))
    done = run("eval-drgn", "peer", "volume.mrc", "--z", "0.7,-1.3")
    assert done.code == 0, done.err
    volume = read_map("volume.mrc")
    assert np.allclose(volume.data, peers.expected_volume(Path("peer"), [0.7, -1.3]), atol=1e-5)
    assert volume.voxel_size == (peers.PIXEL,) * 3
    Path("peer/ctf.pkl").unlink()
    done = run("eval-drgn", "peer", "other.mrc", "--particle", 3)
    assert (done.code, "pixel size, are not at /elsewhere/ctf.pkl; give --apix" in done.err) == (1, True)
    done = run("eval-drgn", "peer", "other.mrc", "--particle", 3, "--apix", 1.5)
    assert (done.code, read_map("other.mrc").voxel_size) == (0, (1.5,) * 3)


def test_runs_of_cryodrgn_are_analyzed_and_scored_too(run):
    folder = peers.write_run(Path("peer"))
    rows = np.arange(1, 2 * peers.PARTICLES, 2)
    peers.change(folder, "dataset_args", ind="ind.pkl")
    (folder / "ind.pkl").write_bytes(pickle.dumps(rows))
    done = run("analyze-drgn", "peer", "out", "--clusters", 2, "--landscape", 0, "--steps", 2, "--apix", 2)
    assert done.code == 0, done.err
    clusters = list(csv.DictReader(Path("out/clusters.csv").read_text().splitlines()))
    assert [int(row["index"]) for row in clusters] == rows.tolist()
    assert read_map(next(Path("out/volumes").glob("*.mrc"))).voxel_size == (2.0,) * 3
    Path("labels.txt").write_text("\n".join(str(at % 2) for at in range(2 * peers.PARTICLES)))
    done = run("score-drgn", "peer", "labels.txt", "scores.csv", "--json")
    assert done.code == 0, done.err
    assert json.loads(done.out)["n_particles"] == peers.PARTICLES


def test_of_several_processes_one_prints_notes_and_warnings(run, monkeypatch):
    words = ("backproject", "stack.mrcs", "volume.mrc", "--poses", "poses.pkl")
    for rank in ("0", "1"):
        monkeypatch.setenv("WORLD_SIZE", "2")
        monkeypatch.setenv("RANK", rank)
        done = run(*words)
        assert done.code == 0, done.err
        assert ("note: " in done.err, "written" in done.err) == (rank == "0",) * 2


def test_volumes_come_from_the_images_near_a_place(run):
    given = ("stack.mrcs", "--poses", "poses.pkl")
    done = run("train-drgn", *given[:1], "run", *given[1:], "--decoder", "linear", "--zdim", 2, "--as-is")
    assert done.code == 0, done.err
    done = run("eval-drgn", "run", "near.mrc", "--particle", 3, "--from-images", *given, "--json")
    assert done.code == 0, done.err
    figures = json.loads(done.out)
    assert figures["outputs"] == ["near_half1.mrc", "near_half2.mrc", "near_fsc.csv", "near.mrc"]
    assert figures["volumes"][0]["images"] == [N] * (BOX // 2 + 1)  # too few for a smaller ball
    first, second, whole = (read_map(name).data for name in ("near_half1.mrc", "near_half2.mrc", "near.mrc"))
    assert np.corrcoef(first.ravel(), second.ravel())[0, 1] > 0.8
    assert np.corrcoef(first.ravel(), whole.ravel())[0, 1] > 0.9
    for options, said in (
        (("--poses", "poses.pkl"), "--poses is of images"),
        (("--from-images", "stack.mrcs", "--box", 8), "--box is of volumes"),
    ):
        done = run("eval-drgn", "run", "other.mrc", *options)
        assert done.code == 2
        assert said in done.err
        assert not Path("other.mrc").exists()
