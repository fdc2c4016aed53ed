/* endpoint.c - addresses, and what has to be true of them before we bind. */
#include "runtime/endpoint.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "runtime/dir.h"

static int parse_port(const char *text, uint16_t *out, struct pl_err *err)
{
    *out = 0;
    if (strcmp(text, "*") == 0) return 0;
    size_t n = strspn(text, "0123456789");
    unsigned long v = n ? strtoul(text, NULL, 10) : 65536;
    if (text[n] != 0 || n > 5 || v > 65535)
        return pl_fail(err, PL_E_INVALID, "endpoint", "`%.32s` is not a port of 0 to 65535", text);
    *out = (uint16_t)v;
    return 0;
}

/* Whether the host is an address; fills in what kind. */
static bool is_address(struct pl__endpoint *e)
{
    struct in_addr v4;
    struct in6_addr v6;
    if (strcmp(e->host, "localhost") == 0) strcpy(e->host, "127.0.0.1");
    if (strcmp(e->host, "*") == 0) strcpy(e->host, "0.0.0.0");
    if (inet_pton(AF_INET, e->host, &v4) == 1) {
        e->local = ntohl(v4.s_addr) >> 24 == 127;
        return true;
    }
    e->ipv6 = inet_pton(AF_INET6, e->host, &v6) == 1;
    e->local = e->ipv6 && memcmp(&v6, &in6addr_loopback, sizeof v6) == 0;
    return e->ipv6;
}

static void name_tcp(struct pl__endpoint *e)
{
    char port[8] = "*";
    if (e->port) snprintf(port, sizeof port, "%u", e->port);
    snprintf(e->text, sizeof e->text, e->ipv6 ? "tcp://[%s]:%s" : "tcp://%s:%s", e->host, port);
}

static int parse_tcp(const char *host_port, bool keys, struct pl__endpoint *out, struct pl_err *err)
{
    struct pl__endpoint e = {.transport = PL__TCP};
    const char *colon = strrchr(host_port, ':');
    size_t n = colon ? (size_t)(colon - host_port) : 0;
    bool brackets = n >= 2 && host_port[0] == '[' && host_port[n - 1] == ']';
    if (n == 0 || n >= sizeof e.host)
        return pl_fail(err, PL_E_INVALID, "endpoint", "`%.80s` is not HOST:PORT", host_port);
    snprintf(e.host, sizeof e.host, "%.*s", (int)(n - 2 * brackets), host_port + brackets);
    int rc = parse_port(colon + 1, &e.port, err);
    if (rc) return rc;
    bool address = is_address(&e);
    if (keys && !address)
        return pl_fail(err, PL_E_INVALID, "endpoint",
                       "`%s` is no numeric address: 0.0.0.0 and [::] are all of this machine's", e.host);
    if (!keys && !e.local)
        return pl_fail(
            err, PL_E_FORBIDDEN, "endpoint",
            "%s is not loopback: without keys only 127.0.0.0/8, [::1], localhost and ipc are allowed, "
            "because anybody who reaches another address could use it",
            e.host);
    name_tcp(&e);
    *out = e;
    return 0;
}

int pl__endpoint_parse_tcp(const char *host_port, struct pl__endpoint *out, struct pl_err *err)
{
    return parse_tcp(host_port, false, out, err);
}

static int parse_ipc(const char *path, struct pl__endpoint *out, struct pl_err *err)
{
    struct pl__endpoint e = {.transport = PL__IPC, .local = true};
    size_t n = strlen(path);
    if (n == 0 || n >= sizeof e.path)
        return pl_fail(err, PL_E_INVALID, "endpoint",
                       "the path of an ipc endpoint has 1 to %zu bytes; this has %zu", sizeof e.path - 1, n);
    if (*path == '@' || *path == '*' || path[n - 1] == '/')
        return pl_fail(err, PL_E_INVALID, "endpoint",
                       "an ipc endpoint has to be the path of a file, not `%s`", path);
    memcpy(e.path, path, n + 1);
    snprintf(e.text, sizeof e.text, "ipc://%s", path);
    *out = e;
    return 0;
}

static int parse_inproc(const char *text, struct pl__endpoint *out, struct pl_err *err)
{
    struct pl__endpoint e = {.transport = PL__INPROC, .local = true};
    int n = snprintf(e.text, sizeof e.text, "%s", text);
    if (n <= 9 || (size_t)n >= sizeof e.text)
        return pl_fail(err, PL_E_INVALID, "endpoint", "the name of an inproc endpoint has 1 to 246 bytes");
    *out = e;
    return 0;
}

static int parse(const char *text, bool keys, struct pl__endpoint *out, struct pl_err *err)
{
    if (strncmp(text, "inproc://", 9) == 0) return parse_inproc(text, out, err);
    if (strncmp(text, "ipc://", 6) == 0) return parse_ipc(text + 6, out, err);
    if (strncmp(text, "tcp://", 6) == 0) return parse_tcp(text + 6, keys, out, err);
    return pl_fail(err, PL_E_INVALID, "endpoint",
                   "`%.80s` is none of inproc://NAME, ipc://PATH, tcp://HOST:PORT", text);
}

int pl__endpoint_parse(const char *text, struct pl__endpoint *out, struct pl_err *err)
{
    return parse(text, false, out, err);
}

int pl__endpoint_parse_any(const char *text, struct pl__endpoint *out, struct pl_err *err)
{
    return parse(text, true, out, err);
}

static bool somebody_listens(const char *path)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    memcpy(a.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return true;
    int rc = connect(fd, (struct sockaddr *)&a, sizeof a);
    bool gone = rc != 0 && (errno == ECONNREFUSED || errno == ENOENT);
    close(fd);
    return !gone;
}

int pl__endpoint_make_room(const struct pl__endpoint *e, struct pl_err *err)
{
    struct stat st;
    if (e->transport != PL__IPC) return 0;
    int rc = pl__dir_make_private_for(e->path, err);
    if (rc || lstat(e->path, &st) != 0) return rc;
    if (!S_ISSOCK(st.st_mode))
        return pl_fail(err, PL_E_IO, "endpoint", "%s is there already and is not a socket", e->path);
    if (somebody_listens(e->path)) return pl_fail(err, PL_E_IO, "endpoint", "%s is in use", e->text);
    if (unlink(e->path) != 0)
        return pl_fail(err, PL_E_IO, "endpoint", "cannot remove the old socket %s: %s", e->path,
                       strerror(errno));
    return 0;
}

static socklen_t address_of(const struct pl__endpoint *e, struct sockaddr_storage *out)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)out;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;
    memset(out, 0, sizeof *out);
    if (e->ipv6) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(e->port);
        inet_pton(AF_INET6, e->host, &v6->sin6_addr);
        return sizeof *v6;
    }
    v4->sin_family = AF_INET;
    v4->sin_port = htons(e->port);
    inet_pton(AF_INET, e->host, &v4->sin_addr);
    return sizeof *v4;
}

/* Both address families have their port in the same place. */
static bool bind_and_ask(int fd, struct pl__endpoint *e)
{
    struct sockaddr_storage a;
    socklen_t len = address_of(e, &a);
    int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on); /* as libzmq does */
    if (bind(fd, (struct sockaddr *)&a, len) != 0 || getsockname(fd, (struct sockaddr *)&a, &len) != 0)
        return false;
    e->port = ntohs(((struct sockaddr_in *)&a)->sin_port);
    return true;
}

int pl__endpoint_probe(struct pl__endpoint *e, struct pl_err *err)
{
    int rc = 0;
    if (e->transport != PL__TCP) return 0;
    int fd = socket(e->ipv6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || !bind_and_ask(fd, e))
        rc = pl_fail(err, PL_E_IO, "endpoint", "cannot listen at %s: %s", e->text, strerror(errno));
    if (fd >= 0) close(fd);
    name_tcp(e);
    return rc;
}
