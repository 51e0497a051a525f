"""`cryotools docs`: show the documentation on the terminal."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cryotools.cli import options as opt
from cryotools.cli.console import print_json

NAME = "docs"
EPILOG = """Without PAGE the pages are listed, by name and title. They are Markdown; to scroll through one:
`cryotools docs sse | less`.

Examples:

cryotools docs install

cryotools docs --examples examples
"""

Page = Annotated[str | None, typer.Argument(metavar="PAGE", help="Page to print; its name as in the list.")]
Examples = Annotated[
    Path | None,
    opt.output(
        "--examples",
        metavar="FOLDER",
        help="Copy the example structure and scripts that the help texts use into FOLDER.",
    ),
]


def command(page: Page = None, examples: Examples = None, json: opt.Json = False, debug: opt.Debug = False) -> None:
    """Print a page of the documentation, or copy the examples."""
    from cryotools.view.pages import copy_examples, list_pages, read_page

    copies = [str(path) for path in copy_examples(examples)] if examples else []
    text = read_page(page) if page else None
    if json:
        print_json({"pages": list_pages(), "page": text, "examples": copies})
        return
    if text is not None:
        typer.echo(text, nl=False)
    elif copies:
        typer.echo("\n".join(copies))
    else:
        pages = list_pages()
        width = max(map(len, pages)) + 2
        for name, title in pages.items():
            typer.echo(f"{name:<{width}}{title}")
