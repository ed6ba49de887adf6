# early.t: a chunk that is made for a new repository is sent while it is made. Whatever becomes of that the image is the
# same, and a repository that has images already is asked first.
. "${0%/*}/lib.sh"
. "$root/tests/cli/servers.sh"

needs "$python"
make_noise noise 10M
scripted s
scripted t
put_image s noise v1 src
mkdir tmp
"$tartconv" convert -q --chunk-size 5MiB oci:noise:v1 oci:noise:five >out || {
    echo 'Bail out! no image to compare with'
    exit 1
}
wanted=$(digest_of noise five)

# from LINE...: nothing is at the destination, whose next faults these are.
from() {
    faults s
    faults t "$@"
    forget_repo t d
    rm -f "$work"/t/blobs/*
}
# convert STATUS OPTION...
convert() {
    convert_status=$1
    shift
    run "$convert_status" convert --format json --retry-times 3 --retry-delay 10ms --chunk-size 5MiB --tmpdir tmp \
        --no-state "$@" "$s_host/src:v1" "$t_host/d:new"
}
# overcome OPTION...: the fault was met, and the image is there nevertheless.
overcome() {
    convert 0 "$@" && asked t 1+ ' fault=' && published t d new "$wanted" && closed
}
closed() {
    [ "$(open_sessions t)" -eq 0 ] && [ -z "$(ls -A tmp)" ] || {
        echo "$(open_sessions t) uploads are open; $(ls -A tmp)"
        return 1
    }
}
uploads=/v2/d/blobs/uploads/
stream="PATCH $uploads.* 202 .*in=524[0-9]{4} " # a chunk that does not compress

from
ok 'a new repository' convert 0
ok '... the image' published t d new "$wanted"
ok '... each chunk goes in one request, by and by' asked t 2 "$stream"
ok '... and is asked for at its end' asked t 5 'HEAD /v2/d/blobs/.* 404'
ok '... nothing is open' closed
ok 'again' convert 0
ok '... sends nothing' asked t 2 'PATCH '
faults t
ok 'another tag of it' run 0 convert --chunk-size 5MiB --tmpdir tmp --no-state "$s_host/src:v1" "$t_host/d:two"
ok '... is asked first' asked t 0 'POST '
rm "$work"/t/repos/d/blobs/* "$work"/t/blobs/*
faults t
ok 'a repository that has images' convert 0 --replace
ok '... gets whole chunks' asked t 0 'PATCH '
ok '... the image' published t d new "$wanted"
from 'GET /tags/list * status 403 DENIED'
ok 'one that does not tell' convert 0
ok '... gets whole chunks' asked t 0 'PATCH '
from
ok 'one upload at a time' convert 0 --concurrency 1
ok '... is for whole chunks' asked t 0 'PATCH '
from
ok '--upload-chunk' convert 0 --upload-chunk 1MiB
ok '... is kept to' asked t 0 "$stream"
ok 'from V2, two lanes' run 0 convert --threads 2 --chunk-size 5MiB --tmpdir tmp --no-state oci:noise:v2 "$t_host/e:new"
"$tartconv" convert -q --chunk-size 5MiB oci:noise:v2 oci:noise:again >out
ok '... the image' published t e new "$(digest_of noise again)"
ok '... a chunk of one of them at least' asked t 1+ "PATCH /v2/e/.* 202 .*in=524[0-9]{4} "

# --- it comes to nothing ---
for fault in 'reset' 'cut 3000000' 'lose' 'status 405 UNSUPPORTED' 'status 411 LENGTH_REQUIRED' 'status 413 TOO_LARGE' \
    'status 400 BLOB_UPLOAD_INVALID' 'status 500' 'status 501' 'status 403 DENIED' 'upload-lost' 'upload-drop' \
    'upload-short 100000' 'status 429 TOOMANYREQUESTS' 'code 201' 'header Range:'; do
    from "PATCH $uploads 1 $fault"
    ok "PATCH: $fault" overcome
done
for fault in 'cut 3000000' 'status 503' 'upload-drop' 'upload-lost'; do
    from "PATCH $uploads * $fault"
    ok "PATCH: $fault, on and on" overcome
done
from "PATCH $uploads 1 status 405 UNSUPPORTED"
ok 'what came to nothing' overcome --threads 1
ok '... is not tried again' asked t 1 'PATCH '
from "PUT $uploads 1-3 status 500"
ok '500 at the end' overcome
from "PUT $uploads 1 status 400 DIGEST_INVALID"
ok 'DIGEST_INVALID at the end' overcome
from "POST $uploads 1 status 503"
ok '503 to the session' overcome
from "PUT $uploads 1 forget"
ok 'a blob that is collected meanwhile' overcome
from "POST $uploads * status 403 DENIED denied"
ok 'uploads that are denied' convert 77
ok '... no tag' untagged t d

# --- it is not wanted any more ---
from
faults s "GET /v2/src/blobs/sha256:$layer_2 * corrupt 1000000"
ok 'a damaged source' convert 2
ok '... no tag' untagged t d
ok '... no session' closed
from
faults s "GET /v2/src/blobs/sha256:$layer_2 * status 404 BLOB_UNKNOWN"
ok 'a layer that is missing' convert 2
ok '... no session' closed
from
faults s "GET /v2/src/blobs/sha256:$(basename "$("$layout" name noise v1 layers/5)") * stall 100000"
ok 'SIGTERM in the middle of a chunk' stopped_in_stall s convert -q --chunk-size 5MiB --tmpdir tmp \
    --no-state "$s_host/src:v1" "$t_host/d:new"
ok '... no tag' untagged t d
ok '... no session' closed
from "PATCH $uploads * status 429 TOOMANYREQUESTS; Retry-After: 60"
faults s "GET /v2/src/blobs/sha256:$layer_2 * corrupt 1000000"
begun=$(date +%s)
ok 'a damaged source, while the destination wants to be waited for' convert 2
ok '... is not waited for' test $(($(date +%s) - begun)) -lt 30
from "POST $uploads 2+ status 503"
ok 'a registry that opens no session' convert 69
ok '... is not asked more often than for whole chunks' asked t 9- "POST $uploads"
# docker-registry deletes an upload only where its Location is the newest
registry b plain
untidy() {
    find "$work/b" -path '*/_uploads/*' -name data
}
faults s "GET /v2/src/blobs/sha256:$(basename "$("$layout" name noise v1 layers/5)") * stall 100000"
ok 'docker-registry: SIGTERM in the middle of a chunk' stopped_in_stall s convert -q --chunk-size 5MiB --tmpdir tmp \
    --no-state "$s_host/src:v1" "$b_host/d:new"
ok '... leaves no upload' test -z "$(untidy)"
faults s "GET /v2/src/blobs/sha256:$layer_2 * corrupt 1000000"
ok 'docker-registry: a damaged source' run 2 convert --chunk-size 5MiB --tmpdir tmp --no-state "$s_host/src:v1" \
    "$b_host/d:new"
ok '... leaves no upload' test -z "$(untidy)"
# two chunks that are the same: the second is there when its digest is known
head -c 5M noise-vm/disk.img >half
cat half half >noise-vm/disk.img
"$tartconv" convert -q --to v1 --v1-layer-size 1500000 vm:noise-vm oci:twice:v1 >out
put_image s twice v1 src two
from
ok 'two chunks that are the same' run 0 convert --chunk-size 5MiB --tmpdir tmp --no-state "$s_host/src:two" "$t_host/d:new"
ok '... one is kept, the other given up' asked t 1 "DELETE $uploads"
ok '... no session' closed
ok '... the image' holds t d "$(tag_of t d new)"
ok 'docker-registry: two chunks that are the same' run 0 convert --chunk-size 5MiB --tmpdir tmp --no-state \
    "$s_host/src:two" "$b_host/d:two"
ok '... leave no upload' test -z "$(untidy)"
finish
