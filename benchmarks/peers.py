"""Running top lists: ours against what others use to keep the best K of every neuron, on the same streams.

    pip install --no-deps semanticlens==0.2.1 zennit-crp==0.6.0
    python -m benchmarks.peers                 # 384 neurons, K = 10,000: about 10 minutes on 2 cores

Each side takes scores block by block and gives the K best of every row; only that is timed, in a process of its own.
Streams: --sentences random scores, and MiniLM's own scores of real sentences (one layer, bfloat16, in the rectangles of
a collection), where sentences that occur twice tie. Lists are compared with a full sort under the order "score
descending, sentence id ascending": "scores" and "ids" are shares of the rows whose lists are the same.

    neuronsig         neuronsig_ray.collect.selection.ShardTopK
    faiss             faiss.ResultHeap, the library's own code: a heap of (score, id) for each row
    semanticlens      semanticlens 0.2.1, ActMax.update, its own code: torch.topk over what is kept and the new block;
                      it keeps bfloat16 and begins with zeros
    semanticlens f32  the same code, its tensors begun as float32 at -inf
    zennit-crp        zennit-crp 0.6.0, crp.maximization.Maximization.analyze_layer, its own code: sorts the block, then
                      what is kept with the block's best; SAMPLE_SIZE = K
    baukit            TopK of baukit.runningstats (github.com/davidbau/baukit), which no registry has: its algorithm
                      written again, a buffer of 5 K for each row, cut by torch.topk when it is full
    heapq             Python's heapq.heapreplace, a heap for each row, written here

A peer that is not installed is named and passed over. End to end (--end-to-end sentences, K = 1,000): the padded loop
of benchmarks.collect_cpu with semanticlens's hooks (ActMaxCache) in the place of what is kept and sorted, against one
replica of ours; both keep sign +1 of all layers.
"""

from __future__ import annotations

import argparse
import heapq
import importlib
import importlib.machinery
import importlib.util
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc
import torch
from torch import Tensor

from benchmarks.collect_cpu import BATCH
from benchmarks.collection import collect, hidden_states, make_job, write_tokenized
from benchmarks.common import alone, machine, options, peak_mib, table
from benchmarks.texts import MINILM, sentences, token_ids
from neuronsig.checkpoint import model_config
from neuronsig.collection.shards import batch_tokens, rectangles
from neuronsig.collection.topk import reference, unpack
from neuronsig.config import ModelConfig
from neuronsig_ray.collect.selection import ShardTopK

Lists = tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]
# Scores (rows, n) in the order of arrival, and where each block begins.
Blocks = Iterator[tuple[Tensor, Tensor]]


def ours(blocks: Blocks, rows: int, k: int, n: int) -> Lists:
    top = ShardTopK(rows, k, n, "cpu")
    for scores, ids in blocks:
        top.add(scores, ids)
    return unpack(top.result(0, rows))


def faiss_heap(blocks: Blocks, rows: int, k: int, n: int) -> Lists:
    import faiss

    faiss.omp_set_num_threads(torch.get_num_threads())
    heap = faiss.ResultHeap(rows, k, keep_max=True)
    for scores, ids in blocks:
        heap.add_result(scores.numpy(), np.broadcast_to(ids.numpy(), scores.shape))
    heap.finalize()
    return heap.D, heap.I


def semanticlens(blocks: Blocks, rows: int, k: int, n: int, exact: bool = False) -> Lists:
    top = _semanticlens().ActMax(n_collect=k, n_latents=rows)
    if exact:
        top.activations = torch.full((rows, k), -torch.inf)
        top.sample_ids, top.is_setup = torch.full((rows, k), -1), True
    for scores, ids in blocks:
        top.update(scores.T, ids)
    return top.activations.float().numpy(), top.sample_ids.numpy()


def semanticlens_float32(blocks: Blocks, rows: int, k: int, n: int) -> Lists:
    return semanticlens(blocks, rows, k, n, exact=True)


def zennit_crp(blocks: Blocks, rows: int, k: int, n: int) -> Lists:
    _without_init("crp")
    maximization = importlib.import_module("crp.maximization")
    concept = importlib.import_module("crp.concepts").ChannelConcept()
    with tempfile.TemporaryDirectory() as scratch:
        top = maximization.Maximization(mode="activation", path=scratch)
        top.SAMPLE_SIZE = k
        for scores, ids in blocks:
            top.analyze_layer(scores.T[:, :, None], concept, "layer", ids.numpy(), np.zeros(len(ids)))
    return top.rel_c_sorted["layer"].T.numpy(), top.d_c_sorted["layer"].T.numpy()


def baukit(blocks: Blocks, rows: int, k: int, n: int) -> Lists:
    held, names = torch.zeros(rows, max(10, 5 * k)), torch.zeros(rows, max(10, 5 * k), dtype=torch.int64)
    used = 0

    def best(ordered: bool) -> tuple[Tensor, Tensor]:
        values, places = held[:, :used].topk(min(k, used), sorted=ordered)
        return values, names.gather(1, places)

    for scores, ids in blocks:
        some = min(scores.shape[1], k)
        if used + some > held.shape[1]:
            held[:, :k], names[:, :k] = best(ordered=False)
            used = k
        values, places = scores.clone().topk(some, sorted=False)
        held[:, used : used + some], names[:, used : used + some] = values, ids[places]
        used += some
    values, found = best(ordered=True)
    return values.numpy(), found.numpy()


def heaps(blocks: Blocks, rows: int, k: int, n: int) -> Lists:
    kept: list[list[tuple[float, int]]] = [[] for _ in range(rows)]
    for scores, ids in blocks:
        inverted = (-ids).tolist()
        for heap, row in zip(kept, scores.tolist(), strict=True):
            for item in zip(row, inverted, strict=True):
                if len(heap) < k:
                    heapq.heappush(heap, item)
                elif item > heap[0]:
                    heapq.heapreplace(heap, item)
    ordered = [sorted(heap, reverse=True) for heap in kept]
    pairs = np.array(ordered, np.float64)  # (rows, k, 2)
    return pairs[..., 0].astype(np.float32), -pairs[..., 1].astype(np.int64)


PEERS: dict[str, Callable[[Blocks, int, int, int], Lists]] = {
    "neuronsig": ours,
    "faiss": faiss_heap,
    "semanticlens": semanticlens,
    "semanticlens f32": semanticlens_float32,
    "zennit-crp": zennit_crp,
    "baukit": baukit,
    "heapq": heaps,
}
NEEDS = {"faiss": "faiss", "semanticlens": "semanticlens", "semanticlens f32": "semanticlens", "zennit-crp": "crp"}


def run_peer(name: str, folder: str, threads: int) -> dict[str, Any]:
    """One peer over the stream in `folder`: seconds, what it added to the memory that the stream takes, its lists."""
    torch.set_num_threads(threads)
    stream = np.load(f"{folder}/scores.npy")  # (rows, n)
    ids, starts = np.load(f"{folder}/ids.npy"), np.load(f"{folder}/starts.npy").tolist()
    wanted = np.load(f"{folder}/wanted-scores.npy"), np.load(f"{folder}/wanted-ids.npy")  # (rows, k) each
    (rows, n), k = stream.shape, wanted[0].shape[1]
    scores, names = torch.from_numpy(stream), torch.from_numpy(ids)
    # Imports and first calls are no part of the work.
    PEERS[name](iter([(scores[:2, :4], names[:4])]), 2, 2, 4)
    before = peak_mib()
    clock = time.perf_counter()
    spans = zip(starts, [*starts[1:], n], strict=True)
    values, found = PEERS[name]((_block(scores, names, *span) for span in spans), rows, k, n)
    seconds = time.perf_counter() - clock
    peak = peak_mib() - before
    return {
        "seconds": seconds,
        "peak_mib": peak,
        "scores": float((values == wanted[0]).all(axis=1).mean()),
        "ids": float((found == wanted[1]).all(axis=1).mean()),
    }


def write_stream(
    folder: Path, scores: npt.NDArray[np.float32], ids: npt.NDArray[np.int64], starts: list[int], k: int
) -> None:
    """A stream and the lists that a full sort makes of it."""
    folder.mkdir()
    np.save(folder / "scores.npy", scores)
    np.save(folder / "ids.npy", ids)
    np.save(folder / "starts.npy", np.array(starts))
    best, names = reference(scores, ids, k)
    np.save(folder / "wanted-scores.npy", best)
    np.save(folder / "wanted-ids.npy", names)


def random_stream(folder: str, rows: int, n: int, block: int, k: int) -> None:
    scores = np.random.default_rng(0).standard_normal((rows, n), dtype=np.float32)
    write_stream(Path(folder), scores, np.arange(n), list(range(0, n, block)), k)


def model_stream(folder: str, model: str, inputs: list[list[int]], rows: int, k: int, threads: int) -> None:
    """The middle layer's scores of real sentences, in the rectangles of one shard."""
    from neuronsig_ray.model.inference import InspectedModel

    torch.set_num_threads(threads)
    groups = hidden_states(model)
    network = InspectedModel(model, "bfloat16", "cpu", groups[len(groups) // 2 : len(groups) // 2 + 1], (1,), "mean")
    lengths = np.array([len(row) for row in inputs])
    order = np.argsort(lengths, kind="stable")
    blocks, starts = [], [0]
    ids: list[npt.NDArray[np.int64]] = []
    for start, stop, _ in rectangles(lengths[order], batch_tokens(0, "cpu")):
        chosen = order[start:stop]
        starts.append(starts[-1] + len(chosen))
        ids.append(chosen)
        blocks.append(network.scores(torch.tensor([inputs[i] for i in chosen]), 0, 0)[:rows].numpy())
    write_stream(Path(folder), np.concatenate(blocks, axis=1), np.concatenate(ids), starts[:-1], k)


def semanticlens_loop(model: str, inputs: list[list[int]], k: int, threads: int) -> dict[str, float]:
    """The padded loop, batch 32, float32, with semanticlens's hooks on every block."""
    from transformers import AutoModel

    torch.set_num_threads(threads)
    network = AutoModel.from_pretrained(model, trust_remote_code=False).eval()
    weights = torch.zeros(0)

    def mean_of_tokens(states: Any) -> Tensor:
        state = states[0] if isinstance(states, tuple) else states
        return (state * weights).sum(dim=1)  # (batch, units)

    names = [f"encoder.layer.{layer}" for layer in range(network.config.num_hidden_layers)]
    cache = _semanticlens().ActMaxCache(names, mean_of_tokens, n_collect=k)
    clock = time.monotonic()
    with torch.inference_mode(), cache.hook_context(network):
        for start in range(0, len(inputs), BATCH):
            batch = inputs[start : start + BATCH]
            longest = max(map(len, batch))
            ids = torch.tensor([row + [0] * (longest - len(row)) for row in batch])  # (batch, longest)
            mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in batch])
            weights = mask[:, :, None] / mask.sum(dim=1)[:, None, None]  # (batch, longest, 1)
            network(input_ids=ids, attention_mask=mask)
    return {"seconds": time.monotonic() - clock, "peak_mib": peak_mib()}


def main() -> int:
    chosen = _options()
    head = machine()
    folder, _ = model_config(ModelConfig(name="benchmark", path=chosen.model))
    inputs = token_ids(sentences(chosen.run, chosen.real), chosen.model)
    print(f"{head}\n")
    missing = {name: need for name, need in NEEDS.items() if importlib.util.find_spec(need) is None}
    for name, need in missing.items():
        print(f"{name} is passed over: {need} is not installed.\n")
    peers = [name for name in chosen.peers if name not in missing]
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch)
        alone(random_stream, str(work / "random"), chosen.rows, chosen.sentences, chosen.block, chosen.k)
        rows = inputs.to_pylist()
        alone(model_stream, str(work / "real"), str(folder), rows, chosen.rows, chosen.k, chosen.threads)
        for name, what in (("random", "random scores"), ("real", f"{chosen.model}, real sentences")):
            _compare(peers, work / name, what, chosen)
        if chosen.end_to_end:
            _end_to_end(chosen, str(folder), inputs[: chosen.end_to_end], work, "semanticlens" in peers)
    return 0


def _compare(peers: list[str], folder: Path, what: str, chosen: argparse.Namespace) -> None:
    found = {name: alone(run_peer, name, str(folder), chosen.threads) for name in peers}
    rows, n = np.load(folder / "scores.npy", mmap_mode="r").shape
    base = found["neuronsig"]["seconds"]
    print(f"{what}: {rows:,} rows x {n:,} in {np.load(folder / 'starts.npy').size:,} blocks, K = {min(chosen.k, n):,}, "
          f"{chosen.threads} threads\n")  # fmt: skip
    cells = [
        [
            name,
            side["seconds"],
            rows * n / side["seconds"] / 1e6,
            side["seconds"] / base,
            side["peak_mib"],
            f"{side['scores']:.1%}",
            f"{side['ids']:.1%}",
        ]
        for name, side in found.items()
    ]
    print(
        table(["", "seconds", "million scores/s", "times ours", "peak MiB beside the stream", "scores", "ids"], cells)
    )
    print(flush=True)


def _end_to_end(chosen: argparse.Namespace, model: str, inputs: Any, work: Path, peer: bool) -> None:
    k, n = min(1000, len(inputs)), len(inputs)
    plan = write_tokenized(work / "tokenized", inputs, 131_072)
    found = {}
    if peer:
        found["semanticlens, padded loop, float32"] = alone(
            semanticlens_loop, model, inputs.to_pylist(), k, chosen.threads
        )
    for dtype in ("float32", "bfloat16"):
        job = make_job(
            plan, work / "tokenized", work / dtype, model, k, dtype=dtype, signs=(1,), threads=chosen.threads
        )
        found[f"neuronsig, {dtype}"] = alone(collect, job, str(work / dtype / "topk"))
    base = next(iter(found.values()))["seconds"]
    tokens = pc.sum(pc.list_value_length(inputs)).as_py()
    print(f"End to end: {n:,} sentences, {tokens:,} tokens, all layers, sign +1, K = {k:,}\n")
    cells = [
        [name, side["seconds"], n / side["seconds"], base / side["seconds"], side["peak_mib"]]
        for name, side in found.items()
    ]
    print(table(["", "seconds", "sentences/s", "times faster", "peak MiB"], cells))


def _block(scores: Tensor, ids: Tensor, start: int, stop: int) -> tuple[Tensor, Tensor]:
    return scores[:, start:stop].contiguous(), ids[start:stop]


def _semanticlens() -> Any:
    _without_init("semanticlens")
    _without_init("semanticlens.component_visualization")
    return importlib.import_module("semanticlens.component_visualization.activation_caching")


def _without_init(name: str) -> None:
    """Make a package's modules importable without its __init__, which wants vision models that nothing here uses."""
    if name in sys.modules:
        return
    spec = importlib.machinery.PathFinder.find_spec(name, _search_path(name))
    if spec is None:
        raise ModuleNotFoundError(name)
    sys.modules[name] = importlib.util.module_from_spec(spec)


def _search_path(name: str) -> list[str] | None:
    parent = name.rpartition(".")[0]
    return list(sys.modules[parent].__path__) if parent else None


def _options() -> argparse.Namespace:
    parser = options(__doc__)
    parser.add_argument("--rows", type=int, default=384, help="neurons")
    parser.add_argument("--sentences", type=int, default=100_000, help="columns of the random stream")
    parser.add_argument("--block", type=int, default=680, help="columns of a block of the random stream")
    parser.add_argument("--real", type=int, default=24_000, help="real sentences")
    parser.add_argument("--end-to-end", type=int, default=6000, help="real sentences collected end to end; 0: none")
    parser.add_argument("--k", type=int, default=10_000)
    parser.add_argument("--model", default=MINILM, help="folder, or package:NAME/folder")
    parser.add_argument("--run", default="", help="run directory whose sentences are taken (default: EWT and books)")
    parser.add_argument("--peers", nargs="+", default=list(PEERS), choices=list(PEERS))
    chosen = parser.parse_args()
    if "neuronsig" not in chosen.peers:
        chosen.peers.insert(0, "neuronsig")
    return chosen


if __name__ == "__main__":
    sys.exit(main())
