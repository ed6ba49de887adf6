# sync-kill.t: a whole `sync once` is killed at any instant and started again: the targets are those of an undisturbed
# run, and what was finished is not begun again. KILLS=50 in the environment for more kills.
. "${0%/*}/../cli/lib.sh"
. "$root/tests/cli/servers.sh"

needs docker-registry jq setpriv
registry plain
registry target
src=$plain_host dst=$target_host
"$root/fixtures/make-images" made || exit 1
make_noise big 5M
make_noise other
for tag in v1 v1-one v2 plain v2-odd; do
    run 0 convert -q --to same "oci:made/images:$tag" "$src/vm/small:$tag" || exit 1
done
for name in big other; do
    run 0 convert -q --to same "oci:$name:v1" "$src/vm/noise:$name" || exit 1
done
cat >batch.yaml <<FILE
defaults: {jobs: 3, chunk-size: 1MiB}
sync:
- {source: '$src/vm/small', target: '$dst/new/small', type: repository}
- {source: '$src/vm/noise', target: '$dst/new/noise', type: repository}
- {source: '$src/vm/small', target: '$dst/plain', type: repository, plain: true, stage: false, tags: {allow: ['v1.*']}}
FILE
# once [OPTION...]: to the end, and the same log again and again
once() {
    run 0 sync once -q --history log --log log "$@" batch.yaml
}
# targets: each tag with its digest
targets() {
    (cd "$work/target/data/docker/registry/v2/repositories" 2>/dev/null && find . -path '*/_manifests/tags/*/current/link' |
        sort | xargs -r grep -H .)
}
fresh() {
    rm -rf "$work/target/data/docker" "$XDG_STATE_HOME"
    : >log
}
fresh
begun=$(date +%s%N)
ok 'undisturbed' once --limit-rate 10MB
duration=$((($(date +%s%N) - begun) / 1000000))
targets >wanted
ok '... all is there' test "$(wc -l <wanted)" -eq 9
ok '... and then done' once
ok '... without work' test "$(jq -c 'select(.event == "image-begin")' log | wc -l)" -eq 9

seed=20240131
roll() {
    seed=$(((seed * 1103515245 + 12345) % 2147483648))
    rolled=$((seed / 65536 % $1))
}
# names FILE: of tags in the form of the log
names() {
    sed -n "s|^\./\(.*\)/_manifests/tags/\([^/]*\)/current/link:.*|$dst/\1:\2|p" "$1" | sort
}
midst=0 finished=0
# killed: somewhere in a run that is held back; the same command ends it.
killed() {
    fresh
    "$tartconv" sync once -q --history log --log log --limit-rate 10MB batch.yaml >out 2>err &
    child=$!
    roll $duration
    sleep "$(printf '%d.%03d' $((rolled / 1000)) $((rolled % 1000)))"
    kill -KILL $child 2>/dev/null
    wait $child 2>/dev/null
    [ $? -ne 137 ] || midst=$((midst + 1))
    targets >there
    finished=$((finished + $(wc -l <there)))
    grep -v -x -F -f wanted there >wrong && {
        echo 'after the kill there is what should not be:'
        cat wrong
        return 1
    }
    lines=$(wc -l <log)
    once || return 1
    targets >now
    cmp wanted now || return 1
    tail -n "+$((lines + 1))" log | jq -rR 'fromjson? | select(.event == "image-begin") | .name' | sort >begun
    names there | comm -12 - begun >twice
    [ ! -s twice ] || {
        echo 'made again:'
        cat twice
        return 1
    }
    [ -z "$(find "$XDG_STATE_HOME" -name '*.lock')" ] || {
        echo "a lock is left"
        return 1
    }
    once && [ "$(jq -rR 'fromjson? | select(.event == "image-end" and .status == "done") | .name' log | sort | uniq -d)" = "" ]
}
for number in $(seq "${KILLS:-8}"); do
    ok "kill $number" killed
done
ok 'they came in the midst' test "$midst" -ge $((${KILLS:-8} / 2))
ok '... some behind the end of an image' test "$finished" -gt 0
ok 'report reads such a log' run 0 report --format json log
ok '... all are made' test "$(jq '.totals.made' "$work/out")" -eq 9
echo "# $midst kills in the midst, $finished images were finished by then; $(find "$XDG_STATE_HOME" -name '*.state' | wc -l) states are left"
finish
