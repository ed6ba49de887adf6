# sync-run.t: `sync once` while things happen: tags move and vanish, a signal comes, another run is at the same batch, a
# registry throttles, is down, or refuses; and what it says where it cannot begin.
. "${0%/*}/../cli/lib.sh"
. "$root/tests/cli/servers.sh"

needs docker-registry jq nginx setpriv "$python"
. "$root/tests/cli/sync.sh"
for name in one two three; do
    make_noise $name
done
make_noise four 5M

# put_noise NAME TAG: into the source registry
put_noise() {
    "$tartconv" convert -q --to same --replace --no-backup "oci:$1:v1" "$src/vm:$2" >out 2>err
}
# begin NAME ARGUMENT...: in the background, its output in NAME.out and NAME.err; $NAME_pid
begin() {
    begun=$1
    shift
    "$tartconv" sync once --retry-times 1 --retry-delay 10ms "$@" >"$begun.out" 2>"$begun.err" &
    eval "${begun}_run=$!"
}
# ended NAME STATUS
ended() {
    eval "wait \"\$$1_run\""
    ended=$?
    [ "$ended" -eq "$2" ] || {
        echo "status $ended, wanted $2"
        cat "$1.out" "$1.err"
        return 1
    }
}
# until_logged LOG PATTERN COUNT
until_logged() {
    for waited in $(seq 400); do
        [ "$(cat "$1" 2>/dev/null | grep -c "$2")" -lt "$3" ] || return 0
        sleep 0.02
    done
    echo "no $3 times $2"
    return 1
}
forget() {
    rm -rf "$work/target/data/docker" log
}
# whole NAME...: each target is there and sound
whole() {
    for name; do
        run 0 verify --quick "$dst/new:$name" || return 1
    done
}

for name in one two three four; do
    put_noise $name $name || exit 1
done
all="sync: [{source: '$src/vm', target: '$dst/new', type: repository, stage: false, chunk-size: 1MiB}]"

# --- tags that move and vanish while it runs: the largest is first, and slow ---
batch "$all"
begin moving --log log --jobs 1 --limit-rate 4MB batch.yaml
ok 'a run begins' until_logged log image-begin 1
ok '... with the largest' is "$(jq -r 'select(.event == "image-begin") | .name' log)" "$dst/new:four"
put_noise one two
curl -sS -X DELETE "http://$src/v2/vm/manifests/$(tag_digest "$src" vm three)"
ok '... and ends' ended moving 3
ok '... a tag that moved is converted as it is now' same_disk "$dst/new:two" oci:one:v1
ok '... one that went failed' is "$(image "$dst/new:three")" 'failed no-such-tag'
ok '... the others are done' is "$(events '"image-end" and .status == "done"')" 3
ok '... how far it is was told' sh -c '[ "$1" -gt 1 ]' sh "$(events '"progress" and .name == null and .total > 1000000')"
put_noise two two
put_noise three three

# --- a signal ---
forget
begin stopped --format json --log log --jobs 2 --limit-rate 500kB batch.yaml
ok 'another begins' until_logged log image-begin 2
sleep 0.3
before=$(date +%s%N)
kill -TERM $stopped_run
ok '... and is stopped' ended stopped 143
ok '... within ten seconds' test $((($(date +%s%N) - before) / 1000000)) -lt 10000
ok '... nothing new began' is "$(events '"image-begin"')" 2
ok '... the log has its end' is "$(jq -c 'select(.event == "run-end") | [.done, .stopped, ."not-begun"]' log)" '[0,2,2]'
ok '... and so has the result' is "$(jq -c '[.images, .done, .stopped, ."not-begun", .class]' stopped.out)" '[4,0,2,2,null]'
rm -f log
ok '... the same again' once 0 batch.yaml
ok '... ends it' whole one two three four
ok '... and nothing is kept' is "$(find "$XDG_STATE_HOME" -name '*.lock' -o -name '*.state' | wc -l)" 0

# --- two at once ---
forget
begin first --log log.1 --jobs 2 batch.yaml
begin second --log log.2 --jobs 2 batch.yaml
wait $first_run
one=$?
wait $second_run
two=$?
ok 'two at once' sh -c 'case "$1$2" in 00 | 03 | 30) ;; *) exit 1 ;; esac' sh $one $two
ok '... one conversion of each' is "$(cat log.1 log.2 | jq -r 'select(.event == "image-end" and .status == "done") | .name' |
    sort | uniq -c | awk '{ print $1 }' | tr '\n' ' ')" '1 1 1 1 '
ok '... all whole' whole one two three four
ok '... what was busy is no failure of its own' is \
    "$(cat log.1 log.2 | jq -r 'select(.event == "image-end" and .error != null) | .error.class' | sort -u | grep -v locked)" ''
ok '... no lock is left' is "$(find "$XDG_STATE_HOME" -name '*.lock' | wc -l)" 0

# one that is busy for long
forget
begin busy --log log.3 --jobs 1 --limit-rate 1MB --only '.*four' batch.yaml
ok 'a slow one' until_logged log.3 image-begin 1
ok '... is left by another' once 3 --only '.*(four|one)' batch.yaml
ok '... which does the rest' is "$(image "$dst/new:four") $(image "$dst/new:one")" 'left locked done -'
kill -KILL $busy_run
wait $busy_run 2>/dev/null
ok '... its lock outlives it' is "$(find "$XDG_STATE_HOME" -name '*.lock' | wc -l)" 1
ok '... and hinders nobody' once 0 batch.yaml
ok '... nor is it left' is "$(find "$XDG_STATE_HOME" -name '*.lock' | wc -l)" 0

# --- a registry that throttles ---
forget
FRONT_HTTP='limit_req_zone $server_port zone=z:1m rate=15r/s; limit_req_status 429;'
front slow "$src" 'limit_req zone=z;'
batch "sync: [{source: '$slow_host/vm', target: '$dst/new', type: repository, stage: false, chunk-size: 1MiB}]"
ok 'a registry that throttles' once 0 --retry-times 9 --retry-delay 50ms --jobs 4 batch.yaml
ok '... is asked again' grep -q '"event":"retry","name":null,"text":".*429' log
ok '... until all is there' whole one two three four

# --- one that loses a blob while others are sent ---
scripted s
batch "sync: [{source: '$src/vm:one', target: '$s_host/d:1', type: image, stage: false}]"
rm log
faults s 'PUT /v2/d/manifests/ 1 status 400 MANIFEST_BLOB_UNKNOWN'
ok 'a registry that misses a blob for a moment' once 0 batch.yaml
ok '... is tried once more' is "$(jq -r 'select(.event == "retry" or .event == "image-begin" or .event == "image-end") | .event' log |
    tr '\n' ' ')" 'image-begin retry image-begin image-end '
forget_repo s d
faults s 'PUT /v2/d/manifests/ * status 400 MANIFEST_BLOB_UNKNOWN'
ok '... and no oftener' once 3 batch.yaml
ok '... failed' is "$(image "$s_host/d:1")" 'failed blob-missing'

# --- one that is down, among others ---
forget
down=127.0.0.1:$(free_port)
{
    echo 'sync:'
    for number in $(seq 40); do
        echo "- {source: '$down/vm:$number', target: '$dst/down/vm:$number', type: image}"
    done
    echo "- {source: '$src/vm:one', target: '$dst/new:one', type: image, stage: false}"
    echo "- {source: '$down/other', target: '$dst/other', type: repository}"
} >batch.yaml
ok 'a registry that is down' once 3 --format json batch.yaml
ok '... is given up after some failures' sh -c '[ "$1" -ge 5 ] && [ "$1" -le 14 ]' sh "$(jq .failed "$work/out")"
ok '... the rest is not begun' is "$(jq '.failed + ."not-begun"' "$work/out")" 41
ok '... the other registry is served' is "$(image "$dst/new:one")" 'done -'
ok '... and why is told' is "$(jq -r 'select(.event == "image-end" and .status == "not-begun") | .why' log | sort -u)" \
    "$down is paused: 5 failures in a row, unreachable"
ok '... so a check says' run 3 sync check --retry-times 1 --retry-delay 10ms batch.yaml
ok '... too' says "$down is paused: 5 failures in a row"

registry closed htpasswd
{
    echo "creds: [{registry: '$closed_host', user: '\${U}', pass: '\${P}'}]"
    echo 'sync:'
    for name in one two three four; do
        echo "- {source: '$src/vm:$name', target: '$closed_host/vm:$name', type: image}"
    done
    echo "- {source: '$src/vm:two', target: '$dst/new:two', type: image, stage: false}"
} >batch.yaml
export U=user P=wrong-password
rm log
ok 'a registry that refuses' once 77 --format json batch.yaml
ok '... is the worst that happened' is "$(jq -r .class "$work/out")" credentials
ok '... and hinders no other' is "$(image "$dst/new:two")" 'done -'
ok '... its password is in no log' not grep -q "$P" log
export P="$password"
ok '... and with the right one' once 0 batch.yaml
ok '... in neither' not grep -q "$P" log

# --- a target that takes nothing ---
registry locked readonly
{
    echo 'sync:'
    for number in $(seq 12); do
        echo "- {source: '$src/vm:one', target: '$locked_host/vm:$number', type: image}"
    done
    echo "- {source: '$src/vm:three', target: '$dst/new:three', type: image, stage: false}"
} >batch.yaml
rm log
ok 'a registry that takes nothing' once 3 --format json --jobs 1 batch.yaml
ok '... pauses after five' is "$(jq -c '[.failed, ."not-begun", .done]' "$work/out")" '[5,7,1]'

# --- logs ---
batch "$all"
ok 'the default log' run 0 sync once -q batch.yaml
log=$(sed -n 2p "$work/out")
ok '... is in its place' sh -c 'case $1 in "$2"/tartconv/logs/*.jsonl) [ -s "$1" ] ;; *) exit 1 ;; esac' sh "$log" "$XDG_STATE_HOME"
unset XDG_STATE_HOME
ok '... or below HOME' run 0 sync once -q batch.yaml
ok '... as it is told' sh -c 'case $(sed -n 2p "$1") in "$2"/.local/state/tartconv/logs/*) ;; *) exit 1 ;; esac' sh "$work/out" "$HOME"
lines=$(wc -l <"$work/plain/said")
ok 'a log that cannot be written' once 74 --log none/log batch.yaml
ok '... before anything is asked' is "$(wc -l <"$work/plain/said")" "$lines"
ok 'a full one' sh -c '[ ! -e /dev/full ] || { "$1" sync once --log /dev/full batch.yaml; [ $? -eq 73 ]; }' sh "$tartconv"
logs=$(find "$HOME" -name '*.jsonl' | wc -l)
echo 'sync: [{}]' >wrong.yaml
ok 'a wrong batch' run 78 sync once wrong.yaml
ok '... leaves no log' is "$(find "$HOME" -name '*.jsonl' | wc -l)" "$logs"
ok 'a wrong plan' once 78 --plan wrong.yaml batch.yaml
ok 'a state that is no folder' once 64 --state file batch.yaml
ok 'metrics' once 0 --metrics metrics batch.yaml
ok '... count' grep -q '^tartconv_sync_images_total{status="already"} 4$' metrics
finish
