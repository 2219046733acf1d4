/* A QR code of a short text, by libqrencode; the only place of qrencode.h. Pure. */
#ifndef SONGBOOKD_API_QR_H
#define SONGBOOKD_API_QR_H

#include "base/buf.h"

/* Appends an SVG, black on white with its quiet zone; false when the text does not fit. */
bool qr_svg(const char *text, struct buf *out);
/* Appends lines for a terminal, two rows of the code in one of text; light modules are drawn, for a dark ground. */
bool qr_terminal(const char *text, struct buf *out);

#endif
