/* Command pair: a code for another device, the devices that are paired, and taking one's access away. */
#include "ctl/ctl.h"

#include <stdio.h>
#include <stdlib.h>

#define ID_MAX 9007199254740991LL

/* The code's drawing is the only text of the daemon that is printed as it is: it holds blocks, blanks and ends of lines alone. */
static bool is_drawing(const char *s)
{
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        if (c < 0x80 ? c != ' ' && c != '\n' : c != 0xe2 && (c & 0xc0) != 0x80)
            return false;
    }
    return true;
}

static void print_code(const cJSON *v)
{
    const char *drawing = json_str(v, "qr_text"), *hint = json_str(v, "hint");

    if (drawing && is_drawing(drawing))
        printf("\n%s\n", drawing);
    print_field("code", json_str(v, "code"));
    if (json_str(v, "url"))
        print_field("address", json_str(v, "url"));
    puts("It serves once, within ten minutes: open the address on the other device, or type the code there.");
    if (hint)
        complain("%s", hint);
}

static int make_code(struct ctl *ctl, const char *name)
{
    struct json_out o;
    struct reply r = {0};
    struct buf body;
    int rc;

    buf_init(&body, 0);
    json_out_init(&o, &body);
    json_open(&o, NULL, '{');
    json_put_str(&o, "name", name);
    json_close(&o, '}');
    rc = ask(ctl, "POST", "/pair/code", buf_cstr(&body), NULL, &r);
    if (rc == EXIT_FINE && ctl->json)
        rc = print_raw(&r);
    else if (rc == EXIT_FINE)
        print_code(r.json);
    buf_deinit(&body);
    reply_deinit(&r);
    return print_finish(rc);
}

static int list_devices(struct ctl *ctl)
{
    static const struct column columns[] = {{"ID", 5, true}, {"NAME", 24, false}, {"PAIRED", 20, false},
                                            {"LAST SEEN", 20, false}};
    struct reply r = {0};
    int rc = ask(ctl, "GET", "/devices", NULL, NULL, &r);
    const cJSON *list = json_get(r.json, "devices");

    if (rc == EXIT_FINE && ctl->json) {
        rc = print_raw(&r);
    } else if (rc == EXIT_FINE) {
        print_head(columns, 4);
        for (const cJSON *d = json_first(list); d; d = json_next(list, d)) {
            char *id = json_words(json_get(d, "id"));
            const char *cells[] = {id, json_str(d, "name"), json_str(d, "paired_at"), json_str(d, "last_seen_at")};
            print_row(columns, cells, 4);
            free(id);
        }
    }
    reply_deinit(&r);
    return print_finish(rc);
}

int cmd_pair(struct ctl *ctl, int argc, char **argv)
{
    const char *name = NULL, *revoke = NULL;
    bool list = false;
    const struct arg_option own[] = {{"--name", NULL, &name}, {"--revoke", NULL, &revoke}, {"--list", &list, NULL}, ARGS_END};
    char path[64];
    long long id;
    int rc = args_read(ctl, &argc, argv, own, 0, 0);

    if (rc != GO_ON)
        return rc;
    if (list + (revoke != NULL) + (name != NULL) > 1)
        return args_refuse(ctl, "'--name', '--list' and '--revoke' exclude each other");
    if (list)
        return list_devices(ctl);
    if (!revoke)
        return make_code(ctl, name);
    if (args_number("--revoke", revoke, 1, ID_MAX, &id) != 0)
        return EXIT_USAGE;
    snprintf(path, sizeof path, "/devices/%lld/revoke", id);
    return ask_and_show(ctl, "POST", path, "{}");
}
