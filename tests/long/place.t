# place.t: chunks of disks that the systems' own tools made come back to their places: never to a wrong one.
PATH=$PATH:/usr/sbin:/sbin
. "${0%/*}/../cli/lib.sh"
place=$built/tests/tools/place
mib=1048576

# solved CHUNK-SIZE DISK SHUFFLES: places its chunks from so many shuffles; none is wrong.
solved() {
    "$place" "$1" "$2" "$3" >out 2>err
}

# share GRADE: how many chunks have that grade in the last result.
share() {
    sed -n "s/^chunks.*[ ,]$1 \([0-9]*\).*/\1/p" out
}

# at_least COUNT GRADE
at_least() {
    [ "$(share "$2")" -ge "$1" ]
}

# none GRADE
none() {
    [ "$(share "$1")" -eq 0 ]
}

# table DISK MIB: reads its partitions from stdin.
table() {
    rm -f "$1"
    truncate -s "${2}M" "$1"
    { printf 'label: gpt\nfirst-lba: 34\n' && cat; } | sfdisk -q "$1"
}

linux=0FC63DAF-8483-4772-8E79-3D69D8477DE4

if command -v mke2fs >/dev/null && command -v sfdisk >/dev/null; then
    # files that end in many ways, enough for most chunks to hold some
    mkdir files
    i=0
    while [ $i -lt 1500 ]; do
        i=$((i + 1))
        head -c $((i * 7919 % 60000 + 1)) "$place" >files/$i
    done
    table disk 256 <<END
start=2048, size=$((254 * 2048)), type=$linux
END
    mke2fs -q -t ext4 -b 4096 -O metadata_csum,64bit -E offset=$mib -d files disk $((254 * 256))
    ok 'ext4 in 8 MiB chunks, 20 shuffles: none wrong' solved $((8 * mib)) disk 20
    echo "# $(tail -n 1 out)"
    ok 'its first chunk and its last are proved' at_least 2 proved
    ok 'those with files are likely' at_least 3 likely
    ok '64 MiB chunks' solved $((64 * mib)) disk 10
    echo "# $(tail -n 1 out)"
    ok 'all have a place' none unknown
    ok '1 MiB chunks' solved $mib disk 10
    echo "# $(tail -n 1 out)"
    ok 'chunks that are no multiple of a block' solved 4999936 disk 10
    echo "# $(tail -n 1 out)"

    # as a journal does: tables of inodes once more, where they do not belong
    cp disk copies
    for from in 1 2 3; do
        dd if=disk of=copies bs=4096 skip=$((256 + from * 20)) count=$((200 + from)) \
            seek=$((60000 + from * 777)) conv=notrunc status=none
    done
    ok 'with copies of metadata elsewhere: none wrong' solved $((8 * mib)) copies 10
    ok '1 MiB chunks: none wrong' solved $mib copies 10

    # the same file system twice
    table twins 130 <<END
start=2048, size=$((64 * 2048)), type=$linux
start=$((65 * 2048)), size=$((64 * 2048)), type=$linux
END
    rm -rf files/1*
    mke2fs -q -t ext4 -b 4096 -O metadata_csum,64bit -E offset=$mib -d files twins $((64 * 256))
    dd if=twins of=twins bs=$mib skip=1 seek=65 count=64 conv=notrunc status=none
    ok 'the same file system twice: none wrong' solved $((4 * mib)) twins 10
    echo "# $(tail -n 1 out)"
    i=0
    while [ $i -lt 16 ]; do
        printf x | dd of=twins bs=1 seek=$((65 * mib + i * 4 * mib + 3 * mib + 5)) conv=notrunc status=none
        i=$((i + 1))
    done
    ok 'twice, with small differences: none wrong' solved $((4 * mib)) twins 10
    echo "# $(tail -n 1 out)"
    rm -f disk copies twins
else
    skip 'ext4' 'no mke2fs or sfdisk'
fi

if command -v mkapfs >/dev/null && command -v sfdisk >/dev/null; then
    # as a Mac's disk: three containers, the last one off the grid of blocks
    table disk 2000 <<END
start=40, size=1100000, type=69646961-6700-11AA-AA11-00306543ECAC
start=1100040, size=1800000, type=7C3457EF-0000-11AA-AA11-00306543ECAC
start=2900041, size=1100000, type=52637672-7900-11AA-AA11-00306543ECAC
END
    for bounds in 40:1100000 1100040:1800000 2900041:1100000; do
        rm -f container
        truncate -s $((${bounds#*:} * 512)) container
        mkapfs container >/dev/null
        dd if=container of=disk bs=512 seek="${bounds%:*}" conv=notrunc,sparse status=none
    done
    for size in 1 8 64 512; do
        ok "APFS in $size MiB chunks: none wrong" solved $((size * mib)) disk 2
        echo "# $(tail -n 1 out)"
    done
    ok 'all have a place' none unknown
    ok 'and all are proved' none likely
    ok 'chunks that are no multiple of a block' solved 49999872 disk 2
    echo "# $(tail -n 1 out)"
else
    skip 'APFS' 'no mkapfs or sfdisk'
fi
finish
