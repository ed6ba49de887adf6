# replay.t: every fuzzer takes every input of its corpus.
count=0
for source in tests/fuzz/fuzz_*.c; do
    name=$(basename "$source" .c)
    count=$((count + 1))
    if output=$("${B:-build}/tests/fuzz/replay_${name#fuzz_}" "tests/fuzz/corpus/$name" 2>&1); then
        echo "ok $count - $name: $(printf '%s\n' "$output" | tail -n 1)"
    else
        echo "not ok $count - $name"
        printf '%s\n' "$output" | tail -n 30 | sed 's/^/# /'
    fi
done
echo "1..$count"
