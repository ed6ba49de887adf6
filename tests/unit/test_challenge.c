/* test_challenge.c: WWW-Authenticate as the RFC and as registries write it. A row's challenges are
 * told as "scheme:token68{name=value;…} …". */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "convert/net/challenge.h"
#include "formats/model/auto.h"

static char *tell(const struct challenges *challenges)
{
    char *ret = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&ret, &size);
    assert_non_null(out);
    for (size_t i = 0; i < challenges->count; i++) {
        const struct challenge *challenge = &challenges->list[i];
        fprintf(out, "%s%s", i > 0 ? " " : "", challenge->scheme);
        if (challenge->token68 != NULL)
            fprintf(out, ":%s", challenge->token68);
        for (size_t j = 0; j < challenge->parameter_count; j++)
            fprintf(out, "%c%s=%s", j == 0 ? '{' : ';', challenge->parameters[j].name,
                    challenge->parameters[j].value);
        fputs(challenge->parameter_count > 0 ? "}" : "", out);
    }
    fclose(out);
    return ret;
}

static const struct row {
    const char *value, *wanted;
} readable[] = {
    {"", ""},
    {" \t, ,", ""},
    {"Basic", "basic"},
    {"NEGOTIATE", "negotiate"},
    {"Basic realm=\"x\"", "basic{realm=x}"},
    {"bAsIc ReAlM=x", "basic{realm=x}"},
    {"Basic  realm=\"x\" , charset = \"UTF-8\"", "basic{realm=x;charset=UTF-8}"},
    {"Basic\trealm=\"x\"", "basic{realm=x}"},
    {",, Basic realm=\"\" ,,charset=UTF-8,", "basic{realm=;charset=UTF-8}"},
    /* several */
    {"Newauth realm=\"apps\", type=1, title=\"Login to \\\"apps\\\"\", Basic realm=\"simple\"",
     "newauth{realm=apps;type=1;title=Login to \"apps\"} basic{realm=simple}"},
    {"Negotiate, NTLM, Basic realm=\"a, b=c\"", "negotiate ntlm basic{realm=a, b=c}"},
    {"Basic realm=\"x\",Bearer realm=\"y\"", "basic{realm=x} bearer{realm=y}"},
    {"Bearer realm=a Basic realm=b", "bearer{realm=a} basic{realm=b}"},
    /* token68 */
    {"Negotiate oYGdMIGa+/-._~==", "negotiate:oYGdMIGa+/-._~=="},
    {"Negotiate abc= , Basic realm=x", "negotiate:abc= basic{realm=x}"},
    {"Basic realm", "basic:realm"},
    {"Basic realm=", "basic:realm="},
    /* quoted texts */
    {"Bearer realm=\"a\\\\b\\\"c\\d\"", "bearer{realm=a\\b\"cd}"},
    {"Bearer realm=\"a\tb\"", "bearer{realm=a\tb}"},
    {"Bearer realm=\"caf\xc3\xa9\"", "bearer{realm=caf\xc3\xa9}"},
    {"Bearer realm=\"x\",scope=\"repository:a/b:pull,push\"",
     "bearer{realm=x;scope=repository:a/b:pull,push}"},
    /* what the grammar does not allow, and some send */
    {"Bearer realm=\"x\" service=\"y\"", "bearer{realm=x;service=y}"},
    {"Bearer realm=https://h:5/token,service=s", "bearer{realm=https://h:5/token;service=s}"},
    {"Bearer realm=\"x\",service=,scope=z", "bearer{realm=x;service=;scope=z}"},
    {"Bearer realm=\"x\", realm=\"y\"", "bearer{realm=x}"},
    /* registries */
    {"Bearer realm=\"https://ghcr.io/token\",service=\"ghcr.io\","
     "scope=\"repository:cirruslabs/macos:pull\"",
     "bearer{realm=https://ghcr.io/token;service=ghcr.io;scope=repository:cirruslabs/macos:pull}"},
    {"Bearer realm=\"https://auth.docker.io/token\",service=\"registry.docker.io\","
     "scope=\"repository:library/x:pull\",error=\"invalid_token\"",
     "bearer{realm=https://auth.docker.io/token;service=registry.docker.io;"
     "scope=repository:library/x:pull;error=invalid_token}"},
    {"Bearer realm=\"https://gitlab.com/jwt/auth\",service=\"container_registry\","
     "scope=\"repository:g/p:pull,push\",error=\"insufficient_scope\"",
     "bearer{realm=https://gitlab.com/jwt/auth;service=container_registry;"
     "scope=repository:g/p:pull,push;error=insufficient_scope}"},
    {"Basic realm=\"https://1.dkr.ecr.eu-west-1.amazonaws.com/\",service=\"ecr.amazonaws.com\"",
     "basic{realm=https://1.dkr.ecr.eu-west-1.amazonaws.com/;service=ecr.amazonaws.com}"},
    {"Bearer realm=\"https://harbor.x/service/token\",service=\"harbor-registry\"",
     "bearer{realm=https://harbor.x/service/token;service=harbor-registry}"},
    {"Bearer realm=\"https://x.azurecr.io/oauth2/token\",service=\"x.azurecr.io\", "
     "scope=\"repository:a:pull\"",
     "bearer{realm=https://x.azurecr.io/oauth2/token;service=x.azurecr.io;"
     "scope=repository:a:pull}"},
    {"BASIC realm=\"Sonatype Nexus Repository Manager\"",
     "basic{realm=Sonatype Nexus Repository Manager}"},
};

static void test_readable(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof readable / sizeof readable[0]; i++) {
        struct error err = ERROR_INIT;
        AUTO(challenges_done) struct challenges challenges = {0};
        if (challenges_add(&challenges, readable[i].value, &err) < 0)
            fail_msg("%s: %s", readable[i].value, err.text);
        AUTO_FREE char *told = tell(&challenges);
        assert_string_equal(told, readable[i].wanted);
    }
}

static const struct row unreadable[] = {
    {"realm=\"x\"", "byte 0: a parameter without a scheme"},
    {"=x", "byte 0"},
    {"\"Basic\"", "byte 0"},
    {"Basic realm=\"x", "byte 14: a quoted text has no end"},
    {"Basic realm=\"x\\", "no end"},
    {"Basic realm=\"x\\\"", "no end"},
    {"Basic realm=\"x\"y=z", "byte 15: neither a space nor a comma"},
    {"Basic realm=\"x\"\"y\"", "neither a space nor a comma"},
    {"Basic realm=\"a\x01z\"", "a control character"},
    {"Basic realm=\"a\x7fz\"", "a control character"},
    {"Basic realm=\"a\\\nz\"", "a control character"},
    {"Basic\x01", "in no scheme's name"},
    {"Basic/1 x", "in no scheme's name"},
    {"Basic realm=a\x80", "neither a space nor a comma"},
    {"B\xc3\xa9", "in no scheme's name"},
    {"a,b,c,d,e,f,g,h,i", "too many challenges"},
    {"x a=1,b=1,c=1,d=1,e=1,f=1,g=1,h=1,i=1,j=1,k=1,l=1,m=1,n=1,o=1,p=1,q=1",
     "too many parameters"},
};

static void test_unreadable(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof unreadable / sizeof unreadable[0]; i++) {
        struct error err = ERROR_INIT;
        AUTO(challenges_done) struct challenges challenges = {0};
        if (challenges_add(&challenges, unreadable[i].value, &err) == 0)
            fail_msg("%s was read", unreadable[i].value);
        assert_int_equal(err.class, ERROR_REGISTRY);
        if (strstr(err.text, unreadable[i].wanted) == NULL)
            fail_msg("%s: %s", unreadable[i].value, err.text);
    }
}

static void test_long(void **state)
{
    (void)state;
    struct error err = ERROR_INIT;
    AUTO(challenges_done) struct challenges challenges = {0};
    AUTO_FREE char *value = calloc(1, 16386);
    assert_non_null(value);
    memset(value, 'a', 16384);
    assert_int_equal(challenges_add(&challenges, value, &err), 0);
    value[16384] = 'a';
    assert_int_equal(challenges_add(&challenges, value, &err), -1);
    assert_non_null(strstr(err.text, "16385 bytes, limit 16384"));
}

static void test_headers(void **state)
{
    (void)state;
    struct error err = ERROR_INIT;
    AUTO(challenges_done) struct challenges challenges = {0};
    assert_int_equal(challenges_add(&challenges, "Basic realm=\"b\"", &err), 0);
    assert_int_equal(challenges_add(&challenges, "Bearer Realm=\"t\", service=s", &err), 0);
    assert_int_equal(challenges.count, 2);
    assert_null(challenge_find(&challenges, "digest"));
    const struct challenge *bearer = challenge_find(&challenges, "bearer");
    assert_non_null(bearer);
    assert_string_equal(challenge_parameter(bearer, "realm"), "t");
    assert_string_equal(challenge_parameter(bearer, "service"), "s");
    assert_null(challenge_parameter(bearer, "scope"));
    /* a parameter belongs to no scheme of another header */
    assert_int_equal(challenges_add(&challenges, "scope=x", &err), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_readable),
        cmocka_unit_test(test_unreadable),
        cmocka_unit_test(test_long),
        cmocka_unit_test(test_headers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
