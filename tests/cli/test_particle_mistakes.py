"""Mistakes in particle sets end to end: an exit code, one line on stderr, and a folder as it was before."""

from __future__ import annotations

import os
import pickle
import re
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import blob_particles as blobs
import numpy as np
import pytest

from cryotools.api.maps import write_map
from cryotools.core.files.star import read_star, write_star
from cryotools.core.maps.stackfile import write_stack

ROOT = Path(__file__).parents[2]
COUNT = 60
SMALL = ("--zdim", 1, "--width", 8, "--layers", 1, "--batch", 20, "--device", "cpu", "--threads", 1)
COMMANDS = {
    "backproject": ("backproject", "particles.star", "out.mrc"),
    "train-drgn": ("train-drgn", "particles.star", "out", "--epochs", 1, *SMALL),
    "linear": ("train-drgn", "particles.star", "sub", "--decoder", "linear", "--epochs", 2, "--zdim", 1),
}


@pytest.fixture(autouse=True)
def _particles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The current folder, with particles.star and its stack."""
    monkeypatch.chdir(tmp_path)
    blobs.write_particles(Path(), COUNT, noise=0.5)


def _files() -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()}


@pytest.fixture
def refused(run: Callable) -> Callable[..., str]:
    """Run a command that must fail with `code` and leave nothing; what it says."""

    def check(code: int, *arguments: object) -> str:
        before = _files()
        ended = run(*arguments)
        assert ended.code == code, ended.err
        (line,) = [line for line in ended.err.splitlines() if ": error: " in line]
        assert line.startswith(f"cryotools {arguments[0]}: error: ")
        assert "unexpected" not in line
        assert "Traceback" not in ended.err
        assert _files() == before
        return line

    return check


def _change(pattern: str, new: str, count: int = 0) -> None:
    path = Path("particles.star")
    text, found = re.subn(pattern, new, path.read_text(), count=count)
    assert found
    path.write_text(text)


def _images(images: np.ndarray) -> None:
    write_stack("particles.mrcs", images.astype(np.float32), blobs.VOXEL, label="test")


def _noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=shape)


def _second_stack() -> None:
    _change("000007@particles.mrcs", "000001@other.mrcs")
    write_stack("other.mrcs", _noise(1, 12, 12).astype(np.float32), blobs.VOXEL, label="test")


def _poisoned() -> None:
    data = bytearray(Path("particles.mrcs").read_bytes())
    at = 1024 + 4 * (7 * blobs.BOX**2 + 5)
    data[at : at + 4] = np.float32(np.nan).tobytes()
    Path("particles.mrcs").write_bytes(data)


def _no_rows() -> None:
    path = Path("particles.star")
    path.write_text("\n".join(line for line in path.read_text().splitlines() if "@" not in line) + "\n")


SPOILED = {
    "no particles": (_no_rows, "particles.star: "),
    "missing stack": (lambda: Path("particles.mrcs").unlink(), "row 1: the stack particles.mrcs is not in"),
    "past the end": (lambda: _images(_noise(COUNT - 1, 16, 16)), "row 60: asks for image 60 of .*, which has 59"),
    "NaN": (_poisoned, r"particles\.mrcs: image 8 contains NaN"),
    "mixed boxes": (_second_stack, r"other\.mrcs: the images measure 12 x 12 pixels, those of .* 16 x 16"),
    "odd": (lambda: _images(_noise(COUNT, 15, 15)), "15 x 15 pixels, which is odd"),
    "oblong": (lambda: _images(_noise(COUNT, 16, 12)), "12 x 16 pixels, which is not square"),
    "another box": (lambda: _images(_noise(COUNT, 32, 32)), "measure 32 pixels, but particles.star says 16"),
    "constant": (lambda: _images(np.ones((COUNT, 16, 16))), "constant"),
    "no pixel size": (lambda: _change("_rlnImagePixelSize", "_rlnOther"), "pixel size is missing .*--apix"),
    "no optics group": (lambda: _change(r"(@particles\.mrcs) 1", r"\1 7", 1), "row 1: optics group 7 is not in"),
    "Euler angle": (lambda: _change("_rlnAngleTilt", "_rlnTilt"), "_rlnAngleTilt is missing"),
}


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("what", SPOILED)
def test_a_spoiled_set_ends_every_command_that_reads_images(refused: Callable, command: str, what: str) -> None:
    spoil, words = SPOILED[what]
    spoil()
    assert re.search(words, refused(1, *COMMANDS[command]))


def _poses(**changed: np.ndarray) -> None:
    rotations, shifts = blobs.poses(COUNT)
    given = {"rotations": rotations, "shifts": shifts / blobs.BOX} | changed
    Path("poses.pkl").write_bytes(pickle.dumps((given["rotations"], given["shifts"])))


class _Evil:
    def __reduce__(self) -> tuple:
        return os.mkdir, ("made",)


POSES = {
    "count": (lambda: _poses(rotations=np.eye(3)[None], shifts=np.zeros((1, 2))), "has 1 rows but .* has 60 particles"),
    "two counts": (lambda: _poses(shifts=np.zeros((3, 2))), r"shifts of shape \(3, 2\) for 60 rotations"),
    "pixels": (lambda: _poses(shifts=np.full((COUNT, 2), 1.5)), "shifts reach 1.5 boxes; divide"),
    "not rotations": (lambda: _poses(rotations=np.ones((COUNT, 3, 3))), "pose of particle 1 is not a rotation"),
    "Euler angles": (lambda: _poses(rotations=np.ones((COUNT, 3))), "Euler angles are not read from pickles"),
    "NaN": (lambda: _poses(shifts=np.full((COUNT, 2), np.nan)), "shift of particle 1 is not a number"),
    "malicious": (lambda: Path("poses.pkl").write_bytes(pickle.dumps(_Evil())), "nothing was executed"),
    "damaged": (lambda: Path("poses.pkl").write_bytes(b"not a pickle"), "is not a pickle"),
    "absent": (lambda: None, "no such file"),
}


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("what", POSES)
def test_poses_that_do_not_fit_end_every_command_that_reads_them(refused: Callable, command: str, what: str) -> None:
    write, words = POSES[what]
    write()
    said = refused(1, *COMMANDS[command], "--poses", "poses.pkl")
    assert "poses.pkl: " in said
    assert re.search(words, said)
    assert not Path("made").exists()


@contextmanager
def full_disk(room: int) -> Iterator[None]:
    """No file may grow beyond `room` bytes, as on a disk that becomes full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def _must_fit_on_disk(run: Callable, room: int, *arguments: object) -> None:
    """The command ends in one line when no file may exceed `room` bytes, and leaves the folder as it was."""
    before = _files()
    with full_disk(room):
        ended = run(*arguments)
    assert ended.code == 1, ended.err
    (line,) = [line for line in ended.err.splitlines() if ": error: " in line]
    assert "cannot be written: File too large" in line
    assert "Traceback" not in ended.err
    begun = ("config.json", "metrics.csv", "features.npz")  # of a training
    assert {path: data for path, data in _files().items() if path.name not in begun or path in before} == before


@pytest.mark.slow
def test_a_training_that_is_killed_goes_on_as_if_it_had_not_been(run: Callable) -> None:
    words = [str(word) for word in ("train-drgn", "particles.star", "out", "--epochs", 4, *SMALL)]
    path = f"{ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    training = subprocess.Popen(
        [sys.executable, "-m", "cryotools", *words], env=os.environ | {"PYTHONPATH": path}, stderr=subprocess.DEVNULL
    )
    try:
        for _ in range(600):
            if Path("out/state.pt").exists() or training.poll() is not None:
                break
            time.sleep(0.05)
    finally:
        training.send_signal(signal.SIGKILL)
    assert training.wait() == -signal.SIGKILL  # it had not come to its end
    ended = run("eval-drgn", "out", "volume.mrc")
    assert ended.code == 1
    assert re.search("no such file|has not come to its end", ended.err)
    assert run(*words).code == 2  # it is not begun anew
    assert run(*words, "--resume").code == 0
    assert run(*words[:2], "whole", *words[3:]).code == 0
    for name in ("latent.csv", "particles.csv"):
        assert Path("out", name).read_text() == Path("whole", name).read_text()
    epochs = [row.split(",")[1] for row in Path("out/metrics.csv").read_text().splitlines()[1:]]
    assert epochs == [str(epoch) for epoch in range(1, 5)]


@pytest.mark.learning
def test_a_run_of_another_box_or_other_particles_is_not_continued(refused: Callable, run: Callable) -> None:
    words = COMMANDS["train-drgn"]
    assert run(*words).code == 0
    for what, other in (("network_box", ("--downsample", 8)), ("network_zdim", ("--zdim", 2)), ("sign", ("--as-is",))):
        assert f"out: was started with a different {what}" in refused(2, *words, *other, "--resume")
    _change(r"(?m)^.*000003@particles\.mrcs.*\n", "")
    assert "out: was started with a different n_particles;" in refused(2, *words, "--resume")


def test_a_full_disk_ends_what_writes_maps_and_sets(run: Callable) -> None:
    _must_fit_on_disk(run, 8000, "backproject", "particles.star", "out.mrc")
    _must_fit_on_disk(run, 3000, "filter-particles", "particles.star", "out.star", "--where", "rlnDefocusU=0:")
    write_map("state.mrc", blobs.volume().astype(np.float32), voxel_size=blobs.VOXEL)
    _must_fit_on_disk(run, 20_000, "simulate-particles", "state.mrc", "out.star", "--n", 50)


@pytest.mark.learning
def test_a_full_disk_ends_training_and_what_looks_at_runs(run: Callable) -> None:
    _must_fit_on_disk(run, 3000, *COMMANDS["train-drgn"])
    assert run(*COMMANDS["train-drgn"], "--components", 3).code == 0  # with room again, begun anew
    _must_fit_on_disk(run, 8000, *COMMANDS["linear"])
    _must_fit_on_disk(run, 8000, "eval-drgn", "out", "volume.mrc")
    _must_fit_on_disk(run, 8000, "eval-drgn", "out", "volume.mrc", "--z", 0, "--to", 1, "--steps", 3)
    _must_fit_on_disk(run, 8000, "analyze-drgn", "out", "looked", "--landscape", 0, "--clusters", 2, "--steps", 2)


@pytest.mark.parametrize("sign", [1, -1])
def test_images_that_are_inverted_are_seen_and_said(run: Callable, sign: int) -> None:
    blobs.write_particles(Path(), COUNT, noise=0.5, sign=sign)
    said = "dark on light; images are taken as they are" if sign > 0 else "light on dark; images are negated"
    for command in COMMANDS.values():
        ended = run(*command)
        assert ended.code == 0, ended.err
        assert f"particles.star: particles are {said}" in ended.err


@pytest.mark.parametrize("command", COMMANDS)
def test_poses_of_another_convention_end_what_would_take_long_with_them(refused: Callable, command: str) -> None:
    rotations, _ = blobs.poses(COUNT)
    blobs.write_particles(Path(), COUNT, noise=0.5, rotations=rotations.swapaxes(1, 2))
    assert "fit their poses better with transposed rotations" in refused(1, *COMMANDS[command])
    blobs.write_particles(Path(), COUNT, noise=0.5)
    tables = read_star("particles.star")
    table = tables["particles"]
    radians = {f"rlnAngle{name}": np.deg2rad(table.numbers(f"rlnAngle{name}")) for name in ("Rot", "Tilt", "Psi")}
    tables["particles"] = table.with_columns({name: values.astype(str) for name, values in radians.items()})
    write_star("particles.star", tables)
    assert "fit their poses better with angles in radians" in refused(1, *COMMANDS[command])
