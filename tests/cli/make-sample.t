# make-sample.t: fixtures/make-sample gives the same sound disk each time, and harms nothing that is there.
PATH=$PATH:/usr/sbin:/sbin
. "${0%/*}/lib.sh"
make_sample=$root/fixtures/make-sample

# status WANTED COMMAND...
status() {
    wanted=$1
    shift
    "$@"
    [ $? -eq "$wanted" ]
}

ok 'makes a VM directory' "$make_sample" "$work/a" 8
ok 'makes it again' "$make_sample" "$work/b" 8
ok 'the same bytes' diff -r "$work/a" "$work/b"
ok 'of the size asked for' test "$(stat -c %s "$work/a/disk.img")" -eq 8388608
ok 'with holes' test "$(du -k "$work/a/disk.img" | cut -f 1)" -lt 7000
ok 'whose partition table is whole' sh -c 'sfdisk --verify "$1" | grep -q "No errors detected"' sh "$work/a/disk.img"
dd if="$work/a/disk.img" of="$work/root" bs=1M skip=1 count=6 status=none
ok 'whose file system is whole' e2fsck -fn "$work/root"
ok 'leaves what is there alone' status 73 "$make_sample" "$work/a" 8
ok 'which is still the same' diff -r "$work/a" "$work/b"
ok 'refuses a size that is none' status 64 "$make_sample" "$work/c" 8M
ok 'and makes nothing then' test ! -e "$work/c"
finish
