# scan.t: what images registries have and what they need: a real registry, and a scripted one that pages, refuses and lies.
. "${0%/*}/lib.sh"
. "$root/tests/cli/servers.sh"

needs docker-registry skopeo
"$root/fixtures/make-images" made || exit 1
cd made || exit 1
size=org.cirruslabs.tart.uncompressed-disk-size

# row NAME WORD...: the table has this row, with these words in this order.
row() {
    row_name=$1
    shift
    row_is=$(awk -v name="$row_name" '$1 == name' "$work/out" | tr -s ' ')
    for row_word in "$@"; do
        case $row_is in
        *" $row_word"*) row_is=" ${row_is#*" $row_word"}" ;;
        *)
            echo "$row_name: no $row_word in ${row_is:-nothing}"
            return 1
            ;;
        esac
    done
}
# names REFERENCE...: the table has rows of these, in this order, and no other. any_names: in any order.
names() {
    for name in "$@"; do echo "$name"; done >"$work/wanted"
    awk 'NR > 1 && NF == 0 { exit } NR > 1 { print $1 }' "$work/out" >"$work/named"
    diff "$work/wanted" "$work/named"
}
any_names() {
    for name in "$@"; do echo "$name"; done | sort >"$work/wanted"
    awk 'NR > 1 && NF == 0 { exit } NR > 1 { print $1 }' "$work/out" | sort >"$work/named"
    diff "$work/wanted" "$work/named"
}
# json EXPRESSION: of the document `d`, whose images are `i` by their names without the host.
json() {
    $python -c '
import json, sys
d = json.load(open(sys.argv[1]))
i = {image["name"].split("/", 1)[1]: image for image in d["images"]}
assert '"$1" "$work/out"
}
scan() {
    scan_status=$1
    shift
    run "$scan_status" scan --retry-delay 10ms "$@"
}

# --- a real registry ---
registry plain delete
edit images v2-one short set "annotations/$size" '"5"'
edit images v2-one other set layers '[{"mediaType":"application/spdx+json","digest":'"$("$layout" get images v2-one layers/0/digest)"',"size":'"$("$layout" get images v2-one layers/0/size)"'}]'
run 0 normalise -q oci:images:v2-one oci:images:normal
for tag in v1 v2 v2-one normal short; do
    run 0 convert -q --to same "oci:images:$tag" "$plain_host/org/vm:$tag" || cat "$work/err" >&2
done
copy oci:images:other "docker://$plain_host/a/other:1" || exit 1
run 0 convert -q "$plain_host/org/vm:v1" "$plain_host/org/moved:latest" --to same
v1=$(digest_of images v1)
run 0 convert -q --in-place "$plain_host/org/moved:latest"
backup=latest-before-$(echo "$v1" | cut -c 8-15)
vm=$plain_host/org/vm
reads() {
    grep -cE "\"(GET|HEAD) /v2/.*/$1" "$work/plain/said"
}
blobs=$(reads blobs/) manifests=$(reads manifests/)
ok 'a registry' scan 0 "$plain_host"
ok '... all of it' any_names "$plain_host/a/other:1" "$plain_host/org/moved:latest" \
    "$plain_host/org/moved:$backup" "$vm:normal" "$vm:short" "$vm:v1" "$vm:v2" "$vm:v2-one"
ok '... V1' row "$vm:v1" v1 '6.0 MiB' convert
ok '... V2 as it should be' row "$vm:normal" 'v2 (tartconv)' '6.0 MiB' nothing
ok '... V2 in another cut' row "$vm:v2" 'v2 (tartconv)' normalise
ok '... damage, and what it is' row "$vm:short" 'repair: the disk has 6291456 bytes, the manifest says 5'
ok '... what is none' row "$plain_host/a/other:1" 'not tart' -
ok '... a backup' row "$plain_host/org/moved:$backup" v1 backup
ok '... sums' says '8 images: nothing 1, normalise 3, convert 1, repair 1, other 1; backups: 1; failed: 0'
ok '... by one manifest each' test "$(reads manifests/)" -eq $((manifests + 8))
ok '... and no blob' test "$(reads blobs/)" -eq "$blobs"
ok 'reasons' scan 0 -v "$vm"
ok '... are told' row "$vm:v1" 'convert: disk.v1, which Tart 2.32 and later refuse'
ok 'repositories, tags and digests' scan 0 "$vm:v1" "docker://$plain_host/a/other" "$plain_host/org/vm@$v1" "$vm:v1"
ok '... each once' names "$vm:v1" "$plain_host/a/other:1" "$vm@$v1"
ok '... the sums, too' says '3 images: convert 2, other 1'
ok 'with a slash behind it' scan 0 "$plain_host/" --repos-allow 'a/.*'
ok '... repositories that are allowed' names "$plain_host/a/other:1"
ok 'filters' scan 0 "$plain_host" --repos-deny 'a/.*' --repos-deny '.*/moved' --allow 'v[12].*' --deny '.*-one'
ok '... of tags and repositories' any_names "$vm:v1" "$vm:v2"
ok 'versions' scan 0 "$vm" --semver '>=2'
ok '... v1 and v2 are some' names "$vm:v2"
ok 'nothing fits' scan 0 "$vm" --allow none
ok '... is told' says '0 images; backups: 0; failed: 0'
ok 'another template' scan 0 "$plain_host/org/moved" --backup-tag 'old-{digest8}'
ok '... no backup then' row "$plain_host/org/moved:$backup" v1 convert
ok 'the quick look' scan 0 --quick "$vm:v1" "$vm:normal"
ok '... sees no damage' row "$vm:v1" convert
rm "$work/plain/data/docker/registry/v2/blobs/sha256/$("$layout" name images v1 layers/2 | sed 's|.*/\(..\)\(.*\)|\1/\1\2|')/data"
ok 'without it' scan 0 "$vm:v1"
ok '... a blob that is gone is not missed' row "$vm:v1" convert
ok 'with it' scan 0 --quick "$vm:v1"
ok '... it is' row "$vm:v1" 'repair: '
ok '... as what' sh -c '"$1" scan --quick --format json "$2" | grep -q "\"finding\":\"blob-missing\""' sh "$tartconv" "$vm:v1"

# --- forms ---
ok 'a document' scan 0 --format json "$plain_host"
ok '... of its kind' json 'd["kind"] == "scan" and d["version"] == 1 and d["quick"] is False and len(i) == 8'
ok '... needs' json 'd["needs"] == {"nothing": 1, "normalise": 3, "re-cut": 0, "convert": 1, "repair": 1, "other": 1}
assert d["backups"] == 1 and d["repositories"] == 3 and d["failed"] == d["failed_repositories"] == 0'
ok '... one manifest under two names' json 'i["org/vm:v1"]["same_as"].endswith("/org/moved:'"$backup"'")
assert i["org/vm:v1"]["digest"] == "'"$v1"'" and i["org/vm:v2"]["same_as"] is None'
ok '... what it is made of' json 'i["org/vm:normal"]["source_digest"] == "'"$(digest_of images v2-one)"'"'
ok '... what is shared' json 'i["org/vm:v1"]["shared_size"] == i["org/vm:v1"]["stored_size"] > 0
assert i["org/vm:v2-one"]["group"] == i["org/vm:short"]["group"] == i["org/vm:normal"]["group"] != i["org/vm:v1"]["group"]
assert d["unshared_size"] > d["stored_size"]'
ok '... what does not apply' json 'i["a/other:1"]["need"] is None and i["a/other:1"]["disk_size"] is None
assert i["a/other:1"]["group"] is None and i["a/other:1"]["layers"] == 0'
ok 'a migration of two images' scan 0 --format json "$vm:v1" "$vm:v1" "$vm:normal"
ok '... reads one, whole, and writes one' json 'd["to_read"] > d["to_write"] > i["org/vm:v1"]["encoded_size"] > 0
assert d["to_free"] == i["org/vm:v1"]["encoded_size"] and d["stored_size"] < d["unshared_size"]'
ok 'CSV' scan 0 --format csv "$plain_host"
ok '... a row an image' test "$(grep -c "$(printf '\r')\$" "$work/out")" -eq 9
ok '... its head' grep -q '^name,digest,same_as,era,need,why,finding,backup,disk_size,stored_size,' "$work/out"
ok '... quoted' grep -q "^$vm:normal,sha256:[0-9a-f]*,,\"v2 (tartconv)\",nothing,,,no,6291456," "$work/out"
ok 'another form' run 64 scan --format yaml "$vm"

# --- lists ---
printf '# ours\n\n  %s  # one\r\n%s/a/other\n#%s\n' "$vm:v1" "$plain_host" "$vm" >list
ok 'a list' scan 0 --list list "$vm:v2"
ok '... behind the command line' names "$vm:v2" "$vm:v1" "$plain_host/a/other:1"
ok 'a list on standard input' sh -c '"$1" scan --list - <list >"$2/out" 2>"$2/err"' sh "$tartconv" "$work"
ok '... the same' names "$vm:v1" "$plain_host/a/other:1"
ok 'no such list' scan 66 --list none
ok 'two names in a line' sh -c 'echo "$3 $3" | "$1" scan --list - 2>"$2/err"; [ $? -eq 64 ]' sh "$tartconv" "$work" "$vm"
ok 'nothing to look at' scan 64
ok '... names --list' says '--list FILE'
ok 'no place' scan 64 oci:images:v1
ok 'no host' scan 64 'https://x'
ok 'a pattern that is none' scan 64 "$vm" --allow '('
ok '... is told with its option' says '--allow (: it is no regular expression'
ok 'a range that is none' scan 64 "$vm" --semver latest

# --- what fails does not end the rest ---
ok 'no such repository' scan 66 "$plain_host/none" "$vm:v2" "$vm:none"
ok '... nor tag; what is there is told' row "$vm:v2" normalise
ok '... what is not' row "$plain_host/none" 'failed: '
ok '... of both' row "$vm:none" 'failed: '
ok '... and that it is not all' says '2 of 3 could not be read'
ok '... nobody takes it for nothing' says 'failed: 2'

# a smaller catalogue than is asked for
export REGISTRY_CATALOG_MAXENTRIES=2
registry small
unset REGISTRY_CATALOG_MAXENTRIES
for name in a b c d e; do
    run 0 convert -q --to same oci:images:v1-one "$small_host/$name:x"
done
ok 'a catalogue in pages of two' scan 0 "$small_host"
ok '... is read whole' names "$small_host/a:x" "$small_host/b:x" "$small_host/c:x" "$small_host/d:x" "$small_host/e:x"
ok '... two registries' scan 0 "$small_host/a" "$vm:v2"
ok '... in their order' names "$small_host/a:x" "$vm:v2"
end_server small
registry closed htpasswd
ok 'a catalogue behind a password' scan 63 "$closed_host"
ok '... tells who asked' says 'tartconv login'
ok '... with it' scan 0 "$closed_host" --creds "$user:$password"
ok '... an empty registry' says '0 images'
run 0 convert -q --to same --dest-creds "$user:$password" oci:images:v1-one "$closed_host/x:y"
export TART_REGISTRY_USERNAME=$user TART_REGISTRY_PASSWORD=$password
echo "$plain_host/a/other" >others
ok 'credentials of the environment' scan 0 "$closed_host" "$closed_host/x"
ok '... not where a list names another registry' scan 77 "$closed_host/x" --list others
unset TART_REGISTRY_USERNAME TART_REGISTRY_PASSWORD
ok 'what the settings say of a registry' sh -c 'printf "registries:\n  %s:\n    realm-hosts: [x.example]\n" "$2" >settings &&
    "$1" scan --settings settings --creds "$3" "$2" >"$4/out" 2>"$4/err"' sh "$tartconv" "$closed_host" "$user:$password" "$work"
ok 'refused credentials' scan 77 --creds "$user:no" "$closed_host/x" "$closed_host/y" "$closed_host/z" "$closed_host/w"
ok '... end it' test ! -s "$work/out"
ok '... none are shown' sh -c '! grep -q "$3" "$1/out" "$1/err"' sh "$work" . "$user:no"
end_server closed
end_server plain

# --- a scripted registry ---
scripted many
put_image many images v1 org/vm
put_image many images v2 org/vm
mkdir -p "$work/many/repos/org:lots/tags" "$work/many/repos/org:lots/manifests"
tag=0
while [ $tag -lt 1100 ]; do
    tag=$((tag + 1))
    printf %s "$v1" >"$work/many/repos/org:lots/tags/t$tag"
done
cp "$work/many/repos/org:vm/manifests/${v1#sha256:}" "$work/many/repos/org:lots/manifests/"
faults many
ok 'tags in pages' scan 0 "$many_host/org/lots" --allow 't10[0-9]'
ok '... all that fit' test "$(grep -c ' convert$' "$work/out")" -eq 10
ok '... two pages' asked many 2 'GET /v2/org/lots/tags/list'
ok '... and a manifest each' asked many 10 'GET /v2/org/lots/manifests/'
ok '... asked for once' asked many 0 'HEAD|blobs'
faults many 'GET /tags/list 1 header Link: <http://127.0.0.2:9/v2/org/lots/tags/list?last=x>; rel="next"'
ok 'a page that leads elsewhere' scan 76 "$many_host/org/lots" "$many_host/org/vm:v1"
ok '... is not followed' row "$many_host/org/lots" 'failed: ' 'is another place and is not followed'
ok '... and ends nothing else' row "$many_host/org/vm:v1" convert
faults many 'GET /tags/list * header Link: </v2/org/vm/tags/list?again>; rel="next"'
ok 'pages without end' scan 0 "$many_host/org/vm"
ok '... end where they repeat themselves' names "$many_host/org/vm:v1" "$many_host/org/vm:v2"
for refusal in '401' '403 DENIED' '404 NOT_FOUND' '405 UNSUPPORTED'; do
    faults many "GET /_catalog * status $refusal"
    ok "a catalogue that is refused: $refusal" scan 63 "$many_host"
    ok '... names --list' says '--list FILE'
    ok '... is no empty registry' test ! -s "$work/out"
    ok '... of its class' sh -c '"$1" scan --format json "$2" 2>"$3/err" | grep -q "\"class\":\"catalogue-refused\""' \
        sh "$tartconv" "$many_host" "$work"
done
faults many 'GET /_catalog * header X: y' 'GET /manifests/ 1-2 status 429 TOOMANYREQUESTS slow down; Retry-After: 0'
ok 'a registry that slows us down' scan 0 "$many_host" --repos-allow 'org/vm'
ok '... is waited for' names "$many_host/org/vm:v1" "$many_host/org/vm:v2"
faults many 'GET /manifests/v1 * status 429 TOOMANYREQUESTS slow down; Retry-After: 0'
ok '... and at last given up' scan 75 "$many_host/org/vm" --retry-times 2
ok '... for one image' row "$many_host/org/vm:v2" normalise
faults many 'GET /manifests/v1 * status 500'
ok 'an image that cannot be had' scan 69 "$many_host/org/vm" --retry-times 1
ok '... is told with its reason' row "$many_host/org/vm:v1" 'failed: ' 500
faults many
printf '{"schemaVersion":1,"mediaType":"application/vnd.docker.distribution.manifest.v1+json"}' >"$work/old"
printf '{"schemaVersion":2,"mediaType":"x/y","x":"application\\/vnd.cirruslabs.tart.disk.v1"}' >"$work/broken"
for name in old broken; do
    hex=$(sha256 "$work/$name" | cut -c 8-)
    cp "$work/$name" "$work/many/repos/org:vm/manifests/$hex"
    printf 'sha256:%s' "$hex" >"$work/many/repos/org:vm/tags/$name"
done
ok 'manifests that cannot be read' scan 0 "$many_host/org/vm"
ok '... of Tart: damage' row "$many_host/org/vm:broken" unreadable 'repair: '
ok '... of others: not ours' row "$many_host/org/vm:old" 'not tart' -
for name in 'x;y' '..' '=cmd' "$(printf 'a\033[2J')"; do
    cp "$work/many/repos/org:vm/tags/v1" "$work/many/repos/org:vm/tags/$name" 2>/dev/null
done
ok 'names that nobody can ask for' scan 0 "$many_host/org/vm"
ok '... are passed over' says '3 names that were listed are none that can be asked for'
ok '... not shown' sh -c '! grep -q "cmd\|\[2J" "$1/out" "$1/err"' sh "$work"
faults many 'GET /manifests/ * sleep 20'
ok 'a signal' sh -c 'timeout --preserve-status -k 10 -s TERM 1 "$1" scan "$2" >"$3/out" 2>"$3/err"; [ $? -eq 143 ]' \
    sh "$tartconv" "$many_host/org/vm" "$work"
ok '... ends it, and nothing is told' test ! -s "$work/out"
faults many
ok 'by one at once' scan 0 --concurrency 1 "$many_host/org/vm" --deny 'x.*'
ok '... the same' row "$many_host/org/vm:v1" convert
finish
