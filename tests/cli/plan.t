# plan.t: `sync check` against real registries: what is done, what is not, what it asks, and shards.
. "${0%/*}/lib.sh"
. "$root/tests/cli/servers.sh"

needs docker-registry skopeo
"$root/fixtures/make-images" made || exit 1
cd made || exit 1

# without our seal, as another tool's
run 0 convert -q --to v1 --plain --v1-layer-size 30000 oci:images:v1 oci:foreign:v1
registry plain delete
host=$plain_host
for tag in 1 2; do
    copy oci:foreign:v1 "docker://$host/org/a:$tag" || exit 1
done
copy oci:foreign:v1 "docker://$host/org/b:1" || exit 1

# lines PATTERN: of what the registry was asked
lines() {
    grep -cE -e "$1" "$work/plain/said"
}
# check STATUS ARGUMENT...
check() {
    check_status=$1
    shift
    run "$check_status" sync check --retry-delay 10ms "$@"
}
# row NAME VERDICT: a line of the table
row() {
    grep -qE "^$host/$1 +$2 " "$work/out" || {
        echo "no row $1 $2"
        return 1
    }
}
# batch LINE...: the file
batch() {
    printf '%s\n' "$@" >batch.yaml
}
convert() {
    run 0 convert -q --chunk-size 1MiB --disk-digest "$@"
}

batch 'version: 1' 'sync:' "- source: $host/org/a" "  target: $host/new/a" '  type: repository' \
    "- {source: '$host/org/b:1', target: '$host/new/b:x', type: image}"
ok 'all is to be done' check 0 batch.yaml
ok '... staged' row 'new/a:1-v2' convert
ok '... the second' row 'new/a:2-v2' convert
ok '... the image' row 'new/b:x-v2' convert
ok '... summed up' says '3 to do, 0 done, 0 done and gone, 0 left, 0 failed'
ok '... and why' says 'REQUESTS'
ok 'nothing was written' sh -c '! grep -qE "\"(POST|PUT|PATCH|DELETE) /v2/(new|org/[ab]/blobs/uploads)" "$1" || [ "$(grep -cE "\"(POST|PUT) /v2/new" "$1")" -eq 0 ]' sh "$work/plain/said"
ok '--only' check 0 --only '.*/b:.*' batch.yaml
ok '... that one alone' says '1 to do, 0 done'
ok 'a rate gives a time' check 0 --limit-rate 64KiB batch.yaml
ok '... told' says 'at the rate given'

convert "$host/org/a:1" "$host/new/a:1-v2"
ok 'what was made is done' check 0 batch.yaml
ok '... by its seal' row 'new/a:1-v2' done
ok '... and the rest is not' says '2 to do, 1 done'
before=$(lines '"(GET|HEAD) /v2/[a-z/]*/manifests/')
ok 'asked once a side' check 0 --only '.*a:1-v2' batch.yaml
ok '... two requests' test "$(($(lines '"(GET|HEAD) /v2/[a-z/]*/manifests/') - before))" -eq 2

copy oci:foreign:v1 "docker://$host/org/moved:1"
convert "$host/org/moved:1" "$host/new/moved:1-v2"
run 0 convert -q --to v1 --plain --v1-layer-size 30000 --upload-time 2020-01-01T00:00:00Z oci:images:v1 "oci:other:v1"
copy oci:other:v1 "docker://$host/org/moved:1"
batch 'sync:' "- {source: '$host/org/moved:1', target: '$host/new/moved:1', type: image}"
ok 'a moved source is converted again' check 0 batch.yaml
ok '... and says so' says 'the source moved'
copy oci:foreign:v1 "docker://$host/org/gone:1"
convert "$host/org/gone:1" "$host/new/gone:1-v2"
digest=$(skopeo --insecure-policy inspect --tls-verify=false --format '{{.Digest}}' "docker://$host/org/gone:1")
curl -sS -X DELETE "http://$host/v2/org/gone/manifests/$digest" || exit 1
batch 'sync:' "- {source: '$host/org/gone:1', target: '$host/new/gone:1', type: image}"
ok 'a source that is gone' check 0 batch.yaml
ok '... done, source gone' says 'done, source gone'
batch 'sync:' "- {source: '$host/org/none:1', target: '$host/new/none:1', type: image}"
ok 'no source and nothing made' check 3 batch.yaml
ok '... failed' row 'new/none:1-v2' failed

copy oci:foreign:v1 "docker://$host/new/taken:1-v2"
batch 'sync:' "- {source: '$host/org/b:1', target: '$host/new/taken:1', type: image}"
ok "another's image is left" check 3 batch.yaml
ok '... told' says 'no seal and no log knows'
batch 'sync:' "- {source: '$host/org/b:1', target: '$host/new/taken:1', type: image, replace: true}"
ok '... or replaced' check 0 batch.yaml
ok '... where asked for' row 'new/taken:1-v2' convert

batch 'sync:' "- {source: '$host/org/b', type: repository, in-place: true, stage: false}"
ok 'in place' check 0 batch.yaml
ok '... its own tag' row 'org/b:1' convert
batch 'sync:' "- {source: '$host/org/b', type: repository, in-place: true}"
ok 'in place, staged' check 0 batch.yaml
ok '... beside it' row 'org/b:1-v2' convert
convert "$host/org/b:1" "$host/org/b:1-v2"
ok 'what is staged is no source' check 0 batch.yaml
ok '... one image' says '0 to do, 1 done'
convert --in-place "$host/org/b:1"
ok 'a backup is no source' check 0 batch.yaml
ok '... and what was switched needs nothing' says '0 to do, 1 done'
batch 'sync:' "- {source: '$host/new/a:1-v2', target: '$host/copies/a:1', type: image, stage: false}"
ok 'V2 is copied' check 0 batch.yaml
ok '... as it is' row 'copies/a:1' copy
copy "docker://$host/new/a:1-v2" "docker://$host/copies/a:1"
ok '... and then is the same' check 0 batch.yaml
ok '... done' row 'copies/a:1' done

batch 'sync:' "- {source: '$host', target: '$host/all', type: registry, repos: {allow: ['org/.*']}, tags: {allow: ['1']}}"
ok 'a registry' check 0 batch.yaml
ok '... each repository' row 'all/org/a:1-v2' convert
ok '... of those meant' row 'all/org/b:1-v2' copy
batch 'sync:' "- {source: '$host/nothing', target: '$host/x', type: repository}" \
    "- {source: '$host/org/b:1', target: '$host/y:1', type: image}"
ok 'a repository that is not there' check 3 batch.yaml
ok '... fails alone' says '1 to do, 0 done, 0 done and gone, 0 left, 1 failed'

batch 'sync:' "- {source: '$host/org/a', target: '$host/p', type: repository}" \
    "- {source: '$host/org/a', target: '$host/p', type: repository}"
ok 'two entries, one target' check 78 batch.yaml
ok '... with its place' says 'batch.yaml:3:'

batch 'sync:' "- {source: '$host/org/a', target: '$host/new/a', type: repository}"
deleted=$(lines '"DELETE /v2/new/a/blobs/uploads')
ok '--probe' check 0 --probe batch.yaml
ok '... finds no fault' says "probe: $host/new/a takes uploads"
ok '... and leaves nothing open' test "$(($(lines '"DELETE /v2/new/a/blobs/uploads') - deleted))" -eq 1
ok '--plan' check 0 --plan plan.json batch.yaml
ok '... pins the source' grep -q "\"source_digest\":\"sha256:" plan.json
ok '... is a document' grep -q '^{"kind":"plan","version":1,"images":\[{"name":"'"$host"'/new/a:[12]-v2"' plan.json
ok '--format json is the same' check 0 --format json batch.yaml
ok '... document' cmp plan.json "$work/out"

registry locked readonly
batch 'sync:' "- {source: '$host/org/b:1', target: '$locked_host/b:1', type: image}"
ok 'a registry that takes nothing' check 3 --probe batch.yaml
ok '... is named' says "probe: $locked_host/b: "

registry closed htpasswd
batch "creds: [{registry: '$closed_host', user: '\${U}', pass: '\${P}'}]" 'sync:' \
    "- {source: '$host/org/b:1', target: '$closed_host/b:1', type: image}"
export U=user P=wrong
ok 'a wrong password' check 3 batch.yaml
ok '... is told' says 'the batch file'
ok '... and not shown' not says wrong
export P="$password"
ok 'the right one' check 0 --probe batch.yaml
ok '... opens it' says "probe: $closed_host/b takes uploads"
ok '... unseen by --debug' check 0 --debug batch.yaml
ok '... ' not says "$password"
mkdir bin
cat >bin/docker-credential-here <<FILE
#!/bin/sh
read -r asked
echo "{\"Username\":\"$user\",\"Secret\":\"$password\"}"
FILE
chmod +x bin/docker-credential-here
PATH=$PWD/bin:$PATH
batch "creds: [{registry: '$closed_host', credHelper: docker-credential-here}]" 'sync:' \
    "- {source: '$host/org/b:1', target: '$closed_host/b:1', type: image}"
ok 'a helper' check 0 --probe batch.yaml
run 0 login --authfile "$PWD/auth.json" -u "$user" -p "$password" "$closed_host"
batch "creds: [{registry: '$closed_host', authfile: '$PWD/auth.json'}]" 'sync:' \
    "- {source: '$host/org/b:1', target: '$closed_host/b:1', type: image}"
ok 'a file of credentials' check 0 --probe batch.yaml
registry tls tls
batch "creds: [{registry: '$tls_host', tls-verify: false}]" 'sync:' \
    "- {source: '$tls_host/b/b:1', target: '$tls_host/b/c:1', type: image}"
ok 'a certificate that is not to be checked' check 3 --format json batch.yaml
ok '... is not' found no-such-tag
ok '... but where the command line says so' check 3 --format json --retry-times 0 --tls-verify batch.yaml
ok '... for all registries' found tls
finish
