# report.t: what happens is logged (--log), and event logs become a report in all its forms; its page in a browser.
. "${0%/*}/lib.sh"

# events KIND: how many of them the log has.
events() {
    grep -c "\"event\":\"$1\"" log
}

mkdir vm
cat >vm/config.json <<'END'
{"version":1,"os":"linux","arch":"arm64","cpuCountMin":1,"cpuCount":2,"memorySizeMin":1,"memorySize":1073741824,
"macAddress":"7a:00:00:00:00:01","display":{"width":1024,"height":768},"diskFormat":"raw"}
END
head -c 4096 /dev/urandom >vm/nvram.bin
truncate -s 8M vm/disk.img
head -c 300000 /dev/urandom | dd of=vm/disk.img bs=1M seek=1 conv=notrunc status=none
seq 1 60000 | dd of=vm/disk.img bs=1M seek=3 conv=notrunc status=none

# --- the log -----------------------------------------------------------------------------------------------------------

ok 'convert without a log' run 0 convert --to v1 --v1-layer-size 100000 vm:vm oci:l:v1
ok 'convert: with one' run 0 convert --log log --chunk-size 1MiB --proof p oci:l:v1 oci:l:v2
ok '... that only we may read' sh -c '[ "$(stat -c %a log)" = 600 ]'
ok '... with a begin' test "$(events image-begin)" -eq 1
ok '... each chunk' test "$(events chunk)" -eq 8
ok '... of which most are zeros' test "$(grep -c '"how":"zero"' log)" -eq 6
ok '... the proof' test "$(events proof)" -eq 1
ok '... before the end' sh -c 'sed -n "/\"event\":\"proof\"/,\$p" log | grep -q "\"event\":\"image-end\""'
ok '... which is the one that is written beside it' sh -c 'grep "\"event\":\"proof\"" log | grep -qF "$(cat p)"'
ok '... and an end' grep -q '"event":"image-end","name":"oci:l:v2".*"status":"done".*"error":null' log
ok '... all of one run' sh -c '[ "$(sed "s/.*\"run\":\"\([0-9a-f]*\)\".*/\1/" log | sort -u | wc -l)" -eq 1 ]'
ok 'a dry run logs nothing' sh -c 'cp log before; "$0" convert --dry-run --log log oci:l:v1 oci:l:dry >out 2>err && cmp log before' "$tartconv"
ok 'normalise: the same log' run 0 normalise --log log oci:l:v1 oci:l:v3
ok '... once more' run 0 normalise --log log oci:l:v1 oci:l:v3
ok '... finds it done' grep -q '"name":"oci:l:v3".*"status":"already"' log
ok 'a failure' run 73 convert --log log oci:l:v1 oci:l:v3
ok '... is in it' grep -q '"status":"failed".*"error":{"class":"exists"' log
ok 'repair' run 0 repair --log log oci:l:v1 oci:l:v4
ok '... with its findings' grep -q '"event":"finding","name":"oci:l:v4","id":"disk-v1"' log
ok 'a log that cannot be written' run 74 convert --log none/log oci:l:v1 oci:l:v5
ok '... leaves nothing behind' not "$layout" name l v5 manifest
ok 'no log where something else is' run 73 convert --log /dev/null oci:l:v1 oci:l:v5

# --- the report --------------------------------------------------------------------------------------------------------

# what a hostile registry might call its images, a shard that is missing, and half a line
printf '%s\n' \
    '{"kind":"event","version":1,"time":"2026-01-01T00:00:00.000Z","run":"00000009","event":"run-begin","command":"sync","images":["<script>hacked=1</script>","no shard'"'"'s"]}' \
    '{"kind":"event","version":1,"time":"2026-01-01T00:00:01.000Z","run":"00000009","event":"image-begin","name":"<script>hacked=1</script>","source":"</script><img src=x onerror=hacked=1>","target":"=cmd","tag":null,"action":"convert","disk_size":123456789012}' \
    '{"kind":"event","version":1,"time":"2026-01-01T00:00:02.000Z","run":"00000009","event":"chunk","name":"<script>hacked=1</script>","offset":1000,"length":2000,"encoded_size":1,"how":"damaged"}' \
    '{"kind":"event","version":1,"time":"2026-01-01T00:00:03.000Z","run":"00000009","event":"image-end","name":"<script>hacked=1</script>","source":"</script><img src=x onerror=hacked=1>","target":"=cmd","status":"failed","milliseconds":2000,"bytes_read":5,"error":{"class":"stream-block","text":"</script><script>hacked=1</script>","status":2}}' \
    '{"kind":"event","version":1,"time":"2026-01-01T00' >hostile
ok 'report: as text' run 0 report log hostile
ok '... counts' grep -q '^4 images, 3 made, 2 proved, 1 that no shard took$' out
ok '... says what to do' grep -q '^exists: 1 image, such as oci:l:v3: tartconv convert --replace oci:l:v1 oci:l:v3$' out
ok '... and that half a line was passed over' grep -q '1 lines of the logs' err
ok 'report: as a document' run 0 report --format json log hostile
ok '... that begins as all do' grep -q '^{"kind":"report","version":1,' out
cp out report.json
ok '... in a file, the same whatever the order' sh -c '"$0" report -q -o again.json hostile log && cmp again.json report.json' "$tartconv"
ok '... of the same log twice, too' sh -c '"$0" report -q -o again.json hostile log ./log && cmp again.json report.json' "$tartconv"
if command -v jq >/dev/null; then
    ok '... with the numbers of the log' jq -e --slurpfile log log '
        .totals.bytes_read == ([$log[].bytes_read // 0] | add) + 5
        and .totals.bytes_written == ([$log[].bytes_written // 0] | add)
        and .totals.statuses.failed == 2 and .untaken == ["no shard'"'"'s"]
        and (.images[] | select(.name == "oci:l:v2") | .disk_size == 8388608 and .proof == "complete"
            and .bytes_written + .bytes_reused > 300000 and .chunks.zero == 6291456)' report.json
else
    skip '... with the numbers of the log' 'no jq here'
fi
ok 'report: as a table' run 0 report -q -o report.csv log hostile
ok '... a row an image' test "$(grep -c "$(printf '\r')" report.csv)" -eq 6
ok '... no cell is a formula' not grep -q ',=' report.csv
ok 'report: as Markdown' run 0 report -q -o report.md log hostile
ok '... in code spans' grep -qF '| `<script>hacked=1</script>` | failed |' report.md
ok 'report: as a page' run 0 report -q -o report.html log hostile
ok '... that names no other place' sh -c '! sed "/^<script id=.data/d" report.html | grep "src=\|href=\"[^#]\|@import\|url("'
ok 'report: another ending' run 64 report -o report.txt log
ok 'report: no log' run 64 report
ok 'report: a log that is not there' run 66 report none
ok 'report: a file that is none' sh -c 'echo hello >hello; "$0" report --format json hello >out 2>err; [ $? -eq 78 ]' "$tartconv"
ok '... as an error of its class' grep -q '"class":"log-invalid"' out

# --- the page in a browser ---------------------------------------------------------------------------------------------

python3 "$root/tests/tools/browser.py" check report.html report.json >checks 2>&1
case $? in
77) skip 'the page in a browser' "$(head -n 1 checks)" ;;
*)
    ok 'the page: all was looked at' grep -q 'there is still no complaint' checks
    while IFS= read -r line; do
        case $line in
        'ok '*) ok "the page: ${line#ok }" true ;;
        *) ok "the page: $line" false ;;
        esac
    done <checks
    ;;
esac
finish
