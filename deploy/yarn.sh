#!/usr/bin/env bash
# Gives one of neuronsig's Spark jobs to YARN and waits for it (EMR and Dataproc too, see deploy/hadoop.md).
#
#   deploy/pack_spark.sh && hdfs dfs -put neuronsig-spark.tar.gz /apps/
#   export NEURONSIG_ARCHIVE=hdfs:///apps/neuronsig-spark.tar.gz
#   deploy/yarn.sh annotate corpus=text corpus.path=/shared/texts run=hdfs://namenode:8020/runs/a
#
# The driver runs on the cluster, or here with NEURONSIG_DEPLOY_MODE=client (then `neuronsig` must be installed for
# python3, or for PYSPARK_DRIVER_PYTHON). NEURONSIG_SPARK_SUBMIT holds further options: "--queue q --num-executors 50".
set -euo pipefail
[ $# -ge 1 ] || { sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2; exit 2; }
: "${NEURONSIG_ARCHIVE:?must name the archive of deploy/pack_spark.sh, as hdfs:///apps/neuronsig-spark.tar.gz}"
here=$(cd "$(dirname "$0")" && pwd)
mode=${NEURONSIG_DEPLOY_MODE:-cluster}
options=(--master yarn --deploy-mode "$mode" --name "neuronsig $1" --archives "$NEURONSIG_ARCHIVE#env"
  --conf spark.pyspark.python=./env/bin/python)
[ "$mode" = cluster ] || options+=(--conf "spark.pyspark.driver.python=${PYSPARK_DRIVER_PYTHON:-$(command -v python3)}")
case $1 in
  annotate | append | train_annotators)
    # Without the native deep-learning parts, which no annotator here needs.
    options+=(--packages com.johnsnowlabs.nlp:spark-nlp_2.12:5.5.3 --exclude-packages
      com.johnsnowlabs.nlp:tensorflow-cpu_2.12,com.johnsnowlabs.nlp:jsl-llamacpp-cpu_2.12,com.johnsnowlabs.nlp:jsl-openvino-cpu_2.12,com.microsoft.onnxruntime:onnxruntime)
    ;;
esac
# A variable of the caller's would stand above the settings that name the archive's Python.
unset PYSPARK_PYTHON PYSPARK_DRIVER_PYTHON
read -ra further <<< "${NEURONSIG_SPARK_SUBMIT:-}"
exec spark-submit "${options[@]}" "${further[@]}" "$here/neuronsig_submit.py" "$1" spark=submitted "${@:2}"
