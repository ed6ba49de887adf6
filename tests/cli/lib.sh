# lib.sh: what command-line tests share: `. tests/cli/lib.sh NAME` at a test's start makes a folder $work of its own and
# goes there; `finish` at its end prints the plan.
root=$PWD
case ${B:-build} in /*) built=$B ;; *) built=$PWD/${B:-build} ;; esac
tartconv=$built/tartconv
layout=$built/tests/tools/layout
work=$(mktemp -d "${TMPDIR:-/tmp}/$1.XXXXXX") || exit 1
trap 'cd /; rm -rf "$work"' EXIT
cd "$work" || exit 1
count=0

# ok NAME COMMAND...: the command succeeds.
ok() {
    count=$((count + 1))
    name=$1
    shift
    if "$@" >"$work/.output" 2>&1; then
        echo "ok $count - $name"
    else
        echo "not ok $count - $name"
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
    wanted=$1
    shift
    "$tartconv" "$@" >"$work/out" 2>"$work/err"
    got=$?
    [ "$got" -eq "$wanted" ] || {
        echo "status $got, wanted $wanted: tartconv $*"
        return 1
    }
}

# found ID: the last document or text has a finding or an error of that name.
found() {
    grep -qE "\"(id|class)\":\"$1\"|^(damage|obstacle|note): $1[ :]" "$work/out"
}

# says TEXT: the last run says so on standard output or error.
says() {
    grep -qF -e "$1" "$work/out" "$work/err"
}

# value FOLDER TAG PATH WANTED: what the manifest has there, as JSON.
value() {
    is=$("$layout" get "$1" "$2" "$3") || return 1
    [ "$is" = "$4" ] || {
        echo "$3 is $is, wanted $4"
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
    [ -z "$(find "$1" -name '.tartconv-*')" ]
}
