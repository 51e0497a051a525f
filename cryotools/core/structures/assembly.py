"""Biological assemblies: parse them from a file (mmCIF tables, PDB REMARK 350) and generate their copies.

Expressions and matrices are kept as given in the file and checked only when an assembly is built, so an error in one
assembly prevents neither reading the atoms nor building another assembly.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from itertools import product

import gemmi
import numpy as np

from cryotools.core.errors import DataError, listing
from cryotools.core.structures.structure import Structure, concatenate

_TOLERANCE = 0.01  # on each element of R Rᵀ - 1: some files give rotations to only three decimals
_MOST_COPIES = 100_000
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[Ee][-+]?\d+)?")


@dataclass(frozen=True)
class Part:
    """Chains and the operators that copy them.

    `chains` are mmCIF label_asym_id if `labels` is true, otherwise PDB chain ids; None means all chains. `expression`
    names operators of `table`, which holds a matrix (3, 4) for each, with NaN for values missing from the file.
    """

    chains: list[str] | None
    expression: str
    table: dict[str, np.ndarray]
    labels: bool


@dataclass(frozen=True)
class Assembly:
    """One assembly: its id in the file and its parts."""

    name: str
    parts: tuple[Part, ...]


def mmcif_assemblies(block: gemmi.cif.Block) -> list[Assembly]:
    """All assemblies of `_pdbx_struct_assembly_gen`, in file order."""
    table = _operator_table(block)
    parts: dict[str, list[Part]] = {}
    for row in block.find("_pdbx_struct_assembly_gen.", ["assembly_id", "oper_expression", "asym_id_list"]):
        chains = [chain.strip() for chain in row.str(2).split(",")]
        parts.setdefault(row.str(0), []).append(Part(chains, row.str(1), table, labels=True))
    return [Assembly(name, tuple(of)) for name, of in parts.items()]


def pdb_assemblies(remarks: list[str]) -> list[Assembly]:
    """The assemblies in REMARK 350 lines; a missing BIOMOLECULE is taken as "1", missing chains as all chains."""
    parts: dict[str, list[Part]] = {}
    table: dict[str, np.ndarray] = {}
    name, chains, operator = "1", None, ""
    for line in remarks:
        text = line[10:].strip()
        word, _, rest = text.partition(":")
        row = re.match(r"BIOMT([123])\s*(\d+)\s", text)
        if word == "BIOMOLECULE":
            name, chains, table = rest.strip(), None, {}
        elif word.endswith("TO CHAINS") and word.startswith("APPLY"):
            chains, table = _chain_ids(rest), {}
        elif word == "AND CHAINS" and chains is not None:
            chains.extend(_chain_ids(rest))
        elif row:
            if not table:
                parts.setdefault(name, []).append(Part(chains, "", table, labels=False))
            if row[1] == "1":
                operator = row[2] if row[2] not in table else f"{row[2]} (again)"
                table[operator] = np.full((3, 4), np.nan)
            numbers = _NUMBER.findall(text[row.end() :])
            if operator in table and len(numbers) == 4:
                table[operator][int(row[1]) - 1] = [float(number) for number in numbers]
    return [
        Assembly(name, tuple(replace(part, expression=",".join(part.table)) for part in of))
        for name, of in parts.items()
    ]


def operators_of_text(text: str, name: str) -> np.ndarray:
    """The operators (m, 3, 4), Å, in a file's `text`: BIOMT records of its first assembly, an mmCIF table, or rows of
    twelve numbers.

    Raises
    ------
    DataError
        There is none, or one that is not a rotation; the message starts with `name`.
    """
    if "BIOMT" in text:
        table = [
            matrix
            for one in pdb_assemblies(text.splitlines())[:1]
            for part in one.parts
            for matrix in part.table.values()
        ]
    elif "_pdbx_struct_oper_list." in text:
        table = list(_operator_table(gemmi.cif.read_string(text).sole_block()).values())
    else:
        rows = [_NUMBER.findall(line) for line in text.splitlines() if re.fullmatch(r"[-+.,;\s\dEe]+", line)]
        table = [np.array(row, dtype=float).reshape(3, 4) for row in rows if len(row) == 12]
    if not table:
        raise DataError(f"{name}: no operators; give BIOMT records, an mmCIF table of them, or rows of twelve numbers")
    for number, matrix in enumerate(table, 1):
        _check_rotation(matrix, f"{name}: operator {number}")
    return np.stack(table)


def build_assembly(structure: Structure, label: np.ndarray, assembly: Assembly) -> Structure:
    """Apply an assembly's operators; each copy keeps the names of its original.

    Parameters
    ----------
    label : (n,), mmCIF label_asym_id of each atom

    Raises
    ------
    DataError
        The assembly names no chain of the structure, an undefined operator, or one that is not a rotation.
    """
    where = f"{structure.name}: assembly {assembly.name}"
    copies = []
    for part in assembly.parts:
        names = label if part.labels else structure.chain
        moved = structure if part.chains is None else structure[np.isin(names, part.chains)]
        for matrix in _matrices(part, where):
            copies.append(moved.with_xyz(moved.xyz @ matrix[:, :3].T + matrix[:, 3]))
    if not any(len(copy) for copy in copies):
        raise DataError(f"{where} names no chain of the file")
    return concatenate(copies)


def _check_rotation(matrix: np.ndarray, what: str) -> None:
    """Raise DataError, with a message starting with `what`, unless `matrix` (3, 4) is a rotation and translation."""
    turn = matrix[:, :3]
    if not np.isfinite(matrix).all():
        raise DataError(f"{what} is incomplete: it needs twelve numbers; correct the file")
    if np.abs(turn @ turn.T - np.eye(3)).max() > _TOLERANCE:
        raise DataError(f"{what} is not a rotation: it would stretch or shear the molecule; correct its matrix")
    if np.linalg.det(turn) < 0:
        raise DataError(f"{what} is not a rotation: it would mirror the molecule; correct its matrix")


def _matrices(part: Part, where: str) -> list[np.ndarray]:
    """The operators (3, 4) of a part: products of one operator per bracket, the last bracket applied first."""
    brackets = _operators_named(part, where)
    if math.prod(len(names) for names in brackets) > _MOST_COPIES:
        raise DataError(f"{where} makes more than {_MOST_COPIES} copies ({part.expression}); correct its expression")
    for name in {name for names in brackets for name in names}:
        if name not in part.table:
            there = f"it defines {listing(list(part.table))}" if part.table else "it defines none"
            raise DataError(f"{where} uses operator {name}, which the file does not define; {there}")
        _check_rotation(part.table[name], f"{where}: operator {name}")
    matrices = []
    for names in product(*brackets):
        matrix = np.eye(3, 4)
        for name in reversed(names):
            left = part.table[name]
            matrix = np.column_stack([left[:, :3] @ matrix[:, :3], left[:, :3] @ matrix[:, 3] + left[:, 3]])
        matrices.append(matrix)
    return matrices


def _operators_named(part: Part, where: str) -> list[list[str]]:
    """The operators in each bracket of an expression such as `1,3`, `(1-60)` or `(X0)(1-5,P)`."""
    expression = re.sub(r"\s", "", part.expression)
    if not re.fullmatch(r"(\([^()]+\))+|[^()]+", expression):
        raise DataError(f"{where}: operator expression '{part.expression}' cannot be parsed; correct it")
    brackets = []
    for items in re.findall(r"[^()]+", expression):
        names: list[str] = []
        for item in items.split(","):
            span = re.fullmatch(r"(\d+)-(\d+)", item)
            if span and item not in part.table:
                low, high = int(span[1]), int(span[2])
                if not low <= high <= low + _MOST_COPIES:
                    raise DataError(f"{where}: operator expression '{part.expression}' cannot be parsed; correct it")
                names += map(str, range(low, high + 1))
            elif item:
                names.append(item)
        brackets.append(names)
    return brackets


def _chain_ids(text: str) -> list[str]:
    """The chains in `A, B, C`; old files write NULL for a blank chain id."""
    return ["" if chain == "NULL" else chain for chain in re.split(r"[,\s]+", text.strip(" ,\t")) if chain]


def _operator_table(block: gemmi.cif.Block) -> dict[str, np.ndarray]:
    """The matrices (3, 4) of `_pdbx_struct_oper_list` by id."""
    fields = [tag for i in (1, 2, 3) for tag in (*(f"?matrix[{i}][{j}]" for j in (1, 2, 3)), f"?vector[{i}]")]
    table = {}
    for row in block.find("_pdbx_struct_oper_list.", ["id", *fields]):
        numbers = [gemmi.cif.as_number(row[at]) if row.has(at) else math.nan for at in range(1, 13)]
        table[row.str(0)] = np.array(numbers).reshape(3, 4)
    return table
