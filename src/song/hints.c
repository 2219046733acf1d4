/* Known artists and words that hint at a part's role; see hints.h. Pure, any thread. */
#include "song/hints.h"

#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "song/fold.h"

#define LOOK_MAX ARTIST_KEY_MAX

/* clang-format off */
/* First names that singers carry. */
static const char *const first_names[] = {
    "aaron", "adam", "alan", "albert", "alex", "alice", "alicia", "alison", "amanda", "amy", "andrea", "andreas", "andrew",
    "andy", "angela", "anita", "ann", "anna", "anne", "annie", "anthony", "anton", "aretha", "arthur", "ashley", "barbara",
    "barry", "ben", "bernd", "bette", "betty", "bill", "billy", "bob", "bobby", "bonnie", "brad", "brandon", "brenda", "brian",
    "britney", "bruce", "bruno", "bryan", "carl", "carla", "carlos", "carly", "carol", "carole", "carrie", "cat", "charles",
    "charlie", "chris", "christina", "christopher", "chuck", "claude", "cliff", "colin", "connie", "craig", "crystal", "cyndi",
    "dan", "daniel", "danny", "dave", "david", "dean", "debbie", "deborah", "demi", "dennis", "diana", "dionne", "dolly", "don",
    "donna", "doris", "doug", "drake", "dusty", "dwight", "ed", "eddie", "eddy", "edith", "edwin", "elaine", "ella", "ellie",
    "elton", "elvis", "emeli", "emma", "engelbert", "enrique", "eric", "erika", "etta", "eva", "faith", "fats", "felix",
    "fiona", "florence", "francesco", "frank", "frankie", "franz", "freddie", "freddy", "gary", "gene", "george", "gerry",
    "gilbert", "gino", "gladys", "glen", "glenn", "gloria", "gordon", "grace", "greg", "gwen", "hank", "harry", "heather",
    "helen", "helene", "henry", "herbert", "howard", "hugh", "ian", "irene", "jack", "jackie", "jackson", "jacques", "jake",
    "james", "jamie", "jan", "jane", "janet", "janis", "jason", "jay", "jean", "jeff", "jennifer", "jerry", "jesse", "jessica",
    "jessie", "jim", "jimi", "jimmy", "joan", "joe", "johan", "john", "johnny", "jon", "jonas", "jonathan", "jorge", "jose",
    "josh", "joshua", "juan", "judy", "julia", "julie", "julio", "justin", "karen", "kate", "kathy", "katie", "katy", "keith",
    "kelly", "ken", "kenny", "kevin", "kim", "kris", "kurt", "kylie", "lara", "larry", "laura", "lauren", "leann", "lee",
    "lenny", "leo", "leon", "leona", "leonard", "leroy", "lewis", "lily", "linda", "lionel", "lisa", "liza", "lou", "louis",
    "lucinda", "luis", "luke", "luther", "lyle", "marc", "marcel", "marco", "maria", "mariah", "marie", "mario", "mark",
    "marlene", "martin", "martina", "marty", "marvin", "mary", "matt", "maureen", "max", "megan", "meghan", "mel", "melanie",
    "melissa", "merle", "michael", "michel", "michelle", "miguel", "mike", "miley", "miranda", "mitch", "moira", "muddy",
    "nancy", "nat", "natalie", "natasha", "neil", "nelly", "nick", "nicki", "nicole", "nina", "norah", "olivia", "otis", "ozzy",
    "pablo", "pam", "pat", "patrick", "patsy", "patti", "patty", "paul", "paula", "pearl", "pedro", "peggy", "percy", "peter",
    "petula", "pharrell", "phil", "pink", "randy", "ray", "reba", "regine", "ricardo", "richard", "rick", "ricky", "rita",
    "rob", "robbie", "robert", "roberta", "roberto", "robin", "rod", "roger", "ronan", "ronnie", "rosanne", "roy", "ruben",
    "russell", "ryan", "sabrina", "sally", "sam", "samantha", "sammy", "sandra", "sara", "sarah", "scott", "sean", "selena",
    "shania", "sharon", "shawn", "sheena", "sheryl", "shirley", "smokey", "sonny", "stan", "stella", "stephanie", "stephen",
    "steve", "steven", "stevie", "sue", "susan", "suzi", "tammy", "tanya", "taylor", "ted", "terry", "thomas", "tim", "tina",
    "toby", "tom", "tommy", "toni", "tony", "tracy", "trisha", "udo", "umberto", "van", "vanessa", "vicente", "vicki", "victor",
    "vince", "vinny", "wayne", "whitney", "will", "willie", "wilson", "yvonne", "zara",
};

/* Words of titles. */
static const char *const title_words[] = {
    "about", "after", "again", "ain", "ako", "all", "alone", "always", "am", "amor", "ang", "another", "anymore",
    "anything", "are", "arms", "away", "baby", "back", "be", "beautiful", "because", "been", "before", "believe", "better",
    "blame", "body", "born", "break", "breathe", "bring", "broken", "burn", "bye", "call", "came", "can", "cant", "care",
    "christmas", "close", "coeur", "come", "comes", "como", "corazon", "could", "crazy", "cry", "crying", "dance",
    "dancing", "das", "day", "days", "des", "dich", "did", "die", "dir", "do", "does", "dont", "door", "down", "dream",
    "dreams", "du", "duet", "easy", "end", "ever", "every", "everybody", "everything", "everytime", "eyes", "fall",
    "falling", "feel", "feeling", "feels", "find", "fire", "first", "fly", "for", "forever", "forget", "from", "get",
    "girl", "give", "go", "goes", "goin", "going", "gone", "gonna", "good", "goodbye", "got", "gotta", "hallelujah",
    "hands", "happy", "hard", "hate", "have", "he", "heart", "heaven", "hello", "help", "her", "here", "hes", "hey", "high",
    "him", "his", "hold", "home", "hot", "how", "hurt", "i", "ich", "id", "if", "ikaw", "ill", "im", "in", "into", "is",
    "isnt", "ist", "it", "its", "ive", "je", "just", "ka", "kang", "karaoke", "keep", "kill", "kita", "knock", "know", "ko",
    "lang", "last", "leave", "leaving", "les", "let", "lets", "letter", "lie", "liebe", "life", "light", "like", "live",
    "lonely", "long", "look", "lose", "lost", "love", "loved", "lover", "loves", "loving", "luna", "lyrics", "made",
    "mahal", "make", "maybe", "me", "mean", "mein", "mga", "mi", "mich", "mind", "mine", "mir", "miss", "moi", "moment",
    "mon", "moon", "more", "morning", "music", "my", "myself", "na", "ne", "need", "never", "ng", "nga", "nice", "nicht",
    "night", "nights", "nobody", "noche", "not", "nothing", "now", "nur", "oh", "on", "once", "only", "our", "out", "over",
    "pa", "party", "pas", "place", "play", "please", "por", "promise", "puso", "que", "quiero", "rain", "remember", "ride",
    "right", "river", "road", "roll", "rolling", "run", "sa", "sad", "said", "sana", "save", "say", "see", "send", "shake",
    "she", "should", "show", "side", "sin", "sing", "sleep", "slow", "smile", "so", "some", "somebody", "someone",
    "something", "somewhere", "song", "sorry", "stand", "stay", "still", "stop", "strong", "summer", "sun", "sunshine",
    "take", "talk", "tears", "tell", "than", "that", "thats", "them", "then", "there", "these", "they", "thing", "things",
    "think", "this", "thousand", "through", "till", "time", "times", "to", "today", "together", "toi", "tomorrow",
    "tonight", "too", "touch", "true", "try", "turn", "und", "under", "une", "until", "up", "us", "version", "vida",
    "video", "voy", "wait", "waiting", "wake", "walk", "wanna", "want", "was", "wasnt", "way", "we", "well", "wenn", "were",
    "weve", "what", "whatever", "when", "where", "whole", "why", "will", "wind", "wish", "with", "without", "woman",
    "wonderful", "wont", "worth", "would", "wrong", "ya", "years", "yes", "yesterday", "you", "youd", "youll", "your",
    "youre", "yours", "youve",
};

/* Words of names of bands and of credits. */
static const char *const credit_words[] = {
    "band", "boys", "brothers", "cast", "choir", "crew", "dj", "ensemble", "feat", "featuring", "ft", "gang", "jr", "kings",
    "las", "lil", "los", "mc", "orchestra", "project", "quartet", "queens", "quintet", "singers", "sisters",
    "soundtrack", "sr", "traditional", "trio",
};
/* clang-format on */

/* Surnames (Han, one character) that most Chinese and many Japanese and Korean singers carry. */
static const char han_surnames[] = "王李张張刘劉陈陳杨楊黄黃赵趙吴吳周徐孙孫马馬朱胡郭何高林罗羅郑鄭梁谢謝宋唐许許韩韓冯馮邓鄧曹彭曾肖萧蕭田董潘袁蔡蒋蔣"
                                   "余于杜叶葉程苏蘇魏吕呂丁任沈姚卢盧姜崔钟鍾谭譚陆陸汪范石廖贾賈夏韦韋傅方白邹鄒孟熊秦邱江尹薛阎雷侯龙龍"
                                   "陶黎贺賀顾顧毛郝龚龔邵万萬钱錢严嚴莫孔汤湯费費齐齊庾伍朴容温溫戴关關梅童邝鄺那";
static const char hangul_surnames[] = "김이박최정조윤장임한오서신권황안송류유전홍고문양손배백허남심노하곽성차주우구민";

static int find_word(const char *const *words, size_t n, const char *w, size_t len)
{
    size_t lo = 0, hi = n;

    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        int c = strncmp(words[mid], w, len);
        if (c == 0 && words[mid][len])
            c = 1;
        if (c == 0)
            return (int)mid;
        if (c < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return -1;
}

#define HAS_WORD(table, w, len) (find_word(table, ARRAY_LEN(table), w, len) >= 0)

/* Signs and words between the names of a credit: "A & B", "A feat. B", "A, B". Returns the length of the one at p, 0 for none. */
static size_t credit_joint(const char *p)
{
    static const char *const joints[] = {", ", " & ", " feat", " ft", " x ", " and ", " y ", " e ", " con ", " with ", " vs",
                                         " und ", " et ", " og ", " och ", " ja ", "&", " / ", "、", "×"};

    for (size_t i = 0; i < ARRAY_LEN(joints); i++)
        if (strncasecmp(p, joints[i], strlen(joints[i])) == 0)
            return strlen(joints[i]);
    return 0;
}

/* The first name of a credit, or what stands before or in a bracket: "Ada & Bo", "비비(BIBI)", "王菲 Faye Wong". */
static enum artist_fame fame_of_part(struct slice text)
{
    const char *open = text.n ? memchr(text.p, '(', text.n) : NULL,
               *close = open ? memchr(open, ')', text.n - (size_t)(open - text.p)) : NULL;

    if (close && open > text.p) {
        enum artist_fame before = artist_fame(slice_trim((struct slice){text.p, (size_t)(open - text.p)}));
        enum artist_fame inside = artist_fame((struct slice){open + 1, (size_t)(close - open - 1)});
        return before > inside ? before : inside;
    }
    for (size_t i = 1; i + 1 < text.n; i++)   /* "林俊傑 JJ Lin" */
        if (text.p[i] == ' ' && (unsigned char)text.p[i - 1] >= 0xe3 - 0x63 && (unsigned char)text.p[0] >= 0xe3 &&
            (unsigned char)text.p[i + 1] < 0x80)
            return artist_fame((struct slice){text.p, i});
    for (size_t i = 1; i + 1 < text.n; i++) {
        struct slice first = {text.p, i};
        unsigned char c = (unsigned char)text.p[i];
        enum artist_fame fame;
        if ((c != ' ' && c != ',' && c != '&' && c < 0x80) || !credit_joint(text.p + i))
            continue;
        fame = artist_fame(first);
        if (fame)
            return fame == FAME_NAME && !memchr(first.p, ' ', first.n) ? FAME_WORD : fame;
        break;
    }
    return FAME_NONE;
}

enum artist_fame hint_fame(struct slice text)
{
    enum artist_fame fame;

    if (text.n >= LOOK_MAX)
        return FAME_NONE;
    fame = artist_fame(text);
    return fame ? fame : fame_of_part(text);
}

bool hint_is_artist(struct slice text)
{
    return artist_fame(text) != FAME_NONE;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\x1f';
}

/* "... ft. Ada Vale": the artist stands before that. */
static bool follows_guest_word(struct slice text, size_t blank)
{
    static const char *const words[] = {"ft", "ft.", "feat", "feat.", "featuring", "&", "and", "with", "x", "vs"};
    size_t at = blank;

    while (at && is_blank(text.p[at - 1]))
        at--;
    blank = at;
    while (at && !is_blank(text.p[at - 1]))
        at--;
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (slice_ieq_str((struct slice){text.p + at, blank - at}, words[i]))
            return true;
    return false;
}

bool hint_split_artist(struct slice text, bool from_end, size_t *split)
{
    size_t blanks[6], n = 0;

    if (text.n >= LOOK_MAX)
        return false;
    for (size_t i = 1; i + 1 < text.n && n < ARRAY_LEN(blanks); i++) {
        size_t at = from_end ? text.n - 1 - i : i;
        if (is_blank(text.p[at]) && !is_blank(text.p[at + 1]))
            blanks[n++] = at;
    }
    while (n--) {
        struct slice side = from_end ? (struct slice){text.p + blanks[n] + 1, text.n - blanks[n] - 1}
                                     : (struct slice){text.p, blanks[n]};
        if (side.n >= 3 && artist_fame(side) == FAME_NAME && !(from_end && follows_guest_word(text, blanks[n]))) {
            *split = from_end ? blanks[n] + 1 : blanks[n];
            return true;
        }
    }
    return false;
}

/* A name of two to four characters whose first is a surname. */
static bool looks_east_asian_name(struct slice s)
{
    size_t at = 0, first = 0, count = 0, han = 0, hangul = 0;

    while (at < s.n && count < 6) {
        int32_t cp = utf8_next(s, &at);
        if (count == 0)
            first = at;
        han += (cp >= 0x3400 && cp <= 0x9fff);
        hangul += (cp >= 0xac00 && cp <= 0xd7a3);
        count++;
    }
    if (count < 2 || at < s.n || first != 3)
        return false;
    if (han == count && count <= 3)
        return memmem(han_surnames, sizeof han_surnames - 1, s.p, 3) != NULL;
    return hangul == count && count == 3 && memmem(hangul_surnames, sizeof hangul_surnames - 1, s.p, 3) != NULL;
}

static void look_at_words(const char *key, struct part_look *out)
{
    int title_hits = 0;
    bool first = true;

    for (const char *w = key; *w;) {
        size_t len = strcspn(w, " ");
        if (HAS_WORD(title_words, w, len))
            title_hits++;
        if (HAS_WORD(credit_words, w, len))
            out->artist += 2;
        else if (first && w[len] && HAS_WORD(first_names, w, len))
            out->artist += 2;
        out->words++;
        first = false;
        w += len;
        w += *w == ' ';
    }
    out->title += title_hits > 3 ? 5 : title_hits * 2 - (title_hits == 3);
    if (out->words > 4)
        out->title += 2;
    if (out->words > 6)
        out->title += 1;
}

static void look_at_signs(struct slice s, struct part_look *out)
{
    int commas = 0, capitals = 0, words = 0;

    for (size_t i = 0; i < s.n; i++) {
        bool starts = i == 0 || is_blank(s.p[i - 1]);
        commas += s.p[i] == ',';
        if (starts && !is_blank(s.p[i])) {
            words++;
            capitals += s.p[i] >= 'A' && s.p[i] <= 'Z';
        }
        if (s.p[i] == '&')
            out->artist += 1;
        if (s.p[i] == '?' || (i == 0 && s.p[i] == '('))
            out->title += 2;
    }
    if (words == 2 && capitals == 2)
        out->artist += 1;
    out->has_comma_list = commas >= 2;
    if (commas >= 2)
        out->artist += 3;
}

void hint_look(struct slice text, struct part_look *out)
{
    char key[LOOK_MAX];
    bool the = text.n > 4 && strncasecmp(text.p, "the ", 4) == 0;

    memset(out, 0, sizeof *out);
    if (!artist_key(text, key)) {
        out->title = 3;
        out->words = 10;
        return;
    }
    look_at_signs(text, out);
    look_at_words(key, out);
    out->words += the;
    if (the && out->words <= 3)
        out->artist += 2;
    if (looks_east_asian_name(text))
        out->artist += 3;
    out->fame = artist_fame_of_key(key);
    if (out->fame == FAME_WORD)
        out->title = 0;
    if (!out->fame)
        out->fame = fame_of_part(text);
}
