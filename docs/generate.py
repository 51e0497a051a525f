"""Write docs/commands.md from the commands' own --help, so that the reference cannot drift.

`make docs` runs it; tests/test_docs.py fails when the file is not current.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from cryotools.cli.registry import COMMANDS

REFERENCE = Path(__file__).with_name("commands.md")
_HEAD = """# Command reference

Made from each command's `--help` by `make docs`. Conventions that hold for all of them are in
[conventions.md](conventions.md).
"""


def reference() -> str:
    """The text of docs/commands.md."""
    sections = [_HEAD, _section("cryotools", [])]
    sections += [_section(f"cryotools {name}", [name]) for name in COMMANDS]
    return "\n".join(sections)


def _section(title: str, arguments: list[str]) -> str:
    return f"## {title}\n\n```text\n{_help(arguments)}\n```\n"


def _help(arguments: list[str]) -> str:
    """The help text at a fixed width without colours, whatever terminal runs this."""
    import contextlib
    import io

    os.environ.update(COLUMNS="100", TERMINAL_WIDTH="100", NO_COLOR="1", TERM="dumb")
    from cryotools.cli.main import main

    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        main([*arguments, "--help"])
    return "\n".join(line.rstrip() for line in text.getvalue().strip("\n").splitlines()).strip()


if __name__ == "__main__":
    REFERENCE.write_text(reference(), encoding="utf-8")
    print(f"wrote {REFERENCE}", file=sys.stderr)
