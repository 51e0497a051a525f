"""Residue names missing or incomplete in gemmi's table: force-field names, ions, lipids, cofactors."""

from __future__ import annotations

import re


def names(text: str) -> frozenset[str]:
    """The words of `text`."""
    return frozenset(text.split())


# monatomic residues whose CHARMM, AMBER or PDB name is not the element symbol
IONS = {
    **{"POT": "K", "SOD": "NA", "CES": "CS", "RUB": "RB", "CAD": "CD", "CAL": "CA", "LIT": "LI", "CLA": "CL"},
    **{"BAR": "BA", "MAG": "MG", "ZIN": "ZN", "CIO": "CS", "CIP": "NA", "IP": "NA", "CIM": "CL", "IM": "CL"},
    **{"IOD": "I", "BRO": "BR", "CLO": "CL", "FLO": "F", "ARS": "AS", "RHD": "RH", "YT": "Y", "Y": "Y"},
}
MIXED_IONS = frozenset({"ION", "IONS"})  # identified by the atom name

WATERS = names(
    "HOH WAT DOD H2O TIP TIP2 TIP3 TIP4 TIP5 TP3 TP4 TP5 T3P T4P T5P T4E T3H SOL SPC SPCE SPE OPC OPC3 OH2 SWM SWM4 "
    "SWM6 HHO OHH"
)
DUMMIES = frozenset({"DUM", "DRUD", "DRU", "VRT", "VIRT"})  # membrane planes, Drude particles, roots of fold trees

AMINO_ACIDS = names(
    "HSD HSE HSP HID HIE HIP HISA HISB HISD HISE HISH HIS1 HIS2 CYX CYM CYS2 CYSH CYN2 ASH ASPH ASPP GLH GLUH GLUP LYN "
    "LSN LYSH ARN ARGN TYM ILEU"
)
NUCLEOTIDES = re.compile(r"ADE|GUA|CYT|THY|URA|T|[RD]?[ACGUT][35N]?")

# two-chain PC, PE, PG, PS, PA, PI and SM, sterols, detergents and fatty acids in simulations and the PDB
LIPIDS = re.compile(
    r"[A-Z]{2}P[CEGSAI]|[A-Z]SM|CHL1|CHOL|CLR|ERG|CHSD|CHSP|LPPC|LPPE|TLCL\d?|TOCL\d?|CDL|PEE|PCW|PC1|3PE|PEF|POV|PX4|"
    r"PLC|LHG|LMG|DGD|SQD|PLM|OLA|OLC|STE|MYR|LDA|LMT|UND|D10|D12|HEX|PLPC|SDS|DPC|LDAO|PTY|PGW|P5S|PIO|CPL|Y01"
)

_FE, _MG, _CO, _CU, _NI, _MN = ("FE",), ("MG",), ("CO",), ("CU",), ("NI",), ("MN",)
_FE_MO, _FE_NI, _CA_MN = ("FE", "MO"), ("FE", "NI"), ("CA", "MN")
# metals of haems, chlorophylls, cobalamins and clusters; their other atoms are organic
COFACTORS = {
    **dict.fromkeys(names("HEM HEME HEMO HEA HEB HEC HEO HAS HDD HDE HDM HEV HIF DHE SRM VEA VER FDD FDE ISW"), _FE),
    **dict.fromkeys(names("SF4 FES F3S FS3 FS4 F4S SF3 CLF FEO FCO FS2 FSF ICE"), _FE),
    **dict.fromkeys(names("CLA CHL BCL BCB CL0 KC1 KC2 GS0 CL7 F6C"), _MG),
    **dict.fromkeys(names("B12 CNC COB COY CBY B1M COH"), _CO),
    **dict.fromkeys(names("CUA C2O CUZ C1O"), _CU),
    **{"F43": _NI, "CFN": _FE_MO, "CFM": _FE_MO, "ICS": _FE_MO, "XCC": _FE_NI, "NFS": _FE_NI},
    **{"OEX": _CA_MN, "OEY": _CA_MN, "OEC": _CA_MN, "MNH": _MN, "ZNH": ("ZN",)},
}
# coenzymes whose older atom names start with a letter for the half of the molecule: AC4*, NO7
TWO_HALVES = names("NAD NAP NDP NAI NAH FAD FDA")
