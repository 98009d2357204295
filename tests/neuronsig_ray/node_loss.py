"""A process of its own: a Ray cluster of several nodes on this machine that loses one in the middle of a collection.

    python -m tests.neuronsig_ray.node_loss JOB.pickle TOPK

Writes `lost after N commits`, then the shards whose rows came back.
"""

from __future__ import annotations

import pickle
import sys
import threading
import time
from pathlib import Path

import ray
from ray.cluster_utils import Cluster

from neuronsig.collection.job import Job
from neuronsig_ray.collect import collection as collect
from neuronsig_ray.pool import Pool
from tests.neuronsig_ray import faults

COMMITS_BEFORE = 4


def main(job_file: str, folder: str) -> None:
    job: Job = pickle.loads(Path(job_file).read_bytes())
    node = {"num_cpus": 1, "object_store_memory": 80 * 2**20, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args={**node, "num_cpus": 2})
    lost = cluster.add_node(num_cpus=1, object_store_memory=80 * 2**20)
    cluster.add_node(num_cpus=1, object_store_memory=80 * 2**20)
    ray.init(address=cluster.address, log_to_driver=False)
    ray.cloudpickle.register_pickle_by_value(faults)

    def lose() -> None:
        while (done := len(list(Path(job.commits).glob("shard-*.json")))) < COMMITS_BEFORE:
            time.sleep(0.02)
        cluster.remove_node(lost, allow_graceful=False)
        sys.stdout.write(f"lost after {done} commits\n")

    thread = threading.Thread(target=lose)
    thread.start()
    shards: list[int] = []
    pool = Pool(replicas=3, cpus=1, gpus=0)
    collect.score_shards(job, [s.index for s in job.shards], pool, lambda row: shards.append(row["shard"]), faults.Slow)
    thread.join()
    collect.reduce_shards(job, Path(folder), 4)
    sys.stdout.write(f"{sorted(set(shards))}\n")
    ray.shutdown()
    cluster.shutdown()


if __name__ == "__main__":
    main(*sys.argv[1:])
