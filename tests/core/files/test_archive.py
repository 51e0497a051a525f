from __future__ import annotations

import gzip
import hashlib
import http.client
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from cryotools.core.errors import CryotoolsWarning, DataError, UsageError
from cryotools.core.files.archive import Cache, emdb_id, pdb_id

MAP = "/pub/emdb/structures/EMD-3488/map/emd_3488.map.gz"
MODEL = "/pub/pdb/data/structures/divided/mmCIF/ni/5ni1.cif.gz"
CONTENT = np.random.default_rng(0).bytes(300_000)
PACKED = gzip.compress(CONTENT, mtime=0)


@dataclass
class Archive:
    """What the local server holds, how it behaves, and what it was asked: (path, Range header, status)."""

    files: dict[str, bytes] = field(default_factory=lambda: {MAP: PACKED, MODEL: PACKED})
    resumes: bool = True
    says_length: bool = True
    cuts: list[int] = field(default_factory=list)  # bytes after which the next answers break off
    refusals: list[int] = field(default_factory=list)  # statuses of the next answers
    asked: list[tuple[str, str | None, int]] = field(default_factory=list)
    address: str = ""

    def answer(self, path: str, wanted: str | None) -> tuple[int, dict[str, str], bytes]:
        if self.refusals:
            return self.refusals.pop(0), {}, b""
        if path not in self.files:
            return 404, {}, b"not here"
        content = self.files[path]
        if not (wanted and self.resumes):
            return 200, {"Content-Length": str(len(content))} if self.says_length else {}, content
        start = int(wanted.removeprefix("bytes=").removesuffix("-"))
        if start >= len(content):
            return 416, {"Content-Range": f"bytes */{len(content)}"}, b""
        extent = f"bytes {start}-{len(content) - 1}/{len(content)}"
        return 206, {"Content-Range": extent, "Content-Length": str(len(content) - start)}, content[start:]


@pytest.fixture
def archive(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    state = Archive()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            status, headers, content = state.answer(self.path, self.headers["Range"])
            state.asked.append((self.path, self.headers["Range"], status))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content[: state.cuts.pop(0)] if state.cuts and status < 300 else content)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        state.address = f"http://127.0.0.1:{server.server_port}/pub"
        yield state
        server.shutdown()
        thread.join()


@pytest.fixture
def cache(archive, tmp_path):
    return Cache(tmp_path / "downloads", archive.address, pauses=(0, 0))


def part_of(cache, content):
    cache.folder.mkdir()
    (cache.folder / "emd_3488.map.gz.part").write_bytes(content)


@pytest.mark.parametrize("text", ["EMD-3488", "emd_3488", "3488", " EMD3488 "])
def test_emdb_ids_are_written_in_one_way(text):
    assert emdb_id(text) == "EMD-3488"


@pytest.mark.parametrize("text", ["5NI1", "5ni1", "pdb_00005ni1"])
def test_pdb_ids_are_written_in_one_way(text):
    assert pdb_id(text) == "5ni1"


def test_other_text_is_no_id_and_a_lost_zero_comes_back():
    assert [emdb_id(text) for text in ("", "map.mrc", "EMD-", "5NI1")] == [""] * 4
    assert [pdb_id(text) for text in ("", "x.pdb", "abcd", "EMD-3488", "../5ni1")] == [""] * 5
    assert emdb_id("234") == "EMD-0234"


def test_a_fresh_file_comes_whole_with_its_checksum_and_only_once(archive, cache):
    said = []
    cache.say = said.append
    path = cache.map_file("3488")
    assert path == cache.folder / "emd_3488.map.gz"
    assert gzip.decompress(path.read_bytes()) == CONTENT
    digest = hashlib.sha256(PACKED).hexdigest()
    assert (cache.folder / "emd_3488.map.gz.sha256").read_text() == f"{digest}  emd_3488.map.gz\n"
    assert said == [f"EMD-3488: 0.3 MB downloaded to {path}"]
    assert cache.model_file("5NI1").name == "5ni1.cif.gz"
    assert cache.map_file("EMD-3488") == path
    assert archive.asked == [(MAP, None, 200), (MODEL, None, 200)]
    assert not list(cache.folder.glob("*.part"))


def test_a_partial_file_is_resumed(archive, cache):
    part_of(cache, PACKED[:1000])
    assert cache.map_file("3488").read_bytes() == PACKED
    assert archive.asked == [(MAP, "bytes=1000-", 206)]


def test_a_partial_file_that_is_whole_already_is_taken(archive, cache):
    part_of(cache, PACKED)
    assert cache.map_file("3488").read_bytes() == PACKED
    assert archive.asked == [(MAP, f"bytes={len(PACKED)}-", 416)]


@pytest.mark.parametrize("start", [b"another version", bytes(2 * len(PACKED))])
def test_a_partial_file_of_something_else_is_begun_again(archive, cache, start):
    part_of(cache, start)
    assert cache.map_file("3488").read_bytes() == PACKED
    assert archive.asked[-1] == (MAP, None, 200)


@pytest.mark.parametrize("says_length", [True, False])
def test_a_server_that_does_not_resume_sends_all_of_it(archive, cache, says_length):
    archive.resumes, archive.says_length = False, says_length
    part_of(cache, PACKED[:1000])
    assert cache.map_file("3488").read_bytes() == PACKED
    assert archive.asked == [(MAP, "bytes=1000-", 200)]


def test_a_transfer_that_breaks_off_goes_on_where_it_stopped(archive, cache):
    archive.cuts, archive.refusals = [5000], [503]
    assert cache.map_file("3488").read_bytes() == PACKED
    assert archive.asked == [(MAP, None, 503), (MAP, None, 200), (MAP, "bytes=5000-", 206)]


def test_what_has_arrived_is_kept_when_it_never_ends(archive, cache):
    archive.cuts = [5000, 10, 10]
    with pytest.raises(DataError, match=r"EMD-3488: 127.0.0.1:\d+ did not deliver it \(5020 of .* login node"):
        cache.map_file("3488")
    assert (cache.folder / "emd_3488.map.gz.part").read_bytes() == PACKED[:5020]
    assert not (cache.folder / "emd_3488.map.gz").exists()
    assert cache.map_file("3488").read_bytes() == PACKED


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (PACKED[:-100], "is a damaged gzip file"),
        (PACKED[:5000] + b"?" + PACKED[5001:], "is a damaged gzip file"),
        (b"<!DOCTYPE html>Sign in", "is a web page"),
        (b"", "is not a gzip file"),
    ],
)
def test_a_damaged_file_is_refused_and_not_kept(archive, cache, content, fault):
    archive.files[MAP] = content
    with pytest.raises(DataError, match=rf"EMD-3488: .*emd_3488\.map\.gz {fault}"):
        cache.map_file("3488")
    assert not list(cache.folder.glob("emd*"))


def test_an_id_that_the_archive_does_not_have_is_named_and_not_tried_again(archive, cache):
    with pytest.raises(DataError, match=r"PDB 9ZZZ: .* no such file \(.*/zz/9zzz\.cif\.gz\); check the ID"):
        cache.model_file("9zzz")
    assert len(archive.asked) == 1


def test_other_refusals_are_told_as_they_are(archive, cache):
    archive.refusals = [403]
    with pytest.raises(DataError, match="answers 403 Forbidden; check `archive`"):
        cache.map_file("3488")


def test_a_file_that_changed_is_fetched_again_with_a_warning(archive, cache):
    path = cache.map_file("3488")
    path.write_bytes(gzip.compress(b"edited"))
    with pytest.warns(CryotoolsWarning, match="has changed since it was downloaded .* downloading it again"):
        cache.map_file("3488")
    assert path.read_bytes() == PACKED
    assert len(archive.asked) == 2


def test_a_file_put_there_by_hand_is_used_when_it_unpacks(archive, cache):
    cache.folder.mkdir()
    path = cache.folder / "emd_3488.map.gz"
    path.write_bytes(gzip.compress(b"mine"))
    assert gzip.decompress(cache.map_file("3488").read_bytes()) == b"mine"
    assert path.with_name("emd_3488.map.gz.sha256").exists()
    assert archive.asked == []
    (cache.folder / "5ni1.cif.gz").write_bytes(PACKED[:100])
    with pytest.warns(CryotoolsWarning, match=r"5ni1\.cif\.gz: is a damaged gzip file; downloading it again"):
        assert cache.model_file("5ni1").read_bytes() == PACKED


def test_an_archive_out_of_reach_is_asked_once_by_later_entries(monkeypatch, tmp_path):
    asked = []

    def refuse(request, timeout):
        asked.append(request.full_url)
        raise http.client.RemoteDisconnected("closed")

    monkeypatch.setattr("urllib.request.urlopen", refuse)
    cache = Cache(tmp_path, "http://nowhere.invalid", pauses=(0, 0))
    for emdb in ("3488", "3489"):
        with pytest.raises(DataError, match=r"nowhere.invalid did not deliver it \(closed\); check the network"):
            cache.map_file(emdb)
    assert [address[-11:-7] for address in asked] == ["3488", "3488", "3488", "3489"]


def test_a_cache_that_cannot_be_written_is_one_clear_error(archive, tmp_path):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(DataError, match="cannot be stored"):
        Cache(tmp_path / "file", archive.address).map_file("3488")


@pytest.mark.parametrize("address", ["files.wwpdb.org/pub", "file:///etc", "https://"])
def test_the_archive_is_a_web_address(tmp_path, address):
    with pytest.raises(UsageError, match=r"`archive` .*: give an address that begins with https://"):
        Cache(tmp_path, address)
