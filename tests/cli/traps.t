# traps.t: what a converter of Tart's formats can fall into, one after another.
. "${0%/*}/lib.sh"

"$root/fixtures/make-images" made || exit 1
cd made || exit 1
size=org.cirruslabs.tart.uncompressed-size
content=org.cirruslabs.tart.uncompressed-content-digest
disk_size=org.cirruslabs.tart.uncompressed-disk-size
type=application/vnd.cirruslabs.tart
run 0 convert oci:images:v1 oci:images:from-v1

# --- trap 1: blocks lean on the ones before ---
blob images v1-one layers/1 >stream
cut=$("$layout" walk stream | awk '{ if (decoded == 1048576) { print $1; exit } decoded += $3 }')
(head -c "$cut" stream && printf 'bv4$') >head
tail -c "+$((cut + 1))" stream >tail
tail -c +1048577 disk.raw >content
edit images plain split layers 0,1,2,7 blob layers/1 head blob layers/2 tail \
    set layers/2/annotations/$size '"5242880"' set layers/2/annotations/$content "\"$(sha256 content)\""
split() {
    run 2 verify --format json oci:images:split && found stream-block && says '"layer":2' && not says '"layer":1'
}
ok 'trap 1: a V1 stream cut between two blocks is no V2 layer' split
ok 'trap 1: nor is it taken for one' run 2 convert --decode oci:images:split raw:x
ok 'trap 1: what was made of it is whole' same_disk raw:disk.raw oci:images:from-v1

# --- trap 2: the window reaches across stored blocks and across V1 layers, not across V2 layers ---
mkdir far
cp vm/config.json vm/nvram.bin far
blob images v2 layers/2 | tail -c 90000 >noise # what is encoded looks like noise
head -c 65536 noise >far/disk.img
tail -c +35537 far/disk.img >tail
cat tail >>far/disk.img
run 0 convert --to v1 --v1-layer-size 65600 vm:far oci:far-v1:t
for layer in 1 2; do blob far-v1 t layers/$layer; done >stream
far() {
    "$layout" walk stream | awk 'NR == 1 && $2 == "bv4-" && $3 == 65536 { stored = 1 }
                                 NR == 2 && $2 == "bv41" && $3 == 30000 && $4 < 1000 { match_ = 1 }
                                 END { exit !(stored && match_) }'
}
ok 'trap 2: a match reaches into a stored block' far
ok 'trap 2: across two V1 layers' test "$(layer_count far-v1 t)" -eq 4
ok 'trap 2: and is read' same_disk vm:far oci:far-v1:t
ok 'trap 2: and is carried over' sh -c '"$1" convert oci:far-v1:t oci:far-v2:t >/dev/null && "$1" compare vm:far oci:far-v2:t' \
    sh "$tartconv"
ok 'trap 2: equal chunks are equal layers: each begins anew' same_value images v2 images v2 layers/3/digest
ok 'trap 2: ...' value images v2 layers/5/digest "$("$layout" get images v2 layers/3/digest)"

# --- trap 3: cuts fall anywhere, and a last layer may be empty ---
mkdir hello
cp vm/config.json vm/nvram.bin hello
printf 'Hello, World!\n' >hello/disk.img
run 0 convert --to v1 --v1-layer-size 1 vm:hello oci:hello-v1:t
ok 'trap 3: each byte of a stream is a layer' test "$(layer_count hello-v1 t)" -eq 28
ok 'trap 3: verified' run 3 verify oci:hello-v1:t
ok 'trap 3: converted' run 0 convert oci:hello-v1:t raw:hello.raw
ok 'trap 3: the disk' cmp hello.raw hello/disk.img
: >empty
edit images v1-one empty-last append $type.disk.v1 empty layers 0,1,3,2
ok 'trap 3: an empty last layer is no damage' run 3 verify oci:images:empty-last
ok 'trap 3: nor in the way' same_disk oci:images:empty-last oci:images:v2

# --- trap 4: what Tart does not check ---
trap_4() {
    run 2 verify --format json oci:images:x && found "$2"
}
blob images v1-one layers/1 >stream
(cat stream && printf x) >long
edit images v1-one x blob layers/1 long
ok 'trap 4: nothing follows the end mark' trap_4 x stream-trailing
(cat stream stream) >long
edit images v1-one x blob layers/1 long
ok 'trap 4: the end mark comes once' trap_4 x stream-trailing
head -c -4 stream >short
edit images v1-one x blob layers/1 short
ok 'trap 4: the end mark comes' trap_4 x stream-truncated
edit images v1-one x set annotations/$disk_size '"6291968"'
ok 'trap 4: the length is what the manifest says' trap_4 x disk-size
(head -c 100000 stream && printf '\377\377\377\377' && tail -c +100005 stream) >changed
edit images v1-one x blob layers/1 changed set layers/1/digest "$("$layout" get images v1-one layers/1/digest)"
cp -al images broken
rm "$("$layout" name broken x layers/1)"
cp changed "$("$layout" name images x layers/1 | sed s/^images/broken/)"
digests() {
    run 2 verify --format json oci:broken:x && found blob-digest
}
ok 'trap 4: each blob has its digest' digests

# --- trap 5: a proof is of the bytes ---
run 0 convert --chunk-size 1MiB --proof proof oci:images:v1 oci:images:proved
for image in images:v1 images:proved images:v2-odd; do
    ok "trap 5: the proof fits $image" run 0 verify --against-proof proof oci:$image
done
printf x | dd of=disk.raw bs=1 seek=3000000 conv=notrunc status=none
ok 'trap 5: but no other disk' run 1 verify --against-proof proof raw:disk.raw
cp vm/disk.img disk.raw

# --- trap 6: layers of many MiB, and ones that end inside a sector ---
truncate -s 513M zeros
run 0 convert --to v1 --disk-digest --format json --vm-config vm/config.json --vm-nvram vm/nvram.bin raw:zeros oci:zeros-v1:t
whole=$(sed 's/.*"disk_digest":"\([^"]*\)".*/\1/' "$work/out")
blob zeros-v1 t layers/1 >stream
edit images plain long layers 0,1,2,7 blob layers/2 stream set layers/2/annotations/$size '"537919488"' \
    set layers/2/annotations/$content "\"$whole\"" set annotations/$disk_size '"538968064"' \
    set layers/1/annotations/com.example.note '"kept"'
# in less memory than the layer has; sanitizers want more than there is
little() (
    [ -n "${SAN-}" ] || ulimit -v 500000
    run 0 "$@"
)
ok 'trap 6: a layer of 513 MiB is read in less memory' little convert --threads 2 --format json oci:images:long oci:cut:t
ok 'trap 6: and cut anew, where the others keep their blobs' says '"layers_made":2,"layers_kept":1'
ok 'trap 6: the first' same_value images long cut t layers/1/digest
ok 'trap 6: with notes that others put on it' value cut t layers/1/annotations/com.example.note '"kept"'
ok 'trap 6: at 512 MiB' value cut t layers/2/annotations/$size '"536870912"'
ok 'trap 6: with offsets' value cut t layers/3/annotations/dev.tartconv.disk-offset '"537919488"'
odd() {
    run 0 verify --format json oci:images:v2-odd && found layer-unaligned
}
ok 'trap 6: layers that end inside a sector are sound' odd
ok 'trap 6: and hold the same disk' same_disk oci:images:v2-odd raw:disk.raw

# --- traps 7 and 8: config first, NVRAM last, as they were ---
run 0 convert --to v1 oci:images:v2 oci:images:back
for tag in from-v1 back; do
    last=$(($(layer_count images $tag) - 1))
    ok "trap 7: $tag: config.v1 is first" value images $tag layers/0/mediaType "\"$type.config.v1\""
    ok "trap 7: $tag: NVRAM is last" value images $tag layers/$last/mediaType "\"$type.nvram.v1\""
    blob images $tag layers/0 >config
    blob images $tag layers/$last >nvram
    ok "trap 7: $tag: both are byte for byte what they were" sh -c 'cmp config vm/config.json && cmp nvram vm/nvram.bin'
    ok "trap 8: $tag: config.v1 has empty annotations" value images $tag layers/0/annotations '{}'
    ok "trap 8: $tag: NVRAM has empty annotations" value images $tag layers/$last/annotations '{}'
    ok "trap 8: $tag: every slash is escaped" sh -c '! sed "s/\\\\\\///g" "$1" | grep -q /' sh \
        "$("$layout" name images $tag manifest)"
    ok "trap 9: $tag: the disk's size is noted" value images $tag annotations/$disk_size '"6291456"'
    ok "trap 10: $tag: the time is the source's" value images $tag annotations/org.cirruslabs.tart.upload-time \
        '"2024-01-31T12:00:00Z"'
    ok "trap 11: $tag: the image config is the source's" same_value images v1 images $tag config
done
ok 'trap 9: a sum that is not the size is refused' sh -c '"$1" edit images v2 x set annotations/$2 "\"6291455\"" &&
    ! "$3" convert oci:images:x raw:x' sh "$layout" $disk_size "$tartconv"
edit images v1 x remove annotations/org.cirruslabs.tart.upload-time
ok 'trap 10: a time that is absent stays so' run 0 convert oci:images:x oci:images:timeless
ok 'trap 10: ...' absent images timeless annotations/org.cirruslabs.tart.upload-time
edit images v1 old bytes config '{"architecture":"arm64","os":"linux"}'
ok 'trap 11: an old image config gets the label' run 0 convert oci:images:old oci:images:labelled
ok 'trap 11: in the form of Tart 2.28' value images labelled config/digest \
    '"sha256:7ebb76025a1831b9abea3486d58c4c976928110195586a6c7575ef3b557062be"'

# --- trap 12: equal layers are one blob ---
run 0 convert --chunk-size 1MiB oci:images:v1 oci:fresh:t
ok 'trap 12: two chunks of zeros are one blob' test "$(find fresh/blobs -type f | wc -l)" -eq 9
ok 'trap 12: which stands in the manifest twice' test "$(layer_count fresh t)" -eq 8
ok 'trap 12: and is no finding' run 0 verify oci:fresh:t

# --- traps 14 and 15: other directions ---
for layer in 1 2 3 4 5 6; do blob images v2 layers/$layer; done >stream
edit images v1-one joined blob layers/1 stream
joined() {
    run 2 convert --format json oci:images:joined raw:x && found stream-trailing
}
ok 'trap 14: V2 layers joined are no V1 stream' joined
blob images back layers/1 >stream
ok 'trap 14: V2 to V1 makes one stream' sh -c '[ "$("$1" walk stream | grep -c "bv4\\$")" -eq 1 ]' sh "$layout"
ok 'trap 14: which is the one that was made from the disk' same_value images v1-one images back layers/1
ok 'trap 15: V2 is cut anew' run 0 convert --chunk-size 1MiB oci:images:v2-odd oci:images:even
for layer in 1 2 3 4 5 6; do
    ok "trap 15: layer $layer is the one that was made from the disk" same_value images v2 images even layers/$layer
done

# --- traps 16 to 18: mixed, and out of order ---
edit images v2 x append $type.disk.v1 stream layers 0,1,2,3,4,5,6,8,7
ok 'trap 16: both formats in one manifest' sh -c '"$1" verify --format json oci:images:x >"$2/out"; [ $? -eq 2 ]' sh "$tartconv" "$work"
ok 'trap 16: is damage by its name' found disk-mixed
ok 'trap 16: and refused' run 2 convert oci:images:x raw:x
last=$(($(layer_count images v1) - 1))
order=$(seq $((last - 1)) -1 1 | tr '\n' ,)
edit images v1 x layers "0,$order$last"
ok 'trap 17: V1 backwards' run 2 verify --format json oci:images:x
ok 'trap 17: does not even begin' found stream-magic
for at in 1 3 $((last - 2)); do
    order=$(seq 0 "$last" | awk -v at="$at" '{ print $1 == at ? at + 1 : $1 == at + 1 ? at : $1 }' | paste -sd ,)
    edit images v1 x layers "$order"
    ok "trap 17: layers $at and $((at + 1)) exchanged" run 2 convert oci:images:x raw:x
done
edit images plain x layers 0,2,1,3,4,5,6,7
ok 'trap 18: V2 out of order, the first moved' run 2 verify --format json oci:images:x
ok 'trap 18: is seen in the partition table' found gpt-primary
edit images plain x layers 0,1,2,3,4,6,5,7
ok 'trap 18: V2 out of order, the last moved' run 2 verify --format json oci:images:x
ok 'trap 18: is seen in its backup' found gpt-backup
edit images v2 x layers 0,1,2,4,3,5,6,7
ok 'trap 18: with offsets any' run 2 verify --format json oci:images:x
ok 'trap 18: is seen' found disk-order

# --- trap 19: ASIF is opaque ---
mkdir asif
cp vm/nvram.bin asif
sed 's/"raw"/"asif"/' vm/config.json >asif/config.json
(printf 'shdw\0\0\0\1\0\0\2\0' && tail -c +13 vm/disk.img) >asif/disk.img
ok 'trap 19: an ASIF disk to V1' run 0 convert --to v1 vm:asif oci:images:asif-v1
ok 'trap 19: and on to V2' run 0 convert --chunk-size 1MiB oci:images:asif-v1 oci:images:asif
ok 'trap 19: is sound' run 0 verify --format json oci:images:asif
ok 'trap 19: and not looked into' not says gpt-
ok 'trap 19: has the label' sh -c '"$1" inspect oci:images:asif | grep -q "disk.format=asif"' sh "$tartconv"
ok 'trap 19: and its bytes' same_disk vm:asif oci:images:asif

# --- trap 20: what we write ---
for image in images:v1-one:1 images:v2:1 images:v2:2 images:v2:3; do
    folder=${image%%:*} layer=${image##*:}
    tag=${image#*:}
    blob "$folder" "${tag%:*}" "layers/$layer" >stream
    "$layout" walk stream >blocks
    ok "trap 20: $image: blocks of at most 64 KiB, one end mark, at the end" awk '
        $3 > 65536 || ($2 == "bv4-" && $4 != $3 + 8) { bad = 1 } $2 == "bv4$" { ends++ } { last = $2 }
        END { exit bad || ends != 1 || last != "bv4$" }' blocks
done
blob far-v2 t layers/1 >stream
ok 'trap 20: what does not shrink is stored' sh -c '"$1" walk stream | grep -q bv4-' sh "$layout"

# --- traps 22 and 23: what newest Tart asks for, and what it permits ---
edit images v1 x remove mediaType
ok 'trap 22: a V1 manifest without a media type' run 0 convert oci:images:x oci:images:typed
ok 'trap 22: gets one' value images typed mediaType '"application/vnd.oci.image.manifest.v1+json"'
ok "trap 23: the disk's digest" run 0 convert --chunk-size 1MiB --disk-digest oci:images:v1 oci:images:digest
ok 'trap 23: stands on the first layer' value images digest \
    layers/1/annotations/org.cirruslabs.tart.disk-file-content-digest "\"$(sha256 disk.raw)\""
ok 'trap 23: and only there' absent images digest layers/2/annotations/org.cirruslabs.tart.disk-file-content-digest
ok 'trap 23: which newest Tart takes' run 0 verify oci:images:digest
finish
