from __future__ import annotations

import pytest

from cryotools.modelling.names import chain_name, residue_names


@pytest.mark.parametrize(("number", "name"), [(0, "A"), (25, "Z"), (26, "AA"), (51, "AZ"), (52, "BA"), (702, "AAA")])
def test_chains_are_lettered_as_columns_of_a_table(number, name):
    assert chain_name(number) == name


def test_all_but_the_twenty_amino_acids_are_unknown():
    assert residue_names("AWXUB") == ["ALA", "TRP", "UNK", "UNK", "UNK"]
