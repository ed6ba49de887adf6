/* scan_report.c: how an inventory is written down. Adds nothing up. */
#include "convert/cli/scan_report.h"

#include "convert/input/size.h"
#include "convert/output/csv.h"
#include "convert/output/document.h"
#include "formats/model/auto.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Bytes of all its blobs, each once. */
static uint64_t stored_size(const struct standing *standing)
{
    uint64_t ret = 0;
    for (size_t i = 0; i < standing->blob_count; i++)
        if (!add_sizes(ret, standing->blobs[i].size, &ret))
            return INT64_MAX;
    return ret;
}

/* --- text ----------------------------------------------------------------------------------------
 */

enum column { COLUMN_NAME, COLUMN_ERA, COLUMN_DISK, COLUMN_STORED, COLUMN_SHARED, COLUMN_NEEDS };
#define COLUMN_COUNT 6

struct row {
    const char *cells[COLUMN_COUNT];
    char disk[24], stored[24], shared[24];
    const char *why; /* NULL: none is told */
};

static void size_cell(bool there, uint64_t size, char text[24], const char **ret)
{
    if (there)
        size_print(size, text);
    else
        snprintf(text, 24, "-");
    *ret = text;
}

static void row_fill(const struct inventory_item *item, bool reasons, struct row *ret)
{
    const struct standing *standing = &item->standing;
    bool there = !item->failed && standing->blob_count > 0;
    *ret = (struct row){
        .cells = {[COLUMN_NAME] = item->name, [COLUMN_ERA] = item->failed ? "-" : standing->era}};
    size_cell(!item->failed && standing->has_disk_size, standing->disk_size, ret->disk,
              &ret->cells[COLUMN_DISK]);
    size_cell(there, stored_size(standing), ret->stored, &ret->cells[COLUMN_STORED]);
    size_cell(there, item->shared_size, ret->shared, &ret->cells[COLUMN_SHARED]);
    ret->cells[COLUMN_NEEDS] = item->failed       ? "failed"
                               : standing->backup ? "backup"
                                                  : need_name(standing->need);
    if (item->failed)
        ret->why = item->error.text;
    else if ((reasons || standing->need == NEED_REPAIR) && standing->why[0] != '\0')
        ret->why = standing->why;
}

static bool is_number(enum column column)
{
    return column == COLUMN_DISK || column == COLUMN_STORED || column == COLUMN_SHARED;
}

static void tell_row(struct text *text, const struct row *row, const size_t widths[COLUMN_COUNT])
{
    char *cells[COLUMN_COUNT];
    bool good = true;
    for (enum column i = 0; i < COLUMN_COUNT; i++) {
        int width = i == COLUMN_NEEDS ? 0 : (int)widths[i];
        if (asprintf(&cells[i], "%*s", is_number(i) ? width : -width, row->cells[i]) < 0)
            cells[i] = NULL;
        good = good && cells[i] != NULL;
    }
    if (good)
        text_line(text, "%s  %s  %s  %s  %s  %s%s%s", cells[0], cells[1], cells[2], cells[3],
                  cells[4], cells[5], row->why != NULL ? ": " : "",
                  row->why != NULL ? row->why : "");
    else if (text->status == 0)
        text->status = error_memory(text->err);
    for (size_t i = 0; i < COLUMN_COUNT; i++)
        free(cells[i]);
}

static void tell_table(struct text *text, const struct inventory *inventory, bool reasons)
{
    static const struct row head = {.cells = {"NAME", "ERA", "DISK", "STORED", "SHARED", "NEEDS"}};
    size_t widths[COLUMN_COUNT];
    struct row row;
    for (size_t k = 0; k < COLUMN_COUNT; k++)
        widths[k] = strlen(head.cells[k]);
    for (size_t i = 0; i < inventory->count; i++) {
        row_fill(&inventory->items[i], reasons, &row);
        for (size_t k = 0; k < COLUMN_COUNT; k++)
            if (strlen(row.cells[k]) > widths[k])
                widths[k] = strlen(row.cells[k]);
    }
    tell_row(text, &head, widths);
    for (size_t i = 0; i < inventory->count; i++) {
        row_fill(&inventory->items[i], reasons, &row);
        tell_row(text, &row, widths);
    }
}

static void tell_sums(struct text *text, const struct inventory *inventory)
{
    char stored[24], shared[24], to_read[24], to_write[24], to_free[24];
    char needs[400] = "";
    for (size_t i = 0; i < NEED_COUNT; i++) {
        size_t used = strlen(needs);
        const char *name = i == NEED_NONE_KNOWN ? "other" : need_name((enum need)i);
        if (inventory->needs[i] > 0)
            snprintf(needs + used, sizeof needs - used, "%s%s %zu", used > 0 ? ", " : ": ", name,
                     inventory->needs[i]);
    }
    size_print(inventory->blobs_size, stored);
    size_print(inventory->by_position - inventory->blobs_size, shared);
    size_print(inventory->to_read, to_read);
    size_print(inventory->to_write, to_write);
    size_print(inventory->to_free, to_free);
    text_line(text, "%zu image%s%s; backups: %zu; failed: %zu", inventory->count,
              text_plural(inventory->count), needs, inventory->backups, inventory->failed);
    text_line(text, "stored: %s; without sharing it would be %s more", stored, shared);
    text_line(text,
              "a migration reads at most %s and writes at most %s; once the old images are "
              "deleted, %s can go",
              to_read, to_write, to_free);
}

int scan_tell_text(const struct inventory *inventory, bool reasons, struct bytes *out,
                   struct error *err)
{
    struct text text = {.out = out, .err = err};
    if (inventory->count > 0) {
        tell_table(&text, inventory, reasons);
        text_line(&text, "%s", "");
    }
    tell_sums(&text, inventory);
    return text.status;
}

/* --- JSON ----------------------------------------------------------------------------------------
 */

static void put_image(struct document *document, struct json *images,
                      const struct inventory *inventory, const struct inventory_item *item)
{
    const struct standing *standing = &item->standing;
    bool good = !item->failed;
    bool same = item->same_as != SIZE_MAX;
    struct json *image = add_object(document, images);
    put_text(document, image, "name", item->name);
    put_text(document, image, "repository", item->repository);
    put_text(document, image, "tag", item->tag);
    put_digest(document, image, "digest", good && standing->has_digest, &standing->digest);
    put_text(document, image, "same_as", same ? inventory->items[item->same_as].name : NULL);
    put_text(document, image, "era", good ? standing->era : NULL);
    bool known = good && standing->need != NEED_NONE_KNOWN;
    put_text(document, image, "need", known ? need_name(standing->need) : NULL);
    put_text(document, image, "why", good ? standing->why : NULL);
    put_text(document, image, "finding", good ? standing->finding : NULL);
    put_bool(document, image, "backup", good && standing->backup);
    put_bool(document, image, "sealed", good && standing->sealed);
    put_bool(document, image, "salvaged", good && standing->salvaged);
    put_digest(document, image, "source_digest", good && standing->has_source, &standing->source);
    put_uint(document, image, "disk_size", good && standing->has_disk_size, standing->disk_size);
    bool named = good && standing->blob_count > 0;
    put_uint(document, image, "encoded_size", named, standing->encoded_size);
    put_uint(document, image, "stored_size", named, stored_size(standing));
    put_uint(document, image, "layers", named, standing->layer_count);
    put_uint(document, image, "shared_size", named, item->shared_size);
    put_uint(document, image, "group", good && item->group != SIZE_MAX, item->group);
    put_text(document, image, "class", good ? NULL : error_class_name(item->error.class));
    put_text(document, image, "text", good ? NULL : item->error.text);
}

int scan_tell_json(const struct inventory *inventory, bool quick, struct bytes *out,
                   struct error *err)
{
    struct document document;
    document_begin(&document, "scan");
    put_bool(&document, NULL, "quick", quick);
    struct json *images = put_array(&document, NULL, "images");
    for (size_t i = 0; i < inventory->count && !document.failed; i++)
        put_image(&document, images, inventory, &inventory->items[i]);
    put_uint(&document, NULL, "repositories", true, inventory->repositories);
    put_uint(&document, NULL, "failed_repositories", true, inventory->failed_repositories);
    put_uint(&document, NULL, "failed", true, inventory->failed);
    put_uint(&document, NULL, "passed_over", true, inventory->passed_over);
    struct json *needs = put_object(&document, NULL, "needs");
    for (size_t i = 0; i < NEED_COUNT; i++)
        put_uint(&document, needs, i == NEED_NONE_KNOWN ? "other" : need_name((enum need)i), true,
                 inventory->needs[i]);
    put_uint(&document, NULL, "backups", true, inventory->backups);
    put_uint(&document, NULL, "stored_size", true, inventory->blobs_size);
    put_uint(&document, NULL, "unshared_size", true, inventory->by_position);
    put_uint(&document, NULL, "to_read", true, inventory->to_read);
    put_uint(&document, NULL, "to_write", true, inventory->to_write);
    put_uint(&document, NULL, "to_free", true, inventory->to_free);
    return document_end(&document, out, err);
}

/* --- CSV -----------------------------------------------------------------------------------------
 */

static void csv_image(struct csv *csv, const struct inventory *inventory,
                      const struct inventory_item *item)
{
    const struct standing *standing = &item->standing;
    char digest[DIGEST_TEXT_SIZE];
    bool good = !item->failed, named = good && standing->blob_count > 0;
    digest_print(&standing->digest, digest);
    csv_text(csv, item->name);
    csv_text(csv, good && standing->has_digest ? digest : NULL);
    csv_text(csv, item->same_as != SIZE_MAX ? inventory->items[item->same_as].name : NULL);
    csv_text(csv, good ? standing->era : NULL);
    bool known = good && standing->need != NEED_NONE_KNOWN;
    csv_text(csv, known ? need_name(standing->need) : NULL);
    csv_text(csv, good ? standing->why : NULL);
    csv_text(csv, good ? standing->finding : NULL);
    csv_text(csv, !good ? NULL : standing->backup ? "yes" : "no");
    csv_uint(csv, good && standing->has_disk_size, standing->disk_size);
    csv_uint(csv, named, stored_size(standing));
    csv_uint(csv, named, standing->layer_count);
    csv_uint(csv, named, item->shared_size);
    csv_uint(csv, good && item->group != SIZE_MAX, item->group);
    csv_text(csv, good ? NULL : error_class_name(item->error.class));
    csv_text(csv, good ? NULL : item->error.text);
    csv_row(csv);
}

int scan_tell_csv(const struct inventory *inventory, struct bytes *out, struct error *err)
{
    static const char *const heads[] = {
        "name",      "digest",      "same_as", "era",         "need",  "why",   "finding", "backup",
        "disk_size", "stored_size", "layers",  "shared_size", "group", "class", "text"};
    struct csv csv;
    csv_begin(&csv, out, err);
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++)
        csv_text(&csv, heads[i]);
    csv_row(&csv);
    for (size_t i = 0; i < inventory->count; i++)
        csv_image(&csv, inventory, &inventory->items[i]);
    return csv.status;
}
