"""The pages of docs/ and files of examples/, which are in the wheel, or next to the package in a clone."""

from __future__ import annotations

import shutil
from pathlib import Path

from cryotools.core.errors import DataError, UsageError

_PACKAGE = Path(__file__).parents[1]


def list_pages() -> dict[str, str]:
    """The title of each page, keyed by its file name without `.md`; index comes first.

    Raises
    ------
    DataError
        The pages are missing.
    """
    pages = sorted(_folder("docs", "index.md").glob("*.md"), key=lambda page: (page.stem != "index", page.stem))
    return {page.stem: _title(page) for page in pages}


def read_page(name: str) -> str:
    """The text of a page, as Markdown; `name` may start with `docs/` and end in `.md`.

    Raises
    ------
    UsageError
        There is no such page.
    """
    wanted = name.removeprefix("docs/").removesuffix(".md")
    names = list_pages()
    if wanted not in names:
        raise UsageError(f"no page {name!r}; the pages are {', '.join(names)}")
    return (_folder("docs", "index.md") / f"{wanted}.md").read_text(encoding="utf-8")


def copy_examples(target: Path) -> list[Path]:
    """Copy the example files into a folder and return their paths there; existing files are kept.

    Raises
    ------
    DataError
        A file of the same name has different content.
    """
    sources = [file for file in sorted(_folder("examples", "1gbt.cif").iterdir()) if file.is_file()]
    copies = [target / source.name for source in sources]
    for source, copy in zip(sources, copies, strict=True):
        if copy.exists() and copy.read_bytes() != source.read_bytes():
            raise DataError(f"{copy}: exists and is not the example of that name; give another folder")
    target.mkdir(parents=True, exist_ok=True)
    for source, copy in zip(sources, copies, strict=True):
        if not copy.exists():
            shutil.copy(source, copy)
    return copies


def _folder(name: str, member: str) -> Path:
    """The folder `name` in the wheel, otherwise in the clone, identified by the file `member`."""
    for folder in (_PACKAGE / name, _PACKAGE.parent / name):
        if (folder / member).is_file():
            return folder
    raise DataError(f"the folder {name} is missing from this installation; install cryotools again")


def _title(page: Path) -> str:
    with page.open(encoding="utf-8") as lines:
        return next(lines).lstrip("# ").strip()
