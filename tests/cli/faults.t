# faults.t: what registries and the ways to them do wrong, a fault a test: the run ends with the right image or the right
# class, and never is a tag on a wrong image. TORTURE=all adds what takes a minute.
. "${0%/*}/lib.sh"
. "$root/tests/cli/servers.sh"

needs "$python" setpriv
make_noise
scripted s
put_image s noise v1 src
mkdir tmp

# from LINE...: the next conversion's faults; nothing is at the destination yet.
from() {
    forget_repo s d
    faults s "$@"
}
# convert STATUS OPTION...
convert() {
    convert_status=$1
    shift
    run "$convert_status" convert --format json --retry-times 3 --retry-delay 10ms --concurrency 1 --threads 1 \
        --chunk-size 1MiB --tmpdir tmp --no-state "$@" "$s_host/src:v1" "$s_host/d:new"
}
# overcome OPTION...: the fault was met, and the image is there nevertheless.
overcome() {
    convert 0 "$@" || return 1
    asked s 1+ ' fault=' && published s d new "$wanted" && closed
}
# fails STATUS CLASS OPTION...: it ends so, without a tag and without anything that it leaves.
fails() {
    fails_status=$1 fails_class=$2
    shift 2
    convert "$fails_status" "$@" || return 1
    found "$fails_class" || {
        echo "not $fails_class: $(cat out)"
        return 1
    }
    asked s 1+ ' fault=' && untagged s d && closed
}
# No upload is left open, no temporary is left.
closed() {
    [ "$(open_sessions s)" -eq 0 ] || {
        echo "$(open_sessions s) uploads are open"
        return 1
    }
    [ -z "$(ls -A tmp)" ]
}
get="GET /v2/src/blobs/sha256:$layer_0"
blob="GET /v2/src/blobs/sha256:$layer_1"
uploads=/v2/d/blobs/uploads/

from
ok 'no fault' convert 0
ok '... the image' published s d new "$wanted"
ok '... each layer is fetched once' asked s 3 "GET /v2/src/blobs/sha256:($layer_0|$layer_1|$layer_2) 200"
ok '... whole' asked s 0 'range=bytes'
ok '... nothing is open' closed
ok '... config and NVRAM are mounted' asked s 2+ 'POST .*[?&]mount=.* 201'

# --- what comes down ---
from "$blob 1 reset"
ok 'reset before the headers' overcome
ok '... asked again' asked s 2 "$blob"
from "$blob 1 body-reset 0"
ok 'reset behind the headers' overcome
ok '... asked again' asked s 2 "$blob"
from "$blob 1 body-reset 700000"
ok 'reset in the body' overcome
ok '... goes on from there' asked s 1 "$blob 206 .*out=800000 range=bytes=700000-"
from "$blob 1-3 body-reset 400000"
ok 'reset three times' overcome
ok '... never from the start' asked s 1 "$blob 200"
from "$blob 1 body-close 700000"
ok 'a body that ends early' overcome
ok '... goes on from there' asked s 1 "$blob 206 .*out=800000"
from "$blob * short 10"
ok 'a blob that is shorter' fails 2 blob-size
from "$blob * long 10"
ok 'a blob that is longer' fails 2 blob-size
from "$blob 1 body-reset 700000" "$blob 2+ full"
ok '200 in place of 206' overcome
ok '... read over again' asked s 1 "$blob 200 .*out=1500000"
from "$blob 1 body-reset 700000" "$blob 2 range-shift 5"
ok 'another Content-Range' overcome
from "$blob 1 body-reset 700000" "$blob 2 unmoved"
ok 'a 206 from the start' overcome
from "$blob 1 body-reset 700000" "$blob 2 header ETag: \"other\""
ok 'another ETag' overcome
from "$blob * chunked"
ok 'a body without a length' overcome
from "$blob 1 chunked" "$blob 1 body-close 700000"
ok 'a chunked body that ends early' overcome
from "$blob * header Content-Length:"
ok 'a body that ends with the connection' overcome
from 'HEAD . * header Content-Length:'
ok 'HEAD without a length' overcome
from 'HEAD . * header Docker-Content-Digest:' 'GET /manifests/ * header Docker-Content-Digest:'
ok 'manifests without their digest' overcome
from "$blob * corrupt 100000"
ok 'a byte that is another' fails 2 blob-digest
from "$blob * status 404 BLOB_UNKNOWN blob unknown"
ok 'a blob that is not there' fails 2 blob-missing
ok '... asked for once' asked s 1 "$blob"
for code in 408 500 502 503 504; do
    from "$blob 1-2 status $code"
    ok "$code twice" overcome
    ok '... asked again' asked s 3 "$blob"
done
from "$get * status 503"
ok '503 on and on' fails 69 unreachable
ok '... asked four times' asked s 4 "$get"
from "$get * reset"
ok 'reset on and on' fails 69 unreachable
from "$blob 1 status 429 TOOMANYREQUESTS slow down"
ok '429' overcome
from "$blob 1 status 429 TOOMANYREQUESTS slow down; Retry-After: 1"
begun=$(date +%s%N)
ok '429 with Retry-After' overcome
ok '... is heeded' test $(($(date +%s%N) - begun)) -ge 1000000000
from "$get * status 429 TOOMANYREQUESTS slow down"
ok '429 on and on' fails 75 rate-limit
from "$blob 1 status 403 DENIED secondary rate limit exceeded"
ok '403 that is a rate limit' overcome
from "$blob 1 status 403 DENIED denied; x-ratelimit-remaining: 0"
ok '403 that is one by its header' overcome
from "$get * status 403 DENIED secondary rate limit exceeded"
ok '... on and on' fails 75 rate-limit
from "$get * status 403 DENIED requested access to the resource is denied"
ok '403' fails 77 credentials
ok '... asked once' asked s 1 "$get"
from "$get * status 401 UNAUTHORIZED"
ok '401' fails 77 credentials
from "$blob 1 status 401 UNAUTHORIZED"
ok '401 in the middle' overcome --src-creds "$user:$password"
from "$get * redirect"
ok 'redirected to a storage' overcome
ok '... to which no one is told' asked s 0 '^storage .* auth=[^-]'
from "$get * redirect" "GET /storage/src/blobs/sha256:$layer_0 1 body-reset 700000"
ok '... that breaks' overcome
ok '... is asked for anew' asked s 2 "main $get 307"
ok '... goes on from there' asked s 1 '^storage GET .* 206 .*out=800000'
from "$get * redirect" "GET /storage/ * status 403 AccessDenied Request has expired"
ok '... that has expired' fails 76 registry
from "$get * code 307" "$get * header Location: /v2/src/blobs/sha256:$layer_0"
ok 'redirected in a circle' fails 76 registry
from 'GET /v2/src/manifests/ 1 reset'
ok 'the manifest, reset' overcome
from 'GET /v2/src/manifests/ 1 body-close 300'
ok 'the manifest, cut short' overcome
from 'GET /v2/src/manifests/ * status 500'
ok 'the manifest, 500 on and on' fails 69 unreachable
from "GET /v2/src/manifests/ * header Docker-Content-Digest: $wanted"
ok 'the manifest, another digest' fails 2 manifest-digest
from 'GET /v2/src/manifests/ * status 200 NOTHING'
ok 'the manifest, something else' convert 2
ok '... no tag' untagged s d

# --- what goes up, in one body ---
from "POST $uploads 1 reset"
ok 'an upload that is not begun' overcome
from "POST $uploads 1-2 status 503"
ok '... with 503' overcome
from "PUT $uploads 1 reset"
ok 'an upload, reset' overcome
from "PUT $uploads 1 cut 300000"
ok '... in its middle' overcome
from "PUT $uploads 1 lose"
ok '... behind its end' overcome
from "PUT $uploads 1 upload-lost"
ok 'a session that is lost' overcome
from "PUT $uploads 1-2 status 500"
ok '500 at the end of an upload' overcome
from "HEAD /v2/d/blobs/ 1-2 status 500"
ok '500 to the question whether a blob is there' overcome
from "PUT $uploads 1 status 400 DIGEST_INVALID provided digest did not match uploaded content"
ok 'DIGEST_INVALID' overcome
from "PUT $uploads * status 400 DIGEST_INVALID provided digest did not match uploaded content"
ok '... on and on' fails 76 registry
from "PUT $uploads * header Docker-Content-Digest: $wanted"
ok 'a blob that gets another digest' fails 76 registry
from "PUT|PATCH $uploads * limit 600000"
ok '413' overcome
ok '... smaller pieces are taken' asked s 1+ "PATCH $uploads.* 202"
from "PUT|PATCH $uploads * limit 1000"
ok '413 to all sizes' fails 76 registry
from "POST|PUT|PATCH $uploads * location relative"
ok 'a relative Location' overcome
from "POST|PUT|PATCH $uploads * location storage"
ok 'a Location elsewhere' overcome
ok '... leads there' asked s 3+ "^storage PUT $uploads.* 201"
from "POST $uploads * header Location:"
ok 'no Location' convert 76
ok '... no tag' untagged s d
from "POST $uploads * status 403 DENIED quota exceeded for storage"
ok 'a quota' fails 75 quota
from "POST $uploads * status 404 NAME_UNKNOWN The repository with name 'd' does not exist in the registry"
ok 'a repository that must be made first' fails 66 repository-missing
from "POST $uploads * status 405 UNSUPPORTED"
ok 'no uploads at all' fails 76 registry
from "PUT $uploads 2+ status 401 UNAUTHORIZED"
ok '401 in the middle of uploads' fails 77 credentials
from "POST [?&]mount= * no-mount"
ok 'no mounts: a session instead' overcome
from "POST [?&]mount= * status 405 UNSUPPORTED"
ok 'no mounts: 405' overcome
from "PUT $uploads * reset"
ok 'reset on and on' fails 69 unreachable

# --- in pieces ---
pieces="--upload-chunk 300KiB"
from "POST $uploads 1 header X-Fault: none"
ok 'pieces' overcome $pieces
ok '... of that size' asked s 3+ "PATCH $uploads.* 202 .*in=307200 "
ok '... never larger' asked s 0 "PATCH .*in=(30720[1-9]|30[89][0-9]{3}|3[1-9][0-9]{4}|[4-9][0-9]{5}|[0-9]{7,}) "
from "PATCH $uploads 2 cut 100000"
ok 'a piece, reset in its middle' overcome $pieces
ok '... the session is asked' asked s 1+ "GET $uploads.* 204"
ok '... and goes on from there' asked s 1+ "PATCH $uploads.* 202"
from "PATCH $uploads 2 lose"
ok '... behind its end' overcome $pieces
from "PATCH $uploads 2 reset"
ok '... before it was taken' overcome $pieces
from "PATCH $uploads 2 status 502"
ok '502 to a piece' overcome $pieces
from "PATCH $uploads 2 upload-lost"
ok 'a session that is lost between pieces' overcome $pieces
from "PATCH $uploads * code 201"
ok '201 to a piece' overcome $pieces
from "PATCH $uploads * upload-drop"
ok 'pieces that are not kept' overcome $pieces
from "PATCH $uploads 2+ upload-drop"
ok '... but for the first' overcome $pieces
from "PATCH $uploads 1 upload-short 1000"
ok 'a piece that is kept in part' overcome $pieces
from "PATCH $uploads 2 status 416 RANGE_INVALID; Range: 0-307199"
ok '416' overcome $pieces
from "PATCH $uploads * status 416 RANGE_INVALID"
ok '416 on and on' overcome $pieces
from "PATCH $uploads * status 405 UNSUPPORTED"
ok 'no pieces at all' overcome $pieces
from "PATCH $uploads * header Range:"
ok 'no Range' overcome $pieces
from "POST $uploads * header OCI-Chunk-Min-Length: 600000"
ok 'a least length of pieces' overcome $pieces
ok '... is kept' asked s 3 'PATCH .*in=600000 '
ok '... but for the last ones' asked s 6 'PATCH '
from "PUT $uploads 1 status 400 DIGEST_INVALID"
ok 'DIGEST_INVALID behind pieces' overcome $pieces
from "PATCH $uploads * location relative"
ok 'a relative Location' overcome $pieces

# --- the end ---
from "PUT $uploads 1 forget"
ok 'a blob that is collected meanwhile' overcome
from "PUT /v2/d/manifests/ 1 vanish"
ok '... just before the manifest' convert 0
ok '... is made again' published s d new "$wanted"
from 'PUT /v2/d/manifests/ 1 reset'
ok 'the manifest, reset' overcome
from 'PUT /v2/d/manifests/ 1 lose'
ok '... behind its end' overcome
from 'PUT /v2/d/manifests/ 1 status 503'
ok '... 503' overcome
from 'PUT /v2/d/manifests/new 1 lose'
ok 'the tag, reset behind its end' overcome
from 'PUT /v2/d/manifests/new * status 503'
ok 'the tag, 503 on and on' convert 69
ok '... no tag' untagged s d
from 'PUT /v2/d/manifests/ * status 400 MANIFEST_INVALID manifest invalid'
ok 'a manifest that is not taken' fails 76 registry
ok '... once' asked s 1 'PUT /v2/d/manifests/'
from 'PUT /v2/d/manifests/ * status 403 DENIED quota exceeded for storage'
ok '... for its quota' fails 75 quota
from "PUT /v2/d/manifests/ * header Docker-Content-Digest: sha256:$layer_0"
ok '... that gets another digest' fails 76 registry

# --- read back ---
from "GET /v2/d/blobs/ 1 corrupt 100000"
ok '--read-back: a blob that changed there' fails 70 round-trip --read-back
from "GET /v2/d/blobs/ 1 body-reset 5000"
ok '--read-back: reset' overcome --read-back

# --- a stall ---
from "$get * stall 100000"
ok 'a stall: SIGTERM ends it' stopped_in_stall s convert -q --chunk-size 1MiB --tmpdir tmp --no-state \
    "$s_host/src:v1" "$s_host/d:new"
ok '... no tag' untagged s d
ok '... nothing is left' closed
if [ "${TORTURE-}" = all ]; then
    from "$blob 1 stall 700000"
    ok 'a stall is overcome' overcome
    ok '... from there' asked s 1 "$blob 206 .*out=800000"
    from "PUT $uploads 1 sleep 70"
    ok 'an answer that takes long' convert 0
else
    skip 'a stall is overcome' 'takes a minute: TORTURE=all'
fi
finish
