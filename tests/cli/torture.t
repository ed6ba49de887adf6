# torture.t: whichever allocation, read, write, sync, rename, open or thread fails, a run ends with an error or with the
# right result, and leaves nothing that is not whole. Here a sample; TORTURE=all tries each failure there can be.
. "${0%/*}/lib.sh"
tried=0
: >bad

case $SAN in
*thread*)
    echo '1..0 # skip the thread sanitizer does not live without memory'
    exit 0
    ;;
*address*)
    # it wants to come first, but serves as well behind what fails; leaks are failures here
    export ASAN_OPTIONS=verify_asan_link_order=0
    ;;
esac

# verdict NAME: tells of a whole series; the file `bad` has what went wrong.
verdict() {
    ok "$1" not grep . bad
    : >bad
}

# bad TEXT: of the run in hand.
bad() {
    printf '%s, %s %s of %s: %s; said: %s\n' "$series" "$kind" "$at" "$total" "$1" "$(cat err)" >>bad
}

# check_dst: the layout is as it was before, or has the new tag, whole.
check_dst() {
    cmp -s dst/index.json "$begin/index.json" && return
    if grep -q '"new"' dst/index.json; then
        "$tartconv" verify -q oci:dst:new >/dev/null 2>&1 || bad 'a tag that is not whole'
    else
        bad 'a layout without the tag is left'
    fi
    [ "$begin" != old ] || "$tartconv" verify -q oci:dst:one >/dev/null 2>&1 || bad 'the other tag suffered'
}

# dst as the next run must find it: absent, or a copy of the layout `old`.
reset() {
    [ ! -e raw ] || rm -f raw
    [ ! -e proof ] || rm -f proof
    [ ! -e dst ] || rm -rf dst
    [ "$begin" != old ] || cp -R old dst
}

# The status says which failure it was; a status of damage would be a lie, since the source is sound.
check_status() {
    case $kind/$status in
    alloc/74 | crypto/74 | read/74 | thread/74) ;;
    write/7[34] | sync/7[34] | link/7[34] | open/7[34]) ;;
    *) bad "status $status" ;;
    esac
    said=
    read -r said <err
    case $said in
    tartconv:*) ;;
    *) bad "no error text" ;;
    esac
}

# What must hold after a run that failed, or did not notice.
check_run() {
    if [ $status -eq "$wanted" ]; then
        cmp -s out expected || bad "another result: $(cat out)"
    else
        check_status
    fi
    for name in .tartconv-* dst/.tartconv-*; do
        [ ! -e "$name" ] || bad "$name is left"
    done
    [ ! -e dst ] || check_dst
    [ -e raw ] && ! cmp -s raw disk && bad "another disk"
}

# failing AT ARGUMENT...: once, with that failure.
failing() {
    at=$1
    shift
    reset
    FAIL_AT=$at LD_PRELOAD=$built/tests/torture/fail.so "$tartconv" "$@" >out 2>err
    status=$?
}

# each KINDS MOST BEGIN WANTED NAME ARGUMENT...: a run for each failure of these kinds, or for about MOST of them, begun
# without dst (new) or with a layout in it (old); WANTED is the undisturbed run's status.
each() {
    kinds=$1 most=$2 begin=$3 wanted=$4 series=$5
    shift 5
    for kind in $kinds; do
        FAIL_KIND=$kind
        FAIL_COUNT_FILE=$work/total
        export FAIL_KIND FAIL_COUNT_FILE
        total=0
        failing 0 "$@"
        unset FAIL_COUNT_FILE
        [ $status -eq "$wanted" ] || bad "status $status undisturbed"
        mv out expected
        total=$(cat total)
        step=$(((total + most - 1) / most))
        [ "$TORTURE" != all ] || step=1
        # not the same ones in each series
        next=$((1 + (count * 7 + 3) % (step + (step == 0))))
        while [ $next -le "$total" ]; do
            failing $next "$@"
            check_run
            tried=$((tried + 1))
            next=$((next + step))
        done
    done
    verdict "$series"
}

mkdir vm
cat >vm/config.json <<'END'
{"version":1,"os":"linux","arch":"arm64","cpuCountMin":1,"cpuCount":2,"memorySizeMin":1,"memorySize":1073741824,
"macAddress":"7a:00:00:00:00:01","display":{"width":1024,"height":768},"diskFormat":"raw"}
END
head -c 4096 /dev/urandom >vm/nvram.bin
truncate -s 2560K vm/disk.img
head -c 200000 /dev/urandom | dd of=vm/disk.img bs=1M seek=1 conv=notrunc status=none
seq 1 10000 | dd of=vm/disk.img bs=64K seek=5 conv=notrunc status=none
cp --sparse=always vm/disk.img disk
"$tartconv" convert -q --to v1 --v1-layer-size 100000 vm:vm oci:src:v1 >out &&
    "$tartconv" convert -q --chunk-size 1MiB oci:src:v1 oci:src:v2 >out &&
    "$tartconv" convert -q oci:src:v2 oci:old:one >out || exit 1
"$layout" edit src v1 shuffled layers "0,2,1,$(seq -s , 3 $(($(layer_count src v1) - 1)))" >out || exit 1
cp -R src holes
rm "$("$layout" name holes v2 layers/2)"
mkdir new # never filled: what a destination that is not there is compared with
cp -R src src-before

few="read write sync link open"
all="alloc $few"
to_v2="convert -q --threads 1 --chunk-size 1MiB --proof proof oci:src:v1 oci:dst:new"
each "$all" 4 new 0 'V1 to V2, a new layout' $to_v2
each "$all" 3 old 0 'V1 to V2, an existing layout' $to_v2
each crypto 4 new 0 'V1 to V2, libcrypto' $to_v2
each "$all" 2 new 0 'raw to V2' convert -q --threads 1 --vm-config vm/config.json --vm-nvram vm/nvram.bin \
    raw:disk oci:dst:new
each "$all" 2 old 0 'V2 to raw' convert -q --threads 1 oci:src:v2 raw:raw
each "alloc read open" 3 new 0 'verify V2' verify -q --threads 1 oci:src:v2
each "alloc read open" 3 new 3 'verify V1' verify -q --threads 1 oci:src:v1
each "alloc read open" 3 new 0 'verify V2 quickly' verify -q --sample 50% --seed 1 --threads 1 oci:src:v2
each "alloc read open" 3 new 3 'verify V1 quickly' verify -q --quick --threads 1 oci:src:v1
each "alloc read open" 3 new 0 'compare' compare -q --threads 1 --all oci:src:v1 oci:src:v2
each "$all" 3 new 0 'repair V1' repair -q --threads 1 oci:src:shuffled oci:dst:new
each "$all" 3 old 0 'repair V2, a blob encoded anew' repair -q --threads 1 --spool-memory 0 --refill raw:disk \
    oci:holes:v2 oci:dst:new
each thread 100 new 0 'V1 to V2, threads that do not start' convert -q --threads 2 --chunk-size 1MiB \
    oci:src:v1 oci:dst:new
each thread 5 new 0 'raw to V2, threads that do not start' convert -q --threads 2 --chunk-size 1MiB \
    --vm-config vm/config.json --vm-nvram vm/nvram.bin raw:disk oci:dst:new
each "$all" 2 new 0 'V1 to V2, two threads' convert -q --threads 2 --chunk-size 1MiB oci:src:v1 oci:dst:new
FAIL_STAY=1
export FAIL_STAY
each "write open alloc" 3 new 0 'V1 to V2, from then on' $to_v2
unset FAIL_STAY
diff -r src src-before >bad 2>&1
verdict 'the sources are as they were'
echo "# $tried failures"
finish
