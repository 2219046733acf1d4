/* Known artists and words that hint at a part's role; see hints.h. Pure, any thread. */
#include "song/hints.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "song/fold.h"

/* The longest text that is looked at; a longer part is a title anyway. */
#define LOOK_MAX 160

/* clang-format off */
/* Folded (fold.h), without "the", in byte order. Names that are ordinary words ("Yes", "Live") are left out. */
static const char *const artists[] = {
    "10cc", "2 unlimited", "21 pilots", "2pac", "3 doors down", "30 seconds to mars", "311", "38 special", "4 non blondes",
    "5 seconds of summer", "50 cent", "54 40", "98 degrees", "a ha", "a1", "abba", "ac dc", "ace of base", "adam and the ants",
    "adam ant", "adele", "ado", "adriano celentano", "aerosmith", "aespa", "afgan", "aimer", "air supply", "ajr", "akb48",
    "akon", "al bano", "al green", "alabama", "alan jackson", "alan walker", "alanis morissette", "alejandro sanz",
    "alice cooper", "alice in chains", "alicia keys", "alison krauss", "all saints", "allman brothers", "allman brothers band",
    "alphaville", "american authors", "amon amarth", "amy grant", "amy macdonald", "amy winehouse", "andre hazes",
    "andrea berg", "andrea bocelli", "andreas gabalier", "andy gibb", "andy williams", "angela bofill", "animals",
    "anita baker", "anne marie", "anne murray", "annie lennox", "anthrax", "apo hiking society", "aqua", "arctic monkeys",
    "aretha franklin", "ariana grande", "art garfunkel", "arthur nery", "ateez", "atomic kitten", "ava max",
    "avenged sevenfold", "avicii", "avril lavigne", "b 52s", "b witched", "b z", "b52s", "babymetal",
    "bachman turner overdrive", "back number", "backstreet boys", "bad bunny", "bad company", "bad finger", "badfinger",
    "bananarama", "bangles", "barbra streisand", "barenaked ladies", "barry manilow", "barry white", "basia", "bastille",
    "beach boys", "beastie boys", "beatles", "beautiful south", "bebe rexha", "bee gees", "belinda carlisle", "bell biv devoe",
    "ben and ben", "ben e king", "ben howard", "benson boone", "bette midler", "beyonce", "big and rich", "bigbang",
    "bill haley", "bill haley and his comets", "bill withers", "billie eilish", "billie holiday", "billy idol", "billy joel",
    "billy ocean", "billy ray cyrus", "black crowes", "black eyed peas", "black keys", "black sabbath", "blackpink",
    "blake shelton", "blind faith", "blind guardian", "blink 182", "blof", "blondie", "blue oyster cult", "blues brothers",
    "blues traveler", "blur", "bob dylan", "bob marley", "bob marley and the wailers", "bob seger", "bobby brown",
    "bobby darin", "bobby goldsboro", "bobby vinton", "bon jovi", "boney m", "bonnie raitt", "bonnie tyler", "boston",
    "bowling for soup", "boyz ii men", "boyzone", "brad paisley", "brenda lee", "brian adams", "britney spears", "bronski beat",
    "brooks and dunn", "bruce springsteen", "bruno e marrone", "bruno mars", "bryan adams", "bryan ferry", "bts", "buddy holly",
    "buena vista social club", "buffalo springfield", "bullet for my valentine", "bump of chicken", "busted", "byrds",
    "caetano veloso", "calvin harris", "camila cabello", "capital cities", "capital inicial", "cardigans", "carlos vives",
    "carly rae jepsen", "carly simon", "carole king", "carpenters", "carrie underwood", "cars", "cat stevens", "ccr",
    "celine dion", "chaka khan", "chappell roan", "charles aznavour", "charley pride", "charlie daniels band", "charlie puth",
    "charlie rich", "cheap trick", "cher", "chicago", "chitaozinho e xororo", "chordettes", "chris brown", "chris de burgh",
    "chris isaak", "chris stapleton", "christina aguilera", "christina perri", "christopher cross", "christy moore", "chrisye",
    "chubby checker", "chumbawamba", "cilla black", "clannad", "clash", "clean bandit", "cliff richard", "clint black",
    "cody johnson", "cold chisel", "coldplay", "collective soul", "color me badd", "commodores", "communards", "conan gray",
    "conway twitty", "coolio", "corrs", "counting crows", "cranberries", "creed", "creedence clearwater revival",
    "crosby stills and nash", "crosby stills nash and young", "crowded house", "crystal gayle", "culture beat", "culture club",
    "cure", "cutting crew", "cyndi lauper", "daddy yankee", "dalida", "dam vinh hung", "dan nguyen", "daniel odonnell",
    "daryl hall and john oates", "daughtry", "dave clark five", "dave matthews band", "david bowie", "david cassidy",
    "david cook", "david guetta", "david hasselhoff", "dean lewis", "dean martin", "deana carter", "december avenue",
    "deep blue something", "deep purple", "def leppard", "delfonics", "demi lovato", "den vau", "deniece williams",
    "depeche mode", "derek and the dominos", "dermot kennedy", "des ree", "destinys child", "dewa 19", "dido", "die arzte",
    "die toten hosen", "dierks bentley", "dina carroll", "dinah washington", "dio", "dionne warwick", "dire straits",
    "disclosure", "disturbed", "dixie chicks", "djavan", "doe maar", "doja cat", "dolly parton", "don henley", "don mclean",
    "don williams", "donna summer", "donny osmond", "doobie brothers", "doors", "doris day", "dr alban", "dr dre",
    "dragonforce", "drake", "dramatics", "drifters", "dropkick murphys", "dua lipa", "dubliners", "duc phuc", "duffy",
    "duran duran", "dusty springfield", "dwight yoakam", "e17", "eagles", "earth wind and fire", "ed sheeran", "eddie rabbitt",
    "eddy grant", "edith piaf", "eiffel 65", "electric light orchestra", "elis regina", "elkie brooks", "ella fitzgerald",
    "ellie goulding", "elo", "elton john", "elton john and kiki dee", "elvis", "elvis costello", "elvis presley", "emeli sande",
    "eminem", "en vogue", "engelbert humperdinck", "enrique iglesias", "enya", "epica", "eppu normaali", "eraserheads",
    "erasure", "eric carmen", "eric church", "eric clapton", "eros ramazzotti", "etta james", "europe", "eurythmics",
    "evanescence", "everly brothers", "everything but the girl", "ex battalion", "exo", "exodus", "extreme", "faith hill",
    "faith no more", "falco", "fall out boy", "fats domino", "fergie", "fifth harmony", "five finger death punch",
    "fleetwood mac", "flo rida", "flogging molly", "florence and the machine", "florida georgia line", "foghat", "foo fighters",
    "foreigner", "foster and allen", "foster the people", "fountains of wayne", "four seasons", "four tops", "francis cabrel",
    "frank sinatra", "frankie goes to hollywood", "frankie valli", "frankie valli and the four seasons", "franz ferdinand",
    "freddie aguilar", "freddie mercury", "freddy fender", "freestyle", "fugees", "fujii kaze", "gabrielle", "gamma ray",
    "garth brooks", "gary barlow", "gary moore", "gary valenciano", "gasolin", "gene pitney", "genesis", "george benson",
    "george ezra", "george harrison", "george jones", "george michael", "george strait", "george thorogood",
    "gerry and the pacemakers", "gianna nannini", "gilbert osullivan", "gilberto gil", "gin blossoms", "gin wigmore",
    "gipsy kings", "girls aloud", "girls generation", "gladys knight", "gladys knight and the pips", "glass animals",
    "glen campbell", "glenn frey", "gloria estefan", "gloria gaynor", "gnarls barkley", "go west", "godsmack", "goo goo dolls",
    "good charlotte", "gordon lightfoot", "gorillaz", "got7", "gotye", "gov t mule", "grand funk railroad", "grateful dead",
    "green day", "gretchen wilson", "guess who", "guns n roses", "guus meeuwis", "gwen stefani", "gyllene tider", "haddaway",
    "hakan hellstrom", "hall and oates", "hammerfall", "hank williams", "hank williams jr", "hanson",
    "harold melvin and the blue notes", "harry belafonte", "harry chapin", "harry connick jr", "harry nilsson", "harry styles",
    "heather small", "heaven 17", "helene fischer", "helloween", "herbert gronemeyer", "hermans hermits", "heroes del silencio",
    "hikaru utada", "ho quang hieu", "hoang dung", "hoang thuy linh", "hollies", "hoobastank", "hootie and the blowfish",
    "hot chocolate", "hothouse flowers", "house of pain", "howard jones", "howie day", "hozier", "huey lewis and the news",
    "human league", "humble pie", "hurts", "i belong to the zoo", "ike and tina turner", "ikon", "il divo", "imagine dragons",
    "incubus", "indochine", "inxs", "irene cara", "iron maiden", "isley brothers", "itzy", "iu", "ivete sangalo", "iwan fals",
    "jackie wilson", "jackson 5", "jackson browne", "jackson five", "jacques brel", "jake bugg", "james arthur", "james bay",
    "james blunt", "james brown", "james ingram", "james morrison", "james taylor", "jamiroquai", "janet jackson",
    "janis joplin", "jason aldean", "jason derulo", "jason mraz", "jay z", "jean jacques goldman", "jeff beck",
    "jefferson airplane", "jelly roll", "jennifer lopez", "jennifer paige", "jennifer rush", "jerry lee lewis", "jess glynne",
    "jessie j", "jethro tull", "jewel", "jim croce", "jim reeves", "jimi hendrix", "jimmy barnes", "jimmy buffett",
    "jimmy eat world", "jo dee messina", "joan jett", "joan jett and the blackhearts", "joaquin sabina", "joe cocker",
    "joe dassin", "john anderson", "john denver", "john farnham", "john legend", "john lennon", "john mayer", "john mellencamp",
    "john michael montgomery", "john travolta and olivia newton john", "johnny cash", "johnny cash and june carter",
    "johnny hallyday", "johnny mathis", "jonas brothers", "joni mitchell", "jorge e mateus", "jose feliciano", "jose jose",
    "josh groban", "josh turner", "jota quest", "journey", "jovanotti", "joy division", "juan gabriel", "juan karlos", "juanes",
    "judas priest", "judds", "judy garland", "julie london", "julio iglesias", "justin bieber", "justin timberlake",
    "kacey musgraves", "kahitna", "kaiser chiefs", "kajagoogoo", "kansas", "kanye west", "kate bush", "katy perry",
    "kc and the sunshine band", "keane", "keith urban", "kelly clarkson", "kenny chesney", "kenny g", "kenny loggins",
    "kenny rogers", "kenny rogers and dolly parton", "kenshi yonezu", "kesha", "khac viet", "kid rock", "kiki dee", "killers",
    "killswitch engage", "kim larsen", "kim wilde", "kimbra", "king gnu", "kings of leon", "kinks", "kodaline",
    "kool and the gang", "korn", "kraftklub", "kris kristofferson", "kt tunstall", "kygo", "kylie minogue", "kz tandingan",
    "la bouche", "labelle", "lady a", "lady antebellum", "lady gaga", "lady gaga and bradley cooper", "lainey wilson",
    "lam truong", "lamb of god", "lana del rey", "lars winnerback", "laura pausini", "le quyen", "leann rimes", "led zeppelin",
    "lee ann womack", "legiao urbana", "leif garrett", "lenny kravitz", "leo sayer", "leona lewis", "leonard cohen", "level 42",
    "lewis capaldi", "lfo", "lifehouse", "ligabue", "lil nas x", "lil wayne", "lily allen", "limp bizkit", "linda ronstadt",
    "linkin park", "lionel richie", "lisa stansfield", "little big town", "little mix", "little richard", "little river band",
    "lizzo", "lonestar", "lorde", "lordi", "loretta lynn", "los lobos", "lou bega", "louis armstrong", "ludacris", "luis fonsi",
    "luis miguel", "luke bryan", "luke combs", "luther vandross", "lynyrd skynyrd", "m people", "macklemore", "madness",
    "madonna", "mamamoo", "mamas and the papas", "mana", "manfred mann", "manhattans", "manic street preachers", "marc anthony",
    "marco borsato", "mariah carey", "marie osmond", "marilia mendonca", "marilyn manson", "marilyn monroe", "marisa monte",
    "marius muller westernhagen", "mark forster", "mark ronson", "maroon 5", "marshall tucker band", "martha and the vandellas",
    "martha reeves and the vandellas", "martin garrix", "martina mcbride", "marty robbins", "marvelettes", "marvin gaye",
    "marvin gaye and tammi terrell", "mary chapin carpenter", "mastodon", "matchbox 20", "matchbox twenty", "matt bianco",
    "max gazze", "mc hammer", "mcfly", "meat loaf", "meatloaf", "mecano", "megadeth", "megan moroney", "meghan trainor",
    "men at work", "mercyme", "meredith brooks", "merle haggard", "metallica", "michael bolton", "michael buble",
    "michael jackson", "michael learns to rock", "michel sardou", "michelle branch", "midnight oil", "mika", "miley cyrus",
    "milky chance", "mina", "minnie riperton", "miranda lambert", "moira dela torre", "molly hatchet", "monkees",
    "montgomery gentry", "moody blues", "morgan wallen", "motley crue", "motorhead", "mr big", "mr children", "mr mister",
    "mr siro", "muddy waters", "mumford and sons", "muse", "my chemical romance", "my tam", "mylene farmer", "nana mouskouri",
    "nancy sinatra", "nas", "nat king cole", "natalie cole", "natalie imbruglia", "nathan carter", "naughty by nature",
    "nazareth", "nct", "ne yo", "neil diamond", "neil sedaka", "neil young", "nelly", "nelly furtado", "nena", "neon trees",
    "new edition", "new kids on the block", "newton faulkner", "nhu quynh", "nickelback", "nicki minaj", "nightwish",
    "nik kershaw", "nina simone", "nine inch nails", "nirvana", "no doubt", "noah kahan", "nora en pure", "norah jones",
    "notorious big", "nsync", "o town", "oak ridge boys", "oasis", "official hige dandism", "offspring", "ojays",
    "olivia newton john", "olivia rodrigo", "omd", "one direction", "one ok rock", "one republic", "onerepublic",
    "os paralamas do sucesso", "osmonds", "otis redding", "outkast", "outlaws", "owl city", "ozzy osbourne", "p nk",
    "panic at the disco", "pantera", "paolo nutini", "papa roach", "paramore", "parokya ni edgar", "partridge family",
    "pat benatar", "patricia kaas", "patsy cline", "patti labelle", "patti smith", "paul anka", "paul mccartney", "paul simon",
    "paul weller", "paul young", "paula abdul", "peabo bryson", "pearl jam", "peggy lee", "percy sledge", "perfume",
    "pet shop boys", "peter fox", "peter frampton", "peter gabriel", "peter maffay", "petula clark", "phan manh quynh",
    "pharrell williams", "phil collins", "phil vassar", "phish", "pink floyd", "pitbull", "platters", "pogues", "police",
    "portugal the man", "post malone", "powderfinger", "powerwolf", "pretenders", "prince", "proclaimers", "psy", "puff daddy",
    "pulp", "pussycat dolls", "quang le", "queen", "queen and david bowie", "queens of the stone age", "r kelly", "raconteurs",
    "radiohead", "radwimps", "rage against the machine", "raisa", "rammstein", "ramones", "randy newman", "randy travis",
    "rascal flatts", "rasmus", "raul seixas", "ray charles", "real mccoy", "reba mcentire", "red hot chili peppers",
    "red velvet", "rednex", "regine velasquez", "rem", "reo speedwagon", "ricardo arjona", "ricchi e poveri", "richard marx",
    "rick astley", "rick springfield", "ricky martin", "right said fred", "righteous brothers", "rihanna", "ringo starr",
    "rita ora", "ritchie valens", "rivermaya", "robbie williams", "robert palmer", "roberta flack", "roberto carlos",
    "robin thicke", "robin trower", "robyn", "rocio durcal", "rod stewart", "roger miller", "roland kaiser", "rolling stones",
    "ronan keating", "ronettes", "ronnie milsap", "rosenstolz", "rossa", "roxette", "roxy music", "roy orbison", "rozalla",
    "ruben blades", "rubettes", "rudimental", "rufus", "run dmc", "s club 7", "sabaton", "sabrina carpenter", "sade",
    "salt n pepa", "sam and dave", "sam cooke", "sam fender", "sam smith", "sandie shaw", "santana", "sarah geronimo",
    "sarah mclachlan", "savage garden", "savoy brown", "saxon", "scooter", "scorpions", "script", "seal", "sean paul",
    "searchers", "seiler und speer", "selena", "selena gomez", "semisonic", "sepultura", "serge gainsbourg", "seventeen",
    "sex pistols", "shaggy", "shakin stevens", "shakira", "shania twain", "sharon cuneta", "shaun cassidy", "shawn mendes",
    "sheena easton", "sheila on 7", "sheryl crow", "shinee", "shirelles", "shirley bassey", "showaddywaddy", "sia", "side a",
    "sigrid", "silbermond", "silverchair", "simon and garfunkel", "simple minds", "simple plan", "simply red", "sinead oconnor",
    "sir mix a lot", "sister sledge", "six60", "sixpence none the richer", "skank", "slade", "slank", "slayer", "slipknot",
    "small faces", "smash mouth", "smashing pumpkins", "smiths", "smokey robinson", "smokie", "snoop dogg", "snow patrol",
    "soda stereo", "soft cell", "son tung m tp", "son tung mtp", "sonata arctica", "sonny and cher", "soul asylum",
    "soul ii soul", "soundgarden", "southern all stars", "spandau ballet", "spice girls", "spin doctors", "spinners", "spitz",
    "split enz", "sportfreunde stiller", "st12", "staind", "statler brothers", "status quo", "steely dan", "steppenwolf",
    "stereophonics", "steve earle", "steve miller band", "stevie nicks", "stevie wonder", "sting", "stone sour",
    "stone temple pilots", "stranglers", "stratovarius", "stray cats", "stray kids", "strokes", "stromae", "stylistics", "styx",
    "sugababes", "sugarland", "sum 41", "super junior", "supertramp", "supremes", "swing out sister", "system of a down",
    "t rex", "taeyeon", "take that", "talking heads", "tammy wynette", "tanya tucker", "taylor swift", "tears for fears",
    "teddy pendergrass", "teddy swims", "temptations", "ten years after", "testament", "th dudes", "thin lizzy",
    "third eye blind", "thompson twins", "three dog night", "tim bendzko", "tim mcgraw", "tina turner", "tiziano ferro", "tlc",
    "toby keith", "tom jobim", "tom jones", "tom odell", "tom petty", "tom petty and the heartbreakers", "tom walker",
    "tone loc", "tones and i", "toni braxton", "tony bennett", "toploader", "toto", "tracy chapman", "travis", "travis tritt",
    "trisha yearwood", "trivium", "troggs", "tuan hung", "tulus", "turtles", "tv 2", "twenty one pilots", "twice",
    "two door cinema club", "tyler the creator", "u2", "ub40", "udo jurgens", "ufo", "ulf lundell", "ultravox", "umberto tozzi",
    "usher", "utada hikaru", "van halen", "van morrison", "vance joy", "vanessa carlton", "vanessa paradis", "vanilla ice",
    "vasco rossi", "vaundy", "vengaboys", "veronica maggio", "verve", "vicente fernandez", "village people", "vince gill",
    "violent femmes", "volbeat", "walk the moon", "warren zevon", "waterboys", "weeknd", "weezer", "weird al yankovic",
    "westlife", "wet wet wet", "wham", "white stripes", "whitesnake", "whitney houston", "widespread panic", "willie nelson",
    "wilson pickett", "wir sind helden", "wolfe tones", "wolfgang petry", "wolfmother", "x japan", "xavier naidoo", "xtc",
    "yardbirds", "yazoo", "yeng constantino", "yoasobi", "young mc", "zac brown band", "zach bryan", "zack tabudlo",
    "zara larsson", "zaz", "zeze di camargo e luciano", "zombies", "zucchero", "zz top",
};

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
    "about", "after", "again", "ain", "ako", "all", "alone", "always", "am", "amor", "ang", "another", "anymore", "anything",
    "are", "arms", "away", "baby", "back", "be", "beautiful", "because", "been", "before", "believe", "better", "blame", "body",
    "born", "break", "breathe", "bring", "broken", "burn", "bye", "call", "came", "can", "cant", "care", "christmas", "close",
    "coeur", "come", "comes", "como", "corazon", "could", "crazy", "cry", "crying", "dance", "dancing", "das", "day", "days",
    "des", "dich", "did", "die", "dir", "do", "does", "dont", "door", "down", "dream", "dreams", "du", "easy", "end", "ever",
    "every", "everybody", "everything", "everytime", "eyes", "fall", "falling", "feel", "feeling", "feels", "find", "fire",
    "first", "fly", "for", "forever", "forget", "from", "get", "girl", "give", "go", "goes", "goin", "going", "gone", "gonna",
    "good", "goodbye", "got", "gotta", "hallelujah", "hands", "happy", "hard", "hate", "have", "he", "heart", "heaven", "hello",
    "help", "her", "here", "hes", "hey", "high", "him", "his", "hold", "home", "hot", "how", "hurt", "i", "ich", "id", "if",
    "ikaw", "ill", "im", "in", "into", "is", "isnt", "ist", "it", "its", "ive", "je", "just", "ka", "kang", "keep", "kill",
    "kita", "knock", "know", "ko", "lang", "last", "leave", "leaving", "les", "let", "lets", "letter", "lie", "liebe", "life",
    "light", "like", "lonely", "long", "look", "lose", "lost", "love", "loved", "lover", "loves", "loving", "luna", "made",
    "mahal", "make", "maybe", "me", "mean", "mein", "mga", "mi", "mich", "mind", "mine", "mir", "miss", "moi", "moment", "mon",
    "moon", "more", "morning", "my", "myself", "na", "ne", "need", "never", "ng", "nga", "nice", "nicht", "night", "nights",
    "nobody", "noche", "not", "nothing", "now", "nur", "oh", "on", "once", "only", "our", "out", "over", "pa", "party", "pas",
    "place", "play", "please", "por", "promise", "puso", "que", "quiero", "rain", "remember", "ride", "right", "river", "road",
    "roll", "rolling", "run", "sa", "sad", "said", "sana", "save", "say", "see", "send", "shake", "she", "should", "show",
    "side", "sin", "sing", "sleep", "slow", "smile", "so", "some", "somebody", "someone", "something", "somewhere", "song",
    "sorry", "stand", "stay", "still", "stop", "strong", "summer", "sun", "sunshine", "take", "talk", "tears", "tell", "than",
    "that", "thats", "them", "then", "there", "these", "they", "thing", "things", "think", "this", "thousand", "through",
    "till", "time", "times", "to", "today", "together", "toi", "tomorrow", "tonight", "too", "touch", "true", "try", "turn",
    "und", "under", "une", "until", "up", "us", "vida", "voy", "wait", "waiting", "wake", "walk", "wanna", "want", "was",
    "wasnt", "way", "we", "well", "wenn", "were", "weve", "what", "whatever", "when", "where", "whole", "why", "will", "wind",
    "wish", "with", "without", "woman", "wonderful", "wont", "worth", "would", "wrong", "ya", "years", "yes", "yesterday",
    "you", "youd", "youll", "your", "youre", "yours", "youve",
};

/* Words of names of bands and of credits. */
static const char *const artist_words[] = {
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

/* Writes the folded text with its leading "the" and a NUL; false when it does not fit. Names are ASCII mostly, and this is
 * asked several times a name, so that case needs no memory. */
static bool fold_short(struct slice s, char out[LOOK_MAX])
{
    size_t n = 0;

    if (s.n >= LOOK_MAX - 8)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c >= 0x80) {
            char *folded = fold_search(s);
            bool fits = strlen(folded) < LOOK_MAX;
            if (fits)
                strcpy(out, folded);
            free(folded);
            return fits;
        }
        if (c >= 'A' && c <= 'Z')
            c = (unsigned char)(c + 32);
        if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) {
            out[n++] = (char)c;
        } else if (c == '&' && n + 5 < LOOK_MAX) {
            if (n && out[n - 1] != ' ')
                out[n++] = ' ';
            memcpy(out + n, "and ", 4);
            n += 4;
        } else if (c != '\'' && c != '.' && c != '`' && n && out[n - 1] != ' ') {
            out[n++] = ' ';
        }
        if (n + 8 >= LOOK_MAX)
            return false;
    }
    while (n && out[n - 1] == ' ')
        n--;
    out[n] = '\0';
    return true;
}

static bool is_artist_key(const char *key, size_t n)
{
    if (n > 4 && memcmp(key, "the ", 4) == 0) {
        key += 4;
        n -= 4;
    }
    return n && HAS_WORD(artists, key, n);
}

bool hint_is_artist(struct slice text)
{
    char key[LOOK_MAX];

    return fold_short(text, key) && is_artist_key(key, strlen(key));
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\x1f';
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
        if (side.n >= 3 && hint_is_artist(side)) {
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
        if (HAS_WORD(artist_words, w, len))
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

    memset(out, 0, sizeof *out);
    if (!fold_short(text, key)) {
        out->title = 3;
        out->words = 10;
        return;
    }
    look_at_signs(text, out);
    look_at_words(key, out);
    if (strncmp(key, "the ", 4) == 0 && out->words >= 2 && out->words <= 3)
        out->artist += 2;
    if (looks_east_asian_name(text))
        out->artist += 3;
    out->known_artist = is_artist_key(key, strlen(key));
}

const char *const *hint_artists(size_t *count)
{
    *count = ARRAY_LEN(artists);
    return artists;
}
