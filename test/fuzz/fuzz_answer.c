/* Fuzzer: any body, status and headers read as the answer of a provider to one question, then judged, or to many.
 *
 * The first bytes choose provider, stage, status and what was asked; the rest is the body. Whatever comes, the reader must
 * fill the whole answer, stay within its bounds, and never make "not found" out of a refusal.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "provider/bulk.h"
#include "provider/provider.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(cond) do { if (!(cond)) abort(); } while (0)

static const struct wanted wants[] = {
    {"ABBA", "Waterloo", NULL, true},
    {"Queen feat. David Bowie", "Under Pressure (Live)", "live", false},
    {NULL, "Hallelujah", NULL, false},
    {"\xe7\x94\xb0\xe6\x9d\x91", "\xe6\x84\x9b", "instrumental", true},
};
static const int statuses[] = {200, 200, 200, 400, 403, 404, 429, 500, 503, 0};
static const char *const waits[] = {NULL, "0", "5", "99999999999999", "x"};

static void check_answer(const struct provider_answer *a, int status)
{
    CHECK(a->kind <= ANSWER_OFFLINE);
    CHECK(memchr(a->detail, '\0', sizeof a->detail));
    CHECK(a->candidates.count <= CANDIDATE_MAX);
    CHECK(a->retry_after_s >= 0 && a->retry_after_s <= 3600);
    CHECK(a->kind == ANSWER_FOUND || a->candidates.count == 0);
    CHECK(status == 200 || a->kind != ANSWER_FOUND);
    for (size_t i = 0; i < a->candidates.count; i++) {
        const struct candidate *c = &a->candidates.items[i];
        CHECK(c->artist && c->artist[0] && c->title && c->title[0]);
        CHECK(c->year == 0 || (c->year >= 1860 && c->year <= 2100));
        CHECK(c->listeners >= -1);
    }
}

/* Each item is answered at most once, by its own row; a refusal or a failure answers none. */
static void read_many(const struct bulk *b, const struct provider_reply *r)
{
    static const struct bulk_item items[] = {
        {"ABBA", "Waterloo", "11111111-1111-4111-8111-111111111111"},
        {"Waterloo", "ABBA", "22222222-2222-4222-8222-222222222222"},
        {"Queen", "Flash", "33333333-3333-4333-8333-333333333333"},
    };
    struct candidate hits[3] = {0};
    struct provider_answer a;

    b->read(items, 3, r, hits, &a);
    CHECK(a.kind <= ANSWER_OFFLINE && a.kind != ANSWER_NOT_FOUND && a.candidates.count == 0);
    CHECK(a.retry_after_s >= 0 && a.retry_after_s <= 3600 && a.pause_s >= 0 && a.pause_s <= 61);
    CHECK(r->status == 200 || a.kind != ANSWER_FOUND);
    for (size_t i = 0; i < 3; i++) {
        CHECK(!hits[i].mbid || (a.kind == ANSWER_FOUND || b == &bulk_lookup || b == &bulk_labs));
        CHECK(!hits[i].mbid || strlen(hits[i].mbid) == 36);
        CHECK(hits[i].year == 0 || (hits[i].year >= 1860 && hits[i].year <= 2100));
        candidate_deinit(&hits[i]);
    }
    provider_answer_deinit(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct bulk *const bulks[] = {&bulk_lookup, &bulk_labs, &bulk_metadata, &bulk_dates};
    const struct provider *p;
    const struct wanted *w;
    struct provider_reply r = {0};
    struct provider_answer a;
    int best;

    if (size < 4)
        return 0;
    p = data[0] & 1 ? &provider_lastfm : &provider_musicbrainz;
    w = &wants[data[1] % (sizeof wants / sizeof wants[0])];
    r.status = statuses[data[2] % (sizeof statuses / sizeof statuses[0])];
    r.transport = r.status ? 0 : ERR_NETWORK;
    r.retry_after = waits[data[3] % (sizeof waits / sizeof waits[0])];
    r.body = (struct slice){(const char *)data + 4, size - 4};
    if (data[0] & 0x80) {
        r.rate_remaining = data[1] & 1 ? "0" : "9";
        r.rate_reset_in = r.retry_after;
        read_many(bulks[data[0] & 3], &r);
        return 0;
    }
    p->read(w, (data[0] >> 1) % 4, &r, &a);
    check_answer(&a, r.status);
    best = match_judge(w, &a.candidates);
    CHECK(best >= -1 && best < (int)(a.candidates.count ? a.candidates.count : 1));
    for (size_t i = 0; i < a.candidates.count; i++) {
        CHECK(a.candidates.items[i].accepted == ((int)i == best));
        CHECK(a.candidates.items[i].rule && a.candidates.items[i].score >= 0 && a.candidates.items[i].score <= 1);
    }
    CHECK(best < 0 || w->artist);
    provider_answer_deinit(&a);
    return 0;
}
