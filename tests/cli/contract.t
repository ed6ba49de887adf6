# contract.t: what convert does with what it meets (docs/formats/manifest.md, section 8), what it writes and notes, and how
# the commands end.
. "${0%/*}/lib.sh"

"$root/fixtures/make-images" made || exit 1
cd made || exit 1
size=org.cirruslabs.tart.uncompressed-size
content=org.cirruslabs.tart.uncompressed-content-digest
disk_size=org.cirruslabs.tart.uncompressed-disk-size
file_digest=org.cirruslabs.tart.disk-file-content-digest
time=org.cirruslabs.tart.upload-time
type=application/vnd.cirruslabs.tart
offset=dev.tartconv.disk-offset

# same_digest FOLDER TAG FOLDER TAG: the very same manifest.
same_digest() {
    [ "$(digest_of "$1" "$2")" = "$(digest_of "$3" "$4")" ]
}
# refused STATUS CLASS ARGUMENT...: convert is refused, and the destination, the last argument, is not there.
refused() {
    refused_status=$1 class=$2
    shift 2
    run "$refused_status" convert --format json "$@" && found "$class" || return 1
    for last in "$@"; do :; done
    last=${last#*:}
    [ ! -e "$last" ] || absent images "${last#*:}" config
}

# --- flat V2 that keeps the rules ---
ok 'flat V2 is copied' run 0 convert oci:images:v2 oci:copy:a
ok '... the same manifest' same_digest images v2 copy a
ok '... and it is told' says 'copied, not decoded'
ok '... to the same layout, too' run 0 convert oci:images:v2 oci:images:b
ok '... with its digest' same_digest images v2 images b
ok '... without offsets, none are added' run 0 convert oci:images:plain oci:copy:plain
ok '... but the digest kept' same_digest images plain copy plain
ok '... as it is though it ends inside sectors' run 0 convert oci:images:v2-odd oci:copy:odd
ok '... by digest' same_digest images v2-odd copy odd
ok '--decode decodes it' run 0 convert --decode --format json oci:images:v2 oci:copy:decoded
ok '... and says so' says '"method":"copied","decoded":true'
ok 'the cut that it has is no other cut' run 0 convert --chunk-size 1MiB --format json oci:images:v2 oci:copy:same-cut
ok '... all layers are kept' says '"layers_made":0,"layers_kept":6'

# --- V2 cut anew ---
ok '--chunk-size cuts anew' run 0 convert --format json --chunk-size 2MiB oci:images:v2 oci:copy:two
ok '... made anew' says '"layers_made":3,"layers_kept":0'
ok '... the same disk' same_disk oci:copy:two vm:vm
ok '... sound' run 0 verify oci:copy:two
# A layer of more than 512 MiB is cut, and the others keep their blobs: traps.t, trap 6.

# --- V2 whose manifest alone is wrong, and order ---
edit images v2 x layers 1,0,2,3,4,5,6,7
ok 'a wrong manifest stops it' refused 2 manifest-rules oci:images:x oci:new
ok '... and names repair' says 'tartconv repair'
edit images v2 x layers 0,1,2,4,3,5,6,7
ok 'offsets against the order stop it' refused 2 disk-order oci:images:x oci:new
ok '... and name repair' says 'tartconv repair'
compare_stops() {
    run 2 compare --format json oci:images:x oci:images:v2 && found disk-order
}
ok '... and compare' compare_stops
ok '... but not --to same' run 0 convert --to same oci:images:x oci:copy:x

# --- V1 that breaks, mixed, another total, empty ---
last=$(($(layer_count images v1) - 1))
exchanged=$(seq 0 "$last" | awk '{ print $1 == 2 ? 3 : $1 == 3 ? 2 : $1 }' | paste -sd ,)
edit images v1 x layers "$exchanged"
ok 'V1 that breaks at a cut stops it' refused 2 layer-chain oci:images:x raw:new
ok '... at that layer' says '"layer":2'
ok '... and names repair' says 'tartconv repair'
edit images v2 x set layers/2/mediaType "\"$type.disk.v1\""
ok 'a mixed image is refused' refused 2 disk-mixed oci:images:x oci:new
for image in v1 v2; do
    edit images $image x set annotations/$disk_size '"6291455"'
    ok "$image of another total is refused" refused 2 disk-size oci:images:x oci:new
done
edit images v2 x layers 0,7
ok 'an empty disk is refused' refused 2 disk-empty oci:images:x oci:new

# --- layers of others ---
edit images v1 x append application/spdx+json vm/config.json
ok 'a foreign layer is refused' refused 63 foreign-layer oci:images:x oci:new
ok '... but dropped where asked for' run 0 convert --drop-foreign --proof proof oci:images:x oci:copy:dropped
ok '... listed in the proof' grep -q "\"dropped_layers\":\[\"$(sha256 vm/config.json)\"\]" proof
ok '... and gone' test "$(layer_count copy dropped)" -eq 3
edit images v2 x append application/spdx+json vm/config.json layers 0,1,2,3,4,5,6,8,7
ok '... of V2 as well' run 0 convert --drop-foreign oci:images:x oci:copy:dropped-2
ok '... whose blobs stay' same_value images v2 copy dropped-2 layers/6

# --- stacked ---
echo overlay >overlay
edit images plain stacked append $type.disk.asif.overlay.v1 overlay layers 0,1,2,3,4,5,6,8,7 \
    set layers/1/annotations/$file_digest "\"$(sha256 vm/disk.img)\"" set layers/7/annotations '{}' \
    set layers/7/annotations/$size '"8"' set layers/7/annotations/$content "\"$(sha256 overlay)\"" \
    set layers/7/annotations/$file_digest "\"$(sha256 overlay)\"" \
    set layers/7/annotations/org.cirruslabs.tart.disk-file-chunk-count '"1"' \
    set annotations/org.cirruslabs.tart.disk.block-size '"512"' set annotations/$disk_size '"6291456"'
ok 'a stacked image is sound' run 0 verify oci:images:stacked
ok '... and copied' run 0 convert oci:images:stacked oci:copy:stacked
ok '... byte for byte' same_digest images stacked copy stacked
ok '... with its overlay' sh -c '"$1" name copy stacked layers/7 | xargs cmp overlay' sh "$layout"
ok '... but gives no disk' refused 63 stacked oci:images:stacked raw:new
ok '... nor a VM directory' refused 63 stacked oci:images:stacked vm:new
ok '... nor V1' refused 63 stacked --to v1 oci:images:stacked oci:new
ok '... nor another cut' refused 63 stacked --chunk-size 2MiB oci:images:stacked oci:new

# --- members that nobody knows, equal layers, --to same ---
edit images v1 x set subject '{"mediaType":"a/b","digest":"sha256:ad441971514aa132675c01bd81a7228caa6e112d485d4c575fa50f59cf6d4c79","size":4}' \
    set com.example.member '{"b":[1.50,null],"a":2}' set annotations/com.example.note '"n"' set artifactType '"a/b"'
ok 'unknown members' run 0 convert oci:images:x oci:copy:members
ok '... are kept' value copy members com.example.member '{"a":2,"b":[1.50,null]}'
ok '... annotations, too' value copy members annotations/com.example.note '"n"'
ok '... but not subject' absent copy members subject
ok '... which is reported' says subject
edit images v2 x blob layers/2 overlay
ok '--to same looks at digests alone' run 0 convert --to same oci:images:x oci:copy:same
ok '... and keeps the digest' same_digest images x copy same
ok '... of V1 as well' run 0 convert --to same oci:images:v1 oci:copy:same-v1
ok '... byte for byte' same_digest images v1 copy same-v1
cp -al images broken
rm "$("$layout" name broken v1 layers/2)"
ok '... an absent blob stops it' refused 2 blob-missing --to same oci:broken:v1 oci:new
blob images v1 layers/2 | tr 'a-y' 'b-z' >"$work/changed"
cp "$work/changed" "$("$layout" name images v1 layers/2 | sed s/images/broken/)"
ok '... and a wrong one' refused 2 blob-digest --to same oci:broken:v1 oci:new

# --- what is noted ---
ok 'a conversion' run 0 convert --chunk-size 1MiB oci:images:v1 oci:images:noted
ok '... notes offsets' value images noted layers/2/annotations/$offset '"1048576"'
ok '... on disk layers only' value images noted layers/0/annotations '{}'
ok '... and its source' value images noted annotations/dev.tartconv.source-digest "\"$(digest_of images v1)\""
"$layout" edit images noted bare remove annotations/dev.tartconv.seal remove annotations/dev.tartconv.source-digest >bare
ok '... and a seal over the rest' value images noted annotations/dev.tartconv.seal "\"$(cat bare)\""
sealed() {
    run 0 inspect --format json oci:images:"$1" && says "\"seal\":$2"
}
ok '... which is valid' sealed noted '"valid"'
edit images noted resealed set annotations/com.example.child '"1"'
ok '... until something is changed' sealed resealed '"broken"'
seal_broken() {
    run 0 verify --format json oci:images:resealed && found seal-broken
}
ok '... which verify tells' seal_broken
ok 'a disk has no source digest' absent images v2 annotations/dev.tartconv.source-digest
ok '--plain' run 0 convert --plain --chunk-size 1MiB oci:images:noted oci:images:stripped
ok '... strips all of it' sh -c '! grep -q dev.tartconv "$1"' sh "$("$layout" name images stripped manifest)"
ok '... and nothing else' same_digest images plain images stripped
ok 'V1 has no offsets' absent images v1 layers/1/annotations/$offset

for wish in none= 2020-02-29T23:59:59Z=2020-02-29T23:59:59Z keep=2024-01-31T12:00:00Z; do
    asked=${wish%=*} upload=${wish#*=}
    ok "--upload-time $asked" run 0 convert --upload-time "$asked" --replace oci:images:v1 oci:images:time
    if [ -n "$upload" ]; then
        ok '... is in it' value images time annotations/$time "\"$upload\""
    else
        ok '... is not in it' absent images time annotations/$time
    fi
done
ok '--upload-time of a copy' run 0 convert --format json --upload-time none oci:images:v2 oci:images:timeless
ok '... rewrites the manifest alone' says '"method":"rewritten"'

ok '--disk-digest' run 0 convert --disk-digest --chunk-size 1MiB oci:images:v1 oci:images:digest
ok '... is on the first layer' value images digest layers/1/annotations/$file_digest "\"$(sha256 vm/disk.img)\""
edit images digest x set layers/1/annotations/$file_digest "\"$(sha256 overlay)\""
ok '... one that is another is refused' refused 2 disk-digest --disk-digest oci:images:x oci:new
ok '... in a new cut as well' refused 2 disk-digest --disk-digest --chunk-size 2MiB oci:images:x raw:new

# --- proof ---
ok 'a proof' run 0 convert --chunk-size 1MiB --disk-digest --proof proof oci:images:v1 oci:copy:proved
ok '... begins as all do' grep -q '^{"kind":"proof","version":1,' proof
for text in "\"source_digest\":\"$(digest_of images v1)\"" "\"destination_digest\":\"$(digest_of copy proved)\"" \
    '"disk_size":6291456' "\"disk_digest\":\"$(sha256 vm/disk.img)\"" '"encoder":"apple"' '"encoder_library":null' \
    '"blocks_encoded":' '"basis":"decoded"' '"dropped_layers":[]' \
    "\"blob\":$("$layout" get copy proved layers/2/digest)" \
    "\"content_digest\":$("$layout" get copy proved layers/2/annotations/$content)"; do
    ok "... has $(echo "$text" | cut -c 1-60)" grep -qF "$text" proof
done
ok '... fits its image' run 0 verify --against-proof proof oci:copy:proved
ok '... and another cut' run 0 verify --against-proof proof oci:images:v2-odd
ok '... and V1, which is no obstacle here' run 0 verify --against-proof proof oci:images:v1
cp vm/disk.img other.img
printf x | dd of=other.img bs=1 seek=5000000 conv=notrunc status=none
ok '... no other disk' run 1 verify --against-proof proof raw:other.img
(cat vm/disk.img && head -c 512 /dev/zero) >longer.img
ok '... nor a longer one' run 1 verify --against-proof proof raw:longer.img
edit images v1 x layers "$exchanged"
ok '... damage goes first' run 2 verify --against-proof proof oci:images:x
ok 'a copy has a proof' run 0 convert --proof copied oci:images:v2 oci:copy:proof-of-copy
ok '... that says what was not looked at' grep -q '"basis":"same-blob"' copied
ok '... and fits' run 0 verify --against-proof copied oci:images:v1
ok '--decode looks' run 0 convert --decode --proof copied oci:images:v2 oci:copy:proof-of-decoded
ok '... and says so' not grep -q same-blob copied
ok 'compare makes one' run 0 compare --proof compared oci:images:v1 oci:images:v2
ok '... that fits' run 0 verify --against-proof compared vm:vm

# --- image config ---
edit images v1 x bytes config '{"architecture":"arm64","config":{"Labels":{"b":"2","a":"1/2"}},"os":"linux","zzz":[1]}'
ok 'labels are kept' run 0 convert oci:images:x oci:copy:labels
ok '... sorted, with the disk format beside them' sh -c '[ "$("$1" name copy labels config | xargs cat)" = "$2" ]' sh "$layout" \
    '{"architecture":"arm64","config":{"Labels":{"a":"1\/2","b":"2","org.cirruslabs.tart.disk.format":"raw"}},"os":"linux","zzz":[1]}'
edit images v1 x bytes config '{ "config" : {"Labels":{"org.cirruslabs.tart.disk.format":"raw"}} }'
ok 'bytes that have the label' run 0 convert oci:images:x oci:copy:verbatim
ok '... stay as they are' same_value images x copy verbatim config

# --- statuses ---
ok 'no such layout' run 66 convert oci:none:t oci:new:t
ok 'no such tag' run 66 convert oci:images:none oci:new:t
ok '... names those that are there' says v2-odd
ok 'no such disk' run 66 convert raw:none oci:new:t --vm-config vm/config.json --vm-nvram vm/nvram.bin
ok 'a folder that is no layout' run 66 verify oci:vm:t
ok 'a destination that holds something else' run 73 convert oci:images:v1 oci:vm:t
ok 'a destination in no folder' run 73 convert oci:images:v1 raw:none/disk
ok 'an existing disk' run 73 convert oci:images:v1 raw:other.img
ok '... left alone' not cmp -s other.img vm/disk.img
ok '... but replaced where asked for' run 0 convert --replace oci:images:v1 raw:other.img
ok '... by the right one' cmp other.img vm/disk.img
ok 'a V1 image that is good' run 3 verify oci:images:v1
ok 'the same' run 0 compare oci:images:v1 vm:vm
ok 'not the same' run 1 compare oci:images:v1 raw:longer.img
mkdir full
if [ "$(id -u)" -eq 0 ] && mount -t tmpfs -o size=256k none full 2>"$work/err"; then
    trap 'umount "$work/made/full"; cd /; rm -rf "$work"' EXIT
    ok 'a full disk: a layout' run 74 convert oci:images:v1 oci:full/l:t
    ok '... leaves nothing' test -z "$(ls -A full)"
    ok 'a full disk: a disk' run 74 convert oci:images:v1 raw:full/disk
    ok '... leaves nothing' test -z "$(ls -A full)"
    ok 'a full disk: a VM directory' run 74 convert oci:images:v1 vm:full/vm
    ok '... leaves nothing' test -z "$(ls -A full)"
    ok 'no room for temporaries' run 74 convert --tmpdir full --spool-memory 1MiB oci:images:v1 oci-archive:room.tar:t
    ok '... is told beforehand' says 'name another with --tmpdir'
    ok '... and leaves nothing' not test -e room.tar
    ok 'room in memory is room' run 0 convert --tmpdir full --spool-memory 32MiB oci:images:v1 oci-archive:room.tar:t
else
    skip 'a full disk' 'no tmpfs can be mounted here'
fi

# --- layouts ---
run 0 convert oci:images:v2 oci:tags:a
run 0 convert oci:images:plain oci:tags:b
cp tags/index.json before
ok 'a tag with another digest' run 73 convert oci:images:v2-odd oci:tags:a
ok '... changes nothing' cmp tags/index.json before
ok '... the same digest is success' run 0 convert oci:images:v2 oci:tags:a
ok '... and changes nothing' cmp tags/index.json before
ok '--replace' run 0 convert --replace oci:images:v2-odd oci:tags:a
ok '... moves the tag' same_digest images v2-odd tags a
ok '... keeps the old manifest' grep -q "$(digest_of images v2)" tags/index.json
ok '... and the other tag' same_digest images plain tags b
sed 's/.*"manifests":\[/{"schemaVersion":2,"com.example":1,"manifests":[{"mediaType":"application\/vnd.example","digest":"sha512:00","size":1,"annotations":{"x":"y"}},/' \
    before >tags/index.json
ok 'entries that are not known' run 0 convert oci:images:v1 oci:tags:c
ok '... are kept' grep -qF '{"mediaType":"application/vnd.example","digest":"sha512:00","size":1,"annotations":{"x":"y"}}' tags/index.json
ok '... and members' grep -qF '"com.example":1' tags/index.json
finish
