/* metrics_merge.c - the pages of several nodes as one. Families stay whole, as the format asks, each under
 * the head of the first page that has it; the samples of a page with a name carry it as the label `node`. A
 * page may come from a process that strangers talk to, so nothing of it is trusted but to be text. */
#include <string.h>

#include "runtime/metrics.h"
#include "schemas/wire.h"

static const char head[] = "# HELP ";

struct family { /* part of a page */
    struct pl_str name, text;
};

static struct pl_str rest_after(struct pl_str page, const char *at)
{
    return (struct pl_str){at, (uint32_t)(page.ptr + page.len - at)};
}

static const char *find(struct pl_str where, const char *what)
{
    return where.len ? memmem(where.ptr, where.len, what, strlen(what)) : NULL;
}

/* Takes the next family off the page. */
static bool next_family(struct pl_str *page, struct family *f)
{
    const char *begin = find(*page, head);
    if (!begin) return false;
    struct pl_str rest = rest_after(*page, begin + sizeof head - 1);
    const char *end = find(rest, head);
    if (!end) end = rest.ptr + rest.len;
    uint32_t n = 0;
    while (n < rest.len && rest.ptr[n] != ' ' && rest.ptr[n] != '\n') n++;
    f->name = (struct pl_str){rest.ptr, n};
    f->text = (struct pl_str){begin, (uint32_t)(end - begin)};
    *page = rest_after(*page, end);
    return true;
}

static bool find_family(struct pl_str page, struct pl_str name, struct family *out)
{
    while (next_family(&page, out))
        if (out->name.len == name.len && memcmp(out->name.ptr, name.ptr, name.len) == 0) return true;
    return false;
}

static void write_sample(struct pl_buf *out, const char *node, struct pl_str line)
{
    uint32_t n = 0;
    while (n < line.len && line.ptr[n] != '{' && line.ptr[n] != ' ') n++;
    bool labels = n < line.len && line.ptr[n] == '{';
    pl_buf_write(out, line.ptr, n);
    if (node) pl_buf_printf(out, "{node=\"%s\"%s", node, labels ? "," : "}");
    if (node && labels) n++;
    pl_buf_write(out, line.ptr + n, line.len - n);
    pl_buf_printf(out, "\n");
}

/* The lines of a family that are comments, or those that are not. */
static void write_lines(struct pl_buf *out, const char *node, struct pl_str text, bool comments)
{
    while (text.len) {
        const char *end = memchr(text.ptr, '\n', text.len);
        struct pl_str line = {text.ptr, end ? (uint32_t)(end - text.ptr) : text.len};
        text = end ? rest_after(text, end + 1) : (struct pl_str){0};
        if (line.len == 0 || (line.ptr[0] == '#') != comments) continue;
        write_sample(out, comments ? NULL : node, line);
    }
}

void pl_metrics_merge(const struct pl_metrics_page *pages, size_t n, struct pl_buf *out)
{
    for (size_t i = 0; i < n; i++) {
        struct pl_str page = pages[i].text;
        struct family f, other;
        while (next_family(&page, &f)) {
            bool written = false;
            for (size_t k = 0; k < i && !written; k++) written = find_family(pages[k].text, f.name, &other);
            if (written) continue;
            write_lines(out, NULL, f.text, true);
            write_lines(out, pages[i].node, f.text, false);
            for (size_t k = i + 1; k < n; k++)
                if (find_family(pages[k].text, f.name, &other))
                    write_lines(out, pages[k].node, other.text, false);
        }
    }
}
