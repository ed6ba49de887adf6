# quick.t: verify --quick and --sample: what they find without reading an image whole, what they say they did not look at,
# and how much of a registry's image they move.
. "${0%/*}/lib.sh"
. "$root/tests/cli/servers.sh"

needs $python setpriv
"$root/fixtures/make-images" made || exit 1
cd made || exit 1
make_noise noise 8M

# --- layouts ---
# looked STATUS REFERENCE OPTION...: as far as looked.
looked() {
    looked_status=$1
    looked_at=$2
    shift 2
    run "$looked_status" verify --quick --format json "$@" "$looked_at" && says '"complete":false' && says '"not_looked":["'
}
ok 'a V2 image is sound' looked 0 oci:images:v2
ok 'a V1 image needs converting' looked 3 oci:images:v1
ok '... what was not looked at is told' says 'the contents of the '
ok 'text says so' run 3 verify --quick oci:images:v1
ok '... in the verdict' says ' needs converting, as far as looked'
ok '... and what was left out' says 'not looked at: the contents of'
ok 'all of it is complete' run 0 verify --format json oci:images:v2
ok '... says so' says '"complete":true,"not_looked":[],"sample":null'
ok 'a VM folder' run 0 verify --quick vm:vm
ok 'a disk' run 0 verify --quick raw:vm/disk.img
run 0 convert -q oci:noise:v1 oci-archive:noise.tar:v2
gzip -k noise.tar
ok 'an archive' looked 0 oci-archive:noise.tar:v2
ok 'a packed archive' looked 0 oci-archive:noise.tar.gz:v2

# damaged FORMAT ID STATUS NAME EDIT...: quick and whole say it alike.
damaged() {
    damaged_from=$1 damaged_id=$2 damaged_status=$3 damaged_name=$4
    shift 4
    edit noise "$damaged_from" "$damaged_name" "$@" && run "$damaged_status" verify "oci:noise:$damaged_name" && found "$damaged_id" &&
        looked "$damaged_status" "oci:noise:$damaged_name" && found "$damaged_id"
}
run 0 convert -q --plain --chunk-size 1MiB oci:noise:v1 oci:noise:plain
run 0 convert -q --chunk-size 1MiB oci:noise:v1 oci:noise:ours
n=$(layer_count noise v1)
last=$((n - 1))
all=$(seq -s, 0 $last)
ok 'the noise has layers enough' test "$n" -ge 7
ok 'V1: two layers exchanged' damaged v1 layer-chain 2 swapped layers "$(echo "$all" | sed 's/,3,4,/,4,3,/')"
ok '... and the order that fits' says '1-2, 4, 3, 5-'
ok 'V1: the first layer elsewhere' damaged v1 layer-order 2 first layers "$(echo "$all" | sed 's/^0,1,2,/0,2,1,/')"
ok '... and the order that fits' says 'one stream: 2, 1, 3-'
ok 'V1: a layer missing' damaged v1 layer-order 2 missing layers "$(echo "$all" | sed 's/,3,/,/')"
ok '... and where' says 'none goes on behind layer 2; what hangs together: 1-2 | 3-'
ok 'V1: the last disk layer missing' damaged v1 stream-truncated 2 short layers "$(echo "$all" | sed "s/,$((last - 1)),/,/")"
ok 'V1: a layer twice' damaged v1 layer-order 2 double layers "$(echo "$all" | sed 's/,3,/,3,3,/')"
ok '... and which' says 'without layer 4, foreign or there twice'
gzip -c "$("$layout" name noise v1 layers/3)" >packed
head -c 900000 /dev/urandom >random
ok 'V1: a packed layer' damaged v1 stream-foreign 2 packed blob layers/3 packed
ok 'V1: a layer of something else' damaged v1 layer-chain 2 random blob layers/3 random
ok 'V2: a packed layer' damaged plain stream-foreign 2 packed2 blob layers/3 packed
ok 'V2: a layer of something else' damaged plain stream-magic 2 random2 blob layers/3 random
head -c 90000 "$("$layout" name noise plain layers/3)" >part
ok 'V2: a layer cut short' damaged plain stream-truncated 2 part2 blob layers/3 part
ok 'V2: exchanged' damaged ours disk-order 2 swapped2 layers 0,1,3,2,4,5,6,7,8,9
ok 'V2: a layer missing' damaged plain disk-size 2 missing2 layers 0,1,2,4,5,6,7,8,9
ok 'the config missing' damaged plain manifest-rules 2 unconfigured layers 1,2,3,4,5,6,7,8,9
ok 'the config elsewhere' damaged plain manifest-rules 3 moved layers 1,0,2,3,4,5,6,7,8,9
ok 'a size that is a text' damaged plain manifest-invalid 2 texts set layers/0/size '"5"' set schemaVersion '"2"'
ok '... and how to mend it' run 2 verify oci:noise:texts
ok '... is told' says '`tartconv repair`'
ok 'V1 and V2' damaged plain disk-mixed 2 mixed set layers/2/mediaType '"application/vnd.cirruslabs.tart.disk.v1"'

# blobs that are not what they should be: all of them are named, behind the first, too
hurt() {
    hurt_file=$("$layout" name hurt "$1" "layers/$2")
    chmod u+w "$hurt_file"
    case $3 in
    gone) rm "$hurt_file" ;;
    short) truncate -s 1000 "$hurt_file" ;;
    changed) printf 'XXXX' | dd of="$hurt_file" bs=1 seek=70000 conv=notrunc 2>/dev/null ;;
    esac
}
cp -r noise hurt
for format in v1 plain; do
    hurt $format 2 changed
    hurt $format 3 gone
    hurt $format 4 short
done
# named ID LAYER
named() {
    says "\"id\":\"$1\",\"severity\":\"damage\",\"layer\":$2,"
}
for format in v1 plain; do
    ok "$format: blobs gone, short and changed" run 2 verify --format json oci:hurt:$format
    ok '... changed' named blob-digest 2
    ok '... gone' named blob-missing 3
    ok '... short' named blob-size 4
    ok '... quick' run 2 verify --quick --format json oci:hurt:$format
    ok '... gone' named blob-missing 3
    ok '... short' named blob-size 4
    ok '... changed: not seen' not named blob-digest 2
done

# --- samples ---
# sample SEED FORMAT WANTED: says how much was decoded.
sample() {
    run 0 verify --sample 3MiB --seed "$1" --format json oci:noise:plain && says "\"seed\":$1,\"decoded\":" &&
        grep -o '"decoded":[0-9]*' "$work/out" >"decoded-$1"
}
ok 'a sample' sample 7
ok '... is not all' test "$(sed 's/.*://' decoded-7)" -lt 6291456
ok 'a seed that was not given is told' run 0 verify --sample 5% oci:noise:plain
seed=$(sed -n 's/.*--seed \([0-9]*\)$/\1/p' "$work/out")
ok '... and serves again' run 0 verify --sample 5% --seed "$seed" oci:noise:plain
cp -r noise touched
printf 'XXXX' | dd of="$("$layout" name touched plain layers/3)" bs=1 seek=70000 conv=notrunc 2>/dev/null
seeds() {
    for seed in 1 2 3 4 5 6 7 8; do
        "$tartconv" verify --sample 1% --seed $seed oci:touched:plain >"$work/out"
        echo $?
    done
}
seeds >first
seeds >again
ok 'some samples find what others miss' test "$(sort -u first | tr '\n' ' ')" = '0 2 '
ok '... the same ones again' cmp first again
ok 'all of it as a sample' run 2 verify --sample 100% oci:touched:plain
ok '... is blob-digest' found blob-digest
ok 'V1: the beginning' run 3 verify --sample 1MiB oci:noise:v1
ok '... is told' says 'disk.v1 can only be read from its start'
ok '... was decoded' says 'sample: 1048576 bytes of disk were decoded'
for options in '--quick --against-proof x' '--quick --disk-digest' '--sample 5% --disk-digest' '--seed 1' '--sample 0%' '--sample 101%' \
    '--sample 0' '--sample x' '--sample 5% --seed -1'; do
    # shellcheck disable=SC2086 # words
    ok "refused: $options" run 64 verify $options oci:noise:plain
done

# --- registries ---
scripted s
for format in v1 plain swapped; do
    run 0 convert -q --to same oci:noise:$format "$s_host/noise:$format"
done
# moved: bytes of all answers since the log began.
moved() {
    sed -n 's/.* out=\([0-9]*\) .*/\1/p' "$work/s/log" | awk '{ sum += $1 } END { print sum + 0 }'
}
for format in v1 plain; do
    status=3
    [ $format = v1 ] || status=0
    faults s
    ok "registry: $format" looked $status "$s_host/noise:$format"
    ok '... every blob was asked for' test "$(requests s 'main HEAD /v2/noise/blobs/')" -ge 7
    ok '... at most the last disk layer whole' test "$(requests s 'GET /v2/noise/blobs/.* out=[0-9]{7,} ')" -le 1
done
ok 'registry: exchanged layers' looked 2 "$s_host/noise:swapped"
ok '... and the order that fits' says '1-2, 4, 3, 5-'
victim=$("$layout" name noise v1 layers/3)
faults s "HEAD /blobs/sha256:${victim##*/} * status 404"
ok 'registry: a blob is gone' looked 2 "$s_host/noise:v1"
ok '... is named' named blob-missing 3
faults s 'GET /blobs/ * full'
ok 'registry: no ranges' looked 3 "$s_host/noise:v1"
ok '... is told' says 'the store gives no parts of blobs'
faults s 'GET /blobs/ * full'
ok 'registry: no ranges, V2' looked 0 "$s_host/noise:plain"
faults s 'HEAD /blobs/ 2 status 503' 'GET /blobs/ 3 reset'
ok 'registry: faults on the way' looked 3 "$s_host/noise:v1" --retry-delay 10ms
faults s 'GET|HEAD /blobs/ * status 401'
ok 'registry: refused' run 77 verify --quick "$s_host/noise:v1"

# A hundred V1 layers of 500,000,000 bytes: files with holes, of which only the ends are a stream's: stored blocks.
$python -IS - "$work/s" <<'END'
import hashlib
import json
import os
import sys

root, size, count, block, end = sys.argv[1], 500000000, 100, 65536 + 8, 300000
noise = b"".join(hashlib.sha256(b"%d" % i).digest() for i in range(2048))
total = size * (count - 1) // block * block + block * 100


def piece(start, length):
    first = start // block
    whole = b"".join(b"bv4-" + (65536).to_bytes(4, "little") + noise for _ in range(length // block + 2))
    data = whole[start - first * block:][:length]
    return data if start + length <= total else data[:total - start] + b"bv4$"


layers, kind = [], "application/vnd.cirruslabs.tart."
os.makedirs(root + "/repos/wide/blobs")


def add(name, what, length, *parts):
    digest = hashlib.sha256(name.encode() if parts[0][1] is None else parts[0][1]).hexdigest()
    with open(root + "/blobs/" + digest, "wb") as file:
        file.truncate(length)
        for at, data in parts:
            file.seek(at)
            file.write(data or b"")
    open(root + "/repos/wide/blobs/" + digest, "wb").close()
    return {"mediaType": what, "digest": "sha256:" + digest, "size": length}


def small(what, data):
    return add("", what, len(data), (0, data))


config = small("application/vnd.oci.image.config.v1+json", b'{"architecture":"arm64","os":"darwin"}')
layers.append(small(kind + "config.v1", b'{"version":1,"os":"linux","arch":"arm64","cpuCountMin":4,"cpuCount":4,'
                    b'"memorySizeMin":4294967296,"memorySize":4294967296,"macAddress":"aa:bb:cc:dd:ee:ff"}'))
for i in range(count):
    start = i * size
    length = min(size, total + 4 - start)
    layers.append(add("layer %d" % i, kind + "disk.v1", length, (0, None), (0, piece(start, end)),
                      (length - end, piece(start + length - end, end))))
layers.append(small(kind + "nvram.v1", b"nvram"))


def image(tag, layers):
    manifest = json.dumps({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "config": config,
                           "layers": layers, "annotations": {
                               "org.cirruslabs.tart.uncompressed-disk-size": str(total // block * 65536)}}).encode()
    digest = hashlib.sha256(manifest).hexdigest()
    for folder, name, data in ("manifests", digest, manifest), ("tags", tag, b"sha256:" + digest.encode()):
        os.makedirs(root + "/repos/wide/" + folder, exist_ok=True)
        with open(root + "/repos/wide/" + folder + "/" + name, "wb") as file:
            file.write(data)


image("v1", layers)
image("shuffled", layers[:1] + layers[51:101] + layers[1:51] + layers[101:])
image("missing", layers[:50] + layers[51:])
END
faults s
ok 'a hundred layers, 50 GB' looked 3 "$s_host/wide:v1"
echo "# $(moved) bytes"
ok '... all of them hang together' not says 'their ends do not tell'
ok '... at most 64 MiB were moved' test "$(moved)" -le 67108864
ok '... and not nothing' test "$(moved)" -ge 26214400
faults s
ok '... its halves exchanged' looked 2 "$s_host/wide:shuffled"
ok '... and the order that fits' says 'in one order alone the layers are one stream: 51-100, 1-50'
ok '... at most 64 MiB were moved' test "$(moved)" -le 67108864
faults s
ok '... a layer missing' looked 2 "$s_host/wide:missing"
ok '... and where' says 'none goes on behind layer 49; what hangs together: 1-49 | 50-99'
ok '... at most 64 MiB were moved' test "$(moved)" -le 67108864
finish
