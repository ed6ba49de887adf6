# memory.t: what a conversion needs of memory does not grow with the disk.
. "${0%/*}/lib.sh"
peak=$built/tests/tools/peak
if [ -n "$SAN" ]; then
    echo '1..0 # skip a sanitizer has memory of its own'
    exit 0
fi

# disk FILE MIB: of that size, with 16 MiB of data at its start and 16 MiB at its end; the rest are holes.
disk() {
    truncate -s "$2M" "$1" &&
        dd if=data of="$1" bs=1M count=16 conv=notrunc status=none &&
        dd if=data of="$1" bs=1M count=16 skip=16 seek=$(($2 - 16)) conv=notrunc status=none
}

# convert SERIES ARGUMENT...: with two threads; its peak, in KiB, goes into the file peak-SERIES.
convert() {
    series=$1
    shift
    "$peak" "peak-$series" "$tartconv" convert -q --threads 2 "$@"
}

# most SERIES KIB
most() {
    [ "$(cat "peak-$1")" -le "$2" ] || {
        echo "$(cat "peak-$1") KiB, at most $2 were promised"
        return 1
    }
}

# alike A B: B needs hardly more than A.
alike() {
    most "$2" $(($(cat "peak-$1") + 16384))
}

# half noise, half text
{ head -c 16M /dev/urandom; seq 1 3000000 | head -c 16M; } | dd of=data bs=1M iflag=fullblock status=none
cat >config.json <<'END'
{"version":1,"os":"linux","arch":"arm64","cpuCountMin":1,"cpuCount":2,"memorySizeMin":1,"memorySize":1073741824,
"macAddress":"7a:00:00:00:00:01","diskFormat":"raw"}
END
echo nvram >nvram.bin
for size in 64 2048; do
    disk "disk-$size" $size || exit 1
    ok "a disk of $size MiB to V1" convert "$size-v1" --to v1 --v1-layer-size 8000000 --vm-config config.json \
        --vm-nvram nvram.bin "raw:disk-$size" "oci:images:v1-$size"
    ok "V1 to V2" convert "$size-v2" --chunk-size 16MiB "oci:images:v1-$size" "oci:images:v2-$size"
    ok "V2 to a disk" convert "$size-raw" "oci:images:v2-$size" "raw:back-$size"
    rm -f "back-$size"
    for kind in v1 v2 raw; do
        ok "$size MiB, $kind: at most 128 MiB" most "$size-$kind" 131072
    done
done
for kind in v1 v2 raw; do
    ok "$kind: no more for the large disk" alike "64-$kind" "2048-$kind"
done
finish
