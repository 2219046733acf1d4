/* The table of rules; see title_rules.h. The numbers lie within the bands of the product: what each rule earned on real names,
 * not what it hoped for. Pure, any thread. */
#include "song/title_rules.h"

static const struct title_rule_row rows[RULE_COUNT] = {
    [RULE_EMPTY] = {"empty", 0.00, 0.05, "the name holds nothing that could be a title", "---"},
    [RULE_TITLE_ONLY] = {"title_only", 0.20, 0.39, "the name holds one part only, taken as the title",
                         "Blue Harbour (Karaoke Version)"},
    [RULE_WEAK] = {"weak_separator", 0.40, 0.59, "artist and title are parted by a weak sign only", "Blue Harbour  Ada Vale"},
    [RULE_NO_SEPARATOR] = {"no_separator", 0.40, 0.59, "a well-known artist stands at one end of a name without separator",
                           "Elton John Blue Harbour karaoke"},
    [RULE_SEPARATOR] = {"separator", 0.60, 0.69, "two parts, the order is a guess from how they look", "Ada Vale - Blue Harbour"},
    [RULE_BY] = {"by", 0.70, 0.84, "the artist follows the word 'by'", "Blue Harbour by Ada Vale (Karaoke)"},
    [RULE_VENDOR] = {"vendor_order", 0.70, 0.84, "%s writes the parts in this order",
                     "Blue Harbour - Ada Vale | Karaoke Version | KaraFun"},
    [RULE_ARTIST] = {"known_artist", 0.70, 0.84, "one part is a well-known artist", "Blue Harbour - Elton John"},
    [RULE_SORT_FORM] = {"sort_form", 0.70, 0.84, "one part is an artist in sort form", "SC1234-05 - Vale, Ada - Blue Harbour"},
    [RULE_QUOTED] = {"quoted_title", 0.70, 0.84, "the quoted part is the title", "Ada Vale - \"Blue Harbour\""},
    [RULE_GUEST] = {"guest", 0.70, 0.84, "the part with the guest credit is the artist", "Ada Vale ft. Bo Reed - Blue Harbour"},
    [RULE_FOLDER] = {"folder_artist", 0.70, 0.84, "the folder is a well-known artist", "Elton John/Blue Harbour.mp4"},
    [RULE_SOURCE] = {"soundtrack", 0.70, 0.84, "the part that names a film or show stands for the artist",
                     "Blue Harbour - Ada Vale Soundtrack"},
    [RULE_SHAPE] = {"name_style", 0.70, 0.84, "names written like this put the parts in this order",
                    "Ada_Vale_-_Blue_Harbour.mp3"},
    [RULE_LIBRARY] = {"library", 0.70, 0.84, "%s", NULL},
    [RULE_PHRASE] = {"phrase", 0.85, 0.89, "the artist follows '%s'", "Blue Harbour (In the Style of Ada Vale) [Karaoke]"},
};

const struct title_rule_row *title_rule_row(enum title_rule rule)
{
    return &rows[rule];
}
