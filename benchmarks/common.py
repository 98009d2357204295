"""What all benchmarks share: the machine in words, fresh processes and their peak of memory, tables, matmul peaks."""

from __future__ import annotations

import argparse
import os
import platform
import resource
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from importlib import metadata
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch

from neuronsig_ray.model.inference import device_class

LIBRARIES = ("torch", "transformers", "numpy", "pyarrow", "ray")


def options(documentation: str | None) -> argparse.ArgumentParser:
    """A parser whose help is the benchmark's docstring, with the number of threads that all of them take."""
    parser = argparse.ArgumentParser(description=documentation, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=cores(), help="torch threads of each side (default: all cores)")
    return parser


def cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def machine(device: str = "cpu") -> str:
    """The machine, the libraries and the hour, in one line; the load says whether others were at work."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    parts = [f"{_cpu()}, {cores()} cores, {device_class(False, 'auto', 1).name}, {memory:.0f} GiB"]
    if device == "cuda":
        card = torch.cuda.get_device_properties(0)
        parts.append(f"{card.name}, {card.total_memory / 2**30:.0f} GiB, CUDA {torch.version.cuda}")
    parts.append(", ".join([f"Python {platform.python_version()}", *map(_version, LIBRARIES)]))
    parts.append(f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, load {os.getloadavg()[0]:.1f}")
    return "; ".join(parts)


def table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table; the first column is text, the others are numbers."""
    lines = [columns, ["---", *["---:"] * (len(columns) - 1)], *[[_cell(value) for value in row] for row in rows]]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def alone(function: Callable[..., Any], *arguments: Any) -> Any:
    """Run in a fresh process, so that peaks of memory, caches and threads do not mix."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def peak_mib() -> float:
    """Most memory that this process has held, MiB.

    Linux counts what a process was forked from in ru_maxrss; VmHWM is the process's own.
    """
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
        return int(next(line.split()[1] for line in lines if line.startswith("VmHWM"))) / 1024
    except (OSError, StopIteration):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def matmul_peak(dtype: str, device: str, threads: int, size: int = 4096, seconds: float = 2.0) -> float:
    """FLOP/s of the best of many (size, size) products on random data: what the machine itself can do."""
    torch.set_num_threads(threads)
    a, b = (torch.randn(size, size, dtype=getattr(torch, dtype), device=device) for _ in range(2))
    best, started = float("inf"), time.monotonic()
    for attempt in range(1000):
        clock = time.perf_counter()
        torch.mm(a, b)
        if device == "cuda":
            torch.cuda.synchronize()
        spent = time.perf_counter() - clock
        # The first products choose kernels and pack weights.
        best = min(best, spent) if attempt > 1 else best
        if attempt > 3 and time.monotonic() - started > seconds:
            break
    return 2 * size**3 / best


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    return str(value)


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def _version(name: str) -> str:
    try:
        return f"{name} {metadata.version(name)}"
    except metadata.PackageNotFoundError:
        return f"no {name}"
