# credentials.t: no credential reaches a host that it was not meant for, and none is ever shown; where they come from, and
# what skopeo and we write into each other's files.
. "${0%/*}/lib.sh"
. "$root/tests/cli/servers.sh"

needs "$python" openssl setpriv skopeo
"$root/fixtures/make-images" made || exit 1
cd made || exit 1
make_certificates
run 0 convert -q --chunk-size 1MiB oci:images:v1 oci:local:new
wanted=$(digest_of local new)
creds=$user:$password
scripted open
put_image open images v1 src

convert() {
    convert_status=$1
    shift
    run "$convert_status" convert --format json --retry-times 1 --retry-delay 10ms --chunk-size 1MiB --no-state "$@"
}
# nobody NAME [LISTENER]: no request to that server had an Authorization.
nobody() {
    asked "$1" 0 "^${2:-[a-z]*} .* auth=[^-]"
}
there() {
    rm -rf pulled
    convert 0 "$@" oci:pulled:new && [ "$(digest_of pulled new)" = "$wanted" ]
}

# --- redirects ---
scripted basic --basic "$creds" --storage-bind 127.0.0.2
put_image basic images v1 src
faults basic 'GET /v2/src/blobs/ * redirect'
ok 'redirected to another host' there --src-creds "$creds" "$basic_host/src:v1"
ok '... who we are goes to the registry' asked basic 5+ '^main GET .*/blobs/.* 307 auth=Basic/user'
ok '... and not there' nobody basic storage
ok '... which was asked' asked basic 5+ '^storage GET '
scripted ports --basic "$creds"
put_image ports images v1 src
faults ports 'GET /v2/src/blobs/ * redirect'
ok 'redirected to another port' there --src-creds "$creds" "$ports_host/src:v1"
ok '... who we are does not go there' nobody ports storage
ok '... which was asked' asked ports 5+ '^storage GET '
scripted tls --basic "$creds" --tls "$work/keys/server.pem" "$work/keys/server.key"
put_image tls images v1 src
faults tls 'GET /v2/src/blobs/ * redirect'
ok 'redirected from https to http' convert 76 --src-creds "$creds" --src-cert-dir "$work/ca" "$tls_host/src:v1" oci:none:new
ok '... it is not asked' asked tls 0 '^storage '
ok '... no image' not grep -qs '"new"' none/index.json
faults tls
ok '(without, it works)' there --src-creds "$creds" --src-cert-dir "$work/ca" "$tls_host/src:v1"

# --- Locations ---
faults basic 'POST|PUT|PATCH /blobs/uploads/ * location storage'
ok 'a Location on another host' convert 0 --dest-creds "$creds" "$open_host/src:v1" "$basic_host/d:new"
ok '... leads there' asked basic 5+ '^storage PUT .* 201'
ok '... without who we are' nobody basic storage
ok '... the image' published basic d new "$wanted"
faults ports 'POST|PUT|PATCH /blobs/uploads/ * location storage'
ok 'a Location on another port' convert 0 --dest-creds "$creds" "$open_host/src:v1" "$ports_host/d:new"
ok '... without who we are' nobody ports storage
faults tls 'POST|PUT|PATCH /blobs/uploads/ * location storage'
ok 'a Location that goes down to http' convert 76 --dest-creds "$creds" --dest-cert-dir "$work/ca" "$open_host/src:v1" \
    "$tls_host/d:new"
ok '... it is not asked' asked tls 0 '^storage '
ok '... no tag' untagged tls d

# --- realms ---
# by way of a proxy, which has all that goes to other hosts in its log
proxied() {
    (
        export http_proxy="http://$proxy_host" https_proxy="http://$proxy_host" no_proxy=127.0.0.1
        convert "$@"
    )
}
scripted proxy
scripted asks --bearer "$creds" --realm https://tokens.example/token
put_image asks images v1 src
ok 'a realm on another host' proxied 77 --src-creds "$creds" "$asks_host/src:v1" oci:none:new
ok '... both are named' sh -c 'grep -q "tokens.example" "$1" && grep -q "127.0.0.1" "$1"' sh "$work/err"
ok '... and the option' says '--realm-host'
ok '... it is not asked' asked proxy 0 .
ok '... with --realm-host' not proxied 0 --realm-host tokens.example --src-creds "$creds" "$asks_host/src:v1" oci:none:new
ok '... it is' asked proxy 1+ 'CONNECT tokens.example:443'
faults proxy
scripted downgrade --bearer "$creds" --tls "$work/keys/server.pem" "$work/keys/server.key" --realm http://tokens.example/token
put_image downgrade images v1 src
ok 'a realm by http for an https registry' proxied 77 --realm-host tokens.example --src-creds "$creds" \
    --src-cert-dir "$work/ca" "$downgrade_host/src:v1" oci:none:new
ok '... is named' says tokens.example
ok '... and not asked' asked proxy 0 .
scripted own --bearer "$creds"
put_image own images v1 src
ok "the registry's own realm" there --src-creds "$creds" "$own_host/src:v1"
ok '... gets Basic, and nothing else does' asked own 0 '(GET|HEAD) /v2/.* auth=Basic'
ok '... all else a token' asked own 5+ 'GET /v2/src/blobs/.* auth=Bearer/own-1 '

# --- one side and the other ---
scripted there --basic "other:$password"
put_image there images v1 src
faults there
ok "the source's are not the destination's" convert 77 --src-creds "$creds" "$basic_host/src:v1" "$there_host/d:new"
ok '... which is not told' nobody there
faults there
ok "the destination's are not the source's" convert 77 --dest-creds "$creds" "$there_host/src:v1" "$basic_host/e:new"
ok '... which is not told' nobody there
faults basic
ok 'each its own' convert 0 --src-creds "other:$password" --dest-creds "$creds" "$there_host/src:v1" "$basic_host/e:new"
ok '... one' asked there 0 'auth=Basic/user'
ok '... and the other' asked basic 0 'auth=Basic/other'
scripted mirror
put_image mirror images v1 src
ok "the origin's are not a mirror's" there --src-creds "$creds" --src-mirror "$mirror_host" "$basic_host/src:v1"
ok '... which is not told' nobody mirror
ok '... and was asked' asked mirror 5+ 'GET /v2/src/blobs/.* 200'
faults mirror 'GET /v2/src/blobs/ * status 401'
ok '... not even where it asks' there --src-creds "$creds" --src-mirror "$mirror_host" "$basic_host/src:v1"
ok '... which is not told' nobody mirror

# --- what is shown ---
secret64=$(printf %s "$creds" | base64)
# silent STATUS ARGUMENT...: a conversion with --debug; nothing secret is in what it says, in proof, log and state.
silent() {
    rm -rf pulled "$XDG_STATE_HOME/tartconv"
    : >proof
    silent_status=$1
    shift
    "$tartconv" convert --debug --retry-times 1 --retry-delay 10ms --chunk-size 1MiB --proof proof "$@" >shown 2>&1
    silent_got=$?
    [ $silent_got -eq "$silent_status" ] || {
        echo "status $silent_got, wanted $silent_status: $(tail -n 2 shown)"
        return 1
    }
    for secret in "$password" "$secret64" '[a-z][a-z]*-[0-9]*-[0-9a-f]\{24\}' PRESIGNED SECRET identity-own; do
        ! grep -qe "$secret" shown proof || {
            echo "shows $secret: $(grep -he "$secret" shown proof | head -n 2)"
            return 1
        }
        [ "$secret" = SECRET ] || ! grep -rqse "$secret" "$XDG_STATE_HOME" || {
            echo "keeps $secret"
            return 1
        }
    done
}
faults basic 'GET /v2/src/blobs/ * redirect'
ok 'Basic and a presigned URL: not in --debug' silent 0 --src-creds "$creds" "$basic_host/src:v1" oci:pulled:new
ok '... which tells of requests' grep -q 'GET .*/v2/src/blobs/' shown
ok '... and a proof was written' test -s proof
faults basic 'GET /v2/src/blobs/ * redirect' 'GET /storage/ * status 403 AccessDenied expired'
ok '... not in an error either' silent 76 --src-creds "$creds" "$basic_host/src:v1" oci:pulled:new
ok 'a token: not in --debug' silent 0 --src-creds "$creds" "$own_host/src:v1" oci:pulled:new
ok '... nor a password that is refused' silent 77 --src-creds "wrong:$password" "$own_host/src:v1" oci:pulled:new
faults own 'PUT /blobs/uploads/ 6+ status 503'
ok 'an upload: not in an error, nor in the state' silent 75 --dest-creds "$creds" --upload-chunk 20KiB --concurrency 1 \
    "$open_host/src:v1" "$own_host/d:new"
faults own
ok '... not in --debug' silent 0 --dest-creds "$creds" --upload-chunk 20KiB "$open_host/src:v1" "$own_host/d:new"
ok '... which tells of it' grep -q 'PATCH .*/blobs/uploads/' shown
faults own 'POST /blobs/uploads/ * header Location: ftp://host.invalid/x?_state=SECRETstate'
ok '... not in the error of a Location' silent 76 --dest-creds "$creds" "$open_host/src:v1" "$own_host/f:new"
faults own
ok '--registry-token' silent 77 --src-registry-token own-1-000000000000000000000000 "$own_host/src:v1" oci:pulled:new
ok '... was sent' asked own 1+ 'auth=Bearer/own-1 '

# --- where they come from ---
mkdir -p "$HOME/.docker" "$XDG_RUNTIME_DIR/containers" files
source=$basic_host/src:v1
faults basic
ok 'nowhere' convert 77 "$source" oci:none:new
ok '... the host is named' says "$basic_host"
echo "$password" | skopeo login --authfile files/skopeo.json --tls-verify=false --username "$user" --password-stdin \
    "$basic_host" >out
ok 'a file of skopeo: --authfile' there --authfile files/skopeo.json "$source"
ok '... REGISTRY_AUTH_FILE' env REGISTRY_AUTH_FILE=files/skopeo.json "$tartconv" inspect "$source"
cp files/skopeo.json "$XDG_RUNTIME_DIR/containers/auth.json"
ok '... in its place' there "$source"
rm "$XDG_RUNTIME_DIR/containers/auth.json"
cp files/skopeo.json "$HOME/.docker/config.json"
ok "... in docker's" there "$source"
ok '... but not with --src-no-creds' convert 77 --src-no-creds "$source" oci:none:new
ok '... and options go first' convert 77 --src-creds "$user:wrong" "$source" oci:none:new
rm "$HOME/.docker/config.json"
tart() {
    tart_status=$1
    shift
    (
        export TART_REGISTRY_USERNAME="$user" TART_REGISTRY_PASSWORD="$password"
        [ -z "$tart_host" ] || export TART_REGISTRY_HOSTNAME="$tart_host"
        convert "$tart_status" "$@"
    )
}
tart_host=
rm -rf pulled
ok 'TART_REGISTRY_*: one registry' tart 0 "$source" oci:pulled:new
faults there
ok '... two: nobody is told' tart 77 "$source" "$there_host/d:new"
ok '... which is' says TART_REGISTRY_
ok '... indeed' nobody there
tart_host=$basic_host
ok '... with a host' tart 0 "$source" "$open_host/tart:new"
faults there
ok '... no other' tart 77 "$there_host/src:v1" oci:none:new
ok '... is told' nobody there
cat >files/docker-credential-test <<END
#!/bin/sh
read -r host
[ "\$1 \$host" = "get $basic_host" ] && printf '{"ServerURL":"%s","Username":"$user","Secret":"$password"}' "\$host"
END
chmod 755 files/docker-credential-test
helped() {
    (
        PATH=$PWD/files:$PATH
        there "$source"
    )
}
printf '{"credHelpers":{"%s":"test"}}' "$basic_host" >"$HOME/.docker/config.json"
ok 'a helper' helped
printf '{"credsStore":"test"}' >"$HOME/.docker/config.json"
ok '... for all' helped
printf '{"auths":{"%s":{"auth":"%s","identitytoken":"identity-own"}}}' "$own_host" "$(printf '<token>:' | base64)" \
    >"$HOME/.docker/config.json"
ok 'an identity token' there "$own_host/src:v1"
ok '... is posted' asked own 1+ 'POST /token 200'
printf '{"auths":' >"$HOME/.docker/config.json"
ok 'a file that is broken' convert 78 "$source" oci:none:new
ok '... is named' says config.json
rm "$HOME/.docker/config.json"

# --- login, logout ---
# log_in STATUS PASSWORD ARGUMENT...
log_in() {
    log_in_status=$1 log_in_word=$2
    shift 2
    printf '%s\n' "$log_in_word" | "$tartconv" login --username "$user" --password-stdin "$@" >out 2>err
    log_in_got=$?
    [ $log_in_got -eq "$log_in_status" ] || {
        echo "status $log_in_got: $(cat err)"
        return 1
    }
}
ok 'login: a wrong password' log_in 77 wrong --authfile files/ours.json "$basic_host"
ok '... leaves nothing' not grep -qs "$basic_host" files/ours.json
ok 'login' log_in 0 "$password" --authfile files/ours.json "$basic_host"
ok '... for us alone' test "$(stat -c %a files/ours.json)" = 600
ok '... skopeo knows' sh -c '[ "$(skopeo login --authfile files/ours.json --get-login "$1")" = user ]' sh "$basic_host"
ok '... and uses it' copy --authfile files/ours.json "docker://$source" oci:by-skopeo:v1
ok '... so do we' there --authfile files/ours.json "$source"
ok '... with tokens' log_in 0 "$password" --authfile files/ours.json "$own_host"
ok '... beside the other' there --authfile files/ours.json "$source"
ok '... and this' there --authfile files/ours.json "$own_host/src:v1"
ok 'logout' run 0 logout --authfile files/ours.json "$basic_host"
ok '... skopeo knows' not skopeo login --authfile files/ours.json --get-login "$basic_host"
ok '... so do we' convert 77 --authfile files/ours.json "$source" oci:none:new
ok '... of that one only' there --authfile files/ours.json "$own_host/src:v1"
ok '... again' run 77 logout --authfile files/ours.json "$basic_host"
ok 'login, into the usual place' log_in 0 "$password" "$basic_host"
ok '... skopeo finds it' copy "docker://$source" oci:by-skopeo:v2
ok 'logout of skopeo' skopeo logout "$basic_host"
ok '... we know' convert 77 "$source" oci:none:new
finish
