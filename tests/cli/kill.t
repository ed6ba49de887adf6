# kill.t: a run that is killed, stopped or meets the machine's limits leaves what was there before, or a whole image.
# TORTURE=all kills more often, and a larger conversion.
. "${0%/*}/lib.sh"
export LC_ALL=C

# convert DIR ARGUMENT...: the conversion that all of this is about.
convert() {
    to=$1
    shift
    "$tartconv" convert -q --chunk-size 2MiB "$@" oci:src:v1 "oci:$to:new"
}

# started DIR: the same in the background; its number is in $child.
started() {
    "$tartconv" convert -q --chunk-size 2MiB oci:src:v1 "oci:$1:new" >out 2>err &
    child=$!
}

# whole DIR: it is absent, or a layout whose images are sound, those that were there before too.
whole() {
    [ -e "$1" ] || return 0
    for tag in one new; do
        grep -q "\"$tag\"" "$1/index.json" || continue
        "$tartconv" verify -q "oci:$1:$tag" >out 2>err || return 1
    done
    [ "$1" != old ] || grep -q '"one"' old/index.json
}

midst=0 # runs that a kill met before their end, since `again`

# A number below $1; the same ones in each run of this test.
seed=20240131
roll() {
    seed=$(((seed * 1103515245 + 12345) % 2147483648))
    rolled=$((seed / 65536 % $1))
}

milliseconds() {
    echo $(($(date +%s%N) / 1000000))
}

# killed DIR: once, at some instant of the run; what it leaves must be whole, and the next run must be as if nothing had
# happened.
killed() {
    started "$1"
    roll $((duration + 10))
    sleep "$(printf '0.%03d' "$rolled")"
    kill -KILL "$child" 2>/dev/null
    wait "$child" 2>/dev/null
    if [ $? -eq 137 ]; then
        midst=$((midst + 1))
    else
        duration=$((duration * 3 / 4 + 1)) # it was measured while the machine was busier
    fi
    whole "$1" || {
        echo "after $rolled ms of $duration: not whole"
        return 1
    }
    convert "$1" >out 2>err || {
        echo "after $rolled ms of $duration: the next run failed: $(cat err)"
        return 1
    }
    [ "$(sed 's/.*@//' out)" = "$wanted" ] && clean .
}

# again N DIR: N kills in the midst, among at most ten times as many.
again() {
    midst=0
    for i in $(seq $(($1 * 10))); do
        rm -rf "$2"
        [ "$2" != old ] || cp -R before old
        killed "$2" || return 1
        [ $midst -lt "$1" ] || return 0
    done
    echo "only $midst of $((10 * $1)) runs were met before their end"
    return 1
}

# stopped SIGNAL STATUS DIR: a signal in the midst of a slow run ends it, soon and with that status.
stopped() {
    rm -rf "$3"
    [ "$3" != old ] || cp -R before old
    # a shell's jobs in the background have SIGINT ignored
    env --default-signal=INT "$tartconv" convert -q --chunk-size 2MiB --encode-all --encoder lz4hc:12 --threads 1 \
        oci:src:v1 "oci:$3:new" >out 2>err &
    child=$!
    for i in $(seq 50); do
        [ ! -e "$3/index.json" ] || break
        sleep 0.02
    done
    sleep 0.1
    begun=$(milliseconds)
    kill -"$1" $child
    wait $child
    got=$?
    took=$(($(milliseconds) - begun))
    [ $got -eq "$2" ] && [ $took -lt 2000 ] || {
        echo "status $got, wanted $2; $took ms; said $(cat err)"
        return 1
    }
}

case $TORTURE in
all) noise=20M text=30M zeros=10M kills=20 ;;
*) noise=4M text=8M zeros=2M kills=3 ;;
esac
mkdir vm
cat >vm/config.json <<'END'
{"version":1,"os":"linux","arch":"arm64","cpuCountMin":1,"cpuCount":2,"memorySizeMin":1,"memorySize":1073741824,
"macAddress":"7a:00:00:00:00:01","diskFormat":"raw"}
END
echo nvram >vm/nvram.bin
{ head -c $noise /dev/urandom; seq 1 5000000 | head -c $text; head -c $zeros /dev/zero; } >vm/disk.img
"$tartconv" convert -q --to v1 --v1-layer-size 3000000 vm:vm oci:src:v1 >out || exit 1
"$tartconv" convert -q oci:src:v1 oci:before:one >out || exit 1
begun=$(milliseconds)
convert undisturbed >out || exit 1
duration=$(($(milliseconds) - begun))
[ $duration -lt 900 ] || duration=900
wanted=$(sed 's/.*@//' out)
rm -rf undisturbed

ok 'killed, on its way to a new layout' again $kills new
ok 'killed, on its way to an existing layout' again $kills old
ok 'SIGINT: 130' stopped INT 130 gone
ok '... nothing is left' not test -e gone
ok '... at all' clean .
ok 'SIGTERM: 143' stopped TERM 143 gone
ok '... nothing is left' not test -e gone
ok 'SIGTERM, existing layout: 143' stopped TERM 143 old
ok '... which is as it was' cmp old/index.json before/index.json
ok '... and takes the image next time' convert old
rm -rf old

# Whatever the limit, an error or the image; never something in between.
few_files() {
    for limit in 4 6 7 8 9 10 12 16; do
        (ulimit -n "$limit" && convert few) >out 2>err
        status=$?
        case $status in
        0) whole few && grep -q '"new"' few/index.json ;;
        7[34]) [ ! -e few ] ;;
        *) false ;;
        esac || {
            echo "$limit files: status $status, $(cat err)"
            return 1
        }
        rm -rf few
        clean . || return 1
    done
}
ok 'few open files' few_files
mkdir readonly
chmod 555 readonly
if [ -w readonly ]; then
    skip 'a folder that cannot be written' 'this user may write everywhere'
else
    ok 'a folder that cannot be written' run 73 convert -q oci:src:v1 oci:readonly/d:new
fi
mkdir full
if mount -t tmpfs -o size=8m tartconv-kill-t full 2>/dev/null; then
    ok 'a disk that becomes full' run 74 convert -q --chunk-size 2MiB oci:src:v1 oci:full/d:new
    ok '... is told' says 'No space left on device'
    ok '... and is empty again' not test -e full/d
    ok '... for a raw disk too' run 74 convert -q oci:src:v1 raw:full/disk
    ok '... and is empty again' sh -c '[ -z "$(ls -A full)" ]'
    umount full
else
    skip 'a disk that becomes full' 'mount is not permitted'
fi
ok 'standard output is full' sh -c '"$1" convert -q oci:src:v1 oci:result:new >/dev/full 2>err; [ $? -eq 74 ]' sh "$tartconv"
ok '... is told' grep -q 'standard output' err
ok 'standard output is closed' sh -c '"$1" convert -q oci:src:v1 oci:result:new >&- 2>err; [ $? -eq 74 ]' sh "$tartconv"
ok '... the image is there' run 0 verify oci:result:new
finish
