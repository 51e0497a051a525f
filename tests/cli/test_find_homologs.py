"""find-homologs on the command line: its summary, and its mistakes."""

from __future__ import annotations

import gzip
import json
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
from mutated_structures import homolog_database, shuffled

from cryotools.homologs.search.hits import read_homologs


@pytest.fixture
def query(trypsin, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    letters = homolog_database(tmp_path / "structures", trypsin)
    (tmp_path / "q.fasta").write_text(f">q\n{letters}\n")
    return letters


def test_the_summary_counts_homologs_and_damaged_files(query, run):
    done = run("find-homologs", "q.fasta", "out", "--db", "structures", "--exclude-identity", "0.95", "--json")
    assert done.code == 0
    figures = json.loads(done.out)
    assert (figures["n_homologs"], figures["n_with_homologs"], figures["n_files_left_out"]) == (3, 1, 1)
    assert figures["n_chains_searched"] == 5
    assert "damaged.pdb" in done.err
    assert "3 homologs of 1 of 1 sequences among 5 chains" in done.err
    assert len(read_homologs("out").homologs) == 3
    again = run("find-homologs", "gone.fasta", "out", "--db", "gone", "--no-clobber")
    assert again.code == 0
    assert len(read_homologs("out").homologs) == 3


def test_nothing_found_is_said_with_exit_code_0(query, run, tmp_path):
    (tmp_path / "noise.fasta").write_text(f">noise\n{shuffled(query, seed=5)}\n")
    done = run("find-homologs", "noise.fasta", "out", "--db", "structures")
    assert done.code == 0
    assert "warning: no homolog of sequence noise is in structures; try a larger --evalue, --iterations 3" in done.err
    assert read_homologs("out").homologs == ()


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["dna.fasta", "out", "--db", "structures"], 1, "none of the sequences is that of a protein: d is RNA or DNA"),
        (["odd.fasta", "out", "--db", "structures"], 1, "sequence o: - stands for no amino acid"),
        (["empty.fasta", "out", "--db", "structures"], 1, "is an empty file"),
        (["gone.fasta", "out", "--db", "structures"], 1, "no such file"),
        (["q.fasta", "out", "--db", "gone"], 1, "no such file or folder"),
        (["q.fasta", "structures", "--db", "structures"], 2, "is the database"),
        (["q.fasta", "out", "--db", "structures", "--min-identity", "50"], 2, "--min-identity 50.0: give a share"),
        (["q.fasta", "out", "--db", "structures", "--engine", "hhblits"], 2, "--engine hhblits: give auto, pyhmmer"),
        (["q.fasta", "out", "--db", "structures", "--engine", "blast", "--iterations", "2"], None, "--"),
        (["q.fasta", "out", "--db", "structures", "--archive", "x"], 2, "--archive is for downloads; add --fetch"),
        (["q.fasta", "out"], 2, "--db"),
    ],
)
def test_mistakes_are_told_in_one_line_and_leave_nothing(query, run, tmp_path, words, code, told):
    (tmp_path / "dna.fasta").write_text(">d\nACGTACGTACGTACGT\n")
    (tmp_path / "odd.fasta").write_text(">o\nMKV-LIT\n")
    (tmp_path / "empty.fasta").write_text("")
    done = run("find-homologs", *words)
    assert done.code == code if code else done.code in (1, 2)
    assert told in done.err
    assert not (tmp_path / "out").exists()


def test_only_the_sequences_that_are_proteins_are_searched(query, run, tmp_path):
    (tmp_path / "both.fasta").write_text(f">q\n{query}\n>q\n{query}\n>rna\nGGAUCCAAGGUUAACC\n")
    done = run("find-homologs", "both.fasta", "out", "--db", "structures")
    assert done.code == 0
    assert "warning: RNA or DNA is left out: rna" in done.err
    assert list(read_homologs("out").sequences) == ["q", "q-2"]


class Quiet(SimpleHTTPRequestHandler):
    """A web server without a log."""

    def log_message(self, *_):
        pass


def test_homologs_known_by_their_ids_are_downloaded_once(query, run, tmp_path, trypsin, monkeypatch):
    place = tmp_path / "archive/pdb/data/structures/divided/mmCIF/gb"
    place.mkdir(parents=True)
    (place / "1gbt.cif.gz").write_bytes(gzip.compress(trypsin.read_bytes()))
    (tmp_path / "seqres.fasta").write_text(f">1gbt_A mol:protein length:223 TRYPSIN\n{query}\n")
    monkeypatch.setenv("no_proxy", "*")
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path / "archive"))) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        address = f"http://127.0.0.1:{server.server_port}"
        words = ("find-homologs", "q.fasta", "out", "--db", "seqres.fasta", "--cache", "cache", "--fetch")
        done = run(*words, "--archive", address)
        server.shutdown()
        thread.join()
    assert done.code == 0, done.err
    (one,) = read_homologs("out").homologs
    assert (one.chain, one.identity, one.source.name) == ("A", 1, "1gbt.cif.gz")
    assert run(*words, "--archive", "http://127.0.0.1:9").code == 0  # nobody is there, and nobody is asked
    done = run(*words[:-1])
    assert done.code == 0
    assert "structures are missing for 1 of the homologs (1gbt_A); add --fetch" in done.err
