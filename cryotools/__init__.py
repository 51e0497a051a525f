"""cryotools: atomic models and cryo-EM density maps, connected by learned models.

    import cryotools as ct

    volume = ct.simulate_map("model.cif", 3.0)
    ct.write_map("map.mrc", volume)

The names in `__all__` are the Python API (`cryotools docs python`) and stay as they are; what lies in the subpackages
may move. Each is imported when it is first used, so that `import cryotools` costs nothing. Every system is a package
of its own over the shared `cryotools.core`; commands live in `cryotools.cli`.
"""

TYPE_CHECKING = False  # as typing has it, which takes longer to import than all of this
__version__ = "0.1.0.dev0"

__all__ = [
    "read_map",
    "write_map",
    "Volume",
    "read_structure",
    "Structure",
    "simulate_map",
    "molmap",
    "pdb2mrc",
    "compare_maps",
    "annotate_sse",
    "detect_anchors",
    "build_model",
    "judge_realism",
    "find_homologs",
    "finetune",
    "locate_sites",
    "score_model",
    "read_particles",
    "backproject",
    "train_drgn",
    "score_drgn",
    "simulate_particles",
    "CryotoolsError",
    "CryotoolsWarning",
    "CryotoolsNote",
]

if TYPE_CHECKING:
    from cryotools.api.anchors import detect_anchors
    from cryotools.api.heterogeneity import score_drgn, simulate_particles, train_drgn
    from cryotools.api.homologs import find_homologs, finetune
    from cryotools.api.maps import compare_maps, write_map
    from cryotools.api.modelling import build_model, score_model
    from cryotools.api.realism import judge_realism
    from cryotools.api.simulation import molmap, pdb2mrc, simulate_map
    from cryotools.api.sites import locate_sites
    from cryotools.api.sse import annotate_sse
    from cryotools.core.errors import CryotoolsError, CryotoolsNote, CryotoolsWarning
    from cryotools.core.maps.mapfile import read_map
    from cryotools.core.maps.volume import Volume
    from cryotools.core.structures.structure import Structure
    from cryotools.core.structures.structurefile import read_structure
    from cryotools.heterogeneity.backproject import backproject
    from cryotools.heterogeneity.particles import read_particles

# where names come from
_MODULES = {
    "read_map": "cryotools.core.maps.mapfile",
    "write_map": "cryotools.api.maps",
    "Volume": "cryotools.core.maps.volume",
    "read_structure": "cryotools.core.structures.structurefile",
    "Structure": "cryotools.core.structures.structure",
    "simulate_map": "cryotools.api.simulation",
    "molmap": "cryotools.api.simulation",
    "pdb2mrc": "cryotools.api.simulation",
    "compare_maps": "cryotools.api.maps",
    "annotate_sse": "cryotools.api.sse",
    "detect_anchors": "cryotools.api.anchors",
    "build_model": "cryotools.api.modelling",
    "judge_realism": "cryotools.api.realism",
    "find_homologs": "cryotools.api.homologs",
    "finetune": "cryotools.api.homologs",
    "locate_sites": "cryotools.api.sites",
    "score_model": "cryotools.api.modelling",
    "read_particles": "cryotools.heterogeneity.particles",
    "backproject": "cryotools.heterogeneity.backproject",
    "train_drgn": "cryotools.api.heterogeneity",
    "score_drgn": "cryotools.api.heterogeneity",
    "simulate_particles": "cryotools.api.heterogeneity",
    "CryotoolsError": "cryotools.core.errors",
    "CryotoolsWarning": "cryotools.core.errors",
    "CryotoolsNote": "cryotools.core.errors",
}


if not TYPE_CHECKING:  # type checkers see the imports above, and what is misspelt

    def __getattr__(name: str) -> object:
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        found = getattr(import_module(_MODULES[name]), name)
        globals()[name] = found  # the next time Python finds it by itself
        return found

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
