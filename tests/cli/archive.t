# archive.t: archives and skopeo's folders as sources and destinations, between us, skopeo and tar.
. "${0%/*}/lib.sh"

"$root/fixtures/make-images" made || exit 1
cd made || exit 1
run 0 convert --chunk-size 1MiB --disk-digest --proof proof oci:images:v1 oci:images:new || exit 1

# same REFERENCE: the image is oci:images:new still, to the last byte.
same() {
    run 0 compare --all oci:images:new "$1" && run 0 verify --against-proof proof "$1" &&
        [ "$("$tartconv" inspect --raw "$1" | sha256sum)" = "$("$tartconv" inspect --raw oci:images:new | sha256sum)" ]
}
# refused STATUS CLASS REFERENCE: with that class.
refused() {
    run "$1" verify --format json "$3" && found "$2"
}

# --- written by us ---
ok 'a layout becomes an archive' run 0 convert oci:images:new oci-archive:x.tar:tag
ok '... the same' same oci-archive:x.tar:tag
ok '... without naming its tag' same oci-archive:x.tar
ok '... no other tag' run 66 verify oci-archive:x.tar:other
ok '... nothing is left beside it' clean .
ok '... and back' run 0 convert oci-archive:x.tar:tag oci:back:tag
ok '... the same' same oci:back:tag
ok 'a layout becomes a folder' run 0 convert oci:images:new dir:folder
ok '... the same' same dir:folder
ok 'a folder becomes an archive without a tag' run 0 convert dir:folder oci-archive:untagged.tar
ok '... the same' same oci-archive:untagged.tar
ok 'an archive becomes a folder' run 0 convert oci-archive:untagged.tar dir:folder2
ok '... file by file the same' diff -r folder folder2
ok 'V1 is converted into an archive' run 0 convert --chunk-size 1MiB --disk-digest --threads 1 oci:images:v1 oci-archive:v2.tar:t
ok '... to the same' same oci-archive:v2.tar:t
ok '... with many threads and reading back' run 0 convert --chunk-size 1MiB --disk-digest --threads 4 --read-back oci:images:v1 oci-archive:v2-4.tar:t
ok '... to the same' same oci-archive:v2-4.tar:t
ok 'V1 is converted into a folder' run 0 convert --chunk-size 1MiB --disk-digest --read-back oci:images:v1 dir:v2-folder
ok '... to the same' same dir:v2-folder
ok 'a VM directory becomes an archive' run 0 convert vm:vm oci-archive:vm.tar:t
ok '... sound' run 0 verify oci-archive:vm.tar:t
ok '... and a disk' run 0 convert oci-archive:vm.tar:t raw:disk.copy
ok '... the same' cmp disk.raw disk.copy
ok 'a folder becomes a VM directory' run 0 convert dir:folder vm:vm.copy
ok '... the same' diff -r vm vm.copy
ok 'V1 is copied as it is' run 0 convert --to same oci:images:v1 oci-archive:v1.tar:t
ok '... byte for byte' run 0 compare --all oci:images:v1 oci-archive:v1.tar:t

# --- what is there already ---
ok 'an archive stays without --replace' run 73 convert oci:images:v2 oci-archive:x.tar:tag
ok '... and is still the same' same oci-archive:x.tar:tag
ok '... with it, it gives way' run 0 convert --replace oci:images:v2 oci-archive:x.tar:tag
ok '... to the other image' run 0 compare --all oci:images:v2 oci-archive:x.tar:tag
ok 'a folder stays without --replace' run 73 convert oci:images:v2 dir:folder2
ok '... with it, it gives way' run 0 convert --replace oci:images:v2 dir:folder2
ok '... to the other image' run 0 compare --all oci:images:v2 dir:folder2
ok 'a folder of something else stays' run 73 convert --replace oci:images:v2 dir:vm
ok 'the source itself is never changed' run 64 convert --replace --chunk-size 2MiB oci-archive:x.tar:tag oci-archive:x.tar:other
ok '... nor a folder' run 64 convert --replace --chunk-size 2MiB dir:folder2 dir:./folder2
cp -r images broken
ok 'a damaged source' sh -c 'for f in $(ls -S broken/blobs/sha256 | head -n 3); do echo x >>broken/blobs/sha256/$f; done'
ok '... leaves no archive' run 2 convert --chunk-size 2MiB oci:broken:new oci-archive:none.tar:t
ok '... and no folder' run 2 convert --chunk-size 2MiB oci:broken:new dir:none
ok '... and nothing beside' sh -c '[ ! -e none.tar ] && [ ! -e none ]'
ok '... no temporary either' clean .
ok '--dry-run makes none' run 0 convert --dry-run oci:images:v1 oci-archive:none.tar:t
ok '... indeed' [ ! -e none.tar ]

# --- made by tar ---
run 0 convert oci:images:new oci:one:tag
for how in 'tar --format=ustar -cf' 'tar --format=gnu -cf' 'tar --format=pax -cf' 'bsdtar -cf' 'tar -czf'; do
    command -v "${how%% *}" >/dev/null || {
        skip "$how" "no ${how%% *} here"
        continue
    }
    ok "$how" sh -c "$how made.tar -C one ."
    ok '... the same' same oci-archive:made.tar:tag
done
ok 'gzip of ours' sh -c 'gzip -c v2.tar >v2.tar.gz'
ok '... the same' same oci-archive:v2.tar.gz:t
ok '... with a folder for temporaries' run 0 verify --tmpdir . oci-archive:v2.tar.gz:t
ok '... no temporary is left' clean .

# --- damaged ---
size=$(wc -c <v2.tar)
head -c $((size - 4000)) v2.tar >cut.tar
ok 'an archive that is cut off' refused 2 layout-invalid oci-archive:cut.tar
head -c $((size / 2)) v2.tar.gz >cut.tar.gz
ok 'gzip that is cut off' refused 2 layout-invalid oci-archive:cut.tar.gz
tar -cf double.tar -C one . oci-layout
ok 'an entry twice' refused 2 layout-invalid oci-archive:double.tar
missing=$("$layout" name one tag layers/1)
tar -cf missing.tar -C one --exclude="${missing##*/}" .
ok 'a blob that is missing' run 2 verify oci-archive:missing.tar
ok '... is named' says "${missing##*/}"
ok '... and it is not converted' run 2 convert oci-archive:missing.tar oci:none:t
mkdir linked
cp -r one/. linked
mv "linked/blobs/sha256/${missing##*/}" linked/away
ln -s ../../away "linked/blobs/sha256/${missing##*/}"
tar -cf linked.tar -C linked .
ok 'a symbolic link' refused 2 layout-invalid oci-archive:linked.tar
ok 'no tar' refused 66 no-such-image oci-archive:disk.raw
ok 'no file' refused 66 no-such-image oci-archive:nothing.tar
ok 'a folder that is none' refused 66 no-such-image dir:images
printf '(\265/\375aaaaaaaa' >x.tar.zst
ok 'another packing' refused 63 unsupported oci-archive:x.tar.zst
ok '... is named' says zstd

# --- between skopeo and us ---
command -v skopeo >/dev/null || {
    skip 'skopeo' 'no skopeo here'
    finish
    exit
}
copy() {
    skopeo --insecure-policy copy --preserve-digests --quiet "$@"
}
ok 'skopeo reads our archive' copy oci-archive:v2.tar:t oci:skopeo:from-archive
ok '... the same' same oci:skopeo:from-archive
ok 'skopeo reads one without a tag' copy oci-archive:untagged.tar oci:skopeo:from-untagged
ok '... the same' same oci:skopeo:from-untagged
ok 'skopeo reads our folder' copy dir:folder oci:skopeo:from-folder
ok '... the same' same oci:skopeo:from-folder
ok 'we read its archive' copy oci:images:new oci-archive:skopeo.tar:tag
ok '... the same' same oci-archive:skopeo.tar:tag
ok '... from one without a tag' copy oci:images:new oci-archive:skopeo2.tar
ok '... the same' same oci-archive:skopeo2.tar
mkdir skopeo-folder
ok 'we read its folder' copy oci:images:new dir:skopeo-folder
ok '... the same' same dir:skopeo-folder
ok '... which is ours, file by file' diff -r folder skopeo-folder
ok 'we replace its folder' run 0 convert --replace oci:images:v2 dir:skopeo-folder
ok '... with another image' run 0 compare --all oci:images:v2 dir:skopeo-folder
finish
