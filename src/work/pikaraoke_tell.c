/* What is told about PiKaraoke: state, profile, what was published, what is held back and why. Numbers in memory only. */
#include "work/pikaraoke_internal.h"

static const char *state_word(const struct pikaraoke *p)
{
    static const char *const words[] = {"absent", "waiting", "refused", "following"};

    return p->off ? "off" : words[p->now.state];
}

static void put_sentence(const struct pikaraoke *p, struct json_out *o)
{
    if (p->off)
        json_put_str(o, "sentence", "PiKaraoke is not looked for");
    else if (p->now.state == PK_ABSENT && p->remembered_path)
        json_put_str(o, "sentence", "PiKaraoke's database is gone; its songs are kept, and with [pikaraoke] database=none"
                                    " songbookd looks through the folder itself");
    else if (p->now.state != PK_READABLE)
        json_put_str(o, "sentence", p->now.why);
    else if (p->follow.empty)
        json_put_str(o, "sentence", "PiKaraoke's song list is empty; its own scan is waited for");
    else if (p->follow.gone_since)
        json_put_str(o, "sentence", "most of PiKaraoke's song list is gone; that is believed when it stays so for ten seconds");
    else
        json_put_str(o, "sentence", "PiKaraoke's song list is followed");
}

/* --- publishing ---------------------------------------------------------------------------------- */

static const char *publish_word(const struct pikaraoke *p)
{
    const struct publish *b = &p->publish;

    if (!b->wish)
        return "off";
    if (!publish_is_on(b) || b->hold || b->trouble[0])
        return "held";
    return "on";
}

static const char *publish_sentence(const struct pikaraoke *p)
{
    const struct publish *b = &p->publish;

    if (p->off || p->now.state != PK_READABLE)
        return "there is no database to publish to";
    if (p->now.unpublishable[0])
        return p->now.unpublishable;
    if (!b->wish)
        return "nothing is written to PiKaraoke's database; it can be switched on";
    if (b->trouble[0])
        return b->trouble;
    if (b->hold)
        return "a song plays and the machine has no time; it goes on later";
    if (p->now.profile == PK_PROFILE_V2)
        return "only songs that PiKaraoke's own search gave up on are filled";
    return publish_is_on(b) ? "empty fields of PiKaraoke's database are filled" : "it begins with the next look";
}

static void put_held(const struct publish *b, struct json_out *o)
{
    json_open(o, "held", '[');
    for (int i = 0; i < b->counts.n_reasons; i++) {
        json_open(o, NULL, '{');
        json_put_str(o, "reason", b->counts.reasons[i].name);
        json_put_int(o, "songs", b->counts.reasons[i].n);
        json_put_str(o, "sentence", pk_held_sentence(b->counts.reasons[i].name));
        json_close(o, '}');
    }
    json_close(o, ']');
}

static void put_publish(const struct pikaraoke *p, struct json_out *o)
{
    const struct publish *b = &p->publish;
    bool possible = pikaraoke_is_readable(p) && !p->now.unpublishable[0];
    char stamp[32];

    if (b->counts.last_ms)
        clock_iso(b->counts.last_ms, stamp);
    json_open(o, "publish", '{');
    json_put_bool(o, "wanted", b->wish);
    json_put_str(o, "state", publish_word(p));
    json_put_str(o, "sentence", publish_sentence(p));
    json_put_bool(o, "possible", possible);
    /* offered to the owner by itself where nothing else fills the fields */
    json_put_bool(o, "offered", !b->wish && possible && p->now.profile == PK_PROFILE_V1);
    json_put_int(o, "published", b->counts.published);
    json_put_int(o, "waiting", b->counts.waiting);
    put_held(b, o);
    json_put_str(o, "last_at", b->counts.last_ms ? stamp : NULL);
    json_put_int(o, "transactions", (int64_t)b->transactions);
    json_put_int(o, "rows_written", (int64_t)b->written);
    json_put_int(o, "busy", (int64_t)b->busy);
    json_put_int(o, "stalls", (int64_t)b->stalls);
    json_put_num(o, "longest_lock_ms", (double)b->longest_lock_us / 1000, 3);
    json_put_num(o, "summed_lock_ms", (double)b->lock_us / 1000, 3);
    json_close(o, '}');
}

static void put_queue(const struct queue_poll *c, struct json_out *o)
{
    json_open(o, "queue", '{');
    json_put_str(o, "state", c->state);
    json_put_int(o, "songs", (int64_t)c->waiting);
    json_close(o, '}');
}

/* --- all -------------------------------------------------------------------------------------------- */

void pikaraoke_json(const struct pikaraoke *p, struct json_out *o, const char *key)
{
    json_open(o, key, '{');
    json_put_str(o, "state", state_word(p));
    put_sentence(p, o);
    json_put_str(o, "database", p->off ? NULL : p->path);
    json_put_str(o, "profile", pk_profile_name(p->now.profile));
    json_put_int(o, "user_version", pikaraoke_is_readable(p) ? p->now.user_version : 0);
    json_put_str(o, "folder", p->folder);
    json_put_int(o, "songs", pikaraoke_is_readable(p) ? p->rows : 0);
    json_put_bool(o, "complete", p->follow.complete);
    json_put_int(o, "passes", (int64_t)p->follow.passes);
    json_put_int(o, "last_pass_ms", (int64_t)p->follow.pass_ms);
    json_put_bool(o, "playing", pikaraoke_is_playing(p));
    put_queue(&p->queue, o);
    put_publish(p, o);
    json_close(o, '}');
}

void pikaraoke_progress_json(const struct pikaraoke *p, struct json_out *o)
{
    pikaraoke_json(p, o, "pikaraoke");
    if (!pikaraoke_is_readable(p)) {
        json_put_null(o, "attached");
        return;
    }
    json_open(o, "attached", '{');
    json_put_str(o, "path", p->path);
    json_put_int(o, "user_version", p->now.user_version);
    json_put_str(o, "profile", pk_profile_name(p->now.profile));
    json_put_bool(o, "publishing", publish_is_on(&p->publish));
    json_close(o, '}');
}
