# registry.t: to, from and between real registries, and what skopeo does with what lies there then.
. "${0%/*}/lib.sh"
. "$root/tests/cli/servers.sh"

needs docker-registry htpasswd nginx openssl skopeo
"$root/fixtures/make-images" made || exit 1
cd made || exit 1
run 0 convert -q --chunk-size 1MiB --disk-digest --proof proof oci:images:v1 oci:local:new
ours=$(digest_of local new)

# lines NAME PATTERN: of what a docker-registry said: a request a line, "METHOD PATH HTTP/1.1" STATUS.
lines() {
    grep -cE -e "$2" "$work/$1/said"
}
# sends NAME COMMAND...: the command, which succeeds, sends nothing to that registry but questions.
sends_nothing() {
    sent_before=$(lines "$1" '"(POST|PUT|PATCH) /v2/')
    sent_name=$1
    shift
    "$@" || return 1
    [ "$(lines "$sent_name" '"(POST|PUT|PATCH) /v2/')" -eq "$sent_before" ] || {
        echo 'something was sent'
        return 1
    }
}
# the line that convert ends with
result() {
    [ "$(cat "$work/out")" = "$1@$ours" ] || {
        echo "it is $(cat "$work/out"), wanted $1@$ours"
        return 1
    }
}
convert() {
    convert_status=$1
    shift
    run "$convert_status" convert -q --chunk-size 1MiB --disk-digest --retry-delay 10ms "$@"
}
# same REFERENCE OPTION...: the image that was wanted, to the last byte.
same() {
    same_reference=$1
    shift
    run 0 verify --against-proof proof "$@" "$same_reference" && run 0 inspect --raw "$@" "$same_reference" &&
        [ "$(sha256 "$work/out")" = "$ours" ]
}

# --- plain ---
registry plain delete
ok 'skopeo brings a V1 image' copy oci:images:v1 "docker://$plain_host/org/v1:one"
ok 'V1 to V2' convert 0 "$plain_host/org/v1:one" "$plain_host/org/v2:new"
ok '... with the digest it has elsewhere' result "$plain_host/org/v2:new"
ok '... the image' same "$plain_host/org/v2:new"
ok '... sound' run 0 verify "$plain_host/org/v2:new"
ok '... by its digest' run 0 verify "$plain_host/org/v2@$ours"
ok '... compared' run 0 compare "$plain_host/org/v1:one" "$plain_host/org/v2:new"
ok '... to the last byte' run 0 compare --all oci:local:new "docker://$plain_host/org/v2:new"
ok '... equal layers sent once' sh -c '[ "$(sed -n "s/.*\"PUT [^ ]*digest=\([^ &]*\) .*/\1/p" "$1" | sort | uniq -d | wc -l)" -eq 0 ]' \
    sh "$work/plain/said"
ok 'a second time' sends_nothing plain convert 0 "$plain_host/org/v1:one" "$plain_host/org/v2:new"
ok '... the same' result "$plain_host/org/v2:new"
ok 'from a layout to a registry' convert 0 oci:images:v1 "$plain_host/local:new"
ok '... the image' same "$plain_host/local:new"
ok 'from a registry to a layout' convert 0 "$plain_host/org/v1:one" oci:pulled:new
ok '... the image' same oci:pulled:new
ok 'from a registry to a disk' run 0 convert -q "$plain_host/org/v2:new" raw:disk
ok '... the disk' cmp disk vm/disk.img
ok 'V2 is copied as it is' run 0 convert -q "$plain_host/org/v2:new" "$plain_host/copy:new"
ok '... by digest' same "$plain_host/copy:new"
ok '... without a byte: its blobs were mounted' sh -c '! grep -qE "\"(PATCH|PUT) /v2/copy/blobs/" "$1"' sh "$work/plain/said"
ok 'V2 to V1 and back' run 0 convert -q --to v1 --v1-layer-size 30000 "$plain_host/org/v2:new" "$plain_host/org/v1:back"
ok '... the same disk' run 0 compare "$plain_host/org/v1:back" vm:vm
ok 'no such tag' run 66 verify "$plain_host/org/v1:none"
ok 'no such repository' run 66 verify "$plain_host/none:v1"
ok '... as a source' convert 66 "$plain_host/none:v1" "$plain_host/x:y"
# a name that is too long for any resolver to be asked
nowhere() {
    HTTPS_PROXY=http://$(printf 'a%.0s' $(seq 64)).invalid:1 run 69 verify --retry-times 2 --retry-delay 10ms 192.0.2.1/a/b:c
}
ok 'a name without an address' nowhere
ok '... is told as that, after all tries' says 'Could not resolve proxy'
ok 'nobody listens there' run 69 verify --retry-times 1 --retry-delay 10ms "127.0.0.1:$(free_port)/a/b:c"

# all layers of a V1 image but two are one blob: each zero block's encoding is its predecessor's
mkdir zeros-vm
cp vm/config.json vm/nvram.bin zeros-vm
truncate -s 8M zeros-vm/disk.img
run 0 convert -q --to v1 vm:zeros-vm oci:zeros:one
block=$("$layout" walk "$("$layout" name zeros one layers/1)" | awk 'NR == 3 { at = $1 } NR == 4 { print $1 - at }')
run 0 convert -q --to v1 --v1-layer-size "$block" vm:zeros-vm oci:zeros:v1
ok 'a V1 image whose layers repeat' test "$(grep -o 'sha256:[0-9a-f]*' "$("$layout" name zeros v1 manifest)" | sort -u | wc -l)" -lt 12
ok '... to a registry' run 0 convert -q --to same oci:zeros:v1 "$plain_host/zeros:v1"
ok '... and V2 of it, all of whose layers are one' convert 0 "$plain_host/zeros:v1" "$plain_host/zeros:v2"
ok '... sound' run 0 verify "$plain_host/zeros:v2"
ok '... the same disk' run 0 compare "$plain_host/zeros:v2" raw:zeros-vm/disk.img

# --- other tools ---
registry second delete
ok 'skopeo: to another registry' copy "docker://$plain_host/org/v2:new" "docker://$second_host/o/v2:new"
ok '... the image' same "$second_host/o/v2:new"
ok 'skopeo: to a layout' copy "docker://$second_host/o/v2:new" oci:skopeo:new
ok '... the image' same oci:skopeo:new
ok 'skopeo: to a folder' copy "docker://$plain_host/org/v2:new" dir:folder
ok '... the image' same dir:folder
ok 'skopeo: to an archive' copy "docker://$plain_host/org/v2:new" oci-archive:archive.tar:new
ok '... the image' same oci-archive:archive.tar:new
for from in oci:skopeo:new dir:folder oci-archive:archive.tar:new; do
    ok "skopeo: back from ${from%%:*}" copy $from "docker://$plain_host/back/${from%%:*}:new"
    ok '... the image' same "$plain_host/back/${from%%:*}:new"
done
ok 'we: from an archive to a registry' run 0 convert -q oci-archive:archive.tar:new "$second_host/from-archive:new"
ok '... the image' same "$second_host/from-archive:new"
ok 'we: from a registry to an archive' run 0 convert -q "$second_host/o/v2:new" oci-archive:ours.tar:new
ok '... skopeo reads it' copy oci-archive:ours.tar:new oci:from-ours:new
ok '... the image' same oci:from-ours:new
ok 'we: from a registry to a folder' run 0 convert -q "$second_host/o/v2:new" dir:ours
ok '... skopeo reads it' copy dir:ours oci:from-folder:new
ok '... the image' same oci:from-folder:new

# --- deleted, read-only ---
ok 'deleted' skopeo delete --tls-verify=false "docker://$second_host/o/v2:new"
ok '... is not there' run 66 verify "$second_host/o/v2:new"
ok '... and is made again' convert 0 "$plain_host/org/v1:one" "$second_host/o/v2:new"
ok '... the image' same "$second_host/o/v2:new"
end_server second
registry readonly readonly
ok 'a registry that takes nothing' convert 76 "$plain_host/org/v1:one" "$readonly_host/o/v2:new"
ok '... is told' says 405
end_server readonly

# --- htpasswd ---
registry closed htpasswd
closed=$closed_host/org/v2:new
ok 'htpasswd: without credentials' convert 77 "$plain_host/org/v1:one" "$closed"
ok '... with wrong ones' convert 77 --dest-creds "$user:wrong" "$plain_host/org/v1:one" "$closed"
ok '... with right ones' convert 0 --dest-creds "$user:$password" "$plain_host/org/v1:one" "$closed"
ok '... the image' same "$closed" --creds "$user:$password"
ok '... which the other side does not see' convert 77 --dest-creds "$user:$password" "$closed" "$plain_host/x:y"
ok '... from there' run 0 convert -q --src-creds "$user:$password" "$closed" oci:closed:new
ok '... the image' same oci:closed:new
end_server closed

# --- TLS ---
registry tls tls
tls=$tls_host/org/v2:new
ok 'TLS: a CA that is not known' convert 69 --retry-times 1 "$plain_host/org/v1:one" "$tls"
ok '... is told' says certificate
ok '... with --dest-cert-dir' convert 0 --dest-cert-dir "$work/ca" "$plain_host/org/v1:one" "$tls"
ok '... the image' same "$tls" --cert-dir "$work/ca"
ok '... by another name of the host' same "localhost:${tls#127.0.0.1:}" --cert-dir "$work/ca"
ok '... with --dest-tls-verify=false' sends_nothing tls convert 0 --dest-tls-verify=false "$plain_host/org/v1:one" "$tls"
ok '... from there' run 0 convert -q --src-cert-dir "$work/ca" "$tls" oci:tls:new
ok '... and for skopeo' skopeo --insecure-policy copy -q --src-cert-dir "$work/ca" "docker://$tls" oci:tls:skopeo
ok '... the image' same oci:tls:skopeo
end_server tls

# --- tokens ---
token_server tokens --life 60
registry asking token
ok 'tokens: without credentials' convert 77 "$plain_host/org/v1:one" "$asking_host/org/v2:new"
ok '... to there' convert 0 --dest-creds "$user:$password" "$plain_host/org/v1:one" "$asking_host/org/v2:new"
ok '... the image' same "$asking_host/org/v2:new" --creds "$user:$password"
: >"$work/tokens/tokens.log"
ok '... from there' run 0 convert -q --src-creds "$user:$password" "$asking_host/org/v2:new" oci:asked:new
ok '... one token was enough' test "$(grep -c ' 200 ' "$work/tokens/tokens.log")" -eq 1
ok '... to read' grep -q 'scope=repository:org/v2:pull$' "$work/tokens/tokens.log"
ok '... within' run 0 convert -q --src-creds "$user:$password" --dest-creds "$user:$password" "$asking_host/org/v2:new" \
    "$asking_host/other/v2:new"
ok '... the image' same "$asking_host/other/v2:new" --creds "$user:$password"
end_server asking
token_server tokens2 --life 1 --good-for 2
registry short token
ok 'tokens that last a second' convert 0 --dest-creds "$user:$password" --limit-rate 128KiB --concurrency 1 \
    "$plain_host/org/v1:one" "$short_host/org/v2:new"
ok '... were fetched anew' test "$(grep -c ' 200 ' "$work/tokens2/tokens.log")" -gt 2
end_server short
token_server tokens3 --life 300 --good-for 2
registry liar token
ok 'tokens that last shorter than they say' convert 0 --dest-creds "$user:$password" --limit-rate 128KiB --concurrency 1 \
    "$plain_host/org/v1:one" "$liar_host/org/v2:new"
ok '... were fetched anew' test "$(grep -c ' 200 ' "$work/tokens3/tokens.log")" -gt 1
end_server liar

# --- a mirror ---
registry mirror mirror "http://$plain_host"
before=$(lines plain '"GET /v2/org/v1/blobs/')
ok 'a mirror' convert 0 --src-mirror "$mirror_host" "$plain_host/org/v1:one" oci:mirrored:new
ok '... the image' same oci:mirrored:new
ok '... was asked for layers' test "$(lines mirror '"GET /v2/org/v1/blobs/')" -gt 5
ok '... and not for tags' test "$(lines mirror '/v2/org/v1/manifests/one')" -eq 0
end_server mirror
ok 'a mirror that is gone' convert 0 --src-mirror "$mirror_host" --retry-times 1 "$plain_host/org/v1:one" oci:mirrored2:new
ok '... the image' same oci:mirrored2:new

# --- behind nginx ---
front elsewhere "$plain_host" \
    'if ($request_method = GET) { set $go "$request_uri"; }' \
    "if (\$go ~ ^/v2/.*/blobs/sha256:) { return 307 http://localhost:${plain_host#*:}\$request_uri; }"
ok 'blobs that lie elsewhere' convert 0 "$elsewhere_host/org/v1:one" oci:elsewhere:new
ok '... the image' same oci:elsewhere:new
ok '... were redirected' grep -q '^GET /v2/org/v1/blobs/sha256:[0-9a-f]* 307' "$work/elsewhere/log"
end_server elsewhere
FRONT_HTTP='limit_req_zone $binary_remote_addr zone=all:1m rate=30r/s; limit_req_status 429;'
front busy "$plain_host" 'limit_req zone=all burst=2 nodelay;'
FRONT_HTTP=
ok 'a limit of requests' convert 0 --retry-times 20 "$busy_host/org/v1:one" "$busy_host/busy/v2:new"
ok '... was met' grep -q ' 429 ' "$work/busy/log"
ok '... the image' same "$plain_host/busy/v2:new"
end_server busy
make_noise
front narrow "$plain_host" 'client_max_body_size 600k;'
ok 'a limit of bodies' convert 0 oci:noise:v1 "$narrow_host/narrow/v2:new"
ok '... was met' grep -q ' 413 ' "$work/narrow/log"
ok '... sound' run 0 verify "$plain_host/narrow/v2:new"
end_server narrow
: >away
front maintenance "$plain_host" 'error_page 503 @away;' "if (-f $PWD/away) { return 503; }" '}' \
    'location @away { add_header Retry-After 1 always; return 503;'
(sleep 1.5 && rm away) &
ok 'a registry that comes back' convert 0 "$maintenance_host/org/v1:one" "$maintenance_host/maintenance/v2:new"
ok '... was away' grep -q ' 503 ' "$work/maintenance/log"
ok '... the image' same "$plain_host/maintenance/v2:new"
finish
