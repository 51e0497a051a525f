# %% [markdown]
# # Trypsin: from a structure to a map, and back
#
# A notebook as a plain script: `# %%` begins a cell in Jupyter (jupytext), VS Code, PyCharm and Spyder, and
# `jupytext --to ipynb examples/notebook.py` makes an .ipynb of it. It is kept this way because git shows what changed,
# no output goes stale, and a test runs it with Python alone, where an .ipynb would need nbclient, a kernel and some
# thirty packages more. Run it from the repository's root.

# %%
import warnings

import numpy as np

import cryotools as ct

warnings.filterwarnings("ignore", category=ct.CryotoolsNote)  # what is only worth knowing; warnings still show

# %% [markdown]
# ## A structure
# Its atoms are parallel arrays; a mask picks some of them.

# %%
structure = ct.read_structure("examples/1gbt.cif")
print(structure)
print("residues 40 to 60:", structure[(structure.residue_number >= 40) & (structure.residue_number <= 60)])

# %% [markdown]
# ## Maps of it
# `simulate_map` gives what an experiment might, `molmap` and `pdb2mrc` what ChimeraX and EMAN2 compute. A map is an
# array (z, y, x) with its voxel size and the position of its first voxel.

# %%
learned = ct.simulate_map(structure, 4.0, apix=1.5)
classical = ct.molmap(structure, 4.0, on_grid=learned)
print(learned)
print("highest density:", learned.data.max(), "at", np.unravel_index(learned.data.argmax(), learned.data.shape))
print("density at the first atoms:", learned.sample(structure.xyz[:3]))

# %% [markdown]
# ## How alike are they?

# %%
comparison = ct.compare_maps(learned, classical)
for name, score in comparison.scores().items():
    print(f"{name:<24}{score}")

# %% [markdown]
# ## Helices and sheets
# Probabilities and labels are on the map's own grid; the elements are axes of helices and points on sheets.

# %%
annotation = ct.annotate_sse(learned, 4.0)
print("voxels of each class:", np.bincount(annotation.labels.ravel(), minlength=4))
for element in annotation.elements:
    print(element)

scores = annotation.residues(structure)
print(f"{(scores.predicted == scores.residues.classes)[scores.scored].mean():.0%} of the residues are told right")

# %% [markdown]
# ## Does it look experimental?
# An independent discriminator judges every voxel near the atoms.

# %%
for name, volume in {"learned": learned, "classical": classical}.items():
    verdict = ct.judge_realism(volume, structure)
    print(f"{name}: {verdict.fraction_real:.0%} of the voxels look experimental")
