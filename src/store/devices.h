/* Paired devices: who may use the API over TCP by its cookie. See db.h for the rules of the room. */
#ifndef SONGBOOKD_STORE_DEVICES_H
#define SONGBOOKD_STORE_DEVICES_H

#include "store/db.h"

#define DEVICE_NAME_MAX 60    /* bytes */
#define DEVICE_HASH_SIZE 65   /* SHA-256 in hex with its NUL */

struct device {
    int64_t id;
    char name[DEVICE_NAME_MAX + 1];
    char agent[200];                   /* the browser's User-Agent; "" unknown */
    char hash[DEVICE_HASH_SIZE];       /* of the secret in the cookie, which is stored nowhere */
    int64_t paired_at_ms, seen_at_ms;  /* seen: to the hour */
};
/* By id, at most max; returns how many, or ERR_. */
int devices_load(struct db *db, struct device *out, int max, struct err *e);
/* Fills d->id. */
int devices_add(struct db *db, struct device *d, struct err *e);
int devices_remove(struct db *db, int64_t id, struct err *e);      /* ERR_NOT_FOUND */
int devices_seen(struct db *db, int64_t id, int64_t at_ms, struct err *e);

#endif
