# output.t: what the commands print, where, and with which status, on a small image of either format.
. "${0%/*}/lib.sh"

# json NAME FILTER: the document in out is one line, and jq's filter holds for it.
json() {
    if command -v jq >/dev/null; then
        ok "$1" sh -c '[ "$(wc -l <out)" -eq 1 ] && jq -e "$1" out' sh "$2"
    else
        count=$((count + 1))
        echo "ok $count - $1 # skip no jq here"
    fi
}

# result LINE: the last line on standard output matches it whole; only LINE: no other is there.
result() {
    tail -n 1 out | grep -qxE -e "$1"
}
only() {
    [ "$(wc -l <out)" -eq 1 ] && result "$1"
}

mkdir vm
cat >vm/config.json <<'END'
{"version":1,"os":"linux","arch":"arm64","cpuCountMin":1,"cpuCount":2,"memorySizeMin":1,"memorySize":1073741824,
"macAddress":"7a:00:00:00:00:01","display":{"width":1024,"height":768},"diskFormat":"raw"}
END
head -c 4096 /dev/urandom >vm/nvram.bin
truncate -s 5M vm/disk.img
head -c 300000 /dev/urandom | dd of=vm/disk.img bs=1M seek=1 conv=notrunc status=none
seq 1 60000 | dd of=vm/disk.img bs=1M seek=3 conv=notrunc status=none
hex='[0-9a-f]{64}'

ok 'convert: a V1 image' run 0 convert --to v1 --v1-layer-size 100000 --upload-time 2024-01-31T12:00:00Z vm:vm oci:l:v1
ok '... one line on standard output' only "oci:l:v1@sha256:$hex"
ok '... and silence elsewhere' test ! -s err
ok 'convert: a V2 image' run 0 convert --chunk-size 2MiB --disk-digest --proof p --digestfile d oci:l:v1 oci:l:v2
ok '... its digest in a file' sh -c '[ "$(cat out)" = "oci:l:v2@$(cat d)" ]'
ok 'convert: again' run 0 convert --format json --chunk-size 2MiB --disk-digest --proof q oci:l:v1 oci:l:v2
json '... as a document' '.kind == "conversion" and .version == 1 and .method == "converted" and .decoded
    and .disk_size == 5242880 and .layers_made == 3 and .layers_kept == 0 and .blocks_encoded > 0
    and (.destination | .reference == "oci:l:v2" and (.digest | startswith("sha256:")))
    and (.disk_digest | startswith("sha256:")) and .dropped_layers == [] and .left_out == null
    and .tags == [] and .backup_tag == null'
ok '... that begins as all do' grep -q '^{"kind":"conversion","version":1,' out
ok '... with the same proof' cmp p q
ok 'convert: a copy says that it is one' run 0 convert oci:l:v2 oci:m:copy
ok '... on standard error' grep -q 'copied, not decoded' err
ok '... but not with -q' run 0 convert -q oci:l:v2 oci:m:copy2
ok '... at all' test ! -s err
ok 'convert: a disk' run 0 convert --vm-config c --vm-nvram n oci:l:v2 raw:disk
ok '... its reference alone' only raw:disk
ok '... with its companions' sh -c 'cmp disk vm/disk.img && cmp c vm/config.json && cmp n vm/nvram.bin'
ok 'convert: a disk without them' run 0 convert oci:l:v2 raw:alone
ok '... says what was left out' grep -q 'left out.*config.v1, NVRAM' err
ok 'convert: an existing tag' run 73 convert oci:l:v1 oci:l:v2
ok 'convert: in place' sh -c 'cp -R l k && "$1" convert --format json --in-place --chunk-size 2MiB oci:k:v1 >out 2>err' sh "$tartconv"
json '... tells the backup' '.backup_tag | test("^v1-before-[0-9a-f]{8}$")'
ok '... in a line, too' grep -q 'led to before is tagged v1-before-' err
ok 'convert: a dry run' run 0 convert --dry-run --proof r --digestfile e oci:l:v1 oci:l:dry
ok '... says what would be done' only 'oci:l:dry would be converted: 5242880 bytes of disk, .*'
ok '... and writes nothing' sh -c '[ ! -e r ] && [ ! -e e ] && ! grep -q dry l/index.json'
ok 'convert: a detail' run 0 convert -v --replace oci:l:v1 oci:l:details
ok '... tells the memory' grep -qE '^tartconv: [0-9]+ threads, at most [0-9]+ MiB' err

ok 'inspect: a V1 image' run 0 inspect oci:l:v1
ok '... its end' result "oci:l:v1@sha256:$hex"
ok '... its lines' sh -c '
    for line in "format: disk.v1" "disk: 5242880 bytes (5.0 MiB)" "uploaded: 2024-01-31T12:00:00Z" "system: linux" \
        "display: 1024x768" "pulled by Tart 0.2 to 2.31: Tart 2.32 and later refuse disk.v1"; do
        grep -qxF "$line" out || { echo "no \"$line\""; exit 1; }
    done'
ok 'inspect: a V2 image' run 0 inspect --format json oci:l:v2
json '... as a document' '.kind == "inspection" and .version == 1 and .store == "oci" and .seal == "valid"
    and .upload_time == "2024-01-31T12:00:00Z" and (.source_digest | startswith("sha256:"))
    and .vm.cpu_count == 2 and .vm.memory_size == 1073741824 and .vm.display.width == 1024
    and .pulled_by == {"first": "2.0", "last": null, "reason": null} and .annotations == {}
    and (.disk | .format == "disk.v2" and .size == 5242880 and .offsets == "all" and .chunk_least == 1048576
        and .chunk_most == 2097152 and (.layers | length == 3 and .[1].disk_offset == 2097152))'
ok 'inspect: the exact manifest' run 0 inspect --raw oci:l:v2
ok '... whose digest it is' sh -c '[ "sha256:$(sha256sum <out | cut -d " " -f 1)" = "$(cat d)" ]'
ok 'inspect: a VM directory' run 0 inspect --format json vm:vm
json '... as a document' '.store == "vm" and .digest == null and .disk.format == "raw" and .disk.layers == null
    and .disk.data_size < 5242880'
ok 'inspect: no manifest' run 64 inspect --raw vm:vm

ok 'verify: a V1 image' run 3 verify oci:l:v1
ok '... with its findings' sh -c 'grep -q "^obstacle: disk-v1: " out && grep -q "^    fix: " out'
ok '... and its end' result "oci:l:v1@sha256:$hex needs converting"
ok 'verify: a V2 image' run 0 verify oci:l:v2
ok '... and its end' result "oci:l:v2@sha256:$hex sound"
ok 'verify: against the proof' run 0 verify --against-proof p oci:l:v1
ok '... fits' grep -qx 'fits the proof' out
printf x | dd of=alone bs=1 seek=2500000 conv=notrunc status=none
ok 'verify: another disk' run 1 verify --against-proof p --format json raw:alone
json '... as a document' '.kind == "verification" and .version == 1 and .sound and .verdict == "sound"
    and (.proof | .fits == false and .disk_offset == 2097152 and (.misfit | type == "string"))
    and .disk.size == 5242880 and .findings_left_out == 0'
cp -R l broken
layer=broken/blobs/sha256/$("$tartconv" inspect -v oci:l:v2 2>err | sed -n 's/^layer 1: sha256:\([0-9a-f]*\),.*/\1/p')
printf 'broken' | dd of="$layer" bs=1 seek=200000 conv=notrunc status=none
ok 'verify: damage' run 2 verify --format json oci:broken:v2
json '... as a document' '.sound == false and .verdict == "damaged" and .pulled_by.first == null and
    ([.findings[] | select(.severity == "damage")] | length > 0 and all(
        (.id | test("^[a-z-]+$")) and (.layer | type == "number") and has("offset") and has("disk_offset")
        and (.text | type == "string") and has("fix")))'
ok 'convert: damage' run 2 convert --format json --chunk-size 1MiB oci:broken:v2 oci:o:x
json '... as a document' '.kind == "error" and .version == 1 and .status == 2 and (.class | test("^[a-z-]+$"))
    and (.layer | type == "number") and has("disk_offset")'
ok '... and as a line' grep -q '^tartconv: ' err

ok 'compare: the same' run 0 compare --all oci:l:v1 oci:l:v2
ok '... and its end' result "oci:l:v1@sha256:$hex oci:l:v2@sha256:$hex same"
ok 'compare: different' run 1 compare oci:l:v2 raw:alone
ok '... and where' grep -qx 'disks: different from byte 2500000 on, 0x00 and 0x78' out
ok 'compare: as a document' run 1 compare --format json oci:l:v2 raw:alone
json '... as a document' '.kind == "comparison" and .version == 1 and .same == false and .same_disk == false
    and .first_difference == 2500000 and .byte_a == 0 and .byte_b == 120 and .a.disk_size == 5242880
    and .b.digest == null'
ok 'compare: makes a proof' run 0 compare --proof s oci:l:v1 oci:l:v2
ok '... that fits' run 0 verify --against-proof s oci:l:v2
ok 'compare: makes none of what differs' run 1 compare --proof t oci:l:v2 raw:alone
ok '... at all' test ! -e t

ok 'an error as a document' run 66 inspect --format json oci:l:absent
json '... beside its line' '. == {"kind": "error", "version": 1, "class": "no-such-tag", "status": 66, "text": .text,
    "layer": null, "offset": null, "disk_offset": null}'
ok '... whatever comes before the option' run 64 inspect --frob --format=json
json '... as a document' '.class == "usage" and .status == 64'

ok 'a full disk' sh -c '"$1" inspect oci:l:v1 >/dev/full 2>err; [ $? -eq 74 ]' sh "$tartconv"
ok '... is told' grep -q 'No space left' err
ok 'a closed standard output' sh -c '"$1" inspect oci:l:v1 >&- 2>err; [ $? -eq 74 ]' sh "$tartconv"
ok '... takes no result into a file' sh -c '"$1" convert oci:l:v2 raw:closed >&- 2>err; [ $? -eq 74 ] && cmp closed disk' \
    sh "$tartconv"
ok 'a reader that went away' sh -c '{ "$1" inspect oci:l:v1; echo $? >status; } 2>err | true
    [ "$(cat status)" -eq 74 ] || [ "$(cat status)" -eq 0 ]' sh "$tartconv"

# stopped SIGNAL STATUS: a run under way ends with that status. A shell's background job ignores SIGINT; perl undoes that.
stopped() {
    perl -e '$SIG{INT} = "DEFAULT"; exec @ARGV' "$tartconv" verify -v --disk-digest --format json raw:large >out 2>err &
    for _ in $(seq 100); do
        grep -q 'threads, at most' err && break
        sleep 0.1
    done
    kill -s "$1" $!
    wait $!
    got=$?
    [ $got -eq "$2" ] || {
        echo "status $got, wanted $2"
        return 1
    }
}
truncate -s 256G large
for signal in INT:130 TERM:143; do
    ok "stopped by SIG${signal%:*}" stopped "${signal%:*}" "${signal#*:}"
    json '... as a document' ".class == \"interrupted\" and .status == ${signal#*:}"
done
finish
