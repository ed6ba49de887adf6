# scripts.t: what docs/migration.md, docs/scripts.md and docs/fleet/README.md tell people to type, typed as it stands there
# against a registry on loopback: names of hosts alone are others, and what wants a Mac is left out.
. "${0%/*}/../cli/lib.sh"
. "$root/tests/cli/servers.sh"

needs docker-registry jq setpriv
registry plain delete
mkdir bin
ln -s "$tartconv" bin/tartconv
# nobody waits here
printf '#!/bin/sh\necho "$1" >>"%s"\n' "$work/slept" >bin/sleep
chmod +x bin/sleep
PATH=$PWD/bin:$PATH
for tag in 13 14 15; do
    make_noise $tag
done
edit 13 v1 torn blob layers/1 "$("$layout" name 13 v1 layers/2)" || exit 1

# block HEADING N: the Nth indented block under a heading of the page, for our registry.
block() {
    awk -v heading="$1" -v wanted="$2" '
        /^#/ { under = $0; sub(/^#+ /, "", under); inside = 0; number = 0; next }
        under != heading { next }
        /^    / { if (!inside) number++; inside = 1; if (number == wanted) print substr($0, 5); next }
        /^$/ { if (inside && number == wanted) print ""; next }
        { inside = 0 }' "$page" | sed "s|registry\.example|$plain_host|g"
}
# types STATUS HEADING N: the block, as a shell script, which ends so; $work/out is what it prints.
types() {
    block "$2" "$3" >typed
    [ -s typed ] || return 1
    /bin/sh -e typed >out 2>err
    got=$?
    [ "$got" -eq "$1" ] || {
        echo "status $got, wanted $1"
        return 1
    }
}
# blocks FOR HEADING...: as many are there
blocks() {
    wanted_blocks=$1
    shift
    for heading in "$@"; do
        [ -n "$(block "$heading" "$wanted_blocks")" ] && [ -z "$(block "$heading" $((wanted_blocks + 1)))" ] || {
            echo "$heading has not $wanted_blocks blocks"
            return 1
        }
    done
}
# fill TAG...: V1 images alone are in the registry.
fill() {
    rm -rf "$work/plain/data/docker" logs plan.json
    for tag in "$@"; do
        run 0 convert -q --to same "oci:$tag:v1" "$plain_host/vm/macos:$tag" || return 1
    done
}
macos=$plain_host/vm/macos
# leads TAG LAYOUT-TAG...: whether the tag leads to the V1 or V2 image.
leads() {
    run 0 inspect --format json "$macos:$1" && says "\"format\":\"disk.$2\""
}

# --- migration ---
page=$root/docs/migration.md
ok 'V1 images' fill 13 14 15
ok 'scan' types 0 'See what is there' 1
ok '... three to convert' test "$(jq .needs.convert scan.json)" -eq 3
block 'Say what is meant' 1 >batch.yaml
ok 'check' types 0 'Say what is meant' 2
ok '... has a plan' test "$(jq .totals.do plan.json)" -eq 3
ok 'stage' types 0 Stage 1
ok '... a second time' types 0 Stage 1
ok '... clients notice nothing' leads 15 v1
ok '... it is there' leads 15-v2 v2
ok 'report' types 0 'Look at what it came to' 1
ok '... a page' grep -q '<html' report.html
# what `shasum` says on a Mac
ok "the proof's digest" types 0 'Look at what it came to' 3
ok "... is the disk's" grep -q "^$(sha256 15-vm/disk.img)$" out
ok 'switch, one' types 0 'Switch, in waves' 1
ok '... moved' leads 13 v2
ok '... kept' sh -c "'$tartconv' scan --format json $macos | jq -e '[.images[] | select(.backup)] | length == 1'"
ok '... others not' leads 14 v1
ok 'switch, all' types 0 'Switch, in waves' 2
ok '... moved' leads 15 v2
ok 'rollback' types 0 'Back again' 1
ok '... moved back' leads 13 v1
ok 'switch, one that was rolled back' run 3 switch logs/1.jsonl
ok '... again' types 0 'Back again' 2
ok '... moved' leads 13 v2
ok 'retire, too early' types 3 Retire 1
ok '... says so' says 'younger than --older-than'
sed -i 's/30d/0d/' typed
ok '... later' sh typed
ok '... the list changes nothing' leads 15 v2
ok '... with --yes' run 0 retire --older-than 0d --yes logs/1.jsonl
ok '... no V1 image is left' sh -c "'$tartconv' scan --format json $macos | jq -e '.needs.convert == 0 and .backups == 0'"
ok '... clients have theirs' run 0 verify "$macos:15"
ok '... nothing to go back to' run 3 rollback logs/1.jsonl
ok 'no other block' blocks 1 'See what is there' Stage Retire
ok '... nor these' blocks 2 'Say what is meant' 'Switch, in waves' 'Back again'
ok '... nor that' blocks 3 'Look at what it came to'

# what the guide says can go wrong
ok '(V1 images)' fill 13 14 15
ok '(a plan)' types 0 'Say what is meant' 2
run 0 convert -q --to same --replace --no-backup oci:14:v1 "$macos:15"
ok 'a source that moved since the plan' types 3 Stage 1
ok '... says so' says 'make the plan anew'
run 0 convert -q --to same oci:13:v1 "$macos:other"
run 0 convert -q --to same --replace --no-backup oci:15:v1 "$macos:14"
ok 'a tag that moved since' run 3 switch --format json logs/1.jsonl
ok '... is left' test "$(jq -r '.tags[] | select(.status == "left").tag' out)" = "$macos:14"
ok '... as it is' leads 14 v1
ok '... others are moved' leads 13 v2
ok 'a V1 image that another tag leads to' run 3 retire --format json --older-than 0d --yes logs/1.jsonl
ok '... is left' sh -c "jq -e '[.manifests[] | select(.status == \"deleted\")] == []' out"
ok '... says why' says 'the tag other leads to it, too'
ok '... and there' run 3 verify --quick "$macos:other"
run 0 convert -q --to same --replace --no-backup oci:15:v1 "$macos:13"
ok 'a switched tag that moved: not back' run 3 rollback logs/1.jsonl
ok '... says so' says 'the tag was moved since it was switched'

# --- scripts ---
page=$root/docs/scripts.md
ok '(V1 images)' fill 13 14 15
ok 'what it did' types 0 'Exit statuses' 1
ok '... its digest' says "made sha256:"
ok '(damage)' fill 14
run 0 convert -q --to same oci:13:torn "$macos:13"
ok '... damaged' types 2 'Exit statuses' 1
ok '... says so' says 'damaged: '
ok '(V1 images)' fill 13 14 15
ok 'only where it is needed' types 0 'Only where it is needed' 1
ok '... it was' leads 14-new v2
ok '... its digest' grep -qE '^sha256:[0-9a-f]{64}$' digest.txt
rm digest.txt
run 0 convert -q --to same --replace oci:14:v2 "$macos:14"
ok '... it is not' types 0 'Only where it is needed' 1
ok '... nothing was done' test ! -e digest.txt
ok 'until it is done' types 0 'Again until it is done' 1
ok '... at once' test "$(cat slept)" = 0
end_server plain
rm slept
sed -i "s/convert -q/convert -q --retry-times 0/" typed
sh -e typed >out 2>err
status=$?
ok '... a registry that is away: in the end it says so' test $status -eq 69
ok '... after the waits' test "$(tr '\n' ' ' <slept)" = '0 60 300 900 '
registry plain delete
macos=$plain_host/vm/macos
ok '(V1 images)' fill 13 14 15
page=$root/docs/migration.md
block 'Say what is meant' 1 >batch.yaml
page=$root/docs/scripts.md
ok 'what a registry has' types 0 'What a registry has' 1
ok '... names' test "$(grep -c "^$macos:1[345]$" v1.txt)" -eq 3
run 0 convert -q --to same --replace --no-backup oci:13:torn "$macos:13"
ok 'a batch' types 0 'A batch, and what failed in it' 1
ok '... what failed' grep -q "^$macos:13-v2	[a-z-]*	tartconv repair" failed.txt
ok '... one of three' test "$(grep -c . failed.txt)" -eq 1
ok '... the log' types 0 'A batch, and what failed in it' 2
ok '... has all' test "$(grep -c "$macos:1[345]-v2" out)" -eq 3
ok 'switch' types 0 'Switching from a script' 1
ok '... two tags' test "$(grep -c . tags.txt)" -eq 2
ok '... moved' leads 15 v2
ok '... the other not' leads 13 v1
ok 'the same disk' types 0 'Is it still the same disk' 1
ok 'no other block' blocks 1 'Exit statuses' 'Only where it is needed' 'Again until it is done' 'What a registry has' \
    'Switching from a script' 'Is it still the same disk'
ok '... nor that' blocks 2 'A batch, and what failed in it'

# --- the fleet's page ---
page=$root/docs/fleet/README.md
ok '(V1 images)' fill 13 14 15
mkdir logs
ok 'shards' types 0 'Many workers' 1
for shard in 2 3 4; do
    sed -n "/^tartconv sync once/{ s|1/4|$shard/4|; s|logs/1|logs/$shard|; p; }" typed >others
    ok '... another' sh -e others
done
ok '... all is done' sh -c "'$tartconv' report --format json logs/*.jsonl | jq -e '.totals.made == 3 and .totals.untaken == 0'"
ok 'no other block' blocks 1 'Many workers'
finish
