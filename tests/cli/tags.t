# tags.t: which tags a run moves in a registry, which it keeps and which it leaves alone.
. "${0%/*}/lib.sh"
. "$root/tests/cli/servers.sh"

needs "$python" setpriv
"$root/fixtures/make-images" made || exit 1
cd made || exit 1
scripted s
put_image s images v1 src
put_image s images v2-odd src other
run 0 convert -q --chunk-size 1MiB oci:images:v1 oci:local:new
wanted=$(digest_of local new)
old=$(digest_of images v2)
old8=$(echo "$old" | cut -c 8-15)
source_digest=$(digest_of images v1)
other=$(digest_of images v2-odd)

# fresh: the destination is a repository d whose tag `new` leads to an older image; no fault; the log is empty.
fresh() {
    forget_repo s d
    put_image s images v2 d new
    faults s "$@"
}
# convert STATUS OPTION...: src:v1 to d:new
convert() {
    convert_status=$1
    shift
    run "$convert_status" convert --format json --retry-times 1 --retry-delay 10ms --no-state --chunk-size 1MiB "$@" \
        "$s_host/src:v1" "$s_host/d:new"
}
failed() {
    convert "$1" && found "$2"
}
# is TAG DIGEST: in d, whole; gone TAG: not there.
is() {
    published s d "$1" "$2"
}
gone() {
    untagged s d "$1"
}
no_put() {
    asked s 0 "(PUT|POST|PATCH) /v2/${1:-}"
}

fresh
ok 'a tag with another digest' failed 73 exists
ok '... names --replace' says '--replace'
ok '... is left alone' is new "$old"
ok '... before anything was sent' no_put
fresh
put_image s local new d
ok 'a tag with the same digest' convert 0
ok '... nothing is sent' no_put
ok '... and nothing kept' test "$(ls "$work/s/repos/d/tags")" = new
forget_repo s d
faults s
ok 'a tag that is not there' convert 0
ok '... is there then' is new "$wanted"
ok '... alone' test "$(ls "$work/s/repos/d/tags")" = new
ok '... the manifest came by its digest first' sh -c \
    'grep "PUT .*/manifests/" "$1" | head -n 1 | grep -q "manifests/sha256"' sh "$work/s/log"
ok '... and the tag last' sh -c 'grep -E " (PUT|POST|PATCH) " "$1" | tail -n 1 | grep -q "manifests/new 201"' sh "$work/s/log"

# --- --replace and what is kept ---
fresh
ok '--replace' convert 0 --replace
ok '... moves the tag' is new "$wanted"
ok '... keeps the old image' is "new-before-$old8" "$old"
ok '... a further time' convert 0 --replace
ok '... nothing moves' test "$(ls "$work/s/repos/d/tags" | wc -l)" -eq 2
fresh
ok '--backup-tag' convert 0 --replace --backup-tag '{repo}.{tag}.{digest8}'
ok '... is its name' is "d.new.$old8" "$old"
fresh
ok '--no-backup' convert 0 --replace --no-backup
ok '... keeps no tag' test "$(ls "$work/s/repos/d/tags")" = new
ok '... but the manifest' holds s d "$old"
fresh
put_image s images v2-odd d kept
ok 'a backup tag that leads elsewhere' convert 73 --replace --backup-tag kept
ok '... is left' is kept "$other"
ok '... and so is the tag' is new "$old"
fresh
put_image s images v2 d kept
ok 'a backup tag that leads there already' convert 0 --replace --backup-tag kept
ok '... the tag is moved' is new "$wanted"
fresh
put_image s images v2 d "x-before-$old8"
ok 'a backup is never replaced' run 73 convert --chunk-size 1MiB --replace "$s_host/src:v1" "$s_host/d:x-before-$old8"
ok '... it is as it was' is "x-before-$old8" "$old"
fresh
ok 'a template that makes no tag' run 64 convert --replace --backup-tag 'a/{tag}' "$s_host/src:v1" "$s_host/d:new"
fresh 'PUT /v2/d/manifests/new-before * status 500'
ok 'an old image that cannot be kept' convert 69 --replace
ok '... stays where it is' is new "$old"

# --- further tags ---
fresh
ok '--tag' convert 0 --replace --tag second --tag third
ok '... tells where the old image is, though the further ones are new' says "\"backup_tag\":\"new-before-$old8\""
for tag in new second third; do
    ok "... $tag" is $tag "$wanted"
done
fresh
put_image s images v2-odd d second
ok '--tag that exists' convert 73 --tag second
ok '... is left' is second "$other"
ok '... and the first, too' is new "$old"
fresh
put_image s images v2-odd d second
ok '--tag that exists, --replace' convert 0 --replace --tag second
ok '... is moved' is second "$wanted"
ok '... and kept' is "second-before-$(echo "$other" | cut -c 8-15)" "$other"

# --- tags that somebody else moves ---
fresh "PUT /v2/d/manifests/sha256: 1 retag d new $other"
put_image s images v2-odd d other
ok 'a destination that moves' convert 73 --replace
ok '... tag-moved' found tag-moved
ok '... is left' is new "$other"
ok '... the image is there by its digest' holds s d "$wanted"
ok '... which is printed' says "$wanted"
ok '... and nothing kept' gone "new-before-$old8"
forget_repo s d
put_image s images v2-odd d other
faults s "PUT /v2/d/manifests/sha256: 1 retag d new $other"
ok 'a destination that comes up' failed 73 tag-moved
ok '... is left' is new "$other"
fresh "PUT /v2/d/manifests/sha256: 1 retag src v1 $other"
ok 'a source that moves' convert 73 --replace
ok '... tag-moved' found tag-moved
ok '... moves no tag' is new "$old"
ok '... the image is there by its digest' holds s d "$wanted"
put_image s images v1 src
forget_repo s d
put_image s images v2-odd d other
faults s "PUT /v2/d/blobs/uploads/ 1 retag d new $other" "HEAD /v2/d/manifests/new 3+ retag d new $other"
ok 'moved while blobs were sent' failed 73 tag-moved
ok '... is left' is new "$other"

# --- tags that cannot be moved ---
for said in '400 TAG_INVALID The image tag already exists and cannot be overwritten because the tag is immutable' \
    '412 PRECONDITION configured as immutable' '409 TAG_INVALID tag new is immutable'; do
    fresh "PUT /v2/d/manifests/new * status $said"
    ok "immutable: ${said%% *}" convert 73 --replace
    ok '... tag-immutable' found tag-immutable
    ok '... is left' is new "$old"
    ok '... the image is there by its digest' holds s d "$wanted"
done

# --- the source's own tag ---
own() {
    own_status=$1
    shift
    run "$own_status" convert --format json --retry-times 1 --retry-delay 10ms --no-state --chunk-size 1MiB "$@"
}
same8=$(echo "$source_digest" | cut -c 8-15)
faults s
ok "the source's own tag as a destination" own 64 --replace "$s_host/src:v1" "$s_host/src:v1"
ok '... names --in-place' says '--in-place'
ok '... is refused before anything is sent' no_put
ok '... however it is written' own 64 --replace "$s_host/src:v1" "docker://$s_host/src:v1"
forget_repo s in
put_image s images v1 in
ok '--in-place' own 0 --in-place "$s_host/in:v1"
ok '... moves the tag' published s in v1 "$wanted"
ok '... keeps the old image' published s in "v1-before-$same8" "$source_digest"
faults s
ok '... and refuses a backup' own 73 --in-place "$s_host/in:v1-before-$same8"
ok '... which is as it was' published s in "v1-before-$same8" "$source_digest"
faults s
ok '--in-place and a destination' own 64 --in-place "$s_host/src:v1" "$s_host/d:new"
ok '--in-place by digest' own 64 --in-place "$s_host/src@$source_digest"
ok '--in-place without {digest8}' own 64 --in-place --backup-tag '{tag}-old' "$s_host/src:v1"
ok '--in-place without {tag}' own 64 --in-place --backup-tag 'old-{digest8}' "$s_host/src:v1"
ok '... nothing was sent' no_put
put_image s images v2-odd src "v1-before-$same8"
ok '--in-place, a backup tag that leads elsewhere' own 73 --in-place "$s_host/src:v1"
ok '... the tag is where it was' published s src v1 "$source_digest"
ok '... and so is that' published s src "v1-before-$same8" "$other"
rm "$work/s/repos/src/tags/v1-before-$same8" "$work/s/repos/src/manifests/${wanted#sha256:}"
faults s "PUT /v2/src/manifests/sha256: 1 retag src v1 $other"
ok '--in-place, a tag that moves' own 73 --in-place "$s_host/src:v1"
ok '... is left' published s src v1 "$other"
ok '... (it did)' asked s 1 fault=retag
put_image s images v1 src

# --- what leads to the source by its digest ---
forget_repo s d
printf '%s' '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","artifactType":"application/x-sbom",' \
    '"config":{"mediaType":"application/vnd.oci.empty.v1+json","digest":"sha256:44","size":2},"layers":[],"subject":' \
    "{\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"digest\":\"$source_digest\",\"size\":1}}" >artifact
artifact=$(sha256 artifact)
cp artifact "$work/s/repos/src/manifests/${artifact#sha256:}"
put_image s images v2 src "sha256-${source_digest#sha256:}.sig"
faults s
ok 'artifacts of the source' convert 0
ok '... are told' says "$artifact"
ok '... and signatures' says "sha256-${source_digest#sha256:}.sig"
ok '... the image' is new "$wanted"
faults s 'GET /referrers/ * status 404'
forget_repo s d
ok '... a registry that does not know of them' convert 0
rm "$work/s/repos/src/manifests/${artifact#sha256:}" "$work/s/repos/src/tags/sha256-${source_digest#sha256:}.sig"

# --- runs that fail, and that only look ---
forget_repo s d
layer=$("$layout" get images v1 layers/3/digest | tr -d '"')
faults s "GET /v2/src/blobs/$layer * corrupt 100"
ok 'a damaged source' convert 2
ok '... no tag' untagged s d
ok '... and no manifest' test -z "$(ls "$work/s/repos/d/manifests" 2>/dev/null)"
faults s
ok '--dry-run' convert 0 --dry-run
ok '... sends nothing' no_put
ok '... no tag' untagged s d
dry() {
    convert 0 --dry-run "$@" && [ "$(jq .spool_size "$work/out")" -eq "$wanted_spool" ]
}
wanted_spool=$((3 << 20)) # a chunk being made, two being sent
ok '... tells what may wait in the spool' dry --threads 1 --concurrency 2
wanted_spool=$(jq .disk_size "$work/out")
ok '... which is never more than all of it' dry --threads 1 --concurrency 64
ok 'a tag and a digest' own 64 "$s_host/src:v1@$source_digest" "$s_host/d:new"
ok 'a digest as a destination' own 64 "$s_host/src:v1" "$s_host/d@$wanted"
ok '... nothing was sent' no_put
finish
