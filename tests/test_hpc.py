"""The job scripts of docs/hpc.md: their syntax, and that a run that was stopped is queued again, and only then."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"
SCRIPTS = [
    (page.name, kind, text)
    for page in sorted(DOCS.glob("*.md"))
    for kind, text in re.findall(r"```(sh|bash)\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
]
ONE_GPU, MANY_GPUS = (text for page, kind, text in SCRIPTS if (page, kind) == ("hpc.md", "bash"))


@pytest.mark.parametrize(("page", "kind", "text"), SCRIPTS)
def test_shell_blocks_have_no_syntax_errors(page, kind, text):
    checked = subprocess.run([kind, "-n"], input=text, capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, ""), page


@pytest.mark.skipif(not shutil.which("shellcheck"), reason="needs shellcheck")
@pytest.mark.parametrize("text", [text for page, _, text in SCRIPTS if page == "hpc.md" and text.startswith("#!")])
def test_shellcheck_finds_nothing_in_the_job_scripts(text):
    checked = subprocess.run(["shellcheck", "-"], input=text, capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stdout) == (0, "")


@pytest.fixture
def cluster(tmp_path):
    """A folder with programs of SLURM that write down how they were called, and an environment that finds them."""
    programs = {
        "srun": 'exec "$@"',
        "scontrol": 'echo "scontrol $*" >> calls; echo node1; echo node2',
        "scancel": 'echo "scancel $*" >> calls; kill -TERM "$(cat step.pid)"',
        "torchrun": 'echo $$ > step.pid; trap "exit 1" TERM; echo "$*" > train; while :; do sleep 0.05; done',
        "cryotools": 'echo "$*" > train; exit "${ENDS_WITH-0}"',
    }
    (tmp_path / "bin").mkdir()
    for name, text in programs.items():
        (tmp_path / "bin" / name).write_text(f"#!/bin/bash\n{text}\n")
        (tmp_path / "bin" / name).chmod(0o755)
    path = f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}"
    slurm = {"SLURM_JOB_ID": "7", "SLURM_NNODES": "2", "SLURM_JOB_NODELIST": "node[1-2]"}
    return tmp_path, os.environ | slurm | {"PATH": path}


@pytest.mark.parametrize(("code", "calls"), [("0", ""), ("1", ""), ("143", "scontrol requeue 7\n")])
def test_a_run_on_one_gpu_is_queued_again_after_its_checkpoint_only(cluster, code, calls):
    folder, environment = cluster
    done = subprocess.run(["bash", "-c", ONE_GPU], cwd=folder, env=environment | {"ENDS_WITH": code}, check=False)
    assert done.returncode == int(code)
    assert ((folder / "calls").read_text() if calls else "") == calls
    assert not calls or "--resume" not in (folder / "train").read_text()


def test_a_run_that_has_a_checkpoint_goes_on_from_it(cluster):
    folder, environment = cluster
    (folder / "run").mkdir()
    (folder / "run/state.pt").touch()
    subprocess.run(["bash", "-c", ONE_GPU], cwd=folder, env=environment, check=True)
    assert (folder / "train").read_text().endswith(" --resume\n")


def test_the_signal_stops_all_processes_and_queues_the_job_again(cluster):
    folder, environment = cluster
    job = subprocess.Popen(["bash", "-c", MANY_GPUS], cwd=folder, env=environment)
    try:
        deadline = time.monotonic() + 30
        while not (folder / "train").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        job.send_signal(signal.SIGUSR1)
        assert job.wait(30) == 143
    finally:
        job.kill()
    assert (folder / "calls").read_text().splitlines()[-2:] == ["scancel --signal=TERM 7.0", "scontrol requeue 7"]
    assert "--rdzv-endpoint node1:29500" in (folder / "train").read_text()


def test_the_container_recipe_installs_the_clone_and_runs_the_program():
    (recipe,) = re.findall(r"```text\n(Bootstrap:.*?)```", (DOCS / "hpc.md").read_text(encoding="utf-8"), re.DOTALL)
    parts = dict(re.findall(r"^%(\w+)\n(.*?)(?=^%|\Z)", recipe, re.DOTALL | re.MULTILINE))
    assert list(parts) == ["files", "post", "environment", "runscript", "test"]
    assert parts["files"].split() == [".", "/opt/cryotools"]
    assert '"/opt/cryotools[plots]"' in parts["post"]
    for part in ("post", "environment", "runscript", "test"):
        subprocess.run(["sh", "-n"], input=parts[part], text=True, check=True)
