# reuse.t: layers that lie at the destination serve again by their content, though their bytes are others (--reuse).
. "${0%/*}/lib.sh"
. "$root/tests/cli/servers.sh"

needs "$python" setpriv
"$root/fixtures/make-images" made || exit 1
cd made || exit 1
scripted s
put_image s images v1 src

# What is there: the same disk, encoded otherwise; and the same with a layer whose annotation is another's.
run 0 convert -q --chunk-size 1MiB --encoder lz4hc:9 --encode-all oci:images:v1 oci:old:hc || exit 1
content=$("$layout" get old hc layers/2/annotations/org.cirruslabs.tart.uncompressed-content-digest)
"$layout" edit old hc lies set layers/1/annotations/org.cirruslabs.tart.uncompressed-content-digest "$content" >/dev/null || exit 1
put_image s old hc d hc
put_image s old lies d lies
put_image s old hc elsewhere hc

convert() {
    reuse_status=$1
    shift
    run "$reuse_status" convert --replace --no-state --chunk-size 1MiB --proof proof "$@" "$s_host/src:v1" "$s_host/d:new"
}
# same_layers A B: the two images have the same layers.
same_layers() {
    "$tartconv" inspect --raw "$s_host/$1" | jq -c '[.layers[].digest]' >one
    "$tartconv" inspect --raw "$s_host/$2" | jq -c '[.layers[].digest]' >two
    cmp one two
}
bases() {
    jq -r '.chunks[].basis' proof | sort | uniq -c | tr -s ' \n' ' '
}
chunks=$("$layout" get old hc layers | jq '[.[] | select(.mediaType | contains("disk"))] | length')

ok 'without it the layers are made' convert 0
ok '... and are others' not same_layers d:new d:hc
ok '... decoded on both sides' test "$(bases)" = " $chunks decoded "

faults s
ok '--reuse' convert 0 --reuse "$s_host/d:hc"
ok '... the old layers serve' same_layers d:new d:hc
ok '... of which nothing is sent' asked s 0 'PUT /v2/d/blobs/uploads/'
ok '... which the proof says' test "$(bases)" = " $chunks reused "
ok '... the disk is the same' same_disk "$s_host/src:v1" "$s_host/d:new"
ok '... and the proof fits' run 0 verify --against-proof proof "$s_host/d:new"

ok 'another repository of the registry' run 0 convert --no-state --chunk-size 1MiB --reuse "$s_host/elsewhere:hc" \
    "$s_host/src:v1" "$s_host/e:new"
ok '... whose layers are mounted' same_layers e:new elsewhere:hc

ok 'a layer that is not what it says' convert 0 --reuse "$s_host/d:lies"
ok '... is told' says 'does not hold what its annotation says'
ok '... and left alone' same_disk "$s_host/src:v1" "$s_host/d:new"

faults s
ok '--trust-annotations' convert 0 --reuse "$s_host/d:hc" --trust-annotations
ok '... fetches nothing of it' asked s 0 'GET /v2/d/blobs/'

ok 'an image of disk.v1 cannot serve' convert 63 --reuse "$s_host/src:v1"
ok 'one that is not there' convert 66 --reuse "$s_host/d:nothing"
ok 'a layout' run 0 convert --chunk-size 1MiB --reuse oci:old:hc oci:images:v1 oci:old:new
ok '... has one layer for both' test "$("$layout" name old new layers/1)" = "$("$layout" name old hc layers/1)"
finish
