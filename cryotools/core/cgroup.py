"""Memory and CPUs available to this process under Linux control groups (containers, batch jobs), versions 1 and 2.

Linux kills a process that exceeds the memory limit of its group or of any parent group, however much memory the machine
has free, and throttles one that exceeds its CPU quota, so that more threads than that only slow each other down.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

# the files of a group: its limits, its usage, and the line of memory.stat that gives the cache that can be dropped
_VERSION_1 = (("memory.limit_in_bytes",), "memory.usage_in_bytes", "total_inactive_file")
_UNLIMITED = 2**60  # bytes; version 1 writes a number near 2^63
_VERSION_2 = (("memory.max", "memory.high"), "memory.current", "inactive_file")


def free_bytes(root: Path = Path("/")) -> int | None:
    """Bytes that can still be allocated before a limit is reached; None if there is no limit.

    `root` is the folder that contains /proc and the cgroup file system.
    """
    free = [
        left
        for folder, version in _groups(root, "memory")
        if (left := _left(folder, *(_VERSION_1 if version == 1 else _VERSION_2))) is not None
    ]
    return min(free, default=None)


def processors(root: Path = Path("/")) -> int | None:
    """Number of CPUs that the CPU quota amounts to, rounded up; None if there is no quota."""
    shares = [share for folder, version in _groups(root, "cpu") if (share := _share(folder, version)) is not None]
    return max(1, math.ceil(min(shares))) if shares else None


def _share(folder: Path, version: int) -> float | None:
    """CPU quota of a group, as a number of CPUs."""
    if version == 1:
        quota, period = _number(folder / "cpu.cfs_quota_us"), _number(folder / "cpu.cfs_period_us")
    else:
        words = [*" ".join(_lines(folder / "cpu.max")).split(), "", ""]
        quota, period = (int(word) if word.isdigit() else None for word in words[:2])
    return quota / period if quota and period else None


def _groups(root: Path, controller: str) -> Iterator[tuple[Path, int]]:
    """The folders of the process's groups for a controller and of their parents, each with the cgroup version."""
    memberships, mounts = _lines(root / "proc/self/cgroup"), _lines(root / "proc/self/mountinfo")
    for membership in memberships:
        number, controllers, path = [*membership.split(":", 2), "", ""][:3]
        version_2 = number == "0" and not controllers
        if not (version_2 or controller in controllers.split(",")):
            continue
        for mount in mounts:
            fields, _, kind = mount.partition(" - ")
            if kind.split(" ")[0] != ("cgroup2" if version_2 else "cgroup"):
                continue
            if not version_2 and controller not in kind.split(" ")[-1].split(","):
                continue
            top, at = (_unescaped(field) for field in fields.split(" ")[3:5])
            for folder in _upwards(path, top):
                yield root / at.lstrip("/") / folder, 2 if version_2 else 1


def _upwards(path: str, top: str) -> list[PurePosixPath]:
    """A group and its parents, relative to the mount point of the group `top`. In a container, `top` may be the
    container's own group while the path is that of the host.
    """
    group = PurePosixPath(path)
    if not group.is_relative_to(top) or ".." in group.parts:
        return [PurePosixPath(".")]
    inside = group.relative_to(top)
    return [inside, *inside.parents]


def _left(folder: Path, limits: tuple[str, ...], usage: str, cache: str) -> int | None:
    known = [limit for name in limits if (limit := _number(folder / name)) is not None and limit < _UNLIMITED]
    used = _number(folder / usage) if known else None
    if used is None:
        return None
    droppable = next(
        (int(line.split()[1]) for line in _lines(folder / "memory.stat") if line.startswith(f"{cache} ")), 0
    )
    return max(0, min(known) - used + min(droppable, used))


def _number(path: Path) -> int | None:
    """The number in a file; None if the file is missing or says max."""
    text = "".join(_lines(path)[:1]).strip()
    return int(text) if text.isdigit() else None


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except (OSError, UnicodeDecodeError):
        return []


def _unescaped(text: str) -> str:
    """Decode a path from mountinfo, where spaces and backslashes are written as octal escapes."""
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), text)
