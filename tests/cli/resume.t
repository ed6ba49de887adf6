# resume.t: a conversion between registries that is killed or fails goes on where it was, ends as if nothing had happened,
# and leaves nothing behind. KILLS=200 in the environment for more kills.
. "${0%/*}/lib.sh"
. "$root/tests/cli/servers.sh"

needs "$python" setpriv
make_noise long 8M
long_wanted=$wanted
make_noise
scripted s
put_image s long v1 long
put_image s noise v1 src
mkdir tmp
states=$XDG_STATE_HOME/tartconv

command="convert --chunk-size 1MiB --concurrency 2 --retry-times 1 --retry-delay 10ms --tmpdir tmp --proof proof"
convert() {
    convert_status=$1
    shift
    run "$convert_status" $command "$@" "$s_host/src:v1" "$s_host/d:new"
}
# as_undisturbed [PROOF DIGEST]: the image, the proof, and nothing else.
as_undisturbed() {
    published s d new "${2:-$wanted}" || return 1
    cmp proof "${1:-noise-proof}" || return 1
    [ -z "$(kept_states)" ] || {
        echo "a state is left: $(ls -A "$states")"
        return 1
    }
    [ -z "$(ls -A tmp)" ] || {
        echo "a temporary is left: $(ls -A tmp)"
        return 1
    }
    [ "$(open_sessions s)" -le "${open_allowed:-0}" ] || {
        echo "$(open_sessions s) uploads are open"
        return 1
    }
}
kept_states() {
    ls -A "$states" 2>/dev/null
}
fresh() {
    forget_repo s d
    rm -rf proof "$states"
    faults s "$@"
}
# The third of the source's layers is not to be had.
fails_late="GET /v2/src/blobs/sha256:$layer_2 * status 503"
first="GET /v2/src/blobs/sha256:$layer_0"

fresh
ok 'undisturbed' convert 0
ok '... the image' as_undisturbed

# --- kills ---
# long OPTION...: a conversion of some more bytes
long() {
    "$tartconv" $command "$@" "$s_host/long:v1" "$s_host/d:new" >out 2>err
}
fresh
begun=$(date +%s%N)
long --limit-rate 5MiB
duration=$((($(date +%s%N) - begun) / 1000000))
seed=20240131
roll() {
    seed=$(((seed * 1103515245 + 12345) % 2147483648))
    rolled=$((seed / 65536 % $1))
}
midst=0 spared=0 twice=0
# killed: once, somewhere in a run that is held back; the same command ends it.
killed() {
    fresh
    "$tartconv" $command --limit-rate 5MiB "$s_host/long:v1" "$s_host/d:new" >out 2>err &
    child=$!
    roll $duration
    sleep "$(printf '%d.%03d' $((rolled / 1000)) $((rolled % 1000)))"
    kill -KILL $child 2>/dev/null
    wait $child 2>/dev/null
    [ $? -ne 137 ] || midst=$((midst + 1))
    [ -z "$(tag_of s d new)" ] || published s d new "$long_wanted" || return 1
    fetched=$(requests s 'GET /v2/long/blobs/.* 200')
    long || {
        echo "after $rolled ms: $(cat err)"
        return 1
    }
    [ $(($(requests s 'GET /v2/long/blobs/.* 200') - fetched)) -ge 8 ] || spared=$((spared + 1))
    twice=$((twice + $(requests s 'PUT .*/blobs/uploads/.* 201') - 8))
    as_undisturbed long-proof "$long_wanted" || {
        echo "after $rolled ms"
        return 1
    }
}
kills() {
    for i in $(seq "$1"); do
        killed || return 1
    done
}
# An upload that the registry has opened, and of which the killed run had not been told yet, nobody can know of.
open_allowed=2
ok "killed ${KILLS:-8} times" kills "${KILLS:-8}"
open_allowed=0
ok '... most of them in the midst' test $((midst * 2)) -ge "${KILLS:-8}"
ok '... which spared some of the way' test $spared -gt 0
echo "# $midst of ${KILLS:-8} in the midst of $duration ms; $spared did not fetch all of it again; $twice of 8 chunks each were" \
    'sent twice'

# --- a failure at a place that is known ---
fresh "$fails_late"
ok 'a registry that goes away: 75' convert 75
ok '... the state is kept' test "$(kept_states | grep -c '\.state$')" -eq 1
ok '... for us alone' sh -c '[ "$(stat -c %a "$1"/*.state)" = 600 ]' sh "$states"
ok '... no tag' untagged s d
ok '... no upload is left open' test "$(open_sessions s)" -eq 0
faults s
ok 'the same command goes on' convert 0
ok '... as if nothing had happened' as_undisturbed
ok '... the first layer is not fetched again' asked s 0 "$first"
ok '... the one in which it stopped is' asked s 1 "GET /v2/src/blobs/sha256:$layer_1"
ok '... what is there is not sent again' asked s 1 'PUT /v2/d/blobs/uploads/.* 201'

fresh "$fails_late"
ok '(stopped)' convert 75
faults s
ok '--restart begins anew' convert 0 --restart
ok '... with the first layer' asked s 1 "$first"
ok '... as if nothing had happened' as_undisturbed

fresh "$fails_late"
ok '--no-state keeps none' convert 69 --no-state
ok '... at all' test -z "$(kept_states)"

fresh "$fails_late"
ok '--state FILE' convert 75 --state kept.state
ok '... is there' test -s kept.state
ok '... alone' test -z "$(kept_states)"
faults s
ok '... goes on' convert 0 --state kept.state
ok '... from there' asked s 0 "$first"
ok '... and is removed' not test -e kept.state

fresh 'PUT /v2/d/manifests/new * status 503'
not long
faults s
rm -f "$work/s/repos/d/blobs/"*
ok 'what the registry lost meanwhile is made again' long
ok '... all of it, as if nothing had happened' as_undisturbed long-proof "$long_wanted"

fresh "$fails_late"
ok '(stopped)' convert 75
faults s
"$tartconv" convert -q --to v1 --v1-layer-size 700000 --upload-time none vm:noise-vm oci:noise:other >out
put_image s noise other src v1
ok 'a source that moved is another run' convert 0
ok '... the old state is kept' test "$(kept_states | grep -c '\.state$')" -eq 1
ok '... which is told' says state
put_image s noise v1 src

fresh "$fails_late"
ok '(stopped)' convert 75 --state kept.state
faults s
[ ! -s kept.state ] || printf x | dd of=kept.state bs=1 seek=$(($(stat -c %s kept.state) / 2)) conv=notrunc status=none
ok 'a state that is damaged' convert 0 --state kept.state
ok '... the right image' published s d new "$wanted"

# --- two runs at once ---
fresh "$first 1 sleep 3"
"$tartconv" $command "$s_host/src:v1" "$s_host/d:new" >first.out 2>first.err &
child=$!
for waited in $(seq 60); do
    [ "$(requests s 'GET /v2/src/manifests/')" -eq 0 ] || break
    sleep 0.05
done
sleep 0.3
ok 'another run is under way: 75' convert 75
ok '... its number is named' says "$child"
wait $child
ok '... it ends well' published s d new "$wanted"
ok '... and leaves nothing' test -z "$(kept_states)"

# --- signals ---
fresh
"$tartconv" $command --limit-rate 1MiB "$s_host/src:v1" "$s_host/d:new" >out 2>err &
child=$!
for waited in $(seq 100); do
    [ "$(requests s 'PUT .*/blobs/uploads/.* 201')" -eq 0 ] || break
    sleep 0.05
done
kill -TERM $child
wait $child
ok 'SIGTERM: 143' test $? -eq 143
ok '... no upload is left open' test "$(open_sessions s)" -eq 0
ok '... no tag' untagged s d
ok '... no temporary' test -z "$(ls -A tmp)"
faults s
ok '... and it goes on' convert 0
ok '... as if nothing had happened' as_undisturbed
finish
