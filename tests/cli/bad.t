# bad.t: every damaged image of fixtures/make-bad, and every proof in fixtures/bad, is refused with the class that its name
# promises, by verify and by convert, and convert leaves nothing behind. All of them are judged in one process
# (tests/tools/judge.c), and one of each class by the commands themselves.
. "${0%/*}/lib.sh"

"$root/fixtures/make-bad" bad || exit 1
cd bad || exit 1

# Its tests become tests here, with their own numbers.
"$built/tests/tools/judge" list >../judged
ok 'the judge came to its end' grep -q '^1\.\.[1-9][0-9][0-9]$' ../judged
while IFS= read -r line; do
    case $line in
    'ok '* | 'not ok '*)
        count=$((count + 1))
        echo "${line%%ok *}ok $count - ${line#* - }"
        ;;
    '#'*) echo "$line" ;;
    esac
done <../judged

# refused STATUS CLASS DESTINATION REFERENCE: convert is, with a line and a document, and nothing is at the destination.
refused() {
    run "$1" convert --format json --decode "$4" "$3:$work/made" && found "$2" && says "tartconv: " &&
        [ ! -e "$work/made" ] && clean "$work"
}
judged() {
    run "$1" verify --format json "$3" && found "$2"
}
mkdir "$work/there"
"$tartconv" convert --decode oci:images:v2 "oci:$work/there:old" >"$work/out"
cp "$work/there/index.json" "$work/before"
# unchanged STATUS CLASS REFERENCE: a layout that was there is as it was.
unchanged() {
    run "$1" convert --replace --format json --decode "$3" "oci:$work/there:old" && found "$2" &&
        cmp "$work/before" "$work/there/index.json" && clean "$work/there"
}
seen=' '
while read -r name reference class verify convert other; do
    case $seen in *" $class "*) continue ;; esac
    seen="$seen$class "
    ok "verify: $name, by its command" judged "$verify" "$class" "$reference"
    [ "$convert" -ne 0 ] || continue
    ok "convert: $name, by its command" refused "$convert" "${other:-$class}" oci "$reference"
    case $class in
    blob-digest | stream-block | content-digest | layer-chain | config-invalid)
        ok "... into a layout that is there" unchanged "$convert" "${other:-$class}" "$reference" ;;
    esac
done <list

# A class that ends a run with status 2, and no fixture for it, would be a promise that nobody holds.
for class in $(sed -n 's/^ *X(ERROR_[A-Z_]*, "\([a-z-]*\)", 2).*/\1/p' "$root/formats/model/error.h"); do
    case $class in
    proof-invalid) ;; # it is no image's; below
    order-ambiguous | order-unknown | cannot-repair)
        ok "$class has a test of repair" grep -q "kept 2 $class " "$root/tests/cli/repair.t" ;;
    *) ok "$class has a fixture" grep -q " $class " list ;;
    esac
done

cat >hello.json <<'END'
{"kind":"proof","version":1,"source_digest":null,"destination_digest":null,"disk_size":14,"disk_digest":null,"encoder":null,
"encoder_library":null,"blocks_encoded":0,"blocks_carried":0,"chunks":[{"offset":0,"length":14,
"content_digest":"sha256:c98c24b677eff44860afea6f493bbaec5bb1c4cbb209c6fc2bbb47f66ff2ad31","blob":null,"basis":"decoded"}],
"dropped_layers":[]}
END
ok 'a good proof by hand fits' run 0 verify --against-proof hello.json oci:images:hello2
for file in "$root"/fixtures/bad/proof-invalid-*.json; do
    what=${file##*/}
    proved() {
        run 2 verify --format json --against-proof "$file" oci:images:hello2 && found proof-invalid
    }
    ok "verify: ${what%.json}" proved
done
finish
