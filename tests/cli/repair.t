# repair.t: images damaged in a way that can be undone are written whole; all others are refused and nothing is left behind.
. "${0%/*}/lib.sh"

type=application/vnd.cirruslabs.tart
size=org.cirruslabs.tart.uncompressed-size
content=org.cirruslabs.tart.uncompressed-content-digest
disk_size=org.cirruslabs.tart.uncompressed-disk-size
offset=dev.tartconv.disk-offset
docker=application/vnd.docker

"$built/fixtures/make-vm" vm 3145728
"$tartconv" convert -q --chunk-size 1MiB vm:vm oci:base:v2 >"$work/out"
"$tartconv" convert -q --chunk-size 1MiB --plain vm:vm oci:base:plain >"$work/out"
"$tartconv" convert -q --chunk-size 1MiB --disk-digest --plain vm:vm oci:base:digest >"$work/out"
"$built/fixtures/make-vm" big 12582912
"$tartconv" convert -q --to v1 --v1-layer-size 41000 vm:big oci:base:v1 >"$work/out"
"$tartconv" convert -q --to v1 --v1-layer-size 60000 vm:vm oci:base:small >"$work/out"
v1_layers=$(($(layer_count base v1) - 2))

original=vm
# mended NAME OPTION...: the tag of base is repaired into a layout of its own; the disk is the VM's.
mended() {
    mended_from=$1
    shift
    rm -rf made
    run 0 repair "$@" "oci:base:$mended_from" oci:made:x && is_vm oci:made:x
}
# is_vm REFERENCE: with what the last run said left as it is.
is_vm() {
    "$tartconv" compare -q "vm:$original" "$1" >"$work/.compared"
}
# kept STATUS CLASS NAME OPTION...: it is refused, and nothing is there.
kept() {
    kept_status=$1 kept_class=$2 kept_from=$3
    shift 3
    rm -rf made
    run "$kept_status" repair --format json "$@" "oci:base:$kept_from" oci:made:x && found "$kept_class" &&
        [ ! -e made ] && clean .
}
sound() {
    run 0 verify "oci:made:x"
}

# --- sound images ---
same_digest() {
    [ "$(digest_of base "$1")" = "$(digest_of made x)" ]
}
ok 'a sound V2 image is copied as it is' mended v2
ok '... it says so' says 'nothing to repair'
ok '... with its digest' same_digest v2
original=big
ok 'a sound V1 image, too' mended v1
ok '... with its digest' same_digest v1

# --- V1 ---
# shuffle N SEED: 0 and N last, the others in some order, as layers' indexes
shuffle() {
    awk -v n="$1" -v seed="$2" 'BEGIN {
        srand(seed)
        for (i = 1; i <= n; i++) a[i] = i
        for (i = n; i > 1; i--) { j = int(rand() * i) + 1; t = a[i]; a[i] = a[j]; a[j] = t }
        printf "0"
        for (i = 1; i <= n; i++) printf ",%d", a[i]
        printf ",%d", n + 1
    }'
}
for seed in 1 2 3 4 5 6; do
    edit base v1 "shuffled-$seed" layers "$(shuffle "$v1_layers" "$seed")"
    ok "V1, shuffle $seed of $v1_layers layers" mended "shuffled-$seed"
    ok '... the result is sound' sound
done
"$tartconv" convert -q --to v1 --v1-layer-size 120000 vm:big oci:base:few >"$work/out"
few=$(($(layer_count base few) - 2))
for seed in 1 2 3; do
    edit base few "few-$seed" layers "$(shuffle "$few" "$seed")"
    ok "V1, shuffle $seed of $few layers" mended "few-$seed"
done
# stored blocks lean on nothing, and these layers end where blocks do
mkdir noise
cp vm/* noise
openssl enc -aes-128-ctr -K 00000000000000000000000000000001 -iv 00000000000000000000000000000001 -in vm/disk.img \
    -out noise/disk.img
"$tartconv" convert -q --to v1 --v1-layer-size 262176 vm:noise oci:base:noise >"$work/out"
edit base noise noise-shuffled layers "$(shuffle $(($(layer_count base noise) - 2)) 1)"
original=noise
ok 'V1: the given order is one of several that fit' mended noise
ok '... which is told' says 'could change places'
original=big
ok 'V1: several orders fit' kept 2 order-ambiguous noise-shuffled
ok '... two of them are told' says 'could change places'
ok 'V1 to V1: only a new manifest' mended shuffled-1 --to v1
ok '... the layers as they were before' same_value base v1 made x layers/1/digest
ok '... to the last' same_value base v1 made x "layers/$v1_layers/digest"
ok 'V1: as a document' mended shuffled-1 --format json
ok '... that names the order' says '"order":"stream"'
ok 'to a disk file' run 0 repair oci:base:shuffled-2 raw:disk.img
ok '... which is the disk' cmp disk.img big/disk.img
without=$(seq -s , 0 "$v1_layers" | sed 's/,3,/,/'),$((v1_layers + 1))
ok 'V1 to V1: proved' run 0 repair --to v1 --proof proof --read-back oci:base:shuffled-3 oci:proved:x
ok '... the proof says so' grep -q '"basis":"decoded"' proof
ok '... and fits' run 0 verify --against-proof proof oci:proved:x
ok '... the disk' is_vm oci:proved:x
ok 'V1 to V1: without our annotations' mended shuffled-1 --to v1 --plain --upload-time none
ok '... the layers as they were before' same_value base v1 made x layers/1/digest
edit base v1 lost layers "$without"
ok 'V1: a layer is missing' kept 2 layer-chain lost
ok '... the text says where' says 'none of the other layers goes on there'
few_twice=$(seq -s , 0 "$((few + 1))" | sed 's/,3,/,3,3,/')
edit base few twice layers "$few_twice"
ok 'V1: a layer is there twice' mended twice
ok '... it is left out, which is told' says 'left out, which is there twice'
ok '... and where the chain breaks' says 'layer 4 sha256:'
ok '... as a document' mended twice --format json
ok '... too' says '"action":"dropped","layer":4'
ok '... V1 to V1' mended twice --to v1
head -c 41000 noise/disk.img >stray
edit base few stray layers "$few_twice" blob layers/4 stray
ok 'V1: a layer of another image' mended stray
ok '... it is left out, which is told' says "left out, which is another image's"
edit base twice twice-wrong set "annotations/$disk_size" '"12582911"'
ok '... beside a wrong size: the partition table proves the disk whole' mended twice-wrong
edit base v1 v1-total set "annotations/$disk_size" '"12582911"'
ok 'V1: the size of the disk wrong: its partition table proves it whole' mended v1-total
ok '... as a document' mended v1-total --format json
ok '... the size is written anew' says '"action":"annotated"'
ok '... V1 to V1' mended v1-total --to v1
ok '... it is right' same_value base v1 made x "annotations/$disk_size"
edit base shuffled-1 shuffled-total set "annotations/$disk_size" '"12582911"'
ok '... and the order' mended shuffled-total
# without a partition table; layers that end within stored blocks, of which any bytes can be
"$tartconv" convert -q --to v1 --v1-layer-size 300000 vm:noise oci:base:odd >"$work/out"
odd=$(layer_count base odd)
edit base odd odd-total set "annotations/$disk_size" '"3145727"'
ok '... nothing proves it' kept 2 disk-size odd-total
odd_twice=$(seq -s , 0 $((odd - 1)) | sed 's/,3,/,3,3,/')
edit base odd odd-twice layers "$odd_twice"
original=noise
ok 'V1: a layer is there twice, and the manifest knows the size' mended odd-twice
original=big
edit base odd odd-unsized layers "$odd_twice" remove "annotations/$disk_size"
ok '... nothing does' kept 2 layer-chain odd-unsized
ok '... which is told' says 'neither the manifest nor a partition table'
ok '... with the place where the chain breaks' says 'layer 4 sha256:'
blob base odd layers/3 >other
printf X | dd of=other bs=1 seek=150000 conv=notrunc status=none
edit base odd odd-other layers "$odd_twice" blob layers/4 other
ok 'V1: a layer of another image that fits as well' kept 2 layer-chain odd-other

original=vm
# --- V2, the manifest ---
ordered() {
    value made x layers/0/mediaType '"application/vnd.cirruslabs.tart.config.v1"' &&
        value made x "layers/$(($(layer_count made x) - 1))/mediaType" '"application/vnd.cirruslabs.tart.nvram.v1"'
}
edit base v2 moved layers 4,3,0,1,2
ok 'V2: NVRAM, disk and config in any order, by offsets' mended moved
ok '... config first, NVRAM last' ordered
ok '... sound' sound
edit base plain parts layers 1,2,0,4,3
ok 'V2: config and NVRAM moved' mended parts
ok '... config first, NVRAM last' ordered
for what in size content; do
    [ $what = size ] && name=$size || name=$content
    edit base v2 "no-$what" remove "layers/2/annotations/$name"
    ok "V2: $what lost" mended "no-$what"
    ok '... it is there again' same_value base v2 made x "layers/2/annotations/$name"
    edit base v2 "odd-$what" set "layers/2/annotations/$name" '"x"'
    ok "V2: $what unreadable" mended "odd-$what"
done
edit base v2 bare remove layers/1/annotations remove layers/2/annotations remove layers/3/annotations
ok 'V2: all annotations lost' mended bare
ok '... sound' sound
edit base v2 no-type remove mediaType
ok 'no mediaType' mended no-type
edit base v2 docker set mediaType "\"$docker.distribution.manifest.v2+json\"" set config/mediaType "\"$docker.container.image.v1+json\""
ok "Docker's media types" mended docker
ok '... are OCIs' value made x config/mediaType '"application/vnd.oci.image.config.v1+json"'
edit base v2 texts set layers/1/size "\"$("$layout" get base v2 layers/1/size)\"" set schemaVersion '"2"'
ok 'numbers as texts' mended texts
ok '... are numbers' same_value base v2 made x layers/1/size
edit base v2 number set "layers/1/annotations/$size" 1048576
ok 'an annotation as a number' mended number
edit base v2 wrong-length set "layers/1/annotations/$size" '"1048575"'
ok 'a wrong size beside a right digest' mended wrong-length
edit base v2 no-total remove "annotations/$disk_size"
ok 'the size of the disk lost' mended no-total
edit base v2 total set "annotations/$disk_size" '"3145729"'
ok 'the size of the disk wrong: its partition table proves it whole' mended total
mkdir bald
cp vm/* bald
for at in 0 6080; do
    dd if=/dev/zero of=bald/disk.img bs=512 count=64 seek=$at conv=notrunc status=none
done
"$tartconv" convert -q --chunk-size 1MiB --plain vm:bald oci:base:bald >"$work/out"
edit base bald bald-total set "annotations/$disk_size" '"3145729"'
ok '... without one nothing proves it' kept 2 disk-size bald-total
edit base v2 cut layers 0,1,3,4
ok 'a V2 layer is missing' kept 2 disk-size cut
edit base v2 other set "layers/1/annotations/$content" "\"sha256:$(printf '%064d' 0)\""
ok 'a content digest of another content' kept 2 cannot-repair other
# a whole blob against its annotation: only where another image has what is stated, at that place
"$tartconv" convert -q --chunk-size 1MiB --encode-all --encoder lz4 vm:vm oci:base:lz4 >"$work/out"
exchanged() {
    edit base v2 "$1" set "layers/$2/annotations/$content" "$("$layout" get base v2 "layers/$3/annotations/$content")" \
        set "layers/$3/annotations/$content" "$("$layout" get base v2 "layers/$2/annotations/$content")"
}
exchanged exchanged 1 2
exchanged exchanged-back 2 3
for name in exchanged exchanged-back; do
    for help in base:v2 base:lz4 vm; do
        case $help in vm) help=vm:vm ;; *) help=oci:$help ;; esac
        ok "content digests $name, with $help" kept 2 cannot-repair $name --refill $help
    done
done
edit base v2 copied set "layers/2/annotations/$content" "$("$layout" get base v2 "layers/3/annotations/$content")"
ok "another layer's content digest" kept 2 cannot-repair copied --refill oci:base:lz4
ok '... as a VM' kept 2 cannot-repair copied --refill vm:vm
blob base v2 layers/3 >layer
edit base v2 replaced blob layers/2 layer
ok 'another blob under a digest that another image has at that place' mended replaced --refill oci:base:lz4
edit base v2 no-nvram layers 0,1,2,3
ok 'no NVRAM' kept 2 cannot-repair no-nvram
edit base v2 nvram-twice layers 0,1,2,3,4,4
ok 'the NVRAM twice' mended nvram-twice

# --- V2, order ---
edit base plain scrambled layers 0,2,1,3,4
ok 'V2 scrambled, with a sibling' mended scrambled --reference oci:base:v2
ok '... in V1' mended scrambled --reference oci:base:small
ok '... as a VM' mended scrambled --reference vm:vm
ok '... and a document' mended scrambled --reference vm:vm --format json
ok '... that says so' says '"order":"evidence"'

ok 'scrambled, with a sibling that shares a part' mended scrambled --reference oci:base:bald
ok 'scrambled, and only likely places' kept 2 order-unknown scrambled
ok '... which are asked for' mended scrambled --accept-likely
ok '... and told' says 'likely and not proved'
edit base digest digest-scrambled layers 0,1,3,2,4
ok 'likely places are proved by the digest of the disk' mended digest-scrambled
ok '... sound' sound
edit base v2 no-offset layers 0,2,1,3,4 remove "layers/1/annotations/$offset"
ok 'V2 scrambled, an offset lost' kept 2 order-unknown no-offset
ok '... with a sibling' mended no-offset --reference oci:base:plain

# a sibling that says of its layers what they are not, is decoded; one that is out of order itself, serves nobody
edit base plain liar set "layers/1/annotations/$content" "$("$layout" get base plain "layers/2/annotations/$content")" \
    set "layers/2/annotations/$content" "$("$layout" get base plain "layers/1/annotations/$content")"
ok 'a sibling that lies' mended scrambled --reference oci:base:liar
ok 'a sibling out of order' kept 2 disk-order scrambled --reference oci:base:moved

PATH=$PATH:/usr/sbin:/sbin
if command -v mke2fs >/dev/null && command -v sfdisk >/dev/null; then
    # both ends are in place: only the files tell
    mkdir files linux
    cp vm/* linux
    i=0
    while [ $i -lt 400 ]; do
        i=$((i + 1))
        head -c $((i * 7919 % 60000 + 1)) "$built/tests/tools/place" >files/$i
    done
    truncate -s 0 linux/disk.img
    truncate -s 32M linux/disk.img
    printf 'label: gpt\nfirst-lba: 34\nstart=2048, size=61440, type=0FC63DAF-8483-4772-8E79-3D69D8477DE4\n' |
        sfdisk -q linux/disk.img
    mke2fs -q -t ext4 -b 4096 -O metadata_csum,64bit -E offset=1048576 -d files linux/disk.img 7680
    "$tartconv" convert -q --chunk-size 4MiB --plain vm:linux oci:base:linux >"$work/out"
    "$tartconv" convert -q --chunk-size 4MiB --plain --disk-digest vm:linux oci:base:linux-digest >"$work/out"
    original=linux
    ok 'a sound disk with files' mended linux
    ok '... is found sound' says 'nothing to repair'
    edit base linux files layers 0,1,2,4,3,5,6,7,8,9
    ok '... verify has no doubt of it' run 0 verify oci:base:linux
    ok '... at all' sh -c '! grep -q order- "$@"' sh "$work/out" "$work/err"
    edit base linux tables layers 0,2,1,3,4,5,6,7,8,9
    ok 'verify sees a layer that states its place' run 2 verify oci:base:tables
    ok '... proved' says 'damage: disk-order (layer 2, disk byte 4194304): layer 2 is at disk byte 4194304 and belongs at 0'
    ok 'verify tells a layer that is likely elsewhere' run 0 verify oci:base:files
    ok '... as a note' says 'note: order-doubtful'
    ok 'layers inside of a disk scrambled: by ends of files, which prove nothing' kept 2 order-unknown files
    ok '... is told' says 'ends of files'
    ok '... where likely will do' mended files --accept-likely
    ok '... the wrong order is told' says 'damage: disk-order'
    edit base linux-digest files-digest layers 0,1,2,4,3,5,6,7,8,9
    ok '... where the digest of the disk proves it' mended files-digest
    original=vm
else
    skip 'a file system' 'no mke2fs or sfdisk'
fi

# --- packings ---
for tool in gzip zstd; do
    blob base v2 layers/2 >layer
    case $tool in gzip) gzip -n layer -c >layer.packed ;; zstd) zstd -q -f layer -o layer.packed ;; esac
    edit base v2 "$tool" blob layers/2 layer.packed
    ok "$tool around a V2 layer" mended "$tool"
    ok '... the blob is the one before' same_value base v2 made x layers/2/digest
    head -c 1000 layer.packed >layer.cut
    edit base v2 "$tool-cut" blob layers/2 layer.cut
    ok "$tool, cut off" kept 2 stream-truncated "$tool-cut"
    blob base small layers/2 >layer
    case $tool in gzip) gzip -n layer -c >layer.packed ;; zstd) zstd -q -f layer -o layer.packed ;; esac
    edit base small "$tool-1" blob layers/2 layer.packed
    ok "$tool around a V1 layer" mended "$tool-1"
done

blob base v2 layers/4 >layer
gzip -n layer -c >layer.packed
edit base v2 packed-nvram blob layers/4 layer.packed
"$tartconv" repair -q oci:base:packed-nvram oci:nvram:x >"$work/out" 2>"$work/err"
ok 'an NVRAM is whatever it is' same_value base packed-nvram nvram x layers/4/digest
head -c 270M /dev/zero | gzip -1 >layer.packed
edit base v2 bomb blob layers/0 layer.packed
ok 'more comes out than a configuration can have' kept 2 stream-limit bomb

# --- refill ---
cp -r base holes
rm "$("$layout" name holes v2 layers/2)"
hole() {
    rm -rf made
    run 0 repair "$@" "oci:holes:v2" oci:made:x && is_vm oci:made:x
}
ok 'a blob is missing' run 2 repair --format json oci:holes:v2 oci:made:y
ok '... named' found blob-missing
ok 'from another image, by digest' hole --refill oci:base:v2
ok '... with its digest' same_digest v2
ok 'from V1, by content' hole --refill oci:base:small
ok 'from a VM, by content' hole --refill vm:vm
ok 'from the second of two' hole --refill oci:base:bald --refill vm:vm
cp -r holes exchanged
"$layout" edit exchanged v2 x set "layers/2/annotations/$content" "$("$layout" get base v2 "layers/3/annotations/$content")" \
    set "layers/3/annotations/$content" "$("$layout" get base v2 "layers/2/annotations/$content")" >"$work/.edited"
rm "$("$layout" name exchanged v2 layers/3)"
ok 'content digests exchanged of blobs that are missing' run 2 repair --format json --refill oci:base:lz4 oci:exchanged:x oci:made:y
ok '... is seen' found cannot-repair
rm "$("$layout" name holes v1 layers/3)"
ok 'from one that has it not' run 2 repair --refill vm:vm oci:holes:v1 oci:made:y
ok '... which is said' says 'no image of --refill has it'
ok 'V1, by digest' run 0 repair --refill oci:base:v1 oci:holes:v1 oci:made:v1
rm "$("$layout" name holes v2 layers/0)" "$("$layout" name holes v2 layers/4)"
ok 'config and NVRAM, too' hole --refill vm:vm
cp -r base hurt
flipped=$("$layout" name hurt v2 layers/2)
printf X | dd of="$flipped" bs=1 seek=900 conv=notrunc status=none
ok 'a damaged blob' run 0 repair --refill vm:vm oci:hurt:v2 oci:healed:x
ok '... into the layout that has it' run 73 repair --refill oci:base:v2 oci:hurt:v2 oci:hurt:fixed
ok '... is told' says 'take it away there'
ok '... and has no tag' not grep -q fixed hurt/index.json
ok '... a refill that has the same damage' run 2 repair --refill oci:hurt:v2 oci:holes:v2 oci:made:y
ok 'a source is never changed' [ ! -e "$("$layout" name holes v2 layers/0)" ]
ok '--to same is refused' run 64 repair --to same oci:base:v2 oci:made:y
ok 'onto itself is refused' run 64 repair --replace oci:base:v2 oci:base:v2
# --- config.v1 between the disk's layers: somebody moved layers, maybe others, too ---
edit base plain torn layers 1,0,2,3,4
ok 'a disk torn apart' mended torn
ok '... is warned of' says 'which nothing proves'
ok '... not with a sibling' mended torn --reference vm:vm
ok '... which proves it' not says 'which nothing proves'
edit base v2 torn-ours layers 2,1,0,3,4
ok '... nor where layers state their places' mended torn-ours
ok '... which prove it' not says 'which nothing proves'
edit base plain ahead layers 4,1,2,3,0
ok '... nor where it stands beside all of them' mended ahead
ok '... and says nothing of them' not says 'which nothing proves'

# --- what holds nothing ---
: >nothing
edit base v2 no-config blob layers/0 nothing
ok 'an empty config.v1' kept 2 cannot-repair no-config
edit base plain says-none set "layers/3/annotations/$size" '"0"'
edit base says-none says-none set "annotations/$disk_size" '"2097152"'
edit base plain inner set "layers/2/annotations/$size" '"0"'
once_told() {
    run 2 verify oci:base:inner && [ "$(grep -c 'damage: content-size (layer 2' "$work/out")" -eq 1 ]
}
ok '... of a layer between others, too, and once' once_told
printf 'bv4$' >end-mark
ok "a layer's size of 0: verify" run 2 verify oci:base:says-none
ok '... names the layer' says 'content-size (layer 3, disk byte 2097152)'
ok '... and what to do' says 'repair` writes the size anew where the content digest is right'
ok '... quickly, too' run 2 verify --quick oci:base:says-none
ok '... convert' run 2 convert oci:base:says-none oci:made2:x
ok '... to a disk' run 2 convert oci:base:says-none raw:made2.img
ok '... compare' run 2 compare oci:base:says-none vm:vm
ok '... normalise' run 2 normalise oci:base:says-none oci:made2:x
ok '... nothing is made' sh -c '[ ! -e made2 ] && [ ! -e made2.img ]'
edit base plain holds-none append $type.disk.v2 end-mark set layers/5/annotations "{\"$size\":\"0\",\"$content\":\"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\"}" layers 0,1,2,3,5,4
ok 'an empty stream that says so is no damage' run 0 verify oci:base:holds-none
ok '... nor in the way' same_disk oci:base:holds-none vm:vm
mv base/blobs/sha256/ad441971514aa132675c01bd81a7228caa6e112d485d4c575fa50f59cf6d4c79 end-mark
ok '... but is missed where it is not there' run 2 verify oci:base:holds-none
ok '... as that' says 'blob-missing (layer 4, disk byte 3145728)'

cp -r base place
ok 'in place' run 0 repair --in-place oci:place:shuffled-1
ok '... the damaged one is kept' says 'shuffled-1-before-'
ok '... the disk' same_disk vm:big oci:place:shuffled-1
ok '... not where a place is only likely' run 64 repair --in-place --accept-likely oci:place:scrambled
ok 'a dry run writes nothing' run 0 repair --dry-run oci:base:shuffled-1 oci:dry:x
ok '... nothing' [ ! -e dry ]

# --- what ends a run ---
# killed FRACTION: in the midst, or behind its end; nothing half is left, and the next run is as if nothing had been.
killed() {
    rm -rf made
    timeout -s KILL "$1" "$tartconv" repair -q oci:base:shuffled-1 oci:made:x >out 2>err
    [ ! -e made/index.json ] || ! grep -q '"x"' made/index.json || "$tartconv" verify -q oci:made:x >out 2>err || return 1
    run 0 repair oci:base:shuffled-1 oci:made:x && run 0 verify oci:made:x && clean .
}
for after in 0.01 0.02 0.04 0.06; do
    ok "killed after $after s" killed $after
done
mkdir full
if mount -t tmpfs -o size=100k tartconv-repair-t full 2>/dev/null; then
    ok 'no room for the result' run 74 repair oci:base:shuffled-1 oci:full/d:new
    ok '... nothing is left' sh -c '[ -z "$(ls -A full)" ]'
    ok 'no room for what is encoded anew' run 74 repair --tmpdir full --spool-memory 0 --refill vm:vm oci:holes:v2 oci:made:z
    ok '... nothing is left' sh -c '[ -z "$(ls -A full)" ]'
    umount full
else
    skip 'no room' 'mount is not permitted'
fi
finish
