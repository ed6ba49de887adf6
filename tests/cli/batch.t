# batch.t: the batch file: every error names the file, line, column and key, and ends with 78 before
# anything is asked; the schema in docs/ agrees with the parser.
. "${0%/*}/lib.sh"

# refused PLACE TEXT LINE...: the file of these lines
refused() {
    refused_place=$1
    refused_text=$2
    shift 2
    printf '%s\n' "$@" >batch.yaml
    printf '%s\n' "$@" >"$work/bad-$((count + 1)).yaml"
    run 78 sync check batch.yaml && says "tartconv: batch.yaml:$refused_place: " && says "$refused_text"
}
image='- {source: a.example/r:1, target: b.example/r:1, type: image'

ok 'no file' run 66 sync check none.yaml
ok 'a folder' run 78 sync check .
ok 'no verb' run 64 sync batch.yaml
ok 'another verb' run 64 sync chek batch.yaml
ok 'one file too many' run 64 sync check a b
ok 'an empty file' refused 1:1 'sync: there is no entry' ''
ok 'no YAML' refused 1:9 '' 'sync: [ }'
ok 'an unknown section' refused 1:1 'repositories: no key has that name; there are version, creds' 'repositories: []'
ok 'an unknown key' refused 2:63 'sync: interval: no key has that name' 'sync:' "$image, interval: 60m}"
ok 'an unknown key of defaults' refused 1:12 'defaults: parallel:' 'defaults: {parallel: 2}' 'sync:' "$image}"
ok 'an unknown key of tags' refused 1:67 'sync: tags: only:' \
    'sync: [{source: a.example/r, type: repository, tags: {allow: [x], only: [y]}}]'
ok 'a key twice' refused 2:63 'sync: source: the key is there twice' 'sync:' "$image, source: x}"
ok 'a value' refused 2:71 'sync: action: must be convert or normalise' 'sync:' "$image, action: repair}"
ok 'a variable' refused 1:17 'sync: source: the environment has no variable NOT_SET_HERE' \
    'sync: [{source: "${NOT_SET_HERE}/r:1", target: b.example/r:1, type: image}]'
ok 'a target twice' refused 3:41 'sync: target: b.example/r:1 is the target of line 2, too' 'sync:' "$image}" \
    '- {source: a.example/q:1,       target: b.example/r:1, type: image}'
ok 'a target that is a source' refused 2:35 'sync: target: b.example/r:1 is a source, in line 3' 'sync:' "$image}" \
    '- {source: b.example/r:1, target: c.example/r:1, type: image}'
ok 'a registry under two names' refused 3:12 'sync: source: "a.example" is another name of "A.example" in line 2' 'sync:' \
    '- {source: A.example/q:1, target: b.example/q:1, type: image}' "$image}"
ok 'in-place with a target' refused 2:35 'sync: target: in-place writes where it reads' 'sync:' "$image, in-place: true}"
ok 'a password' refused 1:57 'creds: pass: must be a variable alone' \
    "creds: [{registry: a.example, user: '\${HOME}',    pass: tr0ub4dor}]" 'sync:' "$image}"
ok '... not shown' not says tr0ub4dor
ok 'a pattern' refused 1:63 'sync: tags: allow: ' \
    "sync: [{source: a.example/r, type: repository, tags: {allow: ['(']}, in-place: true}]"
ok 'a range' refused 1:55 'sync: tags: semverRange: ' \
    "sync: [{source: a.example/r, type: repository, tags: {semverRange: 'x>1'}, in-place: true}]"
ok 'an alias' refused 2:7 'sync: aliases, anchors and tags' 'defaults: {}' 'sync: &x []'
ok 'a document too many' refused 3:1 'a second document' 'sync:' "$image}" '---' 'sync:'
ok 'an error as a document' run 78 sync check --format json batch.yaml
ok '... of its class' found settings

# --- the schema ---
good() {
    printf '%s\n' "$@" >"$work/good-$((count + 1)).yaml"
}
python=$(command -v python3) || python=false
$python -c 'import jsonschema, yaml' 2>/dev/null || python=false
schema=$root/docs/batch.schema.json
cat >good-1.yaml <<'FILE'
version: 1
creds:
  - {registry: a.example, user: '${USER_A}', pass: '${PASS}', concurrency: 2, upload-chunk: 16MiB}
  - {registry: 'b.example:5000', credHelper: docker-credential-x, tls-verify: false, cert-dir: /c}
  - {registry: c.example, authfile: /a.json, plain-http: true}
defaults: {decode: false, mirrors: [mirror.lan/hub], jobs: 3, threads: 2, limit-rate: 50MB, retry-times: 0, retry-delay: 500ms,
  spool-memory: 64MiB}
sync:
  - source: docker://a.example/org/a:1
    target: b.example:5000/copies/{repo}:{tag}-arm
    type: image
    to: v2
    chunk-size: 64MiB
    encoder: lz4hc:9
    replace: true
  - source: a.example/org/b
    type: repository
    in-place: true
    tags: {allow: ['1[0-9]', latest], deny: ['10'], semverRange: ['>=2', '~1.5']}
    action: normalise
    backup-tag: '{tag}-{digest8}'
  - {source: a.example, target: 'b.example:5000/all/', type: registry, repos: {allow: ['org/.*']}, stage: false, to: same}
FILE
cat >judge.py <<'FILE'
import json, sys, jsonschema, yaml
schema = json.load(open(sys.argv[1]))
jsonschema.Draft202012Validator.check_schema(schema)
validator = jsonschema.Draft202012Validator(schema)
wrong = 0
for name in sys.argv[3:]:
    fits = not list(validator.iter_errors(yaml.safe_load(open(name))))
    if fits != (sys.argv[2] == "good"):
        print(name, "fits" if fits else "does not fit")
        wrong = 1
sys.exit(wrong)
FILE
# what the parser refuses for its shape alone; the rest only the whole file, or the environment, can tell
shapes() {
    for bad in "$work"/bad-*.yaml; do
        case $(grep -c 'no key has that name\|must be convert\|variable alone' "$bad.said") in
        0) ;;
        *) echo "$bad" ;;
        esac
    done
}
for bad in "$work"/bad-*.yaml; do
    "$tartconv" sync check "$bad" >"$bad.said" 2>&1
done
if [ "$python" != false ]; then
    ok 'the schema takes what the parser takes' "$python" judge.py "$schema" good good-1.yaml
    ok '... and not what it refuses' "$python" judge.py "$schema" bad $(shapes)
else
    skip 'the schema' 'no python3-jsonschema here'
fi
# every key that the parser knows is in the schema, and none besides: by what a wrong one is told
keys() {
    printf '%s\n' "$1" >keys.yaml
    "$tartconv" sync check keys.yaml 2>&1 | sed -n 's/.*there are //p' | tr -d ' ' | tr ',' '\n'
}
known() {
    for key in $(keys 'sync: [{x-: 1}]') $(keys 'creds: [{x-: 1}]') $(keys 'x-: 1'); do
        case $key in *...) continue ;; esac # a long list is cut
        grep -q "\"$key\"" "$schema" || {
            echo "not in the schema: $key"
            return 1
        }
    done
}
ok 'every key is in the schema' known
export USER_A=a PASS=b
sed 's/[abc]\.example[:0-9]*/127.0.0.1:1/g; /registry: /d; s/^creds:/creds: []/' good-1.yaml >taken.yaml
# nobody listens there, so that each entry fails by itself; none is refused
ok 'the good file is taken' run 3 sync check --retry-times 0 taken.yaml
finish
