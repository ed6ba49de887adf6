/* check_config.c: whether config.v1 is one that a VM can start from, and whether it, the image
 * config's label and the disk's first bytes name the same disk format. */
#include "formats/checks/check.h"

#include "formats/model/auto.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define FIX_CONFIG "take the VM's config.json from another copy of the image and push it again"
#define FIX_LABEL  "no Tart reads the label; a push by Tart 2.28 or later writes it anew"

static bool is_base64(const char *text)
{
    size_t size = strlen(text);
    size_t letters =
        strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
    return size > 0 && size % 4 == 0 && size - letters <= 2 &&
           strspn(text + letters, "=") == size - letters;
}

static bool is_mac_address(const char *text)
{
    if (strlen(text) != 17)
        return false;
    for (size_t i = 0; i < 17; i++)
        if (i % 3 == 2 ? text[i] != ':' : !isxdigit((unsigned char)text[i]))
            return false;
    return true;
}

/* The first member that Tart asks for and that is absent or wrong; NULL for none. */
static const char *wrong_member(const struct json *config, const struct vm_config *seen)
{
    static const char *const numbers[] = {"version", "cpuCountMin", "cpuCount", "memorySizeMin",
                                          "memorySize"};
    static const char *const blobs[] = {"ecid", "hardwareModel"};
    uint64_t number;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        if (!json_uint(json_get(config, numbers[i]), &number))
            return numbers[i];
    const char *address = json_string(json_get(config, "macAddress"));
    if (address == NULL || !is_mac_address(address))
        return "macAddress";
    if (strcmp(seen->arch, "arm64") != 0 && strcmp(seen->arch, "amd64") != 0)
        return "arch";
    if (strcmp(seen->os, "linux") == 0)
        return NULL;
    if (strcmp(seen->os, "darwin") != 0)
        return "os";
    for (size_t i = 0; i < sizeof blobs / sizeof blobs[0]; i++) {
        const char *text = json_string(json_get(config, blobs[i]));
        if (text == NULL || !is_base64(text))
            return blobs[i];
    }
    return NULL;
}

static struct error_place config_place(const struct manifest *manifest)
{
    for (size_t i = 0; manifest != NULL && i < manifest->layer_count; i++)
        if (strcmp(manifest->layers[i].media_type, TART_TYPE_CONFIG) == 0)
            return at_layer(i);
    return NO_PLACE;
}

/* *ret_seen tells whether the config can be believed. */
static int check_vm_config(const struct facts *facts, struct vm_config *ret, bool *ret_seen,
                           struct findings *findings, struct error *err)
{
    const struct bytes *text = facts->vm_config;
    struct error_place where = config_place(facts->manifest);
    struct error invalid = ERROR_INIT;
    AUTO(json_free_auto) struct json *tree = NULL;
    *ret_seen = vm_config_parse(text->data, text->size, ret, &invalid) == 0 &&
                json_parse(text->data, text->size, TART_CONFIG_MAX, &tree, &invalid) == 0;
    const char *member = *ret_seen ? wrong_member(tree, ret) : NULL;
    if (*ret_seen && member == NULL)
        return 0;
    if (invalid.class == ERROR_MEMORY) {
        *err = invalid;
        return -1;
    }
    if (member != NULL)
        error_set(&invalid, ERROR_CONFIG_INVALID, "config.v1: its member %s is absent or wrong",
                  member);
    return findings_add(findings, "config-invalid", SEVERITY_DAMAGE, where, FIX_CONFIG, err, "%s",
                        invalid.text);
}

/* Tart attaches the disk as config.v1 says; a wrong word there and the VM does not start. */
static int check_magic(const struct facts *facts, const char *disk_format,
                       struct findings *findings, struct error *err)
{
    /* What config.v1 says of a stacked disk is not known. */
    if (facts->image != NULL && facts->image->stacked)
        return 0;
    const char *fix = "set diskFormat in the VM's config.json to what the disk is, and push again";
    enum asif asif = disk_asif(facts);
    bool says_asif = strcmp(disk_format, "asif") == 0;
    if (asif == ASIF_YES && !says_asif)
        return findings_add(findings, "disk-format-mismatch", SEVERITY_DAMAGE, at_disk(0), fix, err,
                            "the disk is ASIF, config.v1's diskFormat is %s", disk_format);
    if (asif == ASIF_NO && says_asif)
        return findings_add(findings, "disk-format-mismatch", SEVERITY_DAMAGE, at_disk(0), fix, err,
                            "the disk is no ASIF file, config.v1's diskFormat is asif");
    return 0;
}

static int check_label(const struct facts *facts, const char *disk_format,
                       struct findings *findings, struct error *err)
{
    char label[16];
    struct error invalid = ERROR_INIT;
    if (image_config_label(facts->image_config->data, facts->image_config->size, label, &invalid) <
        0) {
        if (invalid.class == ERROR_MEMORY) {
            *err = invalid;
            return -1;
        }
        return findings_add(findings, "image-config-invalid", SEVERITY_NOTE, NO_PLACE, FIX_LABEL,
                            err, "the image config is not what Tart writes: %s", invalid.text);
    }
    if (label[0] != '\0' && (disk_format == NULL || strcmp(label, disk_format) == 0))
        return 0;
    if (label[0] == '\0')
        return findings_add(findings, "label-absent", SEVERITY_NOTE, NO_PLACE,
                            "`tartconv normalise` adds it", err,
                            "the image config does not name the disk format (Tart before 2.28)");
    return findings_add(findings, "disk-format-mismatch", SEVERITY_NOTE, NO_PLACE, FIX_LABEL, err,
                        "the image config names disk format %s, config.v1 %s", label, disk_format);
}

int check_config(const struct facts *facts, struct findings *findings, struct error *err)
{
    struct vm_config config;
    bool seen = false;
    if (facts->vm_config != NULL && check_vm_config(facts, &config, &seen, findings, err) < 0)
        return -1;
    if (seen && check_magic(facts, config.disk_format, findings, err) < 0)
        return -1;
    if (facts->image_config == NULL)
        return 0;
    return check_label(facts, seen ? config.disk_format : NULL, findings, err);
}
