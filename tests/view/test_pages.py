"""The pages and examples that `cryotools docs` shows and copies."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cryotools.core.errors import DataError, UsageError
from cryotools.view import pages
from cryotools.view.pages import copy_examples, list_pages, read_page

ROOT = Path(__file__).parents[2]


def test_every_page_of_docs_is_listed_with_its_title_and_index_first():
    titles = list_pages()
    assert set(titles) == {page.stem for page in (ROOT / "docs").glob("*.md")}
    assert next(iter(titles.items())) == ("index", "Documentation")


@pytest.mark.parametrize("name", ["install", "install.md", "docs/install.md"])
def test_a_page_is_named_as_in_the_list_or_by_its_file(name):
    assert read_page(name) == (ROOT / "docs/install.md").read_text(encoding="utf-8")


def test_a_page_that_is_not_there_is_an_error_that_lists_the_pages():
    with pytest.raises(UsageError, match=r"no page 'instal'; the pages are index, .*install"):
        read_page("instal")


def test_the_pages_of_the_wheel_come_before_those_beside_it(tmp_path, monkeypatch):
    """site-packages/docs may be somebody else's."""
    package = tmp_path / "site-packages/cryotools"
    for folder, title in ((package, "ours"), (package.parent, "theirs")):
        (folder / "docs").mkdir(parents=True)
        (folder / "docs/index.md").write_text(f"# {title}\n")
    monkeypatch.setattr(pages, "_PACKAGE", package)
    assert list_pages() == {"index": "ours"}


def test_an_installation_without_pages_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(pages, "_PACKAGE", tmp_path / "cryotools")
    with pytest.raises(DataError, match="docs is missing from this installation"):
        list_pages()


def test_examples_are_copied_once_and_never_over_other_files(tmp_path):
    copies = copy_examples(tmp_path / "examples")
    assert {path.name for path in copies} == {path.name for path in (ROOT / "examples").iterdir() if path.is_file()}
    assert (tmp_path / "examples/1gbt.cif").read_bytes() == (ROOT / "examples/1gbt.cif").read_bytes()
    assert copy_examples(tmp_path / "examples") == copies
    (tmp_path / "examples/1gbt.cif").write_text("mine")
    with pytest.raises(DataError, match=r"1gbt\.cif: exists and is not the example"):
        copy_examples(tmp_path / "examples")
    assert (tmp_path / "examples/1gbt.cif").read_text() == "mine"


def test_pages_that_code_and_help_name_exist():
    sources = [path.read_text(encoding="utf-8") for path in (ROOT / "cryotools").rglob("*.py")]
    named = {name for source in sources for name in re.findall(r"`cryotools docs ([a-z-]+)`", source)}
    assert {"dropins", "install"} <= named <= set(list_pages())
