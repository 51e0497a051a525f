"""cryotools: atomic models and cryo-EM density maps, connected by learned models.

Each system is a package of its own over the shared `cryotools.core`; commands live in `cryotools.cli`.
"""

__version__ = "0.1.0.dev0"
