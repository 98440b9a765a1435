"""From what users write to a model: paths, URIs, TensorFlow Hub's addresses, checksums."""

from __future__ import annotations

import io
import shutil
import subprocess
import tarfile
import threading
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from elmo_udf.models import Mix, load_model
from elmo_udf.models.checksum import file_sha256, folder_sha256
from elmo_udf.models.handles import resolve
from elmo_udf.spark import internals
from elmo_udf.spark.fetch import fetcher
from tests import savedmodels
from tests.make_models import random_model
from tests.model_files import write_folder, write_tar, write_zip
from tests.refusals import refused

MODEL = random_model(1, mix=Mix((0.3, -0.2, 1.0), 0.7))
PLAIN = random_model(2)


class Hub(BaseHTTPRequestHandler):
    """Answers as tfhub.dev does to a request for a compressed model; keeps count of them.

    As a proxy it answers for every server: requests are known by their path.
    """

    answers: dict[str, bytes]
    requests: list[str]
    refusal = 404

    def do_GET(self) -> None:
        path = self.path.removeprefix("http://tfhub.dev")
        self.requests.append(path)
        body = self.answers.get(path)
        self.send_response(self.refusal if body is None else 200)
        self.end_headers()
        self.wfile.write(body or b"")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, type[Hub]]]:
    """Address of a hub with nothing in it, and its handler; TensorFlow Hub's cache is the test's own."""
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    handler = type("Handler", (Hub,), {"answers": {}, "requests": []})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", handler
        server.shutdown()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(PLAIN, tmp_path_factory.mktemp("model") / "a model")


@pytest.fixture(scope="module")
def archive(folder: Path) -> Path:
    return write_zip(folder, folder.parent / "model.zip")


def test_hub_handles_go_through_the_hubs_resolver_and_cache(hub: tuple[str, type[Hub]], tmp_path: Path) -> None:
    address, server = hub
    compressed = write_tar(savedmodels.write_tf2(MODEL, tmp_path / "served"), tmp_path / "served.tar.gz")
    server.answers["/google/elmo/3?tf-hub-format=compressed"] = compressed.read_bytes()
    handle = f"{address}/google/elmo/3"
    model = load_model(handle)
    assert model.fingerprint() == MODEL.fingerprint()
    assert (model.mix, model.handle) == (MODEL.mix, handle)
    assert server.requests == ["/google/elmo/3?tf-hub-format=compressed"]
    (cached,) = [path for path in (tmp_path / "cache").iterdir() if path.is_dir()]
    assert (cached / "saved_model.pb").is_file()

    assert resolve(handle, folder_sha256(cached)) == cached
    with refused(handle, folder_sha256(cached), "0" * 64):
        resolve(handle, "0" * 64)
    assert len(server.requests) == 1  # the rest came from the cache


def tar_with(name: str, kind: bytes = tarfile.REGTYPE) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as file:
        info = tarfile.TarInfo(name)
        info.type, info.linkname = kind, "/etc/passwd"
        info.size = 5 if info.isreg() else 0
        file.addfile(info, io.BytesIO(b"hello"))
    return content.getvalue()


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (None, ["can't be fetched", "404"]),
        (b"\n<!DOCTYPE html><html>", ["/google/elmo/3?tf-hub-format=compressed answers with a web page"]),
        (b"no archive", ["not an archive"]),
        (tar_with("../../evil"), ["../../evil", "leaves its folder"]),
        (tar_with("link", tarfile.SYMTYPE), ["'link'", "link or a device"]),
        (tar_with("readme.txt"), ["found readme.txt", "expected a saved_model.pb", "delete the folder"]),
    ],
)
def test_hub_answers_that_are_not_models_are_refused(
    body: bytes | None, words: list[str], hub: tuple[str, type[Hub]], tmp_path: Path
) -> None:
    address, server = hub
    if body is not None:
        server.answers["/google/elmo/3?tf-hub-format=compressed"] = body
    with refused(f"{address}/google/elmo/3", *words):
        load_model(f"{address}/google/elmo/3")
    assert not list(tmp_path.rglob("evil"))


def test_hub_download_that_breaks_off_is_refused_and_may_be_tried_again(
    hub: tuple[str, type[Hub]], folder: Path, tmp_path: Path
) -> None:
    address, server = hub
    whole = write_tar(folder, tmp_path / "served.tar.gz").read_bytes()
    server.answers["/m?tf-hub-format=compressed"] = whole[: len(whole) // 2]
    with refused("can't be unpacked", "fetch it again"):
        load_model(f"{address}/m")
    assert not [path for path in (tmp_path / "cache").iterdir() if path.is_dir()]
    server.answers["/m?tf-hub-format=compressed"] = whole
    assert load_model(f"{address}/m").fingerprint() == PLAIN.fingerprint()


@pytest.mark.parametrize("missing", ["saved_model.pb", "variables", "variables/variables.index"])
def test_damaged_copy_in_the_cache_is_named_and_fetched_anew_once_it_is_deleted(
    missing: str, hub: tuple[str, type[Hub]], tmp_path: Path
) -> None:
    address, server = hub
    compressed = write_tar(savedmodels.write_tf2(MODEL, tmp_path / "served"), tmp_path / "served.tar.gz")
    server.answers["/google/elmo/3?tf-hub-format=compressed"] = compressed.read_bytes()
    cached = resolve(f"{address}/google/elmo/3")
    damaged = cached / missing
    shutil.rmtree(damaged) if damaged.is_dir() else damaged.unlink()
    with refused(f"delete the folder {str(cached)!r}", "fetched anew"):
        load_model(f"{address}/google/elmo/3")
    shutil.rmtree(cached)
    assert load_model(f"{address}/google/elmo/3").fingerprint() == MODEL.fingerprint()


def test_archives_by_http_need_no_entries_for_folders(hub: tuple[str, type[Hub]], tmp_path: Path) -> None:
    address, server = hub
    served = savedmodels.write_tf2(MODEL, tmp_path / "served")
    with tarfile.open(tmp_path / "served.tar.gz", "w:gz") as tar:
        for path in served.rglob("*"):
            if path.is_file():
                tar.add(path, path.relative_to(served.parent))
    server.answers["/served.tar.gz?tf-hub-format=compressed"] = (tmp_path / "served.tar.gz").read_bytes()
    assert load_model(f"{address}/served.tar.gz").fingerprint() == MODEL.fingerprint()


@pytest.mark.parametrize(("code", "body"), [(403, None), (404, None), (200, b"<!doctype html>")])
def test_tfhub_dev_that_refuses_names_kaggle(
    code: int, body: bytes | None, hub: tuple[str, type[Hub]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hub on loopback is the proxy, so that what is asked of tfhub.dev is asked of it."""
    address, server = hub
    monkeypatch.setenv("http_proxy", address)
    server.refusal = 404 if body else code
    if body is not None:
        server.answers["/google/elmo/3?tf-hub-format=compressed"] = body
    said = str(code) if body is None else "web page"
    with refused(said, "moved to Kaggle", "give kaggle:google/elmo/tensorFlow1/elmo/3"):
        load_model("http://tfhub.dev/google/elmo/3")
    with refused(str(server.refusal), "moved to Kaggle", "look for it there"):
        load_model("http://tfhub.dev/google/nnlm-en-dim128/2")
    assert len(server.requests) == 2


@pytest.mark.parametrize("handle", ["http://127.0.0.1:9/google/elmo/3", "https://no-such-host.invalid/google/elmo/3"])
def test_unreachable_hub_is_refused(handle: str, hub: tuple[str, type[Hub]]) -> None:
    with refused(handle, "can't be fetched", "check the address and the network"):
        load_model(handle)


@pytest.mark.parametrize("name", ["m", "m.zip"])
@pytest.mark.parametrize("declares", [True, False])
def test_server_that_sends_without_end_is_cut_off(
    name: str, declares: bool, hub: tuple[str, type[Hub]], tmp_path: Path
) -> None:
    address, server = hub
    sent = 0

    def send_without_end(self: Hub) -> None:
        nonlocal sent
        self.send_response(200)
        if declares:
            self.send_header("Content-Length", str(10**15))
        self.end_headers()
        with suppress(OSError):
            while sent < 2**30:
                sent += self.wfile.write(bytes(2**20))

    server.do_GET = send_without_end  # type: ignore[method-assign]
    with refused(f"{address}/{name}", "sends more than 0.000977 GiB", "--model-max-gib"):
        load_model(f"{address}/{name}", max_gib=2**-10)
    assert sent < 2**27  # what the sockets hold, and a little


def test_models_that_are_larger_than_they_may_be_are_refused(archive: Path) -> None:
    with refused(str(archive), "holds more than", "raise --model-max-gib"):
        load_model(str(archive), max_gib=1e-6)
    with refused("s3a://a/b.zip", "expected at most 1073;", "--model-max-gib"):
        load_model("s3a://a/b.zip", fetch=lambda _: archive, max_gib=1e-6)


def test_local_paths_and_file_uris(folder: Path, archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder.parent)
    monkeypatch.setenv("HOME", str(folder.parent))
    assert "%20" in folder.as_uri()
    local = f"file:{archive}", f"file://localhost{archive}"
    for handle in (str(folder), "a model", "./model.zip", "~/model.zip", folder.as_uri(), archive.as_uri(), *local):
        model = load_model(handle)
        assert model.fingerprint() == PLAIN.fingerprint()
        assert model.handle == handle


@pytest.mark.parametrize("handle", ["/no/such/model", "no.zip", "file:///no/such/model.zip", ""])
def test_paths_where_nothing_is_are_refused(handle: str) -> None:
    with refused(repr(handle), "expected"):
        load_model(handle)


@pytest.mark.parametrize("handle", ["file://elsewhere/model.zip", "file:model.zip"])
def test_file_uris_of_other_machines_are_refused(handle: str) -> None:
    with refused(handle, "expected file:///absolute/path"):
        load_model(handle)


def test_unknown_builtin_is_refused() -> None:
    with refused("builtin:maxi", "expected builtin:mini"):
        load_model("builtin:maxi")


@pytest.mark.parametrize("handle", ["hdfs://name/model.zip", "s3a://bucket/model"])
def test_other_schemes_need_a_fetcher(handle: str, archive: Path) -> None:
    with refused(handle, "Spark"):
        load_model(handle)
    asked = []

    def fetch(uri: str) -> Path:
        asked.append(uri)
        return archive

    assert load_model(handle, fetch=fetch).fingerprint() == PLAIN.fingerprint()
    assert asked == [handle]


def test_checksum_of_a_file_is_that_of_sha256sum(archive: Path) -> None:
    printed = subprocess.run(["sha256sum", archive], capture_output=True, text=True, check=True).stdout.split()[0]
    assert file_sha256(archive) == printed
    assert load_model(str(archive), printed.upper()).fingerprint() == PLAIN.fingerprint()
    with refused(str(archive), printed, "a" * 64, "SHA-256"):
        load_model(str(archive), "a" * 64)
    with refused("'abc'", "64 hexadecimal digits"):
        load_model(str(archive), "abc")


def test_checksum_of_a_folder_is_that_of_the_documented_command(tmp_path: Path) -> None:
    write_folder(PLAIN, tmp_path / "b")
    for name in ("b/Z", "b/a b", "b-c", "é", "b/empty/deep/x"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    command = folder_sha256.__doc__.split("FOLDER && ")[1].splitlines()[0]
    printed = subprocess.run(command, shell=True, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert folder_sha256(tmp_path) == printed.split()[0]
    (tmp_path / "é").write_text("changed")
    assert folder_sha256(tmp_path) != printed.split()[0]


def test_checksum_of_a_model_that_is_not_fetched_is_refused() -> None:
    with refused("builtin:mini", "not fetched"):
        load_model("builtin:mini", "0" * 64)


def test_spark_fetches_from_its_file_systems(spark: Any, folder: Path, archive: Path) -> None:
    """A viewfs: address is as little known outside of Hadoop as hdfs: is; its files are on this disk."""
    settings = internals.hadoop_configuration(spark)
    settings.set("fs.viewfs.mounttable.models.link./elmo", folder.parent.as_uri())
    fetch = fetcher(spark)
    for handle in ("viewfs://models/elmo/model.zip", "viewfs://models/elmo/a model", "viewfs://models/elmo/a model/"):
        model = load_model(handle, fetch=fetch)
        assert (model.handle, model.fingerprint()) == (handle, PLAIN.fingerprint())
    assert load_model("viewfs://models/elmo/model.zip", file_sha256(archive), fetch).handle
    assert load_model("viewfs://models/elmo/a model", folder_sha256(folder), fetch).handle
    with refused("viewfs://models/elmo/none.zip", "can't fetch", "does not exist"):
        load_model("viewfs://models/elmo/none.zip", fetch=fetch)
    with refused("nosuch://models/x.zip", 'No FileSystem for scheme "nosuch"'):
        load_model("nosuch://models/x.zip", fetch=fetch)
    assert spark.range(3).count() == 3  # what can't be fetched is not in the way of later tasks


def test_zips_by_http_need_no_spark_and_are_pinned_as_files_are(hub: tuple[str, type[Hub]], archive: Path) -> None:
    address, server = hub
    server.answers["/model.ZIP?a=1"] = archive.read_bytes()
    handle = f"{address}/model.ZIP?a=1"
    assert load_model(handle, file_sha256(archive)).fingerprint() == PLAIN.fingerprint()
    with refused("404", "none.zip"):
        load_model(f"{address}/none.zip")
    server.answers["/model.ZIP?a=1"] = archive.read_bytes()[:-100]
    with refused("not an archive"):
        load_model(handle)
