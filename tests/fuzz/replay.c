/* replay.c: runs a fuzzer over the files of the folders that are named: its corpus, once, with any
 * compiler. It stands in for libFuzzer's main. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Memory of exactly the file's size, so that a sanitizer sees any read behind it. */
static int replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL || fseek(file, 0, SEEK_END) != 0) {
        perror(path);
        return -1;
    }
    size_t size = (size_t)ftell(file);
    rewind(file);
    uint8_t *data = malloc(size);
    if (size > 0 && (data == NULL || fread(data, 1, size, file) != size)) {
        perror(path);
        abort();
    }
    fclose(file);
    fprintf(stderr, "%s\n", path); /* the last one said is the one that failed */
    LLVMFuzzerTestOneInput(data, size);
    free(data);
    return 0;
}

static int replay_folder(const char *path)
{
    DIR *folder = opendir(path);
    if (folder == NULL) {
        perror(path);
        return -1;
    }
    int count = 0, status = 0;
    const struct dirent *entry;
    while (status == 0 && (entry = readdir(folder)) != NULL) {
        if (entry->d_name[0] == '.')
            continue;
        char name[4096];
        snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
        status = replay_file(name);
        count++;
    }
    closedir(folder);
    printf("%d inputs in %s\n", count, path);
    return count > 0 ? status : -1;
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (replay_folder(argv[i]) < 0)
            return 1;
    return argc > 1 ? 0 : 1;
}
