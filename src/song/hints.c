/* Known artists and words that hint at a part's role; see hints.h. Pure, any thread. */
#include "song/hints.h"

#include <string.h>
#include <strings.h>

#include <utf8proc.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "song/fold.h"

#define LOOK_MAX ARTIST_KEY_MAX

/* clang-format off */
/* First names that singers carry. */
static const char *const first_names[] = {
    "aaron", "adam", "adrian", "adriana", "agnes", "agnieszka", "ahmed", "aidan", "aimee", "akira", "alan", "albert",
    "alberto", "alejandra", "alejandro", "aleksandra", "alessandro", "alex", "alexander", "alexandra", "alfie", "alfredo",
    "alice", "alicia", "alison", "allison", "alma", "alvin", "amanda", "amir", "amy", "ana", "anand", "anders", "andre",
    "andrea", "andreas", "andrew", "andy", "angela", "angelo", "anita", "anja", "anjali", "anke", "ann", "anna", "anne",
    "annie", "anthony", "antoine", "anton", "antonio", "archie", "aretha", "ariana", "arjun", "arlo", "armando", "arthur",
    "arturo", "ashley", "astrid", "audrey", "ava", "axel", "ayse", "barbara", "barney", "barry", "beatrice", "ben", "benjamin",
    "benny", "bernard", "bernd", "bert", "beth", "bette", "betty", "bill", "billy", "bjorn", "blake", "bo", "bob", "bobby",
    "bonnie", "bonny", "boyd", "brad", "brandi", "brandon", "brenda", "brendan", "brent", "brett", "brian", "britney",
    "brittany", "bruce", "bruno", "bryan", "bryce", "burt", "caleb", "callum", "camille", "candice", "carl", "carla", "carlo",
    "carlos", "carly", "carol", "carole", "caroline", "carrie", "casey", "cassandra", "cat", "catherine", "chad", "chantal",
    "charles", "charlie", "charlotte", "chelsea", "chester", "chloe", "chris", "christina", "christine", "christopher",
    "chuck", "ciara", "cindy", "claire", "clara", "clarence", "claude", "claudia", "clayton", "cliff", "clint", "clinton",
    "clive", "clyde", "cody", "colin", "connie", "connor", "conor", "conrad", "corey", "cornelius", "cory", "courtney",
    "craig", "crystal", "curtis", "cyndi", "cynthia", "damian", "damien", "dan", "daniel", "daniela", "danielle", "danilo",
    "danny", "daphne", "darren", "daryl", "dave", "david", "davide", "dawid", "dean", "debbie", "debora", "deborah", "demi",
    "denise", "dennis", "desmond", "devin", "diana", "diane", "didier", "diego", "dieter", "dionne", "dirk", "dolly",
    "dominic", "don", "donna", "dorian", "doris", "dorothy", "doug", "dragan", "drake", "duncan", "dustin", "dusty", "dwight",
    "dylan", "earl", "ed", "eddie", "eddy", "edgar", "edith", "edmund", "eduardo", "edward", "edwin", "eileen", "elaine",
    "eleanor", "elena", "eli", "elias", "elif", "elisa", "elise", "elizabeth", "ella", "ellen", "ellie", "elliot", "elliott",
    "eloise", "elsa", "elton", "elvis", "emeli", "emil", "emilia", "emilio", "emily", "emma", "emmett", "engelbert", "enrique",
    "enzo", "eric", "erica", "erik", "erika", "erin", "ernest", "ernesto", "esther", "ethan", "etta", "eugene", "eva", "evan",
    "eve", "evelyn", "ezra", "fabio", "faith", "fatma", "fats", "federico", "felicia", "felix", "fernando", "finn", "fiona",
    "florence", "florian", "fran", "frances", "francesca", "francesco", "francis", "francisco", "francois", "frank", "frankie",
    "franz", "fred", "freddie", "freddy", "frederik", "gabby", "gabe", "gabriel", "gabriela", "gabriella", "gareth", "garth",
    "gary", "gavin", "gene", "george", "gerald", "gerard", "gerry", "gianna", "gianni", "gil", "gilbert", "gina", "gino",
    "giorgio", "giovanni", "giulia", "giuseppe", "gladys", "glen", "glenn", "gloria", "goran", "gordon", "grace", "graham",
    "greg", "greta", "gretchen", "guillermo", "gus", "gustav", "gustavo", "gwen", "hank", "hanna", "hannah", "hans", "harold",
    "harriet", "harry", "haruka", "harvey", "hattie", "heather", "hector", "heidi", "helen", "helena", "helene", "helmut",
    "henry", "herbert", "hilary", "hilda", "hiroshi", "horst", "howard", "hubert", "hugh", "hugo", "ian", "ida", "ignacio",
    "igor", "inga", "inger", "ingrid", "irene", "irma", "isaac", "isabel", "isabella", "isabelle", "isaiah", "isobel", "ivan",
    "ivana", "jack", "jackie", "jackson", "jacob", "jacques", "jaime", "jake", "james", "jamie", "jan", "jana", "jane",
    "janelle", "janet", "janine", "janis", "jared", "jarek", "jasmine", "jason", "jasper", "javier", "jay", "jean", "jeanette",
    "jeff", "jeffrey", "jelena", "jenna", "jennifer", "jenny", "jens", "jeremiah", "jeremy", "jermaine", "jerry", "jess",
    "jesse", "jessica", "jessie", "jill", "jim", "jimi", "jimmy", "jiri", "joan", "joanna", "joanne", "joaquin", "jody", "joe",
    "joel", "joelle", "johan", "johanna", "johannes", "john", "johnny", "jon", "jonah", "jonas", "jonathan", "jools", "jorge",
    "jorgen", "jorja", "jose", "josef", "josefina", "joseph", "josephine", "josh", "joshua", "josie", "joss", "joyce", "juan",
    "juanita", "judy", "julia", "julian", "juliana", "julie", "julien", "juliet", "julio", "jurgen", "justin", "justyna",
    "kacey", "kaitlyn", "karen", "karin", "karl", "kasey", "kasia", "katarina", "kate", "katharina", "katherine", "kathleen",
    "kathy", "katie", "katja", "katrina", "katy", "kay", "kayla", "keiko", "keith", "kelly", "ken", "kendra", "kenji",
    "kenneth", "kenny", "kerry", "kevin", "kieran", "kim", "kimberly", "kirk", "kirsty", "kishore", "klaus", "konstantin",
    "kris", "kristen", "kristian", "kristin", "krzysztof", "kurt", "kurtis", "kyle", "kylie", "lana", "lara", "larry", "lars",
    "lata", "laura", "lauren", "laurence", "laurent", "lauri", "lavinia", "leah", "leandro", "leann", "lee", "lena", "lenny",
    "leo", "leon", "leona", "leonard", "leonardo", "leroy", "leslie", "levi", "lewis", "liam", "lila", "lillian", "lily",
    "linda", "linus", "lionel", "lisa", "liv", "liza", "lizzie", "lizzy", "logan", "loren", "lorenzo", "loretta", "lori",
    "lorna", "lorraine", "lou", "louis", "louisa", "louise", "lowri", "luca", "lucas", "lucia", "luciano", "lucie", "lucinda",
    "lucy", "ludwig", "luigi", "luis", "luisa", "luke", "luther", "lydia", "lyle", "lynn", "mabel", "maddie", "madeleine",
    "magdalena", "maggie", "magnus", "maja", "malcolm", "manuel", "manuela", "marc", "marcel", "marcela", "marcelo", "marcia",
    "marcin", "marco", "marcus", "marek", "margaret", "margarita", "margo", "margot", "maria", "mariah", "marian", "mariana",
    "marianne", "marie", "marina", "mario", "marisa", "marisol", "marit", "marjorie", "mark", "marlene", "marlon", "marta",
    "martha", "martin", "martina", "marty", "marvin", "mary", "mateo", "mathias", "mathilde", "matt", "matteo", "matthew",
    "matthias", "mattias", "maureen", "maurice", "maurizio", "mauro", "max", "megan", "meghan", "mehmet", "mel", "melanie",
    "melissa", "merle", "michael", "michel", "michelle", "mick", "midge", "miguel", "mikael", "mike", "mikkel", "mildred",
    "milena", "miley", "milo", "mimi", "minnie", "miranda", "miriam", "mitch", "mitzi", "mohamed", "moira", "molly", "mona",
    "monica", "monika", "monique", "morgan", "moritz", "morris", "muddy", "muriel", "mustafa", "myra", "myrtle", "nadia",
    "nadine", "nancy", "naomi", "nat", "natalia", "natalie", "natasha", "nate", "nathan", "nathaniel", "ned", "neil", "nelly",
    "nelson", "nicholas", "nick", "nicki", "nicky", "nico", "nicola", "nicolas", "nicole", "niels", "nigel", "niklas", "nils",
    "nina", "noah", "noel", "noelle", "nora", "norah", "norman", "oleg", "olga", "oliver", "olivia", "ollie", "oriana", "orla",
    "oscar", "oskar", "osvaldo", "otis", "otto", "owen", "ozzy", "pablo", "paddy", "paige", "pam", "pamela", "paolo", "pascal",
    "pat", "patricia", "patrick", "patrik", "patrizia", "patsy", "patti", "patty", "paul", "paula", "pauline", "pavel",
    "pearl", "pedro", "peggy", "penelope", "percy", "pete", "peter", "petra", "petula", "pharrell", "phil", "philip",
    "philippe", "phillip", "phoebe", "phyllis", "pia", "pierre", "pilar", "pink", "piotr", "preston", "priya", "quentin",
    "quincy", "rachael", "rachel", "rafael", "rahul", "ralph", "ramon", "randy", "raquel", "raul", "ravi", "ray", "raymond",
    "reba", "rebecca", "reggie", "regine", "reinhard", "renata", "renato", "rene", "rhiannon", "rhonda", "ricardo", "riccardo",
    "richard", "rick", "ricky", "rita", "rob", "robbie", "robby", "robert", "roberta", "roberto", "robin", "rod", "rodney",
    "rodrigo", "roger", "roland", "rolf", "romy", "ron", "ronan", "ronnie", "ronny", "rory", "rosanne", "rosario", "roy",
    "ruben", "rudy", "rufus", "rupert", "russell", "ruth", "ryan", "sabine", "sabrina", "sacha", "sally", "salvatore", "sam",
    "samantha", "sammy", "samuel", "sandra", "sanjay", "santiago", "sara", "sarah", "sasha", "saul", "scott", "sean",
    "sebastian", "selena", "serena", "serge", "sergei", "sergio", "seth", "shane", "shania", "shannon", "sharlene", "sharon",
    "shawn", "shawna", "sheena", "sheila", "shelby", "sherri", "sheryl", "shirley", "sidney", "siegfried", "sigrid", "silvia",
    "silvio", "simon", "simone", "smokey", "sofia", "sofie", "solange", "sonia", "sonja", "sonny", "sophia", "sophie",
    "stacey", "stan", "stanley", "stefan", "stefania", "stefanie", "stefano", "stella", "stephanie", "stephen", "steve",
    "steven", "stevie", "stewart", "stuart", "sue", "sunil", "susan", "suzi", "sven", "svetlana", "sylvia", "sylvie",
    "takashi", "tamara", "tammy", "tania", "tanja", "tanya", "tara", "tate", "tatiana", "taylor", "ted", "teddy", "teresa",
    "terry", "tess", "tessa", "thea", "theo", "theodore", "theresa", "thomas", "tiffany", "tilly", "tim", "timothy", "tina",
    "tobias", "toby", "todd", "tom", "tomasz", "tommaso", "tommy", "toni", "tony", "tori", "tracy", "travis", "trent",
    "trevor", "trey", "trina", "trish", "trisha", "tristan", "troy", "trudy", "tyler", "tyrone", "udo", "ulrich", "umberto",
    "ursula", "valentina", "valeria", "van", "vanessa", "vera", "verena", "veronica", "vesna", "vic", "vicente", "vicki",
    "vicky", "victor", "victoria", "viktor", "vince", "vincent", "vincenzo", "vinny", "vito", "vivian", "viviana", "vladimir",
    "wade", "wallace", "walter", "wanda", "warren", "wayne", "wendell", "wendy", "wesley", "whitney", "wilbur", "wilhelm",
    "will", "william", "willie", "wilson", "wolfgang", "wyatt", "xavier", "yasmin", "yolanda", "youssef", "yuki", "yvette",
    "yvonne", "zac", "zach", "zachary", "zack", "zara", "zeke", "zelda", "ziggy", "zoe", "zoltan", "zoran", "александр",
    "алексеи", "алла", "анатолии", "андреи", "анна", "антон", "борис", "валентина", "валерии", "вера", "виктор", "виктория",
    "владимир", "вячеслав", "геннадии", "григории", "дмитрии", "евгении", "екатерина", "елена", "иван", "игорь", "илья",
    "иосиф", "ирина", "кристина", "лариса", "лев", "леонид", "лолита", "людмила", "марина", "мария", "микола", "михаил",
    "наталья", "наташа", "николаи", "оксана", "олег", "олександр", "ольга", "павел", "полина", "роман", "светлана", "сергеи",
    "сергіи", "софия", "станислав", "стас", "тарас", "татьяна", "тимур", "филипп", "эдита", "эдуард", "юлия", "юрии",
    "ярослав", "ірина",
};

/* Words of titles. */
static const char *const title_words[] = {
    "about", "after", "again", "aimer", "ain", "aint", "ako", "all", "alles", "almost", "alone", "always", "am", "amo",
    "amor", "amore", "ang", "another", "anthem", "anybody", "anymore", "anyone", "anything", "anyway", "are", "arms",
    "around", "as", "att", "auf", "avec", "away", "baby", "back", "be", "beautiful", "because", "been", "before", "behind",
    "believe", "beneath", "best", "better", "between", "birthday", "blame", "body", "born", "boyfriend", "break", "breath",
    "breathe", "bring", "broken", "burn", "but", "bye", "call", "came", "can", "cant", "care", "change", "che", "christmas",
    "close", "coeur", "come", "comes", "como", "corazon", "could", "crazy", "cry", "crying", "cuore", "daddy", "dance",
    "dancing", "dans", "das", "day", "days", "deep", "des", "dich", "did", "die", "dir", "do", "does", "dont", "door",
    "down", "dream", "dreaming", "dreams", "drinking", "driving", "du", "duet", "easy", "ein", "eine", "empty", "end",
    "enough", "est", "eu", "ever", "every", "everybody", "everyday", "everyones", "everything", "everytime", "everywhere",
    "eyes", "fall", "fallen", "falling", "feel", "feeling", "feels", "fever", "find", "fire", "first", "fly", "for",
    "forever", "forget", "forgive", "forgiven", "friend", "friends", "from", "game", "get", "girl", "girlfriend", "give",
    "go", "goes", "goin", "going", "gone", "gonna", "good", "goodbye", "goodnight", "got", "gotta", "hallelujah", "hands",
    "happy", "hard", "hate", "have", "he", "heart", "hearts", "heaven", "hello", "help", "her", "here", "hero", "herz",
    "hes", "hey", "high", "higher", "him", "his", "hold", "home", "hot", "how", "hurt", "i", "ich", "id", "if", "ikaw",
    "ill", "im", "immer", "in", "inte", "into", "is", "isnt", "ist", "it", "its", "ive", "jag", "je", "jij", "just", "ka",
    "kang", "karaoke", "keep", "kill", "kisses", "kita", "knock", "know", "ko", "lang", "last", "leave", "leavin",
    "leaving", "leben", "les", "let", "lets", "letter", "lie", "liebe", "life", "light", "like", "live", "lonely", "long",
    "look", "lose", "lost", "love", "loved", "lover", "loves", "lovin", "loving", "lullaby", "luna", "lyrics", "made",
    "mahal", "make", "mama", "mas", "mashup", "maybe", "me", "mean", "medley", "mehr", "mein", "meu", "mga", "mi", "mich",
    "mind", "mine", "minha", "mir", "miss", "moi", "moment", "mon", "moon", "more", "morning", "music", "must", "my",
    "myself", "na", "nacht", "nao", "ne", "need", "never", "ng", "nga", "nice", "nicht", "niet", "night", "nights", "no",
    "nobody", "nobodys", "noche", "non", "not", "nothin", "nothing", "notte", "nous", "now", "nur", "och", "oh", "old",
    "on", "once", "only", "or", "our", "out", "over", "pa", "paradise", "part", "party", "pas", "place", "play", "please",
    "por", "promise", "promises", "puso", "que", "quiero", "rain", "remember", "ride", "right", "river", "road", "roll",
    "rolling", "run", "sa", "sad", "said", "sana", "sans", "save", "say", "see", "sei", "send", "serenade", "shake",
    "shallow", "she", "should", "show", "side", "sin", "sing", "sleep", "slow", "smile", "so", "sole", "some", "somebody",
    "someone", "somethin", "something", "sometimes", "somewhere", "song", "sorry", "stand", "stay", "still", "stop",
    "strong", "summer", "sun", "sunshine", "sur", "taime", "take", "talk", "te", "tear", "tears", "tell", "than", "that",
    "thats", "them", "theme", "then", "there", "these", "they", "thing", "things", "think", "this", "thousand", "through",
    "ti", "till", "time", "times", "to", "today", "together", "toi", "tomorrow", "tonight", "too", "touch", "true", "try",
    "tu", "turn", "und", "under", "une", "until", "up", "us", "version", "vida", "video", "vie", "vita", "voce", "vous",
    "voy", "wait", "waiting", "wake", "walk", "wanna", "want", "was", "wasnt", "way", "we", "well", "wenn", "were", "weve",
    "what", "whatever", "when", "whenever", "where", "wherever", "whoever", "whole", "why", "wie", "will", "wind", "wir",
    "wish", "with", "without", "woman", "wonderful", "wont", "words", "world", "worth", "would", "wrong", "ya", "years",
    "yes", "yesterday", "yo", "you", "youd", "youll", "your", "youre", "yours", "youve",
};

/* Words of names of bands and of credits. */
static const char *const credit_words[] = {
    "band", "boys", "brothers", "cast", "choir", "crew", "dj", "ensemble", "feat", "featuring", "ft", "gang", "jr", "kings",
    "las", "lil", "los", "mc", "orchestra", "project", "quartet", "queens", "quintet", "singers", "sisters",
    "soundtrack", "sr", "traditional", "trio",
};
/* clang-format on */

/* Surnames (Han, one character) that most Chinese and many Japanese and Korean singers carry. */
static const char han_surnames[] =
    "王李张張刘劉陈陳杨楊黄黃赵趙吴吳周徐孙孫马馬朱胡郭何高林罗羅郑鄭梁谢謝宋唐许許韩韓冯馮邓鄧曹彭曾肖萧蕭田董潘袁蔡蒋蔣"
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
    static const char *const joints[] = {", ",  " & ",   " feat", " ft",  " x ",   " and ", " y ", " e ", " con ", " with ",
                                         " vs", " und ", " et ",  " og ", " och ", " ja ",  "&",   " / ", "、",    "×"};

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
    for (size_t i = 1; i + 1 < text.n; i++) /* "林俊傑 JJ Lin" */
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
        struct slice side =
            from_end ? (struct slice){text.p + blanks[n] + 1, text.n - blanks[n] - 1} : (struct slice){text.p, blanks[n]};
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

/* "Ada Vale & The Vices", "Ada Vale y su Grupo": a singer and the band. */
static bool names_band(struct slice s)
{
    static const char *const joints[] = {" & the ", " & his ", " & her ", " y su "};

    for (size_t i = 1; i + 1 < s.n; i++)
        for (size_t k = 0; s.p[i] == ' ' && k < ARRAY_LEN(joints); k++)
            if (s.n - i > strlen(joints[k]) && strncasecmp(s.p + i, joints[k], strlen(joints[k])) == 0)
                return true;
    return false;
}

/* Short words that names of singers and titles alike write small: "Ike and Tina Turner", "Los Tucanes de Tijuana". */
static bool is_small_word(struct slice w)
{
    static const char *const words[] = {
        "a",  "an", "and", "at",   "da",  "das",  "de",  "del", "della", "den", "der",  "des", "di",  "do",  "dos", "du", "e",
        "el", "en", "et",  "feat", "for", "from", "ft",  "i",   "in",    "la",  "las",  "le",  "les", "los", "n",   "no", "of",
        "og", "on", "or",  "the",  "to",  "und",  "van", "ve",  "von",   "vs",  "with", "x",   "y",   "z",   "и"};

    while (w.n && (w.p[w.n - 1] == '.' || w.p[w.n - 1] == ',' || w.p[w.n - 1] == '\''))
        w.n--;
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (slice_eq_str(w, words[i]))
            return true;
    return false;
}

/* How the words of a text are written. */
struct casing {
    int words, capitals, small;
    bool first_capital, joined;
};

static void look_at_casing(struct slice s, struct casing *c)
{
    *c = (struct casing){0};
    for (size_t at = 0; at < s.n;) {
        size_t end = at, next = at;
        int32_t cp;
        while (end < s.n && !is_blank(s.p[end]))
            end++;
        cp = end > at ? utf8_next(s, &next) : 0;
        if (end > at) {
            bool ascii = cp < 0x80;
            bool capital = ascii ? cp >= 'A' && cp <= 'Z' : utf8proc_tolower(cp) != cp;
            bool small = ascii ? cp >= 'a' && cp <= 'z' : utf8proc_toupper(cp) != cp;
            c->first_capital = c->first_capital || (c->words == 0 && capital);
            c->joined = c->joined || (end == at + 1 && s.p[at] == '&') || (s.p[end - 1] == ',' && end < s.n);
            c->words += cp != '&';
            c->capitals += capital;
            c->small += small && !is_small_word((struct slice){s.p + at, end - at});
        }
        at = end + 1;
    }
}

static void look_at_signs(struct slice s, struct part_look *out)
{
    int commas = 0;
    struct casing c;

    for (size_t i = 0; i < s.n; i++) {
        commas += s.p[i] == ',';
        if (s.p[i] == '&')
            out->artist += 1;
        if (s.p[i] == '?' || (i == 0 && s.p[i] == '('))
            out->title += 2;
        if (s.n - i > 3 && memcmp(s.p + i, " x ", 3) == 0)
            out->artist += 2;
    }
    look_at_casing(s, &c);
    if (c.words == 2 && c.capitals == 2 && !c.joined)
        out->artist += 1;
    if (c.joined && c.words >= 3 && c.capitals == c.words) /* "Ada Vale & Bo Reed" */
        out->artist += 2;
    if (c.first_capital && c.small) /* a sentence: "Tu falta de querer" */
        out->title += 2;
    if (names_band(s))
        out->artist += 3;
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
