# lib.sh: what command-line tests share: `. "${0%/*}/lib.sh"` at a test's start makes a folder $work of its own and
# goes there; `finish` at its end prints the plan.
root=$PWD
case ${B:-build} in /*) built=$B ;; *) built=$PWD/${B:-build} ;; esac
tartconv=$built/tartconv
layout=$built/tests/tools/layout
# where files are in memory, syncing them costs nothing
parent=${TMPDIR:-/tmp}
[ -n "${TMPDIR-}" ] || [ ! -w /dev/shm ] || parent=/dev/shm
test_file=${0##*/}
work=$(mktemp -d "$parent/${test_file%.t}-t.XXXXXX") || exit 1
trap 'cd /; rm -rf "$work"' EXIT
cd "$work" || exit 1
# no settings, credentials, states or proxies of whoever runs the tests
export HOME="$work/.home" XDG_CONFIG_HOME="$work/.home/.config" XDG_STATE_HOME="$work/.home/.local/state"
unset XDG_RUNTIME_DIR REGISTRY_AUTH_FILE DOCKER_CONFIG TART_REGISTRY_USERNAME TART_REGISTRY_PASSWORD \
    TART_REGISTRY_HOSTNAME HTTP_PROXY http_proxy HTTPS_PROXY https_proxy ALL_PROXY all_proxy
mkdir "$HOME"
count=0

# ok NAME COMMAND...: the command succeeds.
ok() {
    count=$((count + 1))
    test_name=$1
    shift
    if "$@" >"$work/.output" 2>&1; then
        echo "ok $count - $test_name"
    else
        echo "not ok $count - $test_name"
        for file in "$work/.output" "$work/out" "$work/err"; do
            [ ! -f "$file" ] || head -n 20 "$file" | sed 's/^/# /'
        done
    fi
}

skip() {
    count=$((count + 1))
    echo "ok $count - $1 # skip $2"
}

finish() {
    echo "1..$count"
}

not() {
    ! "$@"
}

# run STATUS ARGUMENT...: tartconv ends with that status; what it prints is in $work/out and $work/err.
run() {
    wanted_status=$1
    shift
    "$tartconv" "$@" >"$work/out" 2>"$work/err"
    got=$?
    [ "$got" -eq "$wanted_status" ] || {
        echo "status $got, wanted $wanted_status: tartconv $*"
        return 1
    }
}

# found ID: the last document or text has a finding or an error of that name.
found() {
    while IFS= read -r line; do
        case $line in
        *"\"id\":\"$1\""* | *"\"class\":\"$1\""* | "damage: $1"[:\ ]* | "obstacle: $1"[:\ ]* | "note: $1"[:\ ]*) return 0 ;;
        esac
    done <"$work/out"
    return 1
}

# says TEXT: the last run says so on standard output or error.
says() {
    for said in "$work/out" "$work/err"; do
        while IFS= read -r line; do
            case $line in *"$1"*) return 0 ;; esac
        done <"$said"
    done
    echo "nothing says: $1"
    return 1
}

# value FOLDER TAG PATH WANTED: what the manifest has there, as JSON.
value() {
    value_is=$("$layout" get "$1" "$2" "$3") || return 1
    [ "$value_is" = "$4" ] || {
        echo "$3 is $value_is, wanted $4"
        return 1
    }
}

# absent FOLDER TAG PATH: the manifest has nothing there.
absent() {
    ! "$layout" get "$1" "$2" "$3"
}

# same_value FOLDER TAG FOLDER TAG PATH
same_value() {
    value "$3" "$4" "$5" "$("$layout" get "$1" "$2" "$5")"
}

# blob FOLDER TAG PATH: the blob's bytes on standard output.
blob() {
    cat "$("$layout" name "$1" "$2" "$3")"
}

# digest_of FOLDER TAG: of the manifest.
digest_of() {
    "$layout" name "$1" "$2" manifest | sed 's/.*\//sha256:/'
}

# edit FOLDER TAG NEWTAG EDIT...: an image from another, with right digests (tests/tools/layout.c).
edit() {
    "$layout" edit "$@" >"$work/.edited"
}

# clean FOLDER: no temporary of ours is left in it.
clean() {
    for left in "$1"/.tartconv-*; do
        [ ! -e "$left" ] || return 1
    done
}

# layer_count FOLDER TAG: all of them, config and NVRAM too.
layer_count() {
    "$layout" get "$1" "$2" layers | grep -o '"mediaType"' | wc -l
}

# sha256 FILE, as manifests write it.
sha256() {
    echo "sha256:$(sha256sum "$1" | cut -d ' ' -f 1)"
}

same_disk() {
    run 0 compare "$1" "$2"
}
