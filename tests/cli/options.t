# options.t: what the command line takes and refuses, and with which status.
. "${0%/*}/lib.sh"

# says TEXT: standard error is one line that holds it, and nothing is on standard output.
says() {
    [ ! -s "$work/out" ] && [ "$(wc -l <"$work/err")" -eq 1 ] && grep -qF -e "$1" "$work/err"
}

# refused TEXT ARGUMENT...: status 64, with a line that holds the text and points to --help.
refused() {
    text=$1
    shift
    run 64 "$@" && says "$text" && grep -q '^tartconv: .*tartconv [a-z ]*--help. tells' "$work/err"
}

ok 'prints its version and the libraries' run 0 --version
ok '... five of them, on standard output' sh -c '
    head -n 1 "$1" | grep -qE "^tartconv [0-9]+\.[0-9]+\.[0-9]+$" &&
    for name in liblz4 cJSON OpenSSL zlib; do grep -q "^$name [0-9]" "$1" || exit 1; done' sh "$work/out"
ok 'prints help' run 0 --help
ok '... that names the commands' sh -c '
    for name in convert inspect verify compare; do grep -q "^  $name " "$1" || exit 1; done' sh "$work/out"
for command in convert inspect verify compare; do
    ok "prints help for $command" run 0 "$command" --help
    ok "... with each option of its manual page" sh -c '
        sed -n "s/^\.It Fl -\([a-z0-9-]*\).*/\1/p" "$3/docs/man/tartconv.1" "$3/docs/man/tartconv-$2.1" |
            while read -r option; do
                grep -qe "--$option" "$1" || { echo "no --$option"; exit 1; }
            done' sh "$work/out" "$command" "$root"
done

ok 'wants a command' refused 'no command given'
ok 'wants a command that there is' refused 'no command "frob"' frob
ok 'wants the command first' refused 'the command stands first' -q convert
ok 'refuses an unknown option' refused 'unknown option --frob' convert --frob oci:a oci:b
ok 'refuses an unknown letter' refused 'unknown option -z' convert -z oci:a oci:b
ok 'refuses the option of another command' refused 'unknown option --all' convert --all oci:a oci:b
ok 'refuses a shortened option' refused '--chunk-size is meant' convert --chunk 1MiB oci:a oci:b
ok 'refuses a missing value' refused '--to needs a value' convert oci:a oci:b --to
ok 'refuses a value too many' refused '--plain takes no value' convert --plain=yes oci:a oci:b
ok 'refuses a missing reference' refused '1 of 2 references' convert oci:a
ok 'refuses a reference too many' refused 'too many' inspect oci:a oci:b
ok 'refuses a small chunk size' refused 'not "64KiB"' convert --chunk-size 64KiB oci:a oci:b
ok 'refuses a large chunk size' refused 'not "1GiB"' convert --chunk-size 1GiB oci:a oci:b
ok 'refuses an unknown unit' refused 'not "4M"' convert --chunk-size 4M oci:a oci:b
ok 'refuses no threads' refused 'not "0"' verify --threads 0 oci:a
ok 'refuses a level that is none' refused 'not "lz4hc:0"' convert --encoder lz4hc:0 oci:a oci:b
ok 'refuses a time without zone' refused 'not "2024-01-31"' convert --upload-time 2024-01-31 oci:a oci:b
ok 'refuses to change a copy' refused 'excludes --plain' convert --to same --plain oci:a oci:b
ok 'refuses companions of no disk' run 64 convert --vm-config f oci:a oci:b
ok 'refuses a digest where there is none' run 64 convert --digestfile "$work/d" oci:a raw:"$work/r"
ok 'refuses a reading back of no blobs' run 64 convert --read-back oci:a vm:"$work/v"

ok 'refuses a place of no kind' run 64 inspect "$work"
ok '... and says which there are' says 'accepted are oci:DIR[:TAG]'
ok 'refuses a registry' run 63 inspect docker://ghcr.io/a/b:c
ok 'tells that there is no image' run 66 inspect oci:"$work"/absent:tag
ok '... in one line that begins with the program' grep -q '^tartconv: oci:.*/absent:tag: ' "$work/err"
ok 'tells that there is no proof' run 66 verify --against-proof "$work/absent" oci:"$work"/absent:tag
ok 'tells of a proof that is none' sh -c 'echo "{}" >"$1"' sh "$work/no-proof"
ok '... as damage' run 2 verify --against-proof "$work/no-proof" oci:"$work"/absent:tag

ok 'refuses a proof in no folder' run 73 convert --proof "$work/none/p" oci:a oci:b
ok 'refuses a proof in the place of a folder' run 73 convert --proof "$work" oci:a oci:b
ok 'refuses a proof in the place of a device' run 73 convert --proof /dev/null oci:a oci:b
ok '... which is one still' test -c /dev/null
ok 'refuses a source that is the destination' run 64 convert oci:"$work":a oci:"$work":a
ok '... however it is written' run 64 convert oci:"$work":a oci:"$work"/.:a
ok '... and a layout without a tag' run 64 convert oci:"$work":a oci:"$work"
ok '... and with --replace a source without one' run 64 convert --replace oci:"$work" oci:"$work":a
finish
