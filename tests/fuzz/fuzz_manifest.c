/* fuzz_manifest.c: a manifest that is read is written in Tart's form and reads again the same;
 * nothing that looks at one crashes; and what is made of a readable image is sealed, in order, and
 * accepted by every rule. */
#include "formats/model/auto.h"
#include "formats/model/tart.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void check_print(const struct manifest *manifest)
{
    struct error err = ERROR_INIT;
    AUTO(bytes_done) struct bytes first, second;
    bytes_init(&first, MANIFEST_PRINT_MAX);
    bytes_init(&second, MANIFEST_PRINT_MAX);
    require(manifest_print(manifest, &first, &err) == 0);
    if (first.size > MANIFEST_SIZE_MAX)
        return;
    AUTO(manifest_free_auto) struct manifest *again = NULL;
    require(manifest_parse(first.data, first.size, &again, &err) == 0);
    require(manifest_print(again, &second, &err) == 0);
    require(first.size == second.size && memcmp(first.data, second.data, first.size) == 0);
}

static void check_made(const struct bytes *bytes, const struct tart_parts *parts)
{
    struct error err = ERROR_INIT;
    AUTO(manifest_free_auto) struct manifest *made = NULL;
    AUTO(tart_image_free_auto) struct tart_image *image = NULL;
    enum seal seal = SEAL_ABSENT;
    require(manifest_parse(bytes->data, bytes->size, &made, &err) == 0);
    require(tart_image_read(made, &image, &err) == 0);
    require(image->in_order && image->disk.layer_count == parts->disk->layer_count);
    require(tart_check_places(image, &err) == 0);
    require(tart_seal_check(made, &seal, &err) == 0 && seal == SEAL_VALID);
    if (image->disk.format == DISK_V2)
        require(image->disk.size == parts->disk->size && tart_check_rules(made, &err) == 0);
}

static void check_make(const struct manifest *manifest, const struct tart_image *image)
{
    if (image->config == NULL || image->nvram == NULL || !image->disk.has_size)
        return;
    struct error err = ERROR_INIT;
    const struct tart_parts parts = {.source = manifest,
                                     .image_config = manifest->config.blob,
                                     .vm_config = image->config->blob,
                                     .nvram = image->nvram->blob,
                                     .disk = &image->disk,
                                     .upload_time = image->upload_time};
    AUTO(bytes_done) struct bytes bytes;
    bytes_init(&bytes, MANIFEST_SIZE_MAX);
    if (tart_manifest_make(&parts, &bytes, &err) == 0)
        check_made(&bytes, &parts);
}

static void check_configs(const uint8_t *data, size_t size)
{
    struct error err = ERROR_INIT;
    struct vm_config vm_config;
    char label[16];
    AUTO(bytes_done) struct bytes bytes;
    bytes_init(&bytes, 4 * TART_CONFIG_MAX);
    if (vm_config_parse(data, size, &vm_config, &err) < 0 ||
        image_config_label(data, size, label, &err) < 0)
        return;
    require(image_config_make(data, size, &vm_config, &bytes, &err) == 0);
    if (bytes.size <= TART_CONFIG_MAX)
        require(image_config_label(bytes.data, bytes.size, label, &err) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error err = ERROR_INIT;
    check_configs(data, size);
    AUTO(manifest_free_auto) struct manifest *manifest = NULL;
    if (manifest_parse(data, size, &manifest, &err) < 0)
        return 0;
    check_print(manifest);
    enum seal seal = SEAL_ABSENT;
    require(tart_seal_check(manifest, &seal, &err) == 0);
    bool rules_hold = tart_check_rules(manifest, &err) == 0;
    AUTO(tart_image_free_auto) struct tart_image *image = NULL;
    if (tart_image_read(manifest, &image, &err) < 0)
        return 0;
    require(!rules_hold || image->in_order);
    (void)tart_check_places(image, &err);
    check_make(manifest, image);
    return 0;
}
