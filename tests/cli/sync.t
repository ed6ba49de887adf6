# sync.t: `sync once` over many images of real registries: what a first run makes of them, that a second one asks for
# manifests only, what becomes of images that moved, are gone or damaged, and that the log tells of all of it.
. "${0%/*}/lib.sh"
. "$root/tests/cli/servers.sh"

needs docker-registry jq
"$root/fixtures/make-images" made || exit 1
cd made || exit 1
. "$root/tests/cli/sync.sh"

# asked SERVER PATTERN: how many lines of its log
asked() {
    grep -cE -e "$2" "$work/$1/said"
}

# --- 66 images: eight of an era each and their twins, some damaged ---
run 0 convert -q --to v1 --plain --v1-layer-size 30000 --upload-time none oci:images:v1 oci:images:v1-plain
run 0 convert -q --to v1 --plain --v1-layer-size 50000 --upload-time none oci:images:v1 oci:images:v1-long
disk_size=org.cirruslabs.tart.uncompressed-disk-size
run 0 convert -q --disk-digest --chunk-size 2MiB oci:images:v1 oci:images:v2-digest
edit images v1-plain wrong-size set "annotations/$disk_size" '"5242880"'
head -c 70000 /dev/urandom >noise
for repository in a b c d e f g h; do
    for tag in v1-plain v1-long v1-one v2-digest plain v2-odd v2-one v1; do
        put $tag "org/$repository:$tag" || exit 1
    done
done
put wrong-size bad/a:size
put v1-plain bad/a:blob
broken=$("$layout" name images v1-plain layers/2)
batch 'version: 1' 'defaults: {jobs: 3}' 'sync:' \
    "- {source: '$src', target: '$dst/all', type: registry, repos: {allow: ['org/[c-h]']}}" \
    "- {source: '$src/org/a', target: '$dst/a', type: repository, stage: false}" \
    "- {source: '$src/org/b', target: '$dst/b', type: repository, action: normalise}" \
    "- {source: '$src/bad/a', target: '$dst/bad', type: repository}"
ok 'a first run' once 3 --format json batch.yaml
ok '... all but what is damaged' is "$(jq -c '[.images, .done, .failed, .already]' "$work/out")" '[66,65,1,0]'
ok '... by its class' is "$(image "$dst/bad:size-v2")" 'failed disk-size'
ok '... which is a finding, too' is "$(events '"finding" and .id == "disk-size" and .severity == "damage"')" 1
ok '... the log is named' is "$(jq -r .log "$work/out")" log
ok '... and begins' is "$(jq -c 'select(.event == "run-begin") | [.command, (.images | length), .jobs]' log)" '["sync",66,3]'
ok '... and ends' is "$(jq -c 'select(.event == "run-end") | [.done, .failed]' log)" '[65,1]'
ok '... a proof before each end' is "$(events '"proof" and .proof.kind == "proof"')" \
    "$(events '"image-end" and .status == "done"')"
ok '... each begun once' is "$(events '"image-begin"')" "$(jq -r 'select(.event == "image-begin") | .name' log | sort -u | wc -l)"
ok '... V1 is made V2' run 0 verify "$dst/a:v1-plain"
ok '... the same disk' same_disk "$dst/all/org/c:v1-long-v2" oci:images:v1-long
ok '... V2 that has all is copied' is "$(tag_digest "$dst" all/org/c v2-digest-v2)" "$(digest_of images v2-digest)"
ok '... and normalised' run 0 verify "$dst/b:plain-v2"
ok '... no lock is left' is "$(find "$XDG_STATE_HOME" -name '*.lock' | wc -l)" 0
ok 'report reads it' run 0 report --format json log
ok '... the same numbers' is "$(jq -c '[.totals.statuses.done, .totals.statuses.failed]' "$work/out")" '[65,1]'

# --- a second run ---
sources='"(GET|HEAD) /v2/org/[a-h]/manifests/' targets='"(GET|HEAD) /v2/(all/org/[c-h]|a|b)/manifests/'
data='"(POST|PUT|PATCH) |GET /v2/.*/blobs'
before="$(asked plain "$sources") $(asked target "$targets") $(asked target "$data")"
since() {
    set -- $before "$(asked plain "$sources")" "$(asked target "$targets")" "$(asked target "$data")"
    echo $(($4 - $1)) $(($5 - $2)) $(($6 - $3))
}
rm log
ok 'a second run' once 3 batch.yaml
ok '... has nothing to do' says '66 images: 0 done, 65 already, 0 gone, 0 left, 1 failed'
ok '... one request an image and side, no blob and no upload' is "$(since)" '64 64 0'

# --- what changes between runs ---
rm -f log
put v1-long org/a:v1-plain || exit 1
put v1-long org/c:v1-one || exit 1
put v1-plain org/h:gone || exit 1
hex=${broken##*/}
one=$(printf %.2s "$hex")
blob=$work/plain/data/docker/registry/v2/blobs/sha256/$one/$hex/data
was=$(tag_digest "$dst" a v1-plain)
cp "$blob" kept
ok 'a moved source' once 0 --only '.*/a:v1-plain|.*c:v1-one' batch.yaml
ok '... is converted again, without replace' is "$(image "$dst/a:v1-plain")" 'done -'
ok '... and the next' is "$(image "$dst/all/org/c:v1-one-v2")" 'done -'
ok '... what was there is kept' is "$(tag_digest "$dst" a "v1-plain-before-$(echo "$was" | cut -c 8-15)")" "$was"
ok '... the new one is there' same_disk "$dst/a:v1-plain" oci:images:v1-long
ok '... and then done' once 0 --only '.*/a:v1-plain' batch.yaml
ok '... by its seal' says '1 image: 0 done, 1 already'
ok 'one more' once 0 --only '.*h:gone' batch.yaml
delete "$src" org/h v1-plain # the same manifest: both tags lead nowhere now
batch 'sync:' "- {source: '$src/org/h:gone', target: '$dst/all/org/h:gone', type: image}"
ok '... the source of which goes' once 0 batch.yaml
ok '... is done, source gone' says '1 image: 0 done, 0 already, 1 gone'
batch 'sync:' "- {source: '$src/org/h:none', target: '$dst/all/org/h:none', type: image}"
ok '... and without a target failed' once 3 batch.yaml
ok '... as such' is "$(image "$dst/all/org/h:none-v2")" 'failed no-such-tag'

# a blob that the registry has lost or broken
put v1-plain org/i:lost || exit 1
head -c "$(wc -c <kept)" noise >"$blob"
batch 'sync:' "- {source: '$src/org/i:lost', target: '$dst/i:1', type: image}" \
    "- {source: '$src/org/i', target: '$dst/i2', type: repository, tags: {deny: [lost]}}" \
    "- {source: '$src/org/c:v1-long', target: '$dst/i3:1', type: image}"
rm log
ok 'a blob is broken' once 3 batch.yaml
ok '... that image fails' is "$(image "$dst/i:1-v2")" 'failed blob-digest'
ok '... at its layer' is "$(jq -c 'select(.event == "finding") | [.id, .layer]' log)" '["blob-digest",2]'
ok '... and the other is done' is "$(image "$dst/i3:1-v2")" 'done -'
ok '... the tag is not there' is "$(tag_digest "$dst" i 1-v2)" ''
cp kept "$blob"
ok '... and once it is whole' once 0 batch.yaml
ok '... made' is "$(image "$dst/i:1-v2")" 'done -'

finish
