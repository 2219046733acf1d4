/* Error codes, one table for the whole program, and the text a person reads.
 *
 * Functions return 0 or a negative ERR_ code. Where a person will read the cause they take a
 * `struct err *` as last parameter, which may be NULL. Codes of libuv, curl and SQLite are
 * translated at the border of the room that uses them and never leave it.
 *
 * Messages: lower case, cause first, the subject in single quotes, no full stop, and what to do
 * where that is not plain.
 */
#ifndef SONGBOOKD_BASE_ERR_H
#define SONGBOOKD_BASE_ERR_H

enum {
    ERR_OK = 0,
    ERR_BUG = -1,            /* cannot happen; logged */
    ERR_CANCELED = -2,       /* stopped by us: shutdown, stop, client gone */
    ERR_INVALID = -3,        /* the caller's value is wrong (422) */
    ERR_MALFORMED = -4,      /* cannot be read at all: JSON, UTF-8, HTTP (400) */
    ERR_NOT_FOUND = -5,
    ERR_EXISTS = -6,         /* state does not allow it (409) */
    ERR_STALE = -7,          /* If-Match does not match (412) */
    ERR_NEED_MATCH = -8,     /* If-Match missing (428) */
    ERR_TOO_LARGE = -9,      /* 413 */
    ERR_BUSY = -10,          /* queue full or locked, try again (503, Retry-After) */
    ERR_CLOSED = -11,        /* the thing asked is closing or closed */
    ERR_IO = -12,            /* disk or socket failed */
    ERR_FULL = -13,          /* no space left on the disk */
    ERR_DATABASE = -14,      /* not a songbook database, damaged, or newer than this program (exit 78) */
    ERR_CONFIG = -15,        /* exit 78 */
    ERR_USAGE = -16,         /* exit 2 */
    ERR_IN_USE = -17,        /* port, socket or database held by another process (exit 1) */
    ERR_NETWORK = -18,       /* no connection: refused, unreachable, TLS */
    ERR_TIMEOUT = -19,
    ERR_DNS = -20,           /* name could not be resolved */
    ERR_REFUSED = -21,       /* the provider refuses for now: 429, 503, error 29 */
    ERR_KEY = -22,           /* the provider refuses our key, token or User-Agent */
    ERR_PROVIDER = -23,      /* the provider answered with an error or nonsense */
    ERR_UNAVAILABLE = -24,   /* nothing usable to do it with */
    ERR_FORBIDDEN = -25,     /* 403 */
    ERR_UNAUTHORIZED = -26,  /* 401: the token is missing or wrong */
    ERR_MEDIA_TYPE = -27,    /* 415: the body is not JSON */
    ERR_LOST = -28,          /* the connection was made and broke before the answer was whole */
    ERR_LIMIT_ = -29         /* end of the list; not an error */
};

struct err {
    int code;
    char text[240];
};

/* The stable name of a code for JSON and logs, e.g. "not_found". Never NULL. */
const char *err_name(int code);
/* The HTTP status that answers it, e.g. 404; 500 where none fits. */
int err_http_status(int code);
/* A sentence for a person. Never NULL. */
const char *err_sentence(int code);

/* Sets code and text (cut to fit, at a UTF-8 border) and returns the code. `e` may be NULL. */
__attribute__((format(printf, 3, 4))) int err_set(struct err *e, int code, const char *fmt, ...);
/* Puts "context: " before the text and returns the code. */
__attribute__((format(printf, 2, 3))) int err_wrap(struct err *e, const char *fmt, ...);
/* The text, or the code's sentence where no text was set. */
const char *err_text(const struct err *e);

#endif
