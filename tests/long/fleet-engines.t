# fleet-engines.t: the files of docs/fleet as they stand there, but for names of hosts: a real Slurm and a real GNU parallel
# run shards of a plan, one worker is killed on the way, and a second start does the rest; what CI systems and Kubernetes
# are told to run is run; an image from scratch has all that the program needs.
. "${0%/*}/../cli/lib.sh"
. "$root/tests/cli/servers.sh"

needs docker-registry jq setpriv
registry plain delete
ready=$root/docs/fleet
mkdir bin "$HOME/.config" "$HOME/.config/tartconv"
ln -s "$tartconv" bin/tartconv
PATH=$PWD/bin:$PATH
for name in one three four; do
    make_noise $name
done
make_noise two 8M # the one that is killed

# set_up FOLDER: V1 images alone are in the registry, and a worker's folder has the batch.
set_up() {
    rm -rf "$work/plain/data/docker" "$1"
    mkdir "$1"
    sed "s/registry\.example/$plain_host/" "$ready/batch.yaml" >"$1/batch.yaml"
    for name in one two three four; do
        run 0 convert -q --to same "oci:$name:v1" "$plain_host/vm/$name:13" || return 1
    done
}
# slowly: from now on a worker takes seconds; quickly: and no longer.
slowly() {
    echo 'defaults: {limit-rate: 2MB}' >"$HOME/.config/tartconv/settings.yaml"
}
quickly() {
    rm -f "$HOME/.config/tartconv/settings.yaml"
}
# until_true SECONDS COMMAND...
until_true() {
    tries=$(($1 * 10))
    shift
    while ! "$@" >/dev/null 2>&1; do
        tries=$((tries - 1))
        [ $tries -gt 0 ] || return 1
        sleep 0.1
    done
}
# is_done: each image is staged, whole, and has its proof in a log.
is_done() {
    for name in one two three four; do
        run 0 verify "$plain_host/vm/$name:13-v2" || return 1
    done
    run 0 report --format json "$1"/logs/*.jsonl && [ "$(jq '.totals.statuses.done + .totals.statuses.already' out)" -eq 4 ] &&
        [ "$(jq .totals.proved out)" -eq 4 ]
}
# not_all_done FOLDER
not_all_done() {
    run 0 report --format json "$1"/logs/*.jsonl
    [ "$(jq .totals.made out)" -lt 4 ]
}

# shard_of_two FOLDER: whose image `two` is, once it is in work: $shard.
shard_of_two() {
    until_true 10 two_is_begun "$1" || return 1
    shard=$(two_is_begun "$1")
    shard=${shard##*/} shard=${shard%.jsonl}
}
two_is_begun() {
    grep -ls '"event":"image-begin".*/vm/two:13-v2"' "$1"/logs/*.jsonl
}

# --- Slurm ---
# begin_slurm: its three servers for one node, on loopback.
begin_slurm() {
    server=$work/slurm
    mkdir -p "$server/state" "$server/spool"
    chmod 700 "$server"
    head -c 1024 /dev/urandom >"$server/munge.key"
    chmod 400 "$server/munge.key"
    cat >"$server/slurm.conf" <<FILE
ClusterName=test
SlurmctldHost=$(hostname -s)(127.0.0.1)
SlurmctldPort=$(free_port)
SlurmdPort=$(free_port)
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
AuthInfo=socket=$server/munge.socket
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SlurmUser=$(id -un)
SlurmdUser=$(id -un)
StateSaveLocation=$server/state
SlurmdSpoolDir=$server/spool
SlurmctldPidFile=$server/slurmctld.pid
SlurmdPidFile=$server/slurmd.pid
SlurmdParameters=config_overrides
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
MpiDefault=none
NodeName=node NodeAddr=127.0.0.1 CPUs=8 RealMemory=32000 State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES
FILE
    export SLURM_CONF="$server/slurm.conf"
    start munged --foreground --force --key-file="$server/munge.key" --socket="$server/munge.socket" \
        --pid-file="$server/munge.pid" --seed-file="$server/munge.seed"
    munged_pid=$server_pid
    until_true 5 test -S "$server/munge.socket"
    start slurmctld -D -i
    slurmctld_pid=$server_pid
    start slurmd -D -N node
    slurmd_pid=$server_pid
    until_true 10 sh -c 'timeout 3 sinfo -h -o %T | grep idle'
}
# submit LINE...: sbatch; $job.
submit() {
    job=$(cd cluster && SHARDS=4 timeout 10 sbatch --parsable --array="$1" "$ready/slurm.sbatch") || return 1
}
# states: of the array's tasks, a word a line.
states() {
    timeout 5 scontrol show job -o "$job" | sed 's/.*JobState=\([A-Z_]*\).*ExitCode=\([0-9:]*\).*/\1 \2/'
}
ended() {
    ! states | grep -E 'PENDING|RUNNING|COMPLETING|CONFIGURING'
}
kill_worker() {
    shard_of_two cluster && timeout 5 scancel --signal=KILL --batch "${job}_$shard"
}
if PATH=$PATH:/usr/sbin command -v slurmctld >/dev/null && PATH=$PATH:/usr/sbin command -v munged >/dev/null &&
    [ "$(id -u)" -eq 0 ]; then
    PATH=$PATH:/usr/sbin
    set_up cluster
    mkdir cluster/logs
    slowly
    ok 'Slurm is there' begin_slurm
    ok 'a plan' sh -c 'cd cluster && tartconv sync check --plan plan.json batch.yaml'
    ok 'an array begins' submit 1-4
    ok '... a worker is killed' kill_worker
    ok '... the others end' until_true 20 ended
    states >ended
    ok '... the killed one has failed' grep -q FAILED ended
    ok '... some is left to do' not_all_done cluster
    quickly
    ok 'submitted again' submit 1-4
    ok '... ends' until_true 20 ended
    states >ended
    ok '... well' not grep -v 'COMPLETED 0:0' ended
    ok '... all is done' is_done cluster
    ok 'one alone, which finds nothing to do' submit 3
    ok '... ends' until_true 20 ended
    states >ended
    ok '... well' not grep -v 'COMPLETED 0:0' ended
    end_pid "$slurmd_pid"
    end_pid "$slurmctld_pid"
    end_pid "$munged_pid"
else
    skip 'Slurm' 'no slurmctld and munged here, or not root'
fi

# --- GNU parallel ---
# kill_one: the worker that has the image `two`, and no other process of this machine.
kill_one() {
    shard_of_two hosts || return 1
    for process in /proc/[0-9]*; do
        [ "$(readlink "$process/cwd")" = "$work/hosts" ] || continue
        case $(tr '\0' ' ' <"$process/cmdline") in
        *"tartconv sync once "*" --shard $shard/4 "*) kill -KILL "${process#/proc/}" && killed=yes ;;
        esac
    done 2>/dev/null
    [ "$killed" = yes ]
}
run_parallel() {
    (cd hosts && exec "$ready/parallel.sh" 4) >parallel.out 2>&1
}
killed=no
if parallel --version 2>/dev/null | grep -q '^GNU parallel'; then
    set_up hosts
    slowly
    run_parallel &
    parallel_pid=$!
    ok 'GNU parallel: a worker is killed' kill_one
    quickly
    wait "$parallel_pid"
    status=$?
    ok '... which it tells' test "$status" -eq 1
    ok '... some is left to do' not_all_done hosts
    ok '... again' run_parallel
    ok '... all is done' is_done hosts
    ok '... it began again' test "$(cut -f 1 hosts/jobs.txt | grep -c "^$shard$")" -eq 2
    ok '... alone' test "$(grep -c . hosts/jobs.txt)" -eq 6 # a row of names, four, and it again
else
    skip 'GNU parallel' 'it is not here'
fi

# --- what CI systems and Kubernetes run ---
# leaf FILE PATH: the value there; nothing and a failure where there is none.
leaf() {
    $python -IS - "$1" "$2" <<'FILE'
import sys
sys.path += ["/usr/lib/python3/dist-packages"]
import yaml
value = yaml.safe_load(open(sys.argv[1]))
for key in sys.argv[2].split("/"):
    value = value[int(key) if isinstance(value, list) else key]
print(value)
FILE
}
# shell FOLDER: the script of standard input, in it, for our hosts.
shell() {
    sed "s/registry\.example/$plain_host/g" >script
    (cd "$1" && sh -e "$work/script")
}
github() {
    for shard in 1 2 3 4; do
        leaf "$ready/github.yml" jobs/migrate/steps/2/run |
            sed "s|\${{ matrix.shard }}|$shard|g; s|\${{ strategy.job-total }}|4|g" | shell ci || return 1
    done
    mv ci/[1-4].jsonl ci/logs
}
gitlab() {
    for CI_NODE_INDEX in 1 2 3 4; do
        export CI_NODE_INDEX CI_NODE_TOTAL=4
        leaf "$ready/gitlab.yml" migrate/script/1 | shell ci || return 1
    done
    mv ci/[1-4].jsonl ci/logs
}
job=spec/template/spec/containers/0
# in_pod PROGRAM...: each index of the job, by what runs its command.
in_pod() {
    export SHARDS
    SHARDS=$(leaf "$ready/kubernetes.yaml" $job/env/0/value)
    [ "$SHARDS" = "$(leaf "$ready/kubernetes.yaml" spec/completions)" ] || return 1
    leaf "$ready/kubernetes.yaml" $job/args/0 >args
    for JOB_COMPLETION_INDEX in 0 1 2 3; do
        export JOB_COMPLETION_INDEX
        "$@" /bin/sh -c "$(cat args)" || return 1
    done
}
here() {
    sed -i "s|/batch/|$work/pods/|g; s|/scratch/|$work/pods/logs/|g" args
    "$1" "$2" "$(cat args)"
}
plan() {
    set_up "$1" && mkdir "$1/logs" && (cd "$1" && tartconv sync check --plan plan.json batch.yaml)
}
if $python -c 'import yaml' 2>/dev/null; then
    for file in "$ready"/*.y*ml; do
        ok "${file##*/} is YAML" leaf "$file" "$(sed -n 's/^\([a-zA-Z]*\):.*/\1/p' "$file" | head -n 1)"
    done
    ok '(a plan)' plan ci
    ok 'GitHub' github
    ok '... all is done' is_done ci
    ok '(a plan)' plan ci
    ok 'GitLab' gitlab
    ok '... all is done' is_done ci
    ok '(a plan)' plan pods
    ok 'Kubernetes: the command' in_pod here
    ok '... all is done' is_done pods
else
    skip 'CI and Kubernetes' 'python has no yaml here'
fi

# --- an image from scratch ---
ok 'the files of an image' "$ready/image-files" image "$tartconv"
if [ "$(id -u)" -eq 0 ]; then
    ok '... the program runs alone' chroot image /usr/bin/tartconv --version
    ok '... reads registries' chroot image /usr/bin/tartconv verify --quick "$plain_host/vm/one:13-v2"
    ok '... the shell computes' sh -c "[ \$(chroot image /bin/sh -c 'echo \$((3 + 1))') -eq 4 ]"
    ok '... there are CAs' grep -q 'BEGIN CERTIFICATE' image/etc/ssl/certs/ca-certificates.crt
else
    skip 'a program alone' 'not root'
fi
in_podman() {
    podman --root "$work/podman" --runroot "$work/podman-run" --storage-driver vfs "$@"
}
built_and_run() {
    in_podman build -q -t localhost/tartconv-test -f "$ready/Containerfile" image >image.id &&
        in_podman run --rm --network=host --ulimit nofile=1024:1024 --ulimit nproc=1024:1024 localhost/tartconv-test \
            verify --quick "$plain_host/vm/one:13-v2"
}
if command -v podman >/dev/null && in_podman info >podman.info 2>&1; then
    ok '... as an image' built_and_run
    in_podman system reset -f >podman.info 2>&1
else
    skip '... as an image' 'no podman that works here'
fi
finish
