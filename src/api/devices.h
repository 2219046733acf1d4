/* Who asks, and pairing: a one-time code, shown to the owner, buys a browser a cookie of its own.
 *
 * The cookie holds a number and 256 random bits; only their SHA-256 is stored. Codes live ten minutes in memory, serve once,
 * and guessing them is slowed down for everybody together: 40 bits against 30 tries a minute. The table of devices is small
 * and in memory, so that a request is let in without a look at the disk. Loop thread only. */
#ifndef SONGBOOKD_API_DEVICES_H
#define SONGBOOKD_API_DEVICES_H

#include "net/http_server.h"
#include "store/devices.h"

struct api;
struct devices;

enum caller { CALLER_NOBODY, CALLER_SOCKET, CALLER_LOCAL, CALLER_TOKEN, CALLER_DEVICE };

struct devices *devices_new(void);
void devices_free(struct devices *t);
/* The device whose cookie the request carries, or NULL. Borrowed until the table changes. */
const struct device *devices_of_request(const struct devices *t, struct request *r);
/* Writes down, at most once an hour, that it was here. */
void devices_note(struct api *a, const struct device *d);
/* What a cookie may do is bound to our own pages: a change needs a browser's word that one of them asks. ERR_FORBIDDEN. */
int devices_check_origin(struct request *r, struct err *e);

#endif
