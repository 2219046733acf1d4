/* GET /worklist: counts kept with the rows, each with the filter that lists its songs. From memory; loop thread only. */
#include <math.h>
#include <string.h>

#include "api/api_internal.h"

int api_review_below(const struct api *a)
{
    return (int)lround(config_number(a->d.config, OPT_DASHBOARD_REVIEW_BELOW) * 100);
}

bool api_title_first(const struct api *a)
{
    return strcmp(config_text(a->d.config, OPT_DASHBOARD_ORDER), "title-artist") == 0;
}

static void put_list(struct json_out *o, const char *key, int64_t count, const char *sentence, const char *filter)
{
    json_open(o, NULL, '{');
    json_put_str(o, "key", key);
    json_put_int(o, "count", count);
    json_put_str(o, "sentence", sentence);
    json_put_raw(o, "filter", filter);
    json_close(o, '}');
}

static void put_lists(const struct counts *c, struct json_out *o)
{
    static const struct {
        const char *sentence, *filter;
    } lists[WORKLIST_COUNT] = {
        [WORKLIST_NO_YEAR] = {"songs without a year", "{\"no_year\":true}"},
        [WORKLIST_NO_GENRE] = {"songs without a genre", "{\"no_genre\":true}"},
        [WORKLIST_ORDER_UNSURE] = {"songs whose name may have artist and title the other way round", "{\"order_unsure\":true}"},
        [WORKLIST_DUPLICATE] = {"songs that another file seems to hold, too", "{\"duplicate\":true}"},
        [WORKLIST_NOT_FOUND] = {"songs that no provider knows", "{\"status\":\"enrichment_failed\",\"reason\":\"not_found\"}"},
        [WORKLIST_GAVE_UP] = {"songs that were given up after failed requests",
                              "{\"status\":\"enrichment_failed\",\"reason\":\"gave_up\"}"},
    };

    json_open(o, "lists", '[');
    for (int i = 0; i < WORKLIST_COUNT; i++)
        put_list(o, worklist_key((enum worklist)i), c->lists[i], lists[i].sentence, lists[i].filter);
    put_list(o, "gone", c->absent, "songs whose file is gone", "{\"presence\":\"absent\"}");
    json_close(o, ']');
}

void handle_worklist(struct request *r, void *app)
{
    struct api *a = app;
    const struct counts *c = dbq_counts(a->d.q);
    int below = api_review_below(a);
    struct buf b;
    struct json_out o;

    if (!input_no_query(r))
        return;
    buf_init(&b, 0);
    json_out_init(&o, &b);
    json_open(&o, NULL, '{');
    json_put_int(&o, "total", c->total);
    json_open(&o, "review", '{');
    json_put_num(&o, "below", below / 100.0, 2);
    json_put_int(&o, "count", counts_below(c, below));
    json_open(&o, "filter", '{');
    json_put_num(&o, "below", below / 100.0, 2);
    json_close(&o, '}');
    json_close(&o, '}');
    put_lists(c, &o);
    json_close(&o, '}');
    api_reply_json(r, 200, &b);
}
