# servers.t: the servers that other tests start are what those take them for: skopeo copies to and from each, the scripted
# registry does what it is told, and none outlives its test.
. "${0%/*}/lib.sh"
. "$root/tests/cli/servers.sh"

needs "$python" docker-registry htpasswd nginx openssl setpriv skopeo
"$root/fixtures/make-images" made || exit 1
cd made || exit 1
wanted=$(digest_of images v1)
to() {
    copy oci:images:v1 "docker://$1/a/b:v1"
}
from() {
    rm -rf out
    copy "docker://$1/${2:-a/b:v1}" oci:out:v1 && [ "$(digest_of out v1)" = "$wanted" ]
}

# --- scripted ---
scripted s
ok 'scripted: in' to "$s_host"
ok '... is there' published s a/b v1 "$wanted"
ok '... and out' from "$s_host"
ok '... uploads are closed' test "$(open_sessions s)" -eq 0
put_image s images v1 put
ok '... what was put there' from "$s_host" put:v1
blob=$("$layout" get images v1 layers/2/digest | tr -d '"')
faults s "GET $blob 1 status 404 BLOB_UNKNOWN gone"
ok '... a fault' not from "$s_host"
ok '... is met' asked s 1 "$blob 404 .* fault=status"
ok '... once' from "$s_host"
faults s "GET $blob * corrupt 10"
ok '... a byte' not from "$s_host"
faults s 'GET /v2/a/b/blobs/ * redirect'
ok '... a storage' from "$s_host"
ok '... is asked' asked s 10+ '^storage GET .* 200 auth=-'
faults s 'POST mount= * no-mount' 'PUT|PATCH /v2/a/b/blobs/uploads/ * limit 1000'
forget_repo s a/b
ok '... a limit' not to "$s_host"
ok '... leaves a session' test "$(open_sessions s)" -ne 0
rm "$work/s/blobs/${blob#sha256:}"
ok '... what is not whole' not holds s put "$wanted"
scripted b --bearer "$user:$password"
ok 'scripted, tokens: nobody' not to "$b_host"
ok '... with a password' copy --dest-creds "$user:$password" oci:images:v1 "docker://$b_host/a/b:v1"
ok '... by tokens' asked b 10+ ' /v2/a/b/blobs/.* 20. auth=Bearer/b-'
make_certificates
scripted t --basic "$user:$password" --tls "$work/keys/server.pem" "$work/keys/server.key"
ok 'scripted, TLS' skopeo --insecure-policy copy -q --dest-creds "$user:$password" --dest-cert-dir "$work/ca" oci:images:v1 \
    "docker://$t_host/a/b:v1"

# --- the others ---
registry plain delete
ok 'docker-registry: in' to "$plain_host"
ok '... and out' from "$plain_host"
registry closed htpasswd
ok 'htpasswd: nobody' not to "$closed_host"
ok '... with a password' copy --dest-creds "$user:$password" oci:images:v1 "docker://$closed_host/a/b:v1"
registry secure tls
ok 'TLS' skopeo --insecure-policy copy -q --dest-cert-dir "$work/ca" oci:images:v1 "docker://$secure_host/a/b:v1"
token_server tokens
registry asking token
ok 'tokens: nobody' not to "$asking_host"
ok '... with a password' copy --dest-creds "$user:$password" oci:images:v1 "docker://$asking_host/a/b:v1"
registry mirror mirror "http://$plain_host"
ok 'a mirror' from "$mirror_host"
ok '... takes nothing' not to "$mirror_host"
registry readonly readonly
ok 'read-only' not to "$readonly_host"
front there "$plain_host" "if (\$request_uri ~ ^/v2/a/b/blobs/sha256:) { return 307 http://$plain_host\$request_uri; }"
ok 'nginx' from "$there_host"
ok '... redirects' grep -q ' 307 ' "$work/there/log"

# --- the end ---
end_server plain
ok 'ended, one is gone' not from "$plain_host"
all=$server_pids
stop_servers
alone() {
    for pid in $all; do
        ! kill -0 "$pid" 2>/dev/null || {
            echo "$pid is there still"
            return 1
        }
    done
}
ok '... and all are' alone
# a test that is killed takes its servers along
sh -c 'cd "$1" && . tests/cli/lib.sh && . "$root/tests/cli/servers.sh" && registry r plain && scripted s &&
    echo $server_pids >"$2/pids" && echo "$work" >"$2/folder" && kill -KILL $$' "$root/tests/cli/x.t" "$root" "$PWD" 2>/dev/null
all=$(cat pids)
gone() {
    for waited in $(seq 60); do
        ! alone >/dev/null || return 0
        sleep 0.05
    done
    alone
}
ok 'a test that is killed leaves none' gone
rm -rf "$(cat folder)"
finish
