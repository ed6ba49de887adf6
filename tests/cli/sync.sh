# sync.sh: words that the tests of `sync once` share: `. "$root/tests/cli/sync.sh"` behind servers.sh.
registry plain delete
registry target delete
src=$plain_host dst=$target_host

# put TAG REPOSITORY:TAG [OPTION...]: of the layout `images`, into the source registry, with no seal of ours.
put() {
    put_from=$1 put_to=$2
    shift 2
    "$tartconv" convert -q --to same --replace --no-backup "$@" "oci:images:$put_from" "$src/$put_to" >out 2>err
}
tag_digest() {
    curl -sS -o /dev/null -D - -H 'Accept: application/vnd.oci.image.manifest.v1+json' "http://$1/v2/$2/manifests/$3" |
        tr -d '\r' | sed -n 's/^[Dd]ocker-[Cc]ontent-[Dd]igest: //p'
}
# delete HOST REPOSITORY TAG: its manifest
delete() {
    curl -sS -X DELETE "http://$1/v2/$2/manifests/$(tag_digest "$1" "$2" "$3")"
}
batch() {
    printf '%s\n' "$@" >batch.yaml
}
# once STATUS ARGUMENT...: --log log, if nothing else is said
once() {
    once_status=$1
    shift
    case " $* " in *' --log '*) ;; *) set -- --log log "$@" ;; esac
    run "$once_status" sync once -v --retry-times 1 --retry-delay 10ms "$@"
}
# events FILTER: how many of the log fit it, by jq
events() {
    jq -c "select(.event == $1)" log | wc -l
}
# image NAME: what the last run logged at its end: STATUS CLASS
image() {
    jq -r "select(.event == \"image-end\" and .name == \"$1\") | .status + \" \" + (.error.class // \"-\")" log | tail -n 1
}
is() {
    [ "$1" = "$2" ] || {
        echo "it is $1, wanted $2"
        return 1
    }
}
