/* What a value may look like, by the type of its option; see option_value.h. Looks at no file: whether a path exists is
 * for the one who opens it. A refusal names the option and the allowed form, never the value of a secret. */
#include "config/option_value.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/utf8.h"

#define TEXT_MAX 500
#define SECRET_MAX 128      /* a line of the keys file holds it */
#define PATH_MAX_BYTES 4095

const char *bool_word(const char *text)
{
    static const char *const yes[] = {"yes", "true", "on", "1"}, *const no[] = {"no", "false", "off", "0"};

    for (size_t i = 0; i < ARRAY_LEN(yes); i++) {
        if (strcasecmp(text, yes[i]) == 0)
            return "yes";
        if (strcasecmp(text, no[i]) == 0)
            return "no";
    }
    return NULL;
}

static bool has_controls(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            return true;
    return false;
}

/* Digits with at most one point: strtod alone takes hex, "inf" and "nan". */
static bool number_read(const struct option_row *o, const char *text, double *out)
{
    size_t n = strlen(text), digits = strspn(text, "0123456789"), rest = 0;

    if (n == 0 || n > 30)
        return false;
    if (text[digits] == '.')
        rest = strspn(text + digits + 1, "0123456789") + 1;
    if (digits + rest != n || (rest == 1) || (digits == 0) || (rest && o->flags & OPTION_WHOLE))
        return false;
    *out = strtod(text, NULL);
    return *out >= o->min && *out <= o->max;
}

static char *number_value(const struct option_row *o, const char *text, struct err *e)
{
    double d;

    if (number_read(o, text, &d))
        return mem_printf("%.15g", d);
    err_set(e, ERR_CONFIG, "'%s' needs %s from %.15g to %.15g%s%s, not '%s'", o->name,
            o->flags & OPTION_WHOLE ? "a whole number" : "a number", o->min, o->max, o->unit ? " " : "", o->unit ? o->unit : "",
            text);
    return NULL;
}

/* Takes the host out of "HOST", "HOST:PORT" or "[V6]:PORT", n bytes long; false when it is none. *port is -1 without one. */
static bool host_split(const char *p, size_t n, char host[256], int *port)
{
    const char *end = p + n, *stop;
    size_t len;

    *port = -1;
    stop = n && *p == '[' ? memchr(p, ']', n) : p + strcspn(p, ":/");
    if (!stop || stop > end)
        return false;
    len = (size_t)(stop - p) - (*p == '[');
    if (len == 0 || len > 255)
        return false;
    memcpy(host, p + (*p == '['), len);
    host[len] = '\0';
    for (size_t i = 0; i < len; i++)
        host[i] = (char)tolower((unsigned char)host[i]);
    if (*p == '[') {
        struct in6_addr a;
        if (inet_pton(AF_INET6, host, &a) != 1)
            return false;
        stop++;
    } else if (strspn(host, "abcdefghijklmnopqrstuvwxyz0123456789.-_") != len) {
        return false;
    }
    if (stop == end)
        return true;
    len = (size_t)(end - stop) - 1;
    if (*stop != ':' || len == 0 || len > 5 || strspn(stop + 1, "0123456789") != len)
        return false;
    *port = atoi(stop + 1);
    return *port <= 65535;
}

bool url_host(const char *url, char host[256])
{
    const char *p = url;
    int port;

    if (strncasecmp(url, "http://", 7) == 0)
        p += 7;
    else if (strncasecmp(url, "https://", 8) == 0)
        p += 8;
    else
        return false;
    for (const char *c = p; *c; c++)
        if ((unsigned char)*c <= 0x20 || (unsigned char)*c >= 0x7f || strchr("@?#\"<>\\^`{|}", *c))
            return false;
    return host_split(p, strcspn(p, "/"), host, &port) && port != 0;
}

static char *url_value(const struct option_row *o, const char *text, struct err *e)
{
    char host[256];

    if ((*text == '\0' && *o->fallback == '\0') || (strlen(text) <= TEXT_MAX && url_host(text, host)))
        return mem_strdup(text);
    err_set(e, ERR_CONFIG, "'%s' needs an address like 'http://HOST[:PORT]/PATH' or 'https://...', not '%s'", o->name, text);
    return NULL;
}

/* Drops "." parts, doubled and trailing slashes of an absolute path. ".." stays: links decide what it means. */
static void path_tidy(char *path)
{
    char *out = path;

    for (char *p = path; *p;) {
        size_t n;
        p += strspn(p, "/");
        n = strcspn(p, "/");
        if (n == 0)
            break;
        if (!(n == 1 && *p == '.')) {
            *out++ = '/';
            memmove(out, p, n);
            out += n;
        }
        p += n;
    }
    if (out == path)
        *out++ = '/';
    *out = '\0';
}

static char *path_value(const struct option_row *o, const char *text, const char *base, struct err *e)
{
    const char *home = getenv("HOME");
    bool tilde = text[0] == '~' && (text[1] == '/' || text[1] == '\0');
    char *path = NULL;

    if (*text == '\0')
        return mem_strdup("");
    if (strlen(text) > PATH_MAX_BYTES)
        err_set(e, ERR_CONFIG, "'%s' is a path of more than %d bytes", o->name, PATH_MAX_BYTES);
    else if (tilde && (!home || home[0] != '/'))
        err_set(e, ERR_CONFIG, "'%s' begins with '~', but HOME is not set; write the whole path", o->name);
    else if (tilde)
        path = mem_printf("%s/%s", home, text + 1);
    else if (text[0] == '/')
        path = mem_strdup(text);
    else if (!base)
        err_set(e, ERR_CONFIG, "'%s' needs a path that begins with '/' or '~/', not '%s'", o->name, text);
    else
        path = mem_printf("%s/%s", base, text);
    if (path)
        path_tidy(path);
    if (path && slice_trim(slice_of(path)).n != strlen(path)) {   /* a file and a stored setting would lose it */
        err_set(e, ERR_CONFIG, "'%s' is a path that ends with a blank; rename the folder, or link to it", o->name);
        free(path);
        path = NULL;
    }
    return path;
}

bool config_split_listen(const char *text, char host[256], int *port)
{
    return !strchr(text, '/') && host_split(text, strlen(text), host, port) && *port >= 0;
}

bool config_host_is_loopback(const char *host)
{
    struct in_addr a4;
    struct in6_addr a6;

    if (inet_pton(AF_INET, host, &a4) == 1)
        return ntohl(a4.s_addr) >> 24 == 127;
    if (inet_pton(AF_INET6, host, &a6) == 1)
        return IN6_IS_ADDR_LOOPBACK(&a6);
    return strcasecmp(host, "localhost") == 0;
}

static char *listen_value(const struct option_row *o, const char *text, struct err *e)
{
    char host[256];
    int port;

    if (config_split_listen(text, host, &port))
        return mem_strdup(text);
    err_set(e, ERR_CONFIG, "'%s' needs HOST:PORT, [IPV6]:PORT or none, not '%s'", o->name, text);
    return NULL;
}

static char *host_value(const struct option_row *o, const char *text, struct err *e)
{
    char host[256];
    int port;

    if (!strchr(text, '/') && host_split(text, strlen(text), host, &port))
        return mem_strdup(text);
    err_set(e, ERR_CONFIG, "'%s' needs NAME or NAME:PORT, such as party.local, not '%s'", o->name, text);
    return NULL;
}

static char *list_value(enum option_id id, const char *text, const char *base, struct err *e)
{
    const struct option_row *o = &options[id];

    if (id == OPT_LIBRARY_FOLDERS)
        return path_value(o, text, base, e);
    return id == OPT_SERVER_HOSTS ? host_value(o, text, e) : listen_value(o, text, e);
}

static char *secret_value(const struct option_row *o, const char *text, struct err *e)
{
    size_t n = strlen(text);
    bool plain = n <= SECRET_MAX;

    /* '=' and the like may be part of a key; blanks, ';' and '#' would not come back from the keys file. */
    for (size_t i = 0; plain && i < n; i++)
        plain = text[i] > 0x20 && text[i] < 0x7f && text[i] != ';' && text[i] != '#';
    if (plain)
        return mem_strdup(text);
    err_set(e, ERR_CONFIG, "'%s' is no key: up to %d letters, digits and marks without blanks are needed", o->name, SECRET_MAX);
    return NULL;
}

static char *choice_value(const struct option_row *o, const char *const *names, const char *text, struct err *e)
{
    struct buf known;

    for (size_t i = 0; names[i]; i++)
        if (strcasecmp(text, names[i]) == 0)
            return mem_strdup(names[i]);
    buf_init(&known, 0);
    for (size_t i = 0; names[i]; i++)
        buf_addf(&known, "%s%s", !i ? "" : names[i + 1] ? ", " : " or ", names[i]);
    err_set(e, ERR_CONFIG, "'%s' needs %s, not '%s'", o->name, buf_cstr(&known), text);
    buf_deinit(&known);
    return NULL;
}

static char *text_value(enum option_id id, const char *text, struct err *e)
{
    static const char *const levels[] = {"error", "warn", "info", "debug", NULL};
    static const char *const orders[] = {"artist-title", "title-artist", NULL};
    const struct option_row *o = &options[id];

    if (o->flags & OPTION_SECRET)
        return secret_value(o, text, e);
    if (id == OPT_LOG_LEVEL || id == OPT_DASHBOARD_ORDER)
        return choice_value(o, id == OPT_LOG_LEVEL ? levels : orders, text, e);
    if (strlen(text) > TEXT_MAX || has_controls(text) || !utf8_valid(slice_of(text)))
        err_set(e, ERR_CONFIG, "'%s' needs UTF-8 text of at most %d bytes without control characters", o->name, TEXT_MAX);
    else
        return mem_strdup(text);
    return NULL;
}

char *option_value(enum option_id id, const char *text, const char *base, struct err *e)
{
    const struct option_row *o = &options[id];
    const char *word;

    if (o->flags & OPTION_NONE && (strcmp(text, "none") == 0 || (id == OPT_EVENTS_FILE && strcmp(text, "-") == 0)))
        return mem_strdup(text);
    switch (o->type) {
    case OPTION_PATH:
        return path_value(o, text, base, e);
    case OPTION_NUMBER:
        return number_value(o, text, e);
    case OPTION_URL:
        return url_value(o, text, e);
    case OPTION_LIST:
        return list_value(id, text, base, e);
    case OPTION_BOOL:
        if ((word = bool_word(text)))
            return mem_strdup(word);
        err_set(e, ERR_CONFIG, "'%s' needs yes or no, not '%s'", o->name, text);
        return NULL;
    case OPTION_TEXT:
        break;
    }
    return text_value(id, text, e);
}
