"""`cryotools docs`, and what help texts and messages say of the documentation."""

from __future__ import annotations

import json

import pytest

from cryotools.cli.registry import COMMANDS, PAGES
from cryotools.view.pages import list_pages


def test_docs_lists_the_pages(run):
    result = run("docs")
    assert (result.code, result.err) == (0, "")
    assert result.out.startswith("index ")
    assert "\ninstall " in result.out


def test_docs_prints_a_page(run):
    result = run("docs", "install")
    assert (result.code, result.out.splitlines()[0]) == (0, "# Installing")


def test_docs_copies_the_examples(run, tmp_path):
    result = run("docs", "--examples", tmp_path / "examples", "--json")
    assert (tmp_path / "examples/1gbt.cif").is_file()
    assert str(tmp_path / "examples/1gbt.cif") in json.loads(result.out)["examples"]


def test_a_page_that_is_not_there_is_wrong_usage(run):
    result = run("docs", "nothing")
    assert result.code == 2
    assert "the pages are index" in result.err


@pytest.mark.parametrize("name", COMMANDS)
def test_help_names_no_file_of_the_clone_without_saying_how_to_get_it(run, name):
    text = run(name, "--help").out
    assert "docs/" not in text, "say `cryotools docs PAGE`"
    assert "examples/" not in text or "cryotools docs --examples" in text


def test_help_leads_to_the_page_on_each_command(run):
    assert set(PAGES) == set(COMMANDS)
    assert set(PAGES.values()) <= set(list_pages())
    assert "More: `cryotools docs sse`." in run("annotate-sse", "--help").out
