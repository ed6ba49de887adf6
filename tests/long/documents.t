# documents.t: what docs/sync.md tells people to type and to put into files, done as it stands there, between registries on
# loopback: something else is put in the place of names only: of hosts, of passwords, and of regsync. And that the commands
# and options that the documents name are there.
. "${0%/*}/../cli/lib.sh"
. "$root/tests/cli/servers.sh"

needs docker-registry htpasswd skopeo setpriv
yaml=$built/tests/tools/yaml
page=$root/docs/sync.md
make_noise
"$tartconv" convert -q --to same oci:noise:v1 oci:images:15 >made || exit 1
edit noise v1 torn blob layers/1 "$("$layout" name noise v1 layers/2)" || exit 1

registry plain
registry far
registry mirror mirror "http://$plain_host"
registry team htpasswd
registry target htpasswd

# skopeo as people have it: a policy, and registries without TLS
mkdir -p "$HOME/.config/containers" bin
echo '{"default":[{"type":"insecureAcceptAnything"}]}' >"$HOME/.config/containers/policy.json"
for host in $plain_host $far_host $team_host $target_host; do
    printf '[[registry]]\nlocation = "%s"\ninsecure = true\n' "$host"
done >"$HOME/.config/containers/registries.conf"
ln -s "$tartconv" bin/tartconv
PATH=$PWD/bin:$PATH

# regsync, as far as its file goes: each tag that it lists, with skopeo
cat >bin/regsync <<FILE
#!/bin/sh
[ "\$1 \$2" = 'once -c' ] || exit 1
at() {
    "$yaml" "\$1" <"\$file"
}
file=\$3
[ "\$(at version)" = 1 ] && [ "\$(at sync/0/type)" = repository ] || exit 1
for index in 0 1 2; do
    tag=\$(at sync/0/tags/allow/\$index) || exit 1
    skopeo copy -q --preserve-digests "docker://\$(at sync/0/source):\$tag" "docker://\$(at sync/0/target):\$tag" || exit 1
done
FILE
chmod +x bin/regsync

# block HEADING N: the Nth indented block under a heading of the page, for our hosts.
block() {
    awk -v heading="$1" -v wanted="$2" '
        /^#/ { under = $0; sub(/^#+ /, "", under); inside = 0; number = 0; next }
        under != heading { next }
        /^    / { if (!inside) number++; inside = 1; if (number == wanted) print substr($0, 5); next }
        /^$/ { if (inside && number == wanted) print ""; next }
        { inside = 0 }' "$page" |
        sed "s|registry\.example|${registry_is:-$plain_host}|g; s|far\.example|$far_host|g; s|mirror\.example|$mirror_host|g
             s|ghcr\.io|$team_host|g; s|-u ci |-u $user |"
}
# types HEADING N: the block, as a shell script.
types() {
    block "$1" "$2" >typed
    [ -s typed ] && sh -e typed
}
blocks() {
    awk -v heading="$1" '
        /^#/ { under = $0; sub(/^#+ /, "", under); inside = 0; next }
        under != heading { next }
        /^    / { if (!inside) number++; inside = 1; next }
        !/^$/ { inside = 0 }
        END { print number + 0 }' "$page"
}
# fill: registry plain has the V1 images, and nothing else in vm/macos.
fill() {
    rm -rf "$work/plain/data/docker/registry/v2/repositories/vm"
    for tag in 13 14 15; do
        skopeo copy -q oci:images:15 "docker://$plain_host/vm/macos:$tag" || return 1
    done
}
# is_in REFERENCE...: each of them is sound and in normal form.
is_in() {
    for reference in "$@"; do
        run 0 verify "$reference" && run 0 normalise --in-place "$reference" && says 'already normal' || return 1
    done
}

# --- skopeo sync ---
far=$far_host/vm/macos
ok 'the images' fill
ok 'in place, and on' types 'skopeo sync' 1
ok '... arrives' is_in "$far:15"
ok '... the old image stays' sh -c "skopeo list-tags docker://$plain_host/vm/macos | grep -q 15-before-"
rm -rf "$work/far/data/docker"
ok '(the images)' fill
ok 'by way of a staging repository' types 'skopeo sync' 2
ok '... arrives' is_in "$far:13" "$far:14" "$far:15"
ok '... a second time' types 'skopeo sync' 2
rm -rf "$work/far/data/docker"
# the list, to which a registry without TLS adds a line, and the command in the text before it
listed() {
    block 'skopeo sync' 3 | sed '1s|$|\n  tls-verify: false|' >list.yml
    sed -n 's/.* for `\(skopeo sync [^`]* --src yaml [^`]*\)`.*/\1/p' "$page" | sed "s|far\.example|$far_host|" >typed
    [ -s typed ] && sh -e typed
}
ok 'a list' listed
ok '... arrives' run 3 verify "$far:13"
ok '... all of it' run 3 verify "$far:15"
ok 'no other block' test "$(blocks 'skopeo sync')" -eq 3

# --- regsync ---
rm -rf "$work/far/data/docker"
block regsync 1 >regsync.yml
ok 'regsync' types regsync 2
ok '... arrives' is_in "$far:15"
ok 'no other block' test "$(blocks regsync)" -eq 2

# --- mirrors ---
ok 'in front of a mirror' types 'Read-through mirrors' 1
ok 'by way of a mirror' types 'Read-through mirrors' 2
ok 'no other block' test "$(blocks 'Read-through mirrors')" -eq 2

# --- CI: no password is known at first ---
registry_is=$target_host
export XDG_RUNTIME_DIR="$work/ci"
mkdir "$XDG_RUNTIME_DIR"
copy --dest-creds "$user:$password" oci:images:15 "docker://$team_host/my-team/vm/macos:15"
copy --dest-creds "$user:$password" oci:noise:torn "docker://$team_host/my-team/vm/macos:14"
copy --dest-creds "$user:$password" oci:images:15 "docker://$team_host/my-group/vm/macos:15"
# github TAG: the job's steps until one fails, each by itself as the runner does it; $failed is that one's name.
github() {
    block 'GitHub Actions' 1 | sed "s|\${{ matrix.tag }}|$1|g; s|\${{ secrets\.[A-Z_]* }}|$password|g" >ci.yml
    "$yaml" <ci.yml >leaves || return 1
    for name in SOURCE STAGE TARGET; do
        export $name="$("$yaml" jobs/sync/env/$name <ci.yml)"
    done
    export GITHUB_ACTOR=$user GHCR_PASSWORD="$("$yaml" jobs/sync/steps/0/env/GHCR_PASSWORD <ci.yml)" \
        TARGET_PASSWORD="$("$yaml" jobs/sync/steps/0/env/TARGET_PASSWORD <ci.yml)"
    failed=none
    for step in 0 1 2 3; do
        "$yaml" jobs/sync/steps/$step/run <ci.yml >step || return 1
        sh -e step || {
            status=$? failed=$("$yaml" jobs/sync/steps/$step/name <ci.yml)
            return 0
        }
    done
}
ok 'GitHub: the steps' github 15
ok '... to the last one' test "$failed" = none
ok '... put it where it should be' test "$TARGET" = "$target_host/vm/macos:15"
ok '... sound' is_in "$TARGET"
ok '... the log says what was done' grep -q '^{"kind":"conversion",.*"normal":"made"' normalise.json
ok '... and that it arrived' grep -q '^{"kind":"verification",.*"verdict":"sound"' verify.json
ok '... both are kept' test "$("$yaml" jobs/sync/steps/4/with/path <ci.yml)" = '*.json'
ok '... whatever happens' test "$("$yaml" jobs/sync/steps/4/if <ci.yml)" = 'always()'
ok '... a further night' github 15
ok '... finds nothing to do' grep -q '"normal":"already"' normalise.json
ok '... a damaged image' github 14
ok '... stops it there' test "$failed $status" = 'normalise 2'
ok '... the log says so' grep -q '^{"kind":"error",.*"class":"[a-z-]*".*"status":2,' normalise.json
rm -rf "$XDG_RUNTIME_DIR" normalise.json verify.json "$work/target/data/docker"
mkdir "$XDG_RUNTIME_DIR"
gitlab() {
    block GitLab 1 >ci.yml
    "$yaml" <ci.yml >leaves || return 1
    export CI_REGISTRY="$team_host" CI_REGISTRY_IMAGE="$team_host/my-group/vm" CI_REGISTRY_USER="$user" \
        CI_REGISTRY_PASSWORD="$password" REGISTRY_PASSWORD="$password" TAG="$("$yaml" sync/parallel/matrix/0/TAG/2 <ci.yml)"
    {
        sed -n 's|^sync/variables/\([A-Z]*\)	\(.*\)|\1=\2|p' leaves
        sed -n 's|^sync/script/[0-9]*	||p' leaves
    } >script
    sh -e script
}
ok 'GitLab: the script' gitlab
ok '... puts it there' is_in "$target_host/vm/macos:15"
ok '... both logs are kept' test "$("$yaml" sync/artifacts/paths/0 <ci.yml) $("$yaml" sync/artifacts/paths/1 <ci.yml)" = \
    'normalise.json verify.json'
ok '... and are there' sh -c 'grep -q "^{\"kind\":\"conversion\"" normalise.json && grep -q "^{\"kind\":\"verification\"" verify.json'
ok 'no other block' test "$(blocks 'GitHub Actions') $(blocks GitLab)" = '1 1'

# --- what documents name ---
# commands: each `tartconv COMMAND [--OPTION…]` on standard input is a command and has these options.
commands() {
    sort -u >named
    [ "$(wc -l <named)" -gt 20 ] || return 1
    while read -r program command rest; do
        "$program" "$command" --help >help 2>&1 || {
            echo "no command: $command $rest"
            return 1
        }
        for option in $(echo "$rest" | grep -oE '(^| )--[a-z0-9-]+'); do
            grep -qE -e "$option( |\[|\$)" help || {
                echo "$command has no $option"
                return 1
            }
        done
    done <named
}
in_pages() {
    find "$root/README.md" "$root/CHANGELOG.md" "$root/docs" -name '*.md' -exec grep -ohE '`tartconv [a-z]+[^`|]*' {} + | tr -d '`'
}
in_manuals() {
    sed -nE 's/^\.(Li|Dl)( [$])? (tartconv [a-z]+.*)/\3/p
             s/^\.Nm tartconv Cm ([a-z]+) Fl (-[a-z-]+).*/tartconv \1 -\2/p' "$root"/docs/man/*.[1-9] | sed 's/\\//g'
}
named_are_there() {
    { in_pages && in_manuals; } | commands
}
ok 'the commands and options that documents name' named_are_there
# each rule of newest Tart, in Tart's words
rules_are_told() {
    grep -oE '"(rule 10: )?[A-Za-z][A-Za-z2., -]{20,}' "$root/formats/model/tart_rules.c" | sed 's/^"//; s/^rule 10: //; s/ *$//' |
        sort -u >rules
    [ "$(wc -l <rules)" -eq 13 ] || return 1
    while read -r words; do
        grep -qF "$words" "$root/docs/damage.md" || {
            echo "docs/damage.md: $words"
            return 1
        }
    done <rules
}
ok 'what newest Tart says is in damage.md' rules_are_told
finish
