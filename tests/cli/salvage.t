# salvage.t: convert --salvage: what is had of damaged V1 images, how it is told, and what it refuses. What is proved of bytes:
# tests/unit/test_salvage.c.
. "${0%/*}/lib.sh"
. "$root/tests/cli/servers.sh"

"$root/fixtures/make-images" made || exit 1
cd made || exit 1
note=annotations/dev.tartconv.salvaged

# damaged NAME: oci:NAME:v1, to be damaged.
damaged() {
    rm -rf "$1"
    cp -r images "$1"
}
# flip NAME LAYER BYTE COUNT: other bytes there, under the digest of what was there.
flip() {
    head -c "$4" /dev/zero | tr '\0' '\377' |
        dd of="$("$layout" name "$1" v1 "layers/$2")" bs=1 seek="$3" conv=notrunc 2>/dev/null
}
# first KIND: offset of the first range of that kind, of the last document.
first() {
    grep -o "{\"offset\":[0-9]*,\"length\":[0-9]*,\"kind\":\"$1\"}" "$work/out" | head -n 1 |
        sed 's/{"offset":\([0-9]*\),.*/\1/'
}
# like_before RAW: as the disk was, up to the first byte that is told of.
like_before() {
    least=
    for kind in missing derived unverified; do
        at=$(first $kind)
        [ -z "$at" ] || [ "${least:-$at}" -lt "$at" ] || least=$at
    done
    [ -n "$least" ] && [ "$least" -gt 0 ] && [ "$(stat -c %s "$1")" -eq "$(stat -c %s disk.raw)" ] &&
        cmp -n "$least" disk.raw "$1"
}
# equal_end RAW SIZE: as the disk was at its end.
equal_end() {
    tail -c "$2" disk.raw >end-1
    tail -c "$2" "$1" >end-2
    cmp end-1 end-2
}

# --- nothing to do ---
ok 'a whole image is converted as always' run 0 convert --salvage oci:images:v1 oci:whole:a
ok '... and it is told' says 'is not damaged'
ok '... without a note' absent whole a "$note"
ok '... with its source' value whole a annotations/dev.tartconv.source-digest "\"$(digest_of images v1)\""
"$tartconv" convert -q oci:images:v1 oci:whole:b >out
ok '... the same image' [ "$(digest_of whole a)" = "$(digest_of whole b)" ]

# --- damaged bytes ---
damaged flipped
flip flipped 4 12000 300
ok 'without --salvage it stops' run 2 convert oci:flipped:v1 oci:new
ok '... and nothing is there' [ ! -e new ]
ok 'with it, it is written, not whole' run 3 convert --salvage --format json oci:flipped:v1 oci:saved:a
ok '... and told in the document' says '"salvage":{"missing":'
ok '... and beside' says 'oci:saved:a is not whole: missing '
ok '... the layer by name' says 'layer 4 is damaged'
cp "$work/out" document
ok '... verify finds it sound' run 0 verify oci:saved:a
ok '... and says so, too' found salvaged
ok '... and inspect' run 0 inspect oci:saved:a
ok '... in words' says 'salvaged, not whole: missing '
ok 'what stops names what tells more' run 2 convert oci:flipped:v1 oci:new
ok '... by name' says '; `tartconv verify` tells what to do'
ok 'into a disk file' run 3 convert --salvage --format json oci:flipped:v1 raw:saved.raw
ok '... which is what was, where nothing is told' like_before saved.raw
ok '... and at its end' equal_end saved.raw 65536
ok '... the same disk as the image' same_disk oci:saved:a raw:saved.raw
ok 'it says so of itself' sh -c "'$layout' get saved a '$note' | grep '^\"missing [0-9]* bytes, derived [0-9]* bytes, unverified'"
ok '... and names no source' absent saved a annotations/dev.tartconv.source-digest
ok '... and is sound' run 0 verify oci:saved:a
ok '... with a valid seal' run 0 inspect --format json oci:saved:a
ok '... ' says '"seal":"valid"'
ok '... and another disk than the whole one' run 1 compare oci:saved:a oci:images:v1
ok 'the same again is success' run 3 convert --salvage oci:flipped:v1 oci:saved:a
ok '... in one thread' run 3 convert --salvage --threads 1 oci:flipped:v1 oci:saved:a
ok 'another image has its tag' run 73 convert --salvage oci:flipped:v1 oci:whole:a
ok 'read back' run 3 convert --salvage --read-back oci:flipped:v1 oci:saved:b
ok 'converted on, it stays so' run 0 convert --chunk-size 2MiB oci:saved:a oci:saved:on
ok '... ' same_value saved a saved on "$note"
ok 'in text' run 3 convert --salvage oci:flipped:v1 oci:saved:c
ok '... one line' [ "$(wc -l <"$work/out")" -eq 1 ]
ok '... its ranges beside' says ': missing'
ok '--dry-run' run 3 convert --salvage --dry-run --format json oci:flipped:v1 oci:new
ok '... writes nothing' [ ! -e new ]
ok '... and tells the same' [ "$(first missing) $(first unverified)" = "$(cp document "$work/out" && first missing) $(first unverified)" ]

# --- layers that are not there ---
damaged lost
rm "$("$layout" name lost v1 layers/4)"
ok 'a layer that is absent' run 3 convert --salvage --format json oci:lost:v1 raw:lost.raw
ok '... is told' says 'layer 4 is absent'
ok '... and the rest is in its place' like_before lost.raw
ok '... up to the end' equal_end lost.raw 1000000
damaged short
truncate -s 10000 "$("$layout" name short v1 layers/4)"
ok 'a layer that is short' run 3 convert --salvage --format json oci:short:v1 raw:short.raw
ok '... is no matter' like_before short.raw
ok '... for what follows' equal_end short.raw 1000000
last=$(($(layer_count images v1) - 1))
without=0,1,2,3
for i in $(seq 5 "$last"); do
    without=$without,$i
done
ok 'a layer that nobody names' edit images v1 less layers "$without"
ok '... leaves all others' run 3 convert --salvage --format json oci:images:less raw:less.raw
ok '... in their places' like_before less.raw
ok '... ' equal_end less.raw 1000000
ok '... though all of them are good' says 'do not make one stream'
damaged none
for i in $(seq "$((last - 1))"); do
    rm -f "$("$layout" name none v1 "layers/$i")"
done
ok 'without any layer there is nothing' run 2 convert --salvage --format json oci:none:v1 oci:new
ok '... ' found stream-block

# --- bytes that decode all the same, and ends ---
damaged quiet
layer=$("$layout" name quiet v1 layers/4)
for at in $(seq 1000 1000 15000); do
    cp "$layer" before
    printf '\001' | dd of="$layer" bs=1 seek="$at" conv=notrunc 2>/dev/null
    cmp -s before "$layer" && continue
    run 3 convert --salvage --format json oci:quiet:v1 raw:quiet.raw || break
    ! says '"missing":0,' || break
    cp before "$layer"
    rm -f quiet.raw
done
ok 'a wrong byte in a block that decodes' says '"missing":0,"derived":0,'
ok '... its whole layer is doubted' says 'all others of it are unverified'
ok '... as far as it goes' like_before quiet.raw
ok '... and no further' equal_end quiet.raw 65536
end=$((last - 1)) # behind it there is the NVRAM
damaged cut
layer=$("$layout" name cut v1 "layers/$end")
truncate -s "$(($(stat -c %s "$layer") / 2))" "$layer"
ok 'the last layer is cut off' run 3 convert --salvage --format json oci:cut:v1 raw:cut.raw
ok '... its bytes are counted' says "bytes are there, its descriptor says"
ok '... the rest is there' like_before cut.raw
damaged mark
layer=$("$layout" name mark v1 "layers/$end")
truncate -s "$(($(stat -c %s "$layer") - 3))" "$layer"
ok 'only the end mark is cut off' run 3 convert --salvage --format json oci:mark:v1 raw:mark.raw
ok '... so nothing is missing' says '"missing":0,"derived":0,'
ok '... not a byte' cmp disk.raw mark.raw
damaged begun
flip begun 1 0 5000
ok 'the first block is damaged' run 3 convert --salvage --format json oci:begun:v1 raw:begun.raw
ok '... from the disk'"'"'s start on' says '"ranges":[{"offset":0,'
ok '... the end is there' equal_end begun.raw 65536
damaged twice
for i in 2 "$((end - 3))"; do
    flip twice "$i" 0 60000
done
ok 'two gaps' run 3 convert --salvage --format json oci:twice:v1 raw:twice.raw
ok '... between which nothing tells a place' says '"stopped":true'
ok '... which is said' says 'nothing says where on the disk they lie'
ok '... the start is there' like_before twice.raw
ok '... and the end' equal_end twice.raw 65536

# --- only the order is wrong ---
ok 'layers in a wrong order' edit images v1 shuffled layers "0,1,3,2,$(seq -s , 4 "$last")"
ok '... are no damage' run 2 convert --salvage --format json oci:images:shuffled oci:new
ok '... ' found layer-chain
ok '... but work for repair' says 'tartconv repair'

# --- what is refused ---
for option in --replace --plain '--proof p' '--to v1' '--to same'; do
    # shellcheck disable=SC2086
    ok "$option is refused" run 64 convert --salvage $option oci:flipped:v1 oci:new
done
ok '--in-place is refused' run 64 convert --salvage --in-place oci:flipped:v1
ok 'V2 is refused' run 63 convert --salvage oci:images:v2 oci:new
ok 'a VM directory is refused' run 63 convert --salvage vm:vm oci:new
ok 'nothing was made' [ ! -e new ]
ok 'no proof either' [ ! -e p ]
ok 'a file that is there is kept' run 73 convert --salvage oci:flipped:v1 raw:saved.raw

# --- registries ---
command -v docker-registry >/dev/null || {
    skip 'from and to a registry' 'no docker-registry'
    finish
    exit
}
registry plain delete
run 0 convert -q --to same oci:images:v1 "$plain_host/org/vm:v1"
run 0 convert -q --to same oci:images:v1 "$plain_host/org/vm:taken"
# stored NAME LAYER: where the registry has it.
stored() {
    stored_name=$("$layout" name images v1 "layers/$1")
    stored_name=${stored_name##*/}
    echo "$work/plain/data/docker/registry/v2/blobs/sha256/$(echo "$stored_name" | cut -c 1-2)/$stored_name/data"
}
reached() {
    run 3 convert --salvage --format json --retry-times 0 --retry-delay 10ms "$@"
}
cp flipped/blobs/sha256/"$(basename "$("$layout" name images v1 layers/4)")" "$(stored 4)"
ok 'damaged in a registry' reached "$plain_host/org/vm:v1" oci:far:a
ok '... the same comes of it' [ "$(digest_of far a)" = "$(digest_of saved a)" ]
ok '... into the registry' reached "$plain_host/org/vm:v1" "$plain_host/org/vm:saved"
ok '... the same disk' same_disk "$plain_host/org/vm:saved" oci:saved:a
ok '... to no tag that is there' run 73 convert --salvage --retry-times 0 "$plain_host/org/vm:v1" "$plain_host/org/vm:taken"
rm "$(stored 4)"
ok 'absent from a registry' reached "$plain_host/org/vm:v1" raw:far.raw
ok '... is told' says 'layer 4 is absent'
ok '... the same as in a layout' cmp lost.raw far.raw
finish
