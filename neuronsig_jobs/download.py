"""The public corpora, from their official homes into `data=`, in the layout the readers take.

Archives stay packed: the readers read them in place. A download that was broken off goes on where it stopped, and
what is there already is left alone. What was got (address, bytes, SHA-256) is kept in `.download.json` beside it.

Examples:
  neuronsig download data=data
  neuronsig download data=data download.corpora=[gutenberg,wikipedia_part]
  neuronsig download data=data download.corpora=[gutenberg] download.homes.gutenberg.ids=[11,84]
"""

import json
import posixpath
import shutil
import tempfile
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from neuronsig.config import Config
from neuronsig.corpora.download import fetch, published_checksum, split_checksum
from neuronsig.errors import ConfigError, MachineError
from neuronsig.progress import say, task
from neuronsig.storage.whole_files import atomic_write
from neuronsig_jobs.launch import Summary

HOME_KEYS = ("url", "path", "checksum", "checksums", "bytes", "ids")
RECORD = ".download.json"


@dataclass(frozen=True)
class Wanted:
    """One file: where it comes from, where it goes, and how it is checked."""

    url: str
    target: Path
    checksum: str = ""
    checksums: str = ""
    size: int = 0


def run(config: Config) -> Summary:
    """Get what is missing; returns files and bytes got, and what was there already."""
    root = Path(config.data)
    wanted = [one for name in config.download.corpora for one in _wanted(config, name, root)]
    missing = [one for one in wanted if not _is_there(one)]
    _require_room(root, missing)
    counts = {"files": len(missing), "already there": len(wanted) - len(missing), "bytes": 0, "resumed bytes": 0}
    for one in missing:
        name = one.target.name
        checksum = one.checksum
        if not checksum and one.checksums:
            checksum = published_checksum(one.checksums, name, config.download.timeout, config.download.retries)
            if not checksum:
                say(f"  {one.checksums} does not list {name}: it is taken unchecked")
        with task(f"getting {name}", None, "MB") as progress:

            def advance(done: int, total: int, progress: Any = progress) -> None:
                progress.update(done / 1e6, f"of {total / 1e6:,.0f} MB" if total else "")

            got = fetch(one.url, one.target, checksum, config.download.timeout, config.download.retries, advance)
        counts["bytes"] += got.size
        counts["resumed bytes"] += got.resumed
        _record(one, {"url": one.url, "bytes": got.size, "sha256": got.sha256, "checked": checksum})
    return {"data": str(root), **counts}


def _wanted(config: Config, name: str, root: Path) -> list[Wanted]:
    home = config.download.homes.get(name)
    key = f"download.homes.{name}"
    if not isinstance(home, Mapping):
        known = ", ".join(sorted(config.download.homes))
        raise ConfigError(f"download.corpora: {name} has no home; choose from {known}, or set {key}.url and {key}.path")
    for field in home:
        if field not in HOME_KEYS:
            raise ConfigError(f"{key}.{field}: unknown; known are {', '.join(HOME_KEYS)}")
    url, path = str(home.get("url") or ""), str(home.get("path") or "")
    if not url.startswith(("http://", "https://")) or not path:
        raise ConfigError(f"{key}.url={url}, {key}.path={path}: must be an http(s) address and a folder below data")
    if Path(path).is_absolute() or ".." in Path(path).parts:
        raise ConfigError(f"{key}.path={path}: must be a folder below data")
    checksum = str(home.get("checksum") or "")
    split_checksum(checksum, key)
    if "{id}" in url and not home.get("ids"):
        raise ConfigError(f"{key}.ids: must name at least one id, as its url has {{id}}")
    urls = [url.replace("{id}", str(one)) for one in home["ids"]] if "{id}" in url else [url]
    files = []
    for address in urls:
        file = urllib.parse.unquote(posixpath.basename(urllib.parse.urlsplit(address).path))
        if not file:
            raise ConfigError(f"{key}.url={address}: must end in a file's name")
        checksums = str(home.get("checksums") or "")
        files.append(Wanted(address, root / path / file, checksum, checksums, int(home.get("bytes") or 0)))
    return files


def _is_there(one: Wanted) -> bool:
    """A file got earlier (by its record) or put there by hand; a file cut short after it was got is neither."""
    if not one.target.is_file():
        return False
    entry = _records(one.target.parent).get(one.target.name)
    return entry is None or entry.get("bytes") == one.target.stat().st_size


def _require_room(root: Path, missing: list[Wanted]) -> None:
    try:
        root.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=root, prefix=".probe-"):
            pass
        free = shutil.disk_usage(root).free
    except OSError as error:
        raise MachineError(f"data={root} cannot be written ({error.strerror}); set data=...") from None
    needed = sum(one.size for one in missing)
    if needed > free:
        raise MachineError(
            f"data={root}: the files to get have about {needed / 2**20:,.0f} MiB, {free / 2**20:,.0f} MiB are free; "
            "free some space, set data=..., or name fewer download.corpora"
        )


def _records(folder: Path) -> dict[str, Any]:
    try:
        return dict(json.loads((folder / RECORD).read_text()))
    except (FileNotFoundError, ValueError):
        return {}


def _record(one: Wanted, entry: dict[str, Any]) -> None:
    records = {**_records(one.target.parent), one.target.name: entry}
    atomic_write(one.target.parent / RECORD, json.dumps(records, indent=1, sort_keys=True).encode())
