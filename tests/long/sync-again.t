# sync-again.t: what `sync once` leaves alone and what it knows again: images of others, plain ones, what was rolled back,
# what stands in place of its source, and the parts of a plan.
. "${0%/*}/../cli/lib.sh"
. "$root/tests/cli/servers.sh"

needs docker-registry jq
"$root/fixtures/make-images" made || exit 1
cd made || exit 1
. "$root/tests/cli/sync.sh"

run 0 convert -q --to v1 --plain --v1-layer-size 30000 --upload-time none oci:images:v1 oci:images:v1-plain
run 0 convert -q --to v1 --plain --v1-layer-size 50000 --upload-time none oci:images:v1 oci:images:v1-long
for tag in v1-plain v1-long v1-one; do
    for repository in c d e; do
        put $tag "org/$repository:$tag" || exit 1
    done
done

# --- what is another's ---
run 0 convert -q --to same oci:images:plain "$dst/taken:1-v2"
theirs=$(digest_of images plain)
batch 'sync:' "- {source: '$src/org/c:v1-long', target: '$dst/taken:1', type: image}"
ok "another's image" once 3 batch.yaml
ok '... is left' is "$(image "$dst/taken:1-v2")" 'failed exists'
ok '... as it was' is "$(tag_digest "$dst" taken 1-v2)" "$theirs"
batch 'sync:' "- {source: '$src/org/c:v1-long', target: '$dst/taken:1', type: image, replace: true}"
ok '... or replaced' once 0 batch.yaml
ok '... and kept under its backup' is "$(tag_digest "$dst" taken "1-v2-before-$(echo "$theirs" | cut -c 8-15)")" "$theirs"

# --- plain: known by logs alone ---
batch 'sync:' "- {source: '$src/org/c:v1-long', target: '$dst/plain:1', type: image, plain: true, chunk-size: 2MiB}"
ok 'plain' once 0 --log plain.log batch.yaml
ok '... says that a log is needed' says '--history LOG'
ok '... and without one' once 3 batch.yaml
ok '... is not known again' is "$(image "$dst/plain:1-v2")" 'failed exists'
ok '... with it' once 0 --history plain.log batch.yaml
ok '... is' is "$(image "$dst/plain:1-v2")" 'already -'
ok '... and says nothing' not says '--history LOG'
grep -v image-end plain.log >killed.log
ok '... also where its end was not logged' once 0 --history killed.log batch.yaml
ok '... by its proof' is "$(image "$dst/plain:1-v2")" 'already -'
grep -v -e image-end -e '"proof"' plain.log >early.log
ok '... and not without that' once 3 --history early.log batch.yaml
put v1-plain org/c:v1-long
ok '... moved' once 0 --history plain.log --log plain.log batch.yaml
ok '... it is made again' is "$(jq -r 'select(.event == "image-end") | .status' plain.log | tail -n 1)" done
put v1-long org/c:v1-long

# --- switched and rolled back ---
run 0 convert -q --to same oci:images:v1-one "$dst/rolled:1"
before=$(digest_of images v1-one)
batch 'sync:' "- {source: '$src/org/d:v1-long', target: '$dst/rolled:1', type: image}"
ok 'staged' once 0 --log rolled.log batch.yaml
staged=$(tag_digest "$dst" rolled 1-v2)
ok '... switched' run 0 switch rolled.log
ok '... done all the same' once 0 --history rolled.log batch.yaml
ok '... and rolled back' run 0 rollback rolled.log
ok '... is left' once 0 --history rolled.log batch.yaml
ok '... which is no failure' says '1 image: 0 done, 0 already, 0 gone, 1 left'
ok '... with or without the log' once 0 batch.yaml
ok '... untouched' is "$(tag_digest "$dst" rolled 1-v2) $(tag_digest "$dst" rolled 1)"  "$staged $before"

# --- in place: what moves the source's own tags ---
for tag in v1-plain v1-long v2; do
    put $tag "place/a:$tag"
done
batch 'sync:' "- {source: '$src/place/a', type: repository, in-place: true, stage: false}"
ok 'in place' once 0 batch.yaml
ok '... two are made, one needs nothing' says '3 images: 2 done, 1 already'
ok '... the old ones are kept' sh -c '[ "$1" -eq 5 ]' sh "$(curl -sS "http://$src/v2/place/a/tags/list" | jq '.tags | length')"
ok '... again' once 0 batch.yaml
ok '... backups are no sources' says '3 images: 0 done, 3 already'

# --- a plan, in shards ---
batch 'sync:' "- {source: '$src/org/e', target: '$dst/shards', type: repository, stage: false}"
ok 'a plan' run 0 sync check --plan plan.json batch.yaml
put v1-one org/e:v1-long
put v1-one org/e:new
rm log
# shards: both, one after the other; one of them has the tag that moved
shards() {
    once 0 --plan plan.json --shard 1/2 batch.yaml
    first=$got
    once 0 --plan plan.json --shard 2/2 batch.yaml
    is $((first + got)) 3
}
ok 'two shards' shards
ok '... together are the plan' is "$(events '"image-end"')" 3
ok '... a tag that moved' is "$(image "$dst/shards:v1-long")" 'failed tag-moved'
ok '... is not touched' is "$(tag_digest "$dst" shards v1-long)" ''
ok '... nor is what the plan has not' is "$(tag_digest "$dst" shards new)" ''
ok '... the others are done' is "$(events '"image-end" and .status == "done"')" 2
finish
