# switch.t: tags moved to what a sync staged for them, and back: order of requests, tags that move, kills between any two
# requests, logs merged, logs written by hand. (A scripted registry.)
. "${0%/*}/lib.sh"
. "$root/tests/cli/servers.sh"

needs "$python" setpriv jq timeout
"$root/fixtures/make-images" made || exit 1
cd made || exit 1
scripted s
run 0 convert -q --chunk-size 1MiB oci:images:v1 oci:local:new || exit 1
old=$(digest_of images v1)
new=$(digest_of local new)
odd=$(digest_of images v2-odd)
old8=$(echo "$old" | cut -c 8-15)
odd8=$(echo "$odd" | cut -c 8-15)

# batch ENTRY...: sync.yaml
batch() {
    printf 'sync:\n' >sync.yaml
    printf -- '- %s\n' "$@" >>sync.yaml
}
sync() {
    run 0 sync once -q --retry-delay 10ms --state states/ --log "$1" sync.yaml
}
mkdir states
# fresh [FAULT...]: repository r has the V1 image 15, staged in place; the log of that is log; no fault
fresh() {
    rm -rf "$work/s/repos/r"
    cp -r template "$work/s/repos/r"
    cp staged.log log
    faults s "$@"
}
# switch STATUS ARGUMENT...; rollback
switch() {
    switch_status=$1
    shift
    run "$switch_status" switch --retry-times 1 --retry-delay 10ms "$@" log
}
rollback() {
    switch_status=$1
    shift
    run "$switch_status" rollback --retry-times 1 --retry-delay 10ms "$@" log
}
# is TAG DIGEST; gone TAG: in r
is() {
    published s r "$1" "$2"
}
gone() {
    untagged s r "$1"
}
tags() {
    [ "$(ls "$work/s/repos/r/tags" | wc -l)" -eq "$1" ]
}
# events EVENT NUMBER: lines of the log
events() {
    [ "$(grep -c "\"event\":\"$1\"" log)" -eq "$2" ]
}
# told TAG STATUS: a line of the result
told() {
    grep -qE "^$2 +$s_host/$1[@:]" "$work/out" || {
        echo "not told: $1 $2"
        return 1
    }
}

put_image s images v1 r 15
faults s
batch "{source: '$s_host/r:15', type: image, in-place: true, chunk-size: 1MiB}"
ok 'staged' sync staged.log
new=$(tag_of s r 15-v2)
put_image s images v2-odd r other
cp -r "$work/s/repos/r" template
rm -rf local
copy_of_new() {
    run 0 convert -q --to same "$s_host/r:15-v2" oci:local:new
}
ok '... is there' copy_of_new

sed 's|r:15|r:other|' sync.yaml >other.yaml
ok 'a plan' run 0 sync check --plan plan.json sync.yaml
ok '... of another batch' run 0 sync once --log other.log --plan plan.json other.yaml
ok '... is told as that' says 'made of another batch'
rm -f other.log

# --- there and back ---
fresh
ok 'a dry run' switch 0 --dry-run
ok '... says what it would do' told r:15 would
ok '... and under which tag the old one stays' says "15-before-$old8"
ok '... writes nothing' asked s 0 '(PUT|POST|PATCH|DELETE) '
ok '... nor in the log' cmp log staged.log
ok 'switch' switch 0
ok '... says so' told r:15 done
ok '... the tag is moved' is 15 "$new"
ok '... the old image is kept' is "15-before-$old8" "$old"
ok '... the staged tag stays' is 15-v2 "$new"
ok '... seven requests' asked s 10 . # with the three of the dry run
ok '... the log says it before' events switching 1
ok '... and after' events switched 1
ok '... with what was there before' sh -c 'tail -n 1 log | grep -q "\"before\":\"$1\",\"after\":\"$2\",\"backup_tag\":\"15-before-"' sh "$old" "$new"
ok '... the tag was written last' sh -c 'tail -n 1 "$1" | grep -q "PUT /v2/r/manifests/15 201"' sh "$work/s/log"
cp log switched.log
ok 'a sync behind it' sync log
report() {
    run 0 report -o report.json log && [ "$(jq -r '.images[0].source_digest' report.json)" = "$1" ]
}
ok '... and the report still knows what the image was made of' report "$old"
cp switched.log log
cp log log.json
cp sync.yaml sync.before
ok 'a report is not written over a log' run 64 report -o log.json ./log.json
ok '... which is as it was' cmp log log.json
ok 'nor a plan over its batch' run 64 sync check --plan sync.yaml sync.yaml
ok 'nor a log' run 64 sync once --log ./sync.yaml sync.yaml
ok 'nor the metrics over the log' run 64 sync once --metrics log --log log sync.yaml
ok 'nothing that --only fits' run 0 sync once --only nothing --log other.log sync.yaml
ok '... is said' says 'no image is meant'
rm -f other.log
ok '... both are as they were' sh -c 'cmp log switched.log && cmp sync.yaml sync.before'
faults s
ok 'once more' switch 0
ok '... is done already' told r:15 already
ok '... one request' asked s 1 .
ok '... nothing is logged' cmp log switched.log
ok 'rollback, a dry run' rollback 0 --dry-run
ok '... says what it would do' told r:15 would
ok '... nothing is logged' cmp log switched.log
faults s
ok 'rollback' rollback 0
ok '... the tag is back' is 15 "$old"
ok '... four requests' asked s 4 .
ok '... it was announced' events rolling-back 1
ok '... and is logged' events rolled-back 1
ok '... all other tags stay' tags 4
cp log back.log
ok 'rollback once more' rollback 0
ok '... finds nothing' says 'nothing: the logs know of no such tag'
ok 'switch after that' switch 3
ok '... leaves it' told r:15 left
ok '... and says why' says 'it was rolled back'
ok '... it is where it was' is 15 "$old"
ok '... nothing is logged' cmp log back.log
ok '--again' switch 0 --again
ok '... moves it' is 15 "$new"
ok '... nothing more is kept' tags 4
ok '... and back again' rollback 0
ok '... it is' is 15 "$old"

# --- documents ---
fresh
ok 'as a document' switch 0 --format json
ok '... of its kind' test "$(jq -r '.kind, .version, .dry_run, (.tags | length)' "$work/out" | tr '\n' ' ')" = 'switch 1 false 1 '
ok '... with all of it' test "$(jq -r '.tags[0] | .tag, .image, .status, .before, .after, .backup_tag' "$work/out" | tr '\n' ' ')" = \
    "$s_host/r:15 $s_host/r:15-v2 done $old $new 15-before-$old8 "
switch 0 --format json
ok '... once more: the same, but for its status' test "$(jq -r '.tags[0] | .status, .before, .after' "$work/out" | tr '\n' ' ')" = "already $old $new "
rollback 0 --format json
ok '... rollback: the same' test "$(jq -r '.kind, (.tags[0] | .status, .before, .after)' "$work/out" | tr '\n' ' ')" = "rollback done $old $new "

# --- tags that move ---
fresh 'HEAD /v2/r/manifests/15$ 2 retag r 15 other'
ok 'a tag that moves between look and move' switch 3
ok '... fails' says "the tag 15 was moved by somebody else during this run"
ok '... is left' is 15 "$odd"
faults s
ok '... and next time' switch 3
ok '... too' says 'the tag was moved since the image was converted'
ok '... rollback leaves it' rollback 3
ok '... as it is' is 15 "$odd"
fresh 'HEAD /v2/r/manifests/15$ 2 retag r 15 15-v2'
ok 'a tag that another run moves to the same' switch 0
ok '... nothing more is written' asked s 0 'PUT /v2/r/manifests/15 '
ok '... the log says what was before' sh -c 'tail -n 1 log | grep -q "\"switched\".*\"before\":\"$1\""' sh "$old"
fresh
printf %s "$odd" >"$work/s/repos/r/tags/15"
ok 'a source that moved since' switch 3
ok '... is left' is 15 "$odd"
ok '... nothing is written' asked s 0 'PUT '
ok '... --again, too' switch 3 --again
ok '... as it is' is 15 "$odd"
fresh
printf %s "$odd" >"$work/s/repos/r/tags/15-v2"
ok 'a staged tag that moved' switch 3
ok '... is said' says 'its staged tag no longer leads to what the log knows'
rm "$work/s/repos/r/tags/15-v2"
ok '... or went' switch 3
ok '... the tag is where it was' is 15 "$old"
ok '... alone' asked s 0 'PUT '
fresh
switch 0
printf %s "$old" >"$work/s/repos/r/tags/15"
ok 'a tag moved back by hand' switch 3
ok '... is left' is 15 "$old"
ok '... and told' says 'was moved since it was switched'
ok '... rollback notes it' rollback 0
ok '... as done' events rolled-back 1
ok '... so that it is left' switch 3
ok '... for that' says 'it was rolled back'
fresh
switch 0
printf %s "$odd" >"$work/s/repos/r/tags/15"
ok 'a tag that moved on after the switch' switch 3
ok '... is left' is 15 "$odd"
ok '... and not rolled back' rollback 3
ok '... either' is 15 "$odd"
fresh 'HEAD /v2/r/manifests/15$ 4 retag r 15 other'
switch 0
ok 'rollback of a tag that moves meanwhile' rollback 3
ok '... is left' is 15 "$odd"

# --- what is kept ---
fresh
printf %s "$odd" >"$work/s/repos/r/tags/15-before-$old8"
ok 'a backup tag that is taken: a dry run' switch 3 --dry-run
ok '... says so' says 'choose another with --backup-tag'
ok '... and so does the switch' switch 3
ok '... which moves nothing' is 15 "$old"
ok '... not that one' is "15-before-$old8" "$odd"
ok '... the log says nothing' cmp log staged.log
ok '... --backup-tag' switch 0 --backup-tag 'keep-{tag}-{digest8}'
ok '... is its name' is "keep-15-$old8" "$old"
ok '... as the log knows' sh -c 'tail -n 1 log | grep -q "\"backup_tag\":\"keep-15-"'
fresh
ok 'the tag itself as a backup' switch 3 --backup-tag '{tag}'
ok '... is refused' says 'gives the tag 15 itself'
ok '... nothing moves' is 15 "$old"
fresh 'PUT /v2/r/manifests/15-before * status 500'
ok 'an old image that cannot be kept' switch 3
ok '... stays where it is' is 15 "$old"
fresh 'PUT /v2/r/manifests/15$ * status 400 TAG_INVALID tag is immutable'
ok 'a tag that cannot be moved' switch 3
ok '... tells it' says 'does not let the tag 15 be moved'
ok '... it is as it was' is 15 "$old"
faults s
ok '... and next time' switch 0
ok '... it is moved' is 15 "$new"
fresh
chmod 400 log
[ ! -w log ] || chattr +i log 2>/dev/null || skip_log=yes
if [ -z "${skip_log-}" ]; then
    ok 'a log that cannot be written' switch 74
    ok '... moves nothing' is 15 "$old"
    ok '... and keeps nothing' gone "15-before-$old8"
    chattr -i log 2>/dev/null
else
    skip 'a log that cannot be written' 'the root user writes all'
fi
chmod 600 log
fresh '* /v2/ * status 401'
ok 'credentials that are refused' switch 77

# --- kills: the server keeps the program waiting for the answer to its Nth request, and there it is killed ---
# seen NUMBER: so many requests are answered, or it takes too long
seen() {
    for waited in $(seq 100); do
        [ "$(requests s .)" -lt "$1" ] || return 0
        sleep 0.02
    done
    return 1
}
# killed N COMMAND [done]: while it waits for the answer; done: to something that is done
killed() {
    if [ $# -eq 3 ]; then
        faults s "PUT . $1 header Content-Length: 9" "PUT . $1 stall 0"
    else
        faults s "* . $1 sleep 1"
    fi
    "$tartconv" "$2" log >out 2>err &
    killed_pid=$!
    if [ $# -eq 3 ]; then
        for waited in $(seq 200); do
            ! asked s "$1" 'PUT ' >/dev/null || break
            sleep 0.02
        done
    else
        seen $(($1 - 1))
    fi
    kill -KILL "$killed_pid" 2>/dev/null
    wait "$killed_pid" 2>/dev/null
    [ $? -eq 137 ]
}
for request in 3 4 6 'PUT 1' 'PUT 2'; do # (before the third nothing is written, nor noted)
    fresh
    case $request in
    PUT*) ok "killed at $request, which is done" killed "${request#PUT }" switch done ;;
    *) ok "killed at request $request" killed "$request" switch ;;
    esac
    faults s
    cp log killed.log
    cp -r "$work/s/repos/r" "$work/kept"
    ok '... rollback takes back what was done' rollback 0
    ok '... all of it' is 15 "$old"
    rm -rf "$work/s/repos/r"
    mv "$work/kept" "$work/s/repos/r"
    cp killed.log log
    [ "$request" != 'PUT 2' ] || ok '... (the tag was moved)' is 15 "$new"
    ok '... again' switch 0
    ok '... ends right' is 15 "$new"
    ok '... the old one is kept' is "15-before-$old8" "$old"
    ok '... once' tags 4
    ok '... and noted' events switched 1
    ok '... so that rollback knows' rollback 0
    ok '... where to' is 15 "$old"
done
# the answer to the last one is lost: the tag is moved, and nobody noted it
fresh 'PUT /v2/r/manifests/15$ * lose'
ok 'an answer that is lost' run 3 switch --retry-times 0 log
ok '... the tag is moved' is 15 "$new"
ok '... which is not noted' events switched 0
cp log lost.log
faults s
ok '... rollback knows all the same' rollback 0
ok '... where to' is 15 "$old"
fresh
printf %s "$new" >"$work/s/repos/r/tags/15"
cp lost.log log
ok '... and again' switch 0
ok '... notes it' events switched 1
ok '... with what was before' sh -c 'tail -n 1 log | grep -q "\"before\":\"$1\""' sh "$old"
for request in 2 3; do
    fresh
    switch 0
    ok "rollback killed at request $request" killed "$request" rollback
    faults s
    ok '... again' rollback 0
    ok '... ends right' is 15 "$old"
    ok '... and is noted' events rolled-back 1
done
fresh
switch 0
ok 'rollback killed when all is done' killed 1 rollback done
ok '... the tag is back' is 15 "$old"
ok '... which is not noted' events rolled-back 0
faults s
ok '... a switch leaves it' switch 3
ok '... and says why' says 'a rollback of it was begun'
ok '... again' rollback 0
ok '... notes it' events rolled-back 1

# --- several logs, several images ---
fresh
put_image s images v1 r 16
put_image s local new r 16-v2
sed 's/r:15/r:16/g; s/"tag":"15"/"tag":"16"/g' staged.log >log2
sed 's/r:15-v2/r:15-v3/g' staged.log | sed 's/"time":"20../"time":"2099/' >log3
put_image s local new r 15-v3
logs() {
    logs_status=$1
    shift
    run "$logs_status" "$@" log log2
}
ok '--only' logs 0 switch --only "$s_host/r:16"
ok '... that one alone' is 16 "$new"
ok '... not the other' is 15 "$old"
ok '... which its own log knows' sh -c 'grep -q "\"switched\"" log2 && ! grep -q "\"switched\"" log'
ok '... by the staged name' logs 0 switch --only '.*:15-v2'
ok '... that one, too' is 15 "$new"
ok 'all, once more' logs 0 switch
ok '... are there' says '0 moved, 2 already'
ok 'rollback of all' logs 0 rollback
ok '... one' is 15 "$old"
ok '... and two' is 16 "$old"
ok '... the other way round' run 3 switch log2 log
ok '... knows it, too' says '2 left'
ok 'two images for one tag' run 0 switch --again log3 log
ok '... the one that was made last is meant' says "r:15-v2 is passed over"
ok '... once' says '1 moved, 0 already'
ok '... and again' run 0 switch log3 log
ok '... nothing moves' says '0 moved, 1 already'

# --- to another repository ---
fresh
rm -rf "$work/s/repos/t"
put_image s local new t 15-v2
sed "s,\"target\":\"$s_host/r:,\"target\":\"$s_host/t:,g; s,\"name\":\"$s_host/r:,\"name\":\"$s_host/t:,g" staged.log >log
cp log other.log
ok 'a tag that was not there' switch 0
ok '... is' published s t 15 "$new"
ok '... nothing is kept' test "$(ls "$work/s/repos/t/tags" | wc -l)" -eq 2
ok '... and the source is as it was' is 15 "$old"
ok '... rollback' rollback 3
ok '... cannot' says 'remove it by the registry'
rm "$work/s/repos/t/tags/15"
ok '... need not, where it is gone' rollback 0
cp other.log log
put_image s images v2-odd t 15
ok 'a tag that is another image' switch 0
ok '... is kept' published s t "15-before-$odd8" "$odd"
ok '... and comes back' rollback 0
ok '... as it was' published s t 15 "$odd"
cp other.log log
switch 0
put_image s images v2 t 15
ok 'a tag that moved on since' switch 3
ok '... is left' published s t 15 "$(digest_of images v2)"
ok '... unless --again' switch 0 --again
ok '... which keeps it' published s t "15-before-$(digest_of images v2 | cut -c 8-15)" "$(digest_of images v2)"
cp other.log log
put_image s images v2-odd t 15
switch 0
rm "$work/s/repos/t/manifests/${odd#sha256:}"
ok 'rollback to what is not there any more' rollback 3
ok '... says so' says 'what it led to before is not there any more'
ok '... and leaves the tag' published s t 15 "$new"

# --- logs that others wrote ---
fresh
put_image s images v1 r "x-before-$old8"
sed "s/\"tag\":\"15\"/\"tag\":\"x-before-$old8\"/g; s,\"source\":\"$s_host/r:15,\"source\":\"$s_host/q:1," staged.log >log
ok 'a backup as a tag to be moved' switch 3
ok '... is left' is "x-before-$old8" "$old"
for tag in '../../r/blobs/uploads' "$old" '' '-x' 'a b' '15?x=1' '15/../16'; do
    jq -c --arg tag "$tag" 'if .tag then .tag = $tag else . end' staged.log >log
    faults s
    ok "no tag: $tag" switch 3
    ok '... asks nobody' asked s 0 .
done
jq -c 'del(.source, .target)' staged.log >log
ok 'a log without places' switch 3
jq -c --arg t "oci:local:15-v2" 'if .target then .target = $t else . end' staged.log >log
ok 'a place that is no registry' switch 3
printf '%s\n' '{"kind":"event","version":1,"time":"2026-01-01T00:00:00.000Z","run":"00000009","event":"switched","name":"x","tag":"y","after":"'"$new"'"}' >log
ok 'nothing but a switch' rollback 0
ok '... is nothing' says nothing
ok 'no log' run 66 switch none.log
echo hello >log
ok 'no event' run 78 switch log
ok 'no log at all' run 64 switch
ok '--creds' run 64 switch --creds a:b log

# --- credentials: what the files have of a host, and nothing else, whatever hosts a log names ---
end_server s
scripted k --basic "$user:$password"
scripted x
printf '{"auths":{"%s":{"auth":"%s"}}}' "$k_host" "$(printf %s "$user:$password" | base64 -w 0)" >auth.json
for place in k x; do
    put_image $place images v1 r 15
    put_image $place local new r 15-v2
    eval "place_host=\$${place}_host"
    sed "s/$s_host/$place_host/g" staged.log
done >log
faults k
faults x
env_switch() {
    TART_REGISTRY_USERNAME=me TART_REGISTRY_PASSWORD=secret run 0 switch --authfile auth.json --retry-times 1 log
}
ok 'two hosts' env_switch
ok '... one with the password of its own' asked k 1 'PUT /v2/r/manifests/15 201 auth=Basic/user'
ok '... the other one with none' asked x 0 'auth=[^-]'
ok '... though it was asked' asked x 7 'auth=-'
end_server k
end_server x

# --- many ---
scripted m
cp -r "$work/s/blobs" "$work/m"
cp -r template "$work/m/repos/r"
faults m
for number in $(seq 50); do
    printf %s "$old" >"$work/m/repos/r/tags/$number"
    printf %s "$new" >"$work/m/repos/r/tags/$number-v2"
    grep -v '"run-' staged.log | sed "s,[^\"]*/r:15,$m_host/r:$number,g; s/\"tag\":\"15\"/\"tag\":\"$number\"/g"
done >log
ok 'fifty' timeout 10 "$tartconv" switch -q log
ok '... seven requests each' asked m 350 .
ok '... all are there' test "$(grep -l "$new" "$work"/m/repos/r/tags/*[0-9] | grep -vc -e -v2 -e -before-)" -ge 50
finish
