"""The commands of the program, by name and in the order of `cryotools --help`; each is imported only when needed.

The command VERB is `command` in the file VERB.py of this folder (with _ for -), beside its NAME and EPILOG.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from cryotools.cli.command import Command

COMMANDS = (
    "struc2map",
    "molmap",
    "pdb2mrc",
    "compare-maps",
    "curate",
    "train-gan",
    "train-disc",
    "eval-disc",
    "annotate-sse",
    "eval-sse",
    "train-sse",
    "detect-anchors",
    "eval-anchors",
    "train-anchors",
    "build-model",
    "find-homologs",
    "finetune",
    "score-model",
    "locate-sites",
    "train-sites",
    "simulate-particles",
    "backproject",
    "train-drgn",
    "eval-drgn",
    "analyze-drgn",
    "score-drgn",
    "filter-particles",
    "info",
    "doctor",
    "docs",
)
# the page of docs/ for each command
PAGES = {
    "struc2map": "simulation",
    "molmap": "dropins",
    "pdb2mrc": "dropins",
    "compare-maps": "comparing",
    "curate": "training-data",
    "train-gan": "training",
    "train-disc": "training",
    "eval-disc": "realism",
    "annotate-sse": "sse",
    "eval-sse": "sse",
    "train-sse": "training",
    "detect-anchors": "anchors",
    "eval-anchors": "anchors",
    "train-anchors": "training",
    "build-model": "build-model",
    "find-homologs": "homologs",
    "finetune": "homologs",
    "score-model": "score-model",
    "locate-sites": "sites",
    "train-sites": "training",
    "simulate-particles": "heterogeneity",
    "backproject": "heterogeneity",
    "train-drgn": "heterogeneity",
    "eval-drgn": "heterogeneity",
    "analyze-drgn": "heterogeneity",
    "score-drgn": "heterogeneity",
    "filter-particles": "heterogeneity",
    "info": "conventions",
    "doctor": "install",
    "docs": "index",
}
_EXAMPLES = " `cryotools docs --examples examples` writes the example files here."


def module(name: str) -> ModuleType:
    """The file of the command `name`."""
    return import_module(f"cryotools.cli.{name.replace('-', '_')}")


@cache
def load(name: str) -> TyperCommand:
    """The command `name`, ready to parse its arguments."""
    source = module(name)
    alone = typer.Typer(add_completion=False, rich_markup_mode="rich", pretty_exceptions_enable=False)
    text = _paragraphs(source.EPILOG).rstrip()
    epilog = f"{text}\n\nMore: `cryotools docs {PAGES[name]}`.{_EXAMPLES if 'examples/' in text else ''}"
    alone.command(name, cls=Command, epilog=epilog)(source.command)
    command = typer.main.get_command(alone)
    assert isinstance(command, TyperCommand)
    return command


class Commands(Mapping[str, TyperCommand]):
    """All commands by name."""

    def __getitem__(self, name: str) -> TyperCommand:
        if name not in COMMANDS:
            raise KeyError(name)
        return load(name)

    def __iter__(self) -> Iterator[str]:
        return iter(COMMANDS)

    def __len__(self) -> int:
        return len(COMMANDS)


class Program(TyperGroup):
    """The group of all commands; only the one called is imported (all of them for the help)."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = Commands()  # type: ignore[assignment]  # a mutable mapping there; nothing is added to it

    def list_commands(self, ctx: object) -> list[str]:
        """The names, without loading the commands."""
        return list(COMMANDS)

    def get_params(self, ctx: Any) -> list[Any]:
        """The options, which are switches and take no value."""
        options = super().get_params(ctx)
        for option in options:
            option.metavar = ""
        return options


def _paragraphs(text: str) -> str:
    """Help text with each paragraph on one line, to be wrapped to the terminal's width."""
    return "\n\n".join(" ".join(part.split()) for part in text.split("\n\n"))
