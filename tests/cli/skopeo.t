# skopeo.t: what we write, skopeo copies to and fro, and it is still the same image.
. "${0%/*}/lib.sh"

command -v skopeo >/dev/null || {
    echo '1..0 # skip no skopeo here'
    exit 0
}
"$root/fixtures/make-images" made || exit 1
cd made || exit 1
run 0 convert --chunk-size 1MiB --disk-digest --proof proof oci:images:v1 oci:images:new

copy() {
    skopeo --insecure-policy copy --preserve-digests --quiet "$@"
}
# same REFERENCE: the image is ours still, to the last byte.
same() {
    run 0 compare --all oci:images:new "$1" && run 0 verify --against-proof proof "$1" &&
        [ "$("$tartconv" inspect --raw "$1" | sha256sum)" = "$("$tartconv" inspect --raw oci:images:new | sha256sum)" ]
}
mkdir dir
ok 'to another layout' copy oci:images:new oci:other:tag
ok '... verified' run 0 verify oci:other:tag
ok '... the same' same oci:other:tag
ok 'to a folder and back' sh -c 'for step in "oci:images:new dir:dir/a" "dir:dir/a oci:from-dir:tag"; do
    skopeo --insecure-policy copy --preserve-digests --quiet $step || exit 1; done'
ok '... the same' same oci:from-dir:tag
ok 'to an archive' copy oci:images:new oci-archive:archive.tar:tag
ok '... and back' copy oci-archive:archive.tar:tag oci:from-archive:tag
ok '... the same' same oci:from-archive:tag
ok 'into a layout of ours' copy oci:other:tag oci:images:again
ok '... beside what was there' run 0 verify oci:images:v2
ok '... the same' same oci:images:again
ok 'a V1 image' copy oci:images:v1 oci:other:v1
ok '... is one still' run 3 verify oci:other:v1
ok '... and is converted' run 0 convert --chunk-size 1MiB --disk-digest oci:other:v1 oci:other:made
ok '... to the same' same oci:other:made
ok 'we write into a layout of skopeo' run 0 convert oci:images:v2 oci:from-dir:ours
ok '... and skopeo reads it' copy oci:from-dir:ours oci:last:tag
ok '... soundly' run 0 verify oci:last:tag
finish
