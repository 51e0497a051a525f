"""What a wheel holds, and that the version and the citation are what they say."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from cryotools import __version__

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


@pytest.mark.slow
def test_the_wheel_holds_weights_pages_and_examples(tmp_path):
    clone = tmp_path / "clone"
    shutil.copytree(ROOT, clone, ignore=shutil.ignore_patterns(".*", "tests", "__pycache__", "build", "*.egg-info"))
    subprocess.run(
        [sys.executable, "setup.py", "--quiet", "build_py", "--build-lib", tmp_path / "lib"],
        cwd=clone,
        check=True,
        capture_output=True,
    )
    built = tmp_path / "lib/cryotools"
    assert (built / "py.typed").is_file()  # tells type checkers that the package's annotations count
    for folder in ("weights", "docs", "examples"):
        source = clone / "cryotools/weights" if folder == "weights" else clone / folder
        pattern = "*.md" if folder == "docs" else "*"
        expected = {path.name for path in source.glob(pattern) if path.is_file()}
        assert {path.name for path in (built / folder).iterdir() if path.is_file()} == expected
    assert (built / "modelling/geometry/ideal.csv").is_file()
    assert (built / "modelling/geometry/ramachandran.npz").is_file()


def test_the_version_stands_in_one_place():
    assert "version" not in PROJECT["project"]
    assert PROJECT["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "cryotools.__version__"}
    assert re.search(rf'^__version__ = "{re.escape(__version__)}"$', (ROOT / "cryotools/__init__.py").read_text(), re.M)
    assert not re.search(r"^version:", (ROOT / "CITATION.cff").read_text(encoding="utf-8"), re.M)


def test_the_citation_names_the_authors_and_licence_of_the_project():
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert citation.startswith("cff-version: 1.2.0\n")
    assert f"license: {PROJECT['project']['license']}\n" in citation
    assert all(f"name: {author['name']}\n" in citation for author in PROJECT["project"]["authors"])


def test_each_doi_of_the_citation_is_one():
    dois = re.findall(r"doi: (.*)", (ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert len(dois) == len(set(dois)) >= 7
    assert all(re.fullmatch(r"10\.\d{4,5}/\S+", doi) for doi in dois)


def test_a_lower_bound_of_the_project_is_what_constraints_lowest_installs():
    lowest = dict(line.split("==") for line in (ROOT / "constraints-lowest.txt").read_text().split() if "==" in line)
    wanted = [*PROJECT["project"]["dependencies"], *PROJECT["project"]["optional-dependencies"]["plots"]]
    bounds = dict(requirement.split(">=") for requirement in wanted)
    assert {name: _short(lowest[name]) for name in bounds if name != "torch"} == {
        name: _short(bound) for name, bound in bounds.items() if name != "torch"
    }


def _short(version: str) -> str:
    """1.5.0 and 1.5 are one."""
    return re.sub(r"(\.0)+$", "", version)
