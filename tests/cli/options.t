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
ok '... all of them, on standard output' sh -c '
    head -n 1 "$1" | grep -qE "^tartconv [0-9]+\.[0-9]+\.[0-9]+$" &&
    for name in liblz4 cJSON OpenSSL zlib libzstd libcurl libyaml; do grep -q "^$name [0-9]" "$1" || exit 1; done' sh "$work/out"
ok 'prints help' run 0 --help
ok '... that names the commands' sh -c '
    for name in convert inspect verify compare login logout; do grep -q "^  $name " "$1" || exit 1; done' sh "$work/out"

# helps COMMAND PAGE...: its help has each option of the pages, and its own page, or those, each option of its help. What
# is one side's own is in tartconv.1 without its prefix.
helps() {
    run 0 "$1" --help || return 1
    shift
    (cd "$root/docs/man" && sed -n 's/^\.It Fl //p' "$@") | tr ' ' '\n' | sed -n 's/^-\([a-z0-9-]*\).*/\1/p' >"$work/told"
    while read -r option; do
        grep -qE -e "--(src-)?$option( |\[|$)" "$work/out" || {
            echo "no --$option in --help"
            return 1
        }
    done <"$work/told"
    sed -n 's/^  ....--\([a-z0-9-]*\).*/\1/p' "$work/out" >"$work/helped"
    while read -r option; do
        grep -qxE -e "$option|${option#src-}|${option#dest-}" "$work/told" || {
            echo "no --$option in $*"
            return 1
        }
    done <"$work/helped"
}
for command in convert inspect verify compare scan; do
    ok "prints help for $command, which its manual pages agree with" helps $command tartconv.1 tartconv-$command.1
done
ok 'prints help for login' run 0 login --help
ok '... with each option of its manual page' sh -c '
    sed -n "s/^\.It Fl -\([a-z0-9-]*\).*/\1/p" "$2/docs/man/tartconv-login.1" |
        while read -r option; do
            grep -qe "--$option" "$1" || { echo "no --$option"; exit 1; }
        done' sh "$work/out" "$root"
ok 'prints help for logout' run 0 logout --help

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
ok '... and says which there are' says 'write oci:DIR'
ok 'refuses a tag and a digest together' run 64 inspect "ghcr.io/a/b:c@sha256:$(printf %064d 0)"
ok 'refuses to write to a digest' run 64 convert oci:a:b "ghcr.io/a/b@sha256:$(printf %064d 0)"
ok 'refuses a source that is the destination, in a registry' run 64 convert ghcr.io/a/b:c docker://ghcr.io/a/b:c
ok '... and offers another way' says '--in-place'
ok '... but not for a tag that is given beside' run 64 convert --tag c ghcr.io/a/b:c docker://ghcr.io/a/b:d
ok 'refuses further tags where there is no registry' run 64 convert --tag x oci:a:b oci:c:d
ok 'refuses a destination with --in-place' refused 'leave "oci:b:c" out' convert --in-place oci:a:b oci:b:c
ok 'refuses credentials that exclude each other' refused 'exclude each other' \
    convert --src-creds u:p --src-no-creds oci:a:b oci:b:c
ok 'shows no password of an unknown option' refused '--src-creds is meant' \
    convert --src-cred=u:secret oci:a:b oci:b:c
ok '... at all' not grep -q secret "$work/err"
# nothing listens on port 1
ok 'tells that a registry cannot be reached' run 69 inspect --retry-times 0 localhost:1/a/b:c
ok '... with its name' says 'localhost:1'

ok 'reads settings that are there' run 66 inspect --settings "$work/none" oci:a:b
ok '... and says which are not' says "$work/none"
printf 'defaults:\n  thread: 2\n' >"$work/settings.yaml"
ok 'refuses a key that is not known' run 78 inspect --settings "$work/settings.yaml" --format json oci:a:b
ok '... with line, column and key' grep -q 'settings.yaml:2:3: defaults: thread: ' "$work/err"
ok '... as a document' grep -q '"class":"settings"' "$work/out"
mkdir -p "$XDG_CONFIG_HOME/tartconv"
cp "$work/settings.yaml" "$XDG_CONFIG_HOME/tartconv/settings.yaml"
ok 'finds them by itself' run 78 inspect oci:a:b
printf 'defaults:\n  threads: 1\n' >"$XDG_CONFIG_HOME/tartconv/settings.yaml"
ok '... and uses them' sh -c '"$1" verify -v oci:a:b 2>&1 | grep -q "1 threads, at most"' sh "$tartconv"
ok '... where the command line says nothing' sh -c '"$1" verify -v --threads 2 oci:a:b 2>&1 | grep -q "2 threads"' sh "$tartconv"
rm -r "$XDG_CONFIG_HOME/tartconv"

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
