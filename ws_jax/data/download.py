"""Fetching original files through TFDS's download manager, without TensorFlow.

The addresses and checksums are those that TFDS registers for its builders.
"""

import functools
import tempfile
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from absl import logging

from ws_jax.data import raw
from ws_jax.data.cache import Source
from ws_jax.data.dataset import DataError, Dataset, NotFoundError

_PROBE_S = 5.0

# Downloads `{file name: address}` into a directory; returns where each file is.
Fetcher = Callable[[str, Mapping[str, str], Path], Mapping[str, Path]]


def find(name: str) -> Source:
    """Returns a source that downloads a data set when it is read.

    Reading raises `NotFoundError` within seconds if the network does not answer.

    Args:
      name: one of `raw.ORIGINALS`.
    """
    return Source(name, raw.VERSION, "", functools.partial(download, name))


def download(
    name: str,
    *,
    urls: Mapping[str, str] | None = None,
    probe: Callable[[str], str] | None = None,
    fetch: Fetcher | None = None,
) -> Dataset:
    """Downloads the original files of a data set into a temporary place; decodes them.

    Args:
      name: one of `raw.ORIGINALS`.
      urls: address of each file, by published name; TFDS's if not given.
      probe: says why an address cannot be reached, or nothing.
      fetch: downloads; TFDS's manager if not given.

    Raises:
      NotFoundError: if the network does not answer within seconds.
      DataError: if a download fails or brings something else.
    """
    urls = urls or registered_urls(name)
    address = next(iter(urls.values()))
    reason = (probe or find_obstacle)(address)
    if reason:
        raise NotFoundError(f"{urlsplit(address).netloc} cannot be reached ({reason})")
    logging.info("Downloading %s from %s", name, urlsplit(address).netloc)
    with tempfile.TemporaryDirectory(prefix="ws_jax_") as directory:
        try:
            fetched = (fetch or fetch_by_tfds)(name, urls, Path(directory))
        except Exception as error:  # the manager lets through what its parts raise
            raise DataError(
                f"downloading {name} failed: {_first_line(error)}"
            ) from error
        paths = [_rename(path, file_name) for file_name, path in fetched.items()]
        return raw.decode_files(name, paths)


def registered_urls(name: str) -> dict[str, str]:
    """Returns the addresses that TFDS has for a data set, by file name."""
    import tensorflow_datasets as tfds  # slow to import, and often not needed

    infos = tfds.builder_cls(name).url_infos
    return {Path(urlsplit(url).path).name: url for url in infos}


def find_obstacle(url: str, timeout_s: float = _PROBE_S) -> str:
    """Says why `url` cannot be fetched; empty if it can.

    Asks as the download manager does, so proxies and certificates are the same. On a
    thread of its own, because a name look-up takes no time limit.
    """
    import requests

    answers: list[str] = []

    def ask() -> None:
        try:
            with requests.get(url, stream=True, timeout=timeout_s) as response:
                code = response.status_code
            answers.append(f"it answered {code}" if code >= 400 else "")
        except requests.RequestException as error:
            answers.append(type(error).__name__)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(timeout_s)
    return answers[0] if answers else f"no answer within {timeout_s:g} s"


def fetch_by_tfds(
    name: str, urls: Mapping[str, str], directory: Path
) -> Mapping[str, Path]:
    """Downloads, compares with the registered checksums, and shows progress."""
    import tensorflow_datasets as tfds

    manager = tfds.download.DownloadManager(
        download_dir=directory, dataset_name=name, force_checksums_validation=True
    )
    # One after the other: of several at once, the rest goes on after one has failed,
    # and writes into the directory while it is being removed.
    return {file_name: Path(manager.download(url)) for file_name, url in urls.items()}


def _first_line(error: Exception) -> str:
    lines = str(error).splitlines() or [""]
    return f"{type(error).__name__}: {lines[0].rstrip(':')}"


def _rename(path: Path, file_name: str) -> Path:
    """Gives a download its published name back; the manager adds the address."""
    return path.rename(path.with_name(file_name))
