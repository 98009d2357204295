"""One file over HTTP: resumed where it stopped, checked, and put in place only when whole."""

import hashlib
import http.client
import os
import re
import shutil
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from neuronsig.errors import ConfigError, InputError, MachineError

_BLOCK = 1 << 20
_SPARE = 16 << 20
_BACKOFF_SECONDS = 30.0
_NETWORK_ERRORS = (urllib.error.URLError, http.client.HTTPException, ConnectionError, TimeoutError, ssl.SSLError)
# Worth another attempt: request timeout, too many requests, and the server's own troubles.
_PASSING = {408, 425, 429, 500, 502, 503, 504}
_CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")
_AGENT = "neuronsig-download/0.1 (urllib)"
DIGITS = {"sha256": 64, "sha1": 40, "md5": 32}
"""The digests of a checksum, and the number of their hex digits."""


@dataclass(frozen=True)
class Fetched:
    """What was got: bytes on disk, SHA-256, the bytes an earlier, broken attempt had left, and attempts made."""

    size: int
    sha256: str
    resumed: int
    attempts: int


def fetch(
    url: str,
    target: Path,
    checksum: str = "",
    timeout: float = 60.0,
    retries: int = 5,
    progress: Callable[[int, int], None] = lambda done, total: None,
    sleep: Callable[[float], None] = time.sleep,
) -> Fetched:
    """Get `url` into `target`; `checksum` is `sha256:HEX`, `sha1:HEX`, `md5:HEX` or empty.

    Bytes go to `<target>.part`, from which a later call goes on when the server can; the server's validator (ETag
    or date) is kept beside it, so that parts of two versions are never joined. `retries` attempts in a row may
    fail without a byte gained. `progress` is called with (bytes there, bytes of the whole or 0).

    Raises InputError (not found, refused, unreachable, wrong checksum) and MachineError (disk).
    """
    part, validator = (target.with_name(target.name + ending) for ending in (".part", ".part.etag"))
    resumed = _size(part)
    attempts = fruitless = 0
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        while True:
            attempts += 1
            before = _size(part)
            try:
                _attempt(url, part, validator, timeout, progress)
                break
            except _NETWORK_ERRORS as error:
                _raise_if_final(url, error)
                after = _size(part)
                fruitless = fruitless + 1 if after <= before else 0
                if fruitless >= retries:
                    raise InputError(
                        f"{url} cannot be had ({_reason(error)}) after {attempts} attempts; check the network or "
                        f"proxy and run the same command again: {after:,} bytes are kept"
                    ) from None
                sleep(min(_BACKOFF_SECONDS, 2.0**fruitless))
        digests = _digests(part)
        _check(url, part, validator, checksum, digests)
        os.replace(part, target)
        validator.unlink(missing_ok=True)
    except OSError as error:
        raise MachineError(f"{target} cannot be written ({error.strerror}); free some space or set data=...") from None
    return Fetched(target.stat().st_size, digests["sha256"], resumed, attempts)


def published_checksum(url: str, name: str, timeout: float, retries: int) -> str:
    """The checksum of a file in a list that its server publishes (`HEX  name` lines); empty when it is not in it.

    A name with `latest` matches the dated name that such lists give. The digest is told by its length.
    """
    for attempt in range(1, retries + 1):
        try:
            with urllib.request.urlopen(_request(url), timeout=timeout) as response:
                text = response.read().decode("utf-8", "replace")
            break
        except _NETWORK_ERRORS as error:
            _raise_if_final(url, error)
            if attempt == retries:
                raise InputError(f"{url} cannot be had ({_reason(error)}); check the network or proxy") from None
            time.sleep(min(_BACKOFF_SECONDS, 2.0**attempt))
    pattern = re.compile(re.escape(name).replace("latest", r"(?:latest|\d{8})"))
    for line in text.splitlines():
        digest, _, listed = line.strip().partition(" ")
        if pattern.fullmatch(listed.strip().lstrip("*")):
            kind = next((kind for kind, digits in DIGITS.items() if digits == len(digest)), "")
            return f"{kind}:{digest.lower()}" if kind else ""
    return ""


def split_checksum(checksum: str, key: str) -> tuple[str, str]:
    """(digest's name, hex digits); raises ConfigError for anything but `sha256:HEX`, `sha1:HEX`, `md5:HEX`, empty."""
    if not checksum:
        return "", ""
    kind, _, digits = checksum.partition(":")
    if kind not in DIGITS or not re.fullmatch(rf"[0-9a-fA-F]{{{DIGITS[kind]}}}", digits):
        raise ConfigError(f"{key}.checksum={checksum}: must be sha256:, sha1: or md5: and its hex digits, or empty")
    return kind, digits.lower()


def _attempt(url: str, part: Path, validator: Path, timeout: float, progress: Callable[[int, int], None]) -> None:
    """One request; appends to what is there when the server continues the same version."""
    there = _size(part)
    known = validator.read_text() if validator.is_file() else ""
    headers = {"Range": f"bytes={there}-", "If-Range": known} if there and known else {}
    try:
        response = urllib.request.urlopen(_request(url, headers), timeout=timeout)
    except urllib.error.HTTPError as error:
        if error.code != 416:
            raise
        # Nothing after what is there: either all of it, or a part of something else; only a new start tells.
        part.unlink()
        response = urllib.request.urlopen(_request(url), timeout=timeout)
    with response:
        found = _CONTENT_RANGE.match(response.headers.get("Content-Range") or "")
        goes_on = response.status == 206 and found is not None and int(found[1]) == there
        if not goes_on:
            there = 0
        left = int(response.headers.get("Content-Length") or 0)
        free = shutil.disk_usage(part.parent).free
        if left + _SPARE > free:
            raise MachineError(
                f"{part}: {left / 2**20:,.0f} MiB are needed, {free / 2**20:,.0f} MiB are free on its disk; "
                "free some space or set data=..."
            )
        total = there + left if left else 0
        with open(part, "ab" if goes_on else "wb") as stream:
            if not goes_on:
                etag = response.headers.get("ETag") or ""
                # A weak ETag does not promise equal bytes.
                strong = etag if not etag.startswith("W/") else ""
                validator.write_text(strong or response.headers.get("Last-Modified") or "")
            got = 0
            while block := response.read(_BLOCK):
                stream.write(block)
                got += len(block)
                progress(there + got, total)
        if left and got < left:
            raise http.client.IncompleteRead(b"", left - got)


def _check(url: str, part: Path, validator: Path, checksum: str, digests: dict[str, str]) -> None:
    kind, wanted = split_checksum(checksum, url)
    if kind and digests[kind] != wanted:
        size = part.stat().st_size
        part.unlink()
        validator.unlink(missing_ok=True)
        raise InputError(
            f"{url}: {kind} is {digests[kind]} ({size:,} bytes), expected {wanted}; the file was broken on its way or "
            "has been replaced: run the same command again, or set its checksum in download.homes"
        )


def _digests(path: Path) -> dict[str, str]:
    digests = {kind: hashlib.new(kind, usedforsecurity=False) for kind in DIGITS}
    with open(path, "rb") as stream:
        while block := stream.read(_BLOCK):
            for digest in digests.values():
                digest.update(block)
    return {kind: digest.hexdigest() for kind, digest in digests.items()}


def _raise_if_final(url: str, error: Exception) -> None:
    """Another attempt would end the same way."""
    if isinstance(error, urllib.error.HTTPError) and error.code not in _PASSING:
        raise InputError(
            f"{url}: the server says {error.code} {error.reason}; the file has moved or is not public: set another url "
            "in download.homes, or get it by hand"
        ) from None
    if isinstance(error, urllib.error.URLError) and "unknown url type" in str(error.reason):
        raise InputError(f"{url}: {error.reason}; give an http:// or https:// address") from None


def _reason(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        return f"{error.code} {error.reason}"
    if isinstance(error, http.client.IncompleteRead):
        return "connection lost"
    reason = getattr(error, "reason", error)
    return str(getattr(reason, "strerror", None) or reason or type(error).__name__)


def _request(url: str, headers: dict[str, str] | None = None) -> urllib.request.Request:
    try:
        return urllib.request.Request(
            url, headers={"User-Agent": _AGENT, "Accept-Encoding": "identity", **(headers or {})}
        )
    except ValueError:
        raise InputError(f"{url!r} is not an address; give an http:// or https:// one") from None


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0
