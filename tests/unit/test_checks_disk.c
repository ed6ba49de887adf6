/* test_checks_disk.c: the checks of the VM configuration, the partition table and the name. */
#include "tests/unit/scene.h"

/* --- config --- */

static void test_vm_config(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",
        "[]",
        "{}",
        "{" VM_NUMBERS "}",
        "{" VM_NUMBERS ",\"os\":\"linux\"",
        "{" VM_NUMBERS ",\"os\":\"plan9\"}",
        "{" VM_NUMBERS ",\"os\":7}",
        "{" VM_NUMBERS ",\"os\":\"linux\",\"arch\":\"riscv64\"}",
        "{" VM_NUMBERS ",\"ecid\":\"YnBs\"}",
        "{" VM_NUMBERS ",\"ecid\":\"YnB\",\"hardwareModel\":\"YnBs\"}",
        "{" VM_NUMBERS ",\"ecid\":\"Yn=s\",\"hardwareModel\":\"YnBs\"}",
        "{" VM_NUMBERS ",\"ecid\":\"YnBs\",\"hardwareModel\":\"\"}",
        "{\"version\":1,\"os\":\"linux\",\"cpuCountMin\":4,\"memorySizeMin\":1,\"memorySize\":1,"
        "\"macAddress\":\"7a:65:e4:3f:b2:80\"}",
        "{\"version\":1,\"os\":\"linux\",\"cpuCountMin\":4,\"cpuCount\":4,\"memorySizeMin\":1,"
        "\"memorySize\":1,\"macAddress\":\"7a:65:e4:3f:b2:8\"}",
        "{\"version\":1,\"os\":\"linux\",\"cpuCountMin\":4,\"cpuCount\":4,\"memorySizeMin\":1,"
        "\"memorySize\":1,\"macAddress\":\"7a-65-e4-3f-b2-80\"}",
    };
    struct scene *scene = scene_open(GOOD_V2);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        scene_configs(scene, wrong[i], LABELLED("raw"));
        expect(scene, "damage:config-invalid");
        expect_place(scene, "config-invalid", 0, -1, -1);
    }
    scene_configs(scene, VM_LINUX, LABELLED("raw"));
    expect(scene, "");
    scene_close(scene);
}

static void test_disk_format_mismatch(void **state)
{
    (void)state;
    struct scene *scene = scene_open(GOOD_V2);
    scene_configs(scene, VM_DARWIN, LABELLED("asif"));
    expect(scene, "note:disk-format-mismatch");
    expect_place(scene, "disk-format-mismatch", -1, -1, -1);

    scene_configs(scene, VM_ASIF, LABELLED("asif"));
    scene_disk(scene, 1000000000);
    expect(scene, "damage:disk-format-mismatch note:gpt-absent");
    expect_place(scene, "disk-format-mismatch", -1, -1, 0);
    expect_pull(scene, "2.28", "", "");

    scene_configs(scene, VM_DARWIN, LABELLED("raw"));
    memcpy(scene->ends.head, "shdw\0\0\0\1\0\0\2\0", 12);
    expect(scene, "damage:disk-format-mismatch");
    scene->ends.head[7] = 2; /* four bytes alone prove nothing */
    expect(scene, "");
    scene_close(scene);
}

static void test_image_config(void **state)
{
    (void)state;
    struct scene *scene = scene_open(GOOD_V2);
    scene_configs(scene, VM_DARWIN, "no JSON");
    expect(scene, "note:image-config-invalid");
    scene->facts.image_config = NULL;
    scene->facts.vm_config = NULL;
    expect(scene, "");
    scene_close(scene);
}

/* --- gpt, names, all --- */

#define DISK_SIZE 1000000000u

static void test_gpt_findings(void **state)
{
    (void)state;
    struct scene *scene = scene_open(GOOD_V2);
    disk_make(&scene->ends, 512, DISK_SIZE);
    scene_disk(scene, DISK_SIZE);
    expect(scene, "");

    scene->ends.head[512 + 70] ^= 1;
    expect(scene, "damage:gpt-primary");
    expect_place(scene, "gpt-primary", -1, -1, 512);
    expect_pull(scene, "2.0", "", "");

    memset(scene->ends.head, 0, sizeof scene->ends.head);
    expect(scene, "damage:gpt-primary");
    scene->ends.head[510] = 0x55;
    scene->ends.head[511] = 0xAA;
    expect(scene, "note:gpt-stale");
    scene->ends.tail[GPT_TAIL_SIZE - 512 + 70] ^= 1;
    expect(scene, "note:gpt-stale");

    disk_make(&scene->ends, 512, DISK_SIZE);
    memset(scene->ends.tail, 0, sizeof scene->ends.tail);
    expect(scene, "damage:gpt-backup");
    expect_place(scene, "gpt-backup", -1, -1, DISK_SIZE - 512);
    expect_pull(scene, "2.0", "", "");

    memset(scene->ends.head, 0, sizeof scene->ends.head);
    expect(scene, "note:gpt-absent");
    /* the table is there, at the start of another layer */
    scene->facts.table_layer = 4;
    scene->facts.table_offset = 1u << 20;
    expect(scene, "damage:gpt-primary");
    expect_place(scene, "gpt-primary", 4, -1, 1u << 20);
    scene_close(scene);
}

static void test_gpt_of_another_size(void **state)
{
    (void)state;
    struct scene *scene = scene_open(GOOD_V2);
    disk_make(&scene->ends, 512, DISK_SIZE - (100u << 20));
    memset(scene->ends.tail, 0, sizeof scene->ends.tail);
    scene_disk(scene, DISK_SIZE);
    expect(scene, "note:gpt-grown");
    expect_place(scene, "gpt-grown", -1, -1, DISK_SIZE - (100u << 20));

    disk_make(&scene->ends, 512, DISK_SIZE + (100u << 20));
    memset(scene->ends.tail, 0, sizeof scene->ends.tail);
    expect(scene, "damage:gpt-short");
    expect_place(scene, "gpt-short", -1, -1, DISK_SIZE);
    expect_pull(scene, "2.0", "", "");

    /* no whole number of sectors: not grown */
    disk_make(&scene->ends, 4096, DISK_SIZE);
    assert_int_not_equal(DISK_SIZE % 4096, 0);
    expect(scene, "");
    scene_close(scene);
}

/* Only a layer's start was read: the disk's size comes from the manifest, and the backup stays
 * unseen. */
static void test_gpt_of_a_head_alone(void **state)
{
    (void)state;
    struct scene *scene = scene_open(SIZED(1000000000, CONFIG "," V1(77) "," NVRAM));
    disk_make(&scene->ends, 512, DISK_SIZE);
    scene->facts.head = scene->ends.head;
    scene->facts.head_size = 4096;
    expect(scene, "obstacle:disk-v1");
    scene->facts.head_size = GPT_HEAD_SIZE;
    expect(scene, "obstacle:disk-v1");
    scene->ends.head[512 + 40] ^= 1;
    expect(scene, "obstacle:disk-v1 damage:gpt-primary");
    scene_close(scene);
}

static void test_names(void **state)
{
    (void)state;
    static const char *const good[] = {"ghcr.io/cirruslabs/macos-sonoma-base:latest",
                                       "localhost:5000/a/b_c.d:v1.2.3-x_y",
                                       "127.0.0.1:5000/vm",
                                       "HOST/Repo-:Tag",
                                       "h/a-",
                                       "h:5000/a-",
                                       ("h/r@" DIGEST_1)};
    static const char *const bad[] = {"h/a__b:t", "h/a:t__u", "h/a--b", "h/a..b", "h/.a", "h/a:-t",
                                      "h/a:t-",   "h//a",     "h/a:",   "h/",     "",     "h/a b"};
    struct scene *scene = scene_open(GOOD_V2);
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        scene->facts.repository_name = good[i];
        expect(scene, "");
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        scene->facts.repository_name = bad[i];
        expect(scene, "note:name-untypable");
        expect_place(scene, "name-untypable", -1, -1, -1);
    }
    scene_close(scene);
}

static void test_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < check_count; i++)
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(checks[i].name, checks[k].name);
    struct facts nothing = {.manifest = NULL};
    struct findings findings = {.items = NULL};
    struct error err;
    assert_int_equal(checks_run(&nothing, &findings, &err), 0);
    assert_int_equal(findings.count, 0);
    findings_done(&findings);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vm_config),
        cmocka_unit_test(test_disk_format_mismatch),
        cmocka_unit_test(test_image_config),
        cmocka_unit_test(test_gpt_findings),
        cmocka_unit_test(test_gpt_of_another_size),
        cmocka_unit_test(test_gpt_of_a_head_alone),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
