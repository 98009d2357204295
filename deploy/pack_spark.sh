#!/usr/bin/env bash
# Packs a Python environment with neuronsig's Spark half (no torch, no Ray) into one archive for spark-submit --archives.
#
#   deploy/pack_spark.sh [ARCHIVE] [WHAT] [STORES]      default: neuronsig-spark.tar.gz, this checkout, hdfs,s3
#
# WHAT is what pip installs: a checkout, a wheel, or neuronsig of an index; STORES are extras of it. Nodes need the
# same Python (3.11 or 3.12, at the same path) as this machine; Spark, PySpark and Java are the cluster's own and stay
# out of the archive.
set -euo pipefail
archive=${1:-neuronsig-spark.tar.gz}
here=$(cd "$(dirname "$0")/.." && pwd)
what=${2:-$here}
stores=${3:-hdfs,s3}
python=${PYTHON:-$(command -v python3.11 || command -v python3)}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

if [ -d "$what" ]; then
  # pip builds in the folder that it is given, and what an earlier build left there would be packed too.
  mkdir "$work/source"
  cp -r "$what"/{pyproject.toml,README.md,LICENSE,neuronsig,neuronsig_ray,neuronsig_jobs,spark_jobs} "$work/source"
  what=$work/source
fi
"$python" -m venv "$work/env"
if command -v uv > /dev/null; then # takes a tenth of pip's time
  export UV_SYSTEM_CERTS=1 UV_COMPILE_BYTECODE=${UV_COMPILE_BYTECODE:-1}
  install=(uv pip install --quiet --python "$work/env/bin/python")
else
  install=("$work/env/bin/python" -m pip install --quiet --disable-pip-version-check)
fi
"${install[@]}" -c "$here/constraints.txt" "${what}[on-spark,$stores]" "venv-pack2>=0.2"
"$work/env/bin/venv-pack" --quiet --force --prefix "$work/env" --output "$archive" --compress-level 1 \
  --exclude "*/pip/*" --exclude "*/tests/*" --exclude "*/pyarrow/include/*"
echo "$archive: $(($(stat -c %s "$archive") / 1000000)) MB"
