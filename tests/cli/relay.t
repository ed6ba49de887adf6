# relay.t: what is copied as it is goes straight from one registry to another: nothing is laid aside, a fault on either
# side is overcome without fetching again what has arrived, and bytes that are others than was said never become a blob.
. "${0%/*}/lib.sh"
. "$root/tests/cli/servers.sh"

needs "$python"
make_noise
scripted s
scripted t
put_image s noise v1 src
put_image s noise v2 src

# source LINE...: the next copy's faults; at the destination is nothing, and it makes no mistakes before `destination` says so.
source() {
    faults s "$@"
    faults t
    forget_repo t d
    rm -f "$work"/t/blobs/*
}
destination() {
    faults t "$@"
}
# convert STATUS OPTION...: where there is no folder for temporaries, so that none is made.
convert() {
    convert_status=$1
    shift
    run "$convert_status" convert --format json --retry-times 3 --retry-delay 10ms --concurrency 1 --threads 1 \
        --to same --tmpdir nowhere --no-state "$@" "$s_host/src:v1" "$t_host/d:new"
}
same=$(tag_of s src v1)
# overcome NAME OPTION...: a fault of that server was met, and the image is there nevertheless.
overcome() {
    overcome_side=$1
    shift
    convert 0 "$@" && asked "$overcome_side" 1+ ' fault=' && published t d new "$same" && closed
}
# fails STATUS CLASS OPTION...: it ends so, without a tag and without a session that stays open; the layer is not there.
fails() {
    fails_status=$1 fails_class=$2
    shift 2
    convert "$fails_status" "$@" || return 1
    found "$fails_class" || {
        echo "not $fails_class: $(cat out)"
        return 1
    }
    untagged t d && closed && [ ! -e "$work/t/blobs/$layer_1" ]
}
fails_to() {
    ! "$@"
}
closed() {
    [ "$(open_sessions t)" -eq 0 ] || {
        echo "$(open_sessions t) uploads are open"
        return 1
    }
}
blob="GET /v2/src/blobs/sha256:$layer_1"
uploads=/v2/d/blobs/uploads/

source
ok 'a copy' convert 0
ok '... the image' published t d new "$same"
ok '... each blob is fetched once' asked s 6 'GET /v2/src/blobs/.* 200'
ok '... whole' asked s 0 'range=bytes'
ok '... and sent once' asked t 6 "PUT $uploads.* 201"
ok '... nothing is open' closed
ok '--dry-run: nothing will wait' convert 0 --dry-run
ok '... it says' test "$(jq .spool_size "$work/out")" -eq 0
mirrored() {
    run 0 convert --format json --dry-run --to same --no-state --src-mirror "$t_host/mirror" "$s_host/src:v1" "$t_host/d:new" &&
        [ "$(jq .spool_size "$work/out")" -gt 3000000 ]
}
ok '... but for what comes from a mirror' mirrored
source
ok 'V2 as it is' run 0 convert --tmpdir nowhere --no-state "$s_host/src:v2" "$t_host/d:v2"
ok '... the image' published t d v2 "$wanted"
ok 'a second copy' run 0 convert --tmpdir nowhere --no-state --replace "$s_host/src:v2" "$t_host/d:other"
ok '... fetches no blob again' asked s 6 'GET /v2/src/blobs/.* 200'
source
ok 'from a layout' run 0 convert --tmpdir nowhere --to same --no-state oci:noise:v1 "$t_host/d:new"
ok '... the image' published t d new "$same"
source
ok 'many at once' convert 0 --concurrency 8 --threads 4
ok '... the image' published t d new "$same"
ok '--decode lays them aside' convert 66 --to v2 --decode
ok '... and says where' says 'the folder for temporaries nowhere'

# --- faults of the source ---
source "$blob 1 body-reset 700000"
ok 'a source that breaks' overcome s
ok '... goes on from there' asked s 1 "$blob 206 .*out=800000 range=bytes=700000-"
ok '... the upload does not notice' asked t 6 "PUT $uploads"
source "$blob 1-3 body-reset 400000"
ok '... three times' overcome s
ok '... never from the start' asked s 1 "$blob 200"
source "$blob 1 body-reset 700000" "$blob 2 full"
ok '... and has no ranges' overcome s
source "$blob * reset"
ok 'a source that is not there any more' fails 69 unreachable
ok '... is asked often enough' asked s 4+ "$blob"
source "$blob 1 body-reset 700000" "$blob 2+ status 503"
ok '... from the middle on' fails 69 unreachable
ok '... is named' says "$s_host/src: reading the blob sha256:$layer_1"
ok '... and the destination is not' fails_to says 'sending blob'
ok '... which is asked no second time' asked t 3 "POST $uploads"
source "$blob * corrupt 1400000"
ok 'a byte that is another' fails 2 blob-digest
source "$blob * corrupt 0"
ok '... the first' fails 2 blob-digest
source "$blob * short 10"
ok 'a blob that is shorter' fails 2 blob-size
source "$blob * long 10"
ok 'a blob that is longer' fails 2 blob-size
source "$blob * chunked"
ok 'a blob without a length' overcome s

# --- faults of the destination: the rest is fetched again from where it has it ---
source
destination "PUT $uploads 2 cut 300000"
ok 'an upload that breaks' overcome t
source
destination "PUT $uploads 2 reset"
ok '... before it begins' overcome t
source
destination "PUT $uploads 2 lose"
ok '... behind its end' overcome t
ok '... fetches nothing again' asked s 6 'GET /v2/src/blobs/'
source
destination "PUT $uploads 1-2 status 500"
ok '500 twice' overcome t
source "GET /v2/src/blobs/ 7+ full"
destination "PUT $uploads 3 cut 300000"
ok 'a source without ranges, then' overcome t
source
destination "PUT $uploads * reset"
ok 'reset on and on' fails 69 unreachable
ok '... is the destination' says "$t_host/d: sending blob"
source "$blob 2+ corrupt 100"
destination "PUT digest=sha256.3A$layer_1 1 cut 1400000"
ok 'a source that gives other bytes the second time' fails 2 blob-digest
ok '... is named' says "layer 2 sha256:$layer_1"
pieces="--upload-chunk 300KiB"
source
ok 'pieces' convert 0 $pieces
ok '... the image' published t d new "$same"
ok '... each blob is fetched once' asked s 6 'GET /v2/src/blobs/'
source
destination "PATCH $uploads 4 cut 100000"
ok 'a piece that breaks' overcome t $pieces
source
destination "PATCH $uploads 4 upload-lost"
ok 'a session that is lost' overcome t $pieces
ok '... the blob is fetched again' asked s 7+ 'GET /v2/src/blobs/'
source "$blob 1 body-reset 700000"
destination "PATCH $uploads 5 cut 100000"
ok 'both break' overcome t $pieces
source
destination "PUT|PATCH $uploads * limit 600000"
ok '413' overcome t
source
destination "PUT $uploads 1 status 400 DIGEST_INVALID provided digest did not match uploaded content"
ok 'DIGEST_INVALID' overcome t

# --- a signal ---
source "$blob * stall 100000"
ok 'SIGTERM while the source stalls' stopped_in_stall s convert -q --to same --tmpdir nowhere \
    --no-state "$s_host/src:v1" "$t_host/d:new"
ok '... no tag' untagged t d
ok '... no session' closed
source
destination "POST $uploads 1 sleep 2"
stopped_while_asked() {
    "$tartconv" convert -q --concurrency 1 --to same --tmpdir nowhere --no-state "$s_host/src:v1" "$t_host/d:new" >out 2>err &
    child=$!
    for waited in $(seq 100); do
        [ "$(requests s "GET /v2/src/blobs/")" -eq 0 ] || break
        sleep 0.05
    done
    sleep 0.5
    kill -TERM $child
    wait $child
    stop_status=$?
    for waited in $(seq 100); do
        [ "$(requests t "POST $uploads.* 202")" -eq 0 ] || break
        sleep 0.05
    done
    [ $stop_status -eq 143 ] && asked t 1 "POST $uploads.* 202"
}
ok 'SIGTERM while a session is being opened' stopped_while_asked
ok '... no session' closed
finish
