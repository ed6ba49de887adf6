#!/bin/sh
# parallel.sh: workers by GNU parallel, here or on other hosts (parallel.sh 4 --sshloginfile hosts), which share this folder.
# What has failed or died is begun again when it is given again; what is done is not. The plan is made once: by another one
# the shards would be others.
set -eu
shards=$1
shift

[ -e plan.json ] || tartconv sync check --quiet --plan plan.json batch.yaml >check.txt || [ $? -eq 3 ]
mkdir -p logs
parallel --jobs 2 --workdir . --joblog jobs.txt --resume-failed "$@" \
    tartconv sync once --progress none --plan plan.json --shard "{}/$shards" --log 'logs/{}.jsonl' batch.yaml \
    ::: $(seq "$shards")
