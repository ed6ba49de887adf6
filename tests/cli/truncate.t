# truncate.t: images whose disk streams are cut off, with digests that are right again: refused by the commands. Every byte
# is tried by tests/unit/test_truncate.c.
. "${0%/*}/lib.sh"

"$built/fixtures/make-vm" vm 200000
"$tartconv" convert -q --to v1 --v1-layer-size 20000 vm:vm oci:images:v1 >out
"$tartconv" convert -q vm:vm oci:images:v2 >out

# cut TAG LAYER SIZE: the image x, with the layer's first SIZE bytes.
cut() {
    blob images "$1" "layers/$2" | head -c "$3" >short && edit images "$1" x blob "layers/$2" short
}
refused() {
    run 2 verify --format json oci:images:x && found "$1"
}
converted() {
    run 2 convert --format json --decode oci:images:x "$2" && found "$1" && [ ! -e "${2#*:}" ]
}
truncated() {
    cut "$1" "$2" "$3" && refused "$4" && converted "$4" raw:made
}

size=$(blob images v2 layers/1 | wc -c)
for lost in 1 2 3 4 5 100 4096 $((size - 13)) $((size - 12)) $((size - 4)) $((size - 1)) "$size"; do
    ok "V2 without its last $lost of $size bytes" truncated v2 1 $((size - lost)) stream-truncated
done
ok 'and into a layout' converted stream-truncated oci:made
last=$("$layout" get images v1 layers | grep -o 'disk\.v1' | wc -l)
size=$(blob images v1 "layers/$last" | wc -c)
for lost in 1 2 3 4 5 100 $((size - 1)) "$size"; do
    ok "V1 without its last $lost bytes" truncated v1 "$last" $((size - lost)) stream-truncated
done
ok 'and into a layout' converted stream-truncated oci:made
# a hole: the next layer goes on elsewhere
for left in 0 1 10000 19999; do
    ok "V1 with $left of 20000 bytes of its second layer" truncated v1 2 $left layer-chain
done
ok 'V1 with none of its first layer' truncated v1 1 0 stream-magic
finish
