# normalise-registry.t: normal form in registries: from one to another, in place, a second run that asks for manifests
# alone, and runs that are killed.
. "${0%/*}/../cli/lib.sh"
. "$root/tests/cli/servers.sh"

needs "$python" setpriv
# 540 MiB, of which each chunk has some bytes that do not compress
make_noise noise 3M
cp -r noise-vm vm
truncate -s 537M vm/disk.img
cat noise-vm/disk.img >>vm/disk.img
"$tartconv" convert -q --to v1 --v1-layer-size 2000000 --upload-time none vm:vm oci:i:v1 >made &&
    "$tartconv" normalise -q oci:i:v1 oci:i:n >made || exit 1
old=$(digest_of i v1)
normal=$(digest_of i n)
first_chunk=$("$layout" get i n layers/1/digest | tr -d '"')
last_layer=$("$layout" get i v1 layers/$(($(layer_count i v1) - 2))/digest | tr -d '"')
states=$XDG_STATE_HOME/tartconv
scripted s
scripted t
put_image s i v1 vm
src=$s_host/vm:v1

# normalise STATUS ARGUMENT...; no_state: nothing is kept
normalise() {
    normalise_status=$1
    shift
    run "$normalise_status" normalise --retry-times 1 --retry-delay 10ms "$@"
}
no_state() {
    [ -z "$(ls -A "$states" 2>/dev/null)" ]
}
# only_manifests NAME NUMBER: it was asked for so many manifests, and for nothing else.
only_manifests() {
    asked "$1" "$2" ' (GET|HEAD) /v2/.*/manifests/' && asked "$1" 0 '( (PUT|POST|PATCH) |/blobs/)'
}

# --- from registry to registry ---
ok 'to another registry' normalise 0 --format json "$src" "$t_host/vm:n"
ok '... is made' says '"normal":"made"'
ok '... as it is made elsewhere' published t vm n "$normal"
ok '... the manifest came by its digest first' sh -c \
    'grep " PUT .*/manifests/" "$1" | head -n 1 | grep -q "manifests/sha256"' sh "$work/t/log"
ok '... no state is left' no_state
faults s
faults t
ok 'a second run' normalise 0 "$src" "$t_host/vm:n"
ok '... says so' says 'already normal, nothing to do'
ok '... gives the digest' says "$t_host/vm:n@$normal"
ok "... asks for the source's manifest" only_manifests s 1
ok '... and for the one that is there' only_manifests t 1
ok '... in JSON' normalise 0 --format json "$src" "$t_host/vm:n"
ok '... too' says '"normal":"already"'
ok '... as a dry run' normalise 0 --dry-run "$src" "$t_host/vm:n"
ok '... too' says 'already normal, nothing to do'
faults t
ok '... with a further tag' normalise 0 --tag more "$src" "$t_host/vm:n"
ok '... which is set' published t vm more "$normal"
ok '... without a blob' asked t 0 '( (POST|PATCH)| (GET|PUT) /v2/vm/blobs) '
faults s
faults t
ok 'a normal image' normalise 0 --format json "$t_host/vm:n" "$s_host/copy:n"
ok '... is copied' says '"normal":"copied"'
ok '... as it is' published s copy n "$normal"
put_image s noise v1 stage n
ok 'a tag that leads to another image' normalise 73 "$src" "$s_host/stage:n"
ok '... names --replace' says '--replace'
ok 'a source that moved since' put_image s noise v1 vm newer
ok '... needs --replace, too' normalise 73 "$s_host/vm:newer" "$t_host/vm:n"
ok '... with it' normalise 0 --replace --no-backup "$s_host/vm:newer" "$t_host/vm:n"
ok '... is made' says "$t_host/vm:n@"
ok '... anew' test "$(tag_of t vm n)" != "$normal"
entry=$("$layout" name i n manifest)
printf '{"schemaVersion":2,"mediaType":"%s","manifests":[{"mediaType":"%s","digest":"%s","size":%d}]}' \
    application/vnd.oci.image.index.v1+json application/vnd.oci.image.manifest.v1+json "$normal" "$(stat -c %s "$entry")" >index
index=$(sha256 index)
cp index "$work/s/repos/stage/manifests/${index#sha256:}"
printf %s "$index" >"$work/s/repos/stage/tags/n"
ok 'within a registry, a tag that leads to an OCI index of it' normalise 0 --replace "$src" "$s_host/stage:n"
ok '... leads to the image itself then' published s stage n "$normal"

# --- in place ---
backup=v1-before-$(echo "$old" | cut -c 8-15)
put_image s i v1 in
faults s
ok '--in-place' normalise 0 --in-place "$s_host/in:v1"
ok '... moves the tag' published s in v1 "$normal"
ok '... keeps the old image' published s in "$backup" "$old"
order=$(sed -n 's|.* PUT /v2/in/manifests/\([^ ]*\) 201 .*|\1|p' "$work/s/log" | tr '\n' ' ')
ok '... by digest, then the backup, the tag last' test "$order" = "$normal $backup v1 "
ok '... nothing is sent after it' sh -c 'grep -E " (PUT|POST|PATCH) " "$1" | tail -n 1 | grep -q "manifests/v1 201"' sh "$work/s/log"
ok '... no state is left' no_state
faults s
ok '... a second time' normalise 0 --in-place "$s_host/in:v1"
ok '... says so' says 'already normal, nothing to do'
ok '... gives the digest' says "$s_host/in:v1@$normal"
ok '... asks for the manifest alone' only_manifests s 1
ok '... and keeps nothing' test "$(ls "$work/s/repos/in/tags" | wc -l)" -eq 2
ok '... a backup is none of its business' normalise 73 --in-place "$s_host/in:$backup"
ok '... and stays' published s in "$backup" "$old"
put_image s i v1 in3
put_image s noise v1 in3 else
faults s "PUT /v2/in3/manifests/sha256: 1 retag in3 v1 $(digest_of noise v1)"
ok 'a tag that moves meanwhile' normalise 73 --in-place "$s_host/in3:v1"
ok '... is left' published s in3 v1 "$(digest_of noise v1)"
ok '... the image is there by its digest' holds s in3 "$normal"
rm -rf "$states"

# --- killed ---
# until_asked NAME PATTERN: the registry was asked so; 15 s at most.
until_asked() {
    for waited in $(seq 300); do
        [ "$(requests "$1" "$2")" -eq 0 ] || return 0
        sleep 0.05
    done
    return 1
}
# killed PATTERN ARGUMENT...: with -9, once registry s was asked so and the state has something.
killed() {
    killed_at=$1
    shift
    "$tartconv" normalise --retry-times 1 --retry-delay 10ms "$@" >out 2>err &
    child=$!
    until_asked s "$killed_at" || return 1
    sleep 0.3
    kill -KILL $child
    wait $child 2>/dev/null
    [ $? -eq 137 ]
}
put_image s i v1 again
faults s "GET /v2/again/blobs/$last_layer * stall 1000"
ok 'killed behind the first chunk' killed "PUT /v2/again/blobs/uploads/.*${first_chunk#sha256:}.* 201" --in-place "$s_host/again:v1"
ok '... (its state is kept)' not no_state
ok '... the tag is where it was' published s again v1 "$old"
faults s
ok '... the same command' normalise 0 --in-place "$s_host/again:v1"
ok '... ends as if nothing had happened' published s again v1 "$normal"
ok '... the old image is kept' published s again "$backup" "$old"
ok '... the first chunk is not sent again' asked s 0 "PUT /v2/again/blobs/uploads/.*${first_chunk#sha256:}"
ok '... no state is left' no_state
put_image s i v1 late
faults s 'PUT /v2/late/manifests/v1$ 1 sleep 5'
late() {
    "$@" --in-place --backup-tag 'old.{tag}.{digest8}' "$s_host/late:v1"
}
backup=old.v1.$(echo "$old" | cut -c 8-15)
ok 'killed before the tag moves' late killed "PUT /v2/late/manifests/$backup"
ok '... the tag is where it was' published s late v1 "$old"
faults s
ok '... the same command' late normalise 0
ok '... moves it' published s late v1 "$normal"
ok '... sends no blob' asked s 0 '(POST|PUT|PATCH) /v2/late/blobs'
ok '... the old image is kept' published s late "$backup" "$old"
ok '... once' test "$(ls "$work/s/repos/late/tags" | tr '\n' ' ')" = "$backup v1 "
ok '... no state is left' no_state
finish
