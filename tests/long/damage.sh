# damage.sh: what damage-local.t and damage-registry.t share: `. "$root/tests/long/damage.sh"` behind lib.sh and servers.sh
# makes the images of fixtures/damage; each_row reads damage.cells, damage_cell judges an image. MATRIX=all in the
# environment: every era that a row names, else one of V1 and one of V2, in turn; the two tests take other turns.
needs $python
$python -BES "$root/fixtures/damage" matrix || exit 1
cd matrix || exit 1
v1s='first v1 late'
v2s='uneven odd even label'

# turn N ERA...: prints one of them.
turn() {
    turn_at=$(($1 % ($# - 1) + 1))
    shift
    eval "echo \$$turn_at"
}

# eras_of ROW DAMAGE WORD...: $eras, those of a row: in the ordinary run one of V1 and one of V2.
eras_of() {
    eras_row=$1 eras='' eras_v1='' eras_v2=''
    [ "$2" != sound ] || eras_row=all
    [ "${MATRIX-}" != all ] || eras_row=all
    shift 2
    for eras_word in "$@"; do
        case $eras_word in
        v1s) eras_v1="$eras_v1 $v1s" ;;
        v2s) eras_v2="$eras_v2 $v2s" ;;
        first | v1 | late) eras_v1="$eras_v1 $eras_word" ;;
        *) eras_v2="$eras_v2 $eras_word" ;;
        esac
    done
    eras="$eras_v1 $eras_v2"
    [ "$eras_row" = all ] || {
        # shellcheck disable=SC2086 # words
        eras="${eras_v1:+$(turn "$eras_row" $eras_v1)} ${eras_v2:+$(turn "$eras_row" $eras_v2)}"
    }
}

# findings_match LOOSE LIST: the last document's findings are those and the sound image's, no more and no fewer. LOOSE: 1
# leaves places in bytes out.
cat >compare.awk <<'AWK'
function chunk(n) {
    if (n == "last") n = last
    if (era == "uneven") return uneven[n]
    return (n - 1) * (era == "odd" ? 1048832 : 1048576)
}
function place(text) {
    if (text ~ /^c/) return chunk(substr(text, 2))
    if (text == "at") return byte
    if (text == "last") return last
    if (text == "nvram") return last + 1
    if (text == "none") return "null"
    return text
}
# Takes the part behind a sign off token; "" where it is not given.
function part(sign,    at, rest) {
    at = index(token, sign)
    if (!at) return ""
    rest = substr(token, at + 1)
    token = substr(token, 1, at - 1)
    return place(rest)
}
BEGIN {
    split("0 1048576 2621440 4718592 6291456", uneven, " ")
    count = split(wanted, tokens, " ")
    for (i = 1; i <= count; i++) {
        token = tokens[i]
        if (token ~ /^-/) { gone[substr(token, 2)]++; continue }
        disk[i] = part("/"); bytes[i] = part(":"); layer[i] = part("@"); id[i] = token
    }
    n = split(sound, tokens, " ")
    for (k = 1; k <= n; k++) {
        token = tokens[k]
        sub(/[@:\/].*/, "", token)
        if (gone[token] > 0) { gone[token]--; continue }
        id[++count] = token; disk[count] = bytes[count] = layer[count] = ""
    }
    for (token in gone) if (gone[token] > 0) { print "not said of the sound image: " token; bad = 1 }
}
# id, layer, byte, disk byte of one that was told: of those wanted that fit, the one that asks for most.
function take(told,    i, asks, best, found) {
    best = 0
    for (i = 1; i <= count; i++) {
        if (used[i] || id[i] != told[1] || (layer[i] != "" && layer[i] != told[2])) continue
        if (!loose && ((bytes[i] != "" && bytes[i] != told[3]) || (disk[i] != "" && disk[i] != told[4]))) continue
        asks = (layer[i] != "") + (bytes[i] != "") + (disk[i] != "") + 1
        if (asks > best) { best = asks; found = i }
    }
    if (best) { used[found] = 1; return }
    print "not expected: " told[1] "@" told[2] ":" told[3] "/" told[4]
    bad = 1
}
{
    while (match($0, /"id":"[^"]*","severity":"[a-z]*","layer":[0-9a-z]*,"offset":[0-9a-z]*,"disk_offset":[0-9a-z]*/)) {
        line = substr($0, RSTART, RLENGTH)
        $0 = substr($0, RSTART + RLENGTH)
        gsub(/"(id|severity|layer|offset|disk_offset)":|"/, "", line)
        sub(/,[a-z]*/, "", line) # the severity
        split(line, told, ",")
        take(told)
    }
}
END {
    for (i = 1; i <= count; i++) if (id[i] != "" && !used[i]) { print "not found: " id[i] "@" layer[i] ":" bytes[i] "/" disk[i]; bad = 1 }
    exit bad
}
AWK
findings_match() {
    case $2 in *'*'*) return 0 ;; esac
    eval "match_sound=\${sound_$cell_era-}"
    awk -v era="$cell_era" -v last="$cell_last" -v byte="$cell_byte" -v loose="$1" -v wanted="$2" -v sound="$match_sound" \
        -f compare.awk "$work/out"
}

# cell_verify STATUS LIST QUICK: $reference is judged so, whole and at a glance.
cell_verify() {
    cell_list=$2 cell_told=$3
    [ "$cell_era$cell_changed" != ours+ ] || cell_list="$2 seal-broken"
    case $2 in *-seal-broken*) cell_list=${2%-seal-broken*} ;; esac
    [ "$3" = = ] && cell_told=$cell_list || [ "$cell_era$cell_changed" != ours+ ] || cell_told="$3 seal-broken"
    # shellcheck disable=SC2086 # options
    run "$1" verify --format json $cell_options "$reference" && findings_match 0 "$cell_list" || return 1
    # shellcheck disable=SC2086 # options
    "$tartconv" verify --quick --format json $cell_options "$reference" >"$work/out" 2>"$work/err"
    cell_status=$?
    findings_match 1 "$cell_told" || return 1
    [ "$3" != = ] || [ "$cell_status" -eq "$1" ] || {
        echo "quick: status $cell_status"
        return 1
    }
    # of a document that is none there is nothing to look at
    case $cell_damage in no-json | no-manifest) return 0 ;; esac
    says '"complete":false' && says '"not_looked":["'
}

# cell_repair WORD...: as the column has it.
cell_repair() {
    cell_help=
    case $1 in
    -) return 0 ;;
    refill | reference) cell_help="--$1 oci:images:sound.$cell_era" && shift ;;
    esac
    rm -rf repaired
    if [ "$1" = same ]; then
        run 0 repair $cell_repair_options $cell_help "$reference" oci:repaired:x || return 1
        "$tartconv" compare -q "vm:$cell_vm" oci:repaired:x >"$work/out" 2>"$work/err" || {
            echo 'repaired to another disk'
            return 1
        }
        return 0
    fi
    run "$1" repair --format json $cell_repair_options $cell_help "$reference" oci:repaired:x || return 1
    [ ! -e repaired ] || return 1
    [ $# -eq 1 ] || found "$2"
}

# damage_cell STATUS LIST QUICK REPAIR: one image, which $cell_… describe.
damage_cell() {
    echo "$cell_damage.$cell_era ($reference)"
    # shellcheck disable=SC2086 # words
    cell_verify "$1" "$2" "$3" && cell_repair $4
}

# each_row COMMAND: calls it with the columns of each row, and its number first.
each_row() {
    row=0
    while IFS='|' read -r row_damage row_eras row_status row_list row_quick row_repair; do
        case $row_damage in '#'* | '') continue ;; esac
        row=$((row + 1))
        set -f
        # shellcheck disable=SC2086 # blanks are cut off
        set -- $row_status $1
        if [ "${row_damage% }" = sound ]; then
            for sound_era in $row_eras; do eval "sound_$sound_era="; done
        fi
        $2 "$row" "${row_damage% }" "$row_eras" "$1" "$row_list" "$(echo $row_quick)" "$row_repair"
        if [ "${row_damage% }" = sound ]; then
            for sound_era in $row_eras; do eval "sound_$sound_era=\$row_list"; done
        fi
        set -- "$2"
        set +f
    done <"$root/tests/long/damage.cells"
}
