"""What a user may call a place, in the one form that is opened here: half an address is mended or refused by name."""

import os
import re
from pathlib import Path
from xml.etree import ElementTree

from neuronsig.errors import ConfigError

MOUNTS = {"/Volumes/": "dbfs:/Volumes/", "/dbfs/": "dbfs:/"}
"""Databricks' stores, as folders, and what Spark calls them. No other machine sees a lock there, and a file is written
from its start to its end, so that they are treated as stores."""

_SCHEME = re.compile(r"([a-z][a-z0-9+.-]+):(/*)(.*)", re.DOTALL)


def canonical(place: str, key: str = "run") -> str:
    """A local path, or a URI with its scheme, two slashes and the name of the machine or bucket.

    Hadoop's `file:/x`, Databricks' `dbfs:/x` and a default namenode's `hdfs:///x` are given their full names. Raises
    ConfigError for other halves of a URI, and for a mount that this machine has not.
    """
    named = _SCHEME.fullmatch(place)
    scheme, slashes, rest = named.groups() if named else ("", "", place)
    given = f"{key}={place}"
    if scheme in ("file", "local", "dbfs"):
        if len(slashes) not in (1, 3):
            raise ConfigError(f"{given} names no folder of this machine; write {scheme}:///{rest}")
        place = f"/{rest}" if scheme != "dbfs" or rest.startswith("Volumes/") else f"/dbfs/{rest}"
    elif scheme == "hdfs" and len(slashes) in (1, 3):
        return f"{_default_namenode(given)}/{rest}"
    elif len(slashes) == 1:
        raise ConfigError(f"{given} is half a URI; write {scheme}://{rest}")
    if (mount := mount_of(place)) and not os.path.isdir(mount):
        raise ConfigError(
            f"{given} lies in Databricks' {mount}, which this machine has not; run the job on Databricks, "
            "or give the store by its own address (s3://, abfs://, gs://)"
        )
    return place


def local_path(place: str) -> Path | None:
    """A place on this machine's own file systems; None where it is in a store."""
    place = canonical(place)
    return None if "://" in place or mount_of(place) else Path(place)


def mount_of(path: str) -> str | None:
    """The one of MOUNTS that a local path is below."""
    return next((mount for mount in MOUNTS if path.startswith(mount)), None)


def _default_namenode(given: str) -> str:
    """`hdfs://HOST:PORT`, or a name service, from the configuration of Hadoop's clients."""
    home = os.environ.get("HADOOP_HOME")
    folder = os.environ.get("HADOOP_CONF_DIR") or (f"{home}/etc/hadoop" if home else "")
    try:
        properties = ElementTree.parse(Path(folder) / "core-site.xml").iter("property")
        found = next(each.findtext("value", "") for each in properties if each.findtext("name") == "fs.defaultFS")
    except (OSError, ElementTree.ParseError, StopIteration):
        found = ""
    if not found.startswith("hdfs://"):
        raise ConfigError(
            f"{given} names no namenode, and no fs.defaultFS of hdfs://... is in HADOOP_CONF_DIR={folder or 'unset'}; "
            "write hdfs://HOST:8020/..."
        )
    return found.rstrip("/")
