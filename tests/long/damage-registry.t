# damage-registry.t: the damage matrix (damage.cells) in registries: images lie in docker-registry's own folder, those of which
# blobs are wrong in one of their own; manifests that it does not hand out, in a scripted one. Without MATRIX=all a damage's
# rows and a row's eras take turns, and half of the images are repaired: what is found does not depend on where they lie.
. "${0%/*}/../cli/lib.sh"
. "$root/tests/cli/servers.sh"
needs docker-registry setpriv
. "$root/tests/long/damage.sh"

cell_options=--insecure cell_repair_options=--insecure
# place NAME FOLDER: it becomes what the registry NAME, which is about to start, holds.
place() {
    mkdir -p "$work/$1"
    mv "$2" "$work/$1/data"
}
place main registry
registry main plain
scripted odd

# registry_of FOLDER: $registry_at, the host of the one that serves it; others than the last are ended.
registry_at='' registry_now=''
registry_of() {
    registry_at=$main_host
    [ "$1" != registry ] || return 0
    if [ "$registry_now" != "$1" ]; then
        [ -z "$registry_now" ] || end_server wrong
        rm -rf "$work/wrong"
        place wrong "$1"
        registry wrong plain
        registry_now=$1
    fi
    registry_at=$wrong_host
}

row_registry() {
    # shellcheck disable=SC2086 # words
    eras_of "$(($1 + 2))" "$2" $3
    row_repair_wanted=$7
    [ "${MATRIX-}" = all ] || [ "$2" = sound ] || {
        # shellcheck disable=SC2086 # words
        eras=$(turn "$1" $eras)
        [ $(($1 % 2)) -eq 0 ] || row_repair_wanted=-
    }
    for row_era in $eras; do
        read -r cell_damage cell_era cell_store cell_registry cell_last cell_changed cell_byte cell_vm <<CELL
$(grep "^$2 $row_era " cells)
CELL
        if [ "$cell_registry" = - ]; then
            put_image odd images "sound.$row_era" images # whose blobs they are, whatever the other calls them
            put_image odd images "$2.$row_era" images
            reference=$odd_host/images:$2.$row_era
        else
            registry_of "$cell_registry"
            reference=$registry_at/images:$2.$row_era
        fi
        damage_cell "$4" "$5" "$6" "$row_repair_wanted" || return 1
    done
}
# In the ordinary run one row of each damage, in turn.
damage_before='' damage_number=0
row_ok() {
    case $2 in no-json | no-manifest) return ;; esac # not for a registry, which reads what it is given
    if [ "$2" != "$damage_before" ]; then
        damage_before=$2 damage_number=$((damage_number + 1))
        damage_row=$((damage_number % $(grep -c "^$2 |" "$root/tests/long/damage.cells")))
    fi
    damage_row=$((damage_row - 1))
    [ "$2" = sound ] || [ "${MATRIX-}" = all ] || [ "$damage_row" -eq -1 ] || return
    ok "$2 ($3):$5->${6:+ quick $6,} repair$7" row_registry "$@"
}
each_row row_ok
finish
