/* yaml.c: the leaves of a YAML document on standard input, a line each: path, tab, value, so that
 * tests can look at what people are told to write, and do it. Newlines in values are written \n.
 * With a path, that value alone, as it is.
 */
#include <stdio.h>
#include <string.h>
#include <yaml.h>

#define PATH_MAX_SIZE 1000
#define DEPTH_MAX     20

static const char *wanted;
static int found;

static void print_value(const char *path, const yaml_node_t *node)
{
    const char *value = (const char *)node->data.scalar.value;
    if (wanted != NULL) {
        if (strcmp(path, wanted) == 0) {
            found = 1;
            printf("%s\n", value);
        }
        return;
    }
    found = 1;
    printf("%s\t", path);
    for (; *value != '\0'; value++)
        if (*value == '\n')
            printf("\\n");
        else
            putchar(*value);
    putchar('\n');
}

static int print_node(yaml_document_t *document, int index, const char *path, int depth);

/* key NULL: the number. */
static int print_child(yaml_document_t *document, int child, const char *path, const char *key,
                       size_t number, int depth)
{
    char below[PATH_MAX_SIZE], digits[24];
    snprintf(digits, sizeof digits, "%zu", number);
    int size = snprintf(below, sizeof below, "%s%s%s", path, *path != '\0' ? "/" : "",
                        key != NULL ? key : digits);
    if (size < 0 || (size_t)size >= sizeof below || depth >= DEPTH_MAX)
        return -1;
    return print_node(document, child, below, depth + 1);
}

/* The key of a pair; NULL where it is no plain value, or stands there a second time. */
static const char *key_of(yaml_document_t *document, const yaml_node_t *map,
                          const yaml_node_pair_t *pair)
{
    const yaml_node_t *key = yaml_document_get_node(document, pair->key);
    if (key->type != YAML_SCALAR_NODE)
        return NULL;
    for (const yaml_node_pair_t *other = map->data.mapping.pairs.start; other < pair; other++) {
        const yaml_node_t *before = yaml_document_get_node(document, other->key);
        if (strcmp((char *)before->data.scalar.value, (char *)key->data.scalar.value) == 0)
            return NULL;
    }
    return (const char *)key->data.scalar.value;
}

static int print_node(yaml_document_t *document, int index, const char *path, int depth)
{
    const yaml_node_t *node = yaml_document_get_node(document, index);
    switch (node->type) {
    case YAML_SCALAR_NODE:
        print_value(path, node);
        return 0;
    case YAML_SEQUENCE_NODE:
        for (size_t i = 0; node->data.sequence.items.start + i < node->data.sequence.items.top; i++)
            if (print_child(document, node->data.sequence.items.start[i], path, NULL, i, depth) < 0)
                return -1;
        return 0;
    case YAML_MAPPING_NODE:
        for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
             pair < node->data.mapping.pairs.top; pair++) {
            const char *key = key_of(document, node, pair);
            if (key == NULL || print_child(document, pair->value, path, key, 0, depth) < 0)
                return -1;
        }
        return 0;
    default:
        return -1;
    }
}

int main(int count, char **arguments)
{
    wanted = count > 1 ? arguments[1] : NULL;
    yaml_parser_t parser;
    yaml_document_t document;
    if (!yaml_parser_initialize(&parser))
        return 1;
    yaml_parser_set_input_file(&parser, stdin);
    int status = -1;
    if (!yaml_parser_load(&parser, &document)) {
        fprintf(stderr, "line %zu: %s\n", parser.problem_mark.line + 1, parser.problem);
    } else {
        if (yaml_document_get_root_node(&document) != NULL)
            status = print_node(&document, 1, "", 0);
        yaml_document_delete(&document);
    }
    yaml_parser_delete(&parser);
    return status < 0 || !found;
}
