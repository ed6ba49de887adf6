# servers.sh: real and scripted servers on loopback, for tests of the network: `. "$root/tests/cli/servers.sh"` behind
# lib.sh. Each function starts one, waits until it answers, and sets NAME_host (HOST:PORT, as references have it) and
# NAME_pid. They end with the test; the folder of each is $work/NAME.
#
#   registry NAME KIND...         docker-registry: plain, htpasswd, tls, token, mirror URL, delete, readonly
#   token_server NAME ARGUMENT... tests/tools/token_server.py; before `registry X token`, which asks it
#   front NAME HOST:PORT LINE...  nginx before another, with these lines in its location /
#   scripted NAME ARGUMENT...     tests/tools/registry.py; sets NAME_storage, too
#
# They know one user, `user`, with the password `p:ss/word`.
server_pids=
stop_servers() {
    for server_pid in $server_pids; do
        kill "$server_pid" 2>/dev/null
    done
    for server_pid in $server_pids; do
        wait "$server_pid" 2>/dev/null
    done
    server_pids=
}
trap 'stop_servers; cd /; rm -rf "$work"' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

unset no_proxy NO_PROXY
export XDG_RUNTIME_DIR="$work/runtime" LC_ALL=C
mkdir "$XDG_RUNTIME_DIR"

user=user
password=p:ss/word
python=/usr/bin/python3

# needs COMMAND...: the whole test is skipped where one of them is absent.
needs() {
    for needed in "$@"; do
        PATH=$PATH:/usr/sbin command -v "$needed" >/dev/null || {
            echo "1..0 # skip no $needed here"
            exit 0
        }
    done
}

# start COMMAND...: in the background, its output in $server/said; $server_pid.
start() {
    setpriv --pdeathsig KILL "$@" >"$server/said" 2>&1 </dev/null &
    server_pid=$!
    server_pids="$server_pids $server_pid"
}

# waits_for FILE PATTERN: until a line of it matches, or the server is gone, or 20 s.
waits_for() {
    for waited in $(seq 400); do
        ! grep -q "$2" "$1" 2>/dev/null || return 0
        kill -0 "$server_pid" 2>/dev/null || return 1
        sleep 0.05
    done
    return 1
}

# end_pid PID: that one, now, and never again: numbers are given anew.
end_pid() {
    kill "$1" 2>/dev/null
    wait "$1" 2>/dev/null
    server_rest=
    for server_other in $server_pids; do
        [ "$server_other" -eq "$1" ] || server_rest="$server_rest $server_other"
    done
    server_pids=$server_rest
}

# end_server NAME
end_server() {
    eval "end_pid \"\$$1_pid\""
}

free_port() {
    $python -IS -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

broken_server() {
    echo "Bail out! $server does not start: $(tail -n 3 "$server/said" 2>/dev/null | tr '\n' ' ')"
    exit 1
}

# A CA of the test's own, in $work/ca/ca.crt (a folder as --cert-dir takes it), and server.pem and server.key by it.
make_certificates() {
    [ ! -d "$work/ca" ] || return 0
    mkdir "$work/ca" "$work/keys"
    (
        cd "$work/keys" || exit 1
        printf 'basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\nsubjectKeyIdentifier=hash\n' >ca.ext
        printf 'subjectAltName=DNS:localhost,IP:127.0.0.1,IP:127.0.0.2\n' >server.ext
        for name in ca server client; do
            openssl ecparam -name prime256v1 -genkey -noout -out $name.key
            openssl req -new -key $name.key -subj "/CN=tartconv test $name" -out $name.csr
        done
        openssl x509 -req -in ca.csr -signkey ca.key -days 2 -extfile ca.ext -out ca.pem
        for name in server client; do
            openssl x509 -req -in $name.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile server.ext -out $name.pem
        done
        cp ca.pem ../ca/ca.crt
    ) >"$work/keys/said" 2>&1 || {
        echo "Bail out! no certificates: $(tail -n 2 "$work/keys/said" | tr '\n' ' ')"
        exit 1
    }
}

# registry_file PORT KIND...: the configuration of one.
registry_file() {
    registry_port=$1
    shift
    registry_storage='' registry_auth='' registry_http='' registry_proxy=''
    while [ $# -gt 0 ]; do
        case $1 in
        plain) ;;
        delete) registry_storage="$registry_storage
  delete: {enabled: true}" ;;
        readonly) registry_storage="$registry_storage
  maintenance: {readonly: {enabled: true}}" ;;
        htpasswd)
            htpasswd -Bbn -C 4 "$user" "$password" >"$server/htpasswd"
            registry_auth="auth: {htpasswd: {realm: test, path: '$server/htpasswd'}}"
            ;;
        token)
            registry_auth="auth: {token: {realm: 'http://$token_host/token', service: test, issuer: test, \
rootcertbundle: '$work/token.pem'}}"
            ;;
        tls)
            make_certificates
            registry_http="
  tls: {certificate: '$work/keys/server.pem', key: '$work/keys/server.key'}"
            ;;
        mirror)
            registry_proxy="proxy: {remoteurl: '$2'}"
            shift
            ;;
        esac
        shift
    done
    cat <<FILE
version: 0.1
log: {level: info, accesslog: {disabled: false}}
storage:
  filesystem: {rootdirectory: '$server/data'}$registry_storage
http:
  addr: 127.0.0.1:$registry_port
  secret: none$registry_http
$registry_auth
$registry_proxy
FILE
}

registry() {
    server_name=$1
    server=$work/$1
    shift
    mkdir -p "$server"
    for attempt in 1 2 3; do
        server_port=$(free_port)
        registry_file "$server_port" "$@" >"$server/config.yml"
        start docker-registry serve "$server/config.yml"
        waits_for "$server/said" 'listening on' && break
        end_pid "$server_pid"
        [ "$attempt" -lt 3 ] || broken_server
    done
    eval "${server_name}_host=127.0.0.1:$server_port ${server_name}_pid=$server_pid"
}

# token_server NAME ARGUMENT...: what registries of the kind `token` ask; its log is $work/NAME/tokens.log.
token_server() {
    server_name=$1
    server=$work/$1
    shift
    mkdir -p "$server"
    openssl req -x509 -newkey rsa:2048 -nodes -keyout "$work/token.key" -out "$work/token.pem" -days 2 -subj /CN=token \
        >"$server/made" 2>&1
    start $python -BES "$root/tests/tools/token_server.py" --dir "$server" --key "$work/token.key" \
        --certificate "$work/token.pem" --service test --user "$user:$password" "$@"
    waits_for "$server/port" . || broken_server
    token_host=127.0.0.1:$(cat "$server/port")
    eval "${server_name}_host=$token_host ${server_name}_pid=$server_pid"
}

# front NAME HOST:PORT LINE...: nginx by itself in $work/NAME; its access log is $work/NAME/log. FRONT_HTTP in the
# environment: lines beside the server.
front() {
    server_name=$1
    server=$work/$1
    upstream=$2
    shift 2
    mkdir -p "$server/temporary"
    for attempt in 1 2 3; do
        server_port=$(free_port)
        cat >"$server/nginx.conf" <<FILE
daemon off;
master_process off;
pid $server/pid;
error_log stderr notice;
events { worker_connections 256; }
http {
    log_format short '\$request_method \$request_uri \$status \$body_bytes_sent';
    access_log $server/log short;
    client_body_temp_path $server/temporary/body;
    proxy_temp_path $server/temporary/proxy;
    fastcgi_temp_path $server/temporary/fastcgi;
    uwsgi_temp_path $server/temporary/uwsgi;
    scgi_temp_path $server/temporary/scgi;
    client_max_body_size 0;
    ${FRONT_HTTP-}
    server {
        listen 127.0.0.1:$server_port;
        location / {
            proxy_pass http://$upstream;
            proxy_set_header Host \$http_host;
            proxy_http_version 1.1;
            proxy_request_buffering off;
$(printf '            %s\n' "$@")
        }
    }
}
FILE
        # (the root user's workers may not become another: the folder is ours alone)
        PATH=$PATH:/usr/sbin start nginx -p "$server" -e stderr -c "$server/nginx.conf"
        waits_for "$server/said" 'event method' && break
        end_pid "$server_pid"
        [ "$attempt" -lt 3 ] || broken_server
    done
    eval "${server_name}_host=127.0.0.1:$server_port ${server_name}_pid=$server_pid"
}

scripted() {
    server_name=$1
    server=$work/$1
    shift
    mkdir -p "$server"
    start $python -BES "$root/tests/tools/registry.py" --root "$server" --name "$server_name" "$@"
    waits_for "$server/ports" . || broken_server
    read -r server_port storage_port <"$server/ports"
    eval "${server_name}_host=127.0.0.1:$server_port ${server_name}_storage=$storage_port ${server_name}_pid=$server_pid"
}

# --- what tests do with a scripted registry -------------------------------------------------------------------------

# faults NAME LINE...: from now on (tests/tools/registry.py); the log begins anew, too. No line: none.
faults() {
    server=$work/$1
    shift
    printf '%s\n' "$@" >"$server/faults~"
    mv "$server/faults~" "$server/faults"
    : >"$server/log"
}

# requests NAME PATTERN: how many lines of its log match.
requests() {
    grep -cE -e "$2" "$work/$1/log"
}

# asked NAME NUMBER PATTERN: exactly so many; NUMBER+: at least; NUMBER-: at most.
asked() {
    asked=$(requests "$1" "$3")
    case $2 in
    *+) [ "$asked" -ge "${2%+}" ] ;;
    *-) [ "$asked" -le "${2%-}" ] ;;
    *) [ "$asked" -eq "$2" ] ;;
    esac || {
        echo "$asked requests, wanted $2: $3"
        cut -c 1-150 "$work/$1/log" | tail -n 12
        return 1
    }
}

# put_image NAME LAYOUT TAG REPOSITORY [NEWTAG]: straight into its folder.
put_image() {
    put_manifest=$("$layout" name "$2" "$3" manifest)
    put_repo=$work/$1/repos/$(echo "$4" | tr / :)
    mkdir -p "$put_repo/blobs" "$put_repo/manifests" "$put_repo/tags"
    for put_hex in $(grep -oE 'sha256:[0-9a-f]{64}' "$put_manifest" | sort -u | cut -c 8-); do
        [ ! -e "$2/blobs/sha256/$put_hex" ] || {
            cp "$2/blobs/sha256/$put_hex" "$work/$1/blobs/$put_hex"
            : >"$put_repo/blobs/$put_hex"
        }
    done
    cp "$put_manifest" "$put_repo/manifests/${put_manifest##*/}"
    printf 'sha256:%s' "${put_manifest##*/}" >"$put_repo/tags/${5:-$3}"
}

# tag_of NAME REPOSITORY TAG: its digest; nothing where there is no such tag.
tag_of() {
    cat "$work/$1/repos/$(echo "$2" | tr / :)/tags/$3" 2>/dev/null
}

# holds NAME REPOSITORY DIGEST: that manifest and all of its blobs are there, with their digests.
holds() {
    held=$work/$1/repos/$(echo "$2" | tr / :)
    [ "$(sha256 "$held/manifests/${3#sha256:}")" = "$3" ] || {
        echo "no manifest $3"
        return 1
    }
    for held_hex in $(grep -oE '"digest":"sha256:[0-9a-f]{64}' "$held/manifests/${3#sha256:}" | sort -u | cut -c 18-); do
        [ -e "$held/blobs/$held_hex" ] && [ "$(sha256 "$work/$1/blobs/$held_hex")" = "sha256:$held_hex" ] || {
            echo "no blob $held_hex, or a wrong one"
            return 1
        }
    done
}

# published NAME REPOSITORY TAG DIGEST: the tag has this digest, and all of it is there.
published() {
    published=$(tag_of "$1" "$2" "$3")
    [ "$published" = "$4" ] || {
        echo "$3 is ${published:-absent}, wanted $4"
        return 1
    }
    holds "$1" "$2" "$4"
}

# untagged NAME REPOSITORY [TAG]: no tag, or not this one.
untagged() {
    if [ $# -eq 3 ]; then
        [ -z "$(tag_of "$1" "$2" "$3")" ]
    else
        [ -z "$(ls "$work/$1/repos/$(echo "$2" | tr / :)/tags" 2>/dev/null)" ]
    fi
}

# forget_repo NAME REPOSITORY: as if it had never been.
forget_repo() {
    rm -rf "$work/$1/repos/$(echo "$2" | tr / :)"
}

# open_sessions NAME: uploads begun (as the log has it) that were neither finished nor deleted nor lost.
open_sessions() {
    awk '{ for (i = 1; i <= NF; i++) {
               if ($i ~ /^session=/) open[substr($i, 9)] = 1
               if ($i ~ /^(done|gone)=/) delete open[substr($i, 6)] } }
         END { for (id in open) count++; print count + 0 }' "$work/$1/log"
}

# stopped_in_stall NAME ARGUMENT...: the program, begun so, is stopped by SIGTERM where an answer of that server stalls,
# and ends at once.
stopped_in_stall() {
    stalling=$1
    shift
    "$tartconv" "$@" >"$work/out" 2>"$work/err" &
    child=$!
    for waited in $(seq 100); do
        [ "$(requests "$stalling" ' fault=stall')" -eq 0 ] || break
        sleep 0.05
    done
    stop_begun=$(date +%s%N)
    kill -TERM $child
    wait $child
    stop_status=$?
    [ "$(requests "$stalling" ' fault=stall')" -gt 0 ] && [ $stop_status -eq 143 ] &&
        [ $(($(date +%s%N) - stop_begun)) -lt 5000000000 ] || {
        echo "status $stop_status: $(cat "$work/err")"
        return 1
    }
}

# make_noise [NAME SIZE]: the layout NAME (noise) of a disk of SIZE (3M) that does not compress: v1 in layers of 1,500,000
# bytes (of 3M the last has 146,116), v2 made of it in chunks of 1 MiB with NAME-proof; $layer_0 to $layer_2 are the hex
# digits of the first V1 layers, $wanted is v2's digest.
make_noise() {
    noise=${1:-noise}
    mkdir "$noise-vm"
    cat >"$noise-vm/config.json" <<'FILE'
{"version":1,"os":"linux","arch":"arm64","cpuCountMin":1,"cpuCount":2,"memorySizeMin":1,"memorySize":1073741824,
"macAddress":"7a:00:00:00:00:01","diskFormat":"raw"}
FILE
    echo nvram >"$noise-vm/nvram.bin"
    head -c "${2:-3M}" /dev/urandom >"$noise-vm/disk.img"
    "$tartconv" convert -q --to v1 --v1-layer-size 1500000 --upload-time none "vm:$noise-vm" "oci:$noise:v1" >out &&
        "$tartconv" convert -q --chunk-size 1MiB --proof "$noise-proof" "oci:$noise:v1" "oci:$noise:v2" >out || {
        echo 'Bail out! no images'
        exit 1
    }
    for index in 0 1 2; do
        noise_layer=$("$layout" name "$noise" v1 layers/$((index + 1)))
        eval "layer_$index=${noise_layer##*/}"
    done
    wanted=$(digest_of "$noise" v2)
}

copy() {
    skopeo --insecure-policy copy --preserve-digests --quiet --src-tls-verify=false --dest-tls-verify=false "$@"
}
