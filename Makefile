# Every target sets up .venv first, so each may be the first command in a fresh clone.
PYTHON ?= python3
BIN = .venv/bin
OUT = demo-out
PYTEST = python -m pytest -q -p no:cacheprovider
FAST = -m "not learning and not slow"
COMMANDS = tests/cli tests/test_docs.py

# Half of the tests in each of two processes, which is what two processors do fastest: the commands, whose output is shown
# at the end, and the rest.
define in_two_processes
	@export OMP_NUM_THREADS=1; \
	$(1) $(COMMANDS) > $(BIN)/../commands.log 2>&1 & \
	$(1) $(COMMANDS:%=--ignore %); rest=$$?; \
	wait $$!; commands=$$?; cat $(BIN)/../commands.log; exit $$((rest | commands))
endef

.PHONY: demo test test-fast test-lowest lint bench bench-realism bench-sse bench-anchors bench-drgn bench-homologs bench-finetune bench-docking bench-sites bench-model docs clean

.venv/.ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[plots,dev]"
	touch $@

demo: .venv/.ready  ## a real structure becomes a map and pictures, and a model is built into the map
	mkdir -p $(OUT)
	$(BIN)/cryotools struc2map examples/1gbt.cif $(OUT)/1gbt.mrc --res 3 --apix 1 --preview $(OUT)/1gbt.png
	$(BIN)/cryotools molmap examples/1gbt.cif 3 $(OUT)/1gbt_molmap.mrc --onGrid $(OUT)/1gbt.mrc --quiet
	$(BIN)/cryotools compare-maps $(OUT)/1gbt.mrc $(OUT)/1gbt_molmap.mrc --preview $(OUT)/learned_and_molmap.png
	$(BIN)/cryotools eval-disc $(OUT)/1gbt.mrc --structure examples/1gbt.cif
	$(BIN)/cryotools annotate-sse $(OUT)/1gbt.mrc $(OUT)/1gbt --res 3 --structure examples/1gbt.cif --preview $(OUT)/classes.png
	$(BIN)/cryotools build-model $(OUT)/1gbt.mrc $(OUT)/built.cif --sequence examples/1gbt.fasta --res 3 --report $(OUT)/built.md
	@echo "Open $(OUT)/learned_and_molmap.png; load $(OUT)/1gbt.mrc and examples/1gbt.cif together in ChimeraX, Coot or PyMOL."

test: .venv/.ready  ## all tests
	$(call in_two_processes,$(BIN)/$(PYTEST))

test-fast: .venv/.ready  ## all but those that train networks or take long otherwise
	$(call in_two_processes,$(BIN)/$(PYTEST) $(FAST))

test-lowest:  ## the fast tests with the lowest versions that pyproject.toml allows, in .venv-lowest
	$(PYTHON) -m venv .venv-lowest
	.venv-lowest/bin/python -m pip install --quiet --disable-pip-version-check -c constraints-lowest.txt -e ".[plots,dev]"
	OMP_NUM_THREADS=1 .venv-lowest/bin/$(PYTEST) $(FAST) \
	  --deselect tests/test_docs.py::test_the_command_reference_is_current  # rich lays it out

lint: .venv/.ready  ## style, format and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: .venv/.ready  ## ratios against gemmi and a numpy reference, in one run
	$(BIN)/python tests/benchmarks/bench_struc2map.py

bench-realism: .venv/.ready  ## learned and classical maps against experimental ones: make bench-realism SET=FOLDER FOLD=0
	$(BIN)/python tests/benchmarks/realism $(SET) --fold $(or $(FOLD),0) $(OPTIONS)

bench-sse: .venv/.ready  ## scores, nucleotides, robustness and speed of annotate-sse: make bench-sse LIST=pairs.csv WEIGHTS=FILE
	$(BIN)/python tests/benchmarks/sse $(LIST) $(if $(WEIGHTS),--weights $(WEIGHTS)) $(OPTIONS)

bench-anchors: .venv/.ready  ## chains, amino acids and confidence of detect-anchors: make bench-anchors LIST=pairs.csv WEIGHTS=FILE
	$(BIN)/python tests/benchmarks/anchors $(LIST) $(if $(WEIGHTS),--weights $(WEIGHTS)) $(OPTIONS)

bench-model: .venv/.ready  ## models built in maps against deposited ones: make bench-model LIST=pairs.csv WEIGHTS=FILE TRACE=FILE
	$(BIN)/python tests/benchmarks/modelling $(LIST) $(if $(WEIGHTS),--weights $(WEIGHTS)) $(if $(TRACE),--trace-weights $(TRACE)) $(OPTIONS)

bench-drgn: .venv/.ready  ## reconstructions of simulated particle sets, also cryoDRGN's: make bench-drgn SETS=FOLDER OPTIONS="--peer CRYODRGN"
	$(BIN)/python tests/benchmarks/drgn $(SETS) $(OPTIONS)

bench-sites: .venv/.ready  ## binding sites of residues against exposure and conservation: make bench-sites LIST=complexes.csv
	$(BIN)/python tests/benchmarks/sites $(LIST) $(OPTIONS)

bench-finetune: .venv/.ready  ## what homologs add to annotate-sse, by fine-tuning and by docking: make bench-finetune LIST=cases.csv
	$(BIN)/python tests/benchmarks/finetune $(LIST) $(OPTIONS)

bench-docking: .venv/.ready  ## docked structures that are in a map, told from others: make bench-docking LIST=probes.csv
	$(BIN)/python tests/benchmarks/docking $(LIST) $(OPTIONS)

bench-homologs: .venv/.ready  ## listed homologs that each engine finds: make bench-homologs PAIRS=homolog_pairs.csv STRUCTURES=FOLDER
	$(BIN)/python tests/benchmarks/homologs $(PAIRS) $(STRUCTURES) $(OPTIONS)

docs: .venv/.ready  ## docs/commands.md from the commands' own help
	$(BIN)/python docs/generate.py

clean:
	rm -rf .venv .venv-lowest $(OUT)
