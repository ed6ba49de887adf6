# repair-registry.t: repair from, to and between registries: what is published is whole, a tag moves only as it is said, and
# credentials go to the registry they were given for.
. "${0%/*}/../cli/lib.sh"
. "$root/tests/cli/servers.sh"

needs "$python" setpriv
"$built/fixtures/make-vm" vm 3145728
for tag in v2 plain; do
    [ $tag = plain ] && plain=--plain || plain=
    run 0 convert -q --upload-time none --chunk-size 1MiB $plain vm:vm oci:base:$tag
done
run 0 convert -q --upload-time none --to v1 --v1-layer-size 60000 vm:vm oci:base:v1
last=$(($(layer_count base v1) - 1))
edit base v1 shuffled layers "0,2,1,$(seq -s , 3 $last)"
edit base v2 moved layers 4,3,0,1,2
edit base plain scrambled layers 0,2,1,3,4
edit base v2 docker set mediaType '"application/vnd.docker.distribution.manifest.v2+json"'
scripted a
scripted b
for tag in v1 v2 plain shuffled moved scrambled docker; do
    put_image a base $tag src
done
put_image b base v2 there
put_image b base plain there
hex=$("$layout" name base v2 layers/2)
hex=${hex##*/}
wanted=$(digest_of base v2)

repair() {
    repair_status=$1
    shift
    run "$repair_status" repair --format json --retry-times 1 --retry-delay 10ms "$@"
}
# The repository d of the registry is gone, and the log begins anew.
fresh() {
    forget_repo "$1" d
    faults "$1"
}
# made NAME [TAG]: what d:new leads to is whole, sound, and the VM's disk.
made() {
    eval "made_host=\$$1_host"
    holds "$1" d "$(tag_of "$1" d "${2:-new}")" && run 0 verify "$made_host/d:${2:-new}" &&
        run 0 compare "vm:vm" "$made_host/d:${2:-new}"
}
nothing_sent() {
    asked "$1" 0 '(PUT|POST|PATCH|DELETE) /v2/'
}

# --- from where to where ---
for tag in shuffled moved docker; do
    fresh b
    ok "$tag, from registry to registry" repair 0 "$a_host/src:$tag" "$b_host/d:new"
    ok '... whole' made b
done
fresh a
ok 'into the same registry' repair 0 "$a_host/src:moved" "$a_host/d:new"
ok '... whole' made a
ok '... layers mounted, none sent twice' asked a 0 'PUT /v2/d/blobs/uploads/.*digest=sha256:'"$hex"
fresh a
ok 'to V1, in the same registry' repair 0 --to v1 --proof proof "$a_host/src:shuffled" "$a_host/d:new"
ok '... says that the layers are what they were' says '"method":"rewritten"'
ok '... the disk' same_disk vm:vm "$a_host/d:new"
ok '... and proved' run 0 verify --against-proof proof "$a_host/d:new"
fresh b
ok 'to V1, read back' repair 0 --to v1 --read-back "$a_host/src:shuffled" "$b_host/d:new"
ok '... each layer was' asked b 2+ '^[a-z]* GET /v2/d/blobs/'
ok 'from a registry to a layout' repair 0 "$a_host/src:shuffled" oci:pulled:x
ok '... the disk' same_disk vm:vm oci:pulled:x
fresh b
ok 'from a layout to a registry' repair 0 oci:base:shuffled "$b_host/d:new"
ok '... whole' made b
fresh b
ok 'a sound one is copied' repair 0 "$a_host/src:v2" "$b_host/d:new"
ok '... as it is' published b d new "$wanted"
fresh b
ok 'a dry run' repair 0 --dry-run "$a_host/src:shuffled" "$b_host/d:new"
ok '... sends nothing' nothing_sent b

# --- refill and reference ---
rm "$work/a/repos/src/blobs/$hex"
fresh b
ok 'a blob is missing' repair 2 "$a_host/src:v2" "$b_host/d:new"
ok '... named' found blob-missing
ok '... nothing was sent' nothing_sent b
ok '--refill from another registry' repair 0 --refill "$b_host/there:v2" "$a_host/src:v2" "$b_host/d:new"
ok '... by digest' published b d new "$wanted"
fresh b
ok '--refill from a VM' repair 0 --refill vm:vm "$a_host/src:v2" "$b_host/d:new"
ok '... whole' made b
: >"$work/a/repos/src/blobs/$hex"
ok '--reference from another registry' repair 0 --reference "$b_host/there:plain" "$a_host/src:scrambled" oci:ordered:x
ok '... the disk' same_disk vm:vm oci:ordered:x
# the registry's own copy is damaged, and it has one copy for all repositories
cp "$work/a/blobs/$hex" good
printf X | dd of="$work/a/blobs/$hex" bs=1 seek=900 conv=notrunc status=none
fresh a
ok 'a damaged blob, into the same registry' repair 73 --refill oci:base:v2 "$a_host/src:v2" "$a_host/d:new"
ok '... is told' says 'has a damaged blob in place of one that was refilled'
ok '... and not tagged' untagged a d
fresh b
ok '... into another one' repair 0 --refill oci:base:v2 "$a_host/src:v2" "$b_host/d:new"
ok '... whole' published b d new "$wanted"
cp good "$work/a/blobs/$hex"
# the sibling's layer is not what its name says
cp "$work/b/blobs/$hex" good
printf X | dd of="$work/b/blobs/$hex" bs=1 seek=900 conv=notrunc status=none
rm "$work/a/repos/src/blobs/$hex"
ok 'a refill that lies is not taken' repair 2 --refill "$b_host/there:v2" "$a_host/src:v2" oci:liar:x
ok '... and nothing is left' not test -e liar
ok '... the next one is' repair 0 --refill "$b_host/there:v2" --refill vm:vm "$a_host/src:v2" oci:liar:x
cp good "$work/b/blobs/$hex"
: >"$work/a/repos/src/blobs/$hex"

# --- tags ---
fresh b
put_image b base plain d new
ok 'a tag that is there' repair 73 "$a_host/src:moved" "$b_host/d:new"
ok '... is left' published b d new "$(digest_of base plain)"
ok '--replace' repair 0 --replace --tag more "$a_host/src:moved" "$b_host/d:new"
ok '... whole' made b
ok '... the further tag, too' made b more
ok '... what was there is kept' test "$(tag_of b d "new-before-$(digest_of base plain | cut -c 8-15)")" = "$(digest_of base plain)"
ok 'the source itself' repair 64 --replace "$a_host/src:moved" "$a_host/src:moved"
moved=$(digest_of base moved)
faults a "GET /v2/src/blobs/sha256:$hex 1 retag src moved v1"
fresh b
ok 'a source that moves meanwhile' repair 73 "$a_host/src:moved" "$b_host/d:new"
ok '... gets no tag' found tag-moved
ok '... none' untagged b d
faults a
put_image a base moved src
put_image a base moved d new
ok '--in-place' repair 0 --in-place "$a_host/d:new"
ok '... whole' made a
ok '... what was there is kept' test "$(tag_of a d "new-before-$(echo "$moved" | cut -c 8-15)")" = "$moved"
ok '... a second time changes nothing' repair 0 --in-place "$a_host/d:new"
ok '... says so' says '"sound":true'
ok '... what is kept is no source of it' repair 73 --in-place "$a_host/d:new-before-$(echo "$moved" | cut -c 8-15)"
ok '--in-place with what is not proved' repair 64 --in-place --accept-likely "$a_host/d:new"
cp -r base here
ok '--in-place in a layout' repair 0 --in-place oci:here:moved
ok '... sound' run 0 verify oci:here:moved
ok '... the old one is kept' run 2 verify "oci:here:moved-before-$(echo "$moved" | cut -c 8-15)"

# --- faults: an error or the image, never a tag on half of it ---
for fault in 'PUT /v2/d/manifests/ 1 status 500' 'PUT /blobs/uploads/ 1+ reset' 'POST /blobs/uploads/ 1+ status 507'; do
    fresh b
    faults b "$fault"
    ok "$fault: an error" not "$tartconv" repair -q --retry-times 0 "$a_host/src:moved" "$b_host/d:new"
    ok '... and no tag' untagged b d
done
for fault in 'body-reset 300' 'corrupt 900'; do
    fresh b
    faults a "GET /v2/src/blobs/sha256:$hex * $fault"
    ok "$fault of a layer: an error" not "$tartconv" repair -q --retry-times 0 "$a_host/src:moved" "$b_host/d:new"
    ok '... and no tag' untagged b d
done
faults a

# --- whose credentials ---
scripted basic --basic "$user:$password"
put_image basic base v2 src
rm "$work/basic/repos/src/blobs/$hex"
fresh b
ok 'SRC by its credentials' repair 0 --src-creds "$user:$password" --refill "$b_host/there:v2" "$basic_host/src:v2" oci:by:x
ok '... which went there' asked basic 1+ "auth=Basic/$user"
ok '... and to no other registry' asked b 0 'auth=[^-]'
: >"$work/basic/repos/src/blobs/$hex"
rm "$work/a/repos/src/blobs/$hex"
faults basic
ok "SRC's are not the refill's" repair 77 --src-creds "$user:$password" --refill "$basic_host/src:v2" "$a_host/src:v2" oci:not:x
ok '... and were not sent' asked basic 0 'auth=[^-]'
: >"$work/a/repos/src/blobs/$hex"
finish
