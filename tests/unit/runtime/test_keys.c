/* The files of keys: what is written is read, what is broken is refused with the file's name and loses
 * nothing. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

#include "runtime/keys.h"
#include "tests/support/support.h"

static struct pl_err err;
static struct pl_key_pair client, server;

static int add(const char *name, const char *tenant, uint32_t roles)
{
    struct pl_key k = {.roles = roles, .created = "2001-02-03T04:05:06Z"};
    snprintf(k.name, sizeof k.name, "%s", name);
    snprintf(k.tenant, sizeof k.tenant, "%s", tenant);
    memset(&err, 0, sizeof err);
    return pl_keys_add(pl_test_dir(), &k, &client, &server, &err);
}

static const char *table_path(void)
{
    static char path[4200];
    snprintf(path, sizeof path, "%s/keys/clients.json", pl_test_dir());
    return path;
}

static struct pl_keys *open_table(void)
{
    struct pl_keys *k = NULL;
    memset(&err, 0, sizeof err);
    ck_assert_msg(pl_keys_open(pl_test_dir(), &k, &err) == 0, "%s", err.text);
    return k;
}

/* Writes the table as TEXT, as somebody with an editor would. */
static void write_table(const char *text)
{
    FILE *f = fopen(table_path(), "w");
    ck_assert_ptr_nonnull(f);
    fputs(text, f);
    fclose(f);
    ck_assert_int_eq(chmod(table_path(), 0600), 0);
}

static uint32_t mode_of(const char *relative)
{
    char path[4200];
    struct stat st;
    snprintf(path, sizeof path, "%s/%s", pl_test_dir(), relative);
    ck_assert_int_eq(stat(path, &st), 0);
    return st.st_mode & 0777;
}

START_TEST(a_key_is_found_by_name_and_public_part)
{
    ck_assert_int_eq(add("till", "acme", PL_ROLE_PRODUCER | PL_ROLE_AUDITOR), 0);
    struct pl_keys *k = open_table();
    ck_assert_uint_eq(pl_keys_count(k), 1);
    const struct pl_key *key = pl_keys_named(k, "till");
    ck_assert_ptr_nonnull(key);
    ck_assert_ptr_eq(pl_keys_known(k, client.public_key), key);
    ck_assert_str_eq(key->tenant, "acme");
    ck_assert_uint_eq(key->roles, PL_ROLE_PRODUCER | PL_ROLE_AUDITOR);
    ck_assert_str_eq(key->created, "2001-02-03T04:05:06Z");
    ck_assert_ptr_null(pl_keys_known(k, server.public_key));
    ck_assert_ptr_null(pl_keys_named(k, "til"));
    pl_keys_close(&k);
}
END_TEST

START_TEST(files_are_for_their_user_alone)
{
    ck_assert_int_eq(add("till", "acme", PL_ROLE_PRODUCER), 0);
    ck_assert_uint_eq(mode_of("keys"), 0700);
    ck_assert_uint_eq(mode_of("keys/clients.json"), 0600);
    ck_assert_uint_eq(mode_of("keys/server.key"), 0600);
    ck_assert_int_eq(chmod(table_path(), 0644), 0);
    struct pl_keys *k = NULL;
    ck_assert_int_eq(pl_keys_open(pl_test_dir(), &k, &err), -PL_E_FORBIDDEN);
    ck_assert_ptr_nonnull(strstr(err.text, "clients.json"));
}
END_TEST

START_TEST(the_secret_is_kept_nowhere)
{
    size_t len = 0;
    ck_assert_int_eq(add("till", "acme", PL_ROLE_PRODUCER), 0);
    char *text = pl_test_read(table_path(), &len);
    ck_assert_ptr_nonnull(strstr(text, client.public_key));
    ck_assert_ptr_null(strstr(text, client.secret_key));
    free(text);
    char derived[PL_KEY_TEXT];
    ck_assert_int_eq(zmq_curve_public(derived, client.secret_key), 0);
    ck_assert_str_eq(derived, client.public_key);
}
END_TEST

START_TEST(the_services_pair_stays_the_same)
{
    struct pl_key_pair first, again;
    ck_assert_int_eq(pl_keys_server(pl_test_dir(), &first, &err), -PL_E_NOT_FOUND);
    ck_assert_int_eq(add("a", "acme", PL_ROLE_PRODUCER), 0);
    first = server;
    ck_assert_int_eq(add("b", "acme", PL_ROLE_PRODUCER), 0);
    ck_assert_str_eq(server.public_key, first.public_key);
    ck_assert_int_eq(pl_keys_server(pl_test_dir(), &again, &err), 0);
    ck_assert_str_eq(again.public_key, first.public_key);
    ck_assert_str_eq(again.secret_key, first.secret_key);
}
END_TEST

START_TEST(a_name_is_used_once)
{
    ck_assert_int_eq(add("till", "acme", PL_ROLE_PRODUCER), 0);
    ck_assert_int_eq(add("till", "other", PL_ROLE_PRODUCER), -PL_E_CONFLICT);
    ck_assert_str_eq(err.field, "name");
    ck_assert_int_eq(pl_keys_revoke(pl_test_dir(), "till", "2002-01-01T00:00:00Z", &err), 0);
    ck_assert_int_eq(add("till", "acme", PL_ROLE_PRODUCER), -PL_E_CONFLICT);
}
END_TEST

START_TEST(a_revoked_key_is_not_known_but_stays_in_the_table)
{
    ck_assert_int_eq(add("till", "acme", PL_ROLE_PRODUCER), 0);
    ck_assert_int_eq(pl_keys_revoke(pl_test_dir(), "till", "2002-01-01T00:00:00Z", &err), 0);
    struct pl_keys *k = open_table();
    ck_assert_ptr_null(pl_keys_known(k, client.public_key));
    ck_assert_str_eq(pl_keys_named(k, "till")->revoked, "2002-01-01T00:00:00Z");
    ck_assert_uint_eq(pl_keys_live(k), 0);
    pl_keys_close(&k);
    ck_assert_int_eq(pl_keys_revoke(pl_test_dir(), "till", "2003-01-01T00:00:00Z", &err), -PL_E_CONFLICT);
    ck_assert_int_eq(pl_keys_revoke(pl_test_dir(), "tell", "2003-01-01T00:00:00Z", &err), -PL_E_NOT_FOUND);
}
END_TEST

START_TEST(bad_names_and_roles_are_refused_by_field)
{
    ck_assert_int_eq(add("", "acme", PL_ROLE_PRODUCER), -PL_E_INVALID);
    ck_assert_str_eq(err.field, "name");
    ck_assert_int_eq(add("../x", "acme", PL_ROLE_PRODUCER), -PL_E_INVALID);
    ck_assert_int_eq(add("till", "ac me", PL_ROLE_PRODUCER), -PL_E_INVALID);
    ck_assert_str_eq(err.field, "tenant");
    ck_assert_int_eq(add("till", "acme", 0), -PL_E_INVALID);
    ck_assert_str_eq(err.field, "role");
    ck_assert_uint_eq(pl_roles_parse("producer,operator"), PL_ROLE_PRODUCER | PL_ROLE_OPERATOR);
    ck_assert_uint_eq(pl_roles_parse("producer,"), 0);
    ck_assert_uint_eq(pl_roles_parse("producers"), 0);
    ck_assert_uint_eq(pl_roles_parse(""), 0);
    char text[64];
    pl_roles_print(PL_ROLES_ALL, text, sizeof text);
    ck_assert_str_eq(text, "producer,tool,operator,auditor");
}
END_TEST

START_TEST(a_changed_file_is_taken_and_a_broken_one_is_not)
{
    ck_assert_int_eq(add("till", "acme", PL_ROLE_PRODUCER), 0);
    struct pl_keys *k = open_table();
    ck_assert_int_eq(pl_keys_refresh(k, &err), 0);
    char *good = pl_test_read(table_path(), NULL);
    write_table("{\"version\":1,\"keys\":[{\"name\":\"x\"}]}");
    ck_assert_int_eq(pl_keys_refresh(k, &err), -PL_E_INVALID);
    ck_assert_ptr_nonnull(strstr(err.text, "keys[0].public"));
    ck_assert_int_eq(pl_keys_refresh(k, &err), 0); /* said once */
    ck_assert_ptr_nonnull(pl_keys_known(k, client.public_key));
    write_table(good);
    ck_assert_int_eq(pl_keys_refresh(k, &err), 1);
    free(good);
    ck_assert_int_eq(add("tell", "acme", PL_ROLE_PRODUCER), 0);
    ck_assert_int_eq(pl_keys_refresh(k, &err), 1);
    ck_assert_uint_eq(pl_keys_count(k), 2);
    ck_assert_int_eq(unlink(table_path()), 0);
    ck_assert_int_eq(pl_keys_refresh(k, &err), 1);
    ck_assert_uint_eq(pl_keys_count(k), 0);
    pl_keys_close(&k);
}
END_TEST

START_TEST(broken_tables_are_refused_by_name)
{
    static const char *const texts[] = {"",
                                        "{",
                                        "[]",
                                        "{\"version\":2,\"keys\":[]}",
                                        "{\"version\":1}",
                                        "{\"version\":1,\"keys\":[7]}",
                                        ("{\"version\":1,\"keys\":[{\"name\":\"a\",\"public\":\"short\","
                                         "\"tenant\":\"t\",\"roles\":[\"tool\"],"
                                         "\"created\":\"x\"}]}")};
    ck_assert_int_eq(add("till", "acme", PL_ROLE_PRODUCER), 0);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct pl_keys *k = NULL;
        write_table(texts[i]);
        ck_assert_int_eq(pl_keys_open(pl_test_dir(), &k, &err), -PL_E_INVALID);
        ck_assert_ptr_nonnull(strstr(err.text, "clients.json"));
        ck_assert_int_eq(add("more", "acme", PL_ROLE_PRODUCER),
                         -PL_E_INVALID); /* and nothing is overwritten */
    }
}
END_TEST

START_TEST(a_key_that_stands_twice_is_refused)
{
    ck_assert_int_eq(add("till", "acme", PL_ROLE_PRODUCER), 0);
    char text[2000], *one = pl_test_read(table_path(), NULL);
    char *from = strchr(strchr(one, '['), '{'), *to = strrchr(one, ']');
    char *roles_end = strstr(from, "\n  }");
    if (!roles_end) roles_end = to - 1;
    int n = (int)(to - from);
    snprintf(text, sizeof text, "{\"version\":1,\"keys\":[%.*s,%.*s]}", n, from, n, from);
    write_table(text);
    struct pl_keys *k = NULL;
    ck_assert_int_eq(pl_keys_open(pl_test_dir(), &k, &err), -PL_E_INVALID);
    ck_assert_ptr_nonnull(strstr(err.text, "twice"));
    free(one);
}
END_TEST

START_TEST(a_clients_file_is_never_overwritten)
{
    char path[4200];
    snprintf(path, sizeof path, "%s/till.json", pl_test_dir());
    ck_assert_int_eq(add("till", "acme", PL_ROLE_PRODUCER), 0);
    ck_assert_int_eq(
        pl_keys_write_client(path, "till", &client, server.public_key, "tcp://127.0.0.1:1", &err), 0);
    char *text = pl_test_read(path, NULL);
    ck_assert_ptr_nonnull(strstr(text, client.secret_key));
    ck_assert_ptr_nonnull(strstr(text, server.public_key));
    free(text);
    ck_assert_uint_eq(mode_of("till.json"), 0600);
    ck_assert_int_eq(pl_keys_write_client(path, "till", &client, server.public_key, NULL, &err),
                     -PL_E_CONFLICT);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("keys");
    TCase *t = tcase_create("files");
    PL_TEST(t, a_key_is_found_by_name_and_public_part);
    PL_TEST(t, files_are_for_their_user_alone);
    PL_TEST(t, the_secret_is_kept_nowhere);
    PL_TEST(t, the_services_pair_stays_the_same);
    PL_TEST(t, a_name_is_used_once);
    PL_TEST(t, a_revoked_key_is_not_known_but_stays_in_the_table);
    PL_TEST(t, bad_names_and_roles_are_refused_by_field);
    PL_TEST(t, a_changed_file_is_taken_and_a_broken_one_is_not);
    PL_TEST(t, broken_tables_are_refused_by_name);
    PL_TEST(t, a_key_that_stands_twice_is_refused);
    PL_TEST(t, a_clients_file_is_never_overwritten);
    suite_add_tcase(s, t);
    return s;
}
PL_TESTS(suite)
