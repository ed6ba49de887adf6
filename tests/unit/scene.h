/* scene.h: images and what was seen of them, made from text, for the tests of formats/checks. */
#ifndef TESTS_UNIT_SCENE_H
#define TESTS_UNIT_SCENE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "formats/checks/checks.h"
#include "tests/unit/make_gpt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- manifests as text --- */

#define DIGEST_1 "sha256:1111111111111111111111111111111111111111111111111111111111111111"
#define DIGEST_2 "sha256:2222222222222222222222222222222222222222222222222222222222222222"

#define LAYER(type, size, annotations)                                                             \
    "{\"mediaType\":\"" type "\",\"size\":" #size ",\"digest\":\"" DIGEST_1 "\"" annotations "}"
#define NOTES(members)    ",\"annotations\":{" members "}"
#define NOTE(name, value) "\"" name "\":\"" value "\""

#define CONFIG        LAYER(TART_TYPE_CONFIG, 681, )
#define NVRAM         LAYER(TART_TYPE_NVRAM, 33554432, )
#define FOREIGN       LAYER("application/spdx+json", 5, )
#define V1(size)      LAYER(TART_TYPE_DISK_V1, size, )
#define CONTENT       NOTE(TART_CONTENT_DIGEST, DIGEST_2)
#define V2_WITH(more) LAYER(TART_TYPE_DISK_V2, 1000, NOTES(CONTENT "," more))
#define V2(length)    V2_WITH(NOTE(TART_CONTENT_SIZE, #length))
#define OVERLAY                                                                                    \
    LAYER(TART_TYPE_OVERLAY, 7,                                                                    \
          NOTES(CONTENT "," NOTE(TART_CONTENT_SIZE, "1048576") "," NOTE(                           \
              TART_FILE_DIGEST, DIGEST_1) "," NOTE(TART_CHUNK_COUNT, "1")))

#define MANIFEST_OF(type, config_type, annotations, layers)                                        \
    "{\"schemaVersion\":2," type "\"config\":{\"mediaType\":\"" config_type                        \
    "\",\"size\":38,\"digest\":\"" DIGEST_2 "\"},\"layers\":[" layers "]" annotations "}"
#define MANIFEST(annotations, layers)                                                              \
    MANIFEST_OF("\"mediaType\":\"" MEDIA_TYPE_OCI_MANIFEST "\",", MEDIA_TYPE_OCI_CONFIG,           \
                annotations, layers)
#define SIZED(size, layers) MANIFEST(NOTES(NOTE(TART_DISK_SIZE, #size)), layers)
#define GOOD_V2             SIZED(1000000000, CONFIG "," V2(536870912) "," V2(463129088) "," NVRAM)

#define VM_NUMBERS                                                                                 \
    "\"version\":1,\"cpuCountMin\":4,\"cpuCount\":4,\"memorySizeMin\":4294967296,"                 \
    "\"memorySize\":8589934592,\"macAddress\":\"7a:65:e4:3f:b2:80\""
#define VM_DARWIN "{" VM_NUMBERS ",\"ecid\":\"YnBsaXN0MDA=\",\"hardwareModel\":\"YnBsaXN0\\/Ab+\"}"
#define VM_LINUX                                                                                   \
    "{" VM_NUMBERS ",\"os\":\"linux\",\"arch\":\"arm64\",\"diskFormat\":\"raw\","                  \
    "\"display\":{\"width\":1024,\"height\":768}}"
#define VM_ASIF "{" VM_NUMBERS ",\"os\":\"linux\",\"arch\":\"arm64\",\"diskFormat\":\"asif\"}"
#define LABELLED(format)                                                                           \
    "{\"architecture\":\"arm64\",\"config\":{\"Labels\":{\"" TART_LABEL_FORMAT "\":\"" format      \
    "\"}},\"os\":\"darwin\"}"
#define UNLABELLED "{\"architecture\":\"arm64\",\"os\":\"darwin\"}"

/* --- facts --- */

struct scene {
    struct facts facts;
    struct manifest *manifest;
    struct tart_image *image;
    struct bytes vm_config, image_config;
    struct ends ends;
    struct findings findings;
};

static inline struct bytes bytes_of(const char *text)
{
    struct bytes bytes;
    struct error err;
    bytes_init(&bytes, 1u << 20);
    assert_int_equal(bytes_append_text(&bytes, text, &err), 0);
    return bytes;
}

/* An image whose configs are good and whose blobs and disk nobody looked at. NULL: a bare disk. */
static inline struct scene *scene_open(const char *manifest)
{
    struct scene *scene = calloc(1, sizeof *scene);
    assert_non_null(scene);
    struct error err;
    if (manifest != NULL) {
        if (manifest_parse(manifest, strlen(manifest), &scene->manifest, &err) < 0)
            fail_msg("%s", err.text);
        scene->facts.manifest = scene->manifest;
        if (tart_image_read(scene->manifest, &scene->image, &scene->facts.image_error) == 0)
            scene->facts.image = scene->image;
    }
    scene->vm_config = bytes_of(VM_DARWIN);
    scene->image_config = bytes_of(LABELLED("raw"));
    scene->facts.vm_config = &scene->vm_config;
    scene->facts.image_config = &scene->image_config;
    return scene;
}

static inline void scene_configs(struct scene *scene, const char *vm_config,
                                 const char *image_config)
{
    bytes_done(&scene->vm_config);
    bytes_done(&scene->image_config);
    scene->vm_config = bytes_of(vm_config);
    scene->image_config = bytes_of(image_config);
}

static inline void scene_disk(struct scene *scene, uint64_t size)
{
    scene->facts.disk_read = true;
    scene->facts.disk_size = size;
    scene->facts.head = scene->ends.head;
    scene->facts.head_size = GPT_HEAD_SIZE;
    scene->facts.tail = scene->ends.tail;
    scene->facts.tail_size = GPT_TAIL_SIZE;
}

static inline void scene_close(struct scene *scene)
{
    findings_done(&scene->findings);
    bytes_done(&scene->vm_config);
    bytes_done(&scene->image_config);
    tart_image_free(scene->image);
    manifest_free(scene->manifest);
    free(scene);
}

/* Runs all checks; expected: "severity:id" of each finding, in order, separated by blanks. */
static inline void expect(struct scene *scene, const char *expected)
{
    struct error err;
    char found[2000] = "";
    findings_done(&scene->findings);
    assert_int_equal(checks_run(&scene->facts, &scene->findings, &err), 0);
    for (size_t i = 0; i < scene->findings.count; i++) {
        const struct finding *item = &scene->findings.items[i];
        size_t used = strlen(found);
        snprintf(found + used, sizeof found - used, "%s%s:%s", used == 0 ? "" : " ",
                 severity_name(item->severity), item->id);
        assert_true(item->text[0] != '\0');
    }
    assert_string_equal(found, expected);
}

static inline void expect_of(const char *manifest, const char *expected)
{
    struct scene *scene = scene_open(manifest);
    expect(scene, expected);
    scene_close(scene);
}

static const struct finding *finding_named(const struct scene *scene, const char *id)
{
    for (size_t i = 0; i < scene->findings.count; i++)
        if (strcmp(scene->findings.items[i].id, id) == 0)
            return &scene->findings.items[i];
    fail_msg("no finding %s", id);
    return NULL;
}

static inline void expect_place(const struct scene *scene, const char *id, int64_t layer,
                                int64_t offset, int64_t disk_offset)
{
    const struct finding *item = finding_named(scene, id);
    assert_int_equal(item->where.layer, layer);
    assert_int_equal(item->where.offset, offset);
    assert_int_equal(item->where.disk_offset, disk_offset);
}

static inline void expect_text(const struct scene *scene, const char *id, const char *text)
{
    const struct finding *item = finding_named(scene, id);
    if (strstr(item->text, text) == NULL)
        fail_msg("%s says \"%s\"", id, item->text);
}

static inline void expect_pull(const struct scene *scene, const char *first, const char *last,
                               const char *reason)
{
    struct pullability pull;
    checks_pullability(&scene->facts, &scene->findings, &pull);
    assert_string_equal(pull.first, first);
    assert_string_equal(pull.last, last);
    if (reason[0] == '\0' ? pull.reason[0] != '\0' : strstr(pull.reason, reason) == NULL)
        fail_msg("reason is \"%s\"", pull.reason);
}

#endif
