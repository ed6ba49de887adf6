/* golden_manifests.h: manifests of several eras, byte for byte in Tart's own encoding, with their
 * digests. The digests within are made up. */
#ifndef TESTS_UNIT_GOLDEN_MANIFESTS_H
#define TESTS_UNIT_GOLDEN_MANIFESTS_H

/* clang-format off */

/* V1 0.11..1.8 */
#define GOLDEN_V1_0_11_DIGEST "sha256:0b9eb5233ae17b4f9363c9369acc85a7dc4bb130fc2d8019bb92294b1ee053c9"
#define GOLDEN_V1_0_11 \
    "{\"annotations\":{\"org.cirruslabs.tart.uncompressed-disk-size\":\"53687091200\"}," \
    "\"config\":{\"digest\":\"sha256:e94c0ba80a1157ffab5b5c6656fffc089c6446c7ed0604f3382910d1ef7dd40d\"," \
    "\"mediaType\":\"application\\/vnd.oci.image.config.v1+json\",\"size\":38}," \
    "\"layers\":[{\"digest\":\"sha256:1111111111111111111111111111111111111111111111111111111111111111\"," \
    "\"mediaType\":\"application\\/vnd.cirruslabs.tart.config.v1\",\"size\":681}," \
    "{\"digest\":\"sha256:2222222222222222222222222222222222222222222222222222222222222222\"," \
    "\"mediaType\":\"application\\/vnd.cirruslabs.tart.disk.v1\",\"size\":500000000}," \
    "{\"digest\":\"sha256:3333333333333333333333333333333333333333333333333333333333333333\"," \
    "\"mediaType\":\"application\\/vnd.cirruslabs.tart.disk.v1\",\"size\":123456789}," \
    "{\"digest\":\"sha256:4444444444444444444444444444444444444444444444444444444444444444\"," \
    "\"mediaType\":\"application\\/vnd.cirruslabs.tart.nvram.v1\",\"size\":33554432}]," \
    "\"mediaType\":\"application\\/vnd.oci.image.manifest.v1+json\",\"schemaVersion\":2}"

/* V1 1.9..1.14 */
#define GOLDEN_V1_1_9_DIGEST "sha256:2b04078401a46c5a6bbf2630e0ee5d46b694495cb48ac2c3e90eb3e2bf9bbded"
#define GOLDEN_V1_1_9 \
    "{\"annotations\":{\"org.cirruslabs.tart.uncompressed-disk-size\":\"53687091200\"," \
    "\"org.cirruslabs.tart.upload-time\":\"2023-07-12T12:34:56Z\"}," \
    "\"config\":{\"digest\":\"sha256:e94c0ba80a1157ffab5b5c6656fffc089c6446c7ed0604f3382910d1ef7dd40d\"," \
    "\"mediaType\":\"application\\/vnd.oci.image.config.v1+json\",\"size\":38}," \
    "\"layers\":[{\"digest\":\"sha256:1111111111111111111111111111111111111111111111111111111111111111\"," \
    "\"mediaType\":\"application\\/vnd.cirruslabs.tart.config.v1\",\"size\":681}," \
    "{\"digest\":\"sha256:2222222222222222222222222222222222222222222222222222222222222222\"," \
    "\"mediaType\":\"application\\/vnd.cirruslabs.tart.disk.v1\",\"size\":500000000}," \
    "{\"digest\":\"sha256:3333333333333333333333333333333333333333333333333333333333333333\"," \
    "\"mediaType\":\"application\\/vnd.cirruslabs.tart.disk.v1\",\"size\":123456789}," \
    "{\"digest\":\"sha256:4444444444444444444444444444444444444444444444444444444444444444\"," \
    "\"mediaType\":\"application\\/vnd.cirruslabs.tart.nvram.v1\",\"size\":33554432}]," \
    "\"mediaType\":\"application\\/vnd.oci.image.manifest.v1+json\",\"schemaVersion\":2}"

/* V1 2.0..2.24 --disk-format=v1 */
#define GOLDEN_V1_2_0_DIGEST "sha256:e40bca1930b76aed08c593b34b48b2412683201912489c6dd1ba2668e26603ec"
#define GOLDEN_V1_2_0 \
    "{\"annotations\":{\"org.cirruslabs.tart.uncompressed-disk-size\":\"53687091200\"," \
    "\"org.cirruslabs.tart.upload-time\":\"2024-01-02T03:04:05Z\"}," \
    "\"config\":{\"digest\":\"sha256:e94c0ba80a1157ffab5b5c6656fffc089c6446c7ed0604f3382910d1ef7dd40d\"," \
    "\"mediaType\":\"application\\/vnd.oci.image.config.v1+json\",\"size\":38},\"layers\":[{\"annotations\":{}," \
    "\"digest\":\"sha256:1111111111111111111111111111111111111111111111111111111111111111\"," \
    "\"mediaType\":\"application\\/vnd.cirruslabs.tart.config.v1\",\"size\":681},{\"annotations\":{}," \
    "\"digest\":\"sha256:2222222222222222222222222222222222222222222222222222222222222222\"," \
    "\"mediaType\":\"application\\/vnd.cirruslabs.tart.disk.v1\",\"size\":500000000},{\"annotations\":{}," \
    "\"digest\":\"sha256:3333333333333333333333333333333333333333333333333333333333333333\"," \
    "\"mediaType\":\"application\\/vnd.cirruslabs.tart.disk.v1\",\"size\":123456789},{\"annotations\":{}," \
    "\"digest\":\"sha256:4444444444444444444444444444444444444444444444444444444444444444\"," \
    "\"mediaType\":\"application\\/vnd.cirruslabs.tart.nvram.v1\",\"size\":33554432}]," \
    "\"mediaType\":\"application\\/vnd.oci.image.manifest.v1+json\",\"schemaVersion\":2}"

/* V2 2.14..2.24 */
#define GOLDEN_V2_2_14_DIGEST "sha256:2f695acd632324ba792eb5f9b798868feb84e99ed7849fd329ac68bfcc5d408d"
#define GOLDEN_V2_2_14 \
    "{\"annotations\":{\"org.cirruslabs.tart.uncompressed-disk-size\":\"1000000000\"," \
    "\"org.cirruslabs.tart.upload-time\":\"2024-09-01T00:00:00Z\"}," \
    "\"config\":{\"digest\":\"sha256:e94c0ba80a1157ffab5b5c6656fffc089c6446c7ed0604f3382910d1ef7dd40d\"," \
    "\"mediaType\":\"application\\/vnd.oci.image.config.v1+json\",\"size\":38},\"layers\":[{\"annotations\":{}," \
    "\"digest\":\"sha256:1111111111111111111111111111111111111111111111111111111111111111\"," \
    "\"mediaType\":\"application\\/vnd.cirruslabs.tart.config.v1\",\"size\":681}," \
    "{\"annotations\":{\"org.cirruslabs.tart.uncompressed-content-digest\":\"sha256:5555555555555555555555555555555555555555555555555555555555555555\"," \
    "\"org.cirruslabs.tart.uncompressed-size\":\"536870912\"}," \
    "\"digest\":\"sha256:2222222222222222222222222222222222222222222222222222222222222222\"," \
    "\"mediaType\":\"application\\/vnd.cirruslabs.tart.disk.v2\",\"size\":301234567}," \
    "{\"annotations\":{\"org.cirruslabs.tart.uncompressed-content-digest\":\"sha256:6666666666666666666666666666666666666666666666666666666666666666\"," \
    "\"org.cirruslabs.tart.uncompressed-size\":\"463129088\"}," \
    "\"digest\":\"sha256:3333333333333333333333333333333333333333333333333333333333333333\"," \
    "\"mediaType\":\"application\\/vnd.cirruslabs.tart.disk.v2\",\"size\":12345},{\"annotations\":{}," \
    "\"digest\":\"sha256:4444444444444444444444444444444444444444444444444444444444444444\"," \
    "\"mediaType\":\"application\\/vnd.cirruslabs.tart.nvram.v1\",\"size\":33554432}]," \
    "\"mediaType\":\"application\\/vnd.oci.image.manifest.v1+json\",\"schemaVersion\":2}"

/* V2 2.28..2.35 raw */
#define GOLDEN_V2_2_28_DIGEST "sha256:73f9f80c155d16e73bc158567f60e6060932bd93e4980195c48b07d4e9b55b35"
#define GOLDEN_V2_2_28 \
    "{\"annotations\":{\"org.cirruslabs.tart.uncompressed-disk-size\":\"1000000000\"," \
    "\"org.cirruslabs.tart.upload-time\":\"2026-03-20T00:00:00Z\"}," \
    "\"config\":{\"digest\":\"sha256:3a6cb4eb6201aa00136781f9d350858ca23054fdda419893193af3e3a044b3a8\"," \
    "\"mediaType\":\"application\\/vnd.oci.image.config.v1+json\",\"size\":100}," \
    "\"layers\":[{\"annotations\":{}," \
    "\"digest\":\"sha256:1111111111111111111111111111111111111111111111111111111111111111\"," \
    "\"mediaType\":\"application\\/vnd.cirruslabs.tart.config.v1\",\"size\":700}," \
    "{\"annotations\":{\"org.cirruslabs.tart.uncompressed-content-digest\":\"sha256:5555555555555555555555555555555555555555555555555555555555555555\"," \
    "\"org.cirruslabs.tart.uncompressed-size\":\"536870912\"}," \
    "\"digest\":\"sha256:2222222222222222222222222222222222222222222222222222222222222222\"," \
    "\"mediaType\":\"application\\/vnd.cirruslabs.tart.disk.v2\",\"size\":301234567}," \
    "{\"annotations\":{\"org.cirruslabs.tart.uncompressed-content-digest\":\"sha256:6666666666666666666666666666666666666666666666666666666666666666\"," \
    "\"org.cirruslabs.tart.uncompressed-size\":\"463129088\"}," \
    "\"digest\":\"sha256:3333333333333333333333333333333333333333333333333333333333333333\"," \
    "\"mediaType\":\"application\\/vnd.cirruslabs.tart.disk.v2\",\"size\":12345},{\"annotations\":{}," \
    "\"digest\":\"sha256:4444444444444444444444444444444444444444444444444444444444444444\"," \
    "\"mediaType\":\"application\\/vnd.cirruslabs.tart.nvram.v1\",\"size\":33554432}]," \
    "\"mediaType\":\"application\\/vnd.oci.image.manifest.v1+json\",\"schemaVersion\":2}"

/* HEAD stacked */
#define GOLDEN_STACKED_DIGEST "sha256:542846355e9234e68a7bd9cfca620238e7e32331da41e64df726efea451777ed"
#define GOLDEN_STACKED \
    "{\"annotations\":{\"org.cirruslabs.tart.disk.block-size\":\"512\"," \
    "\"org.cirruslabs.tart.uncompressed-disk-size\":\"1000000000\"," \
    "\"org.cirruslabs.tart.upload-time\":\"2026-08-18T00:00:00Z\"}," \
    "\"config\":{\"digest\":\"sha256:3a6cb4eb6201aa00136781f9d350858ca23054fdda419893193af3e3a044b3a8\"," \
    "\"mediaType\":\"application\\/vnd.oci.image.config.v1+json\",\"size\":100}," \
    "\"layers\":[{\"annotations\":{}," \
    "\"digest\":\"sha256:1111111111111111111111111111111111111111111111111111111111111111\"," \
    "\"mediaType\":\"application\\/vnd.cirruslabs.tart.config.v1\",\"size\":700}," \
    "{\"annotations\":{\"org.cirruslabs.tart.disk-file-content-digest\":\"sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"," \
    "\"org.cirruslabs.tart.uncompressed-content-digest\":\"sha256:5555555555555555555555555555555555555555555555555555555555555555\"," \
    "\"org.cirruslabs.tart.uncompressed-size\":\"536870912\"}," \
    "\"digest\":\"sha256:2222222222222222222222222222222222222222222222222222222222222222\"," \
    "\"mediaType\":\"application\\/vnd.cirruslabs.tart.disk.v2\",\"size\":301234567}," \
    "{\"annotations\":{\"org.cirruslabs.tart.uncompressed-content-digest\":\"sha256:6666666666666666666666666666666666666666666666666666666666666666\"," \
    "\"org.cirruslabs.tart.uncompressed-size\":\"463129088\"}," \
    "\"digest\":\"sha256:3333333333333333333333333333333333333333333333333333333333333333\"," \
    "\"mediaType\":\"application\\/vnd.cirruslabs.tart.disk.v2\",\"size\":12345}," \
    "{\"annotations\":{\"org.cirruslabs.tart.disk-file-chunk-count\":\"2\"," \
    "\"org.cirruslabs.tart.disk-file-content-digest\":\"sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\"," \
    "\"org.cirruslabs.tart.uncompressed-content-digest\":\"sha256:8888888888888888888888888888888888888888888888888888888888888888\"," \
    "\"org.cirruslabs.tart.uncompressed-size\":\"536870912\"}," \
    "\"digest\":\"sha256:7777777777777777777777777777777777777777777777777777777777777777\"," \
    "\"mediaType\":\"application\\/vnd.cirruslabs.tart.disk.asif.overlay.v1\",\"size\":2222222}," \
    "{\"annotations\":{\"org.cirruslabs.tart.uncompressed-content-digest\":\"sha256:cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc\"," \
    "\"org.cirruslabs.tart.uncompressed-size\":\"1048576\"}," \
    "\"digest\":\"sha256:9999999999999999999999999999999999999999999999999999999999999999\"," \
    "\"mediaType\":\"application\\/vnd.cirruslabs.tart.disk.asif.overlay.v1\",\"size\":1111}," \
    "{\"annotations\":{}," \
    "\"digest\":\"sha256:4444444444444444444444444444444444444444444444444444444444444444\"," \
    "\"mediaType\":\"application\\/vnd.cirruslabs.tart.nvram.v1\",\"size\":33554432}]," \
    "\"mediaType\":\"application\\/vnd.oci.image.manifest.v1+json\",\"schemaVersion\":2}"

/* clang-format on */

#endif
