# normalise.t: images of each era in normal form, a second run that finds nothing to do, and a shuffle of the result,
# which is found.
. "${0%/*}/../cli/lib.sh"

# 540 MiB: a full chunk and one that is not, mostly zeros
"$built/fixtures/make-vm" vm 1000000 && truncate -s 540M vm/disk.img || exit 1
make() {
    "$tartconv" convert -q --upload-time 2024-01-31T12:00:00Z "$@" >made || exit 1
}
v2_type=application/vnd.cirruslabs.tart.disk.v2
size=org.cirruslabs.tart.uncompressed-size
content=org.cirruslabs.tart.uncompressed-content-digest
whole=org.cirruslabs.tart.disk-file-content-digest
offset=dev.tartconv.disk-offset
disk_size=org.cirruslabs.tart.uncompressed-disk-size
disk=$(sha256 vm/disk.img)

make --to v1 --v1-layer-size 100000 vm:vm oci:i:v1
make --to v1 vm:vm oci:i:v1-one
make --plain vm:vm oci:i:v2
make --plain --chunk-size 500000000 oci:i:v1 oci:i:v2-500
make vm:vm oci:i:offsets
edit i v1-one long set layers/1/mediaType "\"$v2_type\"" \
    set layers/1/annotations "{\"$size\":\"566231040\",\"$content\":\"$disk\"}"
edit i v2 unsized remove "annotations/$disk_size"
edit i v2 spaced replace '{"annotations"' '{ "annotations"'

# is_normal TAG
is_normal() {
    value i "$1" layers/1/annotations/$size '"536870912"' && value i "$1" layers/2/annotations/$size '"29360128"' &&
        value i "$1" layers/1/annotations/$offset '"0"' && value i "$1" layers/2/annotations/$offset '"536870912"' &&
        value i "$1" layers/1/annotations/$whole "\"$disk\"" && absent i "$1" layers/2/annotations/$whole &&
        value i "$1" "annotations/$disk_size" '"566231040"' && [ "$(layer_count i "$1")" -eq 4 ]
}
all=
for era in v1 v1-one v2 v2-500 offsets long unsized spaced; do
    ok "$era" run 0 normalise --format json "oci:i:$era" "oci:i:$era-n"
    ok '... was made' says '"normal":"made"'
    ok '... is normal' is_normal "$era-n"
    ok '... the same disk' same_disk "oci:i:$era" "oci:i:$era-n"
    ok '... has the same layers as all' test "${all:=$("$layout" get i "$era-n" layers)}" = \
        "$("$layout" get i "$era-n" layers)"
done
ok 'all of them are sound' run 0 verify oci:i:v1-n
ok 'normalize' run 0 normalize oci:i:v1 oci:american:n
ok '... is the same' test "$(digest_of american n)" = "$(digest_of i v1-n)"
ok 'layers that are right' run 0 normalise --format json --proof proof oci:i:v2 oci:i:v2-again
ok '... are kept' says '"layers_made":0,"layers_kept":2'
ok '... their blobs' same_value i v2 i v2-n layers/1/digest
ok '... decoded on the way' says "\"method\":\"rewritten\",\"decoded\":true,\"disk_size\":566231040,\"disk_digest\":\"$disk\""
ok '... as the proof says' run 0 verify --against-proof proof oci:i:v2-n
make --chunk-size 1MiB vm:vm oci:i:small
ok 'a layer of another cut' run 0 normalise oci:i:small oci:i:small-n
ok '... is normal' is_normal small-n

# --- a second run, in layouts ---
# still COMMAND...: it changes no file and no folder
still() {
    : >stamp
    sleep 0.02
    "$@" && [ -z "$(find i -newer stamp)" ]
}
normal=$(digest_of i v1-n)
ok 'a second run' still run 0 normalise --format json oci:i:v1 oci:i:v1-n
ok '... says so' says '"normal":"already"'
ok '... in words' still run 0 normalise oci:i:v1 oci:i:v1-n
ok '... too' says 'already normal, nothing to do'
ok '... and gives the digest' says "oci:i:v1-n@$normal"
ok '... as a dry run' still run 0 normalise --dry-run oci:i:v1 oci:i:v1-n
ok '... too' says 'already normal, nothing to do'
ok '--in-place, nothing to do' still run 0 normalise --in-place oci:i:v1-n
ok '... gives the digest' says "oci:i:v1-n@$normal"
ok '... and says so' says 'already normal, nothing to do'
ok 'a normal image elsewhere' run 0 normalise --format json oci:i:v1-n oci:j:n
ok '... is copied' says '"normal":"copied"'
ok '... as it is' test "$(digest_of j n)" = "$normal"
ok '... whole' run 0 verify oci:j:n
ok '... and is there then' run 0 normalise --format json oci:i:v1-n oci:j:n
ok '... already' says '"normal":"already"'
ok '--decode decodes it' run 0 normalise --decode --format json oci:i:v1-n oci:k:n
ok '... whole' says "\"decoded\":true,\"disk_size\":566231040,\"disk_digest\":\"$disk\""
ok '... as it is' test "$(digest_of k n)" = "$normal"
rm "$("$layout" name j n layers/2)"
ok 'a blob that is gone' run 0 normalise --format json oci:i:v1 oci:j:n
ok '... is made again' says '"normal":"made"'
ok '... the image is whole' run 0 verify oci:j:n
ok 'another time' run 73 normalise --upload-time none oci:i:v1 oci:j:n
ok '... is another image' run 0 normalise --replace --format json --upload-time none oci:i:v1 oci:j:n
ok '... without it' absent j n annotations/org.cirruslabs.tart.upload-time
ok 'what is there is of another source' run 73 normalise oci:i:v1 oci:i:v2-n
ok '... and is left' is_normal v2-n

# --- in place ---
old=$(digest_of i v1)
backup=v1-before-$(echo "$old" | cut -c 8-15)
ok '--in-place' run 0 normalise --in-place oci:i:v1
ok '... the tag' is_normal v1
ok '... the old image' test "$(digest_of i "$backup")" = "$old"
ok '... is whole' run 3 verify "oci:i:$backup"

# a tag that leads to an OCI index of one normal image, which Tart does not read
cp -r j indexed
manifest=$("$layout" name j n manifest)
index_type=application/vnd.oci.image.index.v1+json
entry() {
    printf '{"schemaVersion":2,"mediaType":"%s","manifests":[{"mediaType":"%s","digest":"%s","size":%d%s}]}' \
        "$index_type" "$1" "$(sha256 "$2")" "$(stat -c %s "$2")" "$3"
}
entry application/vnd.oci.image.manifest.v1+json "$manifest" '' >nested
cp nested "indexed/blobs/sha256/$(sha256sum nested | cut -d ' ' -f 1)"
entry "$index_type" nested ',"annotations":{"org.opencontainers.image.ref.name":"n"}' >indexed/index.json
ok '--in-place of an OCI index' run 0 normalise --in-place --upload-time none oci:indexed:n
ok '... the tag leads to the image itself' test "$(digest_of indexed n)" = "$(digest_of j n)"

# --- a shuffle of the result ---
edit i v1-n last layers 0,2,1,3
edit i v1-n bare layers 0,2,1,3 remove layers/1/annotations/$offset remove layers/2/annotations/$offset
for tag in last bare; do
    ok '... refused' run 2 normalise "oci:i:$tag" oci:i:never
    ok '... naming repair' says 'tartconv repair'
done
ok 'a moved layer is found' run 2 verify --format json oci:i:last
ok '... by the offsets' found disk-order
ok '... without them' run 3 verify --format json oci:i:bare
ok '... by what newest Tart refuses' found manifest-rules
ok '... rule 7, for the digest of the disk' says 'base disk metadata must appear only on its first chunk'
blob i v1-n layers/1 >layer
printf x | dd of=layer bs=1 seek=4000 conv=notrunc 2>dd
edit i v1 damaged blob layers/1 layer
ok 'damage' run 2 normalise oci:i:damaged oci:i:never
edit i v1-n lie set layers/1/annotations/$whole "\"$(sha256 vm/nvram.bin)\""
ok 'a wrong digest of the disk' run 2 normalise --format json oci:i:lie oci:i:never
ok '... disk-digest' found disk-digest
ok '... nothing was tagged' absent i never manifest

# --- what has no normal form ---
overlay='{"mediaType":"application/vnd.cirruslabs.tart.disk.asif.overlay.v1"'
edit i v1-n stacked layers 0,1,2,2,3 set layers/3/mediaType "${overlay#*:}"
ok 'a stacked image' run 63 normalise oci:i:stacked oci:i:never
ok '... has none' says 'a stacked image has no normal form'
ok 'a disk' run 64 normalise vm:vm oci:i:never
ok 'to a disk' run 64 normalise oci:i:v1-n raw:never
edit i v1-n foreign append application/x-sbom vm/nvram.bin layers 0,1,2,4,3
ok 'a foreign layer' run 63 normalise oci:i:foreign oci:i:never
ok '... is dropped' run 0 normalise --drop-foreign oci:i:foreign oci:i:dropped
ok '... and all is normal' is_normal dropped
edit i v1-n salvaged set annotations/dev.tartconv.salvaged '"missing 1 bytes"'
ok 'a salvaged image' run 63 normalise oci:i:salvaged oci:i:never
for option in --to=v2 --chunk-size=1MiB --plain --encode-all; do
    ok "no $option" run 64 normalise $option oci:i:v1 oci:i:never
done
finish
