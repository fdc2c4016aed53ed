/* http.c - GET /metrics, /healthz and /readyz, by HTTP/1.0 on loopback, on the node's own loop.
 *
 *   reading --head complete--> answering --written--> closed
 *   any state --timer, error--> closed
 *
 * A connection is one request: a head of up to 8 KiB, no body, an answer, the end. At most 16 at a time; more
 * are closed as they come. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/http_head.h"
#include "runtime/loop_inside.h"

enum { HEAD_BYTES = 8192, CONNECTIONS = 16, TIMEOUT_MS = 5000 };

struct pl__http {
    struct pl_loop *loop;
    uv_tcp_t tcp;
    uint32_t open; /* connections whose memory lives */
    bool closing;
    struct connection *all;
};
struct connection {
    struct pl__http *http;
    struct connection *next;
    uv_tcp_t tcp;
    uv_timer_t timer;
    uv_write_t write;
    unsigned handles; /* not closed yet */
    struct pl_buf answer;
    size_t head_len;
    char head[HEAD_BYTES];
};

static void free_when_done(struct pl__http *h)
{
    if (h->closing && h->open == 0) free(h);
}

static void closed(uv_handle_t *handle)
{
    struct connection *c = handle->data;
    struct pl__http *h = c->http;
    if (--c->handles > 0) return;
    pl_buf_finish(&c->answer);
    free(c);
    h->open--;
    free_when_done(h);
}

static void end(struct connection *c)
{
    if (uv_is_closing((uv_handle_t *)&c->tcp)) return;
    struct connection **at = &c->http->all;
    while (*at != c) at = &(*at)->next;
    *at = c->next;
    uv_close((uv_handle_t *)&c->tcp, closed);
    uv_close((uv_handle_t *)&c->timer, closed);
}

static void on_timeout(uv_timer_t *t)
{
    end(t->data);
}

static void on_written(uv_write_t *w, int status)
{
    end(w->data);
}

static void send_answer(struct connection *c, const char *status, const char *type, struct pl_buf *body)
{
    pl_buf_printf(&c->answer,
                  "HTTP/1.0 %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\nCache-Control: no-store\r\n"
                  "Connection: close\r\n\r\n",
                  status, type, body->len);
    pl_buf_write(&c->answer, body->data, body->len);
    bool failed = c->answer.failed || body->failed; /* half a page would pass for a whole one */
    pl_buf_finish(body);
    uv_buf_t out = uv_buf_init((char *)c->answer.data, (unsigned)c->answer.len);
    c->write.data = c;
    uv_read_stop((uv_stream_t *)&c->tcp);
    if (failed || uv_write(&c->write, (uv_stream_t *)&c->tcp, &out, 1, on_written) != 0) end(c);
}

static void send_text(struct connection *c, const char *status, const char *text)
{
    struct pl_buf body = {0};
    pl_buf_printf(&body, "%s\n", text);
    send_answer(c, status, "text/plain; charset=utf-8", &body);
}

static void send_metrics(struct connection *c)
{
    struct pl_buf body = {0};
    struct pl_node *node = c->http->loop->node;
    if (node) pl_node_metrics_write(node, &body);
    send_answer(c, "200 OK", "text/plain; version=0.0.4; charset=utf-8", &body);
}

static void route(struct connection *c, const char *path)
{
    struct pl_node *node = c->http->loop->node;
    bool ready = node && pl_node_ready(node);
    if (strcmp(path, "/metrics") == 0)
        send_metrics(c);
    else if (strcmp(path, "/healthz") == 0)
        send_text(c, "200 OK", "ok");
    else if (strcmp(path, "/readyz") != 0)
        send_text(c, "404 Not Found", "not found");
    else if (ready)
        send_text(c, "200 OK", "ready");
    else
        send_text(c, "503 Service Unavailable", "not ready");
}

static void read_head(struct connection *c)
{
    const char *path;
    switch (pl__http_head(c->head, c->head_len, &path)) {
    case PL__HTTP_PARTIAL:
        break;
    case PL__HTTP_BINARY:
        end(c);
        break;
    case PL__HTTP_BAD:
        send_text(c, "400 Bad Request", "not an HTTP/1 request");
        break;
    case PL__HTTP_OTHER:
        send_text(c, "405 Method Not Allowed", "only GET is served here");
        break;
    case PL__HTTP_GET:
        route(c, path);
        break;
    }
}

static void give_room(uv_handle_t *handle, size_t hint, uv_buf_t *out)
{
    struct connection *c = handle->data;
    *out = uv_buf_init(c->head + c->head_len, (unsigned)(HEAD_BYTES - 1 - c->head_len));
}

static void on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *buf)
{
    struct connection *c = s->data;
    if (n == UV_ENOBUFS) {
        send_text(c, "431 Request Header Fields Too Large", "the request is too large");
        return;
    }
    if (n < 0) {
        end(c);
        return;
    }
    c->head_len += (size_t)n;
    c->head[c->head_len] = 0;
    read_head(c);
}

static void begin(struct connection *c)
{
    uv_timer_start(&c->timer, on_timeout, TIMEOUT_MS, 0);
    if (uv_read_start((uv_stream_t *)&c->tcp, give_room, on_read) != 0) end(c);
}

static void on_connection(uv_stream_t *s, int status)
{
    struct pl__http *h = s->data;
    struct connection *c = status == 0 ? calloc(1, sizeof *c) : NULL;
    if (!c) return;
    c->http = h;
    c->handles = 2;
    uv_tcp_init(s->loop, &c->tcp);
    uv_timer_init(s->loop, &c->timer);
    c->tcp.data = c->timer.data = c;
    c->next = h->all;
    h->all = c;
    h->open++;
    if (uv_accept(s, (uv_stream_t *)&c->tcp) != 0 || h->open > CONNECTIONS)
        end(c);
    else
        begin(c);
}

static int bind_to(struct pl__http *h, const struct pl__endpoint *e)
{
    struct sockaddr_storage a;
    int rc = e->ipv6 ? uv_ip6_addr(e->host, e->port, (struct sockaddr_in6 *)&a)
                     : uv_ip4_addr(e->host, e->port, (struct sockaddr_in *)&a);
    if (!rc) rc = uv_tcp_bind(&h->tcp, (struct sockaddr *)&a, 0);
    return rc ? rc : uv_listen((uv_stream_t *)&h->tcp, 64, on_connection);
}

int pl_loop_metrics(struct pl_loop *l, const char *host_port, struct pl_err *err)
{
    struct pl__endpoint e;
    int rc = pl__endpoint_parse_tcp(host_port, &e, err);
    if (rc) return rc;
    if (l->http) return pl_fail(err, PL_E_CONFLICT, "metrics", "this loop has an HTTP socket already");
    struct pl__http *h = calloc(1, sizeof *h);
    if (!h) return pl_fail(err, PL_E_NO_MEMORY, "metrics", "out of memory");
    h->loop = l;
    uv_tcp_init(&l->uv, &h->tcp);
    h->tcp.data = h;
    l->http = h;
    rc = bind_to(h, &e);
    if (!rc) return 0;
    pl__http_close(l);
    return pl_fail(err, PL_E_IO, "metrics", "cannot listen at http://%s: %s", host_port, uv_strerror(rc));
}

static void tcp_closed(uv_handle_t *handle)
{
    struct pl__http *h = handle->data;
    h->closing = true;
    free_when_done(h);
}

void pl__http_close(struct pl_loop *l)
{
    struct pl__http *h = l->http;
    l->http = NULL;
    if (!h) return;
    while (h->all) end(h->all);
    uv_close((uv_handle_t *)&h->tcp, tcp_closed);
}
