"""What pyproject.toml cannot say: pages of docs/ and files of examples/ go into the wheel, for `cryotools docs`."""

from __future__ import annotations

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

SHIPPED = {"docs": "*.md", "examples": "*"}


class BuildWithPages(build_py):
    """Copies pages and examples into the package; an editable installation finds them in the clone."""

    def run(self) -> None:
        super().run()
        if self.editable_mode:
            return
        for folder, pattern in SHIPPED.items():
            target = Path(self.build_lib) / "cryotools" / folder
            shutil.rmtree(target, ignore_errors=True)  # an earlier build may have left pages that are gone
            target.mkdir(parents=True)
            for file in sorted(Path(folder).glob(pattern)):
                if file.is_file():
                    shutil.copy(file, target)


setup(cmdclass={"build_py": BuildWithPages})
