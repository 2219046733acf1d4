/* Karaoke brands and their like; see brand.h.
 *
 * Rows are keys of song/similar.h and match on word borders only: "The-Dream", "Coverdale Page" and a song named
 * "Karaoke" are not brands. Whether the name asked for that very artist is the matcher's question, not this file's.
 * Pure; any thread.
 */
#include "song/brand.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "song/similar.h"

enum where { WHOLE, STARTS, ENDS, ANYWHERE };

struct row {
    const char *key;
    enum where where;
};

static const struct row artists[] = {
    /* words that give a cover away wherever they stand in an artist's name */
    {"karaoke", ANYWHERE}, {"tribute", ANYWHERE}, {"tributes", ANYWHERE}, {"tribute band", ANYWHERE},
    {"cover band", ANYWHERE}, {"covers band", ANYWHERE}, {"cover version", ANYWHERE}, {"backing track", ANYWHERE},
    {"backing tracks", ANYWHERE}, {"sound alike", ANYWHERE}, {"sound alikes", ANYWHERE}, {"soundalikes", ANYWHERE},
    {"in the style of", ANYWHERE}, {"originally performed by", ANYWHERE}, {"made famous by", ANYWHERE},
    {"made popular by", ANYWHERE}, {"as performed by", ANYWHERE}, {"sing along", ANYWHERE}, {"singalong", ANYWHERE},
    {"instrumental versions", ANYWHERE}, {"tv sounds unlimited", WHOLE}, {"workout music", ANYWHERE},
    {"study music", ANYWHERE}, {"music for", STARTS}, {"lullaby versions", ANYWHERE}, {"lullaby renditions", ANYWHERE},
    {"カラオケ", ANYWHERE}, {"노래방", ANYWHERE}, {"伴奏", ANYWHERE},
    /* karaoke brands whose name does not hold the word */
    {"ameritz", STARTS}, {"party tyme", STARTS}, {"prosound", STARTS}, {"sunfly", STARTS}, {"sing king", STARTS},
    {"zoom entertainments", WHOLE}, {"stingray music", WHOLE}, {"karafun", STARTS}, {"vocal star", STARTS},
    {"easykaraoke", WHOLE}, {"zzang", WHOLE}, {"poptastik", STARTS}, {"fakeyoke", WHOLE}, {"karaokeytv", WHOLE},
    {"songjam", STARTS}, {"edkara", WHOLE}, {"sing2piano", WHOLE}, {"sing2guitar", WHOLE}, {"karaokemedia", WHOLE},
    {"karaokeonvevo", WHOLE}, {"disneykaraoke", WHOLE}, {"bandaisuankaraoke001", WHOLE}, {"cantaokey", WHOLE},
    {"magicsing", ANYWHERE}, {"lucky voice", WHOLE}, {"singers edge", WHOLE}, {"mi balmz", STARTS},
    {"mr entertainer", WHOLE}, {"chartbuster", STARTS}, {"tj media", WHOLE}, {"taejin", WHOLE}, {"태진", WHOLE},
    {"tj 노래방", WHOLE}, {"keumyoung", WHOLE}, {"금영", WHOLE}, {"ky 금영", WHOLE}, {"versaokaraoke", WHOLE},
    /* cover mills and library re-recordings */
    {"agrupacion latinhits", WHOLE}, {"brava hitmakers", WHOLE}, {"reyes de cancion", WHOLE}, {"mmp", WHOLE},
    {"hit crew", WHOLE}, {"studio allstars", ENDS}, {"studio all stars", ENDS}, {"studio group", ENDS},
    {"pop music workshop", WHOLE}, {"khalil turk and friends", WHOLE}, {"midifine systems", WHOLE},
    {"pickin on series", WHOLE}, {"vitamin string quartet", WHOLE}, {"rockabye baby", WHOLE}, {"8 bit arcade", WHOLE},
    {"piano superstar", WHOLE}, {"kidz bop", STARTS}, {"nursery rhymes 123", WHOLE}, {"brazillian bossa nova", WHOLE},
    {"grandes canciones", STARTS}, {"movie sounds unlimited", WHOLE}, {"tv series unlimited", WHOLE},
    {"tv soundtrack orchestra", WHOLE}, {"tv themes", WHOLE}, {"compilation generique tv", WHOLE},
    {"civil acts", WHOLE}, {"a space odyssey", WHOLE}, {"hey beautiful", WHOLE},
};

static const struct row phrases[] = {
    {"karaoke version", ANYWHERE}, {"karaoke hits", ANYWHERE}, {"karaoke tracks", ANYWHERE}, {"karaoke instrumental", ANYWHERE},
    {"in the style of", ANYWHERE}, {"originally performed by", ANYWHERE}, {"made famous by", ANYWHERE},
    {"made popular by", ANYWHERE}, {"as performed by", ANYWHERE}, {"tribute to", ANYWHERE}, {"tribute version", ANYWHERE},
    {"backing track", ANYWHERE}, {"backing tracks", ANYWHERE}, {"cover version", ANYWHERE}, {"vocal version", ANYWHERE},
    {"workout mix", ANYWHERE}, {"lullaby version", ANYWHERE}, {"sing karaoke", ANYWHERE}, {"karaoke", ENDS}, {"karaoke", STARTS},
};

static const char *const placeholders[] = {
    "[unknown]", "<unknown>", "(unknown)", "[anonymous]", "[traditional]", "[no artist]", "[data]", "[dialogue]",
    "[theatre]", "[theater]", "[language instruction]", "[silence]", "[untitled]", "unknown artist", "various artists",
    "various", "v.a.", "artist unknown",
};

/* Whether needle stands in key with word borders, at the place the row asks for. */
static bool row_fits(const struct row *r, const char *key)
{
    size_t n = strlen(r->key), all = strlen(key);

    for (const char *at = strstr(key, r->key); at; at = strstr(at + 1, r->key)) {
        bool starts = at == key, ends = (size_t)(at - key) + n == all;
        if ((!starts && at[-1] != ' ') || (!ends && at[n] != ' '))
            continue;
        if (r->where == ANYWHERE || (r->where == WHOLE && starts && ends) || (r->where == STARTS && starts) ||
            (r->where == ENDS && ends))
            return true;
    }
    return false;
}

static bool any_row_fits(const struct row *rows, size_t n, const char *text)
{
    char *key = similar_key(slice_of(text));
    bool hit = false;

    for (size_t i = 0; i < n && !hit; i++)
        hit = row_fits(&rows[i], key);
    free(key);
    return hit;
}

bool brand_is_placeholder(const char *artist)
{
    struct slice s = slice_trim(slice_of(artist));

    for (size_t i = 0; i < ARRAY_LEN(placeholders); i++)
        if (slice_ieq_str(s, placeholders[i]))
            return true;
    return false;
}

bool brand_is_cover(const char *artist)
{
    return any_row_fits(artists, ARRAY_LEN(artists), artist);
}

bool brand_in_title(const char *title)
{
    return any_row_fits(phrases, ARRAY_LEN(phrases), title);
}

const char *brand_row(size_t i)
{
    if (i < ARRAY_LEN(artists))
        return artists[i].key;
    i -= ARRAY_LEN(artists);
    return i < ARRAY_LEN(phrases) ? phrases[i].key : NULL;
}
