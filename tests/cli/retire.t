# retire.t: V1 images that have been migrated, listed and deleted; whatever leads to one, or is not proved, keeps it; logs
# written by hand. (A scripted registry, then docker-registry.)
. "${0%/*}/lib.sh"
. "$root/tests/cli/servers.sh"

needs "$python" setpriv jq docker-registry skopeo curl
"$root/fixtures/make-images" made || exit 1
cd made || exit 1
# the same but for a byte of the disk
cp -r vm vm2
printf x | dd of=vm2/disk.img bs=1 seek=3000000 conv=notrunc status=none
run 0 convert -q --to v1 --v1-layer-size 30000 vm:vm2 oci:images:other || exit 1
old=$(digest_of images v1)
other=$(digest_of images other)
old8=$(echo "$old" | cut -c 8-15)
mkdir states

# base REPOSITORY TAG...: the tags are the V1 image, staged in place and switched; all of it in $work/base, the log is base.log
scripted s
base_more=
base() {
    base_repo=$1
    shift
    printf 'sync:\n' >sync.yaml
    for base_tag in "$@"; do
        put_image s images v1 "$base_repo" "$base_tag"
        echo "- {source: '$s_host/$base_repo:$base_tag', type: image, in-place: true, chunk-size: 1MiB$base_more}" >>sync.yaml
    done
    run 0 sync once -q --state states/ --log base.log sync.yaml && run 0 switch -q base.log
}
base_more=', plain: true'
ok 'a migration without marks' base p 15
mv base.log plain.log
base_more=
ok 'a migration' base r 15
put_image s images v2-odd r odd
new=$(tag_of s r 15)
rm -rf "$work/base"
cp -r "$work/s/repos" "$work/base"

# fresh [FAULT...]
fresh() {
    rm -rf "$work/s/repos"
    cp -r "$work/base" "$work/s/repos"
    cp base.log log
    faults s "$@"
}
# retire STATUS ARGUMENT...
retire() {
    retire_status=$1
    shift
    run "$retire_status" retire --retry-times 1 --retry-delay 10ms --older-than 0s "$@" log
}
# left TEXT ARGUMENT...: nothing is deleted, though asked for, for that reason
left() {
    left_text=$1
    shift
    retire 3 --yes "$@" && says "left  " && says "$left_text" && asked s 0 'DELETE ' && stands
}
stands() {
    [ -e "$work/s/repos/r/manifests/${old#sha256:}" ]
}
# is TAG DIGEST: in r
is() {
    published s r "$1" "$2"
}
# forge FILTER: each line of the log (jq)
forge() {
    jq -c "$1" base.log >log
}

# --- listed, deleted ---
fresh
ok 'a list' retire 0
ok '... has it' says "would    $s_host/r@$old"
ok '... with its size' says KiB
ok '... where its disk is' says "its disk is in $s_host/r:15"
ok '... and its backup' says "with the tag 15-before-$old8"
ok '... sums up' says '1 would be deleted'
ok '... and nothing is written' asked s 0 '(PUT|POST|PATCH|DELETE) '
ok '... nor logged' cmp log base.log
ok '... both disks were read' asked s 7+ "GET /v2/r/blobs/sha256"
ok 'as a document' retire 0 --format json
ok '... of its kind' test "$(jq -r '.kind, .version, .yes, (.manifests | length)' "$work/out" | tr '\n' ' ')" = 'retire 1 false 1 '
ok '... with all of it' test "$(jq -r '.manifests[0] | .repository, .digest, .image, .target, .status, .why, .tags[]' "$work/out" | tr '\n' ' ')" = \
    "$s_host/r $old $s_host/r:15-v2 $s_host/r:15 would null 15-before-$old8 "
ok 'the default age' run 3 retire --yes log
ok '... is more' says 'its proof is younger than --older-than'
ok '... which asks nobody' asked s 0 'DELETE '
fresh
ok '--yes' retire 0 --yes
ok '... says so' says "deleted  $s_host/r@$old"
ok '... and it is' not stands
ok '... by its digest' asked s 1 "DELETE /v2/r/manifests/$old 202"
ok '... the tags were read once more, before' sh -c 'sed -n "/blobs/h; /tags.list/H; \${x;p}" "$1" | grep -q tags/list && tail -n 1 "$1" | grep -q DELETE' sh "$work/s/log"
ok '... the new image is there' is 15 "$new"
ok '... under both tags' is 15-v2 "$new"
ok '... the log says it' sh -c 'tail -n 1 log | grep -q "\"event\":\"retired\".*\"digest\":\"$1\".*\"tags\":\[\"15-before-"' sh "$old"
faults s
ok '... once more' retire 0 --yes
ok '... nothing is left to do' says nothing
ok '... rollback' run 3 rollback log
ok '... has nothing to go back to' says 'not there any more'
ok '... switch' run 0 switch log
ok '... nothing to do' says '1 already'
cp base.log log
ok '... by a log that does not know it' retire 0 --yes
ok '... it is gone' says "gone     $s_host/r@$old"
fresh 'DELETE . 1 lose'
ok 'an answer that is lost' retire 0 --yes
ok '... is no matter' sh -c 'grep -q "\"retired\"" log'
fresh
ok '--only, another' retire 0 --yes --only '.*:16'
ok '... is nothing' stands
ok '--only' retire 0 --yes --only '.*/r:15'
ok '... by the tag' not stands

# --- what leads to it ---
fresh
printf %s "$old" >"$work/s/repos/r/tags/pinned"
ok 'another tag' left 'the tag pinned leads to it, too'
fresh
printf %s "$old" >"$work/s/repos/r/tags/-odd"
ok 'a name that is none, and may lead to it' retire 3 --yes
ok '... says so' says 'has names that are none'
ok '... it stays' stands
fresh "GET /v2/r/blobs/ 1 retag r late $old"
ok 'a tag that comes meanwhile' left 'the tag late leads to it, too'
fresh "GET /v2/r/blobs/ 1 retag r 15 odd"
ok 'a new image whose tag moves meanwhile' left "$s_host/r:15 does not lead to what the proof is of"
# put_text NAME: what is on standard input, as a manifest; $text is its digest
put_text() {
    cat >text
    text=$(sha256 text)
    cp text "$work/s/repos/r/manifests/${text#sha256:}"
    [ $# -eq 0 ] || printf %s "$text" >"$work/s/repos/r/tags/$1"
}
index=application/vnd.oci.image.index.v1+json
image=application/vnd.oci.image.manifest.v1+json
entries() {
    printf '{"schemaVersion":2,"mediaType":"%s","manifests":[{"mediaType":"%s","digest":"%s","size":1}]}' "$index" "$1" "$2"
}
fresh
entries "$image" "$old" | put_text many
ok 'an index' left 'the OCI index many names it'
entries "$index" "$(sha256 text)" >outer
rm "$work/s/repos/r/tags/many"
put_text outer <outer
ok 'an index in an index' left 'the OCI index sha256:'
fresh
printf '{"schemaVersion":2,"mediaType":"%s","config":{"mediaType":"x","digest":"%s","size":2},"layers":[],"subject":{"mediaType":"%s","digest":"%s","size":1}}' \
    "$image" "$old" "$image" "$old" >subject
put_text <subject
ok 'a referrer' left "$text refers to it"
fresh 'GET /referrers/ * status 404'
put_text note <subject
ok '... that only its tag shows' left 'note refers to it'
fresh
printf %s "$new" >"$work/s/repos/r/tags/sha256-${old#sha256:}.sig"
ok "cosign's tag" left '.sig refers to it'
fresh
printf '{"mediaType":"%s","manifests":[],"manifests":[]}' "$index" | put_text strange
ok 'what cannot be read' retire 3 --yes
ok '... might be an index' says 'may be an index'
ok '... and keeps it' stands
fresh 'GET /v2/r/tags/list 2-9 status 500'
ok 'tags that cannot be read again' retire 3 --yes
ok '... keep it' stands

# --- what is not good ---
v2_layer=$(jq -r '.layers[3].digest' "$work/base/r/manifests/${new#sha256:}")
v1_layer=$(jq -r '.layers[2].digest' "$work/base/r/manifests/${old#sha256:}")
fresh "GET /v2/r/blobs/$v2_layer * corrupt 100"
ok 'a new image that is damaged' left 'the new image is'
ok '... which HEAD does not show' retire 0 --trust-head
ok '... it reads no blob' test "$(grep -c "GET /v2/r/blobs/$v1_layer" "$work/s/log")" -eq 0
fresh "GET /v2/r/blobs/$v1_layer * corrupt 100"
ok 'an old image that is damaged' left 'the old image is'
ok '... --trust-head' retire 0 --yes --trust-head
ok '... does not read it' not stands
fresh
rm "$work/s/repos/r/blobs/${v2_layer#sha256:}"
ok 'a new image that is not whole' left 'the new image is'
ok '... --trust-head' left "the blob $v2_layer is not there" --trust-head
fresh "HEAD /v2/r/blobs/$v2_layer * header Content-Length: 7"
ok 'a blob of another size' left "the blob $v2_layer is of another size" --trust-head
fresh
printf %s "$(tag_of s r odd)" >"$work/s/repos/r/tags/15"
ok 'a tag that leads elsewhere' left "$s_host/r:15 does not lead to what the proof is of"
fresh
run 0 rollback log
ok 'one that was rolled back' left 'its tag was rolled back'
fresh
printf %s "$old" >"$work/s/repos/r/tags/15"
rm "$work/s/repos/r/tags/15-before-$old8"
grep -v '"switch' base.log >log
ok 'one that was not switched' left 'tartconv switch moves it there'
fresh
printf %s "$old" >"$work/s/repos/r/tags/15"
ok 'one that was moved back by hand' left "$s_host/r:15 does not lead to"

# --- logs that others wrote ---
fresh
put_image s images other r 16
fakes="walk(if . == \"$old\" then \"$other\" else . end)"
moved='if .source then .source |= sub(":15$"; ":16") else . end'
stands_other() {
    [ -e "$work/s/repos/r/manifests/${other#sha256:}" ] && asked s 0 'DELETE '
}
forge "$fakes | $moved"
ok "another image's digest" retire 3 --yes
ok '... is no match' says "says that it was made of $old"
ok '... it stays' stands_other
ok '... --trust-head' retire 3 --yes --trust-head
ok '... too' stands_other
fresh
put_image s images other p 16
jq -c "$fakes | $moved" plain.log >log
ok '... of one that does not say what it was made of' retire 3 --yes
ok '... is no match for its disk' says 'the old image is not what the proof is of'
ok '... and stays' asked s 0 'DELETE '
fresh
put_image s images other p 16
jq -c "if .event == \"proof\" then . else $fakes | $moved end" plain.log >log
ok '... but in the proof' retire 3 --yes --trust-head
ok '... which is of another one' says "the log's proof is of other images"
ok '... it stays' asked s 0 'DELETE '
forge "walk(if . == \"$old\" then \"$new\" else . end)"
ok 'the new image as the old one' retire 3 --yes
ok '... is no V1 image' says 'it is no disk.v1 image'
ok '... and stays' is 15 "$new"
for trust in '' --trust-head; do
    fresh
    forge "walk(if . == \"$new\" then \"$old\" else . end)"
    printf %s "$old" >"$work/s/repos/r/tags/15"
    ok 'the old image as the new one' left 'is no disk.v2 image' $trust
    fresh
    forge 'if .proof then .proof.chunks[1].basis = "same-blob" else . end'
    ok 'a chunk that was not decoded' left 'its proof has chunks that were not decoded' $trust
    forge "if .proof then .proof.dropped_layers = [\"$old\"] else . end"
    ok 'a layer that was left out' left 'layers that were left out' $trust
    forge 'if .event == "image-end" then .trusted = true else . end'
    ok 'layers that were trusted' left 'chunks that were not decoded' $trust
    forge 'if .event == "image-end" then .salvaged = true else . end'
    ok 'one that was salvaged' left 'it was salvaged' $trust
    forge 'if .proof then .time = "2099-01-01T00:00:00.000Z" else . end'
    ok 'a proof of the future' left 'of the future' $trust
    forge 'if .proof then .proof.chunks = [] else . end'
    ok 'a proof without chunks' left 'chunks' $trust
    forge 'select(.event != "proof")'
    ok 'no proof' left 'the log has no proof of it' $trust
done
forge "if .proof then .proof.chunks[1].content_digest = \"$old\" else . end"
ok 'a proof of another disk' left 'the new image is not what the proof is of'
forge 'select(.event != "image-end" and .event != "image-begin")'
ok 'a log that lacks most' retire 3 --yes
ok '... keeps it' stands
forge 'del(.source)'
ok 'a log without a source' retire 3 --yes
ok '... keeps it' stands

# --- several of one manifest ---
rm -rf "$work/s/repos" base.log states
mkdir "$work/s/repos" states
ok 'two tags of one image' base r 15 16
rm -rf "$work/base"
cp -r "$work/s/repos" "$work/base"
fresh
ok '... go together' retire 0 --yes
ok '... once' asked s 1 'DELETE '
ok '... with both backups' test "$(grep -c 'with the tag 1[56]-before-' "$work/out")" -eq 2
ok '... noted of both' test "$(grep -c '"event":"retired"' log)" -eq 2
fresh
run 0 rollback --only '.*:16' log
ok 'one of them rolled back' left 'of which'
ok '... keeps it' says ':16-v2 was made: its tag was rolled back'
fresh
ok '--only one of them' left '--only leaves it out' --only '.*:15'
ok '... both' retire 0 --only '.*:15' --only '.*:16'
fresh
grep -v 'r:16' base.log >log
ok 'one that no log knows' left 'the tag 16-before-'
fresh
printf %s "$old" >"$work/s/repos/r/tags/16"
ok 'one that was moved back by hand' left "$s_host/r:16 does not lead to"
fresh
mv "$work/s/repos/r" "$work/s/repos/q"
cp -r "$work/base/r" "$work/s/repos/r"
sed "s,$s_host/r:,$s_host/q:,g" base.log >>log
ok 'another repository' retire 0 --yes
ok '... has its own' asked s 1 "DELETE /v2/q/manifests/$old"
ok '... each' asked s 1 "DELETE /v2/r/manifests/$old"
fresh 'DELETE . * status 405 UNSUPPORTED'
cp -r "$work/base/r" "$work/s/repos/q"
sed "s,$s_host/r:,$s_host/q:,g" base.log >>log
ok 'a registry that deletes nothing' retire 63 --yes
ok '... and what can be done' says 'storage.delete.enabled'
ok '... is asked once' asked s 1 'DELETE '
ok '... and reads nothing for the other one' asked s 0 '/v2/r/'
fresh 'DELETE . * status 401'
ok 'credentials that are refused' retire 77 --yes
ok '--creds' run 64 retire --creds a:b log
ok 'no log' run 66 retire none.log

# --- without a sync ---
fresh
put_image s images v1 one 15
rm -f log
ok 'convert --in-place' run 0 convert -q --chunk-size 1MiB --in-place --log log "$s_host/one:15"
ok '... its log will do, too' retire 0 --yes
ok '... with the backup that was made' says "with the tag 15-before-$old8"
ok '... it is gone' asked s 1 "DELETE /v2/one/manifests/$old 202"
put_image s images v1 two 15
rm -f log
ok 'by its digest' run 0 convert -q --chunk-size 1MiB --log log "$s_host/two@$old" "$s_host/three:15"
ok '... to another repository' retire 3 --yes
ok '... is left for its tag, of which nobody knows' says 'the tag 15 leads to it, too'
rm "$work/s/repos/two/tags/15"
ok '... where none leads to it' retire 0 --yes
ok '... it goes' asked s 1 "DELETE /v2/two/manifests/$old 202"
put_image s images v1 two 15
rm -f log
ok 'a copy' run 0 convert -q --to same --decode --log log "$s_host/two:15" "$s_host/four:15"
ok '... is no V2 image' retire 3 --yes
ok '... so the source stays' test -e "$work/s/repos/two/manifests/${old#sha256:}"

# --- docker-registry ---
registry plain delete
host=$plain_host
copy oci:images:v1 "docker://$host/org/vm:13"
copy oci:images:v1 "docker://$host/org/vm:14"
copy oci:images:other "docker://$host/org/vm:15"
copy oci:images:v1 "docker://$host/org/else:13"
printf '%s\n' 'sync:' "- {source: '$host/org/vm', type: repository, in-place: true, chunk-size: 1MiB}" >sync.yaml
ok 'docker-registry: staged' run 0 sync once -q --state states/ --log real.log sync.yaml
ok '... switched' run 0 switch -q real.log
at() { # REFERENCE: the manifest is there
    curl -fsS -o got -H "Accept: $image" -H "Accept: $index" "http://$host/v2/org/$1"
}
copy_of() {
    run 0 verify --retry-delay 10ms "$host/org/vm:$1"
}
entries "$image" "$other" >list
sed -i "s/\"size\":1/\"size\":$(wc -c <"$("$layout" name images other manifest)")/" list
curl -fsS -X PUT -H "Content-Type: $index" --data-binary @list "http://$host/v2/org/vm/manifests/every" >got 2>&1
ok '... an index names one' run 3 retire --older-than 0s --yes real.log
ok '... which is left' says 'the OCI index every names it'
ok '... and there' at "vm/manifests/$other"
ok '... the other is deleted' says "deleted  $host/org/vm@$old"
ok '... and gone' not at "vm/manifests/$old"
ok '... with its backups' not at "vm/manifests/13-before-$old8"
ok '... not from another repository' at "else/manifests/$old"
ok '... the new images are whole' copy_of 13
ok '... all' copy_of 14
ok '... and once more' run 3 retire --older-than 0s --yes real.log
ok '... nothing but the one' says '0 deleted'
end_server plain
finish
