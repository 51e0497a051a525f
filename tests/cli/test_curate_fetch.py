from __future__ import annotations

import csv
import gzip
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from cryotools.core.maps.mapwrite import write_map
from cryotools.core.maps.volume import Volume
from cryotools.core.structures.structurefile import read_structure
from cryotools.simulate.classical.formulas import MapOptions, molmap_density
from cryotools.simulate.layout import grid_around


class Quiet(SimpleHTTPRequestHandler):
    """A web server without a log, as the standard library has it: it does not resume."""

    def log_message(self, *_):
        pass


@pytest.fixture
def archive(tmp_path, trypsin, monkeypatch):
    """Address of an archive that holds EMD-0001, a map of trypsin at 4 Å, and 1GBT, which says that."""
    root = tmp_path / "archive"
    map_folder, model_folder = root / "emdb/structures/EMD-0001/map", root / "pdb/data/structures/divided/mmCIF/gb"
    map_folder.mkdir(parents=True)
    model_folder.mkdir(parents=True)
    structure = read_structure(trypsin)
    grid = grid_around(structure, 1.5, 4.0)
    write_map(
        map_folder / "emd_0001.map.gz", Volume.on(grid, molmap_density(structure, grid, MapOptions(4.0))), label="test"
    )
    text = trypsin.read_bytes() + b"\n_em_3d_reconstruction.resolution 4.0\n"
    (model_folder / "1gbt.cif.gz").write_bytes(gzip.compress(text))
    monkeypatch.setenv("no_proxy", "*")
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(root))) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def no_network(monkeypatch):
    """A list of what was asked of the network; asking fails."""
    asked = []

    def refuse(*arguments, **_):
        asked.append(arguments)
        raise OSError("no network in this test")

    monkeypatch.setattr("socket.socket.connect", refuse)
    monkeypatch.setattr("socket.getaddrinfo", refuse)
    return asked


@pytest.mark.slow
def test_ids_alone_become_a_training_set_and_a_bad_one_does_not_stop_the_rest(run, archive, tmp_path, monkeypatch):
    pairs, out = tmp_path / "pairs.csv", tmp_path / "set"
    pairs.write_text("id,resolution,family,emdb,pdb\ngone,,other,EMD-0001,9zzz\ntrypsin,,protease,1,1GBT\n")
    done = run("curate", pairs, out, "--fetch", "--archive", archive, "--verbose")
    assert done.code == 1
    assert "1 of 2 pairs kept" in done.err
    assert "EMD-0001: " in done.err
    gone, trypsin = csv.DictReader((out / "report.csv").read_text(encoding="utf-8").splitlines())
    assert gone["status"] == "failed"
    assert "PDB 9ZZZ: the archive has no such file" in gone["reason"]
    assert (trypsin["status"], trypsin["resolution_A"]) == ("kept", "4")
    assert "check the ID" in (out / "report.html").read_text(encoding="utf-8")
    assert sorted(path.name for path in (out / "downloads").glob("*.gz")) == ["1gbt.cif.gz", "emd_0001.map.gz"]

    monkeypatch.setattr("urllib.request.urlopen", None)  # what is in the cache needs no network
    pairs.write_text("id,map,model,resolution,family\ntrypsin,EMD-0001,1gbt,4,protease\n")
    again = run("curate", pairs, tmp_path / "other", "--fetch", "--cache", out / "downloads", "--archive", archive)
    assert again.code == 0, again.err
    assert not (tmp_path / "other" / "downloads").exists()


@pytest.mark.slow
def test_a_listed_file_that_is_not_there_comes_from_the_archive_with_a_warning(run, archive, trypsin, tmp_path):
    pairs = tmp_path / "pairs.csv"
    pairs.write_text(f"id,map,model,resolution,family,emdb\ntrypsin,lost.mrc,{trypsin},4,protease,EMD-0001\n")
    done = run("curate", pairs, tmp_path / "set", "--fetch", "--archive", archive)
    assert done.code == 0, done.err
    assert "warning" in done.err
    assert "lost.mrc: no such file; EMD-0001 is downloaded instead" in done.err


@pytest.mark.slow
def test_without_fetch_ids_are_one_clear_error_and_nothing_touches_the_network(run, trypsin, tmp_path, no_network):
    pairs = tmp_path / "pairs.csv"
    pairs.write_text("id,map,model,resolution,family,emdb,pdb\ntrypsin,,,4,protease,EMD-0001,1gbt\n")
    done = run("curate", pairs, tmp_path / "set")
    assert (done.code, len(done.err.splitlines())) == (2, 1)
    assert "trypsin gives an accession instead of a file; add --fetch to download it" in done.err
    assert not (tmp_path / "set").exists()
    pairs.write_text(f"id,map,model,resolution,family,emdb,pdb\ntrypsin,lost.mrc,{trypsin},4,protease,EMD-0001,1gbt\n")
    assert run("curate", pairs, tmp_path / "set").code == 1
    assert no_network == []


@pytest.mark.slow
@pytest.mark.parametrize("option", ["--cache", "--archive"])
def test_options_of_fetch_without_it_are_refused(run, tmp_path, option):
    done = run("curate", tmp_path / "pairs.csv", tmp_path / "set", option, "x")
    assert done.code == 2
    assert f"{option} is for downloads; add --fetch" in done.err
