/* Drawing QR codes; see qr.h. Pure. */
#include "api/qr.h"

#include <qrencode.h>

#define QUIET 4            /* modules of white around, as the standard wants */
#define TERMINAL_QUIET 2   /* a terminal has few lines */

static bool is_dark(const QRcode *c, int x, int y)
{
    return x >= 0 && y >= 0 && x < c->width && y < c->width && (c->data[y * c->width + x] & 1);
}

static void draw_row(const QRcode *c, int y, struct buf *out)
{
    for (int x = 0, n; x < c->width; x += n) {
        for (n = 1; x + n < c->width && is_dark(c, x + n, y) == is_dark(c, x, y); n++)
            ;
        if (is_dark(c, x, y))
            buf_addf(out, "M%d %dh%dv1h-%dz", x + QUIET, y + QUIET, n, n);
    }
}

bool qr_svg(const char *text, struct buf *out)
{
    QRcode *c = QRcode_encodeString(text, 0, QR_ECLEVEL_M, QR_MODE_8, 1);
    int size;

    if (!c)
        return false;
    size = c->width + 2 * QUIET;
    buf_addf(out, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" shape-rendering=\"crispEdges\">"
                  "<path fill=\"#fff\" d=\"M0 0h%dv%dh-%dz\"/><path fill=\"#000\" d=\"", size, size, size, size, size);
    for (int y = 0; y < c->width; y++)
        draw_row(c, y, out);
    buf_add_str(out, "\"/></svg>");
    QRcode_free(c);
    return true;
}

bool qr_terminal(const char *text, struct buf *out)
{
    static const char *const blocks[] = {" ", "\xe2\x96\x84", "\xe2\x96\x80", "\xe2\x96\x88"};   /* lower, upper, full */
    QRcode *c = QRcode_encodeString(text, 0, QR_ECLEVEL_L, QR_MODE_8, 1);
    int end;

    if (!c)
        return false;
    end = c->width + TERMINAL_QUIET;
    for (int y = -TERMINAL_QUIET; y < end; y += 2) {
        for (int x = -TERMINAL_QUIET; x < end; x++)
            buf_add_str(out, blocks[2 * !is_dark(c, x, y) + (y + 1 < end && !is_dark(c, x, y + 1))]);
        buf_add_byte(out, '\n');
    }
    QRcode_free(c);
    return true;
}
