# threads.t: any number of threads gives the same manifest and the same proof.
. "${0%/*}/lib.sh"

"$root/fixtures/make-images" made || exit 1
cd made || exit 1

# alike NAME ARGUMENT... SOURCE: the same with 1, 2, 3 and 8 threads.
alike() {
    what=$1
    shift
    for threads in 1 2 3 8; do
        ok "$what: $threads threads" run 0 convert --threads $threads --proof "proof-$threads" "$@" "oci:to:$what-$threads"
        [ $threads -eq 1 ] || {
            ok '... the same manifest' test "$(digest_of to "$what-$threads")" = "$(digest_of to "$what-1")"
            ok '... the same proof' cmp "proof-$threads" proof-1
        }
    done
}
alike v1-to-v2 --chunk-size 1MiB oci:images:v1
alike raw-to-v2 --chunk-size 1MiB --vm-config vm/config.json --vm-nvram vm/nvram.bin raw:disk.raw
alike v2-to-v1 --to v1 --v1-layer-size 30000 oci:images:v2
alike re-cut --chunk-size 1500000 oci:images:v2
alike copy --decode oci:images:v2
alike encoded --chunk-size 1MiB --encode-all --encoder lz4hc:3 oci:images:v1

# The first damage in the order of the disk is told, however many look.
"$layout" edit images v2 x hex layers/5 "$root/fixtures/bad/stream-magic-first.hex" \
    hex layers/2 "$root/fixtures/bad/stream-trailing-byte.hex" set layers/3/size 7 >out
for threads in 1 2 8; do
    "$tartconv" convert --threads $threads --chunk-size 2MiB oci:images:x raw:x 2>"told-$threads" >out
    ok "damage: $threads threads" grep -q 'layer 2 ' "told-$threads"
    ok '... told alike' cmp "told-$threads" told-1
    "$tartconv" verify --threads $threads oci:images:x >"found-$threads"
    ok '... found alike' cmp "found-$threads" found-1
done
finish
