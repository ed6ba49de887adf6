# damage-local.t: the damage matrix (damage.cells) in layouts: what verify says of each image, whole and at a glance, and what
# repair makes of it.
. "${0%/*}/../cli/lib.sh"
. "$root/tests/cli/servers.sh"
. "$root/tests/long/damage.sh"

cell_options='' cell_repair_options=''
row_local() {
    # shellcheck disable=SC2086 # words
    eras_of "$1" "$2" $3
    for row_era in $eras; do
        read -r cell_damage cell_era cell_store cell_registry cell_last cell_changed cell_byte cell_vm <<CELL
$(grep "^$2 $row_era " cells)
CELL
        [ -n "$cell_damage" ] || {
            echo "no image $2.$row_era"
            return 1
        }
        reference=oci:$cell_store:$2.$row_era
        damage_cell "$4" "$5" "$6" "$7" || return 1
    done
}
row_ok() {
    ok "$2 ($3):$5->${6:+ quick $6,} repair$7" row_local "$@"
}
each_row row_ok

# --- what needs larger disks: of zeros, which take no room ---
mkdir large longer
cp vm/config.json vm/nvram.bin large
cp vm/config.json vm/nvram.bin longer
truncate -s 1025M large/disk.img
truncate -s 600M longer/disk.img
run 0 convert -q --plain vm:large oci:zeros:sound
run 0 convert -q --to v1 vm:longer oci:zeros:v1
edit zeros sound moved layers 0,1,3,2,4
edit zeros v1 long set layers/1/mediaType '"application/vnd.cirruslabs.tart.disk.v2"' \
    set layers/1/annotations/org.cirruslabs.tart.uncompressed-size '"629145600"' \
    set layers/1/annotations/org.cirruslabs.tart.uncompressed-content-digest "\"$(sha256 longer/disk.img)\""
# noted ID OPTION... REFERENCE: that note and that of a disk without partitions are all.
noted() {
    noted_id=$1
    shift
    run 0 verify --format json "$@" && found "$noted_id" && [ "$(grep -o '"id":"[^"]*"' "$work/out" | sort -u | wc -l)" -eq 2 ] &&
        found gpt-absent
}
ok 'a chunk above 512 MiB is noted' noted layer-long oci:zeros:long
ok '... at a glance' noted layer-long --quick oci:zeros:long
ok 'a short layer in the middle is noted at a glance' noted order-doubtful --quick oci:zeros:moved

for damage in $(cut -d ' ' -f 1 cells | sort -u); do
    ok "$damage has a row" grep -q "^$damage |" "$root/tests/long/damage.cells"
done
finish
